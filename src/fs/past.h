/* SPDX-License-Identifier: Apache-2.0 */
/*
 * past.h - `.srd`, the directory in the root of a mount in which a store shows its past.
 *
 *     .srd/at/POINT/...           the store as it was then; listed as empty
 *     .srd/snapshots/NAME/...     likewise; mkdir, rmdir and mv make, delete and rename them
 *     .srd/versions/PATH/NUMBER   what the file at PATH was (past_versions.c)
 *     .srd/deleted/PATH           what was deleted there last (past_deleted.c)
 *
 * Nodes have ids of their own (past_nodes.h), with SRD_PAST_BIT, so that whoever serves can tell
 * at once whom to ask.  Inode numbers are of their own, too: they have the same bit, and are a
 * function of the inode and the point, so that they last, and no program takes what was for
 * what is.  Content and attributes are those of then, modes and access lists too: who could
 * read it then can read it now.
 *
 * Functions return 0 or a negative code; all are thread-safe.
 */
#ifndef SRD_FS_PAST_H
#define SRD_FS_PAST_H

#include "fs/past_list.h"
#include "fs/past_nodes.h"
#include "fs/past_views.h"

#define SRD_PAST_NAME ".srd"
#define SRD_PAST_TOP_ID (SRD_PAST_BIT | SRD_PAST_TOP)

struct srd_past {
	struct srd_fs *fs;        /* whose root the directory is in; the owner's */
	struct srd_store *store;  /* whose past it is; likewise */
	struct srd_fs *now;       /* what that is now: FS, or, if that is of a private view, our own */
	struct srd_past_nodes nodes;
	struct srd_past_views views;
	struct srd_past_lists lists;
};

static inline bool srd_past_is(uint64_t id)
{
	return id & SRD_PAST_BIT;
}

/* FS and STORE, which is the one of FS or what that is a private view of, outlive it.  MEMORY as
 * for srd_past_nodes_init(). */
int srd_past_new(struct srd_fs *fs, struct srd_store *store, void *memory, struct srd_past **past);
/* NULL is allowed. */
void srd_past_free(struct srd_past *past);

struct srd_past_entry {
	uint64_t id;
	struct stat st;
	bool settled;             /* the name means that for ever */
	bool lasts;               /* the attributes stay */
};
/* `.srd` itself.  Pins. */
int srd_past_enter(struct srd_past *past, struct srd_past_entry *entry);
/* Pins. */
int srd_past_lookup(struct srd_past *past, uint64_t dir, const char *name, struct srd_past_entry *entry);
void srd_past_forget(struct srd_past *past, uint64_t id, uint64_t count);
/* BIRTH may be NULL.  *LASTS: they stay. */
int srd_past_get_attr(struct srd_past *past, uint64_t id, struct stat *st, struct timespec *birth, bool *lasts);
int srd_past_read_link(struct srd_past *past, uint64_t id, char *target, size_t size);
ssize_t srd_past_get_xattr(struct srd_past *past, uint64_t id, const char *name, void *value, size_t size);
ssize_t srd_past_list_xattr(struct srd_past *past, uint64_t id, bool privileged, char *list, size_t size);

/* *VIEW: what is to stay open while the file is; goes back to srd_past_close().  -EROFS. */
int srd_past_open(struct srd_past *past, uint64_t id, int flags, struct srd_past_view **view);
void srd_past_close(struct srd_past *past, struct srd_past_view *view);
ssize_t srd_past_read(struct srd_past *past, uint64_t id, uint64_t pos, void *data, size_t len);
int srd_past_seek(struct srd_past *past, uint64_t id, uint64_t pos, int whence, uint64_t *found);

/* ---- past_dir.c ---- */

struct srd_past_dir {
	struct srd_dir place;
	struct srd_past_view *view;   /* NULL: it takes none */
	struct srd_past_list *list;   /* likewise, or it was not looked at yet */
};
int srd_past_open_dir(struct srd_past *past, uint64_t id, struct srd_past_dir **dir);
void srd_past_close_dir(struct srd_past *past, struct srd_past_dir *dir);
/* Takes an entry, as srd_fs_fill; ID 0: what it is is not told, nor pinned. */
typedef bool srd_past_fill(void *user, const char *name, uint64_t id, const struct stat *st, uint64_t next);
/* DIR NULL: it was opened by a process that is no more. */
int srd_past_read_dir(struct srd_past *past, uint64_t id, struct srd_past_dir *dir, uint64_t pos, bool plus,
                      srd_past_fill *fill, void *user);

/* ---- Snapshots (past_fixed.c); -EROFS anywhere but in .srd/snapshots, and where nothing is written ---- */

/* What is there now, files that are being written included, gets the name.  Pins. */
int srd_past_make(struct srd_past *past, uint64_t dir, const char *name, struct srd_past_entry *entry);
int srd_past_remove(struct srd_past *past, uint64_t dir, const char *name);
/* -EXDEV from one directory to another. */
int srd_past_rename(struct srd_past *past, uint64_t dir, const char *name, uint64_t new_dir, const char *new_name,
                    unsigned flags);

/* ---- Within the layer ---- */

/* The inode number that is shown of NODE: distinct within a view, and as good as never the same in
 * two. */
uint64_t srd_past_number(const struct srd_past_node *node);
/* The view that *NODE of ID is in, which goes back; -EISDIR: it is a directory that is in none. */
int srd_past_view_of(struct srd_past *past, uint64_t id, struct srd_past_node *node, struct srd_past_view **view);
/* Attributes of INO in FS; BIRTH may be NULL. */
int srd_past_attr(struct srd_fs *fs, uint64_t ino, struct stat *st, struct timespec *birth);
/* Attributes of NODE, a directory that is in no view. */
int srd_past_stat_directory(struct srd_past *past, const struct srd_past_node *node, struct stat *st);
/* "." and ".." of a directory that has none of its own, from POS on; false: there is no room. */
bool srd_past_fill_dots(const struct srd_past_node *node, uint64_t pos, srd_past_fill *fill, void *user);

#endif
