/* SPDX-License-Identifier: Apache-2.0 */
/* apply.h - what the parts of apply share. */
#ifndef SRD_STATE_APPLY_H
#define SRD_STATE_APPLY_H

#include "state/state.h"

struct srd_change {
	struct srd_state *state;
	const struct srd_op *op;
	int64_t now_ns;                /* the record's time */
	uint32_t hash;                 /* of the op's (first) name, if it names an entry */
};

static inline int srd_change_misfit(const struct srd_change *change)
{
	change->state->misfits++;
	return 0;
}

/* The traces that an op leaves on the inodes it names. */
static inline void srd_change_mark(const struct srd_change *change, uint32_t index)
{
	struct srd_inode *inode = srd_inode_at(change->state, index);

	inode->last_op = change->op->offset;
	inode->ctime_ns = change->now_ns;
}

static inline void srd_change_mark_modified(const struct srd_change *change, uint32_t index)
{
	srd_change_mark(change, index);
	srd_inode_at(change->state, index)->mtime_ns = change->now_ns;
}

/* apply_names.c.  These and those below: 0 (also for a misfit), -ENOMEM or SRD_EFULL. */
int srd_apply_make(const struct srd_change *change);
int srd_apply_link(const struct srd_change *change);
int srd_apply_unlink(const struct srd_change *change);
int srd_apply_rename(const struct srd_change *change);
int srd_apply_free(const struct srd_change *change);
/* apply_content.c: the op's inode is INODE, which may be gone. */
int srd_apply_setattr(const struct srd_change *change, uint32_t inode);
int srd_apply_xattr(const struct srd_change *change, uint32_t inode);
/* WRITE, REFS and HOLE. */
int srd_apply_content(const struct srd_change *change, uint32_t inode);

#endif
