/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "kv/dead.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/check.h"
#include "format/ops.h"
#include "kv/inspect.h"

/* A DATA record. */
struct srd_dead_data {
	uint64_t offset, payload, end;
	bool named;               /* by some commit */
};

enum { PROGRESS_LEN = 8 << 20 };

int srd_dead_init(struct srd_dead *dead, const struct srd_log *log, uint64_t upto)
{
	*dead = (struct srd_dead){ .log = log, .upto = upto };
	dead->bits = calloc(upto / SRD_DEAD_BLOCK / 64 + 1, sizeof *dead->bits);
	return dead->bits ? 0 : -ENOMEM;
}

void srd_dead_release(struct srd_dead *dead)
{
	free(dead->bits);
	free(dead->data);
	dead->bits = NULL;
	dead->data = NULL;
}

static bool is_dead(const struct srd_dead *dead, uint64_t block)
{
	return dead->bits[block / 64] >> block % 64 & 1;
}

/* ---- Collecting ---- */

/* The blocks that lie in [FROM, TO) wholly: payload, and the zeros around it. */
static void add(struct srd_dead *dead, uint64_t from, uint64_t to)
{
	uint64_t end = SRD_MIN(to, dead->upto) / SRD_DEAD_BLOCK;

	for (uint64_t block = SRD_DIV_UP(from, SRD_DEAD_BLOCK); block < end; block++)
		dead->bits[block / 64] |= UINT64_C(1) << block % 64;
}

static void name_run(struct srd_dead *dead, uint64_t run)
{
	size_t low = 0, high = dead->data_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (dead->data[middle].end <= run)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < dead->data_count && dead->data[low].offset < run)
		dead->data[low].named = true;
}

static void name_runs(struct srd_dead *dead, const struct srd_record *record, const uint8_t *metadata)
{
	struct srd_ops ops = srd_ops_of(record, metadata);
	struct srd_op op;

	while (srd_ops_next(&ops, &op))
		for (uint64_t i = 0; i < op.ref_count; i++)
			name_run(dead, srd_op_ref(op.refs, i).run);
}

/* What is damaged stays as it is. */
static int collect_record(struct srd_dead *dead, const struct srd_record *record, bool abandoned)
{
	const uint8_t *metadata = srd_log_at(dead->log, record->offset + SRD_HEADER_LEN, record->meta_len);
	uint64_t payload = record->offset + SRD_HEADER_LEN + record->meta_len, end = record->offset + record->len;

	if (record->type > SRD_RECORD_DATA || !metadata || !srd_inspect_metadata(dead->log, record, metadata))
		return 0;
	if (record->type == SRD_RECORD_META) {
		add(dead, payload, end);
		name_runs(dead, record, metadata);
		return 0;
	}
	int error = srd_array_reserve(&dead->data, &dead->data_cap, dead->data_count + 1, sizeof *dead->data);
	if (!error)
		dead->data[dead->data_count++] = (struct srd_dead_data){ record->offset, payload, end, abandoned };
	return error;
}

int srd_dead_collect(struct srd_dead *dead, bool abandoned, int (*progress)(void *user, uint64_t at), void *user)
{
	uint64_t told = 0;
	int error = 0;

	for (uint64_t at = SRD_FIRST_RECORD; at < dead->upto && !error;) {
		struct srd_record record;
		bool sound = srd_log_record_at(dead->log, at, &record);
		if (sound)
			error = collect_record(dead, &record, abandoned);
		at += sound ? record.len : SRD_RECORD_ALIGN;
		if (!error && progress && at >= told + PROGRESS_LEN) {
			error = progress(user, at);
			told = at;
		}
	}
	for (size_t i = 0; i < dead->data_count; i++)
		if (dead->data[i].named)
			add(dead, dead->data[i].payload, dead->data[i].end);
	free(dead->data);
	dead->data = NULL;
	dead->data_count = dead->data_cap = 0;
	return error;
}

/* ---- Keeping ---- */

/* [SKIP, SKIP + LEN) of the run at RUN, and what shares a check with it. */
static void keep(struct srd_dead *dead, uint64_t offset, uint64_t skip, uint64_t len)
{
	struct srd_run run;

	if (!srd_log_run(dead->log, offset, &run) || len == 0)
		return;
	uint64_t payload = run.offset + run.distance;
	uint64_t from = payload + skip / SRD_BLOCK_LEN * SRD_BLOCK_LEN;
	uint64_t to = SRD_MIN(payload + SRD_MIN(run.len, SRD_ALIGN_UP(skip + len, SRD_BLOCK_LEN)), dead->upto);

	for (uint64_t block = from / SRD_DEAD_BLOCK; block * SRD_DEAD_BLOCK < to; block++)
		dead->bits[block / 64] &= ~(UINT64_C(1) << block % 64);
}

static void keep_inode(struct srd_dead *dead, const struct srd_state *state, const struct srd_inode *inode)
{
	const struct srd_xattr *xattr = NULL;
	struct srd_ref ref;

	if (inode->content != SRD_CONTENT_NONE)
		for (uint64_t pos = 0; srd_state_extent(state, inode, pos, &ref); pos = ref.pos + ref.len)
			keep(dead, ref.run, ref.skip, ref.len);
	while ((xattr = srd_state_next_xattr(state, inode, xattr)))
		keep(dead, xattr->run, 0, SRD_RUN_LEN_MAX);
}

void srd_dead_keep_state(struct srd_dead *dead, const struct srd_state *state)
{
	for (uint32_t i = 1; i < state->inodes.count; i++)
		if (srd_inode_at(state, i)->mode != 0)
			keep_inode(dead, state, srd_inode_at(state, i));
}

static int keep_commit(void *user, const struct srd_record *record, const uint8_t *metadata)
{
	struct srd_ops ops = srd_ops_of(record, metadata);
	struct srd_op op;

	while (srd_ops_next(&ops, &op)) {
		for (uint64_t i = 0; i < op.ref_count; i++) {
			struct srd_ref ref = srd_op_ref(op.refs, i);
			keep(user, ref.run, ref.skip, ref.len);
		}
	}
	return 0;
}

int srd_dead_keep_since(struct srd_dead *dead, struct srd_log_place *place, uint64_t upto)
{
	struct srd_log_visitor visitor = { .visit = keep_commit, .user = dead };
	struct srd_log_point point = SRD_LOG_POINT_NOW;
	struct srd_log_place reached = *place;

	if (upto <= place->end)
		return 0;
	point.upto = upto;
	int error = srd_log_replay(dead->log, place, &point, &visitor, &reached);
	if (!error)
		*place = reached;
	return error;
}

/* ---- What is left ---- */

bool srd_dead_next(const struct srd_dead *dead, struct srd_range *range)
{
	uint64_t block = SRD_DIV_UP(range->offset, SRD_DEAD_BLOCK), count = dead->upto / SRD_DEAD_BLOCK;

	while (block < count) {
		/* Whole words at a time where all is alive. */
		if (dead->bits[block / 64] >> block % 64 == 0) {
			block = (block / 64 + 1) * 64;
			continue;
		}
		if (!is_dead(dead, block)) {
			block++;
			continue;
		}
		uint64_t end = block + 1;
		while (end < count && is_dead(dead, end))
			end++;
		range->offset = block * SRD_DEAD_BLOCK;
		if (srd_log_next_occupied(dead->log, range, end * SRD_DEAD_BLOCK))
			return true;
		block = end;
	}
	return false;
}
