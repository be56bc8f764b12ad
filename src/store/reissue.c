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
#include "store/txn.h"

/* Where the time of an inode's last write comes from. */
enum written { BEFORE, BY_COMMIT, AS_TOLD };

struct reissue {
	const struct srd_store *view;
	struct srd_txn *txn;
	struct srd_conflict *conflict;
	const struct srd_brought *brought;
	size_t brought_next;      /* the next of its references, in the order of the ops */
	uint64_t live_first;      /* what the view calls first_ino */
	uint8_t *written;         /* enum written, by position in txn->inodes */
	size_t written_count, written_cap;
};

/* What the store calls INO of the view: both give numbers in order. */
static uint64_t number(const struct reissue *r, uint64_t ino)
{
	uint64_t first = r->view->private->first_ino;

	return ino < first ? ino : ino - first + r->live_first;
}

/* ---- Conflicts ---- */

/* The key of INO into TO; false if it has none. */
static bool key_of(const struct srd_state *state, uint64_t ino, char to[SRD_KEY_MAX + 1])
{
	uint32_t index = srd_state_inode_of(state, ino);
	uint32_t dentry = index ? srd_inode_at(state, index)->dentry : 0;
	char buffer[SRD_KEY_MAX + 1];
	const char *key = "";
	int len = dentry ? srd_state_path(state, dentry, buffer, &key) : 0;

	if (len < 0 || (!dentry && ino != SRD_ROOT_INO))
		return false;
	memcpy(to, key, (size_t)len);
	to[len] = 0;
	return true;
}

/* True if INO has a name in the view that it got there. */
static bool was_named_here(const struct reissue *r, uint64_t ino)
{
	const struct srd_state *state = &r->view->state;
	uint32_t index = srd_state_inode_of(state, ino);
	uint32_t dentry = index ? srd_inode_at(state, index)->dentry : 0;

	return dentry && srd_log_is_over(r->view->log, srd_dentry_at(state, dentry)->name);
}

/* By the name that it had before, as far as that is known still. */
static int clash_inode(const struct reissue *r, uint64_t ino)
{
	const struct srd_state *here = &r->view->state, *there = &r->txn->store->state;
	bool named_here = was_named_here(r, ino);
	char *key = r->conflict->key;

	if (!key_of(named_here ? there : here, ino, key) && !key_of(named_here ? here : there, ino, key))
		snprintf(key, sizeof r->conflict->key, "inode %llu", (unsigned long long)ino);
	return -EBUSY;
}

static int clash_name(const struct reissue *r, uint64_t dir, const char *name, size_t len)
{
	char *key = r->conflict->key;
	bool below = key_of(&r->view->state, dir, key) && key[0];
	size_t at = below ? strlen(key) : 0;

	snprintf(key + at, sizeof r->conflict->key - at, "%s%.*s", below ? "/" : "", (int)len, name);
	return -EBUSY;
}

/* An op that was right in the view fails in the store for what others did; or else for
 * want of something. */
static bool is_clash(int error)
{
	switch (error) {
	case -ENOENT:
	case -EEXIST:
	case -ENOTDIR:
	case -EISDIR:
	case -ENOTEMPTY:
	case -EMLINK:
	case -EINVAL:
	case -EPERM:
	case -ENODATA: return true;
	default: return false;
	}
}

/* True if LAST_OP, in the store's log, is what PREV is in the view's. */
static bool is_same_op(const struct reissue *r, uint64_t prev, uint64_t last_op)
{
	if (!srd_brought_is_moved(r->brought))
		return prev == last_op;
	/* In another log it lies elsewhere; but commits keep their numbers. */
	return srd_brought_sequence(r->view->log, prev) == srd_brought_sequence(r->txn->store->log, last_op);
}

/* INO, of which PREV was the last op, is as it was. */
static int check_inode(const struct reissue *r, uint64_t ino, uint64_t prev)
{
	const struct srd_state *state = &r->txn->store->state;

	if (ino >= r->view->private->first_ino || srd_log_is_over(r->view->log, prev))
		return 0;
	uint32_t index = srd_state_inode_of(state, ino);
	if (!index)
		return clash_inode(r, ino);
	const struct srd_inode *inode = srd_inode_at(state, index);
	return inode->gone || (!srd_inode_is_dir(inode) && !is_same_op(r, prev, inode->last_op)) ? clash_inode(r, ino) : 0;
}

/* NAME in DIR stands for INO (0: nothing). */
static int check_name(const struct reissue *r, uint64_t dir, const char *name, size_t len, uint64_t ino)
{
	struct srd_node node;
	int error = srd_txn_lookup(r->txn, number(r, dir), name, len, &node);

	if (error && !is_clash(error))
		return error;
	bool same = ino ? !error && node.ino == number(r, ino) : error == -ENOENT;
	return same ? 0 : clash_name(r, dir, name, len);
}

/* What somebody relied on is as the view has it.  Where the view has changed it that has
 * been asked before, and both have it by now. */
static int check_expected(const struct reissue *r, const struct srd_expected *expected)
{
	const struct srd_state *state = &r->view->state;
	const char *name = r->view->private->text + expected->text;
	uint32_t index = srd_state_inode_of(state, expected->ino);

	if (!index || srd_inode_at(state, index)->gone)
		return 0;
	if (expected->len == 0)
		return check_inode(r, expected->ino, srd_inode_at(state, index)->last_op);
	uint32_t dentry = srd_state_lookup(state, index, name, expected->len);
	uint64_t ino = dentry ? srd_inode_at(state, srd_dentry_at(state, dentry)->inode)->ino : 0;
	return check_name(r, expected->ino, name, expected->len, ino);
}

static int check_all_expected(const struct reissue *r)
{
	struct srd_private *private = r->view->private;
	SRD_LOCK_GUARD(&private->mutex);
	int error = 0;

	for (size_t i = 0; i < private->expected_count && !error; i++)
		error = check_expected(r, &private->expected[i]);
	return error;
}

/* ---- Names ---- */

static const uint8_t *payload_of(const struct reissue *r, const struct srd_run *run)
{
	return r->view->log->map + run->offset + run->distance;
}

static int make(const struct reissue *r, const struct srd_op *op)
{
	const void *data = op->has_run ? payload_of(r, &op->run) : NULL;
	uint64_t ino;
	int error = op->parent ? check_name(r, op->parent, op->name, op->name_len, 0) : 0;

	if (!error)
		error = srd_txn_make(r->txn, op->parent ? number(r, op->parent) : 0, op->name, op->name_len, op->mode,
		                     op->uid, op->gid, op->rdev, data, data ? op->run.len : 0, &ino);
	return is_clash(error) ? clash_name(r, op->parent, op->name, op->name_len) : error;
}

static int link_once_more(const struct reissue *r, const struct srd_op *op)
{
	int error = check_inode(r, op->ino, op->prev);

	if (!error)
		error = check_name(r, op->parent, op->name, op->name_len, 0);
	if (!error)
		error = srd_txn_link(r->txn, number(r, op->ino), number(r, op->parent), op->name, op->name_len);
	return is_clash(error) ? clash_name(r, op->parent, op->name, op->name_len) : error;
}

static int unlink_once_more(const struct reissue *r, const struct srd_op *op)
{
	int error = check_name(r, op->parent, op->name, op->name_len, op->ino);

	if (!error)
		error = check_inode(r, op->ino, op->prev);
	if (!error)
		error = srd_txn_unlink(r->txn, number(r, op->parent), op->name, op->name_len, -1);
	return is_clash(error) ? clash_name(r, op->parent, op->name, op->name_len) : error;
}

static int rename_once_more(const struct reissue *r, const struct srd_op *op)
{
	unsigned flags = op->flags & SRD_OP_EXCHANGE ? RENAME_EXCHANGE : 0;
	int error = check_name(r, op->parent, op->name, op->name_len, op->ino);

	if (!error)
		error = check_name(r, op->new_parent, op->new_name, op->new_name_len, op->victim);
	if (!error)
		error = check_inode(r, op->ino, op->prev);
	if (!error && op->victim)
		error = check_inode(r, op->victim, op->victim_prev);
	if (!error)
		error = srd_txn_rename(r->txn, number(r, op->parent), op->name, op->name_len, number(r, op->new_parent),
		                       op->new_name, op->new_name_len, flags);
	return is_clash(error) ? clash_name(r, op->new_parent, op->new_name, op->new_name_len) : error;
}

/* ---- Content ---- */

static int set_attr(const struct reissue *r, const struct srd_op *op)
{
	const struct srd_attr attr = { .mask = op->mask, .mode = op->mode, .uid = op->uid, .gid = op->gid,
	                               .size = op->size, .atime_ns = op->atime_ns, .mtime_ns = op->mtime_ns,
	                               .ctime_ns = op->ctime_ns };

	return srd_txn_set_attr(r->txn, number(r, op->ino), &attr);
}

/* Bytes that lie in the overlay, and so in no log that others could read. */
static int write_ref(const struct reissue *r, uint64_t ino, const struct srd_ref *ref, bool replace)
{
	struct srd_run run;

	if (!srd_log_run(r->view->log, ref->run, &run) || !srd_within(ref->skip, ref->len, run.len))
		return SRD_ECORRUPT;
	return srd_txn_write(r->txn, ino, ref->pos, payload_of(r, &run) + ref->skip, ref->len, replace);
}

static int put_refs(const struct reissue *r, const struct srd_op *op, const struct srd_ref *refs, size_t count)
{
	uint64_t ino = number(r, op->ino);
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

static int refer(struct reissue *r, const struct srd_op *op)
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
static int set_xattr(const struct reissue *r, const struct srd_op *op, const void *data)
{
	struct srd_op again = { .kind = SRD_OP_XATTR, .flags = op->flags, .name = op->name, .name_len = op->name_len,
	                        .run.len = op->run.len };
	uint32_t position;

	if (!srd_log_is_over(r->view->log, op->prev))
		return srd_txn_xattr(r->txn, number(r, op->ino), op->name, op->name_len, data, data ? op->run.len : 0);
	int error = srd_pending_touch(r->txn, number(r, op->ino), &position);
	return error ? error : srd_txn_add_inode_op(r->txn, position, &again, data);
}

static int change_inode(struct reissue *r, const struct srd_op *op)
{
	uint64_t ino = number(r, op->ino);
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

static int change(struct reissue *r, const struct srd_op *op)
{
	int error = check_inode(r, op->ino, op->prev);

	if (!error)
		error = change_inode(r, op);
	return is_clash(error) ? clash_inode(r, op->ino) : error;
}

/* ---- Times ---- */

/* Notes where the time of the last write of the op's inode comes from now. */
static int note_written(struct reissue *r, const struct srd_op *op)
{
	bool told = op->kind == SRD_OP_SETATTR && op->mask & SRD_ATTR_MTIME;
	bool writes = op->kind == SRD_OP_MAKE || op->kind == SRD_OP_WRITE || op->kind == SRD_OP_REFS ||
	              op->kind == SRD_OP_HOLE || (op->kind == SRD_OP_SETATTR && op->mask & SRD_ATTR_SIZE);
	uint32_t position;

	if (!told && !writes)
		return 0;
	int error = srd_pending_touch(r->txn, number(r, op->ino), &position);
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
static int keep_time(struct reissue *r, const struct srd_pending_inode *pending)
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

static int keep_times(struct reissue *r)
{
	int error = 0;

	for (size_t i = 0; i < r->written_count && !error; i++)
		if (r->written[i] == BY_COMMIT && !srd_txn_at(r->txn, (uint32_t)i)->gone &&
		    srd_txn_at(r->txn, (uint32_t)i)->nlink > 0)
			error = keep_time(r, srd_txn_at(r->txn, (uint32_t)i));
	return error;
}

/* ---- All of it ---- */

static int reissue_op(struct reissue *r, const struct srd_op *op)
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
	struct reissue r = { .view = view, .txn = txn, .conflict = conflict, .brought = brought,
	                     .live_first = txn->next_ino };
	int error = srd_overlay_walk(view->log, reissue_record, &r);

	if (!error)
		error = check_all_expected(&r);
	if (!error)
		error = keep_times(&r);
	free(r.written);
	return error;
}
