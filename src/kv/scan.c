/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan.c - the log from its first record to its end, as it is on disk: headers,
 * ops, payload and padding checked afresh, whatever was found right before.
 *
 *     walk      from header to header, a batch of records at a time
 *     inspect   all threads: the records of the batch, byte by byte
 *     report    in order of the log, by the caller's thread
 *
 * A place without a sound header is damage up to the next header that leads
 * back to it or behind (FORMAT, section 6); what else is, diagnosis.h tells.
 * Nothing is changed.
 */
#include "config.h"

#include "kv/kv.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/check.h"
#include "format/ops.h"
#include "kv/crew.h"
#include "kv/describe.h"
#include "kv/diagnosis.h"

#define BATCH_BYTES (UINT64_C(32) << 20)
enum { BATCH_RECORDS = 1 << 15 };

/* A stretch of the log: a record with a sound header, or one without any. */
struct stretch {
	struct srd_record record;     /* len 0: none */
	uint64_t from, to;
	struct srd_findings findings;
	int error;                    /* of inspecting it */
};

struct scan {
	struct srd_log *log;
	int flags;
	unsigned threads;
	uint64_t at, end;
	struct stretch *batch;
	size_t count, cap;
	bool chained;                 /* the record before is known: */
	uint64_t last, last_check;
	struct srd_events events;
	struct srd_diagnosis diagnosis;
	char text[SRD_DESCRIBE_MAX];
};

static bool header_at(const struct scan *scan, uint64_t offset, struct srd_record *record)
{
	return srd_log_record_at(scan->log, offset, record) && srd_within(offset, record->len, scan->end);
}

/* A sound record at scan->at that continues the one before. */
static bool next_record(const struct scan *scan, struct srd_record *record)
{
	return header_at(scan, scan->at, record) &&
	       (!scan->chained || (record->prev == scan->last && record->prev_check == scan->last_check));
}

/* From a place without a sound header on to the next that leads to it or behind. */
static void pass_damage(struct scan *scan, struct stretch *stretch)
{
	uint64_t from = scan->at, to = from + SRD_RECORD_ALIGN;
	struct srd_record record;

	while (to < scan->end && !(header_at(scan, to, &record) && record.prev >= from))
		to += SRD_RECORD_ALIGN;
	to = SRD_MIN(to, scan->end);
	*stretch = (struct stretch){ .from = from, .to = to };
	scan->at = to;
	scan->chained = false;
}

/* ---- Records ---- */

static int report_op(struct scan *scan, const struct srd_record *record, const struct srd_op *op)
{
	struct srd_event event = { .type = SRD_EVENT_OP, .offset = op->offset, .len = op->len,
	                           .sequence = record->sequence, .time_ns = record->time_ns,
	                           .what = srd_op_kind_name(op->kind), .text = scan->text,
	                           .key = srd_events_key(&scan->events, op->ino) };

	srd_op_describe(op, scan->text);
	return srd_events_tell(&scan->events, &event);
}

/* The ops of a record whose metadata is right, as far as anybody wants to know. */
static int report_ops(struct scan *scan, const struct srd_record *record)
{
	const uint8_t *metadata = srd_log_at(scan->log, record->offset + SRD_HEADER_LEN, record->meta_len);
	struct srd_op op;
	int error = 0;

	if (!metadata || !((scan->flags & SRD_SCAN_OPS) || scan->diagnosis.suspects.count > 0))
		return 0;
	struct srd_ops ops = srd_ops_of(record, metadata);
	while (!error && srd_ops_next(&ops, &op)) {
		if (scan->flags & SRD_SCAN_OPS)
			error = report_op(scan, record, &op);
		if (!error)
			error = srd_diagnosis_refs(&scan->diagnosis, record, &op);
	}
	return error;
}

static int report_record(struct scan *scan, const struct stretch *stretch)
{
	const struct srd_record *record = &stretch->record;
	const struct srd_findings *findings = &stretch->findings;
	struct srd_event event = { .type = SRD_EVENT_RECORD, .offset = record->offset, .len = record->len,
	                           .sequence = record->sequence, .time_ns = record->time_ns,
	                           .what = srd_record_type_name(record->type), .text = scan->text };

	srd_record_describe(record, scan->text);
	int error = srd_events_tell(&scan->events, &event);
	if (!error && (findings->count == 0 || findings->list[0].kind != SRD_ROT_METADATA))
		error = report_ops(scan, record);
	for (size_t i = 0; i < findings->count && !error; i++)
		error = srd_diagnosis_finding(&scan->diagnosis, record, &findings->list[i]);
	return error;
}

/* ---- Batches ---- */

static void walk_record(struct scan *scan, const struct srd_record *record, struct stretch *stretch)
{
	*stretch = (struct stretch){ .record = *record, .from = record->offset, .to = record->offset + record->len };
	scan->at = stretch->to;
	scan->last = record->offset;
	scan->last_check = record->check;
	scan->chained = true;
}

static int walk(struct scan *scan)
{
	uint64_t stop = SRD_MIN(scan->end, scan->at + BATCH_BYTES);

	/* What comes next is read from disk while this is looked at. */
	srd_log_will_read(scan->log, stop, SRD_MIN(BATCH_BYTES, scan->end - stop));
	for (scan->count = 0; scan->at < stop && scan->count < BATCH_RECORDS; scan->count++) {
		struct srd_record record;
		int error = srd_array_reserve(&scan->batch, &scan->cap, scan->count + 1, sizeof *scan->batch);
		if (error)
			return error;
		if (next_record(scan, &record))
			walk_record(scan, &record, &scan->batch[scan->count]);
		else
			pass_damage(scan, &scan->batch[scan->count]);
	}
	return 0;
}

static void inspect(void *user, size_t i)
{
	const struct scan *scan = user;
	struct stretch *stretch = &scan->batch[i];

	if (stretch->record.len > 0)
		stretch->error = srd_inspect(scan->log, &stretch->record, scan->flags & SRD_SCAN_PAYLOAD, &stretch->findings);
}

static int report_batch(struct scan *scan)
{
	struct srd_event progress = { .type = SRD_EVENT_PROGRESS, .offset = scan->at, .what = "progress", .text = "" };
	int error = 0;

	for (size_t i = 0; i < scan->count && !error; i++) {
		const struct stretch *stretch = &scan->batch[i];
		error = stretch->error;
		if (!error)
			error = stretch->record.len > 0 ? report_record(scan, stretch)
			        : srd_diagnosis_lost(&scan->diagnosis, stretch->from, stretch->to);
	}
	for (size_t i = 0; i < scan->count; i++)
		srd_findings_release(&scan->batch[i].findings);
	scan->count = 0;
	return error ? error : srd_events_tell(&scan->events, &progress);
}

static int scan_all(struct scan *scan)
{
	int error = 0;

	while (scan->at < scan->end && !error) {
		error = walk(scan);
		if (!error) {
			srd_crew_run(scan->threads, scan->count, inspect, scan);
			error = report_batch(scan);
		}
	}
	return error;
}

int srd_scan_part(const struct srd_era *era, struct srd_log *log, uint64_t from, uint64_t end, int flags,
                  srd_scan_call *call, void *user)
{
	bool first = from == SRD_FIRST_RECORD;
	struct scan scan = { .log = log, .flags = flags, .at = from, .end = end, .chained = first,
	                     .last_check = log->sb.check, .threads = srd_crew_cpus(),
	                     .events = { .era = era, .end = end, .call = call, .user = user } };
	scan.diagnosis = (struct srd_diagnosis){ .log = log, .events = &scan.events };
	/* What was read at open may be damaged since. */
	int error = first && !srd_log_superblock_holds(log) ? srd_diagnosis_superblock(&scan.diagnosis) : 0;

	if (!error)
		error = scan_all(&scan);
	free(scan.batch);
	srd_diagnosis_release(&scan.diagnosis);
	return error;
}

/* What is known to have been durable behind the end of LOG, and leads to no record any more. */
static int report_behind(struct srd_store *store, struct srd_log *log, srd_scan_call *call, void *user)
{
	struct srd_event event = { .type = SRD_EVENT_DAMAGE, .what = "record", .pos = UINT64_MAX,
	                           .text = "what was durable here is gone, and nothing behind it is whole" };
	int error = 0;

	for (size_t i = 0; !error; i++) {
		srd_mutex_lock(&store->commit_mutex);
		bool more = i < log->damage_count;
		struct srd_damage damage = more ? log->damage[i] : (struct srd_damage){ 0 };
		srd_mutex_unlock(&store->commit_mutex);
		if (!more)
			return 0;
		event.offset = damage.offset;
		event.len = damage.len;
		if (damage.offset >= atomic_load(&log->end) && !damage.repaired)
			error = call(user, &event);
	}
	return error;
}

int srd_scan(struct srd_store *store, int flags, srd_scan_call *call, void *user)
{
	int error = srd_store_follow(store);

	if (error)
		return error;
	struct srd_hold hold;
	struct srd_era *era = srd_era_begin(store, &hold);
	error = srd_scan_part(era, hold.log, SRD_FIRST_RECORD, atomic_load(&hold.log->end), flags, call, user);
	if (!error)
		error = report_behind(store, hold.log, call, user);
	srd_hold_drop(&hold);
	srd_era_leave(era);
	return error;
}
