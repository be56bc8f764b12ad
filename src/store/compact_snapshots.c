/* SPDX-License-Identifier: Apache-2.0 */
/* compact_snapshots.c - each is a state of its own, and the next is told as what differs. */
#include "config.h"

#include "store/compacting.h"

#include <stdlib.h>

#include "state/image.h"
#include "store/difference.h"
#include "store/fold.h"

static int by_offset(const void *a, const void *b)
{
	uint64_t x = ((const struct srd_snap *)a)->offset, y = ((const struct srd_snap *)b)->offset;

	return x < y ? -1 : x > y;
}

static int list(struct srd_compacting *compact)
{
	const struct srd_state *base = &compact->base;

	compact->snaps = calloc(base->snapshots.count + 1, sizeof *compact->snaps);
	if (!compact->snaps)
		return -ENOMEM;
	for (uint32_t i = 1; i < base->snapshots.count; i++)
		if (srd_snap_at(base, i)->name_len != 0)
			compact->snaps[compact->snap_count++] = *srd_snap_at(base, i);
	qsort(compact->snaps, compact->snap_count, sizeof *compact->snaps, by_offset);
	return 0;
}

/* STATE as SNAP has it, of the caller's to release; *PLACE (may be NULL) is where that is. */
static int fold_snapshot(const struct srd_compacting *compact, const struct srd_snap *snap, struct srd_state *state,
                         struct srd_log_place *place)
{
	struct srd_log_point point = srd_point_before(snap->offset);
	int error = srd_fold(compact->log, &point, NULL, state, place);

	if (error == SRD_EDAMAGED && compact->damage_count > 0)
		return 0;
	if (error == SRD_EDAMAGED)
		srd_state_release(state);
	return error;
}

static int want(struct srd_compacting *compact)
{
	struct srd_state state;
	int error = 0;

	for (size_t i = 0; !error && i < compact->snap_count; i++) {
		error = fold_snapshot(compact, &compact->snaps[i], &state, NULL);
		if (error)
			break;
		error = srd_difference_want(&compact->relocate, &compact->empty, &state);
		srd_state_release(&state);
	}
	return error;
}

/* The op that names the state before it, as it is called now. */
static int write_snapshot(struct srd_compacting *compact, const struct srd_snap *snap)
{
	struct srd_log_stamp stamp = { .sequence = snap->sequence, .time_ns = snap->time_ns };
	struct srd_op op = { .kind = SRD_OP_SNAPSHOT, .ino = SRD_ROOT_INO, .name_len = snap->name_len };

	op.name = (const char *)srd_log_at(compact->log, snap->name, snap->name_len);
	if (!op.name)
		return SRD_ECORRUPT;
	int error = srd_rewrite_add(&compact->rewrite, &op, NULL, NULL, NULL);
	return error ? error : srd_rewrite_commit(&compact->rewrite, &stamp);
}

int srd_compacting_survey_snapshots(struct srd_compacting *compact)
{
	int error = list(compact);

	return error ? error : want(compact);
}

int srd_compacting_write_snapshots(struct srd_compacting *compact, struct srd_state *last, bool *any)
{
	struct srd_state next;
	struct srd_log_place place;
	int error = 0;

	for (size_t i = 0; !error && i < compact->snap_count; i++) {
		error = fold_snapshot(compact, &compact->snaps[i], &next, &place);
		if (error)
			break;
		compact->told = &next;
		error = srd_compacting_write_difference(compact, *any ? last : &compact->empty, &next, &place);
		compact->told = NULL;
		if (*any)
			srd_state_release(last);
		*last = next;
		srd_state_moved(last);
		*any = true;
		if (!error)
			error = write_snapshot(compact, &compact->snaps[i]);
	}
	return error;
}
