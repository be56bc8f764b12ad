/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/reissue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/check.h"
#include "base/cleanup.h"
#include "format/ops.h"
#include "log/overlay.h"
#include "store/reissuing.h"

/* Where the time of an inode's last write comes from. */
enum written { BEFORE, BY_COMMIT, AS_TOLD };

/* ---- Names ---- */

static const uint8_t *payload_of(const struct srd_reissue *r, const struct srd_run *run)
{
	return r->view->log->map + run->offset + run->distance;
}

static int make(const struct srd_reissue *r, const struct srd_op *op)
{
	const void *data = op->has_run ? payload_of(r, &op->run) : NULL;
	uint64_t ino;
	int error = op->parent ? srd_reissue_check_name(r, op->parent, op->name, op->name_len, 0) : 0;

	if (!error)
		error = srd_txn_make(r->txn, op->parent ? srd_reissue_ino(r, op->parent) : 0, op->name, op->name_len,
		                     op->mode, op->uid, op->gid, op->rdev, data, data ? op->run.len : 0, &ino);
	return srd_reissue_is_clash(error) ? srd_reissue_clash_name(r, op->parent, op->name, op->name_len) : error;
}

static int link_once_more(const struct srd_reissue *r, const struct srd_op *op)
{
	int error = srd_reissue_check_inode(r, op->ino, op->prev);

	if (!error)
		error = srd_reissue_check_name(r, op->parent, op->name, op->name_len, 0);
	if (!error)
		error = srd_txn_link(r->txn, srd_reissue_ino(r, op->ino), srd_reissue_ino(r, op->parent), op->name,
		                     op->name_len);
	return srd_reissue_is_clash(error) ? srd_reissue_clash_name(r, op->parent, op->name, op->name_len) : error;
}

static int unlink_once_more(const struct srd_reissue *r, const struct srd_op *op)
{
	int error = srd_reissue_check_name(r, op->parent, op->name, op->name_len, op->ino);

	if (!error)
		error = srd_reissue_check_inode(r, op->ino, op->prev);
	if (!error)
		error = srd_txn_unlink(r->txn, srd_reissue_ino(r, op->parent), op->name, op->name_len, -1);
	return srd_reissue_is_clash(error) ? srd_reissue_clash_name(r, op->parent, op->name, op->name_len) : error;
}

static int rename_once_more(const struct srd_reissue *r, const struct srd_op *op)
{
	unsigned flags = op->flags & SRD_OP_EXCHANGE ? RENAME_EXCHANGE : 0;
	int error = srd_reissue_check_name(r, op->parent, op->name, op->name_len, op->ino);

	if (!error)
		error = srd_reissue_check_name(r, op->new_parent, op->new_name, op->new_name_len, op->victim);
	if (!error)
		error = srd_reissue_check_inode(r, op->ino, op->prev);
	if (!error && op->victim)
		error = srd_reissue_check_inode(r, op->victim, op->victim_prev);
	if (!error)
		error = srd_txn_rename(r->txn, srd_reissue_ino(r, op->parent), op->name, op->name_len,
		                       srd_reissue_ino(r, op->new_parent), op->new_name, op->new_name_len, flags);
	return srd_reissue_is_clash(error) ? srd_reissue_clash_name(r, op->new_parent, op->new_name, op->new_name_len)
	                                   : error;
}

/* ---- Content ---- */

static int set_attr(const struct srd_reissue *r, const struct srd_op *op)
{
	const struct srd_attr attr = { .mask = op->mask, .mode = op->mode, .uid = op->uid, .gid = op->gid,
	                               .size = op->size, .atime_ns = op->atime_ns, .mtime_ns = op->mtime_ns,
	                               .ctime_ns = op->ctime_ns };

	return srd_txn_set_attr(r->txn, srd_reissue_ino(r, op->ino), &attr);
}

/* Bytes that lie in the overlay, and so in no log that others could read. */
static int write_ref(const struct srd_reissue *r, uint64_t ino, const struct srd_ref *ref, bool replace)
{
	struct srd_run run;

	if (!srd_log_run(r->view->log, ref->run, &run) || !srd_within(ref->skip, ref->len, run.len))
		return SRD_ECORRUPT;
	return srd_txn_write(r->txn, ino, ref->pos, payload_of(r, &run) + ref->skip, ref->len, replace);
}

static int put_refs(const struct srd_reissue *r, const struct srd_op *op, const struct srd_ref *refs, size_t count)
{
	uint64_t ino = srd_reissue_ino(r, op->ino);
	bool replace = op->flags & SRD_OP_REPLACE;
	int error = 0;

	if (op->flags & SRD_OP_KEEP_SIZE)
		return srd_txn_reserve(r->txn, ino, refs, count);
	if (count == 0)
		return srd_txn_refs(r->txn, ino, refs, 0, replace);
	for (size_t i = 0, next = 0; i < count && !error; i = next) {
		while (next < count && !srd_log_is_over(r->view->log, refs[next].run))
			next++;
		if (next > i) {
			error = srd_txn_refs(r->txn, ino, refs + i, next - i, replace);
		} else {
			error = write_ref(r, ino, &refs[i], replace);
			next++;
		}
		replace = false;
	}
	return error;
}

static int refer(struct srd_reissue *r, const struct srd_op *op)
{
	SRD_AUTO_FREE struct srd_ref *refs = malloc(op->ref_count * sizeof *refs + 1);

	if (!refs)
		return -ENOMEM;
	for (uint64_t i = 0; i < op->ref_count; i++) {
		refs[i] = srd_op_ref(op->refs, i);
		if (srd_brought_is_moved(r->brought) && srd_brought_takes(r->view->log, &refs[i]))
			refs[i] = r->brought->refs[r->brought_next++];
	}
	return put_refs(r, op, refs, op->ref_count);
}

/* Whether there is an attribute the transaction asks the state, which does not know of those
 * that the ops before have set: the view did. */
static int set_xattr(const struct srd_reissue *r, const struct srd_op *op, const void *data)
{
	struct srd_op again = { .kind = SRD_OP_XATTR, .flags = op->flags, .name = op->name, .name_len = op->name_len,
	                        .run.len = op->run.len };
	uint32_t position;

	if (!srd_log_is_over(r->view->log, op->prev))
		return srd_txn_xattr(r->txn, srd_reissue_ino(r, op->ino), op->name, op->name_len, data,
		                     data ? op->run.len : 0);
	int error = srd_pending_touch(r->txn, srd_reissue_ino(r, op->ino), &position);
	return error ? error : srd_txn_add_inode_op(r->txn, position, &again, data);
}

static int change_inode(struct srd_reissue *r, const struct srd_op *op)
{
	uint64_t ino = srd_reissue_ino(r, op->ino);
	const void *data = op->has_run ? payload_of(r, &op->run) : NULL;

	switch (op->kind) {
	case SRD_OP_SETATTR: return set_attr(r, op);
	case SRD_OP_WRITE: return srd_txn_write(r->txn, ino, op->pos, data, op->run.len, op->flags & SRD_OP_REPLACE);
	case SRD_OP_REFS: return refer(r, op);
	case SRD_OP_HOLE: return srd_txn_hole(r->txn, ino, op->pos, op->range_len);
	case SRD_OP_XATTR: return set_xattr(r, op, data);
	case SRD_OP_FREE: return srd_txn_free(r->txn, ino);
	default: return -EOPNOTSUPP;
	}
}

static int change(struct srd_reissue *r, const struct srd_op *op)
{
	int error = srd_reissue_check_inode(r, op->ino, op->prev);

	if (!error)
		error = change_inode(r, op);
	return srd_reissue_is_clash(error) ? srd_reissue_clash_inode(r, op->ino) : error;
}

/* ---- Times ---- */

/* Notes where the time of the last write of the op's inode comes from now. */
static int note_written(struct srd_reissue *r, const struct srd_op *op)
{
	bool told = op->kind == SRD_OP_SETATTR && op->mask & SRD_ATTR_MTIME;
	bool writes = op->kind == SRD_OP_MAKE || op->kind == SRD_OP_WRITE || op->kind == SRD_OP_REFS ||
	              op->kind == SRD_OP_HOLE || (op->kind == SRD_OP_SETATTR && op->mask & SRD_ATTR_SIZE);
	uint32_t position;

	if (!told && !writes)
		return 0;
	int error = srd_pending_touch(r->txn, srd_reissue_ino(r, op->ino), &position);
	if (!error)
		error = srd_array_reserve(&r->written, &r->written_cap, r->txn->inode_count, 1);
	if (error)
		return error;
	memset(r->written + r->written_count, BEFORE, r->txn->inode_count - r->written_count);
	r->written_count = r->txn->inode_count;
	r->written[position] = told ? AS_TOLD : BY_COMMIT;
	return 0;
}

/* As the view showed it. */
static int keep_time(struct srd_reissue *r, const struct srd_pending_inode *pending)
{
	uint64_t first = r->view->private->first_ino;
	bool made = pending->ino >= r->live_first;
	uint32_t index = srd_state_inode_of(&r->view->state, made ? pending->ino - r->live_first + first : pending->ino);

	if (!index)
		return 0;
	const struct srd_inode *inode = srd_inode_at(&r->view->state, index);
	struct srd_attr attr = { .mask = SRD_ATTR_MTIME | (made ? SRD_ATTR_ATIME : 0), .mtime_ns = inode->mtime_ns,
	                         .atime_ns = inode->atime_ns };
	return srd_txn_set_attr(r->txn, pending->ino, &attr);
}

static int keep_times(struct srd_reissue *r)
{
	int error = 0;

	for (size_t i = 0; i < r->written_count && !error; i++)
		if (r->written[i] == BY_COMMIT && !srd_txn_at(r->txn, (uint32_t)i)->gone &&
		    srd_txn_at(r->txn, (uint32_t)i)->nlink > 0)
			error = keep_time(r, srd_txn_at(r->txn, (uint32_t)i));
	return error;
}

/* ---- All of it ---- */

static int reissue_op(struct srd_reissue *r, const struct srd_op *op)
{
	int error;

	switch (op->kind) {
	case SRD_OP_MAKE: error = make(r, op); break;
	case SRD_OP_LINK: error = link_once_more(r, op); break;
	case SRD_OP_UNLINK: error = unlink_once_more(r, op); break;
	case SRD_OP_RENAME: error = rename_once_more(r, op); break;
	default: error = change(r, op); break;
	}
	return error ? error : note_written(r, op);
}

static int reissue_record(void *user, const struct srd_record *record, const uint8_t *metadata)
{
	struct srd_ops ops = srd_ops_of(record, metadata);
	struct srd_op op;
	int error = 0;

	while (!error && srd_ops_next(&ops, &op))
		error = reissue_op(user, &op);
	return error ? error : srd_ops_are_through(&ops) ? 0 : SRD_ECORRUPT;
}

int srd_reissue(const struct srd_store *view, struct srd_txn *txn, const struct srd_brought *brought,
                struct srd_conflict *conflict)
{
	struct srd_reissue r = { .view = view, .txn = txn, .conflict = conflict, .brought = brought,
	                     .live_first = txn->next_ino };
	int error = srd_overlay_walk(view->log, reissue_record, &r);

	if (!error)
		error = srd_reissue_check_expected(&r);
	if (!error)
		error = keep_times(&r);
	free(r.written);
	return error;
}
