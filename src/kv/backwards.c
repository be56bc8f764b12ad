/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "kv/backwards.h"

#include <stdlib.h>

#include "base/array.h"
#include "format/ops.h"

int srd_backwards_go(struct srd_backwards *walk, uint64_t offset)
{
	struct srd_op op;
	int error = 0;

	walk->count = 0;
	if (!srd_log_record_at(walk->log, offset, &walk->record))
		return 0;
	const uint8_t *metadata = srd_log_at(walk->log, offset + SRD_HEADER_LEN, walk->record.meta_len);
	struct srd_ops ops = srd_ops_of(&walk->record, metadata);
	if (walk->record.type != SRD_RECORD_META || !metadata)
		return 1;
	for (uint32_t at = 0; !error && srd_ops_next(&ops, &op); at = ops.at) {
		error = srd_array_reserve(&walk->places, &walk->cap, walk->count + 1, sizeof *walk->places);
		if (!error)
			walk->places[walk->count++] = at;
	}
	return error ? error : 1;
}

bool srd_backwards_op(struct srd_backwards *walk, struct srd_op *op)
{
	if (walk->count == 0)
		return false;
	uint32_t at = walk->places[--walk->count];
	uint64_t offset = walk->record.offset + SRD_HEADER_LEN + at;
	return srd_op_decode(op, walk->log->map + offset, walk->record.meta_len - at, offset,
	                     walk->record.offset + walk->record.len);
}

uint64_t srd_backwards_sequence(const struct srd_log *log, const struct srd_record *record)
{
	struct srd_record before = { .prev = record->prev };

	while (srd_log_record_at(log, before.prev, &before))
		if (before.type == SRD_RECORD_META)
			return before.sequence;
	return 0;
}

void srd_backwards_release(struct srd_backwards *walk)
{
	free(walk->places);
}
