/* SPDX-License-Identifier: Apache-2.0 */
/* repair.c - the commit that makes a damaged store one that is written to again. */
#include "config.h"

#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "log/image.h"
#include "state/lost.h"
#include "store/apply.h"
#include "store/image.h"

static int add_repair(struct srd_store *store, struct srd_draft *draft, const struct srd_range *ranges, size_t count)
{
	uint32_t root = srd_state_inode_of(&store->state, SRD_ROOT_INO);
	SRD_AUTO_FREE uint8_t *bytes = malloc(count * SRD_RANGE_LEN + 1);

	if (!bytes)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		srd_range_encode(&ranges[i], bytes + i * SRD_RANGE_LEN);
	struct srd_op op = { .kind = SRD_OP_REPAIR, .ino = SRD_ROOT_INO,
	                     .prev = srd_inode_at(&store->state, root)->last_op, .range_count = count, .ranges = bytes };
	return srd_draft_add(draft, &op, NULL, NULL, NULL);
}

/* What bears a made-up name gets one that the log has. */
static int add_rename(struct srd_store *store, struct srd_draft *draft, uint64_t ino)
{
	const struct srd_state *state = &store->state;
	uint32_t root = srd_state_inode_of(state, SRD_ROOT_INO);
	const struct srd_inode *inode = srd_inode_at(state, srd_state_inode_of(state, ino));
	const struct srd_dentry *dentry = srd_dentry_at(state, inode->dentry);
	char name[64];
	int len = snprintf(name, sizeof name, "lost-%" PRIu64, ino);

	/* A file of that name is somebody's. */
	while (srd_state_lookup(state, root, name, (size_t)len) != 0 && len < (int)sizeof name - 1)
		name[len++] = '-';
	struct srd_op op = { .kind = SRD_OP_RENAME, .ino = ino, .prev = inode->last_op, .parent = SRD_ROOT_INO,
	                     .parent_prev = srd_inode_at(state, root)->last_op, .new_parent = SRD_ROOT_INO,
	                     .new_parent_prev = srd_inode_at(state, root)->last_op,
	                     .name = srd_dentry_name(state, dentry), .name_len = dentry->name_len,
	                     .new_name = name, .new_name_len = (uint8_t)len };
	return srd_draft_add(draft, &op, NULL, NULL, NULL);
}

static int add_renames(struct srd_store *store, struct srd_draft *draft)
{
	int64_t ino;
	int error = 0;

	for (uint32_t i = 1; !error && (ino = srd_lost_bearer(&store->state, i)) >= 0; i++)
		if (ino > 0)
			error = add_rename(store, draft, (uint64_t)ino);
	return error;
}

static int append_repair(struct srd_store *store, const struct srd_range *ranges, size_t count)
{
	struct srd_draft draft;
	struct srd_record record;

	srd_draft_init(&draft);
	srd_draft_start(&draft, SRD_RECORD_META);
	draft.takes_away = true;
	int error = add_repair(store, &draft, ranges, count);
	if (!error)
		error = add_renames(store, &draft);
	if (!error)
		error = srd_state_make_room(&store->state, draft.len);
	if (!error)
		error = srd_store_append(store, &draft, &record);
	if (!error)
		error = srd_store_apply(store, &record, draft.bytes + SRD_HEADER_LEN);
	if (!error)
		srd_log_repaired(store->log, &record, draft.bytes + SRD_HEADER_LEN);
	srd_draft_release(&draft);
	return error;
}

int srd_store_repair(struct srd_store *store, const struct srd_range *ranges, size_t count)
{
	if (!(store->flags & SRD_EXCLUSIVE))
		return -EINVAL;
	int error = srd_log_restore(store->log);
	if (error || (count == 0 && srd_log_damages(store->log) == 0))
		return error;
	/* From now on the state is what the log adds up to, for everybody. */
	if (store->image.offset > 0) {
		error = srd_image_file_remove(store->log);
		if (!error)
			error = srd_image_replace(store);
		if (error)
			return error;
	}
	store->log->repairing = true;
	error = srd_store_begin(store);
	if (!error) {
		error = append_repair(store, ranges, count);
		srd_store_end(store);
	}
	store->log->repairing = false;
	if (!error)
		srd_log_accept(store->log);
	return error ? error : srd_store_sync(store);
}
