/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply.c - the one way in which the state changes: op by op, in the order of
 * the log.
 *
 * Total and the same everywhere (P1): an op that does not fit what is there does
 * nothing and is counted.  All its checks come before its first change.
 */
#include "config.h"

#include "state/apply.h"

#include "base/check.h"
#include "state/lost.h"

static int apply_to_inode(const struct srd_change *change, uint32_t index)
{
	switch (change->op->kind) {
	case SRD_OP_SETATTR: return srd_apply_setattr(change, index);
	case SRD_OP_XATTR: return srd_apply_xattr(change, index);
	case SRD_OP_WRITE:
	case SRD_OP_REFS:
	case SRD_OP_HOLE: return srd_apply_content(change, index);
	default: return srd_change_misfit(change);
	}
}

/* Nothing where the inode is unknown; and where it is gone, but here for its pins,
 * nothing that others would not see. */
static int apply_to_any_inode(const struct srd_change *change)
{
	uint32_t index = srd_state_inode_of(change->state, change->op->ino);
	uint64_t misfits = change->state->misfits;

	if (index == 0)
		return 0;
	int error = apply_to_inode(change, index);
	if (srd_inode_at(change->state, index)->gone)
		change->state->misfits = misfits;
	return error;
}

/* What did not fit is accounted for. */
static int apply_repair(const struct srd_change *change)
{
	uint32_t root = srd_state_inode_of(change->state, SRD_ROOT_INO);

	change->state->misfits = 0;
	srd_inode_at(change->state, root)->last_op = change->op->offset;
	return 0;
}

/* Where compaction dropped commits, what they used up stays so. */
static int apply_next(const struct srd_change *change)
{
	struct srd_state *state = change->state;

	state->next_cookie = change->op->cookie;
	state->next_ino = SRD_MAX(state->next_ino, change->op->next_ino);
	return 0;
}

static int apply_op(const struct srd_change *change)
{
	switch (change->op->kind) {
	case SRD_OP_MAKE: return srd_apply_make(change);
	case SRD_OP_LINK: return srd_apply_link(change);
	case SRD_OP_UNLINK: return srd_apply_unlink(change);
	case SRD_OP_RENAME: return srd_apply_rename(change);
	case SRD_OP_FREE: return srd_apply_free(change);
	case SRD_OP_RUN: return srd_change_misfit(change);
	case SRD_OP_REPAIR: return apply_repair(change);
	case SRD_OP_SNAPSHOT: return srd_apply_snapshot(change);
	case SRD_OP_TRIM: return 0;   /* of what no file has */
	case SRD_OP_NEXT: return apply_next(change);
	default: return apply_to_any_inode(change);
	}
}

/* Ops are decoded some ahead of their turn, and what they will look at is called
 * for, so that the waits for memory overlap. */
enum { AHEAD = 8 };

struct ahead {
	struct srd_op op;
	uint32_t hash;
};

static bool names_entry(enum srd_op_kind kind)
{
	return kind <= SRD_OP_RENAME;
}

static void prepare(const struct srd_state *state, struct ahead *ahead)
{
	const struct srd_op *op = &ahead->op;

	/* A new one is nowhere yet. */
	if (op->ino < state->next_ino)
		srd_state_prefetch_inode(state, op->ino);
	if (!names_entry(op->kind))
		return;
	ahead->hash = srd_state_name_hash(state, op->parent, op->name, op->name_len);
	srd_hashed_prefetch_change(&state->names, ahead->hash);
}

/* Decodes up to AHEAD ops from *AT on and moves it; fewer if the metadata ends
 * there or is unsound. */
static unsigned look_ahead(const struct srd_state *state, const struct srd_record *record,
                           const uint8_t *metadata, uint64_t *at, struct ahead *ahead)
{
	uint64_t start = record->offset + SRD_HEADER_LEN, end = record->offset + record->len;
	unsigned count = 0;

	for (; count < AHEAD && *at < record->meta_len; count++) {
		if (!srd_op_decode(&ahead[count].op, metadata + *at, record->meta_len - *at, start + *at, end))
			break;
		prepare(state, &ahead[count]);
		*at += ahead[count].op.len;
	}
	return count;
}

void srd_state_peek(const struct srd_state *state, const struct srd_record *record, const uint8_t *metadata)
{
	uint64_t offset = record->offset + SRD_HEADER_LEN;
	struct ahead ahead;

	if (srd_op_decode(&ahead.op, metadata, record->meta_len, offset, record->offset + record->len))
		prepare(state, &ahead);
}

int srd_state_apply(struct srd_state *state, const struct srd_record *record,
                    const uint8_t *metadata)
{
	struct srd_change change = { .state = state, .record = record, .now_ns = record->time_ns };
	struct ahead ahead[AHEAD];
	const struct srd_source *source = &state->source;
	bool lost = source->is_lost && source->is_lost(source->user, record->offset, 0);
	int error = 0;

	for (uint64_t at = 0; !error && at < record->meta_len;) {
		unsigned count = look_ahead(state, record, metadata, &at, ahead);
		if (count == 0)
			return srd_change_misfit(&change);
		state->ops += count;
		for (unsigned i = 0; !error && i < count; i++) {
			change.op = &ahead[i].op;
			change.hash = ahead[i].hash;
			if (lost)
				error = srd_lost_reconcile(&change);
			if (!error)
				error = apply_op(&change);
		}
	}
	return error;
}
