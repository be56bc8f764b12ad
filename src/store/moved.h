/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moved.h - where payload of a log lies in the one that is written anew.
 *
 * Pieces of the old payload, disjoint and sorted.  Files that share bytes share pieces,
 * so bytes are copied once.
 *
 *     refs     |-----a-----|   |--b--|
 *                   |----c----|
 *     pieces   |-----1-----|-2-|--3--|
 */
#ifndef SRD_STORE_MOVED_H
#define SRD_STORE_MOVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log/log.h"

struct srd_moved_piece {
	uint64_t at;              /* in the old log, of the first byte */
	uint64_t run;             /* in the new log; 0: not copied yet */
	uint32_t len;
	uint32_t skip;            /* into that run */
};

struct srd_moved {
	struct srd_moved_piece *pieces, *wanted;
	size_t count, cap, wanted_count, wanted_cap;
	uint64_t bytes;           /* of all that was asked for */
};

void srd_moved_release(struct srd_moved *moved);
/* [AT, AT + LEN) will be asked for. */
int srd_moved_want(struct srd_moved *moved, uint64_t at, uint32_t len);
/* What is wanted and was not there becomes pieces. */
int srd_moved_settle(struct srd_moved *moved);
/* [AT, AT + LEN), which is in no piece, lies in RUN from its start. */
int srd_moved_put(struct srd_moved *moved, uint64_t at, uint32_t len, uint64_t run);
/* What of [AT, AT + LEN) was given up is asked for again, and copied when it is. */
void srd_moved_revive(struct srd_moved *moved, uint64_t at, uint32_t len);
/* True if all of [AT, AT + LEN) is in pieces. */
bool srd_moved_has(const struct srd_moved *moved, uint64_t at, uint32_t len);
/* The piece that AT lies in, or the first behind; NULL: none. */
struct srd_moved_piece *srd_moved_find(const struct srd_moved *moved, uint64_t at);
/* Where byte INTO of what REF refers to lies in LOG, and *LEN bytes on as far as that is one stretch.
 * Where there is no such run, or none that long, in a place that is none: that is lost, and stays
 * so, and what the run has is not. */
uint64_t srd_moved_place(const struct srd_log *log, const struct srd_ref *ref, uint32_t into, uint32_t *len);
/* Places from here on are none. */
#define SRD_MOVED_NOWHERE (UINT64_C(1) << 62)

#endif
