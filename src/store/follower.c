/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/follower.h"


#include "base/thread.h"

/* A store that cannot be followed any more is told of once: all is different now. */
static void *follow(void *user)
{
	struct srd_store *store = user;
	int error = 0;

	while (!atomic_load(&store->unfollowing) && error != SRD_EREPLACED) {
		srd_log_wait(store->log, error != 0);
		error = srd_store_follow(store);
	}
	if (error == SRD_EREPLACED)
		store->watch->published(store->watch->user);
	return NULL;
}

int srd_follower_start(struct srd_store *store, const struct srd_watch *watch)
{
	int error = srd_log_listen(store->log);

	if (error)
		return error;
	store->watch = watch;
	error = srd_thread_start(&store->follower, follow, store, -1);
	store->following = error == 0;
	return error;
}

void srd_follower_stop(struct srd_store *store)
{
	if (!store->following)
		return;
	atomic_store(&store->unfollowing, true);
	srd_log_rouse(store->log);
	pthread_join(store->follower, NULL);
	store->following = false;
	srd_mutex_lock(&store->commit_mutex);
	store->watch = NULL;
	srd_mutex_unlock(&store->commit_mutex);
}
