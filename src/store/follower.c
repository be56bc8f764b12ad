/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/follower.h"

#include <signal.h>

#include "base/guard.h"

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
	sigset_t all, old;
	int error = srd_log_listen(store->log);

	if (error)
		return error;
	store->watch = watch;
	/* Signals are for the program's own threads. */
	srd_guard_fill_mask(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&store->follower, NULL, follow, store);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	store->following = error == 0;
	return -error;
}

void srd_follower_stop(struct srd_store *store)
{
	if (!store->following)
		return;
	atomic_store(&store->unfollowing, true);
	srd_log_rouse(store->log);
	pthread_join(store->follower, NULL);
	store->following = false;
	pthread_mutex_lock(&store->commit_mutex);
	store->watch = NULL;
	pthread_mutex_unlock(&store->commit_mutex);
}
