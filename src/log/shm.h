/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shm.h - NAME.shm, memory shared by the processes of one host that have a log
 * open: who waits for the append lock, how far the log reaches, who holds it
 * alone.  Nothing in it is needed for correctness: without it every operation
 * takes the lock and looks at the file.
 *
 * Each process owns a slot: an OFD lock on that byte of the file, which dies
 * with it.  A bit in `waiting` is believed only while its slot is owned.
 */
#ifndef SRD_LOG_SHM_H
#define SRD_LOG_SHM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "format/superblock.h"

enum { SRD_SHM_SLOTS = 256 };

struct srd_shm_page {
	uint8_t magic[8];
	uint32_t version, len;
	uint8_t uuid[16];
	uint64_t generation;
	_Alignas(64) atomic_ulong end;       /* of the log, as of the last append */
	atomic_uint appends;                 /* futex: one more after each append */
	_Alignas(64) atomic_uint asks;       /* futex: one more for each ask */
	atomic_ulong waiting[SRD_SHM_SLOTS / 64];
	struct {
		atomic_uint pid;
		atomic_uint exclusive;
		atomic_long since_ns;
		char host[64];
	} slot[SRD_SHM_SLOTS];
};

struct srd_shm {
	int fd;
	unsigned slot;
	bool read_only;          /* mapped without write permission */
	struct srd_shm_page *page;
};

/* Opens (and where ALONE makes afresh) the shm of the log NAME in DIR_FD.  END
 * is the log's.  NULL if there can be none; that is no error. */
struct srd_shm *srd_shm_open(int dir_fd, const char *name, const struct srd_superblock *sb,
                             unsigned mode, bool read_only);
void srd_shm_close(struct srd_shm *shm);
/* Says that this process holds the log alone, or no more. */
void srd_shm_set_exclusive(struct srd_shm *shm, bool exclusive);
/* Asks the holder for the append lock; _got withdraws it. */
void srd_shm_ask(struct srd_shm *shm);
void srd_shm_got(struct srd_shm *shm);
/* True if a living process asks. */
bool srd_shm_is_asked(struct srd_shm *shm);
static inline bool srd_shm_has_bits(const struct srd_shm *shm)
{
	unsigned long bits = 0;
	for (unsigned i = 0; i < SRD_SHM_SLOTS / 64; i++)
		bits |= atomic_load_explicit(&shm->page->waiting[i], memory_order_relaxed);
	return bits != 0;
}

#endif
