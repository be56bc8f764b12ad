/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recover.c - finding the end of a log that may have been torn, by two walks over it (walk.h).
 *
 * Reading writes nothing (P5): what is behind the end is remembered, and cut by
 * the first append.
 */
#include "config.h"

#include "log/walk.h"

#include <stdlib.h>

#include "base/check.h"

enum { PROGRESS_LEN = 8 << 20 };

/* Both walks are half of the way. */
void srd_walk_tell(struct srd_walk *walk, uint64_t at, uint64_t before)
{
	uint64_t done = before + at - walk->start;

	if (!walk->visitor->progress || done < walk->told + PROGRESS_LEN)
		return;
	walk->told = done;
	walk->visitor->progress(walk->visitor->user, done, 2 * (walk->size - walk->start));
}

int srd_log_recover_with(struct srd_log *log, const struct srd_log_visitor *visitor)
{
	uint64_t hint = srd_log_hint(log);
	int64_t size = srd_log_size(log);

	if (size < 0)
		return (int)size;
	if (!srd_log_fits(log, (uint64_t)size))
		return SRD_EFULL;
	struct srd_walk walk = { .log = log, .visitor = visitor, .size = (uint64_t)size, .mark = atomic_load(&log->durable) };
	srd_window_init(&walk.window, log->io, log->fd);
	/* Who writes might cut what can be read again another time. */
	walk.window.patient = log->flags & SRD_LOG_RDONLY;
	int error = log->sb_damaged ? srd_log_note_damage(log, 0, SRD_FIRST_RECORD) : 0;
	walk.passed = log->damage_count;
	if (!error)
		error = srd_walk_survey_in_peace(&walk);
	walk.surveyed = log->damage_count;
	if (!error)
		error = srd_walk_replay(&walk);
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

static bool is_noted(const struct srd_log *log, const struct srd_damage *damage)
{
	for (size_t i = 0; i < log->damage_count; i++)
		if (log->damage[i].offset == damage->offset && log->damage[i].len == damage->len)
			return true;
	return false;
}

/* What is damaged in FOUND is in LOG, too. */
static int note_damages(struct srd_log *log, const struct srd_log *found)
{
	int error = 0;

	for (size_t i = 0; !error && i < found->damage_count; i++) {
		const struct srd_damage *damage = &found->damage[i];
		if (is_noted(log, damage))
			continue;
		error = srd_log_note_damage(log, damage->offset, damage->offset + damage->len);
		if (!error)
			log->damage[log->damage_count - 1].repaired = damage->repaired;
	}
	return error;
}

/* As srd_log_replay(); NOTING, if any, learns what is damaged. */
static int replay(const struct srd_log *log, const struct srd_log_place *from, const struct srd_log_point *point,
                  const struct srd_log_visitor *visitor, struct srd_log_place *reached, struct srd_log *noting)
{
	/* A log of our own that ends where we have come, so that nobody is disturbed. */
	struct srd_log *shadow = calloc(1, sizeof *shadow);

	if (!shadow)
		return -ENOMEM;
	shadow->io = log->io;
	shadow->fd = log->fd;
	shadow->sb = log->sb;
	shadow->map = log->map;
	srd_log_go_back(shadow, from);
	/* What counts was decided when the log was opened, or by who appended. */
	struct srd_walk walk = { .log = shadow, .visitor = visitor, .size = point->upto, .mark = point->upto, .until = point };
	srd_window_init(&walk.window, shadow->io, shadow->fd);
	int error = srd_walk_survey(&walk);
	walk.surveyed = shadow->damage_count;
	if (!error)
		error = srd_walk_replay(&walk);
	/* Compaction dropped what was between the last commit and there. */
	if (!error && walk.unclear && shadow->sequence != point->sequence)
		error = SRD_ENOPAST;
	if (!error && reached)
		*reached = srd_log_here(shadow);
	if (!error && srd_log_damages(shadow) > 0)
		error = SRD_EDAMAGED;
	if (noting && (!error || error == SRD_EDAMAGED))
		error = note_damages(noting, shadow);
	srd_window_release(&walk.window);
	free(shadow->damage);
	free(shadow);
	return error;
}

int srd_log_replay(const struct srd_log *log, const struct srd_log_place *from, const struct srd_log_point *point,
                   const struct srd_log_visitor *visitor, struct srd_log_place *reached)
{
	return replay(log, from, point, visitor, reached, NULL);
}

static int pass_by(void *user, const struct srd_record *record, const uint8_t *metadata)
{
	(void)user;
	(void)record;
	(void)metadata;
	return 0;
}

int srd_log_look_again(struct srd_log *log, uint64_t end)
{
	const struct srd_log_visitor visitor = { .visit = pass_by };
	const struct srd_log_point point = { end, UINT64_MAX, INT64_MAX };
	struct srd_log_place start = srd_log_start(log);

	return replay(log, &start, &point, &visitor, NULL, log);
}
