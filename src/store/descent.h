/* SPDX-License-Identifier: Apache-2.0 */
/* descent.h - all names of a state, directory by directory, each in the order of its
 * cookies: a directory when it is entered, before what it holds, and when it is left. */
#ifndef SRD_STORE_DESCENT_H
#define SRD_STORE_DESCENT_H

#include "state/state.h"

struct srd_descent {
	const struct srd_state *state;       /* does not change meanwhile */
	struct srd_descent_level *levels;
	size_t depth, cap;
	uint32_t met;                        /* names so far */
	int error;
};

void srd_descent_init(struct srd_descent *descent, const struct srd_state *state);
void srd_descent_release(struct srd_descent *descent);
/* The next dentry; 0: no more, or descent->error.  *LEAVING: it is a directory, and all
 * in it came before. */
uint32_t srd_descent_next(struct srd_descent *descent, bool *leaving);

#endif
