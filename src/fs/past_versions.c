/* SPDX-License-Identifier: Apache-2.0 */
/*
 * past_versions.c - the versions of a file: what it was before each commit that gave it other
 * content, with the attributes it had by then; numbered by the last commit that touched it.
 *
 *     MAKE   WRITE   SETATTR   WRITE   RENAME   WRITE
 *     1      2       3         4       5        6
 *            `-- version 3 --´ `- version 5 -´  `- version 6, the present
 *
 * What was empty and got content is no version.  Where a file was renamed over another, or was made
 * anew under a name that had been deleted, the versions of the other come before.
 */
#include "config.h"

#include "fs/past_list.h"

#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "store/trace.h"

enum { VERSIONS_MAX = 1 << 16, STEPS_MAX = 1 << 20 };

struct walk {
	struct srd_trace trace;
	struct srd_past_list *list;
	uint64_t dir;             /* the name whose history it is */
	const char *name;
	size_t len;
	unsigned steps;           /* left to be taken */
	/* The version that is being put together; at 0: none is. */
	struct srd_past_item version;
	uint64_t content;         /* the commit that gave it content; 0: not met yet */
	bool has_bytes;
	struct srd_trace_past other;   /* what the name stood for before */
};

static bool is_content(const struct srd_op *op)
{
	switch (op->kind) {
	case SRD_OP_MAKE: return op->has_run;
	case SRD_OP_WRITE:
	case SRD_OP_REFS:
	case SRD_OP_HOLE: return true;
	case SRD_OP_SETATTR: return op->mask & SRD_ATTR_SIZE && !(op->flags & SRD_OP_RESTATED);
	default: return false;
	}
}

static bool has_bytes(const struct srd_op *op)
{
	return (op->has_run && op->run.len > 0) || op->ref_count > 0 || op->kind == SRD_OP_HOLE ||
	       (op->kind == SRD_OP_SETATTR && op->size > 0);
}

static bool is_named(const struct walk *walk, uint64_t dir, const char *name, size_t len)
{
	return walk->dir && dir == walk->dir && len == walk->len && memcmp(name, walk->name, len) == 0;
}

/* The version is complete: the present one counts in any case. */
static int end_version(struct walk *walk)
{
	struct srd_past_list *list = walk->list;
	bool counts = walk->version.at && (walk->has_bytes || list->count == 0) &&
	              (list->count == 0 || walk->version.sequence < list->items[list->count - 1].sequence);
	int error = counts ? srd_past_list_add(list, &walk->version, NULL) : 0;

	walk->version.at = walk->content = 0;
	walk->has_bytes = false;
	return error;
}

static bool takes_the_name(const struct walk *walk, const struct srd_op *op)
{
	return op->kind == SRD_OP_RENAME && op->ino == walk->trace.ino && op->victim && !(op->flags & SRD_OP_EXCHANGE) &&
	       is_named(walk, op->new_parent, op->new_name, op->new_name_len);
}

/* Takes the op that the trace is at, unless it is of a time when the file had another name. */
static int take(struct walk *walk, bool *over)
{
	const struct srd_op *op = &walk->trace.op;
	uint64_t sequence = walk->trace.record.sequence;
	int error = walk->content && sequence != walk->content ? end_version(walk) : 0;

	*over = walk->other.at && walk->version.at == 0;
	if (error || *over)
		return error;
	if (walk->version.at == 0)
		walk->version = (struct srd_past_item){ .sequence = sequence, .ino = walk->trace.ino, .at = op->offset,
		                                        .mode = S_IFREG };
	if (is_content(op)) {
		walk->content = sequence;
		walk->has_bytes |= has_bytes(op);
	}
	if (takes_the_name(walk, op)) {
		walk->other.ino = op->victim;
		walk->other.at = op->victim_prev;
	}
	return 0;
}

/* What the name stood for before it was given again by the op that the trace is at, a MAKE. */
static void find_deleted(struct walk *walk)
{
	const struct srd_op *made = &walk->trace.op;

	if (is_named(walk, made->parent, made->name, made->name_len))
		walk->other = srd_trace_find_deleted(walk->trace.log, walk->dir, made->parent_prev, walk->name, walk->len,
		                                     &walk->steps);
}

/* Goes on with what the name stood for before; false: nothing, or no file. */
static bool go_on(struct walk *walk)
{
	const struct srd_log *log = walk->trace.log;
	uint32_t mode;

	if (walk->other.at == 0 || srd_trace_find_mode(log, walk->other.ino, walk->other.at, &mode) != 0 ||
	    !S_ISREG(mode))
		return false;
	walk->trace = srd_trace_from(log, walk->other.ino, walk->other.at);
	walk->other.at = 0;
	return true;
}

/* All of one file.  What cannot be read ends it. */
static int take_file(struct walk *walk)
{
	bool over = false;
	int error = 0;

	while (!error && !over && walk->steps > 0 && walk->list->count < VERSIONS_MAX &&
	       srd_trace_step(&walk->trace) > 0) {
		walk->steps--;
		error = take(walk, &over);
	}
	return error ? error : end_version(walk);
}

static bool is_at_its_beginning(const struct srd_trace *trace)
{
	return trace->next == 0 && trace->record.len && trace->op.kind == SRD_OP_MAKE && trace->op.ino == trace->ino;
}

static void turn_round(struct srd_past_list *list)
{
	for (size_t i = 0, j = list->count; i + 1 < j; i++) {
		struct srd_past_item item = list->items[--j];
		list->items[j] = list->items[i];
		list->items[i] = item;
	}
}

int srd_past_trace_versions(const struct srd_log *log, uint64_t dir, const char *name, size_t len,
                            struct srd_past_list *list)
{
	struct walk walk = { .trace = srd_trace_from(log, list->of.ino, list->of.at), .list = list, .dir = dir,
	                     .name = name, .len = len, .steps = STEPS_MAX };
	int error;

	do {
		error = take_file(&walk);
		if (!error && walk.other.at == 0 && is_at_its_beginning(&walk.trace))
			find_deleted(&walk);
	} while (!error && walk.steps > 0 && list->count < VERSIONS_MAX && go_on(&walk));
	turn_round(list);
	return error;
}
