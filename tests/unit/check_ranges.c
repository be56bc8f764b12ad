/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges are what was added, byte by byte: in order, apart, and found. */
#include "config.h"

#include "unit.h"

#include "base/check.h"
#include "format/ranges.h"

enum { BYTES = 300, ROUNDS = 2000 };

static uint64_t seed;

static void add_some(struct srd_ranges *ranges, bool there[BYTES])
{
	for (uint32_t n = unit_below(&seed, 30); n > 0; n--) {
		uint32_t offset = unit_below(&seed, BYTES - 1), len = 1 + unit_below(&seed, SRD_MIN(BYTES - offset, 20U));
		EXPECT(srd_ranges_add(ranges, offset, len) == 0);
		memset(there + offset, true, len);
	}
}

static void expect_same(const struct srd_ranges *ranges, const bool there[BYTES])
{
	bool covered[BYTES] = { false };

	for (size_t i = 0; i < ranges->count; i++) {
		const struct srd_range *range = &ranges->items[i];
		EXPECT(range->len > 0 && (i == 0 || range[-1].offset + range[-1].len < range->offset));
		memset(covered + range->offset, true, range->len);
	}
	EXPECT(memcmp(covered, there, BYTES) == 0);
}

START_TEST(follow_a_model)
{
	for (int round = 0; round < ROUNDS; round++) {
		struct srd_ranges ranges = { 0 };
		bool there[BYTES] = { false };
		/* What was joined is added to. */
		for (int more = 0; more < 3; more++) {
			add_some(&ranges, there);
			srd_ranges_join(&ranges);
			expect_same(&ranges, there);
		}
		for (uint32_t offset = 0; offset < BYTES; offset++) {
			uint32_t len = 1 + unit_below(&seed, BYTES - offset);
			EXPECT(srd_ranges_meet(&ranges, offset, len) == (memchr(there + offset, true, len) != NULL));
			size_t behind = srd_ranges_behind(&ranges, offset);
			EXPECT(behind == 0 || ranges.items[behind - 1].offset + ranges.items[behind - 1].len <= offset);
			EXPECT(behind == ranges.count ||
			       ranges.items[behind].offset + ranges.items[behind].len > offset);
		}
		srd_ranges_release(&ranges);
	}
}
END_TEST

START_TEST(of_an_op_come_behind_what_is_there)
{
	static const struct srd_range named[] = { { 64, 64 }, { 4096, 128 } };
	uint8_t bytes[2 * SRD_RANGE_LEN];
	struct srd_op op = { .kind = SRD_OP_TRIM, .ranges = bytes, .range_count = 2 };
	struct srd_ranges ranges = { 0 };

	for (size_t i = 0; i < 2; i++)
		srd_range_encode(&named[i], bytes + i * SRD_RANGE_LEN);
	ck_assert_int_eq(srd_ranges_add(&ranges, 1, 2), 0);
	ck_assert_int_eq(srd_ranges_add_op(&ranges, &op), 0);
	ck_assert_uint_eq(ranges.count, 3);
	ck_assert_int_eq(memcmp(ranges.items + 1, named, sizeof named), 0);
	srd_ranges_release(&ranges);
	ck_assert_uint_eq(ranges.count, 0);
}
END_TEST

START_TEST(of_nothing_meet_nothing)
{
	struct srd_ranges none = { 0 };

	srd_ranges_join(&none);
	ck_assert_uint_eq(srd_ranges_behind(&none, 0), 0);
	ck_assert(!srd_ranges_meet(&none, 0, UINT64_MAX));
	srd_ranges_release(&none);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ranges");
	TCase *tcase = tcase_create("ranges");

	seed = unit_seed();
	tcase_add_test(tcase, follow_a_model);
	tcase_add_test(tcase, of_an_op_come_behind_what_is_there);
	tcase_add_test(tcase, of_nothing_meet_nothing);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
