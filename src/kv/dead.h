/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dead.h - which blocks of a log hold payload that nobody needs, as a map of bits.
 *
 *     collect      whole blocks of payload that commits below UPTO brought
 *     keep         less what a state, or what was committed since, refers to
 *     next         what is left, and not punched out already
 *
 * DATA that no commit has named may be on its way into one: it is left alone, unless it is
 * known to be ABANDONED.
 */
#ifndef SRD_KV_DEAD_H
#define SRD_KV_DEAD_H

#include "kv/kv.h"

enum { SRD_DEAD_BLOCK = 4096 };

struct srd_dead {
	const struct srd_log *log;
	uint64_t upto;            /* nothing from here on is dead */
	uint64_t *bits;           /* one a block */
	struct srd_dead_data *data;
	size_t data_count, data_cap;
};

/* -ENOMEM. */
int srd_dead_init(struct srd_dead *dead, const struct srd_log *log, uint64_t upto);
void srd_dead_release(struct srd_dead *dead);
/* PROGRESS (may be NULL) is told how far it is.  0, -ENOMEM, or what that says. */
int srd_dead_collect(struct srd_dead *dead, bool abandoned, int (*progress)(void *user, uint64_t at), void *user);
/* Keeps all that STATE, which nobody changes, refers to. */
void srd_dead_keep_state(struct srd_dead *dead, const struct srd_state *state);
/* Keeps what commits from *PLACE up to UPTO refer to, and moves it there. */
int srd_dead_keep_since(struct srd_dead *dead, struct srd_log_place *place, uint64_t upto);
/* The next dead stretch from RANGE->offset on that is no hole; false: no more. */
bool srd_dead_next(const struct srd_dead *dead, struct srd_range *range);

#endif
