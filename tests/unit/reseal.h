/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reseal.h - an image whose tables have been tampered with, given right checks
 * again: what only somebody who may write the store could do.  LEN bytes at BYTES are
 * the file; those of its tables and header fields may be anything.  False: it has no
 * header that can be sealed.
 */
#ifndef SRD_TESTS_RESEAL_H
#define SRD_TESTS_RESEAL_H

#include <stdbool.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "format/image.h"
#include "format/record.h"
#include "state/chunks.h"

static inline bool reseal(const struct srd_superblock *sb, uint8_t *bytes, size_t len)
{
	struct srd_image image;
	uint64_t chunk = 0;

	if (len < SRD_IMAGE_HEADER_LEN)
		return false;
	srd_put64(bytes + 4088, srd_hash(bytes, 4088, srd_superblock_seed(sb, 0)));
	if (srd_image_decode(sb, &image, bytes, len) != 0)
		return false;
	for (unsigned i = 0; i < SRD_IMAGE_TABLES; i++) {
		const struct srd_image_table *table = &image.tables[i];
		for (uint32_t first = 0; first < table->count; first += table->chunk_len) {
			uint32_t count = SRD_MIN(table->chunk_len, table->count - first);
			uint64_t check = srd_chunk_check(bytes + table->offset + (uint64_t)first * table->entry_len,
			                                 (size_t)count * table->entry_len);
			memcpy(bytes + image.checks_offset + 8 * chunk++, &check, sizeof check);
		}
	}
	image.checks_check = srd_hash(bytes + image.checks_offset, 8 * chunk, 0);
	srd_image_encode(sb, &image, bytes);
	return true;
}

#endif
