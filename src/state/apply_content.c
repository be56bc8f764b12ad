/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply_content.c - ops on what one inode holds.
 *
 * One whose inode is unknown is no misfit: another process may write to a file
 * after its last name went.  Where it is still there for its pins, the op counts.
 */
#include "config.h"

#include <sys/stat.h>

#include "base/check.h"
#include "state/apply.h"
#include "state/extents.h"
#include "state/xattrs.h"

/* ---- Attributes and content; INDEX may be gone ---- */

static int set_size(const struct srd_change *change, struct srd_inode *inode, uint64_t size)
{
	uint64_t old = inode->size;

	inode->size = size;
	if (size != old)
		srd_change_tell(change, inode, SRD_MIN(size, old), SRD_FILE_LEN_MAX);
	/* Set to what it was, it still drops what is reserved behind. */
	return size <= old ? srd_extents_punch(change->state, inode, size, SRD_FILE_LEN_MAX) : 0;
}

int srd_apply_setattr(const struct srd_change *change, uint32_t index)
{
	const struct srd_op *op = change->op;
	struct srd_inode *inode = srd_inode_at(change->state, index);
	bool sized = op->mask & SRD_ATTR_SIZE;

	if (sized && !S_ISREG(inode->mode))
		return srd_change_misfit(change);
	srd_change_mark(change, index);
	if (op->mask & SRD_ATTR_MODE)
		inode->mode = (inode->mode & S_IFMT) | (op->mode & 07777);
	if (op->mask & SRD_ATTR_UID)
		inode->uid = op->uid;
	if (op->mask & SRD_ATTR_GID)
		inode->gid = op->gid;
	if (op->mask & SRD_ATTR_ATIME)
		inode->atime_ns = op->atime_ns;
	if (op->mask & SRD_ATTR_MTIME)
		inode->mtime_ns = op->mtime_ns;
	else if (sized)
		inode->mtime_ns = change->now_ns;
	if (op->mask & SRD_ATTR_CTIME)
		inode->ctime_ns = op->ctime_ns;
	if (op->flags & SRD_OP_RESTATED)
		inode->btime_ns = op->btime_ns;
	return sized ? set_size(change, inode, op->size) : 0;
}

/* Puts REF into the file, which grows as needed, if it may. */
static int write_ref(const struct srd_change *change, struct srd_inode *inode, const struct srd_ref *ref, bool grows)
{
	int error = srd_extents_put(change->state, inode, ref);

	if (grows && ref->len > 0)
		inode->size = SRD_MAX(inode->size, ref->pos + ref->len);
	srd_change_tell(change, inode, ref->pos, ref->pos + ref->len);
	return error;
}

static int write_refs(const struct srd_change *change, struct srd_inode *inode)
{
	const struct srd_op *op = change->op;
	int error = 0;

	for (uint64_t i = 0; !error && i < op->ref_count; i++) {
		struct srd_ref ref = srd_op_ref(op->refs, i);
		if (!srd_ref_has_run(&ref))
			ref.skip = 0;
		error = write_ref(change, inode, &ref, !(op->flags & SRD_OP_KEEP_SIZE));
	}
	return error;
}

int srd_apply_content(const struct srd_change *change, uint32_t index)
{
	const struct srd_op *op = change->op;
	struct srd_state *state = change->state;
	struct srd_inode *inode = srd_inode_at(state, index);

	if (!S_ISREG(inode->mode))
		return srd_change_misfit(change);
	srd_change_mark_modified(change, index);
	if (op->kind == SRD_OP_HOLE) {
		srd_change_tell(change, inode, op->pos, op->pos + op->range_len);
		return srd_extents_punch(state, inode, op->pos, op->pos + op->range_len);
	}
	if (op->flags & SRD_OP_REPLACE) {
		srd_extents_clear(state, inode);
		inode->size = 0;
		srd_change_tell(change, inode, 0, SRD_FILE_LEN_MAX);
	}
	if (op->kind == SRD_OP_REFS)
		return write_refs(change, inode);
	struct srd_ref ref = { .pos = op->pos, .run = op->run.offset, .len = op->run.len };
	return write_ref(change, inode, &ref, true);
}

int srd_apply_xattr(const struct srd_change *change, uint32_t index)
{
	bool fits;
	int error = srd_xattrs_change(change->state, srd_inode_at(change->state, index), change->op,
	                              &fits);

	if (!fits)
		return srd_change_misfit(change);
	srd_change_mark(change, index);
	return error;
}
