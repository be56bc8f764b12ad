/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compact_handover.c - the old log is followed until little is left; the rest comes over under
 * its append lock, in which the new log takes its name.
 */
#include "config.h"

#include "store/compacting.h"

#include "store/carry.h"
#include "store/fold.h"
#include "store/image.h"
#include "store/move.h"

enum {
	TAIL_SHORT = 1 << 20,         /* bytes of the old log that may be left for the lock */
	ROUNDS_MAX = 30,              /* of following; who appends faster is waited for */
};

/* The new log must hold what the old one does; a fault of ours must not cost anybody's files. */
static bool counts_the_same(const struct srd_state *a, const struct srd_state *b)
{
	return a->files == b->files && a->directories == b->directories && a->others == b->others &&
	       a->next_ino == b->next_ino && a->snapshots.live == b->snapshots.live;
}

static int carry(void *user, const struct srd_record *record, const uint8_t *metadata)
{
	struct srd_compacting *compact = user;

	return srd_carry_commit(&compact->relocate, &compact->rewrite, record, metadata);
}

/* What the old log has up to PLACE comes over. */
static int follow_to(struct srd_compacting *compact, const struct srd_log_place *place)
{
	struct srd_log_visitor visitor = { .visit = carry, .user = compact };
	struct srd_log_point point = srd_point_before(place->end);
	int error = srd_log_replay(compact->log, &compact->from, &point, &visitor, NULL);

	if (!error)
		compact->from = *place;
	return error;
}

/* Until little is left to do under the lock. */
static int follow(struct srd_compacting *compact)
{
	struct srd_log_place place;
	uint64_t left;
	int error, rounds = 0;

	do {
		error = srd_compacting_now(compact, &place);
		left = place.end - compact->from.end;
		if (!error)
			error = follow_to(compact, &place);
	} while (!error && left > TAIL_SHORT && ++rounds < ROUNDS_MAX);
	return error;
}

/* What was reserved and not needed goes back; the log is durable, and its image spares the
 * others the replay. */
static int settle(struct srd_compacting *compact)
{
	struct srd_log *next = compact->next;
	struct srd_log_place place = srd_log_here(next);
	int error = srd_log_sync(next, place.end);

	/* It must not hide what is damaged. */
	if (!error && compact->damage_count == 0)
		srd_image_save_state(next, &compact->rewrite.state, &place);
	return error;
}

/* With the append lock held: nobody commits. */
static int hand_over(struct srd_compacting *compact, bool *done)
{
	struct srd_log *log = compact->log, *next = compact->next;
	struct srd_log_place place = srd_log_here(log);
	int error = compact->store->log == log ? follow_to(compact, &place) : SRD_EREPLACED;

	if (!error && (next->sequence != log->sequence ||
	               !counts_the_same(&compact->store->state, &compact->rewrite.state)))
		error = SRD_ECORRUPT;
	if (!error)
		error = srd_log_sync(next, atomic_load(&next->end));
	if (!error)
		error = srd_log_mark(next);
	if (!error)
		error = srd_log_trim_reserve(next);
	if (error)
		return error;
	compact->result.new_bytes = atomic_load(&next->end);
	compact->result.generation = next->sb.generation;
	return srd_log_successor_replace(log, next, done);
}

int srd_compacting_replace(struct srd_compacting *compact, bool *done)
{
	int error = follow(compact);

	if (!error)
		error = settle(compact);
	if (!error)
		error = srd_store_begin_last(compact->store);
	if (error)
		return error;
	error = hand_over(compact, done);
	/* What cannot be gone over to now is when somebody looks, as by all others. */
	if (*done)
		srd_store_move_to(compact->store, compact->next);
	srd_store_end(compact->store);
	return error;
}
