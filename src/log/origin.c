/* SPDX-License-Identifier: Apache-2.0 */
/* origin.c - records by where they lie, which one an op lies in, and which commit it tells of. */
#include "config.h"

#include "log/internal.h"

#include "base/check.h"

bool srd_log_record_at(const struct srd_log *log, uint64_t offset, struct srd_record *record)
{
	const uint8_t *bytes = offset >= SRD_FIRST_RECORD ? srd_log_at(log, offset, SRD_HEADER_LEN) : NULL;

	return bytes && srd_record_decode(&log->sb, record, bytes, offset);
}

bool srd_log_record_of(const struct srd_log *log, uint64_t offset, uint64_t search_bytes, struct srd_record *record)
{
	uint64_t first = offset > search_bytes ? SRD_MAX(offset - search_bytes, SRD_FIRST_RECORD) : SRD_FIRST_RECORD;

	/* No header can be forged between, so the next one before it is its own. */
	for (uint64_t at = offset / SRD_RECORD_ALIGN * SRD_RECORD_ALIGN; at >= first; at -= SRD_RECORD_ALIGN) {
		const uint8_t *bytes = srd_log_at(log, at, SRD_HEADER_LEN);
		if (!bytes)
			return false;
		if (srd_record_decode(&log->sb, record, bytes, at))
			return offset < at + SRD_HEADER_LEN + record->meta_len;
	}
	return false;
}

bool srd_log_restated(const struct srd_log *log, uint64_t offset, uint64_t *sequence)
{
	uint64_t end = srd_log_bound(log, offset);
	struct srd_op op;

	if (offset < SRD_FIRST_RECORD || offset % 8 != 0 || offset >= end ||
	    !srd_op_decode(&op, log->map + offset, end - offset, offset, end) ||
	    op.kind != SRD_OP_SETATTR || !(op.flags & SRD_OP_RESTATED))
		return false;
	*sequence = op.sequence;
	return true;
}
