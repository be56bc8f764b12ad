/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retention.c - in two walks over the commits:
 *
 *     count    how many versions each file has, and whom it was replaced by (histories.h)
 *     keep     a state goes along: of each version that is kept, what the file has
 *
 * What is left of all that came is given up.
 */
#include "config.h"

#include "store/retention.h"

#include <sys/stat.h>

#include "base/check.h"
#include "format/ops.h"
#include "format/ranges.h"
#include "store/fold.h"
#include "store/histories.h"

enum { LEN_MIN = 512, PIECE_MAX = 1 << 30 };   /* an op that says that less is gone takes as much */

struct keeping {
	struct srd_retention *retention;
	const struct srd_log *log;
	struct srd_histories histories;
	struct srd_state now, work;
	struct srd_ranges all, own, kept;   /* all that came; what ops brought themselves; what stays */
	bool since;               /* passed */
};

/* ---- Keeping ---- */

static int add_ref(const struct keeping *keeping, struct srd_ranges *to, const struct srd_ref *ref)
{
	uint32_t len;
	uint64_t at = srd_ref_has_run(ref) ? srd_moved_place(keeping->log, ref, 0, &len) : SRD_MOVED_NOWHERE;

	return at < SRD_MOVED_NOWHERE ? srd_ranges_add(to, at, len) : 0;
}

/* What inode INDEX of STATE has. */
static int add_inode(const struct keeping *keeping, struct srd_ranges *to, const struct srd_state *state,
                     uint32_t index)
{
	const struct srd_inode *inode = srd_inode_at(state, index);
	struct srd_ref ref;
	int error = 0;

	if (!S_ISREG(inode->mode))
		return 0;
	for (uint64_t pos = 0; !error && srd_state_extent(state, inode, pos, &ref); pos = ref.pos + ref.len)
		error = add_ref(keeping, to, &ref);
	return error;
}

static int keep_state(struct keeping *keeping, const struct srd_state *state)
{
	int error = 0;

	for (uint32_t i = 1; !error && i < state->inodes.count; i++)
		error = add_inode(keeping, &keeping->kept, state, i);
	return error;
}

/* What OP brought, and whether it is kept. */
static int note_content(struct keeping *keeping, const struct srd_op *op, bool kept)
{
	uint64_t payload = op->run.offset + op->run.distance;
	int error = 0;

	if (srd_history_is_content(op)) {
		error = srd_ranges_add(&keeping->all, payload, op->run.len);
		if (!error)
			error = srd_ranges_add(&keeping->own, payload, op->run.len);
		if (!error && kept)
			error = srd_ranges_add(&keeping->kept, payload, op->run.len);
	}
	for (uint64_t i = 0; !error && i < op->ref_count; i++) {
		struct srd_ref ref = srd_op_ref(op->refs, i);
		error = add_ref(keeping, &keeping->all, &ref);
		if (!error && kept)
			error = add_ref(keeping, &keeping->kept, &ref);
	}
	return error;
}

/* RECORD makes a version.  True if that is kept. */
static bool pass_version(const struct keeping *keeping, struct srd_history *history, const struct srd_record *record)
{
	if (history->record != record->offset) {
		history->record = record->offset;
		history->seen++;
	}
	return keeping->since || history->seen + history->kept > history->count;
}

/* The state is that behind the record. */
static int keep_op(struct keeping *keeping, const struct srd_record *record, const struct srd_op *op)
{
	if (!srd_history_is_version(op))
		return note_content(keeping, op, keeping->since);
	struct srd_history *history = srd_histories_of(&keeping->histories, op->ino);
	if (!history)
		return -ENOMEM;
	bool kept = pass_version(keeping, history, record);
	int error = 0;
	if (kept && !history->marked) {
		uint32_t index = srd_state_inode_of(&keeping->work, op->ino);
		history->marked = true;
		error = index ? add_inode(keeping, &keeping->kept, &keeping->work, index) : 0;
	}
	return error ? error : note_content(keeping, op, kept);
}

static bool is_snapshot(const struct srd_state *now, const struct srd_record *record)
{
	for (uint32_t i = 1; i < now->snapshots.count; i++)
		if (srd_snap_at(now, i)->name_len > 0 && srd_snap_at(now, i)->offset == record->offset)
			return true;
	return false;
}

static int keep(void *user, const struct srd_record *record, const uint8_t *metadata)
{
	struct keeping *keeping = user;
	const struct srd_log_point *since = &keeping->retention->since;
	struct srd_ops ops = srd_ops_of(record, metadata);
	struct srd_op op;
	bool passed = !keeping->since && (record->sequence > since->sequence || record->time_ns > since->time_ns);
	int error = passed || is_snapshot(&keeping->now, record) ? keep_state(keeping, &keeping->work) : 0;

	keeping->since |= passed;
	if (!error)
		error = srd_state_apply(&keeping->work, record, metadata);
	while (!error && srd_ops_next(&ops, &op))
		error = keep_op(keeping, record, &op);
	return error;
}

/* The version that is there to begin with. */
static int keep_first(struct keeping *keeping)
{
	const struct srd_state *state = &keeping->work;
	int error = 0;

	for (uint32_t i = 1; !error && i < state->inodes.count; i++) {
		const struct srd_inode *inode = srd_inode_at(state, i);
		if (!S_ISREG(inode->mode) || inode->size == 0)
			continue;
		struct srd_history *history = srd_histories_of(&keeping->histories, inode->ino);
		if (!history)
			return -ENOMEM;
		history->seen = 1;
		history->marked = history->kept >= history->count;
		if (history->marked)
			error = add_inode(keeping, &keeping->kept, state, i);
		if (!error)
			error = add_inode(keeping, &keeping->all, state, i);
	}
	return error;
}

/* ---- What is given up ---- */

/* What an op brought itself goes with it, or stays, as a whole. */
static int keep_whole(struct keeping *keeping)
{
	struct srd_ranges *own = &keeping->own;
	size_t whole = 0;
	int error = 0;

	for (size_t i = 0; i < own->count; i++)
		if (own->items[i].len < LEN_MIN || srd_ranges_meet(&keeping->kept, own->items[i].offset, own->items[i].len))
			own->items[whole++] = own->items[i];
	for (size_t i = 0; !error && i < whole; i++)
		error = srd_ranges_add(&keeping->kept, own->items[i].offset, own->items[i].len);
	if (!error)
		srd_ranges_join(&keeping->kept);
	return error;
}

static int give_up(struct keeping *keeping, struct srd_moved *moved, uint64_t from, uint64_t to)
{
	int error = 0;

	if (to - from < LEN_MIN)
		return 0;
	keeping->retention->bytes += to - from;
	for (uint32_t len; !error && from < to; from += len) {
		len = (uint32_t)SRD_MIN(to - from, (uint64_t)PIECE_MAX);
		error = srd_moved_put(moved, from, len, SRD_RUN_PRUNED);
	}
	return error;
}

/* What of RANGE nothing that is kept has. */
static int give_up_gaps(struct keeping *keeping, struct srd_moved *moved, const struct srd_range *range)
{
	const struct srd_ranges *kept = &keeping->kept;
	uint64_t at = range->offset, end = range->offset + range->len;
	int error = 0;

	for (size_t i = srd_ranges_behind(kept, at); !error && at < end; i++) {
		struct srd_range next = i < kept->count ? kept->items[i] : (struct srd_range){ .offset = end };
		if (next.offset > at)
			error = give_up(keeping, moved, at, SRD_MIN(next.offset, end));
		at = next.offset + next.len;
	}
	return error;
}

static int give_up_rest(struct keeping *keeping, struct srd_moved *moved)
{
	int error = 0;

	for (size_t i = 0; !error && i < keeping->all.count; i++)
		error = give_up_gaps(keeping, moved, &keeping->all.items[i]);
	return error;
}

static int keep_pieces(struct keeping *keeping, const struct srd_moved *moved)
{
	int error = 0;

	for (size_t i = 0; !error && i < moved->count; i++)
		error = srd_ranges_add(&keeping->kept, moved->pieces[i].at, moved->pieces[i].len);
	return error;
}

/* ---- The walks ---- */

static int walk(const struct keeping *keeping, const struct srd_log_place *from, uint64_t end, srd_log_visit *visit,
                void *user)
{
	struct srd_log_visitor visitor = { .visit = visit, .user = user };
	struct srd_log_point point = srd_point_before(end);

	return srd_log_replay(keeping->log, from, &point, &visitor, NULL);
}

/* Both states are there. */
static int run(struct keeping *keeping, const struct srd_log_place *from, uint64_t end, struct srd_moved *moved)
{
	int error = srd_histories_begin(&keeping->histories, &keeping->work);

	if (!error)
		error = walk(keeping, from, end, srd_histories_count, &keeping->histories);
	if (!error) {
		srd_histories_share_out(&keeping->histories, &keeping->now, keeping->retention->versions);
		error = keep_first(keeping);
	}
	if (!error)
		error = walk(keeping, from, end, keep, keeping);
	if (!error)
		error = keep_state(keeping, &keeping->now);
	if (!error)
		error = keep_pieces(keeping, moved);
	if (error)
		return error;
	srd_ranges_join(&keeping->kept);
	srd_ranges_join(&keeping->all);
	error = keep_whole(keeping);
	return error ? error : give_up_rest(keeping, moved);
}

/* What the log adds up to before OFFSET.  On error there is nothing in *STATE. */
static int fold_before(const struct srd_log *log, uint64_t offset, struct srd_state *state)
{
	struct srd_log_point point = srd_point_before(offset);
	int error = srd_fold(log, &point, NULL, state, NULL);

	if (error == SRD_EDAMAGED)
		srd_state_release(state);
	return error;
}

int srd_retention_apply(struct srd_retention *retention, const struct srd_log *log, const struct srd_log_place *from,
                        const struct srd_log_place *end, struct srd_moved *moved)
{
	struct keeping keeping = { .retention = retention, .log = log };
	int error = fold_before(log, from->end, &keeping.work);

	if (error)
		return error;
	error = fold_before(log, end->end, &keeping.now);
	if (!error) {
		error = run(&keeping, from, end->end, moved);
		srd_state_release(&keeping.now);
	}
	srd_state_release(&keeping.work);
	srd_histories_release(&keeping.histories);
	srd_ranges_release(&keeping.all);
	srd_ranges_release(&keeping.own);
	srd_ranges_release(&keeping.kept);
	return error;
}
