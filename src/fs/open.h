/* SPDX-License-Identifier: Apache-2.0 */
/*
 * open.h - inodes that are open on this mount, and what they hold that is not
 * committed yet.
 *
 * What a reader sees of an open inode, from the top:
 *
 *     dirty       pieces written and not committed, in memory or spilled
 *     committed   of it, only what lies below `base`: truncation to be committed
 *                 is no write
 *     zeros       up to the size: max(min(base, committed size), size)
 *
 * What was appended (O_APPEND) lies behind all else, and where that is, only who
 * holds the append lock can tell: committing moves it there.
 *
 * Committing makes all of it one transaction.  If that fails everything stays
 * for the next try.  An inode that lost its last name matters to nobody who opens
 * the store later: what is written to it stays here, unless an attribute or the
 * like is changed, until the kernel forgets it.
 *
 * Lock order, outermost first:
 *     srd_open_inode.mutex  >  the store's locks  >  srd_opens.mutex
 * srd_opens.mutex is a leaf: nothing is taken or waited for under it, so it may
 * be taken with the state's read side held.  The mutex of an inode may not.
 */
#ifndef SRD_FS_OPEN_H
#define SRD_FS_OPEN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "fs/dirty.h"
#include "store/store.h"

struct srd_fs;

#define SRD_OPEN_ALL_COMMITTED UINT64_MAX
#define SRD_OPEN_NO_TAIL UINT64_MAX

struct srd_open_inode {
	uint64_t ino;
	struct srd_open_inode *next;      /* in its bucket; protected by opens.mutex */
	struct srd_open_inode *older, *newer;   /* in the list of the dirty; likewise */
	int64_t dirty_since_ns;           /* monotonic; likewise */
	unsigned refs;                    /* likewise */
	bool listed;                      /* likewise: among the dirty */
	/* Set with `mutex` and opens.mutex held, so either suffices to read it; a read
	 * with neither may miss a change that is being made at the same time. */
	atomic_bool changed;              /* there is something a reader must be shown */

	pthread_mutex_t mutex;            /* protects what follows */
	struct srd_dirty dirty;
	struct srd_hold home;             /* of the log that what was spilled lies in */
	uint64_t pending;                 /* its bytes in memory, as counted in the limit */
	uint64_t base;                    /* or SRD_OPEN_ALL_COMMITTED: all of that counts */
	uint64_t size;
	uint64_t tail;                    /* what is dirty from here on was appended; SRD_OPEN_NO_TAIL: nothing was */
	uint64_t tail_size;               /* `size` without it */
	bool written;                     /* mtime_ns is the time of the last write */
	bool mtime_shown;                 /* somebody was told: the commit must keep it */
	bool unlinked;
	bool plain;                       /* known to have no privileges that a write takes away */
	int last_error;                   /* of committing in the background, as told */
	int64_t mtime_ns;
	bool accessed;                    /* atime_ns is the time of the last reading */
	int64_t atime_ns;
};

enum { SRD_OPEN_BUCKETS = 4096 };

struct srd_opens {
	pthread_mutex_t mutex;
	struct srd_open_inode *bucket[SRD_OPEN_BUCKETS];
	struct srd_open_inode *oldest, *newest;   /* dirty ones, waiting to be committed */
	atomic_uint changed_count;        /* inodes with `changed` */
	struct srd_numberset *unsaved;    /* their numbers, for who takes over; NULL: nobody does */
	/* committer.c */
	pthread_t thread;
	pthread_cond_t wake;
	bool running, stopping, asleep;
};

void srd_opens_init(struct srd_opens *opens);
/* Commits what is dirty and frees all; returns the first error. */
int srd_opens_release(struct srd_fs *fs);

/* The inode's entry, made if there is none; NULL: no memory.  Goes back to
 * srd_open_put(). */
struct srd_open_inode *srd_open_get(struct srd_fs *fs, uint64_t ino);
void srd_open_put(struct srd_fs *fs, struct srd_open_inode *inode);
/* The kernel forgot an inode without names: what was written to it vanishes. */
void srd_open_forget(struct srd_fs *fs, uint64_t ino);
/* True if the state alone does not tell what INO holds.  May be called with the
 * state's read side held: the answer fits what is read of the state meanwhile. */
bool srd_open_is_changed(struct srd_fs *fs, uint64_t ino);

/* ---- The following with the inode's mutex held ---- */

/* The size to be seen where the committed one is SIZE. */
uint64_t srd_open_size(const struct srd_open_inode *inode, uint64_t size);

/* Keeps the sum true of what is in memory and will have to be appended. */
void srd_open_count_pending(struct srd_fs *fs, struct srd_open_inode *inode);
/* Gives up what was written and is not committed. */
void srd_open_drop_dirty(struct srd_fs *fs, struct srd_open_inode *inode);
/* CHANGED: readers must be shown something, and it is to be committed. */
void srd_open_set_changed(struct srd_fs *fs, struct srd_open_inode *inode, bool changed);

/* ---- write.c, likewise ---- */

int srd_open_write(struct srd_fs *fs, struct srd_open_inode *inode, uint64_t pos,
                   const void *data, uint32_t len);
/* Puts LEN bytes at the end, which is where it is when they are committed: others may
 * have appended by then.  *POS: where that is if nobody does. */
int srd_open_append(struct srd_fs *fs, struct srd_open_inode *inode, const void *data, uint32_t len, uint64_t *pos);
/* Makes the file empty, as open() with O_TRUNC does. */
void srd_open_empty(struct srd_fs *fs, struct srd_open_inode *inode);
/* The inode, of any kind, was read at NOW_NS. */
void srd_open_access(struct srd_fs *fs, struct srd_open_inode *inode, int64_t now_ns);
/* What is in memory goes to the log. */
int srd_open_spill(struct srd_fs *fs, struct srd_open_inode *inode);

/* ---- commit.c, likewise ---- */

/* Adds to a transaction what is to change with the content of NODE. */
typedef int srd_open_more(struct srd_fs *fs, struct srd_txn *txn, const struct srd_node *node,
                          const void *user);
/* Commits what is dirty and, in the same transaction, what MORE (may be NULL) adds. */
int srd_open_commit(struct srd_fs *fs, struct srd_open_inode *inode, srd_open_more *more,
                    const void *user);
/* True if nothing but the time of its last reading is to be committed. */
bool srd_open_is_only_accessed(const struct srd_open_inode *inode);
/* Commits COUNT inodes (all their mutexes held) as one transaction. */
int srd_open_commit_many(struct srd_fs *fs, struct srd_open_inode *const *inodes, size_t count);
/* Commits what is dirty, even of an inode without names: the state then tells all. */
int srd_open_settle(struct srd_fs *fs, struct srd_open_inode *inode);

/* ---- home.c ---- */

/* What was spilled lies in the store's log on return, as long as that stays. */
int srd_open_bring(struct srd_fs *fs, struct srd_open_inode *inode);
/* As srd_store_append_data(), for what is spilled. */
int srd_open_append_data(struct srd_fs *fs, struct srd_open_inode *inode, const struct iovec *pieces, int count,
                         uint64_t *runs);
/* Begins a transaction that may name what was spilled. */
int srd_open_begin(struct srd_fs *fs, struct srd_open_inode *inode, struct srd_txn **txn);

/* ---- committer.c ---- */

/* Starts the thread that commits what has been dirty for a second. */
int srd_committer_start(struct srd_fs *fs);
void srd_committer_stop(struct srd_fs *fs);
/* Commits all that is dirty now; returns the first error. */
int srd_committer_flush(struct srd_fs *fs);
/* INODE became dirty.  Call with opens.mutex held. */
void srd_committer_add(struct srd_opens *opens, struct srd_open_inode *inode);
void srd_committer_remove(struct srd_opens *opens, struct srd_open_inode *inode);

#endif
