/* SPDX-License-Identifier: Apache-2.0 */
/*
 * move.c - compaction put another log under the store's name: everything that is open
 * goes over to it, and nobody notices.
 *
 *      our log    ...... known ] SEALED       state, pins ---.
 *      successor  BASE .. known ] what is new     state <----+  exchanged under the write side
 *
 * The successor is opened beside, as a store of its own, with its state up to the last
 * commit that is known here: what comes behind is followed, and told of, as ever.  Files
 * that lost their last name and are in use are in no state any more, and nowhere in
 * the new log; they are put there again, without a name, before anybody can miss them.
 *
 * Who holds the old log (pointers, readers, data ahead of its commit) keeps it until it
 * drops it; who is in the middle of the old tables ends there (era.c).
 */
#include "config.h"

#include "store/move.h"

#include "base/thread.h"
#include "state/image.h"
#include "store/beside.h"
#include "store/era.h"
#include "store/image.h"
#include "store/keeper.h"
#include "store/orphans.h"
#include "store/saver.h"
#include "store/warmer.h"

/* What of the store is the log's, or the state's. */
static void exchange(struct srd_store *a, struct srd_store *b)
{
	struct srd_log *log = a->log;
	struct srd_state state = a->state;

	a->log = b->log;
	a->state = b->state;
	b->log = log;
	b->state = state;
	srd_state_moved(&a->state);
	srd_state_moved(&b->state);
	a->image = b->image;
	a->saved = b->saved;
	srd_era_pass(a, b);
}

/* Who was told of what is in use is told of all that changed.  True if that cannot be told one by
 * one. */
static bool put_in_place(struct srd_store *store, struct srd_store *next)
{
	/* Each has its own tables under its eyes. */
	srd_warmer_stop(store);
	srd_warmer_stop(next);
	srd_brlock_write_lock(&store->state_lock);
	bool more = srd_image_carry_pins(&store->state, &next->state);
	next->state.orphans = store->state.orphans;
	store->state.orphans = NULL;
	next->state.losses = store->state.losses;
	store->foreign += next->foreign;
	store->appended |= next->appended;
	store->told |= next->told;
	more &= next->told;
	exchange(store, next);
	srd_brlock_write_unlock(&store->state_lock);
	return more;
}

/* Those who sleep at the old log are to sleep at the new one. */
static void leave(struct srd_store *store, struct srd_log *log)
{
	if (log->rouse_fd >= 0)
		srd_log_rouse(log);
	if (store->keeper_running)
		srd_keeper_ring(store, log);
	srd_log_leave(log);
}

static void *end_era(void *era)
{
	srd_era_leave(era);
	return NULL;
}

/* The last one to leave a log has the kernel forget its file, which takes a while if that is large: so
 * nobody who reads, or waits for the mutex, does that. */
static void let_go(struct srd_store *store, struct srd_era *era)
{
	srd_store_await_leaving(store);
	store->is_leaving = srd_thread_start(&store->leaving, end_era, era, -1) == 0;
	if (!store->is_leaving)
		srd_era_leave(era);
}

void srd_store_await_leaving(struct srd_store *store)
{
	if (store->is_leaving)
		pthread_join(store->leaving, NULL);
	store->is_leaving = false;
}

static int move_to(struct srd_store *store, struct srd_log *successor)
{
	struct srd_store_known known = { .sequence = store->log->sequence };
	struct srd_store *next;
	int error = srd_store_open_beside(store, successor, &known, &next);

	if (error)
		return error;
	next->watch = store->watch;
	next->foreign = 0;
	error = srd_orphans_bring(store, next);
	if (error) {
		srd_store_destroy(next);
		return error;
	}
	known.unknown |= put_in_place(store, next);
	store->told |= known.unknown && store->watch;
	if (known.unknown && store->watch)
		store->watch->all(store->watch->user);
	store->wanted = (struct srd_store_image){ 0 };
	srd_saver_reset(store);
	leave(store, next->log);
	let_go(store, next->era);
	return 0;
}

int srd_store_move(struct srd_store *store)
{
	int error = move_to(store, NULL);

	/* Nothing, or no store, stands there. */
	return error == -ENOENT || error == SRD_ENOTSTORE ? SRD_EREPLACED : error;
}

int srd_store_move_to(struct srd_store *store, struct srd_log *successor)
{
	return move_to(store, successor);
}
