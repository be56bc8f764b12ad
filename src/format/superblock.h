/* SPDX-License-Identifier: Apache-2.0 */
/* superblock.h - the first 4096 bytes of a store (FORMAT, section 1). */
#ifndef SRD_FORMAT_SUPERBLOCK_H
#define SRD_FORMAT_SUPERBLOCK_H

#include <stdint.h>

#include "base/error.h"

enum {
	SRD_SUPERBLOCK_LEN = 4096,
	SRD_FORMAT_VERSION = 1,
};

#define SRD_COMPAT_KNOWN UINT64_C(0)
#define SRD_RO_COMPAT_KNOWN UINT64_C(0)
#define SRD_INCOMPAT_KNOWN UINT64_C(0)

struct srd_superblock {
	uint32_t version;
	uint64_t compat, ro_compat, incompat;
	uint8_t uuid[16];
	uint64_t generation;
	uint8_t salt[16];
	int64_t created_ns;
	uint64_t segment_bytes;
	uint32_t epoch;
	uint32_t root_uid, root_gid;
	uint64_t check;   /* set by encode and decode */
};

void srd_superblock_encode(struct srd_superblock *sb, uint8_t bytes[SRD_SUPERBLOCK_LEN]);
/* 0, SRD_ENOTSTORE, SRD_EVERSION or SRD_ECORRUPT.  Unknown ro_compat bits are
 * left to the caller. */
int srd_superblock_decode(struct srd_superblock *sb, const uint8_t *bytes, size_t len);
/* Seeds the header check of a record at OFFSET. */
uint64_t srd_superblock_seed(const struct srd_superblock *sb, uint64_t offset);

#endif
