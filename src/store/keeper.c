/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/keeper.h"

#include "base/clock.h"
#include "base/futex.h"
#include "base/thread.h"

enum { SOON_NS = 100 * 1000 };

#define SYNC_BYTES (UINT64_C(64) << 20)

/* The word the keeper sleeps on: shared where others can ask, else our own. */
static atomic_uint *bell(struct srd_store *store, const struct srd_log *log, bool *shared)
{
	*shared = log->shm != NULL;
	return *shared ? &log->shm->page->asks : &store->own_bell;
}

void srd_keeper_ring(struct srd_store *store, const struct srd_log *log)
{
	bool shared;
	atomic_uint *word = bell(store, log, &shared);

	atomic_fetch_add(word, 1);
	srd_futex_wake_all(word, shared);
}

static uint64_t unsynced(const struct srd_log *log)
{
	return atomic_load_explicit(&log->end, memory_order_relaxed) -
	       atomic_load_explicit(&log->durable, memory_order_relaxed);
}

/* An error poisons the log, and so reaches the next who writes or syncs. */
static void sync_if_due(struct srd_store *store, const struct srd_log *log, int64_t *next_ns)
{
	int64_t now_ns = srd_monotonic_ns();

	if (now_ns < *next_ns && unsynced(log) < SYNC_BYTES)
		return;
	*next_ns = now_ns + store->sync_seconds * SRD_NS_PER_SECOND;
	if (!(store->flags & SRD_NOSYNC))
		srd_store_sync(store);
	atomic_store(&store->nudged, 0);
}

/* False if it should be tried again soon.  *END: of the log at the last try. */
static bool yield(struct srd_store *store, uint64_t *end)
{
	srd_mutex_lock(&store->commit_mutex);
	uint64_t now = atomic_load(&store->log->end);
	bool settled = srd_log_yield(store->log, now == *end);
	*end = now;
	srd_mutex_unlock(&store->commit_mutex);
	return settled;
}

static void *keep(void *user)
{
	struct srd_store *store = user;
	const struct timespec interval = { .tv_sec = store->sync_seconds }, soon = { .tv_nsec = SOON_NS };
	int64_t next_sync = srd_monotonic_ns() + store->sync_seconds * SRD_NS_PER_SECOND;
	uint64_t end = 0;

	while (!atomic_load(&store->stopping)) {
		struct srd_hold hold = srd_store_stand_by(store);
		bool shared;
		atomic_uint *word = bell(store, hold.log, &shared);
		/* The word before the look: an ask between both ends the sleep. */
		unsigned seen = atomic_load(word);
		bool settled = yield(store, &end);
		sync_if_due(store, hold.log, &next_sync);
		if (!atomic_load(&store->stopping))
			srd_futex_wait(word, seen, shared, settled ? &interval : &soon);
		srd_hold_drop(&hold);
	}
	return NULL;
}

void srd_keeper_nudge(struct srd_store *store)
{
	if (!store->keeper_running)
		store->keeper_running = srd_thread_start(&store->keeper, keep, store, -1) == 0;
	if (unsynced(store->log) >= SYNC_BYTES && !(store->flags & SRD_NOSYNC) && !atomic_exchange(&store->nudged, 1))
		srd_keeper_ring(store, store->log);
}

void srd_keeper_stop(struct srd_store *store)
{
	if (!store->keeper_running)
		return;
	struct srd_hold hold = srd_store_hold(store);
	atomic_store(&store->stopping, 1);
	srd_keeper_ring(store, hold.log);
	srd_hold_drop(&hold);
	pthread_join(store->keeper, NULL);
	store->keeper_running = false;
}
