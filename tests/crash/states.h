/* SPDX-License-Identifier: Apache-2.0 */
/*
 * states.h - every crash state of a recording: for each prefix of the events,
 * all that the pending ones may have left behind.
 *
 *   whole      all, none, size without bytes, size with old bytes
 *   one        each event left out, each event alone, the last ones left out
 *   torn       each write at each multiple of 512 and 4096: its front, its back,
 *              all but one unit; the rest missing, zero or old
 *   subsets    of the pending events, all where they are few
 *   dice       each unit of 512 or 4096 on its own
 *   size       the file cut shorter, or longer by zeros, noise, old bytes
 *   leftovers  beside it, at NAME.new: whole, empty, torn
 *
 * of each file that the store's name may lead to.
 *
 * States are numbered, so that one that fails can be built again.
 */
#ifndef CRASH_STATES_H
#define CRASH_STATES_H

#include "disk.h"

struct crash_state {
	const struct image *image;
	bool there;               /* the store has its name */
	const struct image *next; /* at NAME.new; NULL: nothing is */
	int promised;             /* commits that an fsync has promised; -1: nothing at all */
	size_t done;              /* events behind it */
	uint64_t number;
	const char *what;         /* how it was made */
};

/* Non-zero ends the enumeration with that. */
typedef int crash_visit(void *user, const struct crash_state *state);

struct states_pick {
	uint64_t seed;
	uint64_t share;           /* of the states, in 2^32th; the plainest are always taken */
	uint64_t only;            /* this number alone; 0: all */
};

struct states_count {
	uint64_t made;            /* enumerated */
	uint64_t visited;         /* picked, and no two alike */
};

/* VISIT may be NULL: counts only. */
int states_each(const struct recorder *recorder, const struct states_pick *pick, crash_visit *visit,
                void *user, struct states_count *count);

#endif
