/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/compact.h"

#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "state/chunks.h"
#include "log/image.h"
#include "store/carry.h"
#include "store/difference.h"
#include "store/fold.h"
#include "store/image.h"
#include "store/point.h"

enum {
	TAIL_SHORT = 1 << 20,         /* bytes of the old log that may be left for the lock */
	ROUNDS_MAX = 30,              /* of following; who appends faster is waited for */
	INODE_BYTES = 320,            /* of the new log, for its ops, about */
	SLACK_BYTES = 8 << 20,
};

struct compact {
	struct srd_store *store;
	struct srd_log *log;          /* the old one; held */
	const struct srd_compact_options *options;
	struct srd_compacted result;
	struct srd_state empty, base;
	bool folded;                  /* there is a base */
	const struct srd_state *told; /* whose inodes are being written; NULL: none */
	struct srd_snap *snaps;       /* of the base */
	size_t snap_count;
	struct srd_relocate relocate;
	struct srd_rewrite rewrite;
	struct srd_log *next;
	struct srd_log_place from;    /* of the old log: what is before is in the new one */
	int64_t started_ns;
};

/* ---- Who follows it ---- */

static int64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t wall_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Sleeps until as much may have been copied. */
static void keep_rate(const struct compact *compact, uint64_t bytes)
{
	uint64_t rate = compact->options->rate_bytes;
	int64_t due_ns = rate ? (int64_t)((double)bytes / (double)rate * 1e9) - (clock_ns() - compact->started_ns) : 0;

	if (due_ns > 0)
		nanosleep(&(struct timespec){ .tv_sec = due_ns / 1000000000, .tv_nsec = due_ns % 1000000000 }, NULL);
}

static int copied(void *user, uint64_t len)
{
	struct compact *compact = user;
	const struct srd_compact_options *options = compact->options;
	struct srd_event event = { .type = SRD_EVENT_PROGRESS, .what = "content" };

	compact->result.content_bytes += len;
	event.offset = compact->result.content_bytes;
	event.end = SRD_MAX(event.offset, compact->relocate.moved.bytes);
	keep_rate(compact, event.offset);
	return options->call ? options->call(options->user, &event) : 0;
}

static void damaged(void *user, uint64_t offset, uint32_t len)
{
	struct compact *compact = user;
	const struct srd_compact_options *options = compact->options;
	struct srd_event event = { .type = SRD_EVENT_DAMAGE, .what = "payload", .offset = offset, .len = len,
	                           .pos = UINT64_MAX, .text = "carried over as it is" };
	uint32_t inode = compact->relocate.inode;
	uint32_t dentry = inode && compact->told ? srd_inode_at(compact->told, inode)->dentry : 0;
	char buffer[SRD_KEY_MAX + 1];

	/* What was content when we began need not be any more. */
	if (srd_log_is_trimmed(compact->log, offset, len))
		return;
	if (dentry && srd_state_path(compact->told, dentry, buffer, &event.key) < 0)
		event.key = NULL;
	compact->result.damaged_blocks++;
	if (options->call)
		options->call(options->user, &event);
}

/* ---- Where the base lies ---- */

static bool record_at(const struct srd_log *log, uint64_t offset, struct srd_record *record)
{
	const uint8_t *bytes = offset ? srd_log_at(log, offset, SRD_HEADER_LEN) : NULL;

	return bytes && srd_record_decode(&log->sb, record, bytes, offset);
}

static bool is_repair(const struct srd_log *log, const struct srd_record *record)
{
	const uint8_t *bytes = srd_log_at(log, record->offset + SRD_HEADER_LEN, 1);

	return record->meta_len > 0 && bytes && bytes[0] == SRD_OP_REPAIR;
}

/* True for a commit that must be part of the base: it is not past SINCE, or stands for
 * others, or behind damage that it repairs. */
static bool is_of_base(const struct srd_log *log, const struct srd_record *record, const struct srd_log_point *since)
{
	return record->type == SRD_RECORD_META &&
	       ((record->time_ns <= since->time_ns && record->sequence <= since->sequence &&
	         record->offset < since->upto) ||
	        record->flags & SRD_RECORD_BASE || is_repair(log, record));
}

/* Goes back from PLACE to where the base ends. */
static void find_base(const struct srd_log *log, const struct srd_log_point *since, struct srd_log_place *place)
{
	struct srd_record record;

	while (record_at(log, place->last, &record) && !is_of_base(log, &record, since)) {
		/* Behind damage that was cut out there is nothing to stand on but what is here. */
		if (record.prev && !record_at(log, record.prev, &(struct srd_record){ 0 }))
			return;
		*place = (struct srd_log_place){ .end = record.offset, .last = record.prev, .last_check = record.prev_check,
		                                 .sequence = record.sequence - (record.type == SRD_RECORD_META),
		                                 .last_time_ns = record.time_ns, .epoch = record.epoch };
	}
}

/* Sequence and time of the last commit before PLACE. */
static struct srd_log_stamp stamp_of(const struct srd_log *log, const struct srd_log_place *place)
{
	struct srd_record record = { .prev = place->last };

	while (record_at(log, record.prev, &record))
		if (record.type == SRD_RECORD_META)
			return (struct srd_log_stamp){ .flags = SRD_RECORD_BASE, .sequence = record.sequence,
			                               .time_ns = record.time_ns };
	return (struct srd_log_stamp){ .flags = SRD_RECORD_BASE, .sequence = place->sequence,
	                               .time_ns = place->last_time_ns };
}

static int place_now(const struct compact *compact, struct srd_log_place *place)
{
	struct srd_store *store = compact->store;
	int error = srd_store_follow(store);

	if (error)
		return error;
	srd_mutex_lock(&store->commit_mutex);
	*place = srd_log_here(compact->log);
	error = store->log != compact->log ? SRD_EREPLACED : srd_log_damages(compact->log) > 0 ? SRD_EDAMAGED : 0;
	srd_mutex_unlock(&store->commit_mutex);
	return error;
}

/* ---- The steps ---- */

static uint64_t names_bytes(const struct srd_state *state)
{
	uint64_t bytes = 0;

	for (uint32_t i = 1; i < state->dentries.count; i++)
		bytes += srd_dentry_at(state, i)->name_len;
	return bytes;
}

/* What the new log will have, about. */
static uint64_t estimate(const struct compact *compact, uint64_t kept)
{
	const struct srd_state *base = &compact->base;
	uint64_t inodes = base->files + base->directories + base->others, payload = compact->relocate.moved.bytes;

	return SRD_FIRST_RECORD + payload + payload / 256 + inodes * INODE_BYTES + names_bytes(base) + kept;
}

/* Damage behind which there is no repair says what the base would lack. */
static int fold_base(struct compact *compact)
{
	struct srd_log_point point = srd_point_before(compact->from.end);
	int error = srd_fold(compact->log, &point, NULL, &compact->base, NULL);

	if (error == SRD_EDAMAGED)
		srd_state_release(&compact->base);
	compact->folded = error == 0;
	return error;
}

static uint64_t oldest_snapshot(const struct srd_state *state)
{
	uint64_t oldest = UINT64_MAX;

	for (uint32_t i = 1; i < state->snapshots.count; i++)
		if (srd_snap_at(state, i)->name_len > 0)
			oldest = SRD_MIN(oldest, srd_snap_at(state, i)->offset);
	return oldest;
}

/* The base, no later than SINCE and before all snapshots: what comes from there on is kept as
 * it is.  -EOPNOTSUPP: some lie before what can only be restated. */
static int choose_base(struct compact *compact, struct srd_log_point since)
{
	for (;;) {
		if (since.upto != UINT64_MAX || since.sequence != UINT64_MAX || since.time_ns != INT64_MAX)
			find_base(compact->log, &since, &compact->from);
		if (compact->from.end > since.upto)
			return -EOPNOTSUPP;
		int error = fold_base(compact);
		since.upto = error ? UINT64_MAX : oldest_snapshot(&compact->base);
		if (since.upto == UINT64_MAX)
			return error;
		srd_state_release(&compact->base);
		compact->folded = false;
	}
}

/* ---- Snapshots: each is a state of its own, and the next is told as what differs ---- */

static int by_offset(const void *a, const void *b)
{
	uint64_t x = ((const struct srd_snap *)a)->offset, y = ((const struct srd_snap *)b)->offset;

	return x < y ? -1 : x > y;
}

/* Those that lie in the base, in the order of the log. */
static int list_snapshots(struct compact *compact)
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
static int fold_snapshot(const struct compact *compact, const struct srd_snap *snap, struct srd_state *state,
                         struct srd_log_place *place)
{
	struct srd_log_point point = srd_point_before(snap->offset);
	int error = srd_fold(compact->log, &point, NULL, state, place);

	if (error == SRD_EDAMAGED)
		srd_state_release(state);
	return error;
}

static int want_snapshots(struct compact *compact)
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

/* The state that is to be the base, and what content that has. */
static int survey(struct compact *compact, uint64_t *kept)
{
	const char *keep_since = compact->options->keep_since;
	struct srd_log_point since = SRD_LOG_POINT_NOW;

	if (keep_since && !srd_point_parse(keep_since, wall_clock_ns(), &since))
		return -EINVAL;
	int error = place_now(compact, &compact->from);
	if (error)
		return error;
	uint64_t end = compact->from.end;
	error = choose_base(compact, since);
	if (error)
		return error;
	*kept = end - compact->from.end;
	error = list_snapshots(compact);
	if (!error)
		error = want_snapshots(compact);
	if (!error)
		error = srd_difference_want(&compact->relocate, &compact->empty, &compact->base);
	compact->result.old_bytes = end;
	compact->result.new_bytes = estimate(compact, *kept);
	return error;
}

/* The new log must hold what the old one does; a fault of ours must not cost anybody's files. */
static bool counts_the_same(const struct srd_state *a, const struct srd_state *b)
{
	return a->files == b->files && a->directories == b->directories && a->others == b->others &&
	       a->next_ino == b->next_ino && a->snapshots.live == b->snapshots.live;
}

/* What is in use here, and so in no log any more, is in neither. */
static bool says_the_same(const struct srd_state *a, const struct srd_state *b)
{
	return counts_the_same(a, b) && a->unnamed == b->unnamed && a->live_bytes == b->live_bytes &&
	       a->next_cookie == b->next_cookie;
}

static int write_difference(struct compact *compact, const struct srd_state *from, const struct srd_state *to,
                            const struct srd_log_place *place)
{
	struct srd_difference difference = { .from = from, .to = to, .log = compact->log,
	                                     .relocate = &compact->relocate, .rewrite = &compact->rewrite,
	                                     .stamp = stamp_of(compact->log, place) };
	int error = srd_difference_copy(&compact->relocate, from, to);

	compact->relocate.inode = 0;
	return error ? error : srd_difference_write(&difference);
}

/* The op that names the state before it, as it is called now. */
static int write_snapshot(struct compact *compact, const struct srd_snap *snap)
{
	struct srd_log_stamp stamp = { .sequence = snap->sequence, .time_ns = snap->time_ns };
	struct srd_op op = { .kind = SRD_OP_SNAPSHOT, .ino = SRD_ROOT_INO, .name_len = snap->name_len };

	op.name = (const char *)srd_log_at(compact->log, snap->name, snap->name_len);
	if (!op.name)
		return SRD_ECORRUPT;
	int error = srd_rewrite_add(&compact->rewrite, &op, NULL, NULL, NULL);
	return error ? error : srd_rewrite_commit(&compact->rewrite, &stamp);
}

/* The snapshots one by one; *LAST becomes the state of the last, if there are any. */
static int write_snapshots(struct compact *compact, struct srd_state *last, bool *any)
{
	struct srd_state next;
	struct srd_log_place place;
	int error = 0;

	for (size_t i = 0; !error && i < compact->snap_count; i++) {
		error = fold_snapshot(compact, &compact->snaps[i], &next, &place);
		if (error)
			break;
		compact->told = &next;
		error = write_difference(compact, *any ? last : &compact->empty, &next, &place);
		compact->told = NULL;
		if (*any)
			srd_state_release(last);
		*last = next;
		*any = true;
		if (!error)
			error = write_snapshot(compact, &compact->snaps[i]);
	}
	return error;
}

static int write_base(struct compact *compact)
{
	struct srd_state last;
	bool any = false;
	int error = write_snapshots(compact, &last, &any);

	compact->told = &compact->base;
	if (!error)
		error = write_difference(compact, any ? &last : &compact->empty, &compact->base, &compact->from);
	compact->told = NULL;
	if (any)
		srd_state_release(&last);
	if (!error)
		error = srd_chunks_error(compact->base.chunks);
	if (!error && (compact->rewrite.state.misfits > 0 || !says_the_same(&compact->base, &compact->rewrite.state)))
		error = SRD_ECORRUPT;
	return error;
}

static int carry(void *user, const struct srd_record *record, const uint8_t *metadata)
{
	struct compact *compact = user;

	return srd_carry_commit(&compact->relocate, &compact->rewrite, record, metadata);
}

/* What the old log has up to PLACE comes over. */
static int follow_to(struct compact *compact, const struct srd_log_place *place)
{
	struct srd_log_visitor visitor = { .visit = carry, .user = compact };
	struct srd_log_point point = srd_point_before(place->end);
	int error = srd_log_replay(compact->log, &compact->from, &point, &visitor, NULL);

	if (!error)
		compact->from = *place;
	return error;
}

/* Until little is left to do under the lock. */
static int follow(struct compact *compact)
{
	struct srd_log_place place;
	uint64_t left;
	int error, rounds = 0;

	do {
		error = place_now(compact, &place);
		left = place.end - compact->from.end;
		if (!error)
			error = follow_to(compact, &place);
	} while (!error && left > TAIL_SHORT && ++rounds < ROUNDS_MAX);
	return error;
}

/* What was reserved and not needed goes back; the log is durable, and its image spares the
 * others the replay. */
static int settle(struct compact *compact)
{
	struct srd_log *next = compact->next;
	struct srd_log_place place = srd_log_here(next);
	int error = srd_log_sync(next, place.end);

	if (!error)
		srd_image_save_state(next, &compact->rewrite.state, &place);
	return error;
}

/* With the append lock held: nobody commits. */
static int hand_over(struct compact *compact, bool *done)
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

static int replace(struct compact *compact, bool *done)
{
	int error = follow(compact);

	if (!error)
		error = settle(compact);
	if (!error)
		error = srd_store_begin(compact->store);
	if (error)
		return error;
	error = hand_over(compact, done);
	srd_store_end(compact->store);
	return error;
}

static int write_anew(struct compact *compact, uint64_t kept)
{
	uint64_t bytes = estimate(compact, kept) + SLACK_BYTES;
	bool done = false;
	int error = srd_log_successor_new(compact->log, bytes, &compact->next);

	if (error)
		return error;
	compact->relocate.to = compact->next;
	error = srd_rewrite_init(&compact->rewrite, compact->next);
	if (!error) {
		error = write_base(compact);
		if (!error)
			error = replace(compact, &done);
		srd_rewrite_release(&compact->rewrite);
	}
	if (!done)
		srd_log_successor_abandon(compact->log, compact->next);
	return error;
}

static int run(struct compact *compact)
{
	struct srd_log *log = compact->log;
	const struct srd_relocate_watch watch = { .copied = copied, .damaged = damaged, .user = compact };
	uint64_t kept;
	int error = srd_state_init(&compact->empty, &log->sb, srd_store_source(log), 0);

	if (error)
		return error;
	error = srd_relocate_init(&compact->relocate, log, NULL, &watch);
	if (!error)
		error = survey(compact, &kept);
	if (!error && !(compact->options->flags & SRD_COMPACT_DRY_RUN))
		error = write_anew(compact, kept);
	srd_relocate_release(&compact->relocate);
	if (compact->folded)
		srd_state_release(&compact->base);
	free(compact->snaps);
	srd_state_release(&compact->empty);
	return error;
}

int srd_store_compact(struct srd_store *store, const struct srd_compact_options *options, struct srd_compacted *result)
{
	/* One that others compacted since is left behind first. */
	int error = srd_store_follow(store);
	struct srd_hold hold = srd_store_hold(store);
	struct compact compact = { .store = store, .log = hold.log, .options = options, .started_ns = clock_ns() };
	bool dry = options->flags & SRD_COMPACT_DRY_RUN;

	if (!error && (store->flags & SRD_RDONLY) && !dry)
		error = -EROFS;
	/* Damage that is not looked for would get a check that fits. */
	if (!error && store->flags & SRD_NOCHECK)
		error = -EINVAL;
	if (!error)
		error = run(&compact);
	/* The image may have been at fault: the next time is without it. */
	if (error == SRD_ECORRUPT && !(store->flags & SRD_RDONLY))
		srd_image_file_remove(compact.log);
	if (!error)
		*result = compact.result;
	srd_hold_drop(&hold);
	return error;
}
