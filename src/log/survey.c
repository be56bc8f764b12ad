/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "log/walk.h"

#include "base/check.h"

enum { SURVEYS = 5 };   /* will do, however many append */

static bool is_whole(const struct srd_walk *walk, const struct srd_record *record)
{
	return srd_within(record->offset, record->len, walk->size);
}

/* Looks from the bad place X on for valid headers: raises the mark, and puts the
 * first record that lies behind X and leads to X or behind into *NEXT
 * (offset 0: none). */
static int look_on(struct srd_walk *walk, uint64_t x, struct srd_record *next)
{
	struct srd_record record;

	next->offset = 0;
	walk->whole_behind = false;
	for (uint64_t at = x; at + SRD_HEADER_LEN <= walk->size; at += SRD_RECORD_ALIGN) {
		int got = srd_walk_header(walk, at, &record);
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
static int judge(struct srd_walk *walk, uint64_t at, struct srd_record *next)
{
	int error = look_on(walk, at, next);

	if (error)
		return error;
	/* With no whole record behind it, what is known to be durable is damaged
	 * all the same, and must not be cut; nor did a crash leave what cannot be read. */
	uint64_t known = SRD_MAX(walk->mark, walk->window.missing);
	if (known > at)
		return srd_log_note_damage(walk->log, at, next->offset ? next->offset : known);
	next->offset = 0;
	return 0;
}

static bool is_past(const struct srd_walk *walk, const struct srd_record *record)
{
	const struct srd_log_point *until = walk->until;

	return until && record->type == SRD_RECORD_META &&
	       (record->sequence > until->sequence || record->time_ns > until->time_ns);
}

int srd_walk_survey(struct srd_walk *walk)
{
	walk->start = atomic_load(&walk->log->end);
	uint64_t at = atomic_load(&walk->log->end);
	uint64_t prev = walk->log->last, prev_check = walk->log->last_check;

	while (at < walk->size) {
		struct srd_record record;
		srd_walk_tell(walk, at, 0);
		int got = srd_walk_header(walk, at, &record);
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
static bool is_settled(const struct srd_walk *walk, uint64_t size)
{
	bool found_bad = walk->whole_behind || walk->log->damage_count > walk->passed;

	return size >= walk->size && (!found_bad || size == walk->size);
}

int srd_walk_survey_in_peace(struct srd_walk *walk)
{
	const struct srd_walk before = *walk;

	for (int i = 0; i < SURVEYS; i++) {
		int error = srd_walk_survey(walk);
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
		walk->window.patient = before.window.patient;
		walk->size = (uint64_t)size;
	}
	return SRD_EREPLACED;
}
