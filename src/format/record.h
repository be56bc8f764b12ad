/* SPDX-License-Identifier: Apache-2.0 */
/* record.h - the header of a record (FORMAT, section 2). */
#ifndef SRD_FORMAT_RECORD_H
#define SRD_FORMAT_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/le.h"
#include "format/superblock.h"

enum srd_record_type {
	SRD_RECORD_META = 1,
	SRD_RECORD_DATA,
	SRD_RECORD_SYNC,
	SRD_RECORD_SEALED,
	SRD_RECORD_PAD,
	SRD_RECORD_SPARE,
};

enum srd_record_flags {
	SRD_RECORD_BASE = 1,   /* META: restates what dropped commits added up to */
};

enum {
	SRD_RECORD_ALIGN = 64,
	SRD_HEADER_LEN = 64,
};

#define SRD_META_LEN_MAX (UINT64_C(1) << 30)
#define SRD_RECORD_LEN_MAX (UINT64_C(1) << 31)
#define SRD_FIRST_RECORD ((uint64_t)SRD_SUPERBLOCK_LEN)

struct srd_record {
	enum srd_record_type type;
	uint8_t flags;         /* enum srd_record_flags */
	uint64_t offset;       /* own, in the log */
	uint64_t len;          /* bytes, header included */
	uint32_t meta_len;
	uint64_t prev;         /* offset of the record before; 0: none */
	uint64_t sequence;
	int64_t time_ns;
	uint64_t durable;      /* mark; 0: nothing said */
	uint32_t epoch;
	uint64_t prev_check;
	uint64_t meta_check;
	uint64_t check;        /* set by encode and decode */
};

void srd_record_encode(const struct srd_superblock *sb, struct srd_record *record,
                       uint8_t bytes[SRD_HEADER_LEN]);
/* True if BYTES are a valid header for a record at OFFSET. */
bool srd_record_decode(const struct srd_superblock *sb, struct srd_record *record,
                       const uint8_t bytes[SRD_HEADER_LEN], uint64_t offset);
/* The check of the header in BYTES, as it is there. */
static inline uint64_t srd_record_check(const uint8_t bytes[SRD_HEADER_LEN])
{
	return srd_get64(bytes + SRD_HEADER_LEN - 8);
}
/* What a header says of its type and lengths, taken at its word but for what would
 * lead out of the record: 64 bytes that may be anything.  False: it makes no sense. */
bool srd_record_glance(struct srd_record *record, const uint8_t bytes[SRD_HEADER_LEN], uint64_t offset);
const char *srd_record_type_name(enum srd_record_type type);

#endif
