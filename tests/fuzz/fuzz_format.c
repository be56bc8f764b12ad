/* SPDX-License-Identifier: Apache-2.0 */
/* Superblocks, headers and ops on their own: what decodes keeps within its bounds. */
#include "config.h"

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "format/draft.h"

static void decode_superblock(const uint8_t *data, size_t len, bool sealed)
{
	uint8_t bytes[SRD_SUPERBLOCK_LEN] = { 0x89, 'S', 'R', 'D', 0x0d, 0x0a, 0x1a, 0x0a };
	struct srd_superblock sb;

	if (!sealed) {
		(void)srd_superblock_decode(&sb, data, len);
		return;
	}
	memcpy(bytes + 8, data, SRD_MIN(len, sizeof bytes - 16));
	srd_put64(bytes + 4088, srd_hash(bytes, 4088, 0));
	if (srd_superblock_decode(&sb, bytes, sizeof bytes) == 0)
		FUZZ_EXPECT(sb.version == SRD_FORMAT_VERSION && sb.segment_bytes == 0);
}

static void decode_record(const uint8_t *data, size_t len)
{
	uint8_t bytes[SRD_HEADER_LEN] = { 0 }, superblock[SRD_SUPERBLOCK_LEN];
	struct srd_superblock sb;
	struct srd_record record;
	uint64_t offset = SRD_FIRST_RECORD + (len ? data[0] : 0u) * 64;

	fuzz_superblock(&sb, superblock);
	memcpy(bytes, data, SRD_MIN(len, sizeof bytes));
	srd_put16(bytes, 0xd253);
	srd_put64(bytes + 56, srd_hash(bytes, 56, srd_superblock_seed(&sb, offset)));
	if (!srd_record_decode(&sb, &record, bytes, offset))
		return;
	FUZZ_EXPECT(SRD_HEADER_LEN + (uint64_t)record.meta_len <= record.len && record.prev <= offset);
	FUZZ_EXPECT(record.durable == 0 || record.durable >= SRD_FIRST_RECORD);
}

/* In memory of exactly that length, so that a sanitizer sees a step beyond. */
static void decode_ops(const uint8_t *data, size_t len)
{
	uint64_t check, offset = 8192;
	struct srd_op op;
	uint8_t *bytes = malloc(len ? len : 1);

	memcpy(bytes, data, len);
	for (uint64_t at = 0; at < len; at += op.len) {
		if (!srd_op_decode(&op, bytes + at, len - at, offset + at, offset + len + 4096))
			break;
		FUZZ_EXPECT(op.len % 8 == 0 && op.len >= 8 && op.len <= len - at && op.covered <= op.len);
		FUZZ_EXPECT(op.name_len == 0 || op.name + op.name_len <= (char *)bytes + at + op.len);
		FUZZ_EXPECT(op.covered == srd_op_covered(bytes + at));
		for (uint64_t i = 0; i < op.ref_count; i++)
			FUZZ_EXPECT(srd_op_ref(op.refs, i).len > 0);
	}
	srd_meta_check(bytes, len, offset, offset + len, 1, &check);
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len == 0)
		return 0;
	switch (data[0] % 4) {
	case 0: decode_superblock(data + 1, len - 1, false); break;
	case 1: decode_superblock(data + 1, len - 1, true); break;
	case 2: decode_record(data + 1, len - 1); break;
	case 3: decode_ops(data + 1, len - 1); break;
	}
	return 0;
}
