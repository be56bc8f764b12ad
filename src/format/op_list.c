/* SPDX-License-Identifier: Apache-2.0 */
/* op_list.c - what an op may have many of, one encoded behind the other: references, ranges. */
#include "config.h"

#include "format/op.h"

#include "base/le.h"

struct srd_ref srd_op_ref(const uint8_t *refs, uint64_t i)
{
	const uint8_t *bytes = refs + i * SRD_REF_LEN;

	return (struct srd_ref){ .pos = srd_get64(bytes), .run = srd_get64(bytes + 8),
	                         .skip = srd_get32(bytes + 16), .len = srd_get32(bytes + 20) };
}

void srd_ref_encode(const struct srd_ref *ref, uint8_t bytes[SRD_REF_LEN])
{
	srd_put64(bytes, ref->pos);
	srd_put64(bytes + 8, ref->run);
	srd_put32(bytes + 16, ref->skip);
	srd_put32(bytes + 20, ref->len);
}

struct srd_range srd_op_range(const uint8_t *ranges, uint64_t i)
{
	const uint8_t *bytes = ranges + i * SRD_RANGE_LEN;

	return (struct srd_range){ .offset = srd_get64(bytes), .len = srd_get64(bytes + 8) };
}

void srd_range_encode(const struct srd_range *range, uint8_t bytes[SRD_RANGE_LEN])
{
	srd_put64(bytes, range->offset);
	srd_put64(bytes + 8, range->len);
}
