/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lost.h - what later ops say of a commit that is lost (FORMAT, section 6).
 *
 * An op that fits the store it was written for may not fit what is left of it: its
 * directory was made by a damaged commit, or what bears its name was removed by one.
 * Each op is preceded by what makes it fit, so that damage costs what the damaged
 * commit said and nothing that came after:
 *
 *     parent or inode that is not there   made, as `#NUMBER` in the root
 *     name that should be free            who has it becomes `#NUMBER`
 *     name that stands for another        the op's inode gets it
 *
 * These names are in no log: a repair renames what bears one.
 */
#ifndef SRD_STATE_LOST_H
#define SRD_STATE_LOST_H

#include "state/apply.h"

enum { SRD_MADE_UP_LEN = 24 };
#define SRD_MADE_UP (UINT64_C(1) << 62)   /* offsets from here on are of made-up names */

/* Gives the names that are made up a table of LEN bytes of STATE's addresses. */
void srd_lost_place(struct srd_state *state, uint64_t len);
/* CHANGE comes after damage: has it fit, as far as can be. */
int srd_lost_reconcile(const struct srd_change *change);
/* The bytes of the made-up name at OFFSET; NULL: there is none. */
const char *srd_lost_name(const struct srd_state *state, uint64_t offset);
/* The I'th made-up name (from 1 on) as the number of an inode that bears it in the
 * root; 0: that is gone.  -1 behind the last. */
int64_t srd_lost_bearer(const struct srd_state *state, uint32_t i);

#endif
