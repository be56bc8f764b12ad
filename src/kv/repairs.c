/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "kv/repairs.h"

#include "base/check.h"
#include "kv/inspect.h"

static int add(struct srd_ranges *repairs, const struct srd_log *log, const struct srd_record *record)
{
	const uint8_t *metadata = srd_log_at(log, record->offset + SRD_HEADER_LEN, record->meta_len);
	struct srd_op op;

	if (record->type != SRD_RECORD_META || record->meta_len == 0 || !metadata || metadata[0] != SRD_OP_REPAIR ||
	    !srd_inspect_metadata(log, record, metadata) ||
	    !srd_op_decode(&op, metadata, record->meta_len, record->offset + SRD_HEADER_LEN, record->offset + record->len))
		return 0;
	return srd_ranges_add_op(repairs, &op);
}

int srd_repairs_collect(struct srd_ranges *repairs, const struct srd_log *log, uint64_t end)
{
	struct srd_record record;
	int error = 0;

	for (uint64_t at = SRD_FIRST_RECORD; at < end && !error;) {
		bool whole = srd_log_record_at(log, at, &record) && srd_within(at, record.len, end);
		if (whole)
			error = add(repairs, log, &record);
		at += whole ? record.len : SRD_RECORD_ALIGN;
	}
	return error;
}

bool srd_repairs_have(const struct srd_ranges *repairs, uint64_t offset, uint64_t len)
{
	for (size_t i = 0; i < repairs->count; i++)
		if (srd_range_has(&repairs->items[i], offset, len))
			return true;
	return false;
}
