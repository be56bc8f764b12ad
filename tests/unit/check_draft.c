/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_draft.c - whole records: what a draft lays out is what FORMAT says, and
 * no bit of its metadata can change unnoticed.
 */
#include "config.h"

#include "format/draft.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "random_op.h"

enum { DATA_LEN = 1 << 18, OPS_MAX = 40 };

static uint64_t seed;
static uint8_t data[DATA_LEN];
static const struct srd_superblock sb = { .version = 1, .generation = 3, .salt = { 1, 2, 3 } };

/* A record as bytes, which lie in memory as they would in the log. */
struct flat {
	uint8_t *bytes;
	struct srd_record record;
};

static struct flat flatten(struct srd_draft *draft, uint64_t offset)
{
	struct flat flat = { .record = { .offset = offset, .prev = 4096, .sequence = 9, .durable = 4096 } };
	uint64_t at = 0;

	ck_assert_int_eq(srd_draft_layout(draft, offset), 0);
	srd_draft_seal(draft, &sb, &flat.record);
	ck_assert(draft->record_len % 64 == 0 && flat.record.len == draft->record_len);
	flat.bytes = aligned_alloc(64, draft->record_len);
	ck_assert(flat.bytes != NULL);
	for (size_t i = 0; i < draft->iov_count; at += draft->iov[i++].iov_len) {
		ck_assert(draft->iov[i].iov_len > 0 && at + draft->iov[i].iov_len <= draft->record_len);
		memcpy(flat.bytes + at, draft->iov[i].iov_base, draft->iov[i].iov_len);
	}
	ck_assert_uint_eq(at, draft->record_len);
	return flat;
}

/* True if the metadata, as a reader takes it, matches the header. */
static bool metadata_holds(const struct flat *flat)
{
	const struct srd_record *record = &flat->record;
	uint64_t check;

	return srd_meta_check(flat->bytes + SRD_HEADER_LEN, record->meta_len, record->offset + SRD_HEADER_LEN,
	                      record->offset + record->len, srd_superblock_seed(&sb, record->offset), &check) &&
	       check == record->meta_check;
}

/* Adds COUNT random ops; KIND 0: of any kind. */
static void add_random(uint64_t *random, struct srd_draft *draft, struct random_op *ops, int count,
                       uint64_t offset, enum srd_op_kind kind, uint32_t len_max)
{
	for (int i = 0; i < count; i++) {
		uint64_t at, run_at, len = draft->len;
		random_op(random, kind ? kind : SRD_OP_MAKE + unit_random(random) % 10, offset,
		          data + unit_random(random) % 1000, len_max, &ops[i]);
		ck_assert_int_eq(srd_draft_add(draft, &ops[i].op, ops[i].data, &at, &run_at), 0);
		ck_assert_uint_eq(at, len);
		ck_assert(run_at <= draft->len && run_at % 8 == 0);
		ck_assert_uint_eq(draft->len - len, srd_op_encoded_len(&ops[i].op));
	}
}

/* Ops and payload of FLAT are those of OPS; between them there are zeros. */
static void check_flat(const struct flat *flat, const struct random_op *ops, int count)
{
	uint64_t at = SRD_HEADER_LEN, offset = flat->record.offset;
	uint64_t meta_end = SRD_HEADER_LEN + flat->record.meta_len, payload_end = meta_end;

	for (int i = 0; i < count; i++) {
		struct srd_op read;
		ck_assert(srd_op_decode(&read, flat->bytes + at, meta_end - at, offset + at, offset + flat->record.len));
		ck_assert(same_op(&ops[i].op, &read));
		at += read.len;
		if (!read.has_run)
			continue;
		uint64_t payload = read.run.offset + read.run.distance - offset;
		ck_assert(memcmp(flat->bytes + payload, ops[i].data, read.run.len) == 0);
		if (srd_run_is_inline(read.run.len))
			continue;
		ck_assert_uint_eq(payload, SRD_ALIGN_UP(offset + payload_end, srd_payload_align(read.run.len)) - offset);
		for (uint64_t gap = payload_end; gap < payload; gap++)
			ck_assert(flat->bytes[gap] == 0);
		payload_end = payload + read.run.len;
	}
	ck_assert_uint_eq(at, meta_end);
	for (uint64_t gap = payload_end; gap < flat->record.len; gap++)
		ck_assert(flat->bytes[gap] == 0);
	ck_assert_uint_eq(flat->record.len, SRD_ALIGN_UP(payload_end, 64));
}

START_TEST(a_record_comes_back_as_it_went_in)
{
	static struct random_op ops[OPS_MAX];
	uint64_t random = seed + (uint64_t)_i;
	struct srd_draft draft;

	srd_draft_init(&draft);
	for (int round = 0; round < 20; round++) {
		uint64_t offset = (1 << 20) + unit_random(&random) % 100000 * 64;
		enum srd_op_kind kind = round % 4 == 0 ? SRD_OP_RUN : 0;
		struct srd_record read;
		int count = 1 + (int)(unit_random(&random) % OPS_MAX);
		srd_draft_start(&draft, kind ? SRD_RECORD_DATA : SRD_RECORD_META);
		ck_assert(srd_draft_is_empty(&draft));
		add_random(&random, &draft, ops, count, offset, kind, DATA_LEN / 2);
		/* Elsewhere first: the end of the log may have moved meanwhile. */
		if (round % 3 == 0)
			ck_assert_int_eq(srd_draft_layout(&draft, offset + 64 * 33), 0);
		struct flat flat = flatten(&draft, offset);
		ck_assert(srd_record_decode(&sb, &read, flat.bytes, offset));
		ck_assert(read.type == draft.type && read.len == flat.record.len && read.sequence == 9);
		ck_assert(read.meta_check == flat.record.meta_check);
		ck_assert(metadata_holds(&flat));
		check_flat(&flat, ops, count);
		free(flat.bytes);
	}
	srd_draft_release(&draft);
}
END_TEST

START_TEST(a_record_without_ops_is_its_header)
{
	struct srd_draft draft;
	struct srd_record read;

	srd_draft_init(&draft);
	srd_draft_start(&draft, SRD_RECORD_SYNC);
	struct flat flat = flatten(&draft, 1 << 20);
	ck_assert_uint_eq(flat.record.len, 64);
	ck_assert(srd_record_decode(&sb, &read, flat.bytes, 1 << 20) && read.meta_len == 0);
	ck_assert(metadata_holds(&flat));
	free(flat.bytes);
	srd_draft_release(&draft);
}
END_TEST

/* Marks in COVERED the bytes of the metadata that the check must cover. */
static void find_covered(const struct flat *flat, bool *covered)
{
	uint64_t meta_end = SRD_HEADER_LEN + flat->record.meta_len;
	struct srd_op op;

	for (uint64_t at = SRD_HEADER_LEN; at < meta_end; at += op.len) {
		ck_assert(srd_op_decode(&op, flat->bytes + at, meta_end - at, flat->record.offset + at,
		                        flat->record.offset + flat->record.len));
		for (uint32_t i = 0; i < op.len; i++)
			covered[at + i] = i < op.covered;
	}
}

START_TEST(every_flipped_bit_of_metadata_is_noticed)
{
	static struct random_op ops[8];
	uint64_t random = seed + (uint64_t)_i;
	struct srd_draft draft;
	int wrong = 0;

	srd_draft_init(&draft);
	srd_draft_start(&draft, SRD_RECORD_META);
	add_random(&random, &draft, ops, 8, 1 << 20, 0, 5000);
	struct flat flat = flatten(&draft, 1 << 20);
	bool *covered = calloc(flat.record.len, 1);
	find_covered(&flat, covered);
	for (uint64_t bit = 8 * SRD_HEADER_LEN; bit < 8 * flat.record.len; bit++) {
		flat.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		wrong += metadata_holds(&flat) == covered[bit / 8];
		flat.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ck_assert_int_eq(wrong, 0);
	free(covered);
	free(flat.bytes);
	srd_draft_release(&draft);
}
END_TEST

START_TEST(metadata_holds_in_its_own_place_and_order_only)
{
	struct srd_op first = { .kind = SRD_OP_FREE, .ino = 1 }, second = { .kind = SRD_OP_FREE, .ino = 2 };
	struct srd_draft draft;

	srd_draft_init(&draft);
	srd_draft_start(&draft, SRD_RECORD_META);
	ck_assert_int_eq(srd_draft_add(&draft, &first, NULL, NULL, NULL), 0);
	ck_assert_int_eq(srd_draft_add(&draft, &second, NULL, NULL, NULL), 0);
	struct flat flat = flatten(&draft, 1 << 20);
	ck_assert(metadata_holds(&flat));
	flat.record.offset += 64;
	ck_assert(!metadata_holds(&flat));
	flat.record.offset -= 64;
	srd_put64(flat.bytes + SRD_HEADER_LEN + 8, 2);
	srd_put64(flat.bytes + SRD_HEADER_LEN + 24 + 8, 1);
	ck_assert(!metadata_holds(&flat));
	free(flat.bytes);
	srd_draft_release(&draft);
}
END_TEST

/* Where the distance of the run of the first of two equal WRITEs lies. */
static uint64_t add_two_writes(struct srd_draft *draft, uint64_t run_at[2])
{
	struct srd_op op = { .kind = SRD_OP_WRITE, .ino = 1, .run.len = 64 };

	srd_draft_start(draft, SRD_RECORD_META);
	ck_assert_int_eq(srd_draft_add(draft, &op, data, NULL, &run_at[0]), 0);
	ck_assert_int_eq(srd_draft_add(draft, &op, data + 64, NULL, &run_at[1]), 0);
	return run_at[1] - run_at[0];
}

START_TEST(payload_that_overlaps_is_refused)
{
	struct srd_draft draft;
	uint64_t run_at[2], check;

	srd_draft_init(&draft);
	uint64_t apart = add_two_writes(&draft, run_at);
	struct flat flat = flatten(&draft, 1 << 20);
	uint64_t end = flat.record.offset + flat.record.len, start = flat.record.offset + SRD_HEADER_LEN;
	uint32_t distance = srd_get32(flat.bytes + run_at[0] + 4);
	ck_assert(srd_meta_check(flat.bytes + 64, flat.record.meta_len, start, end, 1, &check));
	/* The second run's payload is the first one's. */
	srd_put32(flat.bytes + run_at[1] + 4, (uint32_t)(distance - apart));
	ck_assert(!srd_meta_check(flat.bytes + 64, flat.record.meta_len, start, end, 1, &check));
	/* The first run's payload is the second one's, whose is the first one's. */
	srd_put32(flat.bytes + run_at[0] + 4, distance + 64);
	ck_assert(!srd_meta_check(flat.bytes + 64, flat.record.meta_len, start, end, 1, &check));
	/* The first run's payload lies in the metadata. */
	srd_put32(flat.bytes + run_at[0] + 4, distance - 64);
	ck_assert(!srd_meta_check(flat.bytes + 64, flat.record.meta_len, start, end, 1, &check));
	free(flat.bytes);
	srd_draft_release(&draft);
}
END_TEST

START_TEST(what_is_too_large_is_refused)
{
	struct srd_op op = { .kind = SRD_OP_RUN, .run.len = SRD_RUN_LEN_MAX + 1 };
	uint8_t *zeros = calloc(1, SRD_RUN_LEN_MAX + 1);
	struct srd_draft draft;

	srd_draft_init(&draft);
	srd_draft_start(&draft, SRD_RECORD_DATA);
	ck_assert_int_eq(srd_draft_add(&draft, &op, zeros, NULL, NULL), SRD_EFULL);
	ck_assert(srd_draft_is_empty(&draft));
	op.run.len = SRD_RUN_LEN_MAX;
	for (int i = 0; i < 128; i++) {
		ck_assert_int_eq(srd_draft_add(&draft, &op, zeros, NULL, NULL), 0);
		/* 127 times 16 MiB and their metadata still fit into 2 GiB. */
		ck_assert_int_eq(srd_draft_layout(&draft, 1 << 20), i < 127 ? 0 : SRD_EFULL);
	}
	free(zeros);
	srd_draft_release(&draft);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("draft");
	TCase *tcase = tcase_create("draft");
	uint64_t random = seed = unit_seed();

	unit_random_bytes(&random, data, sizeof data);
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, a_record_comes_back_as_it_went_in, 0, 10);
	tcase_add_test(tcase, a_record_without_ops_is_its_header);
	tcase_add_loop_test(tcase, every_flipped_bit_of_metadata_is_noticed, 0, 5);
	tcase_add_test(tcase, metadata_holds_in_its_own_place_and_order_only);
	tcase_add_test(tcase, payload_that_overlaps_is_refused);
	tcase_add_test(tcase, what_is_too_large_is_refused);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
