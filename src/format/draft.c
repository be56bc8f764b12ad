/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "format/draft.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"

/* Between payloads; the largest gap is one short of the largest alignment. */
static const uint8_t zeros[4096];

/* Payloads of this length on average are cheaper to copy than to gather. */
enum { JOIN_LEN = 2048 };

void srd_draft_init(struct srd_draft *draft)
{
	*draft = (struct srd_draft){ .len = SRD_HEADER_LEN };
}

void srd_draft_release(struct srd_draft *draft)
{
	free(draft->bytes);
	free(draft->payloads);
	free(draft->iov);
	srd_draft_init(draft);
}

void srd_draft_start(struct srd_draft *draft, enum srd_record_type type)
{
	draft->type = type;
	draft->takes_away = type == SRD_RECORD_SYNC || type == SRD_RECORD_PAD;
	draft->len = SRD_HEADER_LEN;
	draft->payload_count = 0;
	draft->payload_bytes = 0;
	draft->iov_count = 0;
	draft->damaged = NULL;
}

void srd_draft_set_damaged(struct srd_draft *draft, const uint8_t *bytes, uint32_t len, uint32_t meta_len)
{
	draft->damaged = bytes;
	draft->damaged_len = len;
	draft->damaged_meta_len = meta_len;
}

int srd_draft_add(struct srd_draft *draft, const struct srd_op *op, const void *data,
                  uint64_t *at, uint64_t *run_at)
{
	size_t len = srd_op_encoded_len(op);
	size_t run;
	int error;

	if (draft->len + len > SRD_META_LEN_MAX || (data && op->run.len > SRD_RUN_LEN_MAX))
		return SRD_EFULL;
	/* One spare cache line: the last record's padding is zeroed in place. */
	error = srd_array_reserve(&draft->bytes, &draft->cap, draft->len + len + SRD_RECORD_ALIGN, 1);
	if (!error)
		error = srd_array_reserve(&draft->payloads, &draft->payload_cap, draft->payload_count + 1,
		                sizeof *draft->payloads);
	if (error)
		return error;
	srd_op_encode(op, data, draft->bytes + draft->len, &run);
	if (at)
		*at = draft->len;
	if (run_at)
		*run_at = draft->len + run;
	if (data && !srd_run_is_inline(op->run.len)) {
		draft->payloads[draft->payload_count++] = (struct srd_draft_payload){
			.data = data, .len = op->run.len, .run_at = (uint32_t)(draft->len + run) };
		draft->payload_bytes += op->run.len;
	}
	draft->len += len;
	return 0;
}

static void add_iov(struct srd_draft *draft, const void *data, uint64_t len)
{
	if (len > 0)
		draft->iov[draft->iov_count++] = (struct iovec){ .iov_base = (void *)data, .iov_len = len };
}

/* Where PAYLOAD starts, counted from the record's start, if it follows AT. */
static uint64_t place_payload(struct srd_draft *draft, uint64_t offset, uint64_t at,
                              const struct srd_draft_payload *payload)
{
	uint64_t start = SRD_ALIGN_UP(offset + at, srd_payload_align(payload->len)) - offset;

	srd_put32(draft->bytes + payload->run_at + 4, (uint32_t)(start - payload->run_at));
	return start;
}

/* Payload joins the metadata in one buffer: one plain write. */
static int lay_out_joined(struct srd_draft *draft, uint64_t offset)
{
	uint64_t at = draft->len;

	for (size_t i = 0; i < draft->payload_count; i++) {
		const struct srd_draft_payload *payload = &draft->payloads[i];
		uint64_t start = place_payload(draft, offset, at, payload);
		int error = srd_array_reserve(&draft->bytes, &draft->cap, start + payload->len + SRD_RECORD_ALIGN, 1);
		if (error)
			return error;
		memset(draft->bytes + at, 0, start - at);
		memcpy(draft->bytes + start, payload->data, payload->len);
		at = start + payload->len;
	}
	draft->record_len = SRD_ALIGN_UP(at, SRD_RECORD_ALIGN);
	memset(draft->bytes + at, 0, draft->record_len - at);
	add_iov(draft, draft->bytes, draft->record_len);
	return 0;
}

/* Payload stays where it is: gathered by the write. */
static void lay_out_gathered(struct srd_draft *draft, uint64_t offset)
{
	uint64_t at = draft->len;

	add_iov(draft, draft->bytes, draft->len);
	for (size_t i = 0; i < draft->payload_count; i++) {
		const struct srd_draft_payload *payload = &draft->payloads[i];
		uint64_t start = place_payload(draft, offset, at, payload);
		add_iov(draft, zeros, start - at);
		add_iov(draft, payload->data, payload->len);
		at = start + payload->len;
	}
	draft->record_len = SRD_ALIGN_UP(at, SRD_RECORD_ALIGN);
	add_iov(draft, zeros, draft->record_len - at);
}

static void lay_out_damaged(struct srd_draft *draft)
{
	add_iov(draft, draft->bytes, SRD_HEADER_LEN);
	add_iov(draft, draft->damaged, draft->damaged_len);
	draft->record_len = SRD_HEADER_LEN + (uint64_t)draft->damaged_len;
}

int srd_draft_layout(struct srd_draft *draft, uint64_t offset)
{
	/* The room for padding is there already for a record without payload. */
	int error = srd_array_reserve(&draft->bytes, &draft->cap, draft->len + SRD_RECORD_ALIGN, 1);

	if (!error)
		error = srd_array_reserve(&draft->iov, &draft->iov_cap, 2 * draft->payload_count + 2,
		                sizeof *draft->iov);
	if (error)
		return error;
	draft->iov_count = 0;
	if (draft->damaged)
		lay_out_damaged(draft);
	else if (draft->payload_bytes <= draft->payload_count * JOIN_LEN)
		error = lay_out_joined(draft, offset);
	else
		lay_out_gathered(draft, offset);
	if (!error && draft->record_len > SRD_RECORD_LEN_MAX)
		error = SRD_EFULL;
	return error;
}

bool srd_meta_check(const uint8_t *bytes, uint64_t meta_len, uint64_t offset,
                    uint64_t record_end, uint64_t seed, uint64_t *check)
{
	uint64_t h = seed;
	uint64_t free_from = offset + meta_len;   /* behind the metadata and the payload so far */

	for (uint64_t at = 0; at < meta_len;) {
		struct srd_op op;
		if (!srd_op_decode(&op, bytes + at, meta_len - at, offset + at, record_end))
			return false;
		if (op.has_run && !srd_run_is_inline(op.run.len)) {
			if (op.run.offset + op.run.distance < free_from)
				return false;
			free_from = op.run.offset + op.run.distance + op.run.len;
		}
		h = srd_op_fold(&op, bytes + at, h);
		at += op.len;
	}
	*check = h;
	return true;
}

/* The fold over ops that we encoded ourselves: needs no decoding of names. */
static uint64_t fold_own(const struct srd_draft *draft, uint64_t h)
{
	const uint8_t *bytes = draft->bytes;

	for (size_t at = SRD_HEADER_LEN; at < draft->len;) {
		uint32_t len = srd_get32(bytes + at + 4);
		h = srd_hash(bytes + at, srd_op_covered(bytes + at), h);
		at += len;
	}
	return h;
}

/* One that does not fit, whatever the bytes are. */
static uint64_t misfit(const struct srd_draft *draft, uint64_t offset, uint64_t seed)
{
	uint64_t check = 0;

	srd_meta_check(draft->damaged, draft->damaged_meta_len, offset + SRD_HEADER_LEN, offset + draft->record_len, seed,
	               &check);
	return ~check;
}

void srd_draft_seal(struct srd_draft *draft, const struct srd_superblock *sb,
                    struct srd_record *record)
{
	uint64_t seed = srd_superblock_seed(sb, record->offset);

	record->type = draft->type;
	record->len = draft->record_len;
	record->meta_len = draft->damaged ? draft->damaged_meta_len : (uint32_t)(draft->len - SRD_HEADER_LEN);
	record->meta_check = draft->damaged ? misfit(draft, record->offset, seed) : fold_own(draft, seed);
	srd_record_encode(sb, record, draft->bytes);
}
