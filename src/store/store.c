/* SPDX-License-Identifier: Apache-2.0 */
/* store.c - the handle: what it has from its first moment, what it leaves behind when it is closed. */
#include "config.h"

#include "store/store.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/era.h"
#include "store/image.h"
#include "store/keeper.h"
#include "store/move.h"
#include "store/private.h"
#include "store/saver.h"
#include "store/txn.h"
#include "store/warmer.h"

enum { SYNC_SECONDS = 5, SAVE_AFTER_OPS = 500000 };

int srd_store_log_flags(int flags)
{
	return (flags & SRD_RDONLY ? SRD_LOG_RDONLY : 0) | (flags & SRD_EXCLUSIVE ? SRD_LOG_EXCLUSIVE : 0) |
	       (flags & SRD_SINGLE_WRITER ? SRD_LOG_SINGLE_WRITER : 0) |
	       (flags & SRD_NOCHECK ? SRD_LOG_NOCHECK : 0) | (flags & SRD_BESIDE ? SRD_LOG_BESIDE : 0);
}

static const uint8_t *source_at(const void *log, uint64_t offset, uint64_t len)
{
	return srd_log_at(log, offset, len);
}

static bool source_is_lost(const void *log, uint64_t offset, uint64_t prev)
{
	return srd_log_lacks(log, offset, prev);
}

struct srd_source srd_store_source(const struct srd_log *log)
{
	return (struct srd_source){ .at = source_at, .bytes = log->map, .end = &log->end, .is_lost = source_is_lost,
	                             .user = log };
}

int srd_store_new(const char *path, int flags, struct srd_store **out)
{
	struct srd_store *store = aligned_alloc(_Alignof(struct srd_store), sizeof *store);

	if (!store)
		return -ENOMEM;
	memset(store, 0, sizeof *store);
	store->flags = flags;
	store->sync_seconds = SYNC_SECONDS;
	store->save_after_ops = SAVE_AFTER_OPS;
	store->uid = getuid();
	store->gid = getgid();
	store->path = strdup(path);
	store->txn = calloc(1, sizeof *store->txn);
	if (store->txn) {
		store->txn->store = store;
		srd_draft_init(&store->txn->draft);
	}
	if (!store->path || !store->txn || srd_era_new(store) != 0) {
		srd_store_destroy(store);
		return -ENOMEM;
	}
	*out = store;
	return 0;
}

void srd_store_destroy(struct srd_store *store)
{
	/* In a child there is no such thread. */
	if (store->log && srd_log_is_own(store->log))
		srd_store_await_leaving(store);
	srd_warmer_stop(store);
	if (store->txn) {
		srd_pending_release(store->txn);
		srd_draft_release(&store->txn->draft);
		free(store->txn);
	}
	srd_private_free(store);
	srd_state_release(&store->state);
	/* Values still held keep the mapping, and nothing else, until they go. */
	if (store->borrowed)
		srd_log_unshare(store->log);
	else
		srd_log_close(store->log);
	free(store->era);
	free(store->path);
	free(store);
}

int srd_store_sync(struct srd_store *store)
{
	/* What others have committed is to be durable too. */
	struct srd_hold hold = srd_store_hold(store);
	int follow_error = 0;

	if (!store->frozen && srd_log_is_behind(hold.log)) {
		follow_error = srd_store_follow(store);
		srd_hold_drop(&hold);
		hold = srd_store_hold(store);
	}
	int error = srd_log_sync(hold.log, atomic_load(&hold.log->end));
	srd_hold_drop(&hold);
	return error ? error : follow_error;
}

/* Syncs, and leaves a mark behind, so that the next opening need not check what
 * we know.  The mark is a convenience: nothing is waited for, nor fails, for it. */
static int settle(struct srd_store *store)
{
	int error = srd_store_sync(store);

	if (!error)
		srd_image_save_at_close(store);
	if (!error && store->log->lock_held)
		srd_log_mark(store->log);
	return error;
}

int srd_store_close(struct srd_store *store)
{
	int error = 0;

	if (!store)
		return 0;
	/* A child has neither our thread nor locks of its own. */
	bool own = !store->frozen && srd_log_is_own(store->log);
	if (own) {
		srd_saver_stop(store);
		srd_keeper_stop(store);
	}
	if (own && store->appended && !(store->flags & SRD_NOSYNC))
		error = settle(store);
	else if (own && !store->private)
		srd_image_save_at_close(store);
	srd_era_leave(store->era);
	return error;
}
