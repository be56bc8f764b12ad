/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - the store file: a superblock and records, only ever appended to.
 *
 * The log knows nothing of files and names.  It appends records whole, maps
 * them at addresses that never move, tells what is durable, and finds the end
 * after a crash (FORMAT, sections 5 and 6).  It does not interpret ops, except
 * that recovery verifies the payload they name.
 *
 *      0        4096                 applied            end            size
 *      +--------+--------------------+------------------+--------------+
 *      | super  | read through map   | others' appends  | torn append  |
 *      +--------+--------------------+------------------+--------------+
 *                                    read with pread      cut before the
 *                                                         next append
 *
 * Lock order (outermost first):
 *      store->commit mutex  >  append lock (OFD)  >  sync mutex
 * srd_log_lock() to srd_log_unlock() is under the store's commit mutex; so one
 * thread of a process is the holder.  The append lock itself is kept beyond
 * srd_log_unlock() until another process asks (DESIGN: the shm counts asks).
 */
#ifndef SRD_LOG_LOG_H
#define SRD_LOG_LOG_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/statvfs.h>

#include "base/guard.h"
#include "base/io.h"
#include "format/draft.h"
#include "log/pins.h"
#include "log/shm.h"

enum srd_log_flags {
	SRD_LOG_RDONLY = 1,
	SRD_LOG_EXCLUSIVE = 2,
	SRD_LOG_NOCHECK = 4,       /* do not verify payload */
	SRD_LOG_SINGLE_WRITER = 8,
	SRD_LOG_BESIDE = 16,       /* with RDONLY: another handle of ours is present for this one, too */
	SRD_LOG_UNSHARED = 32,     /* no shm: nobody else knows it yet */
};

struct srd_damage {
	uint64_t offset, len;     /* bytes of the log that cannot be used */
	uint64_t repaired;        /* offset of the record whose REPAIR op names them; 0: none */
};

struct srd_log;

/* Told of each record of the log's end before it is written, with the append lock held: who goes on where
 * this process died can look whether it was.  May be all 0. */
struct srd_log_witness {
	void (*note)(void *user, const struct srd_log *log, const struct srd_record *record);
	void *user;
};

struct srd_log {
	const struct srd_io *io;
	int fd, dir_fd;
	char *name;               /* of the file in dir_fd */
	int flags;
	struct srd_superblock sb;
	bool sb_damaged;          /* sb is from the spare */
	atomic_uint *own;         /* not 0 in the process that opened it; map.c.  NULL: not mapped yet */
	struct srd_pins *pins;    /* who uses it; the last one closes it */

	const uint8_t *map;       /* [0, map_len); valid below `end` */
	uint64_t map_len;         /* protected by the store's commit mutex */
	uint64_t map_most;        /* it can become as long as that: `verified` has bits for it */
	atomic_ulong *verified;   /* a bit for each 64 bytes a verified block starts at */

	/* lost.c */
	struct srd_guard guard;   /* of map */
	atomic_int lost;          /* enum srd_lost */
	atomic_ulong lost_at;     /* the first place that was found to be gone */
	atomic_ulong lost_end;    /* what `end` was when the file was found too short; 0: it was not */

	/* Protected by the store's commit mutex; read by anyone (relaxed hint). */
	atomic_ulong end;         /* just past the last whole record we know of */
	uint64_t last;            /* offset of the last record; 0: none */
	uint64_t last_check;      /* its header check */
	uint64_t sequence;        /* of the last META */
	int64_t last_time_ns;
	int64_t latest_ns;        /* the highest time of a META; a clock may have been set back */
	uint32_t epoch;
	atomic_ulong trim;        /* offset of the last TRIM op; 0: none.  trim.c */
	struct srd_trimmed *trimmed;   /* what these ops name, as far as anybody asked.  trimmed.c */
	uint64_t dropped;         /* bytes behind end when we last looked */
	atomic_ulong seen;        /* what srd_log_hint() is while nobody appends */
	atomic_long looked_ns;    /* when size and name were last asked for, with shm */
	bool cut_needed;          /* bytes behind end must go before we append */
	bool drop_needed;         /* ... among them whole records: needs presence alone */
	bool lock_held;           /* the OFD append lock is ours */
	bool sealed;              /* its last record says that there is a successor */
	bool untold;              /* the others are to be told that we appended */
	int64_t lock_since_ns;
	uint64_t mark_said;       /* the mark in the last header written */
	uint64_t allocated;       /* the file has blocks up to there, as far as we know */

	struct srd_shm *shm;      /* NULL: none; lock and look each time */
	bool strict;              /* look at the file each time, whatever the shm says; set before use */
	bool remote;              /* others may append from where nothing tells us */
	dev_t dev;                /* of the file, to know it again by its name */
	ino_t ino;

	/* wait.c; set before use, but the atomic */
	int rouse_fd, notice_fd;  /* -1: none */
	atomic_bool roused;
	unsigned pid;             /* who has it open, as others are told; 0: this process */
	struct srd_log_witness witness;   /* set before use */
	bool left;                /* for a successor: locks are given back, but the shm */
	atomic_bool succeeding;   /* a thread of ours writes that successor */

	/* use.c */
	int use_fd;               /* whose locks say so: fd, or one that outlives the process */
	pthread_mutex_t use_mutex;
	atomic_ulong use;         /* what was content since then may be used; ULONG_MAX: no lock says so.
	                             Changed with use_mutex held */
	uint64_t denied;          /* a thread of ours trims: what was content before nobody comes to use.
	                             Protected by use_mutex */
	int64_t use_looked_ns;    /* protected by the store's commit mutex */

	/* sync.c; protected by sync_mutex, but the atomics */
	pthread_mutex_t sync_mutex;
	pthread_cond_t sync_done;
	bool syncing;
	atomic_ulong durable;     /* own knowledge of D */
	uint64_t suspect_end;     /* [durable, suspect_end): appended before our open */
	bool name_unsure;         /* the directory is to be synced, too: before that nothing is durable */
	atomic_int poisoned;      /* SRD_EPOISONED once a sync has failed, */
	atomic_int sync_error;    /* with that code */

	struct srd_overlay *overlay;   /* overlay.h: where appends go; NULL: the file.  Set before use */

	struct srd_damage *damage;
	size_t damage_count, damage_cap;
	bool repairing;           /* a REPAIR, or SEALED, may be appended, whatever is damaged */
};

/* Where a log ends, or ended once. */
struct srd_log_place {
	uint64_t end, last, last_check, sequence;
	int64_t last_time_ns;
	int64_t latest_ns;        /* no commit before is of a later time */
	uint32_t epoch;
	uint64_t trim;            /* the last TRIM op before; 0: none */
};

/* ---- create.c, open.c, place.c ---- */

/* Makes an empty log: a temporary, fsync, rename, fsync of the directory.
 * -EEXIST if there is a file of that name.  MODE as for open(2). */
int srd_log_create(const char *path, unsigned mode, const struct srd_io *io);
/* Opens the file, its locks and its mapping; reads nothing but the superblock.
 * The log is usable after srd_log_recover(). */
int srd_log_open(const char *path, int flags, const struct srd_io *io, struct srd_log **log);
/* Opens the file NAME of LOG's directory. */
int srd_log_open_beside(const struct srd_log *log, const char *name, int flags, struct srd_log **beside);
/* Others are told that process PID has it open (0: who did), which we work for. */
void srd_log_set_pid(struct srd_log *log, unsigned pid);
/* SUCCESSOR, just opened, takes LOG's place in this process: who waited at that waits here, who was told
 * of its records is told of these. */
int srd_log_take_over(struct srd_log *successor, const struct srd_log *log);
/* LOG is left for another; who still holds it can read on.  Follow with srd_log_close(). */
void srd_log_leave(struct srd_log *log);
/* True if the superblock is in the file now as it was written; read past the mapping, where what the
 * disk does not give would be bytes of the log that are gone. */
bool srd_log_superblock_holds(const struct srd_log *log);
/* True if the log's name leads to another file by now. */
bool srd_log_is_replaced(const struct srd_log *log);
/* Something is to be looked for, be it that name, whatever the hint says. */
void srd_log_forget_seen(struct srd_log *log);
/* One more owner of LOG, who closes it like the first.  Call as an owner. */
static inline void srd_log_share(struct srd_log *log)
{
	srd_pins_share(log->pins);
}
/* Gives up a share; who opened it goes on.  Whoever is last closes it. */
static inline void srd_log_unshare(struct srd_log *log)
{
	srd_pins_close(log->pins);
}
/* Gives back locks and shm, for good, and what its owner has of it; mapping, file and memory
 * go with the last who has or holds it.  In a child of the process that opened it locks and
 * shm are left to that one. */
void srd_log_close(struct srd_log *log);
/* Keeps LOG mapped and readable COUNT times more, whatever becomes of its owners; each is
 * dropped with the same STRIPE, by any thread.  Call as an owner, or under what keeps
 * one: a store's read side or commit mutex. */
static inline void srd_log_hold(const struct srd_log *log, unsigned stripe, unsigned long count)
{
	srd_pins_take(log->pins, stripe, count);
}
static inline void srd_log_drop(const struct srd_log *log, unsigned stripe, unsigned long count)
{
	srd_pins_give(log->pins, stripe, count);
}
/* Text "pid N on HOST since TIME" of the exclusive holder; -ENOENT: nobody.  IO NULL:
 * the real one. */
int srd_log_holder(const char *path, const struct srd_io *io, char *text, size_t size);

/* True if nobody else has the log open.  Lasts, as far as appends go, while the append
 * lock is held: who comes later waits for it. */
bool srd_log_is_alone(const struct srd_log *log);

/* True if others have the log open for writing. */
bool srd_log_has_writers(const struct srd_log *log);

/* The file system that the log lies in. */
int srd_log_statvfs(const struct srd_log *log, struct statvfs *st);

/* ---- recover.c, follow.c, repair.c ---- */

/* Called for each META in order of the log, with its metadata in memory
 * (METADATA is valid during the call).  Non-zero ends the walk with that. */
typedef int srd_log_visit(void *user, const struct srd_record *record, const uint8_t *metadata);

/* Who follows a long walk.  `peek` and `progress` may be NULL. */
struct srd_log_visitor {
	srd_log_visit *visit;
	/* Metadata that will be visited soon, unless it does not count: nothing in it has
	 * been checked.  To call for what the visit will need from memory. */
	void (*peek)(void *user, const struct srd_record *record, const uint8_t *metadata);
	/* Some of the way is done: TOTAL bytes of the log are to be walked. */
	void (*progress)(void *user, uint64_t done, uint64_t total);
	void *user;
};

/* Finds the end as FORMAT section 6 says, visiting every commit that counts.
 * Writes nothing. */
int srd_log_recover_with(struct srd_log *log, const struct srd_log_visitor *visitor);
int srd_log_recover(struct srd_log *log, srd_log_visit *visit, void *user);
/* Visits the commits that others appended since; moves `end`.  With the append
 * lock held also marks torn bytes behind it for cutting.  SRD_EREPLACED: all that is, but
 * this log has a successor, or its name leads to another for some other reason.  Call with
 * the store's commit mutex held. */
int srd_log_follow(struct srd_log *log, srd_log_visit *visit, void *user);
/* LOG, which nobody uses yet, ends at PLACE again: what is behind is followed later. */
void srd_log_return_to(struct srd_log *log, const struct srd_log_place *place);
/* Somewhere in the past: behind the last commit that ends at UPTO or before, up to the first
 * one of a higher sequence or later time. */
struct srd_log_point {
	uint64_t upto;            /* where a record ends, or UINT64_MAX */
	uint64_t sequence;
	int64_t time_ns;
};
/* Now. */
#define SRD_LOG_POINT_NOW ((struct srd_log_point){ UINT64_MAX, UINT64_MAX, INT64_MAX })
/* True if what ends at PLACE is no later than POINT. */
static inline bool srd_log_point_has(const struct srd_log_point *point, const struct srd_log_place *place)
{
	return place->end <= point->upto && place->sequence <= point->sequence && place->latest_ns <= point->time_ns;
}
/* Visits the commits from FROM up to POINT, whose UPTO is no later than the end, once more,
 * past damage too: it then ends in SRD_EDAMAGED.  The log does not change: any
 * thread may, whatever it holds.  *REACHED (may be NULL): where POINT is.  SRD_ENOPAST: among
 * commits that compaction has dropped. */
int srd_log_replay(const struct srd_log *log, const struct srd_log_place *from, const struct srd_log_point *point,
                   const struct srd_log_visitor *visitor, struct srd_log_place *reached);
/* Walks the log up to END, where a record ends, once more, and remembers what is damaged of it by
 * now.  Call with the store's commit mutex held. */
int srd_log_look_again(struct srd_log *log, uint64_t end);
/* Remembers that [OFFSET, END) has damaged commits: nothing is appended any more. */
int srd_log_note_damage(struct srd_log *log, uint64_t offset, uint64_t end);
/* Before the first record. */
static inline struct srd_log_place srd_log_start(const struct srd_log *log)
{
	return (struct srd_log_place){ .end = SRD_FIRST_RECORD, .last_check = log->sb.check, .latest_ns = INT64_MIN,
	                               .epoch = log->sb.epoch };
}
/* Where the log ends now.  Commit mutex held. */
static inline struct srd_log_place srd_log_here(const struct srd_log *log)
{
	return (struct srd_log_place){ .end = atomic_load(&log->end), .last = log->last,
	                               .last_check = log->last_check, .sequence = log->sequence,
	                               .last_time_ns = log->last_time_ns, .latest_ns = log->latest_ns, .epoch = log->epoch,
	                               .trim = atomic_load(&log->trim) };
}
/* True if nobody else has the log open, or we hold it so that none of them may write. */
bool srd_log_is_only_writer(const struct srd_log *log);
/* Damage that forbids writing: places that no REPAIR op names. */
size_t srd_log_damages(const struct srd_log *log);
/* True if damage lies before OFFSET with no repair between them; with PREV, if PREV
 * lies in such damage. */
bool srd_log_lacks(const struct srd_log *log, uint64_t offset, uint64_t prev);
/* Takes note of the REPAIR op that METADATA of a commit may begin with.  A commit of
 * our own: call with the store's commit mutex held. */
void srd_log_repaired(struct srd_log *log, const struct srd_record *record, const uint8_t *metadata);
/* All damage known of is repaired.  Commit mutex or exclusive. */
void srd_log_accept(struct srd_log *log);
/* What lies below is known to the byte: the superblock, and its spare if there is one. */
uint64_t srd_log_restorable(const struct srd_log *log);
/* Writes superblock and spare, of which one is sound, as they were.  The log is
 * open exclusively. */
int srd_log_restore(struct srd_log *log);

enum srd_log_news {
	SRD_LOG_NO_NEWS,
	SRD_LOG_NEWS,             /* others have appended, or worse */
	SRD_LOG_LOOK,             /* only a look at the file tells: srd_log_is_behind() */
};
/* Whether there is something to follow, as far as memory tells: with shm it mostly does. */
enum srd_log_news srd_log_news(struct srd_log *log);
/* The same with a look at the file, if that takes one. */
bool srd_log_is_behind(struct srd_log *log);
/* Looks at the file, whatever memory says. */
bool srd_log_looks_behind(struct srd_log *log);

/* ---- origin.c: thread-safe ---- */

/* True if a sound header lies at OFFSET; what it is of may reach past the end of the log. */
bool srd_log_record_at(const struct srd_log *log, uint64_t offset, struct srd_record *record);
/* The record that the op at OFFSET lies in, if its header is not further back than
 * SEARCH_BYTES. */
bool srd_log_record_of(const struct srd_log *log, uint64_t offset, uint64_t search_bytes, struct srd_record *record);
/* True if the op at OFFSET, the last one on an inode, tells of a commit that compaction
 * dropped: *SEQUENCE is its number, and not that of the record. */
bool srd_log_restated(const struct srd_log *log, uint64_t offset, uint64_t *sequence);

/* ---- wait.c: for one thread of a process, which learns of others' appends ---- */

/* Makes ready for it. */
int srd_log_listen(struct srd_log *log);
/* Sleeps until others may have appended (not at all if they have, unless PATIENT: it
 * cannot be followed now); it is for the caller to look. */
void srd_log_wait(struct srd_log *log, bool patient);
/* Ends the sleep, and all to come. */
void srd_log_rouse(struct srd_log *log);

/* False in a child that got the handle by fork(). */
static inline bool srd_log_is_own(const struct srd_log *log)
{
	return !log->own || atomic_load_explicit(log->own, memory_order_relaxed) != 0;
}

/* ---- append.c, lock.c: call with the store's commit mutex held ---- */

/* -EBADF in a child of the process that opened it, -EROFS, SRD_EPOISONED.
 * Takes the append lock (unless kept) and says by *FOLLOW whether the caller must
 * srd_log_follow() before it decides anything. */
int srd_log_lock(struct srd_log *log, bool *follow);
/* Gives the lock to whoever asked for it, else keeps it. */
void srd_log_unlock(struct srd_log *log);
/* Gives the lock back, whoever asks: where there is no thread to yield it, or what
 * others appended could not be followed. */
void srd_log_release(struct srd_log *log);
/* Gives the lock up if another process asks (idle holder's thread); false if it is not
 * time yet: IDLE says that nothing was appended since the last call. */
bool srd_log_yield(struct srd_log *log, bool idle);
/* Takes the place of what lies behind the end with a durable PAD record, as far as
 * the rules allow, and cuts the rest: the end moves.  Lock held. */
int srd_log_prepare(struct srd_log *log);
/* How long the file is, or would be with all that was appended.  Thread-safe. */
uint64_t srd_log_bytes(const struct srd_log *log);
/* Where the next record will lie.  Lock held. */
uint64_t srd_log_next(const struct srd_log *log);
/* Appends a laid-out draft as one record at `end` with one write; on failure no more
 * of it stays than its beginning, for prepare to find.  Lock held.  *RECORD is the
 * header as written. */
int srd_log_append(struct srd_log *log, struct srd_draft *draft, struct srd_record *record);
/* What a record says of itself, where it restates what another log had. */
struct srd_log_stamp {
	uint8_t flags;            /* enum srd_record_flags */
	uint64_t sequence;        /* of a META */
	int64_t time_ns;
};
/* Likewise, as STAMP says. */
int srd_log_append_as(struct srd_log *log, struct srd_draft *draft, const struct srd_log_stamp *stamp,
                      struct srd_record *record);
/* Appends what DAMAGE names in FROM, as one or more records that are damaged: their bytes are as they
 * were, and the metadata, where it can be told, where it was.  Lock held. */
int srd_log_append_damaged(struct srd_log *log, const struct srd_log *from, const struct srd_damage *damage,
                           const struct srd_log_stamp *stamp);
/* Appends a SYNC record if the mark has grown since the last header.  Lock held. */
int srd_log_mark(struct srd_log *log);

/* ---- successor.c: the log that takes this one's place ---- */

/* Begins NEXT, an empty log of the next generation under a name that is nobody's, open
 * and locked for us alone.  -EBUSY: another is at it; -EMLINK: LOG has several links;
 * -EROFS, -EPERM (it could not be the owner's), -ENOSPC: there are no BYTES free (0: not
 * asked).  Follow with replace or abandon, which closes NEXT. */
int srd_log_successor_new(struct srd_log *log, uint64_t bytes, struct srd_log **next);
/* NEXT, which is durable and says all that LOG does, gets LOG's name; LOG ends in SEALED.
 * Append lock of LOG held, and given back; that of NEXT is held still.  On error NEXT is to be abandoned,
 * unless *DONE: then it has the name, but may lose it if power fails now. */
int srd_log_successor_replace(struct srd_log *log, struct srd_log *next, bool *done);
void srd_log_successor_abandon(struct srd_log *log, struct srd_log *next);
/* Removes what who was killed over it has left of such a log, if nobody writes one now. */
void srd_log_successor_sweep(struct srd_log *log);

/* Gives blocks behind the end back to the file system.  Append lock held. */
int srd_log_trim_reserve(struct srd_log *log);

/* ---- use.c: what of the past this handle, and others, may still use.  Thread-safe ---- */

/* Everything, for now: while the log is opened, and by who reads all of it.  Waits for who trims
 * what nobody used; -EBUSY: in vain. */
int srd_log_use_all(struct srd_log *log);
/* From now on what was content when the log ended at OFFSET, or since.  Where OFFSET is
 * lower than before, -EBUSY if that is being trimmed. */
int srd_log_use_since(struct srd_log *log, uint64_t offset);
/* The same, beside what is used already. */
int srd_log_use_also(struct srd_log *log, uint64_t offset);
/* True, once in a while, if that could be told to be later.  Commit mutex held. */
bool srd_log_use_is_stale(struct srd_log *log);
/* What others, and this handle, use began to be so when the log ended there or later; not above UPTO. */
uint64_t srd_log_first_use(struct srd_log *log, uint64_t upto);
/* Nobody comes to use what was no content since UPTO, until it is admitted.  -EBUSY: somebody
 * may. */
int srd_log_use_deny(struct srd_log *log, uint64_t upto);
void srd_log_use_admit(struct srd_log *log, uint64_t upto);

/* ---- sync.c: thread-safe ---- */

/* Everything below UPTO is durable on return.  Group commit: one fdatasync
 * serves all who wait.  Poisons the log when it fails. */
int srd_log_sync(struct srd_log *log, uint64_t upto);

/* ---- lost.c: bytes that the file has no more, or cannot give.  What is left can be
 * read as before; what is gone is SRD_ELOST, and nothing is written any more.
 * Thread-safe. ---- */

enum srd_lost {
	SRD_LOST_NOTHING,
	SRD_LOST_UNSEEN,          /* a fault was caught; follow will see to it */
	SRD_LOST_SEEN,
};

/* Ask after reading: zeros may have been read in the place of what is gone.  Names
 * that were not found, say, may then be there all the same. */
static inline bool srd_log_is_lost(const struct srd_log *log)
{
	srd_guard_order_reads();   /* as srd_guard_is_hit() */
	return atomic_load_explicit(&log->lost, memory_order_relaxed) != SRD_LOST_NOTHING;
}

/* How often something was found to be gone.  Ask before reading and after: as often, and nothing that
 * was read had been put there meanwhile. */
static inline unsigned long srd_log_faults(const struct srd_log *log)
{
	srd_guard_order_reads();
	return atomic_load_explicit(&log->guard.faults, memory_order_relaxed);
}

/* The code of a sync that failed; 0: none has.  Thread-safe. */
static inline int srd_log_sync_error(const struct srd_log *log)
{
	return atomic_load_explicit(&log->sync_error, memory_order_relaxed);
}

enum { SRD_LOSS_TEXT_LEN = 128 };
/* What happened, for people. */
void srd_log_describe_loss(const struct srd_log *log, char text[SRD_LOSS_TEXT_LEN]);

/* ---- trim.c, trimmed.c: payload that was given up.  Thread-safe, but for the note ---- */

/* Takes note of the TRIM op that METADATA of a commit may begin with: what it names is to be
 * looked at again.  A commit of our own: call with the store's commit mutex held. */
void srd_log_note_trim(struct srd_log *log, const struct srd_record *record, const uint8_t *metadata);
/* 1 if some of [OFFSET, OFFSET + LEN) was named by a TRIM that is known of: what does not match
 * there is gone; 0 if not; -ENOMEM. */
int srd_log_is_trimmed(const struct srd_log *log, uint64_t offset, uint64_t len);
/* The next stretch that has blocks on disk: [range->offset, END) is cut to it.  False: none has. */
bool srd_log_next_occupied(const struct srd_log *log, struct srd_range *range, uint64_t end);
/* Takes the blocks of RANGES, whole ones, which a durable TRIM op names. */
int srd_log_punch(const struct srd_log *log, const struct srd_range *ranges, size_t count);
/* Calls VISIT, which does not ask for more of this, for all that was, in order and apart;
 * non-zero ends it. */
int srd_log_trimmed(const struct srd_log *log, int (*visit)(void *user, const struct srd_range *range), void *user);

/* ---- map.c: thread-safe ---- */

/* Calls for the bytes at OFFSET, which nobody has looked at yet: it may be anything. */
static inline void srd_log_prefetch(const struct srd_log *log, uint64_t offset)
{
	__builtin_prefetch((const void *)((uintptr_t)log->map + offset));
}
/* LEN bytes at OFFSET, which must lie below `end`; NULL otherwise. */
const uint8_t *srd_log_at(const struct srd_log *log, uint64_t offset, uint64_t len);
/* [offset, offset + len) will be read soon: the kernel may fetch it meanwhile. */
void srd_log_will_read(const struct srd_log *log, uint64_t offset, uint64_t len);
/* The run at OFFSET; false if there is no sound one, and *RUN is then undefined. */
bool srd_log_run(const struct srd_log *log, uint64_t offset, struct srd_run *run);
/* As srd_log_run() and srd_log_verify() for the first LEN bytes, if the run is short and all is well:
 * most that is asked for is.  False says nothing. */
bool srd_log_small(const struct srd_log *log, uint64_t run, uint32_t len, const uint8_t **data);
/* Why there is none at RUN. */
static inline int srd_log_run_error(const struct srd_log *log, uint64_t run)
{
	return run == SRD_RUN_PRUNED ? SRD_ETRIMMED : srd_log_is_lost(log) ? SRD_ELOST : SRD_ECORRUPT;
}
/* Verifies the blocks of RUN that [skip, skip + len) touches (first touch
 * only): 0, SRD_ECORRUPT, SRD_ETRIMMED or SRD_ELOST.  The payload is then at srd_log_at(run->offset
 * + run->distance + skip). */
int srd_log_verify(struct srd_log *log, const struct srd_run *run, uint32_t skip, uint32_t len);
/* Copies [skip, skip + len) of RUN to TO, verifying on the way. */
int srd_log_copy(struct srd_log *log, const struct srd_run *run, uint32_t skip, uint32_t len, void *to);
/* Likewise, for much that is mostly read once: past the mapping, which then has nothing more of it,
 * and takes a fault for every 16 pages. */
int srd_log_fetch(struct srd_log *log, const struct srd_run *run, uint32_t skip, uint32_t len, void *to);
/* Likewise, whatever was verified before, or need not be: what is copied is going to get
 * checks of its own. */
int srd_log_copy_anew(const struct srd_log *log, const struct srd_run *run, uint32_t skip, uint32_t len, void *to);

#endif
