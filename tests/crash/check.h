/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.h - opens what a crash left behind, as users would, and holds it against
 * the books of the run that was cut off (FORMAT, section 6; promises P3, P5, P6):
 *
 *   - it opens, reading alone and writing, each time with the same content
 *   - that is what was there after some commit, none left out before it
 *   - no commit that an fsync promised is missing
 *   - verify finds nothing, and reading alone changes no byte
 *   - what is to be kept of the past can be read (relics.h), and each commit be looked back at
 *   - it takes a write, seen by who has it open, and holds both when opened again
 *
 * Some states are lived on: the lost steps are done again, as a program would
 * that was told nothing, and then comes a second crash.
 */
#ifndef CRASH_CHECK_H
#define CRASH_CHECK_H

#include "runner.h"
#include "states.h"

struct checker {
	const char *path;         /* where states are put */
	const struct step *steps; /* of the workload; NULL: no second crash */
	const struct runner *books;
	uint64_t seed;
	unsigned second_of;       /* one state in so many meets a second crash; 0: none does */
	uint64_t second_share;    /* of the states after it (struct states_pick) */
	bool quiet;               /* violations are counted only */
	/* What came of it. */
	uint64_t states, dropped, indexed, second_crashes, second_states;
	uint64_t relics;          /* looked at, after the first crashes */
	int violations;
	char complaint[600];      /* the last one */
};

/* A crash_visit(); USER is the checker.  Returns 0, also after a violation. */
int check_state(void *user, const struct crash_state *state);

#endif
