/* SPDX-License-Identifier: Apache-2.0 */
/*
 * past_deleted.c - what was deleted from a directory: every name that was taken from a file or
 * directory which has none any more; of several that were the same, the last one.
 *
 *     MAKE a   RENAME a to b             UNLINK b       a was moved; b: deleted
 *     MAKE a   LINK b   UNLINK a         UNLINK b       likewise, in the way of the ancients
 *     MAKE a   LINK b         UNLINK a   UNLINK b       both were deleted
 *
 * It is shown as it was before it lost names, so that two names of a file are so again.
 *
 * Where a directory took the place of another, what was deleted from that, or with it, is there,
 * too: so what is restored in its place does not hide what is yet to be.
 */
#include "config.h"

#include "fs/past_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "store/trace.h"

enum {
	NAMES_MAX = 1 << 20,
	STEPS_MAX = 1 << 17,       /* in directories, to look for what had a name before */
	RENAMING_COMMITS = 16,     /* from the link to the removal of what it was made from, others' among them */
};

/* What is gone through: the directory, and those whose place it took. */
struct walk {
	struct srd_past_list *list;
	const struct srd_log *log;
	struct srd_trace_past dir;     /* at 0: there are no more */
	unsigned steps;                /* left, to look for those */
};

static int take(struct walk *walk, const struct srd_trace *trace)
{
	const struct srd_op *op = &trace->op;
	struct srd_past_item item = { .sequence = trace->record.sequence, .ino = op->ino, .at = op->prev,
	                              .dir = walk->dir.ino, .name_len = op->name_len };

	if (op->kind != SRD_OP_UNLINK || op->parent != walk->dir.ino || op->prev == 0)
		return 0;
	return srd_past_list_add(walk->list, &item, op->name);
}

/* What had the name before OP gave it to the directory. */
static struct srd_trace_past find_before(struct walk *walk, const struct srd_op *op)
{
	if (op->kind == SRD_OP_MAKE)
		return srd_trace_find_deleted(walk->log, op->parent, op->parent_prev, op->name, op->name_len, &walk->steps);
	if (op->victim)
		return (struct srd_trace_past){ .ino = op->victim, .at = op->victim_prev };
	return srd_trace_find_deleted(walk->log, op->new_parent, op->new_parent_prev, op->new_name, op->new_name_len,
	                              &walk->steps);
}

/* All that lost a name in the directory, the last one first.  What cannot be read ends it. */
static int take_directory(struct walk *walk)
{
	struct srd_trace trace = srd_trace_from(walk->log, walk->dir.ino, walk->dir.at);
	struct srd_past_list *list = walk->list;
	struct srd_op named = { 0 };
	int error = 0;

	while (!error && list->count < NAMES_MAX && list->text_len < UINT32_MAX / 2 && srd_trace_step(&trace) > 0) {
		const struct srd_op *op = &trace.op;
		error = take(walk, &trace);
		if (named.len == 0 && op->ino == walk->dir.ino && (op->kind == SRD_OP_MAKE || op->kind == SRD_OP_RENAME))
			named = *op;
	}
	walk->dir = named.len ? find_before(walk, &named) : (struct srd_trace_past){ 0 };
	return error;
}

static int collect(const struct srd_log *log, struct srd_past_list *list)
{
	struct walk walk = { .list = list, .log = log, .dir = { .ino = list->of.ino, .at = list->of.at }, .steps = STEPS_MAX };
	int error = 0;

	while (!error && walk.dir.at && list->count < NAMES_MAX && list->text_len < UINT32_MAX / 2)
		error = take_directory(&walk);
	return error;
}

/* ---- What they were ---- */

/* Of one file the last one first. */
static int by_file(const void *a, const void *b)
{
	const struct srd_past_item *one = a, *other = b;

	if (one->ino != other->ino)
		return one->ino < other->ino ? -1 : 1;
	return (one->at < other->at) - (one->at > other->at);
}

/* True if OP, the one before on ITEM's file, gave it another name, and ITEM's went for that. */
static bool is_renaming(const struct srd_past_list *list, const struct srd_past_item *item, const struct srd_trace *trace)
{
	const struct srd_op *op = &trace->op;
	bool other = op->parent != item->dir || op->name_len != item->name_len ||
	             memcmp(op->name, list->text + item->name, item->name_len) != 0;

	return op->kind == SRD_OP_LINK && other && item->sequence - trace->record.sequence <= RENAMING_COMMITS;
}

/* COUNT items of one file become what it was before it lost those names, with others in a row: in one
 * walk to where it was made, however many they are. */
static void look_back(const struct srd_log *log, const struct srd_past_list *list, struct srd_past_item *items, size_t count)
{
	struct srd_trace trace = srd_trace_from(log, items->ino, items->at);
	const struct srd_op *op = &trace.op;
	size_t met = 0, whole = 0;
	uint64_t names = 0;

	while (srd_trace_step(&trace) > 0) {
		for (; met < count && items[met].at >= op->offset; met++) {
			items[met].was_moved = items[met].at > op->offset || is_renaming(list, &items[met], &trace);
			items[met].names = -names;
		}
		for (; whole < met && !srd_trace_takes_name(op, items->ino); whole++) {
			items[whole].at = op->offset;
			items[whole].sequence = trace.record.sequence;
		}
		names += srd_trace_gives_name(op, items->ino);
		names -= srd_trace_takes_name(op, items->ino);
	}
	bool made = op->kind == SRD_OP_MAKE && op->ino == items->ino;
	for (size_t i = 0; i < count; i++) {
		items[i].was_moved |= !made || i >= met;
		items[i].names += names;
		items[i].mode = op->mode;
	}
}

static void look_back_all(const struct srd_log *log, struct srd_past_list *list)
{
	size_t of_one;

	qsort(list->items, list->count, sizeof *list->items, by_file);
	for (size_t i = 0; i < list->count; i += of_one) {
		for (of_one = 1; i + of_one < list->count && list->items[i + of_one].ino == list->items[i].ino;)
			of_one++;
		look_back(log, list, &list->items[i], of_one);
	}
}

/* ---- Each name once ---- */

static int by_name(const void *a, const void *b, void *text)
{
	const struct srd_past_item *one = a, *other = b;
	int order = memcmp((char *)text + one->name, (char *)text + other->name, SRD_MIN(one->name_len, other->name_len));

	if (order == 0)
		order = (one->name_len > other->name_len) - (one->name_len < other->name_len);
	/* Of one name the last one first: as they were collected. */
	return order ? order : (one->name > other->name) - (one->name < other->name);
}

static bool same_name(const struct srd_past_list *list, const struct srd_past_item *a, const struct srd_past_item *b)
{
	return a->name_len == b->name_len && memcmp(list->text + a->name, list->text + b->name, a->name_len) == 0;
}

int srd_past_trace_deleted(const struct srd_log *log, struct srd_past_list *list)
{
	size_t kept = 0;
	int error = collect(log, list);

	if (error || list->count == 0)
		return error;
	look_back_all(log, list);
	qsort_r(list->items, list->count, sizeof *list->items, by_name, list->text);
	for (size_t i = 0; i < list->count; i++) {
		struct srd_past_item item = list->items[i];
		if (!item.was_moved && (kept == 0 || !same_name(list, &list->items[kept - 1], &item)))
			list->items[kept++] = item;
	}
	list->count = kept;
	return 0;
}
