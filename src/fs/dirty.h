/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dirty.h - what was written to a file and is not committed yet: pieces in
 * order of position, none overlapping another.
 *
 *     pos:   0        4096            8192            12288
 *            |  memory  |               |   in the log   |
 *            +----------+               +----------------+
 *
 * A piece is in memory, or was spilled: then its bytes lie in a DATA record that
 * no commit names yet.  The latest write wins: it cuts what was there.  Memory
 * that a write continues grows, so a stream of small writes is one piece.
 *
 * No I/O, no locks.  Functions that fail have changed nothing.
 */
#ifndef SRD_FS_DIRTY_H
#define SRD_FS_DIRTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct srd_ref;

struct srd_piece {
	uint64_t pos;            /* in the file */
	uint8_t *memory;         /* NULL: in the log */
	uint64_t run;            /* in the log: offset of its run */
	uint32_t skip, len;      /* the piece is [skip, skip + len) of memory or run */
	uint32_t cap;            /* bytes of memory */
};

struct srd_dirty {
	struct srd_piece *pieces;
	size_t count, cap;
	uint64_t memory_bytes;   /* in memory pieces */
	uint64_t bytes;          /* in all */
};

void srd_dirty_init(struct srd_dirty *dirty);
/* Drops everything; DIRTY may be used again. */
void srd_dirty_clear(struct srd_dirty *dirty);

/* Puts LEN (up to SRD_RUN_LEN_MAX) bytes at POS.  0 or -ENOMEM. */
int srd_dirty_write(struct srd_dirty *dirty, uint64_t pos, const void *data, uint32_t len);
/* Puts the payload of the run at offset RUN of the log, LEN bytes, at POS. */
int srd_dirty_write_run(struct srd_dirty *dirty, uint64_t pos, uint64_t run, uint32_t len);
/* Says that memory piece I is now the run at offset RUN of the log. */
void srd_dirty_spilled(struct srd_dirty *dirty, size_t i, uint64_t run);
/* What lies in the log, as references, of which REFS has room for dirty->count: returns how many. */
size_t srd_dirty_refs(const struct srd_dirty *dirty, struct srd_ref *refs);
/* Drops what lies in [from, to). */
int srd_dirty_cut(struct srd_dirty *dirty, uint64_t from, uint64_t to);

/* Moves what lies from FROM on to TO on, which is not below the end of what lies
 * before. */
int srd_dirty_move(struct srd_dirty *dirty, uint64_t from, uint64_t to);

/* The index of the first piece that ends behind POS; dirty->count: none. */
size_t srd_dirty_find(const struct srd_dirty *dirty, uint64_t pos);

static inline uint64_t srd_piece_end(const struct srd_piece *piece)
{
	return piece->pos + piece->len;
}

static inline const uint8_t *srd_piece_bytes(const struct srd_piece *piece)
{
	return piece->memory + piece->skip;
}

#endif
