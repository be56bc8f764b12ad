/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.h - the open store: a log, the state it adds up to, and the one way to
 * change it.
 *
 *   change:  srd_txn_begin     commit mutex, append lock, catch up
 *            srd_txn_make ...  each checks itself against state and txn, encodes
 *            srd_txn_commit    append, apply, publish, unlock
 *   read:    srd_store_read    catches up if behind, then the read side
 *            srd_store_done
 *
 * Lock order, outermost first:
 *   commit mutex > append lock of the log > state (write side)
 *   commit mutex of a private view > that of the store it is of
 *   state (read side) is taken with nothing else held but, sometimes, the commit
 *   mutex, and nothing is waited for under it
 *   sync mutex of the log: with nothing held
 *   what `watch` takes while it is told (a leaf): with all of the above held; it is
 *   told that something was published with nothing held
 */
#ifndef SRD_STORE_STORE_H
#define SRD_STORE_STORE_H

#include <pthread.h>

#include "base/brlock.h"
#include "base/mutex.h"
#include "log/log.h"
#include "state/state.h"

/* An image; all 0: none. */
struct srd_store_image {
	uint64_t offset;                 /* in the log: it stands for what is before */
	uint64_t ops;                    /* that would have to be replayed otherwise */
	uint64_t bytes;
	int64_t saved_ns;
};

/* A log that stays open and mapped until it is dropped, whatever the store moves on to. */
struct srd_hold {
	struct srd_log *log;             /* NULL: nothing is held */
	unsigned stripe;
	bool bystander;
};

struct srd_store {
	/* Log and state belong together and may both be replaced, with commit_mutex and the write
	 * side held.  So who has either the mutex or the read side may use them; who goes on
	 * without holds the log that what was read refers to. */
	struct srd_log *log;
	struct srd_private *private;     /* private.h; NULL: what is committed is everybody's */
	struct srd_mutex commit_mutex;   /* writers queue for it */
	struct srd_brlock state_lock;
	struct srd_state state;          /* protected by state_lock; changed only with commit_mutex held */
	uint64_t foreign;                /* commits of others applied; protected by state_lock */
	struct srd_txn *txn;             /* kept between commits; protected by commit_mutex */
	int flags;                       /* enum srd_open_flags */
	unsigned sync_seconds;           /* unsynced bytes are synced after that long; set before use */
	uint64_t save_after_ops;         /* an image is due after so many, or a sixteenth of all there is; set before use */
	uint32_t uid, gid;               /* of the process when it opened; owners of what keys make */
	char *path;
	const struct srd_watch *watch;   /* told of what others commit, or NULL; set before use */
	bool told;                       /* it has been, and must hear so; protected by commit_mutex */
	bool appended;                   /* by this handle; protected by commit_mutex */
	bool is_beside;                  /* another's, for the moment (move.c): no threads of its own */
	struct srd_store_image image;    /* that the state began as; protected by state_lock */
	struct srd_store_image saved;    /* the last we know of; protected by commit_mutex */
	struct srd_store_image wanted;   /* where a snapshot of ours was made, if an image would stand there; likewise */
	struct srd_saver *saver;         /* saver.c; NULL: none was needed yet.  Protected by commit_mutex */
	struct srd_warmer *warmer;       /* warmer.c; NULL: none was needed yet.  Protected by commit_mutex */
	uint64_t warm_at_ops;            /* likewise: when it is to be looked whether one is */
	struct srd_era *era;             /* era.c; replaced with log and state */
	atomic_int broken;               /* negative code: the state is of no use any more */
	/* view.c, era.c; set before use */
	bool frozen;                     /* shows the past: it never follows, nor is written to */
	bool borrowed;                   /* its log is that of the store it was made from */
	struct srd_log_place place;      /* frozen: where it stands */
	/* keeper.c; keeper_running is protected by commit_mutex */
	pthread_t keeper;
	bool keeper_running;
	atomic_uint stopping, nudged;
	atomic_uint own_bell;            /* futex, where there is no shm */
	/* move.c: a thread gives what was left back; both are protected by commit_mutex */
	pthread_t leaving;
	bool is_leaving;
	/* follower.c */
	pthread_t follower;
	bool following;
	atomic_bool unfollowing;
};

enum { SRD_BESIDE = 1 << 30 };   /* with SRD_RDONLY: whoever opens has it open already */

/* As srd_open(), with the io to use (NULL: the real one). */
int srd_store_open(const char *path, int flags, const struct srd_io *io, struct srd_store **store);
/* Memory for one, set up but for log and state.  Goes to srd_store_destroy(), or, once others
 * may have joined its era, to srd_era_leave(). */
int srd_store_new(const char *path, int flags, struct srd_store **store);
void srd_store_destroy(struct srd_store *store);
/* Told now and then while a long log is replayed: DONE of TOTAL bytes. */
struct srd_progress {
	void (*tell)(void *user, uint64_t done, uint64_t total);
	void *user;
};
/* PROGRESS may be NULL. */
int srd_store_open_telling(const char *path, int flags, const struct srd_io *io,
                           const struct srd_progress *progress, struct srd_store **store);
/* Likewise; ORPHANS (see state.h) are for who opens the store when this process has died
 * with files of it in use.  AGAIN: this is who does, so every inode is pinned. */
int srd_store_open_again(const char *path, int flags, const struct srd_io *io, const struct srd_progress *progress,
                         struct srd_numberset *orphans, bool again, struct srd_store **store);
int srd_store_close(struct srd_store *store);

/* ---- The past (view.c) ---- */

/* STORE as it was at the point that TEXT (point.h) says, at NOW_NS: a store of its own, for
 * reading; all that reads a store reads it.  STORE may be closed before it; they share the log.
 * SRD_ENOPAST: there is no such point. */
int srd_store_view(struct srd_store *store, const char *text, int64_t now_ns, struct srd_store **view);
/* Inode INO as it was behind the op at LAST_OP, which touched it, of the log of that
 * GENERATION, as a view that has nothing else (but the root): its one name, if any, is of no account.
 * -ESTALE: STORE has another log by now; SRD_EDAMAGED. */
int srd_store_alone(struct srd_store *store, uint64_t generation, uint64_t ino, uint64_t last_op,
                    struct srd_store **view);
/* Opens the store at PATH likewise. */
int srd_store_open_at(const char *path, int flags, const struct srd_io *io, const struct srd_progress *progress,
                      const char *text, int64_t now_ns, struct srd_store **store);
/* The store as it is now has NAME from then on.  -EEXIST; -EINVAL: no name for one;
 * SRD_EFULL: too many. */
int srd_store_snapshot(struct srd_store *store, const char *name);
/* -ENOENT, -EEXIST. */
int srd_store_snapshot_rename(struct srd_store *store, const char *name, const char *new_name);
/* -ENOENT. */
int srd_store_snapshot_delete(struct srd_store *store, const char *name);
/* Where it ends: of a view of the past, there.  Commit mutex held. */
struct srd_log_place srd_store_here(const struct srd_store *store);

/* The state to read, caught up with other processes; *STRIPE goes back to
 * srd_store_done().  On error nothing is held.  Where srd_store_done() is not 0 what
 * was read is not to be believed: the image that it lay in was lost meanwhile.  The
 * next read is of a state from the log. */
int srd_store_read(struct srd_store *store, unsigned *stripe);
int srd_store_done(struct srd_store *store, unsigned stripe);
/* The log as it is now, without a look at what others do, for a call or a few.  Nothing, or the
 * commit mutex, is held. */
struct srd_hold srd_store_hold(struct srd_store *store);
/* The same for who keeps it for long, and looks at nothing that a file contains. */
struct srd_hold srd_store_stand_by(struct srd_store *store);
/* The same with the read side (STRIPE) held: the log that what is read refers to. */
static inline struct srd_hold srd_store_hold_read(const struct srd_store *of, unsigned stripe)
{
	srd_log_hold(of->log, stripe, 1);
	return (struct srd_hold){ .log = of->log, .stripe = stripe };
}
/* What HOLD holds, for another to drop. */
static inline struct srd_hold srd_hold_take(struct srd_hold *hold)
{
	struct srd_hold taken = *hold;

	hold->log = NULL;
	return taken;
}
static inline void srd_hold_drop(struct srd_hold *hold)
{
	if (hold->log && hold->bystander)
		atomic_fetch_sub(&hold->log->pins->bystanders, 1);
	if (hold->log)
		srd_log_drop(hold->log, hold->stripe, 1);
	hold->log = NULL;
}

/* ---- Eras (era.c): indexes of the tables that last from one read to the next ---- */

/* Log and state as they are now go on being had by srd_era_read(), whatever log STORE goes over
 * to, if need be as they were then.  Read side held. */
struct srd_era *srd_era_join(struct srd_store *store);
/* The same, and *HOLD holds that log; without a look at what others do.  Nothing is held. */
struct srd_era *srd_era_begin(struct srd_store *store, struct srd_hold *hold);
/* NULL is allowed.  The last one to leave what STORE has left, or is closed, gives it back. */
void srd_era_leave(struct srd_era *era);
/* As srd_store_read(), of *STORE, which is to be asked for each time. */
int srd_era_read(const struct srd_era *era, struct srd_store **store, unsigned *stripe);

/* ---- What a handle knows, and brings up to date (read.c, follow.c, store.c) ---- */

/* ERROR, which says that something is not there; but SRD_ELOST where bytes of the log
 * are gone: names that cannot be read are not found, and may be there.  Read side or commit
 * mutex held. */
int srd_store_absence(const struct srd_store *store, int error);
/* True if bytes of the log are gone (log/lost.c). */
bool srd_store_is_lost(struct srd_store *store);
/* True if nobody else has the store open for writing now. */
bool srd_store_is_only_writer(struct srd_store *store);
/* Follows other processes' commits, if there are any. */
int srd_store_follow(struct srd_store *store);
/* All that is committed becomes durable. */
int srd_store_sync(struct srd_store *store);
/* Undoes COUNT pins of INO; frees it if that was the last and it has no name. */
void srd_store_unpin(struct srd_store *store, uint64_t ino, uint32_t count);

/* ---- Data ahead of its commit ---- */

enum { SRD_EMOVED = -20100 };     /* within the library only */

/* Appends COUNT pieces (each up to SRD_RUN_LEN_MAX, together up to 64 MiB) as one
 * DATA record.  RUNS[i] is then the log offset of piece i's run, to be named by
 * srd_txn_refs().  Counts for nothing before; compaction drops it otherwise: so HOME holds
 * the log that it lies in.  If that is held already and another by now, SRD_EMOVED: what
 * lies there is to be brought along first.  HOME NULL: the caller sees to it. */
int srd_store_append_data(struct srd_store *store, const struct iovec *pieces, int count,
                          uint64_t *runs, struct srd_hold *home);
/* Appends what COUNT references name in HOME's log to the store's, which HOME holds then, and
 * makes them refer to that.  On error all is as it was. */
int srd_store_bring_data(struct srd_store *store, struct srd_ref *refs, size_t count, struct srd_hold *home);

/* The record of such pieces; RUNS as above, but counted from its start. */
int srd_store_draft_data(struct srd_draft *draft, const struct iovec *pieces, int count, uint64_t *runs);

/* ---- The way in and out of the log, for txn.c ---- */

/* What of FLAGS, enum srd_open_flags, is the log's. */
int srd_store_log_flags(int flags);
/* The log's bytes, for a state. */
struct srd_source srd_store_source(const struct srd_log *log);

/* Takes what an append needs, all caught up; released by srd_store_end(). */
int srd_store_begin(struct srd_store *store);
/* The same for SEALED, which may come behind damage. */
int srd_store_begin_last(struct srd_store *store);
void srd_store_end(struct srd_store *store);
/* Between both. */
int srd_store_append(struct srd_store *store, struct srd_draft *draft, struct srd_record *record);

/* ---- Repair ---- */

/* Appends a REPAIR op that names RANGES, and makes it durable; superblock and spare
 * are written as they were.  Afterwards the store takes writes.  -EINVAL: the store
 * is not open exclusively: others know what was lost, or not, and would differ. */
int srd_store_repair(struct srd_store *store, const struct srd_range *ranges, size_t count);

/* ---- Transactions ---- */

struct srd_attr {
	uint32_t mask;            /* enum srd_attr_bits: which of these are set */
	uint32_t mode, uid, gid;
	uint64_t size;
	int64_t atime_ns, mtime_ns, ctime_ns;
};

/* What a name or number stands for within a transaction (its own changes
 * included). */
struct srd_node {
	uint64_t ino;
	uint32_t mode;
	uint32_t inode;           /* index in the state; 0: made in this transaction */
};

/* Begins a transaction; the store has one at a time, others wait.  *TXN is the
 * store's own.  -EROFS read-only, SRD_EPOISONED, SRD_EDAMAGED, SRD_EREPLACED,
 * -ENOLCK ...  Follow with commit or abort, in the same thread. */
int srd_txn_begin(struct srd_store *store, struct srd_txn **txn);
/* The same for one that is to name what HOME holds, if it holds anything: SRD_EMOVED if that is
 * another log by now. */
int srd_txn_begin_at(struct srd_store *store, const struct srd_hold *home, struct srd_txn **txn);
/* One commit, all or nothing; the transaction is over in either case.  An empty
 * one writes nothing.  *SEQUENCE (may be NULL): the commit's number. */
int srd_txn_commit(struct srd_txn *txn, uint64_t *sequence);
void srd_txn_abort(struct srd_txn *txn);
/* LEN bytes that last until the transaction is over, for what it is to refer to;
 * NULL: no memory. */
void *srd_txn_alloc(struct srd_txn *txn, size_t len);

/* -ENOENT, -ENOTDIR. */
int srd_txn_lookup(struct srd_txn *txn, uint64_t dir, const char *name, size_t len,
                   struct srd_node *node);
/* -ENOENT (-ESTALE is the caller's to make of it). */
int srd_txn_node(struct srd_txn *txn, uint64_t ino, struct srd_node *node);

/* The following check what POSIX has them check but permissions, and return
 * -EEXIST, -ENOENT, -ENOTDIR, -EISDIR, -ENOTEMPTY, -EMLINK, -EINVAL (rename below
 * itself), -EPERM (link to a directory), -ENAMETOOLONG, -EFBIG ... without effect.
 * DATA of 64 bytes or more is referred to and must stay until commit. */

/* DIR 0: no name yet.  MODE with its type.  DATA/LEN: content or symlink target (up to
 * SRD_RUN_LEN_MAX), or NULL.  *INO: the new inode's number. */
int srd_txn_make(struct srd_txn *txn, uint64_t dir, const char *name, size_t name_len,
                 uint32_t mode, uint32_t uid, uint32_t gid, uint32_t rdev,
                 const void *data, size_t len, uint64_t *ino);
int srd_txn_link(struct srd_txn *txn, uint64_t ino, uint64_t dir, const char *name, size_t len);
/* DIRECTORY 1: rmdir (-ENOTDIR), 0: unlink (-EISDIR), -1: either. */
int srd_txn_unlink(struct srd_txn *txn, uint64_t dir, const char *name, size_t len, int directory);
/* FLAGS: RENAME_NOREPLACE, RENAME_EXCHANGE.  Renaming a file to another name of itself
 * does nothing (POSIX). */
int srd_txn_rename(struct srd_txn *txn, uint64_t dir, const char *name, size_t len,
                   uint64_t new_dir, const char *new_name, size_t new_len, unsigned flags);
int srd_txn_set_attr(struct srd_txn *txn, uint64_t ino, const struct srd_attr *attr);
/* REPLACE: size becomes 0 first. */
int srd_txn_write(struct srd_txn *txn, uint64_t ino, uint64_t pos, const void *data, size_t len,
                  bool replace);
int srd_txn_refs(struct srd_txn *txn, uint64_t ino, const struct srd_ref *refs, size_t count,
                 bool replace);
/* Space that reads as zeros, also behind the end: the runs of REFS are 0, and the size
 * stays. */
int srd_txn_reserve(struct srd_txn *txn, uint64_t ino, const struct srd_ref *refs, size_t count);
int srd_txn_hole(struct srd_txn *txn, uint64_t ino, uint64_t pos, uint64_t len);
/* VALUE NULL removes: -ENODATA if there is none. */
int srd_txn_xattr(struct srd_txn *txn, uint64_t ino, const char *name, size_t name_len,
                  const void *value, size_t len);
/* Gives up an inode that never got a name. */
int srd_txn_free(struct srd_txn *txn, uint64_t ino);

#endif
