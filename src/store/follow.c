/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/follow.h"

#include "store/apply.h"
#include "store/image.h"
#include "store/move.h"
#include "store/use.h"

int srd_store_heal(struct srd_store *store)
{
	return srd_store_tables_error(store) ? srd_image_replace(store) : 0;
}

int srd_store_follow_on(struct srd_store *store)
{
	for (;;) {
		int error = srd_log_follow(store->log, srd_store_visit, store);
		if (error != SRD_EREPLACED)
			return error;
		error = srd_store_move(store);
		if (error == SRD_EREPLACED)
			atomic_store(&store->broken, error);
		if (error)
			return error;
	}
}

void srd_store_let_go(struct srd_store *store)
{
	const struct srd_watch *watch = store->told ? store->watch : NULL;

	store->told = false;
	srd_mutex_unlock(&store->commit_mutex);
	if (watch)
		watch->published(watch->user);
}

int srd_store_follow(struct srd_store *store)
{
	srd_mutex_lock(&store->commit_mutex);
	int error = atomic_load(&store->broken);
	if (!error)
		error = srd_store_heal(store);
	if (!error && !store->frozen && srd_log_is_behind(store->log))
		error = srd_store_follow_on(store);
	if (!error)
		srd_use_move_on(store, false);
	srd_store_let_go(store);
	return error;
}
