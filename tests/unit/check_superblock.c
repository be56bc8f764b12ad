/* SPDX-License-Identifier: Apache-2.0 */
/* check_superblock.c - the first 4096 bytes: what goes in comes out, nothing else does. */
#include "config.h"

#include "format/superblock.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "unit.h"

static uint64_t seed;

static struct srd_superblock random_superblock(uint64_t *random)
{
	struct srd_superblock sb = {
		.version = SRD_FORMAT_VERSION, .compat = unit_random(random), .ro_compat = unit_random(random),
		.generation = unit_random(random), .created_ns = (int64_t)unit_random(random),
		.epoch = (uint32_t)unit_random(random),
	};

	unit_random_bytes(random, sb.uuid, sizeof sb.uuid);
	unit_random_bytes(random, sb.salt, sizeof sb.salt);
	return sb;
}

START_TEST(what_is_written_is_read)
{
	uint64_t random = seed + (uint64_t)_i;
	struct srd_superblock sb = random_superblock(&random), read;
	uint8_t bytes[SRD_SUPERBLOCK_LEN];

	memset(bytes, 0xee, sizeof bytes);
	srd_superblock_encode(&sb, bytes);
	ck_assert_int_eq(srd_superblock_decode(&read, bytes, sizeof bytes), 0);
	ck_assert(read.version == sb.version && read.compat == sb.compat && read.ro_compat == sb.ro_compat);
	ck_assert(read.incompat == 0 && read.generation == sb.generation && read.segment_bytes == 0);
	ck_assert(read.created_ns == sb.created_ns && read.epoch == sb.epoch && read.check == sb.check);
	ck_assert_mem_eq(read.uuid, sb.uuid, sizeof sb.uuid);
	ck_assert_mem_eq(read.salt, sb.salt, sizeof sb.salt);
}
END_TEST

/* FORMAT's table, by hand. */
START_TEST(the_layout_is_that_of_the_document)
{
	struct srd_superblock sb = { .version = 1, .compat = 2, .ro_compat = 3, .generation = 5,
	                             .created_ns = 6, .epoch = 7, .uuid = { 8 }, .salt = { 9 } };
	uint8_t bytes[SRD_SUPERBLOCK_LEN];

	srd_superblock_encode(&sb, bytes);
	ck_assert_mem_eq(bytes, "\x89SRD\r\n\x1a\n", 8);
	ck_assert_uint_eq(srd_get32(bytes + 8), 1);
	ck_assert_uint_eq(srd_get32(bytes + 12), 4096);
	ck_assert_uint_eq(srd_get64(bytes + 16), 2);
	ck_assert_uint_eq(srd_get64(bytes + 24), 3);
	ck_assert_uint_eq(srd_get64(bytes + 32), 0);
	ck_assert_uint_eq(bytes[40], 8);
	ck_assert_uint_eq(srd_get64(bytes + 56), 5);
	ck_assert_uint_eq(bytes[64], 9);
	ck_assert_uint_eq(srd_get64(bytes + 80), 6);
	ck_assert_uint_eq(srd_get64(bytes + 88), 0);
	ck_assert_uint_eq(srd_get32(bytes + 96), 7);
	for (size_t i = 100; i < 4088; i++)
		ck_assert(bytes[i] == 0);
	ck_assert_uint_eq(srd_get64(bytes + 4088), srd_hash(bytes, 4088, 0));
}
END_TEST

START_TEST(every_flipped_bit_is_noticed)
{
	uint64_t random = seed;
	struct srd_superblock sb = random_superblock(&random), read;
	uint8_t bytes[SRD_SUPERBLOCK_LEN];
	int wrong = 0;

	srd_superblock_encode(&sb, bytes);
	for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		wrong += srd_superblock_decode(&read, bytes, sizeof bytes) !=
		         (bit < 64 ? SRD_ENOTSTORE : SRD_ECORRUPT);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ck_assert_int_eq(wrong, 0);
}
END_TEST

START_TEST(a_file_too_short_is_read_no_further)
{
	struct unit_fence fence = unit_fence_new(SRD_SUPERBLOCK_LEN);
	uint64_t random = seed;
	struct srd_superblock sb = random_superblock(&random), read;
	uint8_t bytes[SRD_SUPERBLOCK_LEN];

	srd_superblock_encode(&sb, bytes);
	for (size_t len = 0; len < sizeof bytes; len++) {
		uint8_t *at = unit_fence_tail(fence, len);
		memcpy(at, bytes, len);
		ck_assert_int_eq(srd_superblock_decode(&read, at, len), len < 8 ? SRD_ENOTSTORE : SRD_ECORRUPT);
	}
	unit_fence_free(fence);
}
END_TEST

START_TEST(what_is_not_understood_is_not_opened)
{
	struct srd_superblock sb = { .version = 2 }, read;
	uint8_t bytes[SRD_SUPERBLOCK_LEN];

	srd_superblock_encode(&sb, bytes);
	ck_assert_int_eq(srd_superblock_decode(&read, bytes, sizeof bytes), SRD_EVERSION);
	sb = (struct srd_superblock){ .version = 0 };
	srd_superblock_encode(&sb, bytes);
	ck_assert_int_eq(srd_superblock_decode(&read, bytes, sizeof bytes), SRD_EVERSION);
	sb = (struct srd_superblock){ .version = 1, .incompat = UINT64_C(1) << 63 };
	srd_superblock_encode(&sb, bytes);
	ck_assert_int_eq(srd_superblock_decode(&read, bytes, sizeof bytes), SRD_EVERSION);
	sb = (struct srd_superblock){ .version = 1, .segment_bytes = 1 << 20 };
	srd_superblock_encode(&sb, bytes);
	ck_assert_int_eq(srd_superblock_decode(&read, bytes, sizeof bytes), SRD_EVERSION);
}
END_TEST

START_TEST(zeros_and_noise_are_no_store)
{
	uint8_t bytes[SRD_SUPERBLOCK_LEN] = { 0 };
	struct srd_superblock read;
	uint64_t random = seed;

	ck_assert_int_eq(srd_superblock_decode(&read, bytes, sizeof bytes), SRD_ENOTSTORE);
	unit_random_bytes(&random, bytes, sizeof bytes);
	ck_assert_int_ne(srd_superblock_decode(&read, bytes, sizeof bytes), 0);
}
END_TEST

START_TEST(each_place_generation_and_salt_has_its_own_seed)
{
	uint64_t random = seed;
	struct srd_superblock a = random_superblock(&random), b = a;
	uint64_t first = srd_superblock_seed(&a, 4096);

	ck_assert_uint_eq(srd_superblock_seed(&b, 4096), first);
	ck_assert_uint_ne(srd_superblock_seed(&a, 4160), first);
	b.generation++;
	ck_assert_uint_ne(srd_superblock_seed(&b, 4096), first);
	b = a;
	b.salt[15] ^= 1;
	ck_assert_uint_ne(srd_superblock_seed(&b, 4096), first);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("superblock");
	TCase *tcase = tcase_create("superblock");

	seed = unit_seed();
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, what_is_written_is_read, 0, 20);
	tcase_add_test(tcase, the_layout_is_that_of_the_document);
	tcase_add_test(tcase, every_flipped_bit_is_noticed);
	tcase_add_test(tcase, a_file_too_short_is_read_no_further);
	tcase_add_test(tcase, what_is_not_understood_is_not_opened);
	tcase_add_test(tcase, zeros_and_noise_are_no_store);
	tcase_add_test(tcase, each_place_generation_and_salt_has_its_own_seed);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
