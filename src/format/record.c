/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "format/record.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"

enum {
	AT_MAGIC = 0, AT_TYPE = 2, AT_FLAGS = 3, AT_LEN = 4, AT_META_LEN = 8, AT_PREV = 12,
	AT_SEQUENCE = 16, AT_TIME = 24, AT_DURABLE = 32, AT_EPOCH = 36, AT_PREV_CHECK = 40,
	AT_META_CHECK = 48, AT_CHECK = 56,
};
_Static_assert(AT_CHECK + 8 == SRD_HEADER_LEN, "the header is one cache line");

enum { MAGIC = 0xd253 };
#define NOTHING_SAID UINT32_MAX

void srd_record_encode(const struct srd_superblock *sb, struct srd_record *record,
                       uint8_t bytes[SRD_HEADER_LEN])
{
	uint64_t back = (record->offset - record->durable) / SRD_RECORD_ALIGN;
	uint64_t prev = record->prev ? (record->offset - record->prev) / SRD_RECORD_ALIGN : 0;

	srd_put16(bytes + AT_MAGIC, MAGIC);
	bytes[AT_TYPE] = (uint8_t)record->type;
	bytes[AT_FLAGS] = record->flags;
	srd_put32(bytes + AT_LEN, (uint32_t)(record->len / SRD_RECORD_ALIGN));
	srd_put32(bytes + AT_META_LEN, record->meta_len);
	srd_put32(bytes + AT_PREV, (uint32_t)prev);
	srd_put64(bytes + AT_SEQUENCE, record->sequence);
	srd_put64(bytes + AT_TIME, (uint64_t)record->time_ns);
	srd_put32(bytes + AT_DURABLE,
	          record->durable == 0 || back >= NOTHING_SAID ? NOTHING_SAID : (uint32_t)back);
	srd_put32(bytes + AT_EPOCH, record->epoch);
	srd_put64(bytes + AT_PREV_CHECK, record->prev_check);
	srd_put64(bytes + AT_META_CHECK, record->meta_check);
	record->check = srd_hash(bytes, AT_CHECK, srd_superblock_seed(sb, record->offset));
	srd_put64(bytes + AT_CHECK, record->check);
}

/* Puts the offset that lies UNITS before OFFSET into *WHERE; false if it would
 * lie before the first record. */
static bool step_back(uint64_t offset, uint32_t units, uint64_t *where)
{
	uint64_t distance = (uint64_t)units * SRD_RECORD_ALIGN;

	if (distance > offset - SRD_FIRST_RECORD)
		return false;
	*where = offset - distance;
	return true;
}

bool srd_record_decode(const struct srd_superblock *sb, struct srd_record *record,
                       const uint8_t bytes[SRD_HEADER_LEN], uint64_t offset)
{
	if (srd_get16(bytes + AT_MAGIC) != MAGIC || offset < SRD_FIRST_RECORD ||
	    offset % SRD_RECORD_ALIGN != 0)
		return false;
	struct srd_record read = {
		.type = bytes[AT_TYPE],
		.flags = bytes[AT_FLAGS],
		.offset = offset,
		.len = (uint64_t)srd_get32(bytes + AT_LEN) * SRD_RECORD_ALIGN,
		.meta_len = srd_get32(bytes + AT_META_LEN),
		.sequence = srd_get64(bytes + AT_SEQUENCE),
		.time_ns = (int64_t)srd_get64(bytes + AT_TIME),
		.epoch = srd_get32(bytes + AT_EPOCH),
		.prev_check = srd_get64(bytes + AT_PREV_CHECK),
		.meta_check = srd_get64(bytes + AT_META_CHECK),
		.check = srd_get64(bytes + AT_CHECK),
	};
	uint32_t prev = srd_get32(bytes + AT_PREV);
	uint32_t durable = srd_get32(bytes + AT_DURABLE);

	if (read.check != srd_hash(bytes, AT_CHECK, srd_superblock_seed(sb, offset)))
		return false;
	if (read.type < SRD_RECORD_META || read.type > SRD_RECORD_SPARE ||
	    read.flags & ~(read.type == SRD_RECORD_META ? SRD_RECORD_BASE : 0) ||
	    read.len > SRD_RECORD_LEN_MAX || read.meta_len > SRD_META_LEN_MAX ||
	    read.meta_len % 8 != 0 || SRD_HEADER_LEN + (uint64_t)read.meta_len > read.len)
		return false;
	if (read.type != SRD_RECORD_META && read.type != SRD_RECORD_DATA && read.meta_len != 0)
		return false;
	if (prev != 0 && !step_back(offset, prev, &read.prev))
		return false;
	if (durable != NOTHING_SAID && !step_back(offset, durable, &read.durable))
		return false;
	*record = read;
	return true;
}

bool srd_record_glance(struct srd_record *record, const uint8_t bytes[SRD_HEADER_LEN], uint64_t offset)
{
	*record = (struct srd_record){
		.type = bytes[AT_TYPE],
		.offset = offset,
		.len = (uint64_t)srd_get32(bytes + AT_LEN) * SRD_RECORD_ALIGN,
		.meta_len = srd_get32(bytes + AT_META_LEN),
	};
	return record->meta_len % 8 == 0 && SRD_HEADER_LEN + (uint64_t)record->meta_len <= record->len;
}

const char *srd_record_type_name(enum srd_record_type type)
{
	switch (type) {
	case SRD_RECORD_META: return "META";
	case SRD_RECORD_DATA: return "DATA";
	case SRD_RECORD_SYNC: return "SYNC";
	case SRD_RECORD_SEALED: return "SEALED";
	case SRD_RECORD_PAD: return "PAD";
	case SRD_RECORD_SPARE: return "SPARE";
	}
	return "?";
}
