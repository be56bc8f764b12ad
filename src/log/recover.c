/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recover.c - finding the end of a log that may have been torn (FORMAT,
 * section 6), in two walks:
 *
 *   survey   headers only: where the chain of records ends, what is known to be
 *            durable, which stretches below that are rotten
 *   replay   visits the commits in order; above the mark each must prove itself,
 *            its metadata and all payload that it names
 *
 * Reading writes nothing (P5): what is behind the end is remembered, and cut by
 * the first append.
 */
#include "config.h"

#include "log/internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/check.h"
#include "log/window.h"

enum { PEEK_LEN = 2048, PROGRESS_LEN = 8 << 20, SURVEYS = 5 };

struct walk {
	struct srd_log *log;
	const struct srd_log_visitor *visitor;
	struct srd_window window;
	uint64_t size;           /* of the file */
	uint64_t end;            /* survey: where the chain of records ends */
	uint64_t mark;           /* survey: known durable */
	bool whole_behind;       /* survey: valid headers lie behind the end */
	size_t surveyed, passed; /* damages that the survey found, the replay has passed */
	uint64_t start;          /* where both walks begin */
	uint64_t peeked;         /* replay: how far was peeked */
	uint64_t told;           /* progress, as last told */
	const struct srd_log_point *until;   /* survey: commits past it are none of ours; NULL: all are */
	bool unclear;            /* survey: the first of those stands for some that may be */
	bool looked_on;          /* survey: the mark counts every header of the file */
};

int64_t srd_log_size(const struct srd_log *log)
{
	struct statx st;
	/* The kernel may believe for a minute what a file server said of a size. */
	int flags = AT_EMPTY_PATH | (log->remote ? AT_STATX_FORCE_SYNC : 0);

	return statx(log->fd, "", flags, STATX_SIZE, &st) != 0 ? srd_errno() : (int64_t)st.stx_size;
}

int srd_log_note_damage(struct srd_log *log, uint64_t offset, uint64_t end)
{
	int error = srd_array_reserve(&log->damage, &log->damage_cap, log->damage_count + 1, sizeof *log->damage);

	if (error)
		return error;
	log->damage[log->damage_count++] = (struct srd_damage){ .offset = offset, .len = end - offset };
	return 0;
}

/* The end of the damage that the survey found at OFFSET; 0: none.  Both walks come
 * by in the same order. */
static uint64_t damage_end(struct walk *walk, uint64_t offset)
{
	if (walk->passed == walk->surveyed || walk->log->damage[walk->passed].offset != offset)
		return 0;
	return offset + walk->log->damage[walk->passed++].len;
}

/* 1 if there is a valid header at OFFSET, 0 if not, or a negative code. */
static int header_at(struct walk *walk, uint64_t offset, struct srd_record *record)
{
	const uint8_t *bytes;
	int got = srd_window_at(&walk->window, offset, SRD_HEADER_LEN, &bytes);

	if (got <= 0)
		return got;
	return srd_record_decode(&walk->log->sb, record, bytes, offset);
}

static bool is_whole(const struct walk *walk, const struct srd_record *record)
{
	return srd_within(record->offset, record->len, walk->size);
}

/* Looks from the bad place X on for valid headers: raises the mark, and puts the
 * first record that lies behind X and leads to X or behind into *NEXT
 * (offset 0: none). */
static int look_on(struct walk *walk, uint64_t x, struct srd_record *next)
{
	struct srd_record record;

	next->offset = 0;
	walk->whole_behind = false;
	for (uint64_t at = x; at + SRD_HEADER_LEN <= walk->size; at += SRD_RECORD_ALIGN) {
		int got = header_at(walk, at, &record);
		if (got < 0)
			return got;
		if (!got)
			continue;
		walk->mark = SRD_MAX(walk->mark, record.durable);
		/* At X itself half a record may be what the last append left. */
		walk->whole_behind |= at > x || is_whole(walk, &record);
		if (!next->offset && at > x && record.prev >= x && is_whole(walk, &record))
			*next = record;
		/* Once to the end is enough, however many places are bad. */
		if (next->offset && walk->looked_on)
			return 0;
	}
	walk->looked_on = true;
	return 0;
}

/* At the bad place AT: rot, then *NEXT is where the walk goes on, or the end. */
static int judge(struct walk *walk, uint64_t at, struct srd_record *next)
{
	int error = look_on(walk, at, next);

	if (error)
		return error;
	/* With no whole record behind it, what is known to be durable is damaged
	 * all the same, and must not be cut. */
	if (walk->mark > at)
		return srd_log_note_damage(walk->log, at, next->offset ? next->offset : walk->mark);
	next->offset = 0;
	return 0;
}

/* Both walks are half of the way. */
static void tell_progress(struct walk *walk, uint64_t at, uint64_t before)
{
	uint64_t done = before + at - walk->start;

	if (!walk->visitor->progress || done < walk->told + PROGRESS_LEN)
		return;
	walk->told = done;
	walk->visitor->progress(walk->visitor->user, done, 2 * (walk->size - walk->start));
}

static bool is_past(const struct walk *walk, const struct srd_record *record)
{
	const struct srd_log_point *until = walk->until;

	return until && record->type == SRD_RECORD_META &&
	       (record->sequence > until->sequence || record->time_ns > until->time_ns);
}

static int survey(struct walk *walk)
{
	walk->start = atomic_load(&walk->log->end);
	uint64_t at = atomic_load(&walk->log->end);
	uint64_t prev = walk->log->last, prev_check = walk->log->last_check;

	while (at < walk->size) {
		struct srd_record record;
		tell_progress(walk, at, 0);
		int got = header_at(walk, at, &record);
		if (got < 0)
			return got;
		if (!got || record.prev != prev || record.prev_check != prev_check || !is_whole(walk, &record)) {
			int error = judge(walk, at, &record);
			if (error)
				return error;
			if (!record.offset)
				break;
		}
		if (is_past(walk, &record)) {
			walk->unclear = record.flags & SRD_RECORD_BASE;
			break;
		}
		walk->mark = SRD_MAX(walk->mark, record.durable);
		prev = record.offset;
		prev_check = record.check;
		at = record.offset + record.len;
	}
	walk->end = at;
	return 0;
}

/* True if others who append meanwhile cannot have led the survey astray, now that the
 * file has SIZE bytes.  One that cuts a torn tail and appends anew does: we may have taken
 * what is still in flight for whole, by the size of old, or have seen some of the tail
 * and some of what took its place. */
static bool is_settled(const struct walk *walk, uint64_t size)
{
	bool found_bad = walk->whole_behind || walk->log->damage_count > walk->passed;

	return size >= walk->size && (!found_bad || size == walk->size);
}

/* Surveys until nobody interferes; a few times will do. */
static int survey_in_peace(struct walk *walk)
{
	const struct walk before = *walk;

	for (int i = 0; i < SURVEYS; i++) {
		int error = survey(walk);
		int64_t size = srd_log_size(walk->log);
		if (!error && size < 0)
			error = (int)size;
		if (error || is_settled(walk, (uint64_t)size))
			return error;
		/* Where damage is, and others append, it is as bad as it looks. */
		if (i + 1 == SURVEYS && (uint64_t)size >= walk->size)
			return 0;
		walk->log->damage_count = before.passed;
		srd_window_release(&walk->window);
		*walk = before;
		srd_window_init(&walk->window, walk->log->io, walk->log->fd);
		walk->size = (uint64_t)size;
	}
	return SRD_EREPLACED;
}

/* True if [skip, skip + len) of the payload of the run at OFFSET is right as far as
 * it lies above the mark. */
static bool run_holds(struct walk *walk, uint64_t offset, uint32_t skip, uint32_t len)
{
	struct srd_run run;

	/* Below the mark no crash did that, and no later commit may go for it. */
	if (!srd_log_run(walk->log, offset, &run) || !srd_within(skip, len, run.len))
		return offset < walk->mark;
	uint64_t payload = run.offset + run.distance, end = payload + skip + len;
	if (end <= walk->mark)
		return true;
	uint64_t from = SRD_MAX(payload + skip, walk->mark);
	return srd_log_holds(walk->log, &run, (uint32_t)(from - payload), (uint32_t)(end - from));
}

/* True if all payload that the commit names above the mark is right. */
static bool payload_holds(struct walk *walk, const struct srd_record *record, const uint8_t *metadata)
{
	struct srd_op op;

	for (uint64_t at = 0; at < record->meta_len; at += op.len) {
		uint64_t offset = record->offset + SRD_HEADER_LEN + at;
		if (!srd_op_decode(&op, metadata + at, record->meta_len - at, offset, record->offset + record->len))
			return false;
		if (op.has_run && !run_holds(walk, op.run.offset, 0, op.run.len))
			return false;
		for (uint64_t i = 0; i < op.ref_count; i++) {
			struct srd_ref ref = srd_op_ref(op.refs, i);
			if (srd_ref_has_run(&ref) && !run_holds(walk, ref.run, ref.skip, ref.len))
				return false;
		}
	}
	return true;
}

static bool metadata_holds(const struct srd_log *log, const struct srd_record *record, const uint8_t *metadata)
{
	uint64_t check;

	return srd_meta_check(metadata, record->meta_len, record->offset + SRD_HEADER_LEN,
	                      record->offset + record->len,
	                      srd_superblock_seed(&log->sb, record->offset), &check) &&
	       check == record->meta_check;
}

/* One commit: 1 visited (or rotten and passed over), 0 the log ends before it,
 * or a negative code. */
static int replay_commit(struct walk *walk, const struct srd_record *record)
{
	const uint8_t *metadata;
	uint64_t record_end = record->offset + record->len;
	int got = srd_window_at(&walk->window, record->offset + SRD_HEADER_LEN, record->meta_len, &metadata);

	if (got <= 0)
		return got;
	bool durable = record_end <= walk->mark;
	if (!metadata_holds(walk->log, record, metadata)) {
		if (!durable)
			return 0;
		int error = srd_log_note_damage(walk->log, record->offset, record_end);
		return error ? error : 1;
	}
	if (!durable && !payload_holds(walk, record, metadata))
		return 0;
	int error = walk->visitor->visit(walk->visitor->user, record, metadata);
	if (error)
		return error;
	srd_log_repaired(walk->log, record, metadata);
	srd_log_note_trim(walk->log, record, metadata);
	return 1;
}

/* Moves the end past RECORD while keeping what was there to go back to. */
static int replay_record(struct walk *walk, const struct srd_record *record)
{
	struct srd_log *log = walk->log;
	struct srd_log_place place = srd_log_here(log);

	/* Names and payload are looked at through the mapping, so the end first. */
	srd_log_advance(log, record);
	int got = record->type == SRD_RECORD_META ? replay_commit(walk, record) : 1;
	if (got == 1)
		return 1;
	/* But behind damage, if we came over some. */
	place.end = record->offset;
	srd_log_go_back(log, &place);
	return got;
}

/* Records are peeked at some ahead of their turn, so that the waits for memory overlap;
 * only in what has been read already, and by their headers' word: it is a hint. */
static void peek_ahead(struct walk *walk, uint64_t at)
{
	struct srd_record record;
	const uint8_t *bytes;

	walk->peeked = SRD_MAX(walk->peeked, at);
	while (walk->visitor->peek && walk->peeked < at + PEEK_LEN && walk->peeked < walk->end) {
		bytes = srd_window_peek(&walk->window, walk->peeked, SRD_HEADER_LEN);
		if (!bytes || !srd_record_glance(&record, bytes, walk->peeked))
			return;
		walk->peeked += record.len;
		bytes = srd_window_peek(&walk->window, record.offset, SRD_HEADER_LEN + (uint64_t)record.meta_len);
		if (bytes && record.type == SRD_RECORD_META && record.meta_len < PEEK_LEN)
			walk->visitor->peek(walk->visitor->user, &record, bytes + SRD_HEADER_LEN);
	}
}

static int replay(struct walk *walk)
{
	struct srd_log *log = walk->log;
	uint64_t at = atomic_load(&log->end);

	while (at < walk->end) {
		struct srd_record record;
		uint64_t skip_to = damage_end(walk, at);
		if (skip_to) {
			at = skip_to;
			continue;
		}
		peek_ahead(walk, at);
		tell_progress(walk, at, walk->size - walk->start);
		int got = header_at(walk, at, &record);
		/* A file that changes under our eyes is not ours to judge. */
		if (got == 0)
			return SRD_EREPLACED;
		if (got == 1)
			got = replay_record(walk, &record);
		if (got < 0)
			return got;
		if (got == 0) {
			walk->whole_behind = true;
			return 0;
		}
		at = record.offset + record.len;
	}
	return 0;
}

int srd_log_recover_with(struct srd_log *log, const struct srd_log_visitor *visitor)
{
	uint64_t hint = srd_log_hint(log);
	int64_t size = srd_log_size(log);

	if (size < 0)
		return (int)size;
	if ((uint64_t)size > log->map_len)
		return SRD_EFULL;
	struct walk walk = { .log = log, .visitor = visitor, .size = (uint64_t)size, .mark = atomic_load(&log->durable) };
	srd_window_init(&walk.window, log->io, log->fd);
	int error = log->sb_damaged ? srd_log_note_damage(log, 0, SRD_FIRST_RECORD) : 0;
	walk.passed = log->damage_count;
	if (!error)
		error = survey_in_peace(&walk);
	walk.surveyed = log->damage_count;
	if (!error)
		error = replay(&walk);
	srd_window_release(&walk.window);
	if (error)
		return error;
	uint64_t end = atomic_load(&log->end);
	log->dropped = walk.size > end ? walk.size - end : 0;
	log->cut_needed = log->dropped > 0;
	log->drop_needed = walk.whole_behind;
	log->suspect_end = end;
	srd_log_forget_verified(log, end, walk.size);
	/* Put back in its place, one that was left for another is the store again. */
	log->sealed = log->sealed && srd_log_is_replaced(log);
	srd_log_seen(log, hint);
	srd_log_learn_durable(log, SRD_MIN(walk.mark, end));
	log->mark_said = atomic_load(&log->durable);
	return 0;
}

int srd_log_recover(struct srd_log *log, srd_log_visit *visit, void *user)
{
	return srd_log_recover_with(log, &(struct srd_log_visitor){ .visit = visit, .user = user });
}

int srd_log_replay(const struct srd_log *log, const struct srd_log_place *from, const struct srd_log_point *point,
                   const struct srd_log_visitor *visitor, struct srd_log_place *reached)
{
	/* A log of our own that ends where we have come, so that nobody is disturbed. */
	struct srd_log *shadow = calloc(1, sizeof *shadow);

	if (!shadow)
		return -ENOMEM;
	shadow->io = log->io;
	shadow->fd = log->fd;
	shadow->sb = log->sb;
	shadow->map = log->map;
	shadow->map_len = log->map_len;
	srd_log_go_back(shadow, from);
	/* What counts was decided when the log was opened, or by who appended. */
	struct walk walk = { .log = shadow, .visitor = visitor, .size = point->upto, .mark = point->upto, .until = point };
	srd_window_init(&walk.window, shadow->io, shadow->fd);
	int error = survey(&walk);
	walk.surveyed = shadow->damage_count;
	if (!error)
		error = replay(&walk);
	/* Compaction dropped what was between the last commit and there. */
	if (!error && walk.unclear && shadow->sequence != point->sequence)
		error = SRD_ENOPAST;
	if (!error && reached)
		*reached = srd_log_here(shadow);
	if (!error && srd_log_damages(shadow) > 0)
		error = SRD_EDAMAGED;
	srd_window_release(&walk.window);
	free(shadow->damage);
	free(shadow);
	return error;
}
