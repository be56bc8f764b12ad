/* SPDX-License-Identifier: Apache-2.0 */
/*
 * era.c - from one going over to another log (move.c) to the next, the indexes of a store's
 * tables mean the same.  Who goes on by them from one hold of the read side to the next joins
 * the era, and ends in it.
 *
 *     joined here                went over
 *     store  ======== era 1 ======|======== era 2 ===========>
 *                                 '-> frozen, with the log: kept until
 *                                     the last one who joined it leaves
 */
#include "config.h"

#include "store/era.h"

#include <stdlib.h>

int srd_era_new(struct srd_store *store)
{
	struct srd_era *era = malloc(sizeof *era);

	if (!era)
		return -ENOMEM;
	atomic_init(&era->store, store);
	atomic_init(&era->users, 1);
	store->era = era;
	return 0;
}

static void give_to(struct srd_era *era, struct srd_store *store)
{
	store->era = era;
	atomic_store(&era->store, store);
}

void srd_era_pass(struct srd_store *store, struct srd_store *left)
{
	struct srd_era *over = store->era;

	give_to(left->era, store);
	left->frozen = true;
	left->place = srd_log_here(left->log);
	left->watch = NULL;
	/* Last: those who joined go there from now on. */
	give_to(over, left);
}

struct srd_era *srd_era_join(struct srd_store *store)
{
	/* Relaxed: the store is in it, too. */
	atomic_fetch_add_explicit(&store->era->users, 1, memory_order_relaxed);
	return store->era;
}

struct srd_era *srd_era_begin(struct srd_store *store, struct srd_hold *hold)
{
	unsigned stripe = srd_brlock_stripe();

	srd_brlock_read_lock(&store->state_lock, stripe);
	struct srd_era *era = srd_era_join(store);
	*hold = srd_store_hold_read(store, stripe);
	srd_brlock_read_unlock(&store->state_lock, stripe);
	return era;
}

void srd_era_leave(struct srd_era *era)
{
	/* Release: our reads come before the end; acquire: all reads do, if that is ours to bring. */
	if (era && atomic_fetch_sub_explicit(&era->users, 1, memory_order_acq_rel) == 1)
		srd_store_destroy(atomic_load(&era->store));
}

int srd_era_read(const struct srd_era *era, struct srd_store **out, unsigned *stripe)
{
	for (;;) {
		struct srd_store *store = atomic_load(&era->store);
		int error = srd_store_read(store, stripe);
		if (error)
			return error;
		if (store->era == era) {
			*out = store;
			return 0;
		}
		/* Reading made it go over. */
		srd_store_done(store, *stripe);
	}
}
