/* SPDX-License-Identifier: Apache-2.0 */
/*
 * saver.c - one thread for one image: it is started when one is due, and joined
 * before the next is, or at close.
 */
#include "config.h"

#include "store/saver.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/thread.h"
#include "store/image.h"

/* What is worth an image at once: what comes while it is saved is a tail as well, in all some
 * million ops, which are replayed in a third of a second.  And what is where the one before is that old. */
enum { SHARE_DUE = 16, SHARE_SOON = 2, SOON_PART = 4 };
#define SOON_NS (30 * SRD_NS_PER_SECOND)

struct srd_saver {
	pthread_t thread;
	bool running;            /* to be joined; protected by the commit mutex */
	atomic_uint busy;        /* cleared by the thread as its last deed */
	atomic_uint stop;
	uint64_t soon_ops, due_ops;   /* protected by the commit mutex */
	int64_t started_ns;      /* likewise */
};

/* How many ops may come behind an image before the next. */
static uint64_t interval(const struct srd_store *store)
{
	uint64_t live = store->state.files + store->state.directories + store->state.others;

	return SRD_MAX(store->save_after_ops, live / SHARE_DUE);
}

/* An image costs what there is: half of that changed, the log has grown by about as much. */
static uint64_t short_interval(const struct srd_store *store)
{
	uint64_t live = store->state.files + store->state.directories + store->state.others;

	return SRD_MIN(interval(store), SRD_MAX(store->save_after_ops / SOON_PART, live / SHARE_SOON));
}

static void plan(struct srd_saver *saver, const struct srd_store *store, uint64_t from_ops)
{
	saver->soon_ops = from_ops + short_interval(store);
	saver->due_ops = from_ops + interval(store);
}

static bool is_due(const struct srd_saver *saver, const struct srd_store *store)
{
	if (store->state.ops < saver->soon_ops)
		return false;
	return store->state.ops >= saver->due_ops || srd_monotonic_ns() - saver->started_ns >= SOON_NS;
}

/* Takes over what was saved of LOG.  True if so much came meanwhile that the next is due:
 * nobody may commit again for long, and who dies then leaves all that to be replayed. */
static bool took_over(struct srd_store *store, const struct srd_log *log, const struct srd_store_image *saved)
{
	struct srd_saver *saver = store->saver;

	srd_mutex_lock(&store->commit_mutex);
	bool ours = store->log == log;
	if (ours) {
		store->saved = *saved;
		plan(saver, store, saved->ops);
	}
	bool due = ours && is_due(saver, store) && !atomic_load(&saver->stop);
	if (due)
		saver->started_ns = srd_monotonic_ns();
	srd_mutex_unlock(&store->commit_mutex);
	return due;
}

static void *run(void *user)
{
	struct srd_store *store = user;
	struct srd_saver *saver = store->saver;
	struct srd_store_image saved;
	struct srd_hold hold = srd_store_hold(store);

	/* What could not be saved is tried again when as much more has come. */
	while (srd_image_save_beside(store, &saver->stop, &saved) == 0 && took_over(store, hold.log, &saved))
		;
	srd_hold_drop(&hold);
	/* Release: pairs with the acquire in srd_saver_nudge(). */
	atomic_store_explicit(&saver->busy, 0, memory_order_release);
	return NULL;
}

static void start(struct srd_store *store, struct srd_saver *saver)
{
	plan(saver, store, store->state.ops);
	saver->started_ns = srd_monotonic_ns();
	atomic_store(&saver->busy, 1);
	saver->running = srd_thread_start(&saver->thread, run, store, -1) == 0;
	if (!saver->running)
		atomic_store(&saver->busy, 0);
}

static struct srd_saver *begin(const struct srd_store *store)
{
	struct srd_saver *saver = calloc(1, sizeof *saver);

	if (saver) {
		saver->started_ns = srd_monotonic_ns();
		plan(saver, store, store->saved.ops);
	}
	return saver;
}

void srd_saver_nudge(struct srd_store *store)
{
	struct srd_saver *saver = store->saver;

	if (store->state.ops < (saver ? saver->soon_ops : store->saved.ops + store->save_after_ops / SOON_PART) ||
	    (store->flags & SRD_NOSYNC))
		return;
	if (!saver)
		saver = store->saver = begin(store);
	if (!saver || !is_due(saver, store) || atomic_load_explicit(&saver->busy, memory_order_acquire))
		return;
	if (saver->running)
		pthread_join(saver->thread, NULL);
	start(store, saver);
}

void srd_saver_reset(struct srd_store *store)
{
	if (store->saver)
		plan(store->saver, store, store->saved.ops);
}

void srd_saver_stop(struct srd_store *store)
{
	struct srd_saver *saver = store->saver;

	if (!saver)
		return;
	atomic_store(&saver->stop, 1);
	if (saver->running)
		pthread_join(saver->thread, NULL);
	free(saver);
	store->saver = NULL;
}
