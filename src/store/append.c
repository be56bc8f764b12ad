/* SPDX-License-Identifier: Apache-2.0 */
/* append.c - the one way into a store's log: all that others wrote is followed first (P1, P8). */
#include "config.h"

#include "store/follow.h"
#include "store/keeper.h"
#include "store/saver.h"
#include "store/use.h"

/* The lock of the log that is the store's when all is followed. */
static int lock_and_follow(struct srd_store *store)
{
	for (;;) {
		/* Not its address, which the successor of the successor may have. */
		uint64_t generation = store->log->sb.generation;
		bool follow = false;
		int error = srd_log_lock(store->log, &follow);
		if (error)
			return error;
		error = srd_store_heal(store);
		if (!error && follow)
			error = srd_store_follow_on(store);
		if (error)
			srd_log_release(store->log);
		if (error || store->log->sb.generation == generation)
			return error;
	}
}

/* Takes what an append needs, all caught up.  Released by srd_store_end().  DAMAGED: never mind
 * damage that is not repaired. */
static int begin_append(struct srd_store *store, bool damaged)
{
	if (store->flags & SRD_RDONLY)
		return -EROFS;
	srd_mutex_lock(&store->commit_mutex);
	int error = atomic_load(&store->broken);
	if (!error)
		error = lock_and_follow(store);
	if (!error) {
		/* Now, not when appending: ops say where they will lie. */
		error = srd_log_prepare(store->log);
		if (error == SRD_EDAMAGED && damaged && !srd_log_is_lost(store->log))
			error = 0;
		/* Kept, it would say that all is followed. */
		if (error)
			srd_log_release(store->log);
	}
	if (error)
		srd_store_let_go(store);
	return error;
}

int srd_store_begin(struct srd_store *store)
{
	return begin_append(store, false);
}

int srd_store_begin_last(struct srd_store *store)
{
	return begin_append(store, true);
}

void srd_store_end(struct srd_store *store)
{
	srd_use_move_on(store, false);
	srd_log_unlock(store->log);
	/* Before the first append there is no thread to hear who asks. */
	if (!store->keeper_running)
		srd_log_release(store->log);
	srd_store_let_go(store);
}

int srd_store_append(struct srd_store *store, struct srd_draft *draft, struct srd_record *record)
{
	int error = srd_log_append(store->log, draft, record);

	if (!error && !store->private) {
		store->appended = true;
		if (!store->is_beside) {
			srd_keeper_nudge(store);
			srd_saver_nudge(store);
		}
	}
	return error;
}
