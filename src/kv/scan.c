/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan.c - the log from its first record to its end, as it is on disk: headers,
 * ops and payload checked afresh, whatever was found right before.
 *
 * A place without a sound header is damage up to the next header that leads
 * back to it or behind (FORMAT, section 6).  Rot in a DATA record is damage only
 * where a commit names it.  Nothing is changed.
 */
#include "config.h"

#include "kv/kv.h"

#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "kv/describe.h"
#include "kv/owners.h"
#include "kv/suspects.h"

#define PROGRESS_BYTES (UINT64_C(8) << 20)

struct scan {
	struct srd_store *store;
	struct srd_log *log;
	int flags;
	int (*call)(void *user, const struct srd_event *event);
	void *user;
	uint64_t at, end;
	uint64_t reported;            /* progress */
	bool chained;                 /* the record before is known: */
	uint64_t last, last_check;
	struct srd_owners owners;
	bool owners_known;
	struct srd_suspects suspects;
	char text[SRD_DESCRIBE_MAX];
	char path[SRD_KEY_MAX + 1];
};

/* The key of inode INO, NULL if it has none; valid until the next call. */
static const char *key_of(struct scan *scan, uint64_t ino)
{
	const struct srd_state *state = &scan->store->state;
	const char *key = NULL;
	unsigned stripe;

	if (ino == 0 || srd_store_read(scan->store, &stripe) != 0)
		return NULL;
	uint32_t inode = srd_state_inode_of(state, ino);
	uint32_t dentry = inode ? srd_inode_at(state, inode)->dentry : 0;
	if (dentry == 0 || srd_state_path(state, dentry, scan->path, &key) < 0)
		key = NULL;
	srd_store_done(scan->store, stripe);
	return key;
}

/* Whose bytes lie where; known after the first damage. */
static int know_owners(struct scan *scan)
{
	if (scan->owners_known)
		return 0;
	scan->owners_known = true;
	return srd_owners_collect(&scan->owners, scan->store);
}

static int report(struct scan *scan, struct srd_event *event)
{
	event->end = scan->end;
	return scan->call(scan->user, event);
}

static int report_damage(struct scan *scan, const char *what, const char *text,
                         uint64_t offset, uint64_t len, uint64_t ino)
{
	struct srd_event event = { .type = SRD_EVENT_DAMAGE, .offset = offset, .len = len,
	                           .what = what, .text = text, .key = key_of(scan, ino) };

	return report(scan, &event);
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

/* From a place without a sound header on to the next that leads to it or behind. */
static int pass_damage(struct scan *scan)
{
	uint64_t from = scan->at, to = from + SRD_RECORD_ALIGN;
	struct srd_record record;
	int error = know_owners(scan);

	while (to < scan->end && !(header_at(scan, to, &record) && record.prev >= from))
		to += SRD_RECORD_ALIGN;
	to = SRD_MIN(to, scan->end);
	scan->at = to;
	scan->chained = false;
	if (error)
		return error;
	return report_damage(scan, "record", "no sound header; what the records here said is lost", from, to - from,
	                     srd_owners_of_range(&scan->owners, from, to));
}

/* [skip, skip + len) of RUN, a block or less, is rotten. */
static int report_block(struct scan *scan, const struct srd_run *run, uint32_t skip, uint32_t len)
{
	int error = know_owners(scan);

	if (error)
		return error;
	uint64_t ino = srd_owners_of_run(&scan->owners, run->offset, skip, len);
	return report_damage(scan, "payload", ino ? "reads of this block fail" : "nothing uses it now",
	                     run->offset + run->distance + skip, len, ino);
}

/* DATA counts for nothing until a commit names it. */
static int check_run(struct scan *scan, const struct srd_run *run, bool is_data)
{
	uint64_t payload = run->offset + run->distance;
	int error = 0;

	for (uint32_t skip = 0; skip < run->len && !error; skip += SRD_BLOCK_LEN) {
		uint32_t len = SRD_MIN(run->len - skip, (uint32_t)SRD_BLOCK_LEN);
		const uint8_t *bytes = srd_log_at(scan->log, payload + skip, len);
		if (bytes && srd_hash(bytes, len, 0) == srd_get64(run->checks + skip / SRD_BLOCK_LEN * 8))
			continue;
		error = is_data ? srd_suspects_add(&scan->suspects, payload + skip, payload + skip + len, false)
		                : report_block(scan, run, skip, len);
	}
	return error;
}

static int report_suspect(struct scan *scan, const struct srd_suspect *suspect, const struct srd_run *run)
{
	uint64_t len = suspect->end - suspect->offset;
	int error = 0;

	if (!suspect->metadata)
		return report_block(scan, run, (uint32_t)(suspect->offset - run->offset - run->distance), (uint32_t)len);
	error = know_owners(scan);
	return error ? error : report_damage(scan, "metadata", "what a later record says of this data is not applied",
	                                     suspect->offset, len,
	                                     srd_owners_of_range(&scan->owners, suspect->offset, suspect->end));
}

/* What a commit names is to be sound. */
static int check_refs(struct scan *scan, const struct srd_op *op)
{
	const struct srd_suspect *suspect;
	int error = 0;

	for (uint64_t i = 0; i < op->ref_count && scan->suspects.count > 0 && !error; i++) {
		struct srd_ref ref = srd_op_ref(op->refs, i);
		struct srd_run run = { .offset = ref.run };
		if (ref.run == 0)
			continue;
		suspect = srd_suspects_name(&scan->suspects, ref.run, ref.run + SRD_RUN_FIXED_LEN);
		if (suspect)
			error = report_suspect(scan, suspect, &run);
		if (error || suspect || !srd_log_run(scan->log, ref.run, &run) || !srd_within(ref.skip, ref.len, run.len))
			continue;
		uint64_t from = run.offset + run.distance + ref.skip;
		while (!error && (suspect = srd_suspects_name(&scan->suspects, from, from + ref.len)))
			error = report_suspect(scan, suspect, &run);
	}
	return error;
}

static int report_op(struct scan *scan, const struct srd_record *record, const struct srd_op *op)
{
	struct srd_event event = { .type = SRD_EVENT_OP, .offset = op->offset, .len = op->len,
	                           .sequence = record->sequence, .time_ns = record->time_ns,
	                           .what = srd_op_kind_name(op->kind), .text = scan->text,
	                           .key = key_of(scan, op->ino) };

	srd_op_describe(op, scan->text);
	return report(scan, &event);
}

/* The ops of a record whose metadata is right. */
static int scan_ops(struct scan *scan, const struct srd_record *record, const uint8_t *metadata)
{
	struct srd_op op;
	int error = 0;

	for (uint32_t at = 0; at < record->meta_len && !error; at += op.len) {
		uint64_t offset = record->offset + SRD_HEADER_LEN + at;
		if (!srd_op_decode(&op, metadata + at, record->meta_len - at, offset, record->offset + record->len))
			break;
		if (scan->flags & SRD_SCAN_OPS)
			error = report_op(scan, record, &op);
		if (!error && op.has_run && (scan->flags & SRD_SCAN_PAYLOAD))
			error = check_run(scan, &op.run, record->type == SRD_RECORD_DATA);
		if (!error)
			error = check_refs(scan, &op);
	}
	return error;
}

/* The inode that rotten metadata seems to speak of; 0: none can be told. */
static uint64_t first_inode(const struct srd_record *record, const uint8_t *metadata)
{
	struct srd_op op;

	if (!srd_op_decode(&op, metadata, record->meta_len, record->offset + SRD_HEADER_LEN,
	                   record->offset + record->len))
		return 0;
	return op.ino;
}

static bool metadata_holds(const struct scan *scan, const struct srd_record *record, const uint8_t *metadata)
{
	uint64_t seed = srd_superblock_seed(&scan->log->sb, record->offset);
	uint64_t check;

	return srd_meta_check(metadata, record->meta_len, record->offset + SRD_HEADER_LEN,
	                      record->offset + record->len, seed, &check) && check == record->meta_check;
}

static int scan_metadata(struct scan *scan, const struct srd_record *record)
{
	const uint8_t *metadata = srd_log_at(scan->log, record->offset + SRD_HEADER_LEN, record->meta_len);

	if (!metadata)
		return SRD_ECORRUPT;
	if (metadata_holds(scan, record, metadata))
		return scan_ops(scan, record, metadata);
	if (record->type == SRD_RECORD_DATA)
		return srd_suspects_add(&scan->suspects, record->offset, record->offset + record->len, true);
	return report_damage(scan, "metadata", "what this record said is not applied", record->offset, record->len,
	                     first_inode(record, metadata));
}

static int scan_record(struct scan *scan, const struct srd_record *record)
{
	struct srd_event event = { .type = SRD_EVENT_RECORD, .offset = record->offset, .len = record->len,
	                           .sequence = record->sequence, .time_ns = record->time_ns,
	                           .what = srd_record_type_name(record->type), .text = scan->text };

	srd_record_describe(record, scan->text);
	int error = report(scan, &event);
	if (!error && record->meta_len > 0)
		error = scan_metadata(scan, record);
	scan->at = record->offset + record->len;
	scan->last = record->offset;
	scan->last_check = record->check;
	scan->chained = true;
	return error;
}

static int report_progress(struct scan *scan)
{
	struct srd_event event = { .type = SRD_EVENT_PROGRESS, .offset = scan->at, .what = "progress", .text = "" };

	if (scan->at < scan->end && scan->at - scan->reported < PROGRESS_BYTES)
		return 0;
	scan->reported = scan->at;
	return report(scan, &event);
}

static int scan_all(struct scan *scan)
{
	int error = 0;

	while (scan->at < scan->end && !error) {
		struct srd_record record;
		if (next_record(scan, &record))
			error = scan_record(scan, &record);
		else
			error = pass_damage(scan);
		if (!error)
			error = report_progress(scan);
	}
	return error;
}

int srd_scan(struct srd_store *store, int flags,
             int (*call)(void *user, const struct srd_event *event), void *user)
{
	struct scan scan = { .store = store, .log = store->log, .flags = flags, .call = call, .user = user,
	                     .at = SRD_FIRST_RECORD, .chained = true, .last_check = store->log->sb.check };
	int error = srd_store_follow(store);

	if (error)
		return error;
	scan.end = atomic_load(&store->log->end);
	error = scan_all(&scan);
	srd_owners_release(&scan.owners);
	srd_suspects_release(&scan.suspects);
	return error;
}
