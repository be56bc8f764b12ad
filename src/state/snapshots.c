/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshots.c - names for places of the log.  They are few, so they are looked for one by
 * one; and bounded, so that this takes no time even where somebody made as many as can be.
 */
#include "config.h"

#include <string.h>

#include "base/hash.h"
#include "state/apply.h"

static struct srd_snap *snap_at(const struct srd_state *state, uint32_t index)
{
	return srd_table_at(&state->snapshots, index);
}

static uint32_t hash_of(const struct srd_state *state, const char *name, size_t len)
{
	return (uint32_t)srd_hash(name, len, state->hash_seed);
}

static bool is_named(const struct srd_state *state, const struct srd_snap *snap, uint32_t hash, const char *name,
                     size_t len)
{
	if (snap->hash != hash || snap->name_len != len)
		return false;
	const uint8_t *own = srd_source_at(&state->source, snap->name, len);
	return own && memcmp(own, name, len) == 0;
}

uint32_t srd_state_snapshot(const struct srd_state *state, const char *name, size_t len)
{
	uint32_t hash = hash_of(state, name, len);

	for (uint32_t i = 1; len > 0 && i < state->snapshots.count; i++)
		if (is_named(state, snap_at(state, i), hash, name, len))
			return i;
	return 0;
}

static int take_name(const struct srd_change *change, uint32_t index, const char *name, uint8_t len)
{
	struct srd_snap *snap = snap_at(change->state, index);

	snap->name = change->op->name_offset;
	snap->name_len = len;
	snap->hash = hash_of(change->state, name, len);
	return 0;
}

static int add(const struct srd_change *change)
{
	struct srd_table *table = &change->state->snapshots;

	if (table->live >= SRD_SNAPSHOTS_MAX)
		return srd_change_misfit(change);
	uint32_t index = srd_table_alloc(table);
	if (index == 0)
		return srd_table_error(table);
	struct srd_snap *snap = snap_at(change->state, index);
	snap->offset = change->record->offset;
	snap->sequence = change->record->sequence;
	snap->time_ns = change->now_ns;
	return take_name(change, index, change->op->name, change->op->name_len);
}

int srd_apply_snapshot(const struct srd_change *change)
{
	const struct srd_op *op = change->op;
	struct srd_state *state = change->state;
	uint32_t old = srd_state_snapshot(state, op->name, op->name_len);
	bool makes = op->flags == 0, renames = op->flags & SRD_OP_RENAMED;

	/* The only op of its record, so that it stands for all of what came before. */
	if (op->len != change->record->meta_len || (old != 0) == makes ||
	    (renames && srd_state_snapshot(state, op->new_name, op->new_name_len) != 0))
		return srd_change_misfit(change);
	srd_inode_at(state, srd_state_inode_of(state, SRD_ROOT_INO))->last_op = op->offset;
	if (makes)
		return add(change);
	if (renames)
		return take_name(change, old, op->new_name, op->new_name_len);
	srd_table_free(&state->snapshots, old);
	return 0;
}
