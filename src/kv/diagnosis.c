/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "kv/diagnosis.h"

#include "base/check.h"
#include "kv/history.h"

void srd_diagnosis_release(struct srd_diagnosis *diagnosis)
{
	srd_owners_release(&diagnosis->owners);
	srd_ranges_release(&diagnosis->repairs);
	srd_suspects_release(&diagnosis->suspects);
}

static int prepare(struct srd_diagnosis *diagnosis)
{
	if (diagnosis->prepared)
		return 0;
	diagnosis->prepared = true;
	int error = srd_owners_collect(&diagnosis->owners, diagnosis->events->era);
	return error ? error : srd_repairs_collect(&diagnosis->repairs, diagnosis->log, diagnosis->events->end);
}

/* EVENT says what and where; INO, if not 0, whose.  RECORD (or NULL): who wrote it. */
static int tell_damage(struct srd_diagnosis *diagnosis, struct srd_event *event, const struct srd_record *record,
                       uint64_t ino)
{
	event->type = srd_repairs_have(&diagnosis->repairs, event->offset, event->len) ? SRD_EVENT_REPAIRED : SRD_EVENT_DAMAGE;
	event->key = srd_events_key(diagnosis->events, ino);
	if (record) {
		event->sequence = record->sequence;
		event->time_ns = record->time_ns;
	}
	return srd_events_tell(diagnosis->events, event);
}

/* The last version of OWNER's file that is sound, into EVENT. */
static void tell_history(struct srd_diagnosis *diagnosis, const struct srd_owner *owner, struct srd_event *event)
{
	struct srd_record older;
	struct srd_store *store;
	uint64_t last_op = 0;
	unsigned stripe;

	if (srd_era_read(diagnosis->events->era, &store, &stripe) != 0)
		return;
	uint32_t inode = srd_state_inode_of(&store->state, owner->ino);
	if (inode != 0)
		last_op = srd_inode_at(&store->state, inode)->last_op;
	srd_store_done(store, stripe);
	if (!srd_history_older(diagnosis->log, owner->ino, last_op, &older))
		return;
	event->older_sequence = older.sequence;
	event->older_time_ns = older.time_ns;
}

/* 1 if some of [OFFSET, OFFSET + LEN) was trimmed, be it a moment ago; 0 if not; or a negative code. */
static int is_trimmed(const struct srd_diagnosis *diagnosis, uint64_t offset, uint64_t len)
{
	int trimmed = srd_log_is_trimmed(diagnosis->log, offset, len);
	struct srd_store *store;
	unsigned stripe;

	if (trimmed != 0 || srd_era_read(diagnosis->events->era, &store, &stripe) != 0)
		return trimmed;
	/* Before it is punched it is in the log: reading has followed that. */
	srd_store_done(store, stripe);
	return srd_log_is_trimmed(diagnosis->log, offset, len);
}

/* LEN bytes at OFFSET, which are at SKIP of the run at RUN: a block or less. */
static int tell_block(struct srd_diagnosis *diagnosis, const struct srd_record *record, uint64_t run, uint32_t skip,
                      uint64_t offset, uint64_t len)
{
	struct srd_event event = { .what = "payload", .text = "nothing uses it now", .offset = offset, .len = len,
	                           .pos = UINT64_MAX };
	int error = prepare(diagnosis);

	if (error)
		return error;
	int trimmed = is_trimmed(diagnosis, offset, len);
	if (trimmed < 0)
		return trimmed;
	const struct srd_owner *owner = srd_owners_of_run(&diagnosis->owners, run, skip, (uint32_t)len);
	if (!owner && trimmed) {
		event.type = SRD_EVENT_TRIMMED;
		event.text = "was given up";
		return srd_events_tell(diagnosis->events, &event);
	}
	if (owner) {
		event.text = owner->is_xattr ? "this extended attribute cannot be read" : "reads of this block fail";
		if (!owner->is_xattr) {
			event.pos = owner->pos + (skip > owner->skip ? skip - owner->skip : 0);
			tell_history(diagnosis, owner, &event);
		}
	}
	return tell_damage(diagnosis, &event, record, owner ? owner->ino : 0);
}

/* The inode that rotten metadata seems to speak of; 0: none can be told. */
static uint64_t first_inode(const struct srd_diagnosis *diagnosis, const struct srd_record *record)
{
	const uint8_t *metadata = srd_log_at(diagnosis->log, record->offset + SRD_HEADER_LEN, record->meta_len);
	struct srd_op op;

	if (!metadata || !srd_op_decode(&op, metadata, record->meta_len, record->offset + SRD_HEADER_LEN,
	                                record->offset + record->len))
		return 0;
	return op.ino;
}

static int tell_finding(struct srd_diagnosis *diagnosis, const struct srd_record *record,
                        const struct srd_finding *finding)
{
	struct srd_event event = { .offset = finding->offset, .len = finding->len };
	int error = prepare(diagnosis);

	if (error)
		return error;
	switch (finding->kind) {
	case SRD_ROT_BLOCK:
		return tell_block(diagnosis, record, finding->run, finding->skip, finding->offset, finding->len);
	case SRD_ROT_METADATA:
		event.what = "metadata";
		event.text = "what this record said is not applied";
		return tell_damage(diagnosis, &event, record, first_inode(diagnosis, record));
	case SRD_ROT_PADDING:
		event.what = "padding";
		event.text = "nothing is lost";
		return tell_damage(diagnosis, &event, record, 0);
	case SRD_ROT_SPARE:
		event.what = "spare";
		event.text = "of the superblock; srd repair writes it anew";
		return tell_damage(diagnosis, &event, record, 0);
	}
	return 0;
}

/* DATA counts for nothing until a commit names it. */
static int suspect(struct srd_diagnosis *diagnosis, const struct srd_finding *finding)
{
	if (finding->kind == SRD_ROT_PADDING)
		return 0;
	return srd_suspects_add(&diagnosis->suspects, finding->offset, finding->offset + finding->len,
	                        finding->kind == SRD_ROT_METADATA);
}

static int tell_suspect(struct srd_diagnosis *diagnosis, const struct srd_record *record,
                        const struct srd_suspect *found, const struct srd_run *run)
{
	uint64_t len = found->end - found->offset;

	if (!found->metadata)
		return tell_block(diagnosis, record, run->offset, (uint32_t)(found->offset - run->offset - run->distance),
		                    found->offset, len);
	struct srd_event event = { .what = "metadata", .text = "what a later record says of this data is not applied",
	                           .offset = found->offset, .len = len };
	int error = prepare(diagnosis);
	return error ? error : tell_damage(diagnosis, &event, record,
	                                     srd_owners_of_range(&diagnosis->owners, found->offset, found->end));
}

int srd_diagnosis_refs(struct srd_diagnosis *diagnosis, const struct srd_record *record, const struct srd_op *op)
{
	const struct srd_suspect *found;
	int error = 0;

	for (uint64_t i = 0; i < op->ref_count && diagnosis->suspects.count > 0 && !error; i++) {
		struct srd_ref ref = srd_op_ref(op->refs, i);
		struct srd_run run = { .offset = ref.run };
		if (ref.run == 0)
			continue;
		found = srd_suspects_name(&diagnosis->suspects, ref.run, ref.run + SRD_RUN_FIXED_LEN);
		if (found)
			error = tell_suspect(diagnosis, record, found, &run);
		if (error || found || !srd_log_run(diagnosis->log, ref.run, &run) || !srd_within(ref.skip, ref.len, run.len))
			continue;
		uint64_t from = run.offset + run.distance + ref.skip;
		while (!error && (found = srd_suspects_name(&diagnosis->suspects, from, from + ref.len)))
			error = tell_suspect(diagnosis, record, found, &run);
	}
	return error;
}

int srd_diagnosis_finding(struct srd_diagnosis *diagnosis, const struct srd_record *record,
                          const struct srd_finding *finding)
{
	return record->type == SRD_RECORD_DATA ? suspect(diagnosis, finding) : tell_finding(diagnosis, record, finding);
}

int srd_diagnosis_lost(struct srd_diagnosis *diagnosis, uint64_t from, uint64_t to)
{
	struct srd_event event = { .what = "record", .text = "no sound header; what the records here said is lost",
	                           .offset = from, .len = to - from };
	int error = prepare(diagnosis);

	return error ? error : tell_damage(diagnosis, &event, NULL, srd_owners_of_range(&diagnosis->owners, from, to));
}

int srd_diagnosis_superblock(struct srd_diagnosis *diagnosis)
{
	struct srd_event event = { .what = "superblock", .text = "the spare serves; srd repair writes it anew",
	                           .len = SRD_SUPERBLOCK_LEN };
	int error = prepare(diagnosis);

	return error ? error : tell_damage(diagnosis, &event, NULL, 0);
}
