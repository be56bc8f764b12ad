/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trim.c - space that only the past needs goes back to the file system, and nothing moves.
 *
 *     first byte of the log ............ UPTO .......................... end
 *     what was content at UPTO, or since, is kept; the rest of  | all is kept
 *     the payload here is dead
 *
 * UPTO is as late as what others may still use (log/use.c), and what is to be kept,
 * allows.
 */
#include "config.h"

#include "kv/kv.h"

#include <time.h>

#include "base/check.h"
#include "kv/dead.h"
#include "store/fold.h"
#include "store/trim.h"
#include "store/use.h"

enum { PATIENCE_TRIES = 50, ROUSE_TRIES = 15, TRY_NS = 10 * 1000 * 1000 };
#define STEP_BYTES (INT64_C(256) << 20)

struct trim {
	struct srd_store *store;
	struct srd_hold hold;
	struct srd_log *log;
	int flags;
	int (*call)(void *user, const struct srd_event *event);
	void *user;
	struct srd_dead dead;
	struct srd_log_place seen;    /* what commits before here refer to is kept */
	uint64_t at;                  /* dead below is done with */
	struct srd_trim_result result;
};

static int tell(void *user, uint64_t at)
{
	struct trim *trim = user;
	struct srd_event event = { .type = SRD_EVENT_PROGRESS, .offset = at, .end = trim->dead.upto,
	                           .what = "progress", .text = "" };

	return trim->call ? trim->call(trim->user, &event) : 0;
}

/* ---- How far ---- */

/* Has those who follow learn where the log ends, and say so. */
static int rouse(struct trim *trim)
{
	if (trim->flags & SRD_TRIM_DRY_RUN)
		return 0;
	int error = srd_store_sync(trim->store);
	if (!error)
		error = srd_store_begin(trim->store);
	if (error)
		return error;
	srd_use_move_on(trim->store, true);
	error = srd_log_mark(trim->store->log);
	srd_store_end(trim->store);
	return error;
}

/* What others may still use; waits a moment for those who will tell. */
static uint64_t used_since(struct trim *trim, uint64_t end)
{
	uint64_t first = srd_log_first_use(trim->log, end);

	for (int i = 1; i < PATIENCE_TRIES && first < end && !(trim->flags & SRD_TRIM_DRY_RUN); i++) {
		nanosleep(&(struct timespec){ .tv_nsec = TRY_NS }, NULL);
		/* Who has told a moment ago does not do it again so soon. */
		if (i % ROUSE_TRIES == 0 && rouse(trim) != 0)
			break;
		first = srd_log_first_use(trim->log, end);
	}
	trim->result.used = first < end;
	return first;
}

static int find_point(struct trim *trim, const char *keep_since, uint64_t *upto)
{
	struct srd_store *view;
	int error = srd_store_follow(trim->store);

	if (error || !keep_since)
		return error;
	error = srd_view(trim->store, keep_since, &view);
	if (error)
		return error;
	*upto = SRD_MIN(*upto, view->place.end);
	return srd_store_close(view);
}

/* ---- What is dead ---- */

typedef int fold_call(const struct srd_log *log, const struct srd_log_point *point, const atomic_uint *stop,
                      struct srd_state *state, struct srd_log_place *place);

/* The state before OFFSET by FOLD, all that it refers to kept.  SRD_ECORRUPT: it was not to be
 * relied on. */
static int keep_folded(struct trim *trim, uint64_t offset, fold_call *fold, struct srd_state *state,
                       struct srd_log_place *place)
{
	struct srd_log_point point = srd_point_before(offset);
	int error = fold(trim->log, &point, NULL, state, place);

	if (error && error != SRD_EDAMAGED)
		return error;
	if (!error) {
		srd_dead_keep_state(&trim->dead, state);
		error = srd_state_error(state) ? SRD_ECORRUPT : 0;
	}
	if (error)
		srd_state_release(state);
	return error;
}

/* Keeps what was content before OFFSET.  On success STATE is the caller's to release. */
static int keep_point(struct trim *trim, uint64_t offset, struct srd_state *state, struct srd_log_place *place)
{
	int error = keep_folded(trim, offset, srd_fold, state, place);

	return error == SRD_ECORRUPT ? keep_folded(trim, offset, srd_fold_all, state, place) : error;
}

/* Keeps what was content at UPTO, and in the snapshots there were.  Those made since are of
 * what is kept anyway. */
static int keep_all(struct trim *trim, uint64_t upto)
{
	struct srd_state state, older;
	struct srd_log_place place;
	int error = keep_point(trim, upto, &state, &trim->seen);

	if (error)
		return error;
	for (uint32_t i = 1; i < state.snapshots.count && !error; i++) {
		if (srd_snap_at(&state, i)->name_len == 0)
			continue;
		error = keep_point(trim, srd_snap_at(&state, i)->offset, &older, &place);
		if (!error)
			srd_state_release(&older);
	}
	srd_state_release(&state);
	return error;
}

static int find_dead(struct trim *trim, uint64_t upto)
{
	bool abandoned = !srd_log_has_writers(trim->log) && !trim->store->appended;
	int error = srd_dead_init(&trim->dead, trim->log, upto);

	if (!error)
		error = srd_dead_collect(&trim->dead, abandoned, tell, trim);
	if (!error)
		error = keep_all(trim, upto);
	return error ? error : srd_dead_keep_since(&trim->dead, &trim->seen, atomic_load(&trim->log->end));
}

/* ---- Giving it back ---- */

/* Up to a step's worth; nothing is committed meanwhile. */
static ssize_t pick(void *user, struct srd_range ranges[SRD_TRIM_RANGES])
{
	struct trim *trim = user;
	int64_t bytes = 0;
	ssize_t count = 0;
	int error = srd_dead_keep_since(&trim->dead, &trim->seen, atomic_load(&trim->log->end));

	if (error)
		return error;
	struct srd_range range = { .offset = trim->at };
	while (count < SRD_TRIM_RANGES && bytes < STEP_BYTES && srd_dead_next(&trim->dead, &range)) {
		range.len = SRD_MIN(range.len, (uint64_t)(STEP_BYTES - bytes));
		/* Neighbours are one range. */
		if (count > 0 && ranges[count - 1].offset + ranges[count - 1].len == range.offset)
			ranges[count - 1].len += range.len;
		else
			ranges[count++] = range;
		bytes += (int64_t)range.len;
		range.offset += range.len;
	}
	trim->at = range.offset;
	return count;
}

static void count_dead(struct trim *trim)
{
	struct srd_range range = { 0 };

	for (; srd_dead_next(&trim->dead, &range); range.offset += range.len)
		trim->result.bytes += range.len;
}

static int give_back(struct trim *trim)
{
	int64_t bytes;

	do {
		bytes = srd_store_trim(trim->store, trim->log, trim->dead.upto, pick, trim);
		if (bytes > 0)
			trim->result.bytes += (uint64_t)bytes;
	} while (bytes > 0);
	/* Somebody looks at the past again: what was done is done. */
	trim->result.used |= bytes == -EBUSY;
	return bytes == -EBUSY ? 0 : (int)bytes;
}

static int run(struct trim *trim, const char *keep_since)
{
	uint64_t end, upto = UINT64_MAX;
	int error = find_point(trim, keep_since, &upto);

	if (!error)
		error = rouse(trim);
	if (error)
		return error;
	/* Not before: who holds the log may use what it was. */
	trim->hold = srd_store_hold(trim->store);
	trim->log = trim->hold.log;
	end = atomic_load(&trim->log->end);
	upto = SRD_MIN(upto, used_since(trim, SRD_MIN(end, atomic_load(&trim->log->durable))));
	trim->result.upto = upto;
	if (upto <= SRD_FIRST_RECORD)
		return 0;
	error = find_dead(trim, upto);
	if (!error && (trim->flags & SRD_TRIM_DRY_RUN))
		count_dead(trim);
	else if (!error)
		error = give_back(trim);
	return error;
}

int srd_trim(struct srd_store *store, const char *keep_since, int flags,
             int (*call)(void *user, const struct srd_event *event), void *user, struct srd_trim_result *result)
{
	struct trim trim = { .store = store, .flags = flags, .call = call, .user = user };
	int error = !(flags & SRD_TRIM_DRY_RUN) && (store->flags & SRD_RDONLY) ? -EROFS : 0;

	if (!error)
		error = run(&trim, keep_since);
	srd_dead_release(&trim.dead);
	srd_hold_drop(&trim.hold);
	if (!error)
		*result = trim.result;
	return error;
}
