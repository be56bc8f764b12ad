/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables never move and give entries back zeroed; the hash finds what was put
 * in and nothing else, whatever came and went; vector and portable code agree.
 */
#include "config.h"

#include "base/addresses.h"
#include "base/error.h"
#include "state/group.h"
#include "state/numbers.h"
#include "state/table.h"
#include "unit.h"

static uint64_t seed;
static struct srd_addresses addresses;

enum { TABLE_BYTES = 1 << 30 };

static void take_addresses(void)
{
	ck_assert_int_eq(srd_addresses_take(&addresses, 4ul * TABLE_BYTES, 4ul * TABLE_BYTES, 1), 0);
}

static void give_addresses_back(void)
{
	srd_addresses_give_back(&addresses);
}

static void begin_table(struct srd_table *table, uint32_t entry_len, uint64_t len)
{
	srd_table_init(table, entry_len, &addresses, len);
	ck_assert_int_eq(srd_table_reserve(table, 1), 0);
}

static void begin_hashed(struct srd_hashed *hashed)
{
	srd_hashed_init(hashed, &addresses, TABLE_BYTES);
	ck_assert_int_eq(srd_hashed_begin(hashed), 0);
}

START_TEST(entries_stay_where_they_are)
{
	struct srd_table table;

	begin_table(&table, 24, TABLE_BYTES);
	uint64_t *first = srd_table_at(&table, srd_table_alloc(&table));
	first[1] = 17;
	for (uint32_t i = 2; i <= 1000000; i++)
		EXPECT(srd_table_alloc(&table) == i);
	ck_assert_ptr_eq(srd_table_at(&table, 1), first);
	EXPECT(first[1] == 17);
	EXPECT(table.live == 1000000);
	EXPECT(srd_table_memory_bytes(&table) <= 24 * 1000001);
}
END_TEST

START_TEST(entries_given_back_come_again_as_zeros)
{
	static const char zeros[40];
	struct srd_table table;
	uint32_t index[8];

	begin_table(&table, sizeof zeros, TABLE_BYTES);
	for (int i = 0; i < 8; i++) {
		index[i] = srd_table_alloc(&table);
		memset(srd_table_at(&table, index[i]), 0xff, sizeof zeros);
	}
	for (int i = 0; i < 8; i++)
		srd_table_free(&table, index[i]);
	ck_assert_uint_eq(table.live, 0);
	for (int i = 8; i-- > 0;) {
		ck_assert_uint_eq(srd_table_alloc(&table), index[i]);
		ck_assert_mem_eq(srd_table_at(&table, index[i]), zeros, sizeof zeros);
	}
}
END_TEST

START_TEST(a_used_up_reservation_is_an_error)
{
	struct srd_table table;
	uint32_t count = 0;

	begin_table(&table, 4096, 1 << 20);
	while (srd_table_alloc(&table) != 0)
		count++;
	ck_assert_uint_eq(count, table.reserved_bytes / 4096 - 1);
	ck_assert_int_eq(srd_table_error(&table), SRD_EFULL);
	ck_assert_int_eq(srd_table_reserve(&table, count + 2), SRD_EFULL);
	srd_table_free(&table, 5);
	ck_assert_uint_eq(srd_table_alloc(&table), 5);
}
END_TEST

START_TEST(vector_and_portable_tags_agree)
{
	uint64_t rng = seed;
	_Alignas(16) uint8_t tags[16];

	for (int round = 0; round < 200000; round++) {
		uint32_t equal = 0, taken = 0;
		/* Few values, so that they meet, and neighbours of them. */
		uint8_t tag = (uint8_t)(0x7e + unit_below(&rng, 5));
		for (int i = 0; i < 16; i++) {
			uint32_t kind = unit_below(&rng, 4);
			tags[i] = (uint8_t)(kind == 0 ? unit_below(&rng, 2) :
			                    kind == 1 ? unit_below(&rng, 256) :
			                    0x7e + unit_below(&rng, 5));
			equal |= (uint32_t)(tags[i] == tag) << i;
			taken |= (uint32_t)(tags[i] >= SRD_TAG_TAKEN) << i;
		}
		EXPECT(srd_group_match(tags, tag) == equal);
		EXPECT(srd_group_match_portable(tags, tag) == equal);
		EXPECT(srd_group_taken(tags) == taken);
		EXPECT(srd_group_taken_portable(tags) == taken);
	}
}
END_TEST

/* Entries of the model: index i has hashes[i] and is in the hash or not. */
enum { ENTRIES = 300000 };
static uint32_t hashes[ENTRIES + 1];
static bool present[ENTRIES + 1];

static uint32_t hash_of(const void *user, uint32_t index)
{
	return ((const uint32_t *)user)[index];
}

static uint32_t times_found(const struct srd_hashed *hashed, uint32_t hash, uint32_t index)
{
	struct srd_probe probe;
	uint32_t times = 0;

	srd_probe_start(&probe, hashed, hash);
	for (uint32_t found; (found = srd_probe_next(&probe)) != 0;)
		times += found == index;
	return times;
}

static uint32_t used_places(const struct srd_hashed *hashed)
{
	uint32_t used = 0;

	for (uint32_t i = 1; i < hashed->segments.count; i++)
		used += ((struct srd_segment *)srd_table_at(&hashed->segments, i))->used;
	return used;
}

START_TEST(the_hash_is_as_its_model)
{
	uint64_t rng = seed;
	struct srd_hashed hashed;
	uint32_t live = 0;

	memset(present, 0, sizeof present);
	for (uint32_t i = 1; i <= ENTRIES; i++)
		hashes[i] = srd_hash_fold(unit_random(&rng));
	begin_hashed(&hashed);
	for (uint32_t round = 0; round < 2000000; round++) {
		uint32_t i = 1 + unit_below(&rng, ENTRIES);
		/* Waves of growing and shrinking. */
		bool insert = unit_below(&rng, 100) < (round / 250000 % 2 ? 25u : 75u);
		if (present[i] == insert) {
			EXPECT(times_found(&hashed, hashes[i], i) == insert);
			continue;
		}
		if (insert)
			EXPECT(srd_hashed_insert(&hashed, hashes[i], i, hash_of, hashes) == 0);
		else
			srd_hashed_remove(&hashed, hashes[i], i);
		present[i] = insert;
		live += insert ? 1 : UINT32_MAX;
	}
	for (uint32_t i = 1; i <= ENTRIES; i++)
		EXPECT(times_found(&hashed, hashes[i], i) == present[i]);
	EXPECT(used_places(&hashed) == live);
}
END_TEST

START_TEST(coming_and_going_needs_no_growth)
{
	uint64_t rng = seed;
	struct srd_hashed hashed;

	begin_hashed(&hashed);
	for (uint32_t i = 1; i <= 700 + 1000000; i++) {
		uint32_t slot = 1 + i % 700;
		if (i > 700)
			srd_hashed_remove(&hashed, hashes[slot], slot);
		hashes[slot] = srd_hash_fold(unit_random(&rng));
		EXPECT(srd_hashed_insert(&hashed, hashes[slot], slot, hash_of, hashes) == 0);
	}
	EXPECT(hashed.segments.live == 1);
}
END_TEST

START_TEST(one_hash_for_all_is_an_error_at_last)
{
	struct srd_hashed hashed;
	uint32_t count = 0;
	int error;

	for (uint32_t i = 0; i < 3000; i++)
		hashes[i] = 0xfeedbeef;
	begin_hashed(&hashed);
	while (!(error = srd_hashed_insert(&hashed, 0xfeedbeef, count + 1, hash_of, hashes)))
		count++;
	EXPECT(error == SRD_EFULL);
	EXPECT(count == SRD_SEGMENT_LEN);
	/* Nor does it take much memory on the way. */
	EXPECT(hashed.depth < 12 && hashed.segments.live < 16);
	for (uint32_t i = 1; i <= count; i++)
		EXPECT(times_found(&hashed, 0xfeedbeef, i) == 1);
	srd_hashed_remove(&hashed, 0xfeedbeef, 7);
	EXPECT(times_found(&hashed, 0xfeedbeef, 7) == 0);
	EXPECT(srd_hashed_insert(&hashed, 0xfeedbeef, 7, hash_of, hashes) == 0);
}
END_TEST

START_TEST(memory_grows_evenly)
{
	uint64_t rng = seed;
	struct srd_hashed hashed;
	double most = 0;

	begin_hashed(&hashed);
	for (uint32_t i = 1; i <= ENTRIES; i++) {
		hashes[i] = srd_hash_fold(unit_random(&rng));
		EXPECT(srd_hashed_insert(&hashed, hashes[i], i, hash_of, hashes) == 0);
		double bytes = (double)srd_table_memory_bytes(&hashed.segments) / i;
		if (i > 50000 && bytes > most)
			most = bytes;
	}
	printf("bytes per hash entry: at most %.2f\n", most);
	ck_assert_double_lt(most, 8.8);
}
END_TEST

/* A leaf that was given back begins with the index of the one before, as if that were its number. */
START_TEST(a_leaf_given_back_stands_for_no_number)
{
	struct srd_numbers numbers = { 0 };

	srd_numbers_init(&numbers, seed, &addresses, TABLE_BYTES);
	EXPECT(srd_numbers_begin(&numbers) == 0);
	EXPECT(srd_numbers_set(&numbers, 2 * SRD_LEAF_LEN, 99) == 0);
	EXPECT(srd_numbers_set(&numbers, 50 * SRD_LEAF_LEN, 1) == 0);
	EXPECT(srd_numbers_set(&numbers, 60 * SRD_LEAF_LEN, 2) == 0);
	srd_numbers_clear(&numbers, 50 * SRD_LEAF_LEN);
	srd_numbers_clear(&numbers, 60 * SRD_LEAF_LEN);
	EXPECT(srd_numbers_find(&numbers, 2 * SRD_LEAF_LEN) == 99);
	EXPECT(srd_numbers_find(&numbers, 60 * SRD_LEAF_LEN) == 0);
	EXPECT(srd_numbers_find(&numbers, 1) == 0);
	EXPECT(srd_numbers_set(&numbers, 1, 5) == 0);
	EXPECT(srd_numbers_find(&numbers, 1) == 5);
	srd_numbers_clear(&numbers, 1);
	EXPECT(srd_numbers_find(&numbers, 1) == 0);
}
END_TEST

int main(void)
{
	seed = unit_seed();
	Suite *suite = suite_create("table");
	TCase *tables = tcase_create("tables"), *hash = tcase_create("hash");

	tcase_add_checked_fixture(tables, take_addresses, give_addresses_back);
	tcase_add_checked_fixture(hash, take_addresses, give_addresses_back);
	tcase_set_timeout(tables, 120);
	tcase_add_test(tables, entries_stay_where_they_are);
	tcase_add_test(tables, entries_given_back_come_again_as_zeros);
	tcase_add_test(tables, a_used_up_reservation_is_an_error);
	suite_add_tcase(suite, tables);
	tcase_set_timeout(hash, 300);
	tcase_add_test(hash, vector_and_portable_tags_agree);
	tcase_add_test(hash, the_hash_is_as_its_model);
	tcase_add_test(hash, coming_and_going_needs_no_growth);
	tcase_add_test(hash, one_hash_for_all_is_an_error_at_last);
	tcase_add_test(hash, memory_grows_evenly);
	tcase_add_test(hash, a_leaf_given_back_stands_for_no_number);
	suite_add_tcase(suite, hash);
	return unit_run(suite);
}
