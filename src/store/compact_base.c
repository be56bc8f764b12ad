/* SPDX-License-Identifier: Apache-2.0 */
/* compact_base.c - up to where commits are restated, not kept: the base, and its state. */
#include "config.h"

#include "store/compacting.h"

#include "base/check.h"
#include "store/fold.h"

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
	       ((record->time_ns <= since->time_ns && record->sequence <= since->sequence) ||
	        record->flags & SRD_RECORD_BASE || is_repair(log, record));
}

/* Goes back from PLACE to where the base ends. */
static void find_base(const struct srd_log *log, const struct srd_log_point *since, struct srd_log_place *place)
{
	struct srd_record record;

	while (srd_log_record_at(log, place->last, &record) && !is_of_base(log, &record, since)) {
		/* Behind damage that was cut out there is nothing to stand on but what is here. */
		if (record.prev && !srd_log_record_at(log, record.prev, &(struct srd_record){ 0 }))
			return;
		*place = (struct srd_log_place){ .end = record.offset, .last = record.prev, .last_check = record.prev_check,
		                                 .sequence = record.sequence - (record.type == SRD_RECORD_META),
		                                 .last_time_ns = record.time_ns, .epoch = record.epoch };
	}
}

struct srd_log_stamp srd_compacting_stamp(const struct srd_log *log, const struct srd_log_place *place)
{
	struct srd_record record = { .prev = place->last };

	while (srd_log_record_at(log, record.prev, &record))
		if (record.type == SRD_RECORD_META)
			return (struct srd_log_stamp){ .flags = SRD_RECORD_BASE, .sequence = record.sequence,
			                               .time_ns = SRD_MAX(record.time_ns, place->latest_ns) };
	return (struct srd_log_stamp){ .flags = SRD_RECORD_BASE, .sequence = place->sequence,
	                               .time_ns = place->last_time_ns };
}

int srd_compacting_now(const struct srd_compacting *compact, struct srd_log_place *place)
{
	struct srd_store *store = compact->store;
	int error = srd_store_follow(store);

	if (error)
		return error;
	srd_mutex_lock(&store->commit_mutex);
	*place = srd_log_here(compact->log);
	error = store->log != compact->log ? SRD_EREPLACED : 0;
	srd_mutex_unlock(&store->commit_mutex);
	return error;
}

/* What is damaged is known, and was made up for as far as could be; or it came since the log was
 * opened, and who opens it anew will know. */
static int fold_base(struct srd_compacting *compact)
{
	struct srd_log_point point = srd_point_before(compact->from.end);
	struct srd_log_place there = compact->from;
	/* Others, who do not know of the damage, may have saved an image. */
	int error = compact->damage_count > 0 ? srd_fold_all(compact->log, &point, NULL, &compact->base, &there)
	                                      : srd_fold(compact->log, &point, NULL, &compact->base, &there);

	if (error == SRD_EDAMAGED && compact->damage_count > 0)
		error = 0;
	else if (error == SRD_EDAMAGED)
		srd_state_release(&compact->base);
	compact->from.latest_ns = there.latest_ns;
	compact->folded = error == 0;
	return error;
}

int srd_compacting_choose_base(struct srd_compacting *compact, struct srd_log_point since)
{
	/* What is behind damage does not fit without it; and what does not fit is left behind. */
	if (compact->damage_count > 0 || compact->result.misfits > 0)
		since = SRD_LOG_POINT_NOW;
	if (since.sequence != UINT64_MAX || since.time_ns != INT64_MAX)
		find_base(compact->log, &since, &compact->from);
	return fold_base(compact);
}
