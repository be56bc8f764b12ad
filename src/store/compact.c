/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/compacting.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "log/image.h"
#include "store/difference.h"
#include "store/point.h"
#include "store/retention.h"

enum {
	INODE_BYTES = 320,            /* of the new log, for its ops, about */
	NAME_BYTES = 24,              /* likewise, where they are not counted */
	SLACK_BYTES = 8 << 20,
	TRIES_MAX = 10,
};

/* ---- The steps ---- */

static uint64_t names_bytes(const struct srd_state *state)
{
	uint64_t bytes = 0;

	for (uint32_t i = 1; i < state->dentries.count; i++)
		bytes += srd_dentry_at(state, i)->name_len;
	return bytes;
}

/* What a log takes that has STATE, and PAYLOAD, about; names aside. */
static uint64_t bytes_for(const struct srd_state *state, uint64_t payload)
{
	uint64_t inodes = state->files + state->directories + state->others;

	/* Some checks are of less than a whole block. */
	return SRD_FIRST_RECORD + payload + payload / 256 + inodes * INODE_BYTES;
}

/* What the new log will have, about. */
static uint64_t estimate(const struct srd_compacting *compact, uint64_t kept)
{
	return bytes_for(&compact->base, compact->relocate.moved.bytes) + names_bytes(&compact->base) + kept;
}

int srd_store_guess(struct srd_store *store, struct srd_compact_guess *guess)
{
	unsigned stripe;
	int error = srd_store_read(store, &stripe);

	if (error)
		return error;
	const struct srd_state *state = &store->state;
	*guess = (struct srd_compact_guess){ .log_bytes = atomic_load(&store->log->end),
	                                     .live_bytes = bytes_for(state, state->live_bytes) + state->dentries.live * NAME_BYTES };
	return srd_store_done(store, stripe);
}

/* Of the commits that are kept, what content goes; *KEPT is lower by as much. */
static int give_up(struct srd_compacting *compact, const struct srd_log_point *since, const struct srd_log_place *end,
                   uint64_t *kept)
{
	struct srd_retention retention = { .versions = compact->options->keep_versions, .since = *since };

	/* Behind damage no commit is kept. */
	if (retention.versions == 0 || compact->damage_count > 0)
		return 0;
	int error = srd_retention_apply(&retention, compact->log, &compact->from, end, &compact->relocate.moved);
	compact->relocate.given_up = end->end;
	*kept -= SRD_MIN(*kept, retention.bytes);
	return error;
}

/* The state that is to be the base, and what content that has. */
static int survey(struct srd_compacting *compact, uint64_t *kept)
{
	const char *keep_since = compact->options->keep_since;
	struct srd_log_point since = SRD_LOG_POINT_NOW, base;
	struct srd_log_place now;

	if (keep_since && !srd_point_parse(keep_since, srd_wall_ns(), &since))
		return -EINVAL;
	int error = srd_compacting_now(compact, &now);
	if (error)
		return error;
	compact->from = now;
	/* Versions lie in commits: all of them are kept, whatever becomes of their content. */
	base = since;
	if (compact->options->keep_versions > 0)
		base.sequence = 0;
	error = srd_compacting_survey_damage(compact);
	if (!error)
		error = srd_compacting_choose_base(compact, base);
	if (error)
		return error;
	*kept = now.end - compact->from.end;
	error = srd_compacting_survey_snapshots(compact);
	if (!error)
		error = give_up(compact, &since, &now, kept);
	if (!error)
		error = srd_difference_want(&compact->relocate, &compact->empty, &compact->base);
	compact->result.old_bytes = now.end;
	compact->result.new_bytes = estimate(compact, *kept);
	return error;
}

/* What is not seen of a state, and so is no part of its difference to another. */
static bool goes_on_the_same(const struct srd_state *a, const struct srd_state *b)
{
	return a->next_ino == b->next_ino && a->next_cookie == b->next_cookie && a->live_bytes == b->live_bytes &&
	       a->snapshots.live == b->snapshots.live;
}

int srd_compacting_write_difference(struct srd_compacting *compact, const struct srd_state *from,
                                    const struct srd_state *to, const struct srd_log_place *place)
{
	struct srd_difference difference = { .from = from, .to = to, .log = compact->log,
	                                     .relocate = &compact->relocate, .rewrite = &compact->rewrite,
	                                     .stamp = srd_compacting_stamp(compact->log, place) };
	int error = srd_difference_copy(&compact->relocate, from, to);

	compact->relocate.inode = 0;
	return error ? error : srd_difference_write(&difference);
}

static int write_base(struct srd_compacting *compact)
{
	struct srd_state last;
	bool any = false;
	int error = srd_compacting_write_snapshots(compact, &last, &any);

	compact->told = &compact->base;
	if (!error)
		error = srd_compacting_write_difference(compact, any ? &last : &compact->empty, &compact->base, &compact->from);
	compact->told = NULL;
	if (any)
		srd_state_release(&last);
	if (!error)
		error = srd_state_error(&compact->base);
	if (!error && (compact->rewrite.state.misfits > 0 || !goes_on_the_same(&compact->base, &compact->rewrite.state)))
		error = SRD_EDIFFERS;
	return error;
}

static int write_anew(struct srd_compacting *compact, uint64_t kept)
{
	/* Reserved from the start, so that a disk that is too small says so early: but no more than
	 * there was, whatever a forged image counts. */
	uint64_t bytes = SRD_MIN(estimate(compact, kept), compact->result.old_bytes) + SLACK_BYTES;
	bool done = false;
	int error = srd_log_successor_new(compact->log, bytes, &compact->next);

	if (error)
		return error;
	compact->relocate.to = compact->next;
	error = srd_rewrite_init(&compact->rewrite, compact->next);
	if (!error) {
		error = write_base(compact);
		if (!error)
			error = srd_compacting_write_damage(compact);
		if (!error)
			error = srd_compacting_replace(compact, &done);
		srd_rewrite_release(&compact->rewrite);
	}
	if (!done)
		srd_log_successor_abandon(compact->log, compact->next);
	return error;
}

static int run(struct srd_compacting *compact)
{
	struct srd_log *log = compact->log;
	const struct srd_relocate_watch watch = srd_compacting_watch(compact);
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
	free(compact->damage);
	srd_state_release(&compact->empty);
	return error;
}

static int compact_once(struct srd_store *store, const struct srd_compact_options *options, struct srd_compacted *result)
{
	struct srd_hold hold = srd_store_hold(store);
	struct srd_compacting compact = { .store = store, .log = hold.log, .options = options };
	int error = run(&compact);

	/* The image may have been at fault: the next time is without it. */
	if ((error == SRD_ECORRUPT || error == SRD_EDIFFERS) && !(store->flags & SRD_RDONLY))
		srd_image_file_remove(compact.log);
	if (error == SRD_EREPLACED)
		srd_log_forget_seen(hold.log);
	if (!error)
		*result = compact.result;
	srd_hold_drop(&hold);
	return error;
}

int srd_store_compact(struct srd_store *store, const struct srd_compact_options *options, struct srd_compacted *result)
{
	bool dry = options->flags & SRD_COMPACT_DRY_RUN;
	int error, tries = 0;

	if ((store->flags & SRD_RDONLY) && !dry)
		return -EROFS;
	/* Damage that is not looked for would get a check that fits. */
	if (store->flags & SRD_NOCHECK)
		return -EINVAL;
	/* One that others compacted meanwhile is left behind first: where none of us took its place,
	 * that fails. */
	do {
		error = srd_store_follow(store);
		if (!error)
			error = compact_once(store, options, result);
	} while (error == SRD_EREPLACED && !atomic_load(&store->broken) && ++tries < TRIES_MAX);
	return error == SRD_EREPLACED && tries == TRIES_MAX ? -EBUSY : error;
}
