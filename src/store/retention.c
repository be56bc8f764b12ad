/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retention.c - in two walks over the commits:
 *
 *     count    how many versions each file has, and whom it was replaced by
 *     keep     a state goes along: of each version that is kept, what the file has
 *
 * What is left of all that came is given up.
 */
#include "config.h"

#include "store/retention.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/check.h"
#include "format/ops.h"
#include "store/fold.h"

enum { LEN_MIN = 512, PIECE_MAX = 1 << 30 };   /* an op that says that less is gone takes as much */

struct ranges {
	struct srd_range *items;
	size_t count, cap;
};

struct history {
	uint64_t ino, heir;       /* ino 0: free; heir: who took its name, 0: nobody */
	uint64_t record;          /* that the last version counted is of */
	uint32_t count, seen;     /* versions: in all, until now */
	uint32_t kept;            /* so many of the last */
	bool marked;              /* what it had at the first of these is kept */
};

struct keeping {
	struct srd_retention *retention;
	const struct srd_log *log;
	struct history *table;    /* open addressing */
	size_t cap, used;
	struct srd_state now, work;
	struct ranges all, own, kept;
	bool since;               /* passed */
	int error;
};

/* ---- Ranges ---- */

static int add_range(struct ranges *ranges, uint64_t offset, uint64_t len)
{
	int error = srd_array_reserve(&ranges->items, &ranges->cap, ranges->count + 1, sizeof *ranges->items);

	if (!error)
		ranges->items[ranges->count++] = (struct srd_range){ .offset = offset, .len = len };
	return error;
}

static int by_offset(const void *a, const void *b)
{
	const struct srd_range *x = a, *y = b;

	return (x->offset > y->offset) - (x->offset < y->offset);
}

/* In order, and apart. */
static void join(struct ranges *ranges)
{
	size_t to = 0;

	if (ranges->count > 0)
		qsort(ranges->items, ranges->count, sizeof *ranges->items, by_offset);
	for (size_t i = 0; i < ranges->count; i++) {
		struct srd_range *last = to > 0 ? &ranges->items[to - 1] : NULL, next = ranges->items[i];
		if (last && next.offset <= last->offset + last->len)
			last->len = SRD_MAX(last->len, next.offset + next.len - last->offset);
		else
			ranges->items[to++] = next;
	}
	ranges->count = to;
}

/* The first of RANGES, which are joined, that ends behind AT. */
static size_t first_behind(const struct ranges *ranges, uint64_t at)
{
	size_t low = 0, high = ranges->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (ranges->items[middle].offset + ranges->items[middle].len <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* ---- Histories ---- */

static struct history *slot_of(struct history *table, size_t cap, uint64_t ino)
{
	size_t at = (size_t)(ino * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (cap - 1);

	while (table[at].ino != 0 && table[at].ino != ino)
		at = (at + 1) & (cap - 1);
	return &table[at];
}

static int grow(struct keeping *keeping)
{
	size_t cap = keeping->cap ? 2 * keeping->cap : 1024;
	struct history *larger = calloc(cap, sizeof *larger);

	if (!larger)
		return -ENOMEM;
	for (size_t i = 0; i < keeping->cap; i++)
		if (keeping->table[i].ino)
			*slot_of(larger, cap, keeping->table[i].ino) = keeping->table[i];
	free(keeping->table);
	keeping->table = larger;
	keeping->cap = cap;
	return 0;
}

/* That of INO, made if there is none; NULL: no memory. */
static struct history *history_of(struct keeping *keeping, uint64_t ino)
{
	if (2 * (keeping->used + 1) > keeping->cap && (keeping->error = grow(keeping)) != 0)
		return NULL;
	struct history *history = slot_of(keeping->table, keeping->cap, ino);
	keeping->used += history->ino == 0;
	history->ino = ino;
	return history;
}

/* ---- Counting ---- */

static bool has_content(const struct srd_op *op)
{
	return op->has_run && op->run.len > 0 &&
	       (op->kind == SRD_OP_WRITE || (op->kind == SRD_OP_MAKE && S_ISREG(op->mode)));
}

/* True if OP makes a version of the file that it is on.  One that empties it does not: what
 * comes next will. */
static bool is_version(const struct srd_op *op)
{
	switch (op->kind) {
	case SRD_OP_MAKE:
		return has_content(op);
	case SRD_OP_WRITE:
	case SRD_OP_HOLE:
		return true;
	case SRD_OP_REFS:
		return !(op->flags & SRD_OP_KEEP_SIZE);
	case SRD_OP_SETATTR:
		return (op->mask & SRD_ATTR_SIZE) && op->size > 0;
	default:
		return false;
	}
}

static int count_op(struct keeping *keeping, const struct srd_record *record, const struct srd_op *op)
{
	struct history *history;

	if (op->kind == SRD_OP_RENAME && op->victim && !(op->flags & SRD_OP_EXCHANGE)) {
		history = history_of(keeping, op->victim);
		if (history)
			history->heir = op->ino;
		return history ? 0 : keeping->error;
	}
	if (!is_version(op))
		return 0;
	history = history_of(keeping, op->ino);
	if (history && history->record != record->offset) {
		history->record = record->offset;
		history->count++;
	}
	return history ? 0 : keeping->error;
}

static int count(void *user, const struct srd_record *record, const uint8_t *metadata)
{
	struct srd_ops ops = srd_ops_of(record, metadata);
	struct srd_op op;
	int error = 0;

	while (!error && srd_ops_next(&ops, &op))
		error = count_op(user, record, &op);
	return error;
}

/* What is there to begin with is a version. */
static int count_first(struct keeping *keeping)
{
	const struct srd_state *state = &keeping->work;

	for (uint32_t i = 1; i < state->inodes.count; i++) {
		const struct srd_inode *inode = srd_inode_at(state, i);
		struct history *history = S_ISREG(inode->mode) && inode->size > 0 ? history_of(keeping, inode->ino) : NULL;
		if (keeping->error)
			return keeping->error;
		if (history)
			history->count = 1;
	}
	return 0;
}

/* How many of its versions are among the last of the file that has the name now. */
static uint32_t share_of(const struct keeping *keeping, const struct history *history)
{
	uint32_t left = keeping->retention->versions;

	while (left > 0 && srd_state_inode_of(&keeping->now, history->ino) == 0) {
		if (history->heir == 0)
			return 0;
		history = slot_of(keeping->table, keeping->cap, history->heir);
		uint32_t newer = history->ino ? SRD_MAX(history->count, 1U) : left;
		left -= SRD_MIN(left, newer);
	}
	return left;
}

static void share_out(struct keeping *keeping)
{
	for (size_t i = 0; i < keeping->cap; i++) {
		struct history *history = &keeping->table[i];
		if (history->ino)
			history->kept = share_of(keeping, history);
		history->record = 0;
	}
}

/* ---- Keeping ---- */

static int keep_ref(struct keeping *keeping, const struct srd_ref *ref)
{
	if (!srd_ref_has_run(ref))
		return 0;
	uint64_t at = srd_moved_place(keeping->log, ref);
	return at < SRD_MOVED_NOWHERE ? add_range(&keeping->kept, at, ref->len) : 0;
}

static int keep_inode(struct keeping *keeping, const struct srd_state *state, uint32_t index)
{
	const struct srd_inode *inode = srd_inode_at(state, index);
	struct srd_ref ref;
	int error = 0;

	if (!S_ISREG(inode->mode) || inode->content == SRD_CONTENT_NONE)
		return 0;
	for (uint64_t pos = 0; !error && srd_state_extent(state, inode, pos, &ref); pos = ref.pos + ref.len)
		error = keep_ref(keeping, &ref);
	return error;
}

static int keep_state(struct keeping *keeping, const struct srd_state *state)
{
	int error = 0;

	for (uint32_t i = 1; !error && i < state->inodes.count; i++)
		error = keep_inode(keeping, state, i);
	return error;
}

/* What OP brought, and whether it is kept. */
static int note_content(struct keeping *keeping, const struct srd_op *op, bool kept)
{
	uint64_t payload = op->run.offset + op->run.distance;
	int error = 0;

	if (has_content(op)) {
		error = add_range(&keeping->all, payload, op->run.len);
		if (!error)
			error = add_range(&keeping->own, payload, op->run.len);
		if (!error && kept)
			error = add_range(&keeping->kept, payload, op->run.len);
	}
	for (uint64_t i = 0; !error && i < op->ref_count; i++) {
		struct srd_ref ref = srd_op_ref(op->refs, i);
		uint64_t at = srd_ref_has_run(&ref) ? srd_moved_place(keeping->log, &ref) : SRD_MOVED_NOWHERE;
		if (at < SRD_MOVED_NOWHERE)
			error = add_range(&keeping->all, at, ref.len);
		if (!error && kept && at < SRD_MOVED_NOWHERE)
			error = add_range(&keeping->kept, at, ref.len);
	}
	return error;
}

/* The state is that behind the record. */
static int keep_op(struct keeping *keeping, const struct srd_record *record, const struct srd_op *op)
{
	struct history *history = is_version(op) ? history_of(keeping, op->ino) : NULL;
	int error = keeping->error;

	if (!history)
		return error ? error : note_content(keeping, op, keeping->since);
	if (history->record != record->offset) {
		history->record = record->offset;
		history->seen++;
	}
	bool kept = keeping->since || history->seen + history->kept > history->count;
	if (kept && !history->marked) {
		uint32_t index = srd_state_inode_of(&keeping->work, op->ino);
		history->marked = true;
		error = index ? keep_inode(keeping, &keeping->work, index) : 0;
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
	struct srd_ref ref;
	int error = 0;

	for (uint32_t i = 1; !error && i < state->inodes.count; i++) {
		const struct srd_inode *inode = srd_inode_at(state, i);
		if (!S_ISREG(inode->mode) || inode->size == 0)
			continue;
		struct history *history = history_of(keeping, inode->ino);
		if (!history)
			return keeping->error;
		history->seen = 1;
		history->marked = history->kept >= history->count;
		if (history->marked)
			error = keep_inode(keeping, state, i);
		if (inode->content == SRD_CONTENT_NONE)
			continue;
		for (uint64_t pos = 0; !error && srd_state_extent(state, inode, pos, &ref); pos = ref.pos + ref.len) {
			uint64_t at = srd_ref_has_run(&ref) ? srd_moved_place(keeping->log, &ref) : SRD_MOVED_NOWHERE;
			error = at < SRD_MOVED_NOWHERE ? add_range(&keeping->all, at, ref.len) : 0;
		}
	}
	return error;
}

/* ---- What is given up ---- */

/* What an op brought itself goes with it, or stays, as a whole. */
static int keep_whole(struct keeping *keeping)
{
	size_t count = keeping->kept.count;
	int error = 0;

	for (size_t i = 0; !error && i < keeping->own.count; i++) {
		const struct srd_range *own = &keeping->own.items[i];
		struct ranges joined = { keeping->kept.items, count, 0 };
		size_t at = first_behind(&joined, own->offset);
		bool touched = at < count && keeping->kept.items[at].offset < own->offset + own->len;
		if (touched || own->len < LEN_MIN)
			error = add_range(&keeping->kept, own->offset, own->len);
	}
	if (!error)
		join(&keeping->kept);
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

static int give_up_rest(struct keeping *keeping, struct srd_moved *moved)
{
	int error = 0;

	for (size_t i = 0; !error && i < keeping->all.count; i++) {
		uint64_t at = keeping->all.items[i].offset, end = at + keeping->all.items[i].len;
		for (size_t k = first_behind(&keeping->kept, at); !error && at < end; k++) {
			bool some = k < keeping->kept.count && keeping->kept.items[k].offset < end;
			uint64_t to = some ? keeping->kept.items[k].offset : end;
			if (to > at)
				error = give_up(keeping, moved, at, to);
			at = some ? keeping->kept.items[k].offset + keeping->kept.items[k].len : end;
		}
	}
	return error;
}

static int keep_pieces(struct keeping *keeping, const struct srd_moved *moved)
{
	int error = 0;

	for (size_t i = 0; !error && i < moved->count; i++)
		error = add_range(&keeping->kept, moved->pieces[i].at, moved->pieces[i].len);
	return error;
}

/* ---- ---- */

static int walk(struct keeping *keeping, const struct srd_log_place *from, uint64_t end, srd_log_visit *visit)
{
	struct srd_log_visitor visitor = { .visit = visit, .user = keeping };
	struct srd_log_point point = srd_point_before(end);

	return srd_log_replay(keeping->log, from, &point, &visitor, NULL);
}

/* Both states are there. */
static int run(struct keeping *keeping, const struct srd_log_place *from, uint64_t end, struct srd_moved *moved)
{
	int error = count_first(keeping);

	if (!error)
		error = walk(keeping, from, end, count);
	if (!error) {
		share_out(keeping);
		error = keep_first(keeping);
	}
	if (!error)
		error = walk(keeping, from, end, keep);
	if (!error)
		error = keep_state(keeping, &keeping->now);
	if (!error)
		error = keep_pieces(keeping, moved);
	if (error)
		return error;
	join(&keeping->kept);
	join(&keeping->all);
	error = keep_whole(keeping);
	return error ? error : give_up_rest(keeping, moved);
}

int srd_retention_apply(struct srd_retention *retention, const struct srd_log *log, const struct srd_log_place *from,
                        const struct srd_log_place *end, struct srd_moved *moved)
{
	struct keeping keeping = { .retention = retention, .log = log };
	struct srd_log_point first = srd_point_before(from->end), last = srd_point_before(end->end);
	int error = srd_fold(log, &first, NULL, &keeping.work, NULL);

	if (error == SRD_EDAMAGED)
		srd_state_release(&keeping.work);
	if (error)
		return error;
	error = srd_fold(log, &last, NULL, &keeping.now, NULL);
	if (error == SRD_EDAMAGED)
		srd_state_release(&keeping.now);
	if (!error) {
		error = run(&keeping, from, end->end, moved);
		srd_state_release(&keeping.now);
	}
	srd_state_release(&keeping.work);
	free(keeping.table);
	free(keeping.all.items);
	free(keeping.own.items);
	free(keeping.kept.items);
	return error;
}
