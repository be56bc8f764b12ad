/* SPDX-License-Identifier: Apache-2.0 */
/*
 * saver.c - one thread for one image: it is started when one is due, and joined
 * before the next is, or at close.
 */
#include "config.h"

#include "store/saver.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/thread.h"
#include "store/image.h"

enum { SHARE_DUE = 8 };

struct srd_saver {
	pthread_t thread;
	bool running;            /* to be joined; protected by the commit mutex */
	atomic_uint busy;        /* cleared by the thread as its last deed */
	atomic_uint stop;
	uint64_t due_ops;        /* protected by the commit mutex */
};

/* How many ops may come behind an image before the next. */
static uint64_t interval(const struct srd_store *store)
{
	uint64_t live = store->state.files + store->state.directories + store->state.others;

	return SRD_MAX(store->save_after_ops, live / SHARE_DUE);
}

static void *run(void *user)
{
	struct srd_store *store = user;
	struct srd_saver *saver = store->saver;
	struct srd_store_image saved;
	struct srd_hold hold = srd_store_hold(store);
	int error = srd_image_save_beside(store, &saver->stop, &saved);

	/* What could not be saved is tried again when as much more has come. */
	srd_mutex_lock(&store->commit_mutex);
	if (!error && store->log == hold.log) {
		store->saved = saved;
		saver->due_ops = saved.ops + interval(store);
	}
	srd_mutex_unlock(&store->commit_mutex);
	srd_hold_drop(&hold);
	/* Release: pairs with the acquire in srd_saver_nudge(). */
	atomic_store_explicit(&saver->busy, 0, memory_order_release);
	return NULL;
}

static void start(struct srd_store *store, struct srd_saver *saver)
{
	saver->due_ops = store->state.ops + interval(store);
	atomic_store(&saver->busy, 1);
	saver->running = srd_thread_start(&saver->thread, run, store, -1) == 0;
	if (!saver->running)
		atomic_store(&saver->busy, 0);
}

void srd_saver_nudge(struct srd_store *store)
{
	struct srd_saver *saver = store->saver;

	if (store->state.ops < (saver ? saver->due_ops : store->saved.ops + store->save_after_ops) || (store->flags & SRD_NOSYNC))
		return;
	if (!saver) {
		saver = store->saver = calloc(1, sizeof *saver);
		if (!saver)
			return;
		saver->due_ops = store->saved.ops + interval(store);
		if (store->state.ops < saver->due_ops)
			return;
	}
	if (atomic_load_explicit(&saver->busy, memory_order_acquire))
		return;
	if (saver->running)
		pthread_join(saver->thread, NULL);
	start(store, saver);
}

void srd_saver_reset(struct srd_store *store)
{
	if (store->saver)
		store->saver->due_ops = store->saved.ops + interval(store);
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
