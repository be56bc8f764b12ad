/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fs.h - a store as a file system: what a kernel asks of one, in plain
 * arguments.
 *
 * Node ids are the store's inode numbers; the root is 1.  A call that hands out
 * an inode (marked "pins") keeps it alive until srd_fs_forget() has been called
 * for it as often, also when its last name goes.  Permissions are the caller's
 * business (the kernel's, by default_permissions); names are NUL-terminated.
 *
 * Functions return 0 or a negative code (srd_error_errno() makes an errno of
 * it).  All are thread-safe.
 */
#ifndef SRD_FS_FS_H
#define SRD_FS_FS_H

#include <sys/stat.h>
#include <sys/statvfs.h>

#include "fs/access.h"
#include "fs/limit.h"
#include "fs/open.h"
#include "fs/seen.h"
#include "fs/unnamed.h"
#include "store/store.h"

struct srd_fs {
	struct srd_store *store;
	struct srd_opens opens;
	struct srd_seen seen;
	struct srd_unnamed unnamed;
	struct srd_limit limit;
	atomic_bool loss_told;    /* that bytes of the store are gone */
	atomic_bool sync_told;    /* that a sync of it has failed */
	enum srd_access access;   /* set before use, as the next */
	bool access_dirs;         /* ... of directories, too */
	/* Told about things that no caller can be told about; may be NULL. */
	void (*say)(void *user, const char *text);
	/* Told, in the middle of anything, what srd_fs_stale() tells; may be NULL. */
	void (*stale)(void *user, uint64_t ino, uint64_t from);
	void *user;
};

/* STORE stays the caller's and must outlive the file system. */
int srd_fs_new(struct srd_store *store, void (*say)(void *user, const char *text), void *user,
               struct srd_fs **fs);
/* Commits what is dirty (and returns that error), frees everything. */
int srd_fs_free(struct srd_fs *fs);
/* Starts the thread that commits what stays dirty; after any fork. */
int srd_fs_start(struct srd_fs *fs);

/* ---- Names (name.c) ---- */

/* Pins.  "." and ".." are looked up too. */
int srd_fs_lookup(struct srd_fs *fs, uint64_t dir, const char *name, struct stat *st);
void srd_fs_forget(struct srd_fs *fs, uint64_t ino, uint64_t count);

/* Who changes something, if it is not somebody who may keep set-id bits. */
struct srd_caller {
	bool (*is_in_group)(const struct srd_caller *caller, uint32_t gid);
	void *user;
};

struct srd_fs_node {
	uint32_t mode;            /* with its type */
	uint32_t umask;           /* for where no list of the directory takes its place */
	uint32_t uid, gid;        /* the caller's */
	uint32_t rdev;
	const char *target;       /* of a symlink */
};
/* Makes anything but a hard link.  NAME NULL: a file that has no name yet, as by
 * O_TMPFILE in DIR.  Pins. */
int srd_fs_make(struct srd_fs *fs, uint64_t dir, const char *name, const struct srd_fs_node *node,
                struct stat *st);
/* Pins. */
int srd_fs_link(struct srd_fs *fs, uint64_t ino, uint64_t dir, const char *name, struct stat *st);
int srd_fs_unlink(struct srd_fs *fs, uint64_t dir, const char *name, bool directory);
/* LEFT: what is there under the old name from then on, in the same commit; NULL: nothing. */
int srd_fs_rename(struct srd_fs *fs, uint64_t dir, const char *name, uint64_t new_dir,
                  const char *new_name, unsigned flags, const struct srd_fs_node *left);
/* The target, NUL-terminated; SIZE at least 2. */
int srd_fs_read_link(struct srd_fs *fs, uint64_t ino, char *target, size_t size);

/* ---- Attributes (attr.c) ---- */

int srd_fs_get_attr(struct srd_fs *fs, uint64_t ino, struct stat *st);
/* When it was made: what struct stat has no place for. */
int srd_fs_birth(struct srd_fs *fs, uint64_t ino, struct timespec *birth);
/* No bit in the mask of ATTR: the time of change alone.  CALLER: as for
 * srd_fs_write(), where size or owner are set. */
int srd_fs_set_attr(struct srd_fs *fs, uint64_t ino, const struct srd_attr *attr, const struct srd_caller *caller,
                    struct stat *st);
int srd_fs_statvfs(struct srd_fs *fs, struct statvfs *st);

/* ---- Files (file.c) ---- */

struct srd_file {
	struct srd_open_inode *inode;
	bool writes;              /* opened for writing, or emptied by opening */
	bool keep_cache;          /* what the kernel has of the file is still true */
};

/* FLAGS as for open(2).  CALLER: as for srd_fs_write(), with O_TRUNC. */
int srd_fs_open(struct srd_fs *fs, uint64_t ino, int flags, const struct srd_caller *caller, struct srd_file **file);
/* Opens what was just made, by the pin that it has; on error that is gone. */
int srd_fs_open_made(struct srd_fs *fs, uint64_t ino, int flags, struct srd_file **file);
/* Makes and opens a file that is not there, or has no name (NULL) yet.  Pins. */
int srd_fs_create(struct srd_fs *fs, uint64_t dir, const char *name, const struct srd_fs_node *node,
                  int flags, struct stat *st, struct srd_file **file);
/* Short at the end of the file only; SRD_ECORRUPT where bytes are damaged. */
ssize_t srd_fs_read(struct srd_fs *fs, struct srd_file *file, uint64_t pos, void *data, size_t len);
/* Takes capabilities away from the file; and setuid and setgid, unless CALLER is
 * NULL: privileged. */
int srd_fs_write(struct srd_fs *fs, struct srd_file *file, uint64_t pos, const void *data, size_t len,
                 const struct srd_caller *caller);
/* As srd_fs_write() for a file opened with O_APPEND: at the end, wherever that is, and not
 * where GUESS says.  If others have the store open, too, it is committed on return. */
int srd_fs_append(struct srd_fs *fs, struct srd_file *file, uint64_t guess, const void *data, size_t len,
                  const struct srd_caller *caller);
/* What was written is in the log on return. */
int srd_fs_flush(struct srd_fs *fs, struct srd_file *file);
/* ... and durable. */
int srd_fs_sync(struct srd_fs *fs, struct srd_file *file);
/* Everything written so far is committed and durable on return. */
int srd_fs_sync_all(struct srd_fs *fs);
/* Commits what is dirty; what cannot be committed is tried again later. */
void srd_fs_close(struct srd_fs *fs, struct srd_file *file);

/* ---- Directories (dir.c) ---- */

struct srd_dir {
	uint64_t ino;
	atomic_uint hint;         /* dentry where the last reading ended */
	atomic_uint stayed;       /* dentry before which it began, once `hint` is removed */
	atomic_ulong end;         /* cookies from here on came after reading began; 0: it has not, */
	atomic_ulong generation;  /* in this log: compaction may leave higher ones in the root */
	atomic_uint losses;       /* of the state when reading began */
	atomic_ulong others;      /* how much others had done when reading began (dir.c) */
	bool known;               /* the kernel seems to know all its entries, so that names are enough */
};

int srd_fs_open_dir(struct srd_fs *fs, uint64_t ino, struct srd_dir **dir);
/* Whoever keeps what was read is told (srd_fs_stale()) if others have changed something
 * since: he may have kept it only after he was told of that. */
void srd_fs_close_dir(struct srd_fs *fs, struct srd_dir *dir);
/* Takes an entry: false if there is no room.  NEXT is the position behind it.
 * WHOLE: ST is complete and the entry is to be pinned; else only st_ino and the
 * type in st_mode are set. */
typedef bool srd_fs_fill(void *user, const char *name, const struct stat *st, uint64_t next, bool whole);
/* Entries from position POS on (0: the start); with PLUS complete ones, where they
 * can be had.  An entry that is there throughout is seen exactly once; what comes
 * after position 0 was read is not seen before it is read again, so that reading
 * ends whatever is renamed meanwhile.  SRD_ELOST in the place of the end where entries
 * cannot be read. */
int srd_fs_read_dir(struct srd_fs *fs, struct srd_dir *dir, uint64_t pos, bool plus,
                    srd_fs_fill *fill, void *user);

/* ---- Within the layer ---- */

/* The inode INO with the state's read side held; SRD_FS_READ_END() lets go of it.
 * -ESTALE if there is none; then nothing is held. */
int srd_fs_read_inode(struct srd_fs *fs, uint64_t ino, unsigned *stripe, struct srd_inode **inode);
/* What the state alone says. */
void srd_fs_stat(const struct srd_state *state, const struct srd_inode *inode, struct stat *st);
/* Pins INO and tells its attributes. */
int srd_fs_hand_out(struct srd_fs *fs, uint64_t ino, struct stat *st);
/* [pos, pos + len) of an inode, committed or not; short at its end.  OPEN may be NULL. */
ssize_t srd_fs_read_content(struct srd_fs *fs, uint64_t ino, struct srd_open_inode *open,
                            uint64_t pos, void *data, size_t len);
/* Tells that what the kernel has of INO from FROM on is not true any more: bytes at wrong places, or
 * what it read of a directory. */
void srd_fs_stale(struct srd_fs *fs, uint64_t ino, uint64_t from);
void srd_fs_say(struct srd_fs *fs, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
