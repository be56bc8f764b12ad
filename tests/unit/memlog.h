/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memlog.h - a log in a growing piece of memory, for tests of the state: ops go
 * through the same encoding, records and decoding as in a file.
 */
#ifndef SRD_TESTS_MEMLOG_H
#define SRD_TESTS_MEMLOG_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "format/draft.h"
#include "state/state.h"

struct memlog {
	struct srd_superblock sb;
	struct srd_draft draft;
	uint8_t *bytes;
	uint64_t len, cap;
	uint64_t last;             /* offset of the last record */
	uint64_t sequence;
};

static inline const uint8_t *memlog_at(const void *user, uint64_t offset, uint64_t len)
{
	const struct memlog *log = user;

	return srd_within(offset, len, log->len) ? log->bytes + offset : NULL;
}

static inline struct srd_source memlog_source(const struct memlog *log)
{
	return (struct srd_source){ .at = memlog_at, .user = log };
}

static inline void memlog_init(struct memlog *log)
{
	*log = (struct memlog){ .sb = { .version = 1, .created_ns = 1000 }, .len = SRD_FIRST_RECORD };
	memcpy(log->sb.salt, "sixteen of salt!", sizeof log->sb.salt);
	log->cap = 1 << 20;
	log->bytes = malloc(log->cap);
	srd_draft_init(&log->draft);
	srd_draft_start(&log->draft, SRD_RECORD_META);
}

static inline void memlog_release(struct memlog *log)
{
	srd_draft_release(&log->draft);
	free(log->bytes);
}

/* Adds OP to the next record; its payload is PAYLOAD, of op->run.len bytes. */
static inline void memlog_add(struct memlog *log, const struct srd_op *op, const void *payload)
{
	if (srd_draft_add(&log->draft, op, payload, NULL, NULL) != 0)
		ck_abort_msg("out of memory");
}

/* Writes the record; the wall clock shows ten times its sequence. */
static inline void memlog_commit(struct memlog *log)
{
	struct srd_record record = { .offset = log->len, .prev = log->last,
	                             .sequence = ++log->sequence };

	record.time_ns = (int64_t)record.sequence * 10;
	if (srd_draft_layout(&log->draft, log->len) != 0)
		ck_abort_msg("out of memory");
	srd_draft_seal(&log->draft, &log->sb, &record);
	while (log->len + record.len > log->cap)
		log->bytes = realloc(log->bytes, log->cap *= 2);
	for (size_t i = 0; i < log->draft.iov_count; i++) {
		const struct iovec *iov = &log->draft.iov[i];
		memcpy(log->bytes + log->len, iov->iov_base, iov->iov_len);
		log->len += iov->iov_len;
	}
	log->last = record.offset;
	srd_draft_start(&log->draft, SRD_RECORD_META);
}

/* Applies the records from OFFSET on. */
static inline int memlog_replay(const struct memlog *log, uint64_t offset, struct srd_state *state)
{
	int error = 0;

	while (!error && offset < log->len) {
		struct srd_record record;
		if (!srd_record_decode(&log->sb, &record, log->bytes + offset, offset))
			ck_abort_msg("no record at %lu", (unsigned long)offset);
		error = srd_state_apply(state, &record, log->bytes + offset + SRD_HEADER_LEN);
		offset += record.len;
	}
	return error;
}

#endif
