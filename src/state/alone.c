/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alone.c - ops as one inode knows them: a state that has it alone, below the root, whatever
 * its names were, with content and attributes as they came to be.
 *
 * What others are is not known there, so of ops on names their traces on the inode are left:
 * how many names it has, and times.
 */
#include "config.h"

#include <sys/stat.h>

#include "state/apply.h"

static int make(const struct srd_change *change)
{
	struct srd_op op = *change->op;
	struct srd_change below_root = *change;

	op.parent = op.parent || S_ISDIR(op.mode) ? SRD_ROOT_INO : 0;
	below_root.op = &op;
	below_root.hash = srd_state_name_hash(change->state, op.parent, op.name, op.name_len);
	return srd_apply_make(&below_root);
}

/* LINK, UNLINK or RENAME, or MAKE of another. */
static void name(const struct srd_change *change, uint32_t index)
{
	const struct srd_op *op = change->op;
	struct srd_inode *inode = srd_inode_at(change->state, index);
	bool loses = op->kind == SRD_OP_UNLINK ? op->ino == inode->ino
	             : op->victim == inode->ino && !(op->flags & SRD_OP_EXCHANGE);

	if (op->ino != inode->ino && op->victim != inode->ino) {
		srd_change_mark_modified(change, index);   /* a directory */
		return;
	}
	srd_change_mark(change, index);
	if (op->kind == SRD_OP_LINK)
		inode->nlink++;
	else if (loses && inode->nlink > 0 && !srd_inode_is_dir(inode))
		inode->nlink--;
}

int srd_state_apply_alone(struct srd_state *state, const struct srd_record *record, const struct srd_op *op,
                          uint64_t ino)
{
	struct srd_change change = { .state = state, .op = op, .record = record, .now_ns = record->time_ns };
	uint32_t index = srd_state_inode_of(state, ino);

	if (op->kind == SRD_OP_MAKE && op->ino == ino)
		return make(&change);
	if (index == 0)
		return srd_change_misfit(&change);
	switch (op->kind) {
	case SRD_OP_MAKE:
	case SRD_OP_LINK:
	case SRD_OP_UNLINK:
	case SRD_OP_RENAME:
		name(&change, index);
		return 0;
	case SRD_OP_SETATTR: return srd_apply_setattr(&change, index);
	case SRD_OP_XATTR: return srd_apply_xattr(&change, index);
	case SRD_OP_WRITE:
	case SRD_OP_REFS:
	case SRD_OP_HOLE: return srd_apply_content(&change, index);
	default: return srd_change_misfit(&change);
	}
}
