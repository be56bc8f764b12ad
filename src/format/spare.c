/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "format/spare.h"

#include <string.h>

enum { AT_COPY = SRD_HEADER_LEN, COPY_LEN = 112, AT_CHECK = AT_COPY + COPY_LEN, CHECK_LEN = 8 };
_Static_assert(AT_CHECK + CHECK_LEN <= SRD_SPARE_LEN, "room for the copy");

/* What follows the header: the used part of the superblock, and its check. */
static void encode_body(const struct srd_superblock *sb, uint8_t body[SRD_SPARE_LEN - SRD_HEADER_LEN])
{
	uint8_t whole[SRD_SUPERBLOCK_LEN];
	struct srd_superblock copy = *sb;

	srd_superblock_encode(&copy, whole);
	memset(body, 0, SRD_SPARE_LEN - SRD_HEADER_LEN);
	memcpy(body, whole, COPY_LEN);
	memcpy(body + COPY_LEN, whole + SRD_SUPERBLOCK_LEN - CHECK_LEN, CHECK_LEN);
}

void srd_spare_encode(const struct srd_superblock *sb, uint8_t bytes[SRD_SPARE_LEN])
{
	struct srd_record record = { .type = SRD_RECORD_SPARE, .offset = SRD_FIRST_RECORD, .len = SRD_SPARE_LEN,
	                             .time_ns = sb->created_ns, .durable = SRD_FIRST_RECORD, .epoch = sb->epoch,
	                             .prev_check = sb->check,
	                             .meta_check = srd_superblock_seed(sb, SRD_FIRST_RECORD) };

	encode_body(sb, bytes + AT_COPY);
	srd_record_encode(sb, &record, bytes);
}

int srd_spare_decode(struct srd_superblock *sb, const uint8_t *bytes, size_t len)
{
	uint8_t whole[SRD_SUPERBLOCK_LEN] = { 0 };

	if (len < SRD_SPARE_LEN)
		return SRD_ENOTSTORE;
	memcpy(whole, bytes + AT_COPY, COPY_LEN);
	memcpy(whole + SRD_SUPERBLOCK_LEN - CHECK_LEN, bytes + AT_CHECK, CHECK_LEN);
	int error = srd_superblock_decode(sb, whole, sizeof whole);
	return error == SRD_ECORRUPT ? SRD_ENOTSTORE : error;
}

bool srd_spare_holds(const struct srd_superblock *sb, const uint8_t bytes[SRD_SPARE_LEN])
{
	uint8_t body[SRD_SPARE_LEN - SRD_HEADER_LEN];

	encode_body(sb, body);
	return memcmp(bytes + AT_COPY, body, sizeof body) == 0;
}
