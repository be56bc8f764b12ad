/* SPDX-License-Identifier: Apache-2.0 */
/* apply.h - what the parts of apply share. */
#ifndef SRD_STATE_APPLY_H
#define SRD_STATE_APPLY_H

#include "state/state.h"

struct srd_change {
	struct srd_state *state;
	const struct srd_op *op;
	const struct srd_record *record;   /* that the op is in */
	int64_t now_ns;                /* the record's time */
	uint32_t hash;                 /* of the op's (first) name, if it names an entry */
};

static inline int srd_change_misfit(const struct srd_change *change)
{
	change->state->misfits++;
	return 0;
}

/* Tells who watches that INODE changed, and its bytes from FROM to TO. */
static inline void srd_change_tell(const struct srd_change *change, const struct srd_inode *inode,
                                   uint64_t from, uint64_t to)
{
	const struct srd_watch *watch = change->state->watch;

	if (watch && srd_inode_is_known(change->state, inode))
		watch->inode(watch->user, inode->ino, from, to);
}

/* Tells who watches that the name of LEN bytes at NAME of the log, in DIR, stands for
 * something else. */
static inline void srd_change_tell_name(const struct srd_change *change, uint32_t dir, uint64_t name, uint8_t len)
{
	const struct srd_watch *watch = change->state->watch;
	const struct srd_inode *inode = srd_inode_at(change->state, dir);

	if (!watch || !srd_inode_is_known(change->state, inode))
		return;
	const uint8_t *text = srd_source_at(&change->state->source, name, len);
	if (text)
		watch->entry(watch->user, inode->ino, (const char *)text, len);
}

/* The traces that an op leaves on the inodes it names. */
static inline void srd_change_mark(const struct srd_change *change, uint32_t index)
{
	struct srd_inode *inode = srd_inode_at(change->state, index);

	inode->last_op = change->op->offset;
	inode->ctime_ns = change->now_ns;
	srd_change_tell(change, inode, 0, 0);
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
/* snapshots.c */
int srd_apply_snapshot(const struct srd_change *change);
/* apply_content.c: the op's inode is INODE, which may be gone. */
int srd_apply_setattr(const struct srd_change *change, uint32_t inode);
int srd_apply_xattr(const struct srd_change *change, uint32_t inode);
/* WRITE, REFS and HOLE. */
int srd_apply_content(const struct srd_change *change, uint32_t inode);

#endif
