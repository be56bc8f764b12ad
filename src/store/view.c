/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view.c - a store as it was: a state of its own, folded up to some point of the log,
 * that never changes.  All that reads a store reads a view as well.
 *
 *     log     ====================|==================> appended to, by the store
 *     view    state up to here ---'    values, content: from the same log
 *     store   state up to the end --------------------'
 */
#include "config.h"

#include <string.h>

#include "base/check.h"
#include "log/overlay.h"
#include "store/fold.h"
#include "store/point.h"
#include "store/store.h"
#include "store/warmer.h"

struct srd_log_place srd_store_here(const struct srd_store *store)
{
	return store->frozen ? store->place : store->private ? store->log->overlay->base : srd_log_here(store->log);
}

/* Turns what people write into a point of STORE's log as it is now.  Commit mutex held. */
static int find(const struct srd_store *store, const char *text, int64_t now_ns, struct srd_log_point *point)
{
	struct srd_log_place here = srd_store_here(store);
	uint32_t snapshot = srd_state_snapshot(&store->state, text, strlen(text));
	struct srd_log_point parsed;

	if (snapshot) {
		*point = srd_point_before(srd_snap_at(&store->state, snapshot)->offset);
		return srd_state_error(&store->state);
	}
	if (!srd_point_parse(text, now_ns, &parsed) || parsed.time_ns < store->log->sb.created_ns ||
	    (parsed.sequence != UINT64_MAX && parsed.sequence > here.sequence))
		return SRD_ENOPAST;
	parsed.upto = here.end;
	*point = parsed;
	return 0;
}

/* Gives STORE, which has no state, that of POINT.  What is damaged before it is missing, as it
 * is now. */
static int freeze(struct srd_store *store, const struct srd_log_point *point)
{
	int error = srd_fold(store->log, point, NULL, &store->state, &store->place);

	store->frozen = true;
	if (!error || error == SRD_EDAMAGED) {
		store->state.still = true;
		return 0;
	}
	store->state = (struct srd_state){ 0 };
	return error;
}

int srd_store_view(struct srd_store *store, const char *text, int64_t now_ns, struct srd_store **out)
{
	struct srd_log_point point;
	struct srd_store *view;
	int error = srd_store_follow(store);

	if (!error)
		error = srd_store_new(store->path, SRD_RDONLY | (store->flags & SRD_NOCHECK), &view);
	if (error)
		return error;
	srd_mutex_lock(&store->commit_mutex);
	error = find(store, text, now_ns, &point);
	if (!error) {
		srd_log_share(store->log);
		view->log = store->log;
		view->borrowed = true;
	}
	srd_mutex_unlock(&store->commit_mutex);
	if (!error)
		error = freeze(view, &point);
	if (!error)
		error = srd_log_use_also(view->log, view->place.end);
	if (error) {
		srd_store_destroy(view);
		return error;
	}
	*out = view;
	return 0;
}

int srd_store_open_at(const char *path, int flags, const struct srd_io *io, const struct srd_progress *progress,
                      const char *text, int64_t now_ns, struct srd_store **out)
{
	struct srd_store *store;
	struct srd_log_point point;

	if (flags & ~(SRD_RDONLY | SRD_NOCHECK))
		return -EINVAL;
	int error = srd_store_open_telling(path, flags | SRD_RDONLY, io, progress, &store);
	if (error)
		return error;
	error = find(store, text, now_ns, &point);
	if (!error) {
		srd_warmer_stop(store);
		srd_state_release(&store->state);
		store->image = (struct srd_store_image){ 0 };
		error = freeze(store, &point);
	}
	if (!error)
		error = srd_log_use_since(store->log, store->place.end);
	if (error) {
		srd_store_close(store);
		return error;
	}
	*out = store;
	return 0;
}
