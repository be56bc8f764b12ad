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
 * back to it or behind (FORMAT, section 6).  Rot in a DATA record is damage only
 * where a commit names it.  What a REPAIR op names is known.  Nothing is changed.
 */
#include "config.h"

#include "kv/kv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/check.h"
#include "format/ops.h"
#include "kv/crew.h"
#include "kv/describe.h"
#include "kv/history.h"
#include "kv/inspect.h"
#include "kv/owners.h"
#include "kv/suspects.h"

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
	const struct srd_era *era;    /* of the log */
	struct srd_log *log;
	int flags;
	srd_scan_call *call;
	void *user;
	unsigned threads;
	uint64_t at, end;
	struct stretch *batch;
	size_t count, cap;
	bool chained;                 /* the record before is known: */
	uint64_t last, last_check;
	/* Known after the first damage: */
	bool prepared;
	struct srd_owners owners;     /* whose bytes lie where */
	struct srd_range *repaired;
	size_t repaired_count, repaired_cap;
	struct srd_suspects suspects;
	char text[SRD_DESCRIBE_MAX];
	char path[SRD_KEY_MAX + 1];
};

/* The key of inode INO, NULL if it has none; valid until the next call. */
static const char *key_of(struct scan *scan, uint64_t ino)
{
	struct srd_store *store;
	const char *key = NULL;
	unsigned stripe;

	if (ino == 0 || srd_era_read(scan->era, &store, &stripe) != 0)
		return NULL;
	const struct srd_state *state = &store->state;
	uint32_t inode = srd_state_inode_of(state, ino);
	uint32_t dentry = inode ? srd_inode_at(state, inode)->dentry : 0;
	if (dentry == 0 || srd_state_path(state, dentry, scan->path, &key) < 0)
		key = NULL;
	srd_store_done(store, stripe);
	return key;
}

static int report(struct scan *scan, struct srd_event *event)
{
	event->end = scan->end;
	return scan->call(scan->user, event);
}

static bool header_at(const struct scan *scan, uint64_t offset, struct srd_record *record)
{
	const uint8_t *bytes = srd_log_at(scan->log, offset, SRD_HEADER_LEN);

	return bytes && srd_record_decode(&scan->log->sb, record, bytes, offset) &&
	       srd_within(offset, record->len, scan->end);
}

/* A sound record at scan->at that continues the one before. */
static bool next_record(const struct scan *scan, struct srd_record *record)
{
	return header_at(scan, scan->at, record) &&
	       (!scan->chained || (record->prev == scan->last && record->prev_check == scan->last_check));
}

/* ---- What is known of damage ---- */

static int add_repair(struct scan *scan, const struct srd_record *record)
{
	const uint8_t *metadata = srd_log_at(scan->log, record->offset + SRD_HEADER_LEN, record->meta_len);
	struct srd_op op;

	if (record->type != SRD_RECORD_META || record->meta_len == 0 || !metadata || metadata[0] != SRD_OP_REPAIR ||
	    !srd_inspect_metadata(scan->log, record, metadata) ||
	    !srd_op_decode(&op, metadata, record->meta_len, record->offset + SRD_HEADER_LEN, record->offset + record->len))
		return 0;
	int error = srd_array_reserve(&scan->repaired, &scan->repaired_cap, scan->repaired_count + op.range_count,
	                              sizeof *scan->repaired);
	for (uint64_t i = 0; i < op.range_count && !error; i++)
		scan->repaired[scan->repaired_count++] = srd_op_range(op.ranges, i);
	return error;
}

/* Repairs lie behind what they name, so all are looked for. */
static int collect_repairs(struct scan *scan)
{
	struct srd_record record;
	int error = 0;

	for (uint64_t at = SRD_FIRST_RECORD; at < scan->end && !error;) {
		bool sound = header_at(scan, at, &record);
		if (sound)
			error = add_repair(scan, &record);
		at += sound ? record.len : SRD_RECORD_ALIGN;
	}
	return error;
}

static int prepare(struct scan *scan)
{
	if (scan->prepared)
		return 0;
	scan->prepared = true;
	int error = srd_owners_collect(&scan->owners, scan->era);
	return error ? error : collect_repairs(scan);
}

static bool is_repaired(const struct scan *scan, uint64_t offset, uint64_t len)
{
	for (size_t i = 0; i < scan->repaired_count; i++)
		if (offset >= scan->repaired[i].offset &&
		    srd_within(offset - scan->repaired[i].offset, len, scan->repaired[i].len))
			return true;
	return false;
}

/* ---- Damage ---- */

/* EVENT says what and where; INO, if not 0, whose.  RECORD (or NULL): who wrote it. */
static int report_damage(struct scan *scan, struct srd_event *event, const struct srd_record *record, uint64_t ino)
{
	event->type = is_repaired(scan, event->offset, event->len) ? SRD_EVENT_REPAIRED : SRD_EVENT_DAMAGE;
	event->key = key_of(scan, ino);
	if (record) {
		event->sequence = record->sequence;
		event->time_ns = record->time_ns;
	}
	return report(scan, event);
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

static int report_lost(struct scan *scan, const struct stretch *stretch)
{
	struct srd_event event = { .what = "record", .text = "no sound header; what the records here said is lost",
	                           .offset = stretch->from, .len = stretch->to - stretch->from };
	int error = prepare(scan);

	return error ? error : report_damage(scan, &event, NULL,
	                                     srd_owners_of_range(&scan->owners, stretch->from, stretch->to));
}

/* The last version of OWNER's file that is sound, into EVENT. */
static void tell_history(struct scan *scan, const struct srd_owner *owner, struct srd_event *event)
{
	struct srd_record older;
	struct srd_store *store;
	uint64_t last_op = 0;
	unsigned stripe;

	if (srd_era_read(scan->era, &store, &stripe) != 0)
		return;
	uint32_t inode = srd_state_inode_of(&store->state, owner->ino);
	if (inode != 0)
		last_op = srd_inode_at(&store->state, inode)->last_op;
	srd_store_done(store, stripe);
	if (!srd_history_older(scan->log, owner->ino, last_op, &older))
		return;
	event->older_sequence = older.sequence;
	event->older_time_ns = older.time_ns;
}

/* 1 if some of [OFFSET, OFFSET + LEN) was trimmed, be it a moment ago; 0 if not; or a negative code. */
static int is_trimmed(const struct scan *scan, uint64_t offset, uint64_t len)
{
	int trimmed = srd_log_is_trimmed(scan->log, offset, len);
	struct srd_store *store;
	unsigned stripe;

	if (trimmed != 0 || srd_era_read(scan->era, &store, &stripe) != 0)
		return trimmed;
	/* Before it is punched it is in the log: reading has followed that. */
	srd_store_done(store, stripe);
	return srd_log_is_trimmed(scan->log, offset, len);
}

/* LEN bytes at OFFSET, which are at SKIP of the run at RUN: a block or less. */
static int report_block(struct scan *scan, const struct srd_record *record, uint64_t run, uint32_t skip,
                        uint64_t offset, uint64_t len)
{
	struct srd_event event = { .what = "payload", .text = "nothing uses it now", .offset = offset, .len = len,
	                           .pos = UINT64_MAX };
	int error = prepare(scan);

	if (error)
		return error;
	int trimmed = is_trimmed(scan, offset, len);
	if (trimmed < 0)
		return trimmed;
	const struct srd_owner *owner = srd_owners_of_run(&scan->owners, run, skip, (uint32_t)len);
	if (!owner && trimmed) {
		event.type = SRD_EVENT_TRIMMED;
		event.text = "was given up";
		return report(scan, &event);
	}
	if (owner) {
		event.text = owner->is_xattr ? "this extended attribute cannot be read" : "reads of this block fail";
		if (!owner->is_xattr) {
			event.pos = owner->pos + (skip > owner->skip ? skip - owner->skip : 0);
			tell_history(scan, owner, &event);
		}
	}
	return report_damage(scan, &event, record, owner ? owner->ino : 0);
}

/* The inode that rotten metadata seems to speak of; 0: none can be told. */
static uint64_t first_inode(const struct scan *scan, const struct srd_record *record)
{
	const uint8_t *metadata = srd_log_at(scan->log, record->offset + SRD_HEADER_LEN, record->meta_len);
	struct srd_op op;

	if (!metadata || !srd_op_decode(&op, metadata, record->meta_len, record->offset + SRD_HEADER_LEN,
	                                record->offset + record->len))
		return 0;
	return op.ino;
}

static int report_finding(struct scan *scan, const struct srd_record *record, const struct srd_finding *finding)
{
	struct srd_event event = { .offset = finding->offset, .len = finding->len };
	int error = prepare(scan);

	if (error)
		return error;
	switch (finding->kind) {
	case SRD_ROT_BLOCK:
		return report_block(scan, record, finding->run, finding->skip, finding->offset, finding->len);
	case SRD_ROT_METADATA:
		event.what = "metadata";
		event.text = "what this record said is not applied";
		return report_damage(scan, &event, record, first_inode(scan, record));
	case SRD_ROT_PADDING:
		event.what = "padding";
		event.text = "nothing is lost";
		return report_damage(scan, &event, record, 0);
	case SRD_ROT_SPARE:
		event.what = "spare";
		event.text = "of the superblock; srd repair writes it anew";
		return report_damage(scan, &event, record, 0);
	}
	return 0;
}

/* DATA counts for nothing until a commit names it. */
static int suspect(struct scan *scan, const struct srd_finding *finding)
{
	if (finding->kind == SRD_ROT_PADDING)
		return 0;
	return srd_suspects_add(&scan->suspects, finding->offset, finding->offset + finding->len,
	                        finding->kind == SRD_ROT_METADATA);
}

static int report_suspect(struct scan *scan, const struct srd_record *record, const struct srd_suspect *found,
                          const struct srd_run *run)
{
	uint64_t len = found->end - found->offset;

	if (!found->metadata)
		return report_block(scan, record, run->offset, (uint32_t)(found->offset - run->offset - run->distance),
		                    found->offset, len);
	struct srd_event event = { .what = "metadata", .text = "what a later record says of this data is not applied",
	                           .offset = found->offset, .len = len };
	int error = prepare(scan);
	return error ? error : report_damage(scan, &event, record,
	                                     srd_owners_of_range(&scan->owners, found->offset, found->end));
}

/* What a commit names is to be sound. */
static int check_refs(struct scan *scan, const struct srd_record *record, const struct srd_op *op)
{
	const struct srd_suspect *found;
	int error = 0;

	for (uint64_t i = 0; i < op->ref_count && scan->suspects.count > 0 && !error; i++) {
		struct srd_ref ref = srd_op_ref(op->refs, i);
		struct srd_run run = { .offset = ref.run };
		if (ref.run == 0)
			continue;
		found = srd_suspects_name(&scan->suspects, ref.run, ref.run + SRD_RUN_FIXED_LEN);
		if (found)
			error = report_suspect(scan, record, found, &run);
		if (error || found || !srd_log_run(scan->log, ref.run, &run) || !srd_within(ref.skip, ref.len, run.len))
			continue;
		uint64_t from = run.offset + run.distance + ref.skip;
		while (!error && (found = srd_suspects_name(&scan->suspects, from, from + ref.len)))
			error = report_suspect(scan, record, found, &run);
	}
	return error;
}

/* ---- Records ---- */

static int report_op(struct scan *scan, const struct srd_record *record, const struct srd_op *op)
{
	struct srd_event event = { .type = SRD_EVENT_OP, .offset = op->offset, .len = op->len,
	                           .sequence = record->sequence, .time_ns = record->time_ns,
	                           .what = srd_op_kind_name(op->kind), .text = scan->text,
	                           .key = key_of(scan, op->ino) };

	srd_op_describe(op, scan->text);
	return report(scan, &event);
}

/* The ops of a record whose metadata is right, as far as anybody wants to know. */
static int report_ops(struct scan *scan, const struct srd_record *record)
{
	const uint8_t *metadata = srd_log_at(scan->log, record->offset + SRD_HEADER_LEN, record->meta_len);
	struct srd_op op;
	int error = 0;

	if (!metadata || !((scan->flags & SRD_SCAN_OPS) || scan->suspects.count > 0))
		return 0;
	struct srd_ops ops = srd_ops_of(record, metadata);
	while (!error && srd_ops_next(&ops, &op)) {
		if (scan->flags & SRD_SCAN_OPS)
			error = report_op(scan, record, &op);
		if (!error)
			error = check_refs(scan, record, &op);
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
	bool is_data = record->type == SRD_RECORD_DATA;

	srd_record_describe(record, scan->text);
	int error = report(scan, &event);
	if (!error && (findings->count == 0 || findings->list[0].kind != SRD_ROT_METADATA))
		error = report_ops(scan, record);
	for (size_t i = 0; i < findings->count && !error; i++)
		error = is_data ? suspect(scan, &findings->list[i]) : report_finding(scan, record, &findings->list[i]);
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
			error = stretch->record.len > 0 ? report_record(scan, stretch) : report_lost(scan, stretch);
	}
	for (size_t i = 0; i < scan->count; i++)
		srd_findings_release(&scan->batch[i].findings);
	scan->count = 0;
	return error ? error : report(scan, &progress);
}

/* What was read at open may be damaged since. */
static int scan_superblock(struct scan *scan)
{
	struct srd_event event = { .what = "superblock", .text = "the spare serves; srd repair writes it anew",
	                           .len = SRD_SUPERBLOCK_LEN };
	const uint8_t *bytes = srd_log_at(scan->log, 0, SRD_SUPERBLOCK_LEN);
	struct srd_superblock sb;

	if (bytes && srd_superblock_decode(&sb, bytes, SRD_SUPERBLOCK_LEN) == 0 && sb.check == scan->log->sb.check)
		return 0;
	int error = prepare(scan);
	return error ? error : report_damage(scan, &event, NULL, 0);
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
	struct scan scan = { .era = era, .log = log, .flags = flags, .call = call, .user = user,
	                     .at = from, .end = end, .chained = first, .last_check = log->sb.check,
	                     .threads = srd_crew_cpus() };
	int error = first ? scan_superblock(&scan) : 0;

	if (!error)
		error = scan_all(&scan);
	free(scan.batch);
	free(scan.repaired);
	srd_owners_release(&scan.owners);
	srd_suspects_release(&scan.suspects);
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
