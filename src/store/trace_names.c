/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace_names.c - what a name stood for before it was deleted and given anew.
 *
 * That is an op on its directory; which may itself have been made anew in the place of another
 * that was deleted, with all that was in it, and so on up to the root:
 *
 *     x/y/f   no op took f away before: look for what y was before
 *     x/y     likewise in x
 *     x       was deleted, and is inode 17
 *     x/y     in 17 was deleted, and is inode 18
 *     x/y/f   in 18 was deleted, and is inode 19: found
 */
#include "config.h"

#include "store/trace.h"

#include <string.h>

enum { DEPTH_MAX = 64 };       /* directories; what is deeper has no past */

/* One name that is looked for, for the sake of the one below. */
struct search {
	struct srd_trace_past dir; /* in this directory, from there back */
	const char *name;          /* in the log */
	size_t len;
};

static bool names_it(const struct srd_op *op, uint64_t ino)
{
	return op->ino == ino && (op->kind == SRD_OP_MAKE || op->kind == SRD_OP_RENAME);
}

/* True if an op on the directory decides: *FOUND.  If not, *NAMED is the one that gave it its own
 * name; its len is 0 if there is none. */
static bool decide(const struct srd_log *log, const struct search *search, unsigned *steps, struct srd_trace_past *found,
                   struct srd_op *named)
{
	struct srd_trace trace = srd_trace_from(log, search->dir.ino, search->dir.at);
	const struct srd_op *op = &trace.op;

	named->len = 0;
	while (*steps > 0 && srd_trace_step(&trace) > 0) {
		--*steps;
		if (named->len == 0 && names_it(op, search->dir.ino))
			*named = *op;
		if (op->parent != search->dir.ino || op->name_len != search->len || memcmp(op->name, search->name, search->len) != 0)
			continue;
		/* Renamed: what it was is elsewhere now. */
		if (op->kind == SRD_OP_UNLINK)
			*found = (struct srd_trace_past){ .ino = op->ino, .at = op->prev };
		return true;
	}
	return false;
}

/* Where to look for what was there before NAMED gave the name to another. */
static struct search place_of(const struct srd_op *named)
{
	if (named->kind == SRD_OP_MAKE)
		return (struct search){ { named->parent, named->parent_prev }, named->name, named->name_len };
	return (struct search){ { named->new_parent, named->new_parent_prev }, named->new_name, named->new_name_len };
}

struct srd_trace_past srd_trace_find_deleted(const struct srd_log *log, uint64_t dir, uint64_t from, const char *name,
                                             size_t len, unsigned *steps)
{
	struct search searches[DEPTH_MAX] = { { { dir, from }, name, len } };
	struct srd_trace_past found = { 0 };
	struct srd_op named = { 0 };

	for (unsigned depth = 1; depth > 0;) {
		struct search *search = &searches[depth - 1];
		found.at = 0;
		if (!decide(log, search, steps, &found, &named) && named.len) {
			if (named.kind == SRD_OP_RENAME && named.victim) {
				search->dir = (struct srd_trace_past){ named.victim, named.victim_prev };
				continue;
			}
			if (depth < DEPTH_MAX) {
				searches[depth++] = place_of(&named);
				continue;
			}
		}
		/* Where there is nothing, who asked for it has none either. */
		while (--depth > 0 && found.at == 0)
			;
		if (depth > 0)
			searches[depth - 1].dir = found;
	}
	return found;
}
