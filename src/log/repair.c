/* SPDX-License-Identifier: Apache-2.0 */
/*
 * repair.c - damage that is known: what a REPAIR op names keeps nobody from writing.
 *
 * Nothing in the log is ever written over, but for the superblock and its spare:
 * nothing can stand in for them, and each says what the other was, to the byte.
 */
#include "config.h"

#include "log/internal.h"

#include <string.h>

#include "base/array.h"
#include "format/ranges.h"
#include "format/spare.h"

int srd_log_note_damage(struct srd_log *log, uint64_t offset, uint64_t end)
{
	int error = srd_array_reserve(&log->damage, &log->damage_cap, log->damage_count + 1, sizeof *log->damage);

	if (error)
		return error;
	log->damage[log->damage_count++] = (struct srd_damage){ .offset = offset, .len = end - offset };
	return 0;
}

size_t srd_log_damages(const struct srd_log *log)
{
	size_t count = 0;

	for (size_t i = 0; i < log->damage_count; i++)
		count += !log->damage[i].repaired;
	return count;
}

bool srd_log_lacks(const struct srd_log *log, uint64_t offset, uint64_t prev)
{
	for (size_t i = 0; i < log->damage_count; i++) {
		const struct srd_damage *damage = &log->damage[i];
		/* The superblock said nothing of files. */
		if (damage->offset < SRD_FIRST_RECORD || damage->offset >= offset ||
		    (damage->repaired && offset > damage->repaired + SRD_HEADER_LEN))
			continue;
		if (prev == 0 || (prev >= damage->offset && prev - damage->offset < damage->len))
			return true;
	}
	return false;
}

static bool is_named(const struct srd_op *op, const struct srd_damage *damage)
{
	for (uint64_t i = 0; i < op->range_count; i++) {
		struct srd_range range = srd_op_range(op->ranges, i);
		if (srd_range_has(&range, damage->offset, damage->len))
			return true;
	}
	return false;
}

void srd_log_repaired(struct srd_log *log, const struct srd_record *record, const uint8_t *metadata)
{
	struct srd_op op;

	/* Nearly always: no look at every commit for what no log needs. */
	if (log->damage_count == 0 || record->meta_len == 0 || metadata[0] != SRD_OP_REPAIR ||
	    !srd_op_decode(&op, metadata, record->meta_len, record->offset + SRD_HEADER_LEN,
	                   record->offset + record->len))
		return;
	for (size_t i = 0; i < log->damage_count; i++)
		if (!log->damage[i].repaired && is_named(&op, &log->damage[i]))
			log->damage[i].repaired = record->offset;
}

void srd_log_accept(struct srd_log *log)
{
	for (size_t i = 0; i < log->damage_count; i++)
		if (!log->damage[i].repaired)
			log->damage[i].repaired = log->last;
}

static int write_at(struct srd_log *log, uint64_t offset, const uint8_t *bytes, size_t len)
{
	struct iovec iov = { .iov_base = (void *)bytes, .iov_len = len };
	int error = srd_io_write_full(log->io, log->fd, &iov, 1, offset, NULL);

	return error ? error : log->io->fdatasync(log->io, log->fd);
}

/* True if the log has a spare: its record, or the next that says it came after it. */
static bool has_spare(const struct srd_log *log, const uint8_t spare[SRD_SPARE_LEN])
{
	const uint8_t *there = srd_log_at(log, SRD_FIRST_RECORD, SRD_SPARE_LEN + SRD_HEADER_LEN);
	struct srd_record own, record;

	if (!there || !srd_record_decode(&log->sb, &own, spare, SRD_FIRST_RECORD))
		return false;
	if (srd_record_decode(&log->sb, &record, there, SRD_FIRST_RECORD))
		return record.type == SRD_RECORD_SPARE;
	return srd_record_decode(&log->sb, &record, there + SRD_SPARE_LEN, SRD_FIRST_RECORD + SRD_SPARE_LEN) &&
	       record.prev_check == own.check;
}

uint64_t srd_log_restorable(const struct srd_log *log)
{
	uint8_t spare[SRD_SPARE_LEN];

	srd_spare_encode(&log->sb, spare);
	return SRD_FIRST_RECORD + (has_spare(log, spare) ? SRD_SPARE_LEN : 0);
}

/* The superblock first: while it is being written the spare is sound. */
int srd_log_restore(struct srd_log *log)
{
	uint8_t superblock[SRD_SUPERBLOCK_LEN], spare[SRD_SPARE_LEN];
	uint64_t restored = srd_log_restorable(log);
	int error = 0;

	srd_superblock_encode(&log->sb, superblock);
	srd_spare_encode(&log->sb, spare);
	if (memcmp(log->map, superblock, sizeof superblock) != 0)
		error = write_at(log, 0, superblock, sizeof superblock);
	if (!error && restored > SRD_FIRST_RECORD && memcmp(log->map + SRD_FIRST_RECORD, spare, sizeof spare) != 0)
		error = write_at(log, SRD_FIRST_RECORD, spare, sizeof spare);
	if (error)
		return error;
	log->sb_damaged = false;
	for (size_t i = 0; i < log->damage_count; i++)
		if (log->damage[i].offset + log->damage[i].len <= restored)
			log->damage[i].repaired = SRD_FIRST_RECORD;
	return 0;
}
