/* SPDX-License-Identifier: Apache-2.0 */
/* seal.c - right checks for wrong content. */
#include "config.h"

#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "format/draft.h"

_Noreturn void fuzz_fail(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

void fuzz_superblock(struct srd_superblock *sb, uint8_t bytes[SRD_SUPERBLOCK_LEN])
{
	*sb = (struct srd_superblock){ .version = SRD_FORMAT_VERSION, .generation = 1, .epoch = 7,
	                               .uuid = "hostile", .salt = "known to all" };
	srd_superblock_encode(sb, bytes);
}

/* Checks of the payload of OP, at BYTES of the log of LEN bytes. */
static void seal_run(uint8_t *log, size_t len, const struct srd_op *op)
{
	uint64_t payload = op->run.offset + op->run.distance;

	if (!srd_within(payload, op->run.len, len))
		return;
	for (uint32_t at = 0; at < op->run.len; at += SRD_BLOCK_LEN) {
		uint32_t block = SRD_MIN(op->run.len - at, (uint32_t)SRD_BLOCK_LEN);
		srd_put64(log + op->run.offset + 8 + at / SRD_BLOCK_LEN * 8, srd_hash(log + payload + at, block, 0));
	}
}

/* Ops one after the other, as far as they can be decoded. */
static void seal_ops(uint8_t *log, size_t len, uint64_t offset, uint64_t meta_len, uint64_t end)
{
	struct srd_op op;

	for (uint64_t at = 0; at < meta_len; at += op.len) {
		if (!srd_op_decode(&op, log + offset + at, meta_len - at, offset + at, end))
			return;
		if (op.has_run)
			seal_run(log, len, &op);
	}
}

/* The fields of the header at OFFSET that a mutation may have. */
static struct srd_record read_header(const uint8_t *bytes, uint64_t offset, uint64_t room)
{
	struct srd_record record = {
		.type = bytes[2], .offset = offset,
		.len = (uint64_t)srd_get32(bytes + 4) * SRD_RECORD_ALIGN,
		.meta_len = srd_get32(bytes + 8) & ~7u,
		.sequence = srd_get64(bytes + 16), .time_ns = (int64_t)srd_get64(bytes + 24),
		.epoch = srd_get32(bytes + 36),
	};
	uint64_t back = (uint64_t)srd_get32(bytes + 32) * SRD_RECORD_ALIGN;

	/* Lengths that make no sense would only end the log. */
	if (record.len == 0 || record.len > room)
		record.len = SRD_MIN(SRD_ALIGN_UP(SRD_HEADER_LEN + (uint64_t)record.meta_len % 4096, 64), room);
	record.meta_len = (uint32_t)SRD_MIN(record.meta_len, record.len - SRD_HEADER_LEN);
	record.durable = back <= offset - SRD_FIRST_RECORD ? offset - back : 0;
	return record;
}

void fuzz_seal(uint8_t *log, size_t len)
{
	uint8_t superblock[SRD_SUPERBLOCK_LEN];
	struct srd_superblock sb;
	uint64_t prev = 0;

	fuzz_superblock(&sb, superblock);
	memcpy(log, superblock, SRD_MIN(len, sizeof superblock));
	uint64_t prev_check = sb.check;
	for (uint64_t at = SRD_FIRST_RECORD; at + SRD_HEADER_LEN <= len;) {
		struct srd_record record = read_header(log + at, at, (len - at) / 64 * 64);
		if (log[at + 3] == 0) {
			uint64_t meta = at + SRD_HEADER_LEN;
			seal_ops(log, len, meta, record.meta_len, at + record.len);
			record.prev = prev;
			record.prev_check = prev_check;
			if (!srd_meta_check(log + meta, record.meta_len, meta, at + record.len,
			                    srd_superblock_seed(&sb, at), &record.meta_check))
				record.meta_check = 0;
			srd_record_encode(&sb, &record, log + at);
			prev = at;
			prev_check = record.check;
		}
		at += record.len;
	}
}
