/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cutoff.h - who compacts is killed, after each of its calls; another who has the store
 * open appends to it and syncs.  Then comes a crash.
 *
 * What is in doubt is the name: whether it leads to the new log, and whether that is durable.
 */
#ifndef CRASH_CUTOFF_H
#define CRASH_CUTOFF_H

#include <stdbool.h>
#include <stdint.h>

/* FULL: more states. */
void explore_cut_off(const char *path, uint64_t seed, bool full);

#endif
