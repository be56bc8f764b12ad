/* SPDX-License-Identifier: Apache-2.0 */
/* chance.h - a workload that nobody thought of: steps drawn by lot, all of which
 * a store must be able to do. */
#ifndef CRASH_CHANCE_H
#define CRASH_CHANCE_H

#include "step.h"

enum { CHANCE_STEPS = 40 };

/* The same steps for the same SEED; they end with STEP_END. */
void chance_draw(uint64_t seed, struct step steps[CHANCE_STEPS + 8]);

#endif
