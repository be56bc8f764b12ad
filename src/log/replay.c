/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "log/walk.h"

#include "base/check.h"
#include "format/ops.h"

enum { PEEK_LEN = 2048 };

/* The end of the damage that the survey found at OFFSET; 0: none.  Both walks come
 * by in the same order. */
static uint64_t damage_end(struct srd_walk *walk, uint64_t offset)
{
	if (walk->passed == walk->surveyed || walk->log->damage[walk->passed].offset != offset)
		return 0;
	return offset + walk->log->damage[walk->passed++].len;
}

/* True if [skip, skip + len) of the payload of the run at OFFSET is right as far as
 * it lies above the mark. */
static bool run_holds(struct srd_walk *walk, uint64_t offset, uint32_t skip, uint32_t len)
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
static bool payload_holds(struct srd_walk *walk, const struct srd_record *record, const uint8_t *metadata)
{
	struct srd_ops ops = srd_ops_of(record, metadata);
	struct srd_op op;

	while (srd_ops_next(&ops, &op)) {
		if (op.has_run && !run_holds(walk, op.run.offset, 0, op.run.len))
			return false;
		for (uint64_t i = 0; i < op.ref_count; i++) {
			struct srd_ref ref = srd_op_ref(op.refs, i);
			if (srd_ref_has_run(&ref) && !run_holds(walk, ref.run, ref.skip, ref.len))
				return false;
		}
	}
	return srd_ops_are_through(&ops);
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
static int replay_commit(struct srd_walk *walk, const struct srd_record *record)
{
	const uint8_t *metadata;
	uint64_t record_end = record->offset + record->len;
	int got = srd_window_at(&walk->window, record->offset + SRD_HEADER_LEN, record->meta_len, &metadata);

	if (got <= 0)
		return got;
	bool durable = record_end <= walk->mark || record->offset < walk->window.missing;
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
static int replay_record(struct srd_walk *walk, const struct srd_record *record)
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
static void peek_ahead(struct srd_walk *walk, uint64_t at)
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

int srd_walk_replay(struct srd_walk *walk)
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
		srd_walk_tell(walk, at, walk->size - walk->start);
		int got = srd_walk_header(walk, at, &record);
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
