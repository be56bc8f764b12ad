/* SPDX-License-Identifier: Apache-2.0 */
/*
 * srd.h - SIMD R Drive: one append-only file that is a key/value store, a
 * file system and its own history.  This is the library's only installed
 * header.
 *
 * Caveats first
 *   - Pointers handed out by srd_get() point into the mapped store.  They stay
 *     valid and unchanged until srd_value_release(), whatever happens to the
 *     key meanwhile, and must not be used after it.
 *   - srd_put() and friends return when the bytes are in the log: they survive
 *     the death of this process.  They survive a power cut only after
 *     srd_sync() (srd_close() syncs too, unless opened with SRD_NOSYNC).
 *   - After a failed sync the store refuses further writes (SRD_EPOISONED):
 *     nobody can know what the kernel dropped.  Reading goes on.
 *   - A store must not be truncated or overwritten from outside while open.  Where
 *     that happens all the same, or the disk fails, touching what is gone is SIGBUS
 *     to any program that maps a file; see srd_catch_faults().
 *   - A handle belongs to the process that opened it.  A child after fork() may
 *     close it, which gives back memory only; writing there is refused (-EBADF).
 *
 * Threads: a `srd_store` may be used by any number of threads at once.  A
 * batch, writer, reader, iterator or value belongs to one thread at a time.
 *   - srd_get(), srd_get_many(), srd_exists(), srd_stat(), srd_read_link(), readers
 *     and iterators do not wait for each other, for a sync, nor for a write, but for
 *     the instant in which a commit is applied.
 *   - srd_put(), srd_delete(), srd_rename(), srd_copy(), the srd_make functions,
 *     srd_link(), srd_set_attr(), srd_batch_commit(), srd_writer_write() and
 *     srd_writer_commit() queue for one lock, held for one append.
 *   - srd_sync() waits with others for one fdatasync, and holds up nobody.
 *   - srd_value_release() may be called by any thread, at any time.
 *   - srd_close() is to be the last call on the handle, but for that one.
 *
 * Processes: each operation decides on the state as of its commit.  What one process
 * has committed, or another has seen of it, is seen by whatever is begun afterwards
 * in any other on the host.  A process that is killed hinders nobody; one that is
 * stopped while it writes holds up those that write.
 *
 * Errors: every function that returns int returns 0 (or a count where it says
 * so) on success, and a negative code on failure: -errno as the kernel gave it
 * (-ENOSPC stays -ENOSPC), or one of the negative SRD_E* below.
 * srd_strerror() has a text for both.  Out-parameters are written only on
 * success.
 *
 * Keys: a path without the leading slash, 1 to 4095 bytes, its components 1 to
 * 255 bytes each, none of them "." or "..", no NUL, no empty component.  The
 * first component `.srd` is reserved.  Directories are made as needed.  Symlinks
 * are not followed: a key names one place.  Where a component on the way is no
 * directory, there is no such key (-ENOENT), and none can be made (-ENOTDIR).
 */
#ifndef SRD_H
#define SRD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

#define SRD_KEY_MAX 4095   /* bytes in a key */
#define SRD_NAME_MAX 255   /* bytes in one component of a key */

typedef struct srd_store srd_store;
typedef struct srd_batch srd_batch;
typedef struct srd_writer srd_writer;
typedef struct srd_reader srd_reader;
typedef struct srd_iter srd_iter;

enum srd_error {
	SRD_ECORRUPT = -20001,   /* bytes in the store do not match their checksum */
	SRD_ENOTSTORE = -20002,  /* not a store: wrong magic */
	SRD_EVERSION = -20003,   /* a format version or feature unknown here */
	SRD_EPOISONED = -20004,  /* an earlier sync failed; writing is refused */
	SRD_EDAMAGED = -20005,   /* a damaged commit; read-only until repaired */
	SRD_EREPLACED = -20006,  /* the file under the handle is another one now */
	SRD_EKEY = -20007,       /* not a valid key; see srd_key_check() */
	SRD_ERESERVED = -20008,  /* first component `.srd` is reserved */
	SRD_EFULL = -20009,      /* a limit of the format or the mapping is reached */
	SRD_ELOST = -20010,      /* the store file was cut short, or cannot be read there */
	SRD_ETRIMMED = -20011,   /* bytes of the past that were given up: see srd_trim() */
	SRD_ENOPAST = -20012,    /* the store's history has no such point */
	SRD_EDIFFERS = -20013,   /* written anew it would show something else: left as it was */
};

/* Text for a negative code; static storage, never NULL. */
const char *srd_strerror(int error);
/* The library's version, "MAJOR.MINOR.PATCH"; static storage. */
const char *srd_version(void);

/* ---- Faults ---- */

/* The store is mapped into memory, and a mapped page that its file has no more
 * (somebody truncated it), or that the disk cannot give, raises SIGBUS in whoever
 * touches it: inside the library, or reading a value in place.  A handler belongs to
 * the process, so the library installs none unless told to by this call; one call,
 * at any time, is for all stores and threads (that do not block SIGBUS).
 *
 * With it such a page reads as zeros, and calls that meet one fail with SRD_ELOST:
 * what is left of the store can be read, nothing is written any more (SRD_EDAMAGED),
 * until it is opened again.  Who reads values in place asks srd_value_check()
 * afterwards.  Faults in other mappings go to the handler that was there before;
 * a program that sets its own later takes ours out of force.
 *
 * Without it: the process dies, as of any mapped file.  0 or a negative code. */
int srd_catch_faults(void);

/* ---- Store ---- */

enum srd_open_flags {
	SRD_RDONLY = 1 << 0,     /* never writes, needs no write permission */
	SRD_CREATE = 1 << 1,     /* make the store if there is none */
	SRD_EXCL = 1 << 2,       /* with SRD_CREATE: -EEXIST if there is one */
	SRD_EXCLUSIVE = 1 << 3,  /* alone: a second opener gets -EBUSY */
	SRD_NOSYNC = 1 << 4,     /* no background sync, and none at close */
	SRD_NOCHECK = 1 << 5,    /* do not verify payload on first touch (benchmarks) */
	SRD_SINGLE_WRITER = 1 << 6,   /* others may read only: a second writer gets -EBUSY */
	SRD_KEEP_PAST = 1 << 7,  /* nothing of the store is trimmed while it is open: to copy the file */
};

/* Opens PATH.  -EBUSY: held exclusively, by one of any number of writers or, with
 * SRD_EXCLUSIVE, of readers; see srd_holder().  What a holder has dies with it. */
int srd_open(const char *path, int flags, srd_store **store);
/* As srd_open(), which takes long where much of the log has to be replayed: PROGRESS is
 * told now and then how far that is, DONE of TOTAL bytes. */
int srd_open_telling(const char *path, int flags, void (*progress)(void *user, uint64_t done, uint64_t total),
                     void *user, srd_store **store);
/* Releases the handle; values still held keep the mapping alive until they
 * are released.  Syncs unless SRD_NOSYNC; returns that error, and closes all
 * the same.  NULL is allowed.  Must not race other calls on the handle, but for
 * srd_value_release(); batches, writers, readers and iterators are freed first. */
int srd_close(srd_store *store);
/* Everything committed before the call is durable on return. */
int srd_sync(srd_store *store);
/* Says who holds PATH exclusively, as "pid 17 on HOST since TIME"; -ENOENT if
 * nobody does. */
int srd_holder(const char *path, char *text, size_t size);

/* ---- The past ---- */

/* A point of a store's history, as text:
 *     "4711"                 a sequence number: when that commit was made
 *     "2026-11-22T10:00:00"  a time, local; with Z or an offset (+01:00) at its end, of that
 *                            zone; seconds, with a fraction, and the time of day may be left out
 *     "@1795341600.5"        seconds since 1970-01-01 UTC
 *     "90 minutes ago"       seconds, minutes, hours, days, weeks
 *     "now"
 *     "before-upgrade"       the name of a snapshot: what it was made of
 * It stands behind the last commit that is not later.  A clock that was set back makes
 * times ambiguous, sequence numbers never are. */

/* Opens PATH as it was at the point AT, which stays so whatever is written; SRD_RDONLY goes
 * without saying.  SRD_ENOPAST: there is no such point. */
int srd_open_at(const char *path, int flags, const char *at, srd_store **store);
/* The same of a store that is open, as a store of its own: for srd_close(), before or after STORE. */
int srd_view(srd_store *store, const char *at, srd_store **view);

struct srd_point {
	uint64_t sequence;        /* 0: there is none */
	int64_t time_ns;
};
/* The points on either side of AT, a time or a sequence number: for it may be none itself, among
 * commits that compaction dropped.  SRD_ENOPAST: AT is neither. */
int srd_nearest_points(srd_store *store, const char *at, struct srd_point *before, struct srd_point *after);

/* Opening the past begins from the nearest image before it.  Some are kept, beside NAME.idx, and
 * may be removed like that at any time. */
struct srd_past_image {
	uint64_t bytes;
	uint64_t offset;          /* in the log */
	uint64_t sequence;
	int64_t time_ns;          /* of the commit that it ends with */
};
/* All of them, the oldest first: their number, or a negative code; free() the list. */
ssize_t srd_past_images(srd_store *store, struct srd_past_image **list);

/* ---- Snapshots: points that have names, and are kept ---- */

/* Gives NAME to what STORE is now: one commit, however large the store is.  A name has 1 to
 * 255 bytes, no slash, is not "." or "..", and not what could be meant for a time or a
 * sequence number (-EINVAL).  -EEXIST: there is one; SRD_EFULL: there are 65536. */
int srd_snapshot_create(srd_store *store, const char *name);
/* -ENOENT: there is none of that name; -EEXIST: there is one of the new one. */
int srd_snapshot_rename(srd_store *store, const char *name, const char *new_name);
int srd_snapshot_delete(srd_store *store, const char *name);

struct srd_snapshot {
	char name[SRD_NAME_MAX + 1];
	uint64_t sequence;        /* of the commit that made it */
	int64_t time_ns;
};
/* All there are, the oldest first: their number, or a negative code; free() the list. */
ssize_t srd_snapshots(srd_store *store, struct srd_snapshot **list);

struct srd_info {
	uint8_t uuid[16];
	uint64_t generation;
	int64_t created_ns;       /* since 1970-01-01 UTC */
	uint64_t file_bytes;      /* size of the log */
	uint64_t end;             /* offset just past the last whole record */
	uint64_t durable;         /* everything below is known to be durable */
	uint64_t sequence;        /* number of the last commit */
	int64_t last_commit_ns;
	uint64_t files, directories, others;   /* others: links, devices, ... */
	uint64_t live_bytes;      /* payload that some file refers to */
	uint64_t memory_bytes;    /* of the tables */
	uint64_t dropped_bytes;   /* torn tail ignored (or cut) at open */
	uint64_t damaged_records;
	uint64_t misfits;         /* ops that did not fit the state; 0 in a sound log */
	/* The image NAME.idx that this opening began from, or that was saved since; all 0:
	 * none, or none that can be used.  It is a cache, and saved now and then. */
	uint64_t image_bytes;
	uint64_t image_offset;    /* in the log: opening replays what comes behind */
	uint64_t image_tail;      /* operations behind it */
	int64_t image_saved_ns;
	uint32_t version;
	int read_only;
};
int srd_info(srd_store *store, struct srd_info *info);

/* ---- Keys ---- */

/* 0 if KEY may be used, else SRD_EKEY or SRD_ERESERVED; *WHY (may be NULL) is
 * then a static sentence for people. */
int srd_key_check(const void *key, size_t len, const char **why);

/* ---- Values ---- */

/* A value in place.  DATA is the whole value if it is contiguous in the log,
 * else NULL; IOV always covers it (holes point at shared zeros).  DATA is not
 * NULL for an empty value.  Fill it in where it will stay: IOV may point into
 * the struct itself. */
typedef struct srd_value {
	const void *data;
	uint64_t len;
	const struct iovec *iov;
	int iov_count;
	struct srd_value_own {    /* the library's own */
		struct iovec one;
		struct iovec *many;
		void *pin;
		void *log;
		uint32_t stripe;
	} own;
} srd_value;

/* Makes the file, or replaces its content: mode, owner and other names stay.
 * -EISDIR: KEY is a directory; -ELOOP: a symlink; -EINVAL: a fifo, socket or
 * device. */
int srd_put(srd_store *store, const void *key, size_t key_len, const void *data, size_t len);
/* -ENOENT: no such key; -EISDIR, -ELOOP, -EINVAL as for srd_put(); SRD_ECORRUPT:
 * the value's bytes are damaged; -EFBIG: too many pieces (16 TiB of holes), use a
 * reader.  Release VALUE with srd_value_release(). */
int srd_get(srd_store *store, const void *key, size_t key_len, srd_value *value);
/* 0 if what was read of VALUE so far was its bytes, SRD_ELOST if some may have been
 * zeros in the place of bytes that are gone.  Ask before you act on a value read in
 * place, where the store may lie on a disk that fails; costs next to nothing. */
int srd_value_check(const srd_value *value);
/* Any thread may, also after srd_close().  VALUE is zeroed; once more is harmless. */
void srd_value_release(srd_value *value);

typedef struct srd_key { const void *data; size_t len; } srd_key;
/* Gets COUNT keys; ERRORS[i] is what srd_get() would have returned, VALUES[i]
 * is set where it is 0.  Returns the number found, or a negative code: then no
 * value is held. */
ssize_t srd_get_many(srd_store *store, const srd_key *keys, size_t count,
                     srd_value *values, int *errors);
/* 1 if there is such a key (of any kind), 0 if not, or a negative code. */
int srd_exists(srd_store *store, const void *key, size_t key_len);
/* Removes a key, or an empty directory (-ENOTEMPTY otherwise). */
int srd_delete(srd_store *store, const void *key, size_t key_len);
/* Moves FROM to TO atomically, replacing a file at TO; directories move with
 * all below them. */
int srd_rename(srd_store *store, const void *from, size_t from_len,
               const void *to, size_t to_len);
/* Copies a file (symlink, fifo, ...) with its attributes.  Inside one store it
 * (or from a view of its past) shares the bytes: it costs no space and no time with the size.  A file at TO is
 * taken away, not written into; onto itself (or another name of it) nothing is
 * done.  -EISDIR: FROM or TO is a directory. */
int srd_copy(srd_store *source, const void *from, size_t from_len,
             srd_store *target, const void *to, size_t to_len);

enum srd_kind {
	SRD_FILE = 1, SRD_DIRECTORY, SRD_SYMLINK, SRD_FIFO, SRD_SOCKET, SRD_CHARDEV, SRD_BLOCKDEV,
};

struct srd_stat {
	uint64_t ino;
	uint64_t size;            /* bytes; of a directory: its entries */
	uint64_t stored_bytes;    /* size less holes */
	int64_t atime_ns, mtime_ns, ctime_ns, btime_ns;
	uint32_t mode;            /* as st_mode */
	uint32_t uid, gid, nlink, rdev;
	enum srd_kind kind;
	uint64_t offset;          /* of the first byte in the store file; 0: none */
	uint32_t extents;         /* 1: the value is contiguous */
	uint64_t checksum;        /* XXH3-64 of the first 4 KiB block (the whole of a
	                             small value); 0 where there is none */
	uint64_t last_change;     /* offset in the log of the last op on it */
};
int srd_stat(srd_store *store, const void *key, size_t key_len, struct srd_stat *st);

enum srd_attr_mask {
	SRD_SET_MODE = 1, SRD_SET_UID = 2, SRD_SET_GID = 4, SRD_SET_ATIME = 8, SRD_SET_MTIME = 16,
};
/* Sets those of mode (permission bits), uid, gid, atime_ns and mtime_ns of ST
 * that MASK names. */
int srd_set_attr(srd_store *store, const void *key, size_t key_len,
                 const struct srd_stat *st, unsigned mask);
/* Makes the directory and those above it; no error if it is there. */
int srd_make_dir(srd_store *store, const void *key, size_t key_len);
int srd_make_symlink(srd_store *store, const void *key, size_t key_len, const char *target);
/* Makes a fifo, socket or device; MODE as for mknod(2). */
int srd_make_node(srd_store *store, const void *key, size_t key_len, uint32_t mode, uint32_t rdev);
/* Makes TO another name of the file FROM. */
int srd_link(srd_store *store, const void *from, size_t from_len, const void *to, size_t to_len);
/* The target of a symlink, not NUL-terminated; released like a value. */
int srd_read_link(srd_store *store, const void *key, size_t key_len, srd_value *value);

/* ---- Extended attributes ---- */

/* NAME is NUL-terminated and as the system has it: "user.", "trusted." or "security."
 * and what follows, or one of the two "system.posix_acl_" lists, whose bytes are kept as
 * they are given: set the mode that goes with them, too.  -EOPNOTSUPP: any other name,
 * and "user.srd.", which a mount makes up; -ERANGE: of more than 255 bytes. */

/* *VALUE is released with srd_value_release().  -ENODATA: there is no such attribute. */
int srd_get_xattr(srd_store *store, const void *key, size_t key_len, const char *name, srd_value *value);
/* Sets it to LEN bytes, or with DATA NULL removes it (-ENODATA: it is not there).
 * -E2BIG: more than 64 KiB; -ENOSPC: more than 1024 attributes. */
int srd_set_xattr(srd_store *store, const void *key, size_t key_len, const char *name,
                  const void *data, size_t len);
/* The names, each ended by a NUL, into LIST of SIZE bytes; returns how many bytes that
 * are, also for SIZE 0, which asks for that alone.  -ERANGE: they do not fit; SRD_ECORRUPT: one is
 * damaged, and nobody knows how that attribute was called but who asks for it by name. */
ssize_t srd_list_xattrs(srd_store *store, const void *key, size_t key_len, char *list, size_t size);

/* ---- Batches: all or nothing ---- */

int srd_batch_new(srd_store *store, srd_batch **batch);
/* Both copy what they are given.  A key may come more than once: the last
 * wins.  A delete of a key that is not there is no error. */
int srd_batch_put(srd_batch *batch, const void *key, size_t key_len, const void *data, size_t len);
int srd_batch_delete(srd_batch *batch, const void *key, size_t key_len);
/* Makes all of it one commit; the batch is then empty and may be used again.
 * On error nothing is done and the batch keeps its content.  SRD_EFULL: more than
 * a commit can hold, which is 2 GiB; values of 64 KiB or more do not count. */
int srd_batch_commit(srd_batch *batch);
void srd_batch_free(srd_batch *batch);   /* drops what is not committed */

/* ---- Transactions: a private view of the whole store ---- */

/* *VIEW is the store as it is now, to be used like any other handle: whatever is done
 * through it, it shows, and nobody else does before srd_transaction_commit().  It keeps
 * showing what was there when it was begun, whatever others commit meanwhile.
 *   - srd_close(VIEW) drops what is not committed.  Nothing survives this process before;
 *     srd_sync(VIEW) returns at once and promises nothing.
 *   - Values go to the store's file as they are put, changes are kept in memory: up to
 *     what one commit can hold (1 GiB of names, attributes and short values), then
 *     SRD_EFULL; srd_transaction_commit() does not fail for that.
 *   - STORE outlives the view.  Any number of views, threads and processes may go on at once.
 * A batch needs less, and cannot conflict; a view reads, too, and does all a store does.
 * -EINVAL: STORE is a view.  Else as srd_open(), and as what is written (SRD_EDAMAGED). */
int srd_transaction_begin(srd_store *store, srd_store **view);
/* All of it becomes one commit of the store, durable on return.  Afterwards the view
 * can be read, and is to be closed.
 * -EBUSY: others have changed what the view has changed, or a name it has; CONFLICT
 * (SIZE bytes, SRD_KEY_MAX + 1 suffice; may be NULL) tells the first such key.  After any
 * error nothing has been committed, and the view is as it was (but after one of the sync
 * itself, SRD_EPOISONED from then on: as for srd_sync()).  -EALREADY: committed before.
 * SRD_EREPLACED: its file was replaced by another store meanwhile.
 * What the view has only read may have changed: see srd_transaction_expect(). */
int srd_transaction_commit(srd_store *view, char *conflict, size_t size);
/* What KEY is (of any kind, or that there is none) is to be as it was when the view was
 * begun, or the commit fails: for what is read to decide upon. */
int srd_transaction_expect(srd_store *view, const void *key, size_t key_len);

/* A mount that is a transaction (srdfs -o txn, srd txn) takes these on any of its files
 * and directories, from root and who mounted it.  It is gone on return, unless the commit
 * failed: then it is as it was.  ioctl() fails with EINVAL on a mount that is none, and
 * with ENOTTY or the like on what is no mount of ours. */
struct srd_ioc_commit {
	int32_t error;            /* what srd_transaction_commit() returned */
	char conflict[SRD_KEY_MAX + 1];   /* with -EBUSY */
};
#define SRD_IOC_COMMIT _IOR('S', 0x72, struct srd_ioc_commit)
#define SRD_IOC_ABORT _IO('S', 0x73)

/* ---- Streams ---- */

/* Starts a value of unknown size for KEY.  Nothing is visible before commit, and
 * after an error all further calls, commit too, return it. */
int srd_writer_new(srd_store *store, const void *key, size_t key_len, srd_writer **writer);
int srd_writer_write(srd_writer *writer, const void *data, size_t len);
/* Leaves a hole of LEN bytes, which reads as zeros. */
int srd_writer_skip(srd_writer *writer, uint64_t len);
/* Attributes the value will have at commit; MASK of srd_attr_mask. */
int srd_writer_set_attr(srd_writer *writer, const struct srd_stat *st, unsigned mask);
/* An extended attribute it will have; see srd_set_xattr(). */
int srd_writer_set_xattr(srd_writer *writer, const char *name, const void *data, size_t len);
int srd_writer_commit(srd_writer *writer);   /* the writer is free afterwards, also on error */
void srd_writer_abort(srd_writer *writer);   /* frees it; NULL is allowed */

/* Reads the value as it was when the reader was made. */
int srd_reader_new(srd_store *store, const void *key, size_t key_len, srd_reader **reader);
/* Up to LEN bytes; 0 at the end.  Before a damaged block it returns what is sound,
 * at it SRD_ECORRUPT; one can go on behind it (srd_reader_pread). */
ssize_t srd_reader_read(srd_reader *reader, void *buffer, size_t len);
ssize_t srd_reader_pread(srd_reader *reader, void *buffer, size_t len, uint64_t pos);
uint64_t srd_reader_size(const srd_reader *reader);
void srd_reader_free(srd_reader *reader);

/* ---- Iteration ---- */

enum srd_iter_flags {
	SRD_ITER_ALL_KINDS = 1,   /* directories, symlinks, ... too; else files only */
	SRD_ITER_KEYS = 2,        /* keys and stat only, values are not looked at */
};
/* Keys that start with PREFIX (all for length 0), in no order.  With PARTS > 1
 * the iterator yields the PART'th share only, so that PARTS threads with one
 * iterator each see all of them once.  A key that is there throughout is seen
 * exactly once; one that comes or goes meanwhile may be seen or not.  Where the store is
 * compacted meanwhile the iterator may show, and keep until it is freed, what was there then. */
int srd_iter_new(srd_store *store, const void *prefix, size_t prefix_len, int flags,
                 unsigned part, unsigned parts, srd_iter **iter);
struct srd_entry {
	const char *key;          /* NUL-terminated; valid until the next call */
	size_t key_len;
	enum srd_kind kind;
	srd_value value;          /* of files, unless SRD_ITER_KEYS; released by the
	                             next call; error: see value_error */
	int value_error;          /* 0, or why value is not there */
};
/* 1: an entry, 0: the end, or a negative code.  SRD_ELOST takes the place of 0: keys
 * that cannot be read are not among those seen.  SRD_ECORRUPT: a name proved to be damaged; a new
 * iterator yields what is left without the commit that said it. */
int srd_iter_next(srd_iter *iter, struct srd_entry *entry);
void srd_iter_free(srd_iter *iter);

/* ---- What was done ---- */

enum srd_version_changes {
	SRD_CHANGED_MADE = 1, SRD_CHANGED_CONTENT = 2, SRD_CHANGED_ATTRIBUTES = 4,
	SRD_CHANGED_XATTRS = 8,
	SRD_CHANGED_NAMES = 16,       /* it was renamed, linked, or lost one of several names */
	SRD_CHANGED_ENTRIES = 32,     /* of a directory: what lies in it came, went or was renamed */
	SRD_CHANGED_REMOVED = 64,     /* it lost a name */
	SRD_CHANGED_RESTATED = 128,   /* all that was before, in one: compaction dropped the rest */
	SRD_CHANGED_GIVEN_UP = 256,   /* some of the content that came cannot be read any more (srd_trim()) */
};
/* What one commit made of a file, directory ... */
struct srd_version {
	uint64_t sequence;
	int64_t time_ns;
	uint64_t size;            /* of a file */
	uint64_t written_bytes;   /* of content that it was given */
	uint32_t mode, uid, gid;  /* as they were then: the format does not say who wrote */
	unsigned changes;         /* enum srd_version_changes */
};
/* All commits that changed KEY, under whatever name it had, the oldest first: their number, or
 * a negative code; free() the list.  It costs what was done to KEY, not what was done to the store.
 * Behind damage it begins with what is known. */
ssize_t srd_versions(srd_store *store, const void *key, size_t key_len, struct srd_version **list);

struct srd_deleted {
	const char *key;          /* NUL-terminated; valid during the call */
	uint64_t sequence;        /* of the commit that took it away, of a directory the last one */
	int64_t time_ns;
	uint64_t whole;           /* behind that commit it was there, with all in it; not set by the list */
	enum srd_kind kind;       /* 0: not known */
	uint64_t size;
};
/* The last time that KEY was deleted, or a directory that it lay in; it may be there again.
 * -ENOENT: the log knows of none.  FOUND->key is NULL. */
int srd_find_deleted(srd_store *store, const void *key, size_t key_len, struct srd_deleted *found);
/* Tells CALL of all keys that were deleted and are not there now, the last one first; not of what
 * lay below a directory that was deleted, too.  Not 0 ends it with that.  Walks all of the log. */
int srd_list_deleted(srd_store *store, int (*call)(void *user, const struct srd_deleted *deleted), void *user);

/* ---- Inspection ---- */

/* Something found in the log by srd_scan(). */
struct srd_event {
	enum {
		SRD_EVENT_RECORD = 1, SRD_EVENT_OP, SRD_EVENT_DAMAGE, SRD_EVENT_PROGRESS,
		SRD_EVENT_REPAIRED,   /* damage of which a repair took account */
		SRD_EVENT_TRIMMED,    /* content of the past that srd_trim() gave up */
	} type;
	uint64_t offset;          /* in the log */
	uint64_t len;
	uint64_t sequence;        /* of the commit; of damage: that wrote what is damaged */
	int64_t time_ns;          /* 0: not known */
	uint64_t end;             /* how far there is to go (progress) */
	const char *what;         /* record or op kind, or what is damaged */
	const char *text;         /* details for people; valid during the call */
	const char *key;          /* key concerned, or NULL */
	/* Of damaged payload that a file has now: */
	uint64_t pos;             /* where in the file; UINT64_MAX: nowhere */
	uint64_t older_sequence;  /* the commit of an older version that is sound; 0: none */
	int64_t older_time_ns;
};
enum srd_scan_flags { SRD_SCAN_OPS = 1, SRD_SCAN_PAYLOAD = 2 };
/* Walks the whole log and reports each record (and op), verifying checksums
 * (payload and padding too with SRD_SCAN_PAYLOAD), by as many threads as there are
 * CPUs; CALL comes from the calling thread alone, in order of the log.  CALL returning non-zero ends the walk
 * with that value.  Returns 0 also when damage was reported. */
int srd_scan(srd_store *store, int flags,
             int (*call)(void *user, const struct srd_event *event), void *user);

/* ---- Repair ---- */

enum srd_repair_flags { SRD_REPAIR_DRY_RUN = 1, SRD_REPAIR_FORCE = 2 };
/* Makes a store that is read-only for its damage (SRD_EDAMAGED) one that is written
 * to again: the superblock is restored, and a record names what is lost for good.
 * All that is damaged is reported to CALL (SRD_EVENT_DAMAGE); damaged content of files
 * stays damaged until it is replaced.  A crash at any moment leaves the store as it
 * was or repaired.  -ECANCELED: the index beside the store still knows what damaged
 * records said: srd_salvage() copies all of it; SRD_REPAIR_FORCE gives it up.  -EINVAL: STORE is not open with SRD_EXCLUSIVE, and it is no dry
 * run, which changes nothing.  Returns the number of places that are lost, 0 if
 * there is nothing to repair, or a negative code. */
ssize_t srd_repair(srd_store *store, int flags,
                   int (*call)(void *user, const struct srd_event *event), void *user);

/* ---- What the bytes of a store are ---- */

enum { SRD_MAP_TIMES = 64, SRD_MAP_KEYS = 10 };
/* Bytes of a stretch of the log: of records and what they say; content that files have, or
 * had; what was given up; and what cannot be read as a record.  Damage within content is
 * found by srd_scan(). */
struct srd_map_cell { uint64_t records, live, dead, trimmed, damaged; };
struct srd_map_key {
	char *key;                /* NULL: it has no name */
	uint64_t ino;             /* 0: there are no more */
	uint64_t size;            /* bytes stored */
	uint64_t writes, written_bytes;   /* how often content was given to it, since it was last compacted */
};
struct srd_map {
	uint64_t end, sequence;
	struct srd_map_cell total;
	size_t cell_count;
	uint64_t cell_bytes;
	struct srd_map_cell *cells;
	int64_t first_ns, last_ns;
	uint64_t growth[SRD_MAP_TIMES];   /* bytes appended in each part of the time between */
	struct srd_map_key largest[SRD_MAP_KEYS], rewritten[SRD_MAP_KEYS];
	uint64_t compacted_bytes; /* about what srd_compact() would leave; 0: it cannot be told */
};
/* Draws STORE in so many CELLS.  Release it. */
int srd_map(srd_store *store, size_t cells, struct srd_map *map);
void srd_map_release(struct srd_map *map);

/* ---- Compaction ---- */

enum srd_compact_flags { SRD_COMPACT_DRY_RUN = 1 };
struct srd_compact_options {
	int flags;
	const char *keep_since;   /* a point as for srd_open_at(): later commits stay as they are; NULL: none */
	/* So many versions of each file that is there stay as they are, that of now being one, and all
	 * commits: of older versions the content is given up (SRD_ETRIMMED), unless keep_since or a
	 * snapshot keeps it.  A version is a commit that changed a file's content; what it replaced by
	 * srd_rename() is older versions of it, too.  0: no commit is kept for that. */
	unsigned keep_versions;
	uint64_t rate_bytes;      /* of content copied in a second; 0: as many as can be */
	/* Told of damage that is carried over (SRD_EVENT_DAMAGE; `key` if it is known), and of
	 * progress (SRD_EVENT_PROGRESS: `offset` of `end` bytes of content).  Not 0 ends it with
	 * that.  May be NULL. */
	int (*call)(void *user, const struct srd_event *event);
	void *user;
};
struct srd_compacted {
	uint64_t old_bytes, new_bytes;   /* of the log; dry run: about what it would have */
	uint64_t content_bytes;   /* copied; shared bytes once */
	uint64_t damaged_blocks, damaged_records;   /* carried over, damaged as they were */
	uint64_t misfits;         /* ops that had done nothing, left out */
	uint64_t generation;      /* of the new log */
};
/* Writes the store anew without what nothing refers to any more: what came and went, and
 * content that was replaced.  The history goes with it (but see keep_since).  Inode numbers,
 * times, sequence numbers, and what is where, stay as they are.  Others may read and write
 * the store meanwhile; they go on in the new log.  A crash at any moment leaves the
 * old log whole, or the new.  What is damaged comes over, and stays damaged; where a commit
 * is, or where ops did not fit the state, all that came is restated, whatever keep_since and
 * keep_versions say.
 * SRD_EDAMAGED: some record was damaged since the store was opened, which is to be opened anew;
 * SRD_EDIFFERS: what was written was held against the store, and does not show the same;
 * -ENOSPC: no room for a second log, nothing was done; -EMLINK: the store file has several
 * names; -EBUSY: another process is compacting it; -EROFS; -EINVAL: open with
 * SRD_NOCHECK, or keep_since is no point. */
int srd_compact(srd_store *store, const struct srd_compact_options *options, struct srd_compacted *result);

enum srd_salvage_flags {
	SRD_SALVAGE_KEEP_DAMAGED = 1,   /* files with damaged content too, zeros in its place */
};
/* Copies all that is sound of SOURCE into TARGET, an empty store: names, attributes,
 * further names, holes, times.  SOURCE may be open read-only and damaged anyhow.  What
 * is damaged, or cannot be read, is reported to CALL as SRD_EVENT_DAMAGE with its key: `what` is
 * "left out", "zeros" (of `len` bytes in all, the first at `pos`), or "extended attribute"; or
 * "record", without a key: a commit is damaged, and nobody knows what it said; or "superblock",
 * likewise: its spare serves, and nothing is lost.
 * Returns 0 also when something was left out. */
int srd_salvage(srd_store *source, srd_store *target, int flags,
                int (*call)(void *user, const struct srd_event *event), void *user);

/* ---- Trim ---- */

enum srd_trim_flags { SRD_TRIM_DRY_RUN = 1 };
struct srd_trim_result {
	uint64_t bytes;               /* given back, or that would be */
	uint64_t upto;                /* what was content when the log ended there, or since, was kept; */
	int used;                     /* for somebody may use it who has the store open */
};
/* Gives back to the file system the blocks of content that no file has now, and that nobody
 * who has the store open can still use; nothing moves, and anybody may go on with the store,
 * and write.  KEEP_SINCE (a point as for srd_open_at(), or NULL: now): what was
 * content then or since is kept; and so is that of snapshots.  Reading what was given up, in the past, fails with SRD_ETRIMMED.
 * CALL (may be NULL) is told of progress.  0 or a negative code: -EOPNOTSUPP: the file
 * system cannot. */
int srd_trim(srd_store *store, const char *keep_since, int flags,
             int (*call)(void *user, const struct srd_event *event), void *user, struct srd_trim_result *result);

/* ---- Backup ---- */

enum srd_backup_flags {
	SRD_BACKUP_CHECK = 1,         /* reads PATH, all of it, and changes nothing */
	SRD_BACKUP_WHOLE = 2,         /* written anew, even where what is new would do */
	SRD_BACKUP_FORCE = 4,         /* in the place of whatever is there */
};
struct srd_backup {
	uint64_t bytes;               /* of the store's log that PATH holds, from its beginning on */
	uint64_t kept, sent;          /* of them were there before, were written now; the rest are holes */
	uint64_t end;                 /* of the store's log, when this began */
	uint64_t sequence;            /* of the last commit before BYTES */
	int64_t last_commit_ns;
	const char *why;              /* static text: why all was written; NULL: it was continued */
};
/* Makes the file at PATH hold what STORE does, which may be in use, and written to, by
 * anybody: all commits up to one, not before those made before this call.  A backup made
 * before is continued by what came since, or, where the store was compacted since, or
 * the histories differ, written anew beside it and put in its place.  What
 * is sent is checked; what is damaged is reported to CALL (SRD_EVENT_DAMAGE), as is how far
 * it is (SRD_EVENT_PROGRESS), and copied as it is.  Durable on return.  A crash or
 * failure at any moment leaves a store at PATH that ends in some commit of this one, or what was
 * there before.
 *
 * -EBUSY: PATH is open for writing; -EINVAL: it is the store itself; without
 * SRD_BACKUP_FORCE: -EEXIST: it is no store, or another one; -ESTALE: it has commits that
 * come after all that the store has.  With SRD_BACKUP_CHECK also -ENOENT, and
 * SRD_EREPLACED: it has to be written anew; CALL is told of damage in PATH. */
int srd_backup(srd_store *store, const char *path, int flags,
               int (*call)(void *user, const struct srd_event *event), void *user, struct srd_backup *backup);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif
#endif
