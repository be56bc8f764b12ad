/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "kv/events.h"

int srd_events_tell(const struct srd_events *events, struct srd_event *event)
{
	event->end = events->end;
	return events->call(events->user, event);
}

const char *srd_events_key(struct srd_events *events, uint64_t ino)
{
	struct srd_store *store;
	const char *key = NULL;
	unsigned stripe;

	if (ino == 0 || srd_era_read(events->era, &store, &stripe) != 0)
		return NULL;
	const struct srd_state *state = &store->state;
	uint32_t inode = srd_state_inode_of(state, ino);
	uint32_t dentry = inode ? srd_inode_at(state, inode)->dentry : 0;
	if (dentry == 0 || srd_state_path(state, dentry, events->path, &key) < 0)
		key = NULL;
	srd_store_done(store, stripe);
	return key;
}
