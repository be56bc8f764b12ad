/* SPDX-License-Identifier: Apache-2.0 */
/*
 * damaged.c - records that are damaged on purpose: what is so in one log, and that nobody has accepted,
 * comes over to its successor.
 *
 *     header is sound         the record as it was, but that its metadata matches even less
 *     no sound header there   all that lies there is the metadata of one, or of several
 */
#include "config.h"

#include "log/internal.h"

#include "base/check.h"

enum { PIECE_LEN = 16 << 20 };

static int append(struct srd_log *log, const uint8_t *bytes, uint64_t len, uint64_t meta_len,
                  const struct srd_log_stamp *stamp)
{
	struct srd_draft draft;
	struct srd_record record;

	srd_draft_init(&draft);
	srd_draft_start(&draft, SRD_RECORD_META);
	srd_draft_set_damaged(&draft, bytes, (uint32_t)len, (uint32_t)meta_len);
	int error = srd_log_append_as(log, &draft, stamp, &record);
	srd_draft_release(&draft);
	return error;
}

int srd_log_append_damaged(struct srd_log *log, const struct srd_log *from, const struct srd_damage *damage,
                           const struct srd_log_stamp *stamp)
{
	/* Of what was cut off nothing is left but that it was there. */
	uint64_t end = SRD_MIN(damage->offset + damage->len, atomic_load(&from->end)), at = damage->offset;
	const uint8_t *bytes = at < end ? srd_log_at(from, at, end - at) : NULL;
	struct srd_record record;
	int error = 0;

	if (!bytes)
		return append(log, from->map, 0, 0, stamp);
	if (srd_record_decode(&from->sb, &record, bytes, at) && record.len == damage->len && record.type == SRD_RECORD_META)
		return append(log, bytes + SRD_HEADER_LEN, record.len - SRD_HEADER_LEN, record.meta_len, stamp);
	for (; !error && at < end; at += PIECE_LEN) {
		uint64_t len = SRD_MIN((uint64_t)PIECE_LEN, end - at) / SRD_RECORD_ALIGN * SRD_RECORD_ALIGN;
		error = append(log, from->map + at, len, len, stamp);
	}
	return error;
}
