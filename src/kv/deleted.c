/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deleted.c - a key that was there, and the commit behind which it was whole.
 *
 *     ... whole | unlink d/a  unlink d/s/b  unlink d/s  unlink d | other commits
 *               ^ the point to go back to                     ^ found by the trace of d's directory
 *
 * A directory goes from the inside out.  So from the op that took its name away the log is
 * walked back, as long as what was below it went within the same minute; but not past anything
 * that came to be below it: what went before that had gone by itself.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/clock.h"
#include "kv/backwards.h"
#include "kv/growset.h"
#include "kv/kv.h"
#include "store/trace.h"

#define PAUSE_NS (60 * SRD_NS_PER_SECOND)   /* between two unlinks of one removal, at most */
enum { VIEWS_MAX = 32 };

/* ---- Where one was whole ---- */

/* True if OP put a name into one of GONE. */
static bool puts_below(const struct srd_op *op, const struct srd_growset *gone)
{
	switch (op->kind) {
	case SRD_OP_MAKE:
	case SRD_OP_LINK:
		return srd_growset_has(gone, op->parent);
	case SRD_OP_RENAME:
		return srd_growset_has(gone, op->new_parent) || (op->flags & SRD_OP_EXCHANGE && srd_growset_has(gone, op->parent));
	default:
		return false;
	}
}

enum found { NOTHING, TAKEN, PUT };

/* What walk->record did below GONE, which grows by what it took away. */
static int look_below(struct srd_backwards *walk, struct srd_growset *gone, enum found *found)
{
	struct srd_op op;
	int error = 0;

	while (!error && *found != PUT && srd_backwards_op(walk, &op)) {
		if (puts_below(&op, gone)) {
			*found = PUT;
		} else if (op.kind == SRD_OP_UNLINK && srd_growset_has(gone, op.parent)) {
			error = srd_growset_add(gone, op.ino);
			*found = TAKEN;
		}
	}
	return error;
}

/* True if not much time passed between the two; a clock may have been set back. */
static bool is_soon(const struct srd_record *record, const struct srd_record *later)
{
	int64_t passed_ns;

	return !__builtin_sub_overflow(later->time_ns, record->time_ns, &passed_ns) && passed_ns <= PAUSE_NS;
}

/* *FIRST becomes the first commit of those that took away directory INO, which the commit at
 * OFFSET ended. */
static int find_first(const struct srd_log *log, uint64_t ino, uint64_t offset, struct srd_record *first)
{
	struct srd_backwards walk = { .log = log };
	struct srd_growset gone = { { 0 }, 0 };
	enum found found = NOTHING;
	int error = srd_growset_add(&gone, ino), more = 1;

	while (!error && found != PUT && (more = srd_backwards_go(&walk, offset)) > 0 && is_soon(&walk.record, first)) {
		found = NOTHING;
		error = look_below(&walk, &gone, &found);
		if (found == TAKEN)
			*first = walk.record;
		offset = walk.record.prev;
	}
	srd_backwards_release(&walk);
	srd_growset_release(&gone);
	return error ? error : SRD_MIN(more, 0);
}

/* The op that took NAME out of directory DIR, last. */
static int find_removal(struct srd_trace *trace, const char *name, size_t len)
{
	int more;

	while ((more = srd_trace_step(trace)) > 0) {
		const struct srd_op *op = &trace->op;
		if (op->kind == SRD_OP_UNLINK && op->parent == trace->ino && op->name_len == len &&
		    memcmp(op->name, name, len) == 0)
			return 0;
	}
	return more < 0 ? more : -ENOENT;
}

/* Where PATH leaves what is there, or at its end: the directory, and the last op on it. */
static void stand_before(const struct srd_state *state, struct srd_path *path, uint64_t *ino, uint64_t *last_op)
{
	uint32_t dir = srd_state_inode_of(state, SRD_ROOT_INO), dentry;

	while (path->rest_len > 0 && (dentry = srd_state_lookup(state, dir, path->name, path->name_len)) != 0 &&
	       srd_inode_is_dir(srd_inode_at(state, srd_dentry_at(state, dentry)->inode))) {
		dir = srd_dentry_at(state, dentry)->inode;
		srd_path_step(path);
	}
	*ino = srd_inode_at(state, dir)->ino;
	*last_op = srd_inode_at(state, dir)->last_op;
}

/* Nothing took the name out of the directory since RECORD made that; in its place there may have
 * been another. */
static int look_before(const struct srd_trace *trace, struct srd_deleted *deleted)
{
	uint64_t whole = srd_backwards_sequence(trace->log, &trace->record);

	if (trace->op.kind != SRD_OP_MAKE || trace->op.ino != trace->ino || whole >= trace->record.sequence)
		return -ENOENT;
	*deleted = (struct srd_deleted){ .sequence = trace->record.sequence, .time_ns = trace->record.time_ns, .whole = whole };
	return 0;
}

/* The last time that PATH, or what it lay in, was taken away, as OF knows it; or a time before which
 * to look. */
static int look_once(struct srd_store *of, struct srd_path *path, struct srd_deleted *deleted)
{
	uint64_t ino, last_op;
	uint32_t mode;
	unsigned stripe;
	int error = srd_store_read(of, &stripe);

	if (error)
		return error;
	stand_before(&of->state, path, &ino, &last_op);
	struct srd_hold hold = srd_store_hold_read(of, stripe);
	error = srd_store_done(of, stripe);
	struct srd_trace trace = srd_trace_from(hold.log, ino, last_op);
	if (!error)
		error = find_removal(&trace, path->name, path->name_len);
	if (error == -ENOENT) {
		error = look_before(&trace, deleted);
	} else if (!error) {
		struct srd_record first = trace.record;
		deleted->sequence = trace.record.sequence;
		deleted->time_ns = trace.record.time_ns;
		error = srd_trace_find_mode(hold.log, trace.op.ino, trace.op.offset, &mode);
		if (!error && S_ISDIR(mode))
			error = find_first(hold.log, trace.op.ino, trace.record.offset, &first);
		deleted->whole = srd_backwards_sequence(hold.log, &first);
	}
	srd_hold_drop(&hold);
	return error;
}

/* *VIEW: STORE behind commit SEQUENCE. */
static int view_of(struct srd_store *store, uint64_t sequence, struct srd_store **view)
{
	char at[24];

	snprintf(at, sizeof at, "%" PRIu64, sequence);
	return srd_store_view(store, at, 0, view);
}

/* A file may have had the name of a directory on the way. */
static bool is_absence(int error)
{
	return error == -ENOENT || error == -ENOTDIR;
}

int srd_find_deleted(struct srd_store *store, const void *key, size_t key_len, struct srd_deleted *out)
{
	struct srd_deleted found = { 0 }, older;
	struct srd_store *view = NULL;
	struct srd_stat st;
	struct srd_path path;
	int error = srd_path_start(&path, key, key_len);

	if (!error)
		error = look_once(store, &path, &found);
	/* Where a directory on the way was taken away, it may have lost the key before. */
	for (int i = 0; !error; i++) {
		error = found.whole > 0 ? view_of(store, found.whole, &view) : -ENOENT;
		if (error)
			break;
		error = srd_stat(view, key, key_len, &st);
		if (!is_absence(error) || i == VIEWS_MAX)
			break;
		srd_path_start(&path, key, key_len);
		error = look_once(view, &path, &older);
		srd_close(view);
		view = NULL;
		if (!error)
			found = older;
	}
	srd_close(view);
	if (error)
		return is_absence(error) ? -ENOENT : error;
	found.key = NULL;
	found.kind = st.kind;
	found.size = st.size;
	*out = found;
	return 0;
}
