/* SPDX-License-Identifier: Apache-2.0 */
/* handle.c - the open store as srd.h shows it. */
#include "config.h"

#include "kv/kv.h"

#include <string.h>

#include "base/clock.h"

int srd_open(const char *path, int flags, struct srd_store **store)
{
	return srd_store_open(path, flags, NULL, store);
}

int srd_open_telling(const char *path, int flags, void (*progress)(void *user, uint64_t done, uint64_t total),
                     void *user, struct srd_store **store)
{
	struct srd_progress telling = { .tell = progress, .user = user };

	return srd_store_open_telling(path, flags, NULL, &telling, store);
}

int srd_open_at(const char *path, int flags, const char *at, struct srd_store **store)
{
	return srd_store_open_at(path, flags, NULL, NULL, at, srd_wall_ns(), store);
}

int srd_view(struct srd_store *store, const char *at, struct srd_store **view)
{
	return srd_store_view(store, at, srd_wall_ns(), view);
}

int srd_close(struct srd_store *store)
{
	return store ? srd_store_close(store) : 0;
}

int srd_sync(struct srd_store *store)
{
	return srd_store_sync(store);
}

int srd_catch_faults(void)
{
	return srd_guard_catch();
}

int srd_holder(const char *path, char *text, size_t size)
{
	return srd_log_holder(path, NULL, text, size);
}

static void fill_from_state(const struct srd_state *state, struct srd_info *info)
{
	info->files = state->files;
	info->directories = state->directories;
	info->others = state->others;
	info->live_bytes = state->live_bytes;
	info->misfits = state->misfits;
	info->memory_bytes = srd_state_memory_bytes(state);
}

/* Call with the commit mutex held, which keeps the end where it is. */
static void fill_from_log(const struct srd_store *store, struct srd_info *info)
{
	const struct srd_log *log = store->log;
	struct srd_log_place place = srd_store_here(store);

	memcpy(info->uuid, log->sb.uuid, sizeof info->uuid);
	info->version = log->sb.version;
	info->generation = log->sb.generation;
	info->created_ns = log->sb.created_ns;
	info->end = place.end;
	info->durable = atomic_load(&log->durable);
	info->sequence = place.sequence;
	info->last_commit_ns = place.last_time_ns;
	info->dropped_bytes = log->dropped;
	info->damaged_records = srd_log_damages(log);
}

/* Likewise. */
static void fill_from_image(const struct srd_store *store, struct srd_info *info)
{
	if (store->saved.offset == 0)
		return;
	info->image_bytes = store->saved.bytes;
	info->image_offset = store->saved.offset;
	info->image_tail = store->state.ops - store->saved.ops;
	info->image_saved_ns = store->saved.saved_ns;
}

int srd_info(struct srd_store *store, struct srd_info *info)
{
	struct srd_info filled = { 0 };
	struct stat st;
	unsigned stripe;
	int error = srd_store_read(store, &stripe);

	if (error)
		return error;
	fill_from_state(&store->state, &filled);
	srd_store_done(store, stripe);
	srd_mutex_lock(&store->commit_mutex);
	fill_from_image(store, &filled);
	fill_from_log(store, &filled);
	error = fstat(store->log->fd, &st) < 0 ? srd_errno() : 0;
	filled.read_only = (store->flags & SRD_RDONLY) || filled.damaged_records > 0 || srd_log_is_lost(store->log);
	srd_mutex_unlock(&store->commit_mutex);
	if (error)
		return error;
	filled.file_bytes = (uint64_t)st.st_size;
	*info = filled;
	return 0;
}
