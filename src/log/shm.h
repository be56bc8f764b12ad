/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shm.h - NAME.shm, memory shared by the processes of one host that have a log
 * open: who waits for the append lock, whether anything was appended, who holds
 * it alone.  Nothing in it is needed for correctness: without it every operation
 * takes the lock and looks at the file.
 *
 * Each writer owns a slot: an OFD lock on that byte of the shm, which dies with
 * it.  A bit in `waiting` is believed only while its slot is owned.
 */
#ifndef SRD_LOG_SHM_H
#define SRD_LOG_SHM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/guard.h"
#include "base/io.h"
#include "format/superblock.h"

enum { SRD_SHM_SLOTS = 256, SRD_SHM_HOST_LEN = 64 };

struct srd_shm_slot {
	atomic_uint pid;
	atomic_uint exclusive;
	atomic_long since_ns;
	char host[SRD_SHM_HOST_LEN];
};

struct srd_shm_page {
	uint8_t magic[8];
	uint32_t version, len;
	uint8_t uuid[16];
	uint64_t generation;
	_Alignas(64) atomic_ulong appends;   /* one more for each; where it starts means nothing */
	atomic_ulong told;                   /* the end that was told of last */
	atomic_ulong sleeping[SRD_SHM_SLOTS / 64];   /* who is to be woken by the next append */
	atomic_uint bell;                    /* futex: rung for them */
	_Alignas(64) atomic_uint asks;       /* futex: one more for each ask */
	atomic_ulong waiting[SRD_SHM_SLOTS / 64];
	atomic_uint crowd;                   /* somebody without a slot waits */
	atomic_uint turn;                    /* slot + 1 of who is to have the lock next; 0: anybody */
	atomic_uint turns;                   /* futex: one more for each time it was given on */
	_Alignas(64) struct srd_shm_slot slot[SRD_SHM_SLOTS];
};

struct srd_shm {
	struct srd_guard guard;  /* of page: cut short it is of no use, which is no harm */
	int fd;
	int slot;                /* -1: none, only looks on */
	struct srd_shm_page *page;
};

/* Opens the shm of the log NAME in DIR_FD (as IO opens files), whose stat is OF; a writer (not
 * READ_ONLY) makes it where there is none, for all who may write the log.  NULL if
 * there can be none, which is no error: a file of that name that is no shm is left
 * alone. */
struct srd_shm *srd_shm_open(const struct srd_io *io, int dir_fd, const char *name, const struct stat *of,
                             const struct srd_superblock *sb, bool read_only);
void srd_shm_close(struct srd_shm *shm);
/* Takes the file away: nobody else has the log open. */
void srd_shm_remove(const struct srd_io *io, int dir_fd, const char *name);

/* Says that process PID is who has the log open, not this one, which works for it. */
void srd_shm_set_pid(struct srd_shm *shm, unsigned pid);
/* Says that this process holds the log alone. */
void srd_shm_set_exclusive(struct srd_shm *shm);
/* "pid N on HOST since TIME" of who does, or -ENOENT. */
int srd_shm_exclusive_holder(struct srd_shm *shm, char *text, size_t size);

/* Asks the holder for the append lock; _got withdraws it.  For one thread of a
 * process at a time. */
void srd_shm_ask(struct srd_shm *shm);
void srd_shm_got(struct srd_shm *shm);
/* Says that there is something up to END, and wakes who sleeps for it.  The new count. */
uint64_t srd_shm_tell(struct srd_shm *shm, uint64_t end);
/* Before a look whether anything was appended: who appends from now on rings the bell,
 * which is at *SEEN.  False if nobody would (there is no slot to say so in). */
bool srd_shm_listen(struct srd_shm *shm, unsigned *seen);

/* ---- Turns at the append lock ---- */

/* To be read before the lock is tried, so that nothing is missed while it is not had. */
static inline unsigned srd_shm_turns(const struct srd_shm *shm)
{
	return atomic_load(&shm->page->turns);
}
/* True if another process is to have the lock before us. */
bool srd_shm_is_others_turn(const struct srd_shm *shm);
/* Sleeps until it may be our turn, some milliseconds at most.  Who was to have the lock
 * and did not take it in that time, because it is stopped, say, loses its turn until it
 * asks again. */
void srd_shm_await_turn(struct srd_shm *shm, unsigned turns);
/* Says whose turn is next: before the lock is given back, and after. */
void srd_shm_pass_on(struct srd_shm *shm);
void srd_shm_passed_on(struct srd_shm *shm);

/* True if a living process asks; forgets the dead. */
bool srd_shm_is_asked(struct srd_shm *shm);

#endif
