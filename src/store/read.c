/* SPDX-License-Identifier: Apache-2.0 */
/*
 * read.c - the way into a store's state and out again, for who reads it: the read side, and
 * the log held for who needs that alone.
 *
 * Nothing is waited for under the read side: who finds that others have committed steps out,
 * follows, and comes in again.
 */
#include "config.h"

#include "store/follow.h"

static int step_out_to_follow(struct srd_store *store, unsigned stripe)
{
	srd_brlock_read_unlock(&store->state_lock, stripe);
	int error = srd_store_follow(store);
	srd_brlock_read_lock(&store->state_lock, stripe);
	return error;
}

static int step_out_to_look(struct srd_store *store, unsigned stripe)
{
	struct srd_hold hold = srd_store_hold_read(store, stripe);

	srd_brlock_read_unlock(&store->state_lock, stripe);
	bool behind = srd_log_looks_behind(hold.log);
	srd_hold_drop(&hold);
	int error = behind ? srd_store_follow(store) : 0;
	srd_brlock_read_lock(&store->state_lock, stripe);
	return error;
}

static int catch_up(struct srd_store *store, unsigned stripe)
{
	switch (store->frozen ? SRD_LOG_NO_NEWS : srd_log_news(store->log)) {
	case SRD_LOG_NO_NEWS: return 0;
	case SRD_LOG_NEWS: return step_out_to_follow(store, stripe);
	case SRD_LOG_LOOK: return step_out_to_look(store, stripe);
	}
	return 0;
}

int srd_store_read(struct srd_store *store, unsigned *out)
{
	unsigned stripe = srd_brlock_stripe();

	srd_brlock_read_lock(&store->state_lock, stripe);
	int error = catch_up(store, stripe);
	while (!error && srd_store_tables_error(store))
		error = step_out_to_follow(store, stripe);
	if (!error)
		error = atomic_load_explicit(&store->broken, memory_order_relaxed);
	if (error) {
		srd_brlock_read_unlock(&store->state_lock, stripe);
		return error;
	}
	*out = stripe;
	return 0;
}

struct srd_hold srd_store_hold(struct srd_store *store)
{
	unsigned stripe = srd_brlock_stripe();

	srd_brlock_read_lock(&store->state_lock, stripe);
	struct srd_hold hold = srd_store_hold_read(store, stripe);
	srd_brlock_read_unlock(&store->state_lock, stripe);
	return hold;
}

struct srd_hold srd_store_stand_by(struct srd_store *store)
{
	unsigned stripe = srd_brlock_stripe();

	srd_brlock_read_lock(&store->state_lock, stripe);
	struct srd_hold hold = srd_store_hold_read(store, stripe);
	atomic_fetch_add(&hold.log->pins->bystanders, 1);
	hold.bystander = true;
	srd_brlock_read_unlock(&store->state_lock, stripe);
	return hold;
}

int srd_store_done(struct srd_store *store, unsigned stripe)
{
	int bad = srd_store_tables_error(store);

	srd_brlock_read_unlock(&store->state_lock, stripe);
	return bad;
}

int srd_store_absence(const struct srd_store *store, int error)
{
	return srd_log_is_lost(store->log) ? SRD_ELOST : error;
}

bool srd_store_is_lost(struct srd_store *store)
{
	unsigned stripe = srd_brlock_stripe();

	srd_brlock_read_lock(&store->state_lock, stripe);
	bool lost = srd_log_is_lost(store->log);
	srd_brlock_read_unlock(&store->state_lock, stripe);
	return lost;
}

bool srd_store_is_only_writer(struct srd_store *store)
{
	struct srd_hold hold = srd_store_hold(store);
	bool only = srd_log_is_only_writer(hold.log);

	srd_hold_drop(&hold);
	return only;
}

void srd_store_unpin(struct srd_store *store, uint64_t ino, uint32_t count)
{
	unsigned stripe = srd_brlock_stripe();

	srd_brlock_read_lock(&store->state_lock, stripe);
	uint32_t inode = srd_state_inode_of(&store->state, ino);
	bool come_back = inode && srd_state_unpin(&store->state, inode, count, false);
	srd_brlock_read_unlock(&store->state_lock, stripe);
	if (!come_back)
		return;
	srd_mutex_lock(&store->commit_mutex);
	srd_brlock_write_lock(&store->state_lock);
	inode = srd_state_inode_of(&store->state, ino);
	if (inode)
		srd_state_unpin(&store->state, inode, count, true);
	srd_brlock_write_unlock(&store->state_lock);
	srd_mutex_unlock(&store->commit_mutex);
}
