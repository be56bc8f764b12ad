/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trim.c - payload that was given up, and says so.
 *
 * Each TRIM op names ranges of the log, and leads to the one before; so only who meets a
 * block that does not match its check asks what they name (trimmed.c), and who opens the
 * store needs none of it in memory.
 */
#include "config.h"

#include "log/internal.h"

#include <errno.h>
#include <unistd.h>

#include "base/check.h"

/* It starts anew where BYTES of a block may be others now. */
static void look_again(struct srd_log *log, const struct srd_op *op)
{
	for (uint64_t i = 0; i < op->range_count; i++) {
		struct srd_range range = srd_op_range(op->ranges, i);
		uint64_t before = SRD_MIN(range.offset, (uint64_t)SRD_BLOCK_LEN);
		uint64_t from = (range.offset - before) / SRD_RECORD_ALIGN * SRD_RECORD_ALIGN;
		srd_log_forget_verified(log, from, SRD_ALIGN_UP(range.offset + range.len, SRD_RECORD_ALIGN));
	}
}

void srd_log_note_trim(struct srd_log *log, const struct srd_record *record, const uint8_t *metadata)
{
	uint64_t offset = record->offset + SRD_HEADER_LEN;
	struct srd_op op;

	/* Nearly always: no look at every commit for what is rare. */
	if (record->meta_len == 0 || metadata[0] != SRD_OP_TRIM ||
	    !srd_op_decode(&op, metadata, record->meta_len, offset, record->offset + record->len))
		return;
	look_again(log, &op);
	/* Release: who meets a hole finds the op behind the mapping. */
	atomic_store_explicit(&log->trim, offset, memory_order_release);
}

bool srd_log_next_occupied(const struct srd_log *log, struct srd_range *range, uint64_t end)
{
	off_t data = lseek(log->fd, (off_t)range->offset, SEEK_DATA);
	uint64_t from = data >= 0 ? (uint64_t)data : errno == ENXIO ? end : range->offset;

	if (from >= end)
		return false;
	off_t hole = lseek(log->fd, (off_t)from, SEEK_HOLE);
	range->offset = from;
	range->len = (hole > (off_t)from ? SRD_MIN((uint64_t)hole, end) : end) - from;
	return true;
}

int srd_log_punch(const struct srd_log *log, const struct srd_range *ranges, size_t count)
{
	int error = log->io->punch ? 0 : -EOPNOTSUPP;

	for (size_t i = 0; i < count && !error; i++)
		error = log->io->punch(log->io, log->fd, ranges[i].offset, ranges[i].len);
	return error;
}
