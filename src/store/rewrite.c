/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/rewrite.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"

enum { LINKS_FIRST = 256 };

static const uint8_t *source_at(const void *log, uint64_t offset, uint64_t len)
{
	return srd_log_at(log, offset, len);
}

int srd_rewrite_init(struct srd_rewrite *rewrite, struct srd_log *log)
{
	*rewrite = (struct srd_rewrite){ .log = log, .link_cap = LINKS_FIRST };
	srd_draft_init(&rewrite->draft);
	srd_draft_start(&rewrite->draft, SRD_RECORD_META);
	rewrite->links = calloc(rewrite->link_cap, sizeof *rewrite->links);
	if (!rewrite->links)
		return -ENOMEM;
	int error = srd_state_init(&rewrite->state, &log->sb, (struct srd_source){ .at = source_at, .user = log }, 0);
	if (error)
		free(rewrite->links);
	return error;
}

void srd_rewrite_release(struct srd_rewrite *rewrite)
{
	srd_state_release(&rewrite->state);
	srd_draft_release(&rewrite->draft);
	free(rewrite->links);
}

/* ---- The chain ---- */

static struct srd_rewrite_link *link_of(const struct srd_rewrite *rewrite, uint64_t ino)
{
	size_t at = srd_mix(ino) & (rewrite->link_cap - 1);

	while (rewrite->links[at].ino != 0 && rewrite->links[at].ino != ino)
		at = (at + 1) & (rewrite->link_cap - 1);
	return &rewrite->links[at];
}

/* Room for another few; at most half is used. */
static int grow_links(struct srd_rewrite *rewrite)
{
	struct srd_rewrite old = *rewrite;

	if ((rewrite->link_count + 4) * 2 <= rewrite->link_cap)
		return 0;
	rewrite->link_cap = old.link_cap * 2;
	rewrite->links = calloc(rewrite->link_cap, sizeof *rewrite->links);
	if (!rewrite->links) {
		*rewrite = old;
		return -ENOMEM;
	}
	for (size_t i = 0; i < old.link_cap; i++)
		if (old.links[i].ino != 0)
			*link_of(rewrite, old.links[i].ino) = old.links[i];
	free(old.links);
	return 0;
}

static void set_link(struct srd_rewrite *rewrite, uint64_t ino, uint64_t op)
{
	struct srd_rewrite_link *link = link_of(rewrite, ino);

	if (ino == 0)
		return;
	rewrite->link_count += link->ino == 0;
	*link = (struct srd_rewrite_link){ .ino = ino, .op = op };
}

uint64_t srd_rewrite_last_op(const struct srd_rewrite *rewrite, uint64_t ino)
{
	const struct srd_rewrite_link *link = ino ? link_of(rewrite, ino) : NULL;
	uint32_t index = 0;

	if (!link)
		return 0;
	if (link->ino == 0)
		index = srd_state_inode_of(&rewrite->state, ino);
	return link->ino ? link->op : index ? srd_inode_at(&rewrite->state, index)->last_op : 0;
}

/* True if OP is part of the history of the inodes that it names. */
static bool is_chained(const struct srd_op *op)
{
	return op->kind != SRD_OP_NEXT && op->kind != SRD_OP_RUN;
}

static void chain(const struct srd_rewrite *rewrite, struct srd_op *op)
{
	if (!is_chained(op))
		return;
	op->prev = op->kind == SRD_OP_MAKE ? 0 : srd_rewrite_last_op(rewrite, op->ino);
	op->parent_prev = srd_rewrite_last_op(rewrite, op->parent);
	op->new_parent_prev = srd_rewrite_last_op(rewrite, op->new_parent);
	op->victim_prev = srd_rewrite_last_op(rewrite, op->victim);
}

static void become_last(struct srd_rewrite *rewrite, const struct srd_op *op, uint64_t offset)
{
	if (!is_chained(op))
		return;
	set_link(rewrite, op->ino, offset);
	set_link(rewrite, op->parent, offset);
	set_link(rewrite, op->new_parent, offset);
	set_link(rewrite, op->victim, offset);
}

/* ---- Ops ---- */

/* What is damaged was so before, and must not look sound now. */
static void keep_checks(struct srd_rewrite *rewrite, uint64_t run_at, const struct srd_run *from)
{
	uint64_t blocks = srd_run_bytes(from->len) - SRD_RUN_FIXED_LEN;

	memcpy(rewrite->draft.bytes + run_at + SRD_RUN_FIXED_LEN, from->checks, blocks);
}

int srd_rewrite_add(struct srd_rewrite *rewrite, const struct srd_op *op, const void *data,
                    const struct srd_run *from, uint64_t *run)
{
	uint64_t offset = atomic_load(&rewrite->log->end), at, run_at;
	struct srd_op linked = *op;
	int error = grow_links(rewrite);

	chain(rewrite, &linked);
	if (!error)
		error = srd_draft_add(&rewrite->draft, &linked, data, &at, &run_at);
	if (error)
		return error;
	if (from)
		keep_checks(rewrite, run_at, from);
	become_last(rewrite, &linked, offset + at);
	if (run)
		*run = offset + run_at;
	return 0;
}

int srd_rewrite_commit(struct srd_rewrite *rewrite, const struct srd_log_stamp *stamp)
{
	struct srd_record record;
	int error = srd_state_has_room(&rewrite->state, rewrite->draft.len) ? 0 : SRD_EFULL;
	if (!error)
		error = srd_log_append_as(rewrite->log, &rewrite->draft, stamp, &record);
	if (!error)
		error = srd_state_apply(&rewrite->state, &record, rewrite->draft.bytes + SRD_HEADER_LEN);
	srd_draft_start(&rewrite->draft, SRD_RECORD_META);
	memset(rewrite->links, 0, rewrite->link_cap * sizeof *rewrite->links);
	rewrite->link_count = 0;
	return error;
}
