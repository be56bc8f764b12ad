/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot.c - snapshots as srd.h shows them. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "kv/kv.h"

int srd_snapshot_create(struct srd_store *store, const char *name)
{
	return srd_store_snapshot(store, name);
}

int srd_snapshot_rename(struct srd_store *store, const char *name, const char *new_name)
{
	return srd_store_snapshot_rename(store, name, new_name);
}

int srd_snapshot_delete(struct srd_store *store, const char *name)
{
	return srd_store_snapshot_delete(store, name);
}

static int by_age(const void *a, const void *b)
{
	const struct srd_snapshot *one = a, *other = b;

	return (one->sequence > other->sequence) - (one->sequence < other->sequence);
}

/* One whose name cannot be read is passed over.  Read side held. */
static size_t copy(const struct srd_state *state, struct srd_snapshot *list)
{
	size_t count = 0;

	for (uint32_t i = 1; i < state->snapshots.count; i++) {
		const struct srd_snap *snap = srd_snap_at(state, i);
		const uint8_t *name = snap->name_len ? srd_source_at(&state->source, snap->name, snap->name_len) : NULL;
		if (!name)
			continue;
		list[count] = (struct srd_snapshot){ .sequence = snap->sequence, .time_ns = snap->time_ns };
		memcpy(list[count++].name, name, snap->name_len);
	}
	return count;
}

ssize_t srd_snapshots(struct srd_store *store, struct srd_snapshot **out)
{
	unsigned stripe;
	int error = srd_store_read(store, &stripe);

	if (error)
		return error;
	size_t cap = store->state.snapshots.count;
	struct srd_snapshot *list = malloc((cap + 1) * sizeof *list);
	size_t count = list ? copy(&store->state, list) : 0;
	error = srd_store_done(store, stripe);
	if (!list || error) {
		free(list);
		return list ? error : -ENOMEM;
	}
	qsort(list, count, sizeof *list, by_age);
	*out = list;
	return (ssize_t)count;
}
