/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup_match.c - how far a file is the beginning of a log.
 *
 * The last header in it tells: if the log has that very one there, both have the same
 * records before it.  But of a backup that was interrupted by a crash some of what
 * was written last may be missing in the middle; what its marks call durable is not
 * (backup.c sees to that).  So what lies behind its highest mark is compared, byte by byte.
 *
 *      0                 mark        last header   size
 *      +-----------------+-----------+-------------+
 *      | by the chain    | compared, as far as the  |
 *      |                 | log reaches             |
 */
#include "config.h"

#include "log/backup.h"

#include <string.h>

#include "base/check.h"
#include "log/internal.h"

/* The last valid header below SIZE.  No payload looks like one. */
static bool last_header(const struct srd_log *dest, uint64_t size, struct srd_record *record)
{
	uint64_t at = size / SRD_RECORD_ALIGN * SRD_RECORD_ALIGN;

	while (at > SRD_FIRST_RECORD) {
		at -= SRD_RECORD_ALIGN;
		if (srd_record_decode(&dest->sb, record, dest->map + at, at))
			return true;
	}
	return false;
}

static bool has_header(const struct srd_log *log, const struct srd_log *dest, uint64_t offset)
{
	const uint8_t *bytes = srd_log_at(log, offset, SRD_HEADER_LEN);

	return bytes && memcmp(bytes, dest->map + offset, SRD_HEADER_LEN) == 0;
}

static uint64_t record_len(const struct srd_log *log, uint64_t at)
{
	const uint8_t *bytes = srd_log_at(log, at, SRD_HEADER_LEN);
	struct srd_record record;

	return bytes && srd_record_decode(&log->sb, &record, bytes, at) ? record.len : 0;
}

/* Where in [FROM, UPTO) both begin to differ, but for what the log has given up since; UPTO: nowhere. */
static uint64_t difference(const struct srd_log *log, const struct srd_log *dest, uint64_t from, uint64_t upto)
{
	while (from < upto) {
		/* Whole blocks of the file, as those that are given up. */
		uint64_t len = SRD_MIN(upto - from, SRD_BLOCK_LEN - from % SRD_BLOCK_LEN);
		if (memcmp(log->map + from, dest->map + from, len) != 0 && srd_log_is_trimmed(log, from, len) != 1)
			return from;
		from += len;
	}
	return upto;
}

/* The last record boundary at or before OFFSET, seeking from FROM, which is one. */
static uint64_t boundary(const struct srd_log *log, uint64_t from, uint64_t offset)
{
	for (;;) {
		uint64_t len = record_len(log, from);
		uint64_t next = from + (len ? len : SRD_RECORD_ALIGN);
		if (next > offset)
			return from;
		from = next;
	}
}

/* Both have the same header at LAST. */
static uint64_t common_length(const struct srd_log *log, const struct srd_log *dest, const struct srd_record *last,
                              uint64_t size)
{
	uint64_t upto = SRD_MIN(size, atomic_load(&log->end));
	uint64_t from = last->durable && (last->durable == upto || record_len(log, last->durable))
	                ? last->durable : SRD_FIRST_RECORD;

	return boundary(log, from, difference(log, dest, from, upto));
}

enum srd_match srd_log_match(const struct srd_log *log, const struct srd_log *dest, uint64_t *common)
{
	struct srd_record last;
	int64_t size = srd_log_size(dest);

	if (memcmp(log->sb.uuid, dest->sb.uuid, sizeof log->sb.uuid) != 0)
		return SRD_MATCH_OTHER;
	if (log->sb.generation != dest->sb.generation)
		return log->sb.generation > dest->sb.generation ? SRD_MATCH_OLDER : SRD_MATCH_NEWER;
	if (log->sb.check != dest->sb.check || log->sb_damaged != dest->sb_damaged || size < (int64_t)SRD_FIRST_RECORD)
		return SRD_MATCH_PARTED;
	if (!last_header(dest, (uint64_t)size, &last)) {
		*common = SRD_FIRST_RECORD;
		return SRD_MATCH_PREFIX;
	}
	if (!has_header(log, dest, last.offset))
		return last.offset >= atomic_load(&log->end) && log->last && (uint64_t)size >= log->last + SRD_HEADER_LEN &&
		       has_header(log, dest, log->last) ? SRD_MATCH_AHEAD : SRD_MATCH_PARTED;
	*common = common_length(log, dest, &last, (uint64_t)size);
	return SRD_MATCH_PREFIX;
}
