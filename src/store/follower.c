/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/follower.h"

#include "base/thread.h"

/* A store that cannot be followed any more is told of once: all is different now. */
static void *follow(void *user)
{
	struct srd_store *store = user;
	int error = 0;

	while (error != SRD_EREPLACED) {
		struct srd_hold hold = srd_store_stand_by(store);
		bool stop = atomic_load(&store->unfollowing);
		if (!stop)
			srd_log_wait(hold.log, error != 0);
		srd_hold_drop(&hold);
		if (stop)
			break;
		error = srd_store_follow(store);
	}
	if (error == SRD_EREPLACED)
		store->watch->published(store->watch->user);
	return NULL;
}

void srd_follower_watch(struct srd_store *store, const struct srd_watch *watch)
{
	/* A private view does not want to know. */
	if (!store->private)
		store->watch = watch;
}

int srd_follower_start(struct srd_store *store)
{
	if (store->private)
		return 0;
	int error = srd_log_listen(store->log);

	if (error)
		return error;
	error = srd_thread_start(&store->follower, follow, store, -1);
	store->following = error == 0;
	return error;
}

static void stop(struct srd_store *store)
{
	/* In this order: a log that is not held yet is waited for by nobody who has not seen it. */
	atomic_store(&store->unfollowing, true);
	struct srd_hold hold = srd_store_hold(store);
	srd_log_rouse(hold.log);
	srd_hold_drop(&hold);
	pthread_join(store->follower, NULL);
	store->following = false;
}

void srd_follower_stop(struct srd_store *store)
{
	if (store->following)
		stop(store);
	srd_mutex_lock(&store->commit_mutex);
	store->watch = NULL;
	srd_mutex_unlock(&store->commit_mutex);
}
