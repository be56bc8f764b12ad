/* SPDX-License-Identifier: Apache-2.0 */
/* check_record.c - headers: what goes in comes out, in its own place alone. */
#include "config.h"

#include "format/record.h"

#include "base/check.h"
#include "base/le.h"
#include "unit.h"

static uint64_t seed;

static struct srd_superblock random_superblock(uint64_t *random)
{
	struct srd_superblock sb = { .version = SRD_FORMAT_VERSION, .generation = unit_random(random) % 100 };

	unit_random_bytes(random, sb.salt, sizeof sb.salt);
	return sb;
}

/* A sound header somewhere in a file of up to 2^40 bytes. */
static struct srd_record random_record(uint64_t *random)
{
	uint64_t units = unit_random(random) % (UINT64_C(1) << (1 + unit_random(random) % 34));
	struct srd_record record = {
		.type = SRD_RECORD_META + unit_random(random) % 5,
		.flags = (uint8_t)(unit_random(random) % 2),
		.offset = SRD_FIRST_RECORD + units * SRD_RECORD_ALIGN,
		.sequence = unit_random(random),
		.time_ns = (int64_t)unit_random(random),
		.epoch = (uint32_t)unit_random(random),
		.prev_check = unit_random(random),
		.meta_check = unit_random(random),
	};

	if (record.type != SRD_RECORD_META)
		record.flags = 0;
	record.len = SRD_RECORD_ALIGN * (1 + unit_random(random) % (SRD_RECORD_LEN_MAX / SRD_RECORD_ALIGN));
	if (record.type == SRD_RECORD_META || record.type == SRD_RECORD_DATA)
		record.meta_len = (uint32_t)(unit_random(random) % (SRD_MIN(record.len - 64, SRD_META_LEN_MAX) + 1) / 8 * 8);
	if (units > 0) {
		uint64_t back = 1 + unit_random(random) % SRD_MIN(units, UINT64_C(1) << 26);
		record.prev = record.offset - back * SRD_RECORD_ALIGN;
	}
	if (unit_random(random) % 2)
		record.durable = record.offset - unit_random(random) % SRD_MIN(units + 1, UINT32_MAX) * SRD_RECORD_ALIGN;
	return record;
}

static bool same_record(const struct srd_record *a, const struct srd_record *b)
{
	return a->type == b->type && a->flags == b->flags && a->offset == b->offset && a->len == b->len &&
	       a->meta_len == b->meta_len && a->prev == b->prev && a->sequence == b->sequence &&
	       a->time_ns == b->time_ns && a->durable == b->durable && a->epoch == b->epoch &&
	       a->prev_check == b->prev_check && a->meta_check == b->meta_check && a->check == b->check;
}

START_TEST(what_is_written_is_read)
{
	uint64_t random = seed;

	for (int i = 0; i < 10000; i++) {
		struct srd_superblock sb = random_superblock(&random);
		struct srd_record record = random_record(&random), read;
		uint8_t bytes[SRD_HEADER_LEN];
		memset(bytes, 0xee, sizeof bytes);
		srd_record_encode(&sb, &record, bytes);
		if (!srd_record_decode(&sb, &read, bytes, record.offset) || !same_record(&record, &read))
			ck_abort_msg("round %d", i);
	}
}
END_TEST

START_TEST(the_layout_is_that_of_the_document)
{
	struct srd_superblock sb = { .version = 1 };
	struct srd_record record = { .type = SRD_RECORD_DATA, .offset = 8192, .len = 640, .meta_len = 48,
	                             .prev = 8000, .sequence = 3, .time_ns = -4, .durable = 4096 + 64,
	                             .epoch = 5, .prev_check = 6, .meta_check = 7 };
	uint8_t bytes[SRD_HEADER_LEN];

	srd_record_encode(&sb, &record, bytes);
	ck_assert_mem_eq(bytes, "\x53\xd2\x02\x00", 4);
	ck_assert_uint_eq(srd_get32(bytes + 4), 10);
	ck_assert_uint_eq(srd_get32(bytes + 8), 48);
	ck_assert_uint_eq(srd_get32(bytes + 12), 3);
	ck_assert_uint_eq(srd_get64(bytes + 16), 3);
	ck_assert_int_eq((int64_t)srd_get64(bytes + 24), -4);
	ck_assert_uint_eq(srd_get32(bytes + 32), (8192 - 4160) / 64);
	ck_assert_uint_eq(srd_get32(bytes + 36), 5);
	ck_assert_uint_eq(srd_get64(bytes + 40), 6);
	ck_assert_uint_eq(srd_get64(bytes + 48), 7);
	record.durable = 0;
	srd_record_encode(&sb, &record, bytes);
	ck_assert_uint_eq(srd_get32(bytes + 32), UINT32_MAX);
}
END_TEST

START_TEST(every_flipped_bit_is_noticed)
{
	uint64_t random = seed + (uint64_t)_i;
	struct srd_superblock sb = random_superblock(&random);
	struct srd_record record = random_record(&random), read;
	uint8_t bytes[SRD_HEADER_LEN];
	int accepted = 0;

	srd_record_encode(&sb, &record, bytes);
	for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		accepted += srd_record_decode(&sb, &read, bytes, record.offset);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ck_assert_int_eq(accepted, 0);
}
END_TEST

/* Leftovers, copies and stores inside of stores: the right bytes in the wrong place. */
START_TEST(a_header_is_valid_in_its_own_place_and_store_only)
{
	uint64_t random = seed + (uint64_t)_i;
	struct srd_superblock sb = random_superblock(&random), other = sb;
	struct srd_record record = random_record(&random), read;
	uint8_t bytes[SRD_HEADER_LEN];

	srd_record_encode(&sb, &record, bytes);
	ck_assert(srd_record_decode(&sb, &read, bytes, record.offset));
	ck_assert(!srd_record_decode(&sb, &read, bytes, record.offset + 64));
	ck_assert(!srd_record_decode(&sb, &read, bytes, record.offset + 8));
	ck_assert(!srd_record_decode(&sb, &read, bytes, record.offset - 64));
	other.generation++;
	ck_assert(!srd_record_decode(&other, &read, bytes, record.offset));
	other = sb;
	other.salt[0] ^= 1;
	ck_assert(!srd_record_decode(&other, &read, bytes, record.offset));
}
END_TEST

START_TEST(zeros_and_noise_are_no_header)
{
	uint64_t random = seed;
	struct srd_superblock sb = random_superblock(&random);
	uint8_t bytes[SRD_HEADER_LEN] = { 0 };
	struct srd_record read;

	for (uint64_t offset = 0; offset < 1 << 20; offset += 64)
		if (srd_record_decode(&sb, &read, bytes, offset))
			ck_abort_msg("zeros at %" PRIu64, offset);
	for (int i = 0; i < 100000; i++) {
		unit_random_bytes(&random, bytes, sizeof bytes);
		srd_put16(bytes, 0xd253);
		if (srd_record_decode(&sb, &read, bytes, SRD_FIRST_RECORD))
			ck_abort_msg("noise");
	}
}
END_TEST

/* Headers whose check is right and whose content is not. */
START_TEST(numbers_that_cannot_be_are_refused)
{
	struct srd_superblock sb = { .version = 1 };
	const struct srd_record sound = { .type = SRD_RECORD_META, .offset = 4096 + 640, .len = 128,
	                                  .meta_len = 64, .prev = 4096, .durable = 4096 };
	struct srd_record bad[16], read;
	uint8_t bytes[SRD_HEADER_LEN];

	struct srd_record own = sound;
	srd_record_encode(&sb, &own, bytes);
	ck_assert(srd_record_decode(&sb, &read, bytes, sound.offset));
	for (size_t i = 0; i < SRD_LEN(bad); i++)
		bad[i] = sound;
	bad[0].type = 0;
	bad[1].type = 6;
	bad[2].type = 255;
	bad[3].len = 0;
	bad[4].len = 64;                            /* metadata goes beyond */
	bad[5].meta_len = 72;                       /* likewise */
	bad[6].meta_len = 60;
	bad[7].meta_len = UINT32_MAX - 7;
	bad[8].len = SRD_RECORD_LEN_MAX + 64;
	bad[9].prev = 4096 - 64;
	bad[10].durable = 4096 - 64;
	bad[11].type = SRD_RECORD_SYNC;             /* has no ops */
	bad[12].type = SRD_RECORD_PAD;
	bad[13].type = SRD_RECORD_SEALED;
	bad[14].flags = 2;
	bad[15].type = SRD_RECORD_DATA;
	bad[15].flags = SRD_RECORD_BASE;
	for (size_t i = 0; i < SRD_LEN(bad); i++) {
		srd_record_encode(&sb, &bad[i], bytes);
		ck_assert_msg(!srd_record_decode(&sb, &read, bytes, sound.offset), "case %zu", i);
	}
}
END_TEST

START_TEST(a_mark_too_far_back_to_tell_is_left_out)
{
	struct srd_superblock sb = { .version = 1 };
	struct srd_record record = { .type = SRD_RECORD_SYNC, .len = 64, .offset = UINT64_C(1) << 40 };
	struct srd_record read;
	uint8_t bytes[SRD_HEADER_LEN];
	uint64_t reach = (uint64_t)UINT32_MAX * 64;

	record.prev = record.offset - 64;
	record.durable = record.offset - reach + 64;
	srd_record_encode(&sb, &record, bytes);
	ck_assert(srd_record_decode(&sb, &read, bytes, record.offset));
	ck_assert_uint_eq(read.durable, record.durable);
	record.durable -= 64;
	srd_record_encode(&sb, &record, bytes);
	ck_assert(srd_record_decode(&sb, &read, bytes, record.offset));
	ck_assert_uint_eq(read.durable, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("record");
	TCase *tcase = tcase_create("record");

	seed = unit_seed();
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, what_is_written_is_read);
	tcase_add_test(tcase, the_layout_is_that_of_the_document);
	tcase_add_loop_test(tcase, every_flipped_bit_is_noticed, 0, 20);
	tcase_add_loop_test(tcase, a_header_is_valid_in_its_own_place_and_store_only, 0, 20);
	tcase_add_test(tcase, zeros_and_noise_are_no_header);
	tcase_add_test(tcase, numbers_that_cannot_be_are_refused);
	tcase_add_test(tcase, a_mark_too_far_back_to_tell_is_left_out);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
