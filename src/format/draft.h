/* SPDX-License-Identifier: Apache-2.0 */
/*
 * draft.h - a record being put together in memory.
 *
 *     srd_draft_start(d, type)
 *     srd_draft_add(d, op, data) ...          ops in order, runs with payload
 *     srd_draft_layout(d, offset)             once its place in the log is known
 *     srd_draft_seal(d, sb, header)           checks, header; then d->iov is it
 *
 * Payload that is not inline is referred to, not copied: it must stay as it is
 * until the record is written.  Not thread-safe.
 */
#ifndef SRD_FORMAT_DRAFT_H
#define SRD_FORMAT_DRAFT_H

#include <stdbool.h>
#include <sys/uio.h>

#include "format/op.h"
#include "format/record.h"

struct srd_draft_payload {
	const void *data;
	uint32_t len;
	uint32_t run_at;   /* of its run, in the metadata buffer (header included) */
};

struct srd_draft {
	enum srd_record_type type;
	uint8_t *bytes;            /* header, then ops */
	size_t len, cap;           /* of bytes */
	struct srd_draft_payload *payloads;
	size_t payload_count, payload_cap;
	uint64_t payload_bytes;    /* of all of them */
	struct iovec *iov;         /* the whole record, after layout */
	size_t iov_count, iov_cap;
	uint64_t record_len;       /* after layout */
	bool takes_away;           /* it makes nothing: may have the last space there is */
	const uint8_t *damaged;    /* what is behind the header, in the place of ops; NULL: they are sound */
	uint32_t damaged_len, damaged_meta_len;
};

void srd_draft_init(struct srd_draft *draft);
void srd_draft_release(struct srd_draft *draft);
/* Empties it, keeping its memory. */
void srd_draft_start(struct srd_draft *draft, enum srd_record_type type);
/* Appends OP (DATA: payload of its run, or NULL).  *AT (may be NULL): where the
 * op lies, counted from the start of the record; *RUN_AT (may be NULL)
 * likewise for its run.  0, -ENOMEM or SRD_EFULL. */
int srd_draft_add(struct srd_draft *draft, const struct srd_op *op, const void *data,
                  uint64_t *at, uint64_t *run_at);
/* The record, just started, was damaged in another log, and is to be so again: LEN bytes (a
 * multiple of 64, not copied) behind its header, the first META_LEN of them its metadata, which
 * does not match. */
void srd_draft_set_damaged(struct srd_draft *draft, const uint8_t *bytes, uint32_t len, uint32_t meta_len);
/* Places the payload of a record at OFFSET.  0, -ENOMEM or SRD_EFULL. */
int srd_draft_layout(struct srd_draft *draft, uint64_t offset);
/* Completes RECORD (offset, prev, prev_check, sequence, time_ns, epoch, durable are the
 * caller's) and writes the header. */
void srd_draft_seal(struct srd_draft *draft, const struct srd_superblock *sb,
                    struct srd_record *record);
/* The metadata check of META_LEN bytes of ops at BYTES, which lie at OFFSET of
 * the log; false if they do not decode, or their payload overlaps. */
bool srd_meta_check(const uint8_t *bytes, uint64_t meta_len, uint64_t offset,
                    uint64_t record_end, uint64_t seed, uint64_t *check);

static inline bool srd_draft_is_empty(const struct srd_draft *draft)
{
	return draft->len == SRD_HEADER_LEN;
}

#endif
