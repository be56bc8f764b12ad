/* SPDX-License-Identifier: Apache-2.0 */
/* check_trim.c - what may still be used stays; what is dead goes, to the block, and is told from
 * damage, be it said in ever so many ops. */
#include "config.h"

#include <fcntl.h>
#include <pthread.h>

#include "base/check.h"
#include "fixture.h"
#include "kv/dead.h"
#include "kv/kv.h"

enum { BLOCK = SRD_DEAD_BLOCK };

static bool has_holes;

/* Of the store that was made for the test, which nobody else has open then. */
static struct srd_log *open_log(int flags)
{
	struct srd_log *log;

	close_store();
	ck_assert_int_eq(srd_log_open(path, flags, &srd_io_posix, &log), 0);
	return log;
}

static uint64_t trim_now(void)
{
	struct srd_trim_result result;

	ck_assert_int_eq(srd_trim(store, NULL, 0, NULL, NULL, &result), 0);
	ck_assert(!result.used);
	return result.bytes;
}

/* ---- use.c ---- */

START_TEST(the_first_use_of_all_counts)
{
	enum { END = 64000 };
	struct srd_log *one = open_log(0), *two = open_log(SRD_LOG_RDONLY), *three;

	/* Who opens may use everything. */
	ck_assert_uint_eq(srd_log_first_use(one, END), 0);
	ck_assert_int_eq(srd_log_use_since(one, END), 0);
	ck_assert_uint_eq(srd_log_first_use(one, END), 0);
	ck_assert_int_eq(srd_log_use_deny(one, 64), -EBUSY);
	ck_assert_int_eq(srd_log_use_since(two, 32000), 0);
	ck_assert_uint_eq(srd_log_first_use(one, END), 32000);
	ck_assert_uint_eq(srd_log_first_use(one, 6400), 6400);
	/* Of several the lowest, whatever order the kernel tells of them in. */
	three = open_log(SRD_LOG_RDONLY);
	ck_assert_int_eq(srd_log_use_since(three, 3200), 0);
	ck_assert_uint_eq(srd_log_first_use(one, END), 3200);
	srd_log_close(three);
	ck_assert_uint_eq(srd_log_first_use(one, END), 32000);
	/* One's own, too. */
	ck_assert_int_eq(srd_log_use_also(one, 128), 0);
	ck_assert_uint_eq(srd_log_first_use(one, END), 128);
	srd_log_close(two);
	srd_log_close(one);
}
END_TEST

START_TEST(what_is_denied_nobody_comes_to_use)
{
	struct srd_log *one = open_log(0), *two = open_log(SRD_LOG_RDONLY);

	ck_assert_int_eq(srd_log_use_since(one, 64000), 0);
	ck_assert_int_eq(srd_log_use_since(two, 32000), 0);
	ck_assert_int_eq(srd_log_use_deny(one, 32064), -EBUSY);
	ck_assert_int_eq(srd_log_use_deny(one, 32000), 0);
	ck_assert_int_eq(srd_log_use_also(two, 31936), -EBUSY);
	ck_assert_int_eq(srd_log_use_also(one, 31936), -EBUSY);
	ck_assert_int_eq(srd_log_use_since(two, 48000), 0);
	ck_assert_int_eq(srd_log_use_since(two, 32000), 0);
	srd_log_use_admit(one, 32000);
	ck_assert_int_eq(srd_log_use_also(two, 31936), 0);
	ck_assert_int_eq(srd_log_use_deny(one, 32000), -EBUSY);
	srd_log_close(two);
	srd_log_close(one);
}
END_TEST

static void *use_all(void *log)
{
	return (void *)(intptr_t)srd_log_use_all(log);
}

/* Another handle, or the one that denies it. */
START_TEST(who_wants_all_waits_for_who_trims)
{
	struct srd_log *one = open_log(0), *two = open_log(SRD_LOG_RDONLY);
	pthread_t thread;
	void *error;

	ck_assert_int_eq(srd_log_use_since(one, 64000), 0);
	ck_assert_int_eq(srd_log_use_since(two, 64000), 0);
	ck_assert_int_eq(srd_log_use_deny(one, 32000), 0);
	struct srd_log *user = _i ? one : two;
	ck_assert_int_eq(pthread_create(&thread, NULL, use_all, user), 0);
	ck_assert_uint_eq(atomic_load(&user->use), 64000);
	srd_log_use_admit(one, 32000);
	ck_assert_int_eq(pthread_join(thread, &error), 0);
	ck_assert_int_eq((intptr_t)error, 0);
	ck_assert_uint_eq(atomic_load(&user->use), 0);
	ck_assert_uint_eq(srd_log_first_use(one, 64000), 0);
	srd_log_close(two);
	srd_log_close(one);
}
END_TEST

START_TEST(a_store_that_keeps_its_past_is_not_trimmed)
{
	struct srd_trim_result result;
	srd_store *reader;
	uint8_t *bytes = pattern(100000, 1);

	ck_assert_int_eq(srd_put(store, KEY("a"), bytes, 100000), 0);
	ck_assert_int_eq(srd_open(path, SRD_RDONLY | SRD_KEEP_PAST, &reader), 0);
	ck_assert_int_eq(srd_delete(store, KEY("a")), 0);
	ck_assert_int_eq(srd_trim(store, NULL, 0, NULL, NULL, &result), 0);
	ck_assert(result.used);
	ck_assert_uint_eq(result.bytes, 0);
	srd_close(reader);
	ck_assert_uint_gt(trim_now(), 90000);
	free(bytes);
}
END_TEST

/* ---- dead.c ---- */

/* Every block of payload is held against every file. */
struct truth {
	uint8_t used[1 << 14];    /* by block */
};

static void use_file(struct truth *truth, const char *key)
{
	srd_value value;

	if (srd_get(store, KEY(key), &value) != 0)
		return;
	for (int i = 0; i < value.iov_count; i++) {
		const uint8_t *at = value.iov[i].iov_base;
		if (value.iov[i].iov_len == 0 || at < store->log->map || at >= store->log->map + atomic_load(&store->log->end))
			continue;
		uint64_t from = (uint64_t)(at - store->log->map), to = from + value.iov[i].iov_len;
		for (uint64_t block = from / BLOCK; block <= (to - 1) / BLOCK; block++)
			truth->used[block] = 1;
	}
	srd_value_release(&value);
}

static bool is_hole(uint64_t block)
{
	struct srd_range range = { .offset = block * BLOCK };

	return !srd_log_next_occupied(store->log, &range, (block + 1) * BLOCK);
}

static void change(uint64_t *seed)
{
	char key[16], other[16];
	size_t len = unit_below(seed, 3) ? unit_below(seed, 30000) : unit_below(seed, 200);
	uint8_t *bytes = pattern(len, unit_random(seed));
	int error;

	snprintf(key, sizeof key, "key%u", unit_below(seed, 12));
	snprintf(other, sizeof other, "key%u", unit_below(seed, 12));
	switch (unit_below(seed, 6)) {
	case 0: error = srd_delete(store, KEY(key)); break;
	case 1: error = srd_copy(store, KEY(key), store, KEY(other)); break;
	default: error = srd_put(store, KEY(key), bytes, len);
	}
	ck_assert(error == 0 || error == -ENOENT || error == -EINVAL);
	free(bytes);
}

/* What the keys hold, as one number. */
static uint64_t sum_of_keys(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < 12; i++) {
		srd_value value;
		char key[16];
		snprintf(key, sizeof key, "key%u", i);
		int error = srd_get(store, KEY(key), &value);
		ck_assert(error == 0 || error == -ENOENT);
		if (error)
			continue;
		for (int k = 0; k < value.iov_count; k++)
			for (size_t at = 0; at < value.iov[k].iov_len; at++)
				sum = sum * 31 + ((const uint8_t *)value.iov[k].iov_base)[at];
		srd_value_release(&value);
	}
	return sum;
}

static uint64_t test_seed;

START_TEST(what_is_in_use_stays_and_nothing_else_of_payload)
{
	uint64_t seed = test_seed + (uint64_t)_i;

	for (int round = 0; round < 4; round++) {
		struct truth truth = { 0 };
		for (int i = 0; i < 40; i++)
			change(&seed);
		uint64_t sum = sum_of_keys();
		trim_now();
		ck_assert_uint_eq(sum_of_keys(), sum);
		for (int i = 0; i < 12; i++) {
			char key[16];
			snprintf(key, sizeof key, "key%d", i);
			use_file(&truth, key);
		}
		/* Blocks that are nobody's and hold no ops are holes now. */
		uint64_t end = atomic_load(&store->log->end), left = 0;
		for (uint64_t at = SRD_FIRST_RECORD, ops; at < end;) {
			struct srd_record record;
			ck_assert(srd_record_decode(&store->log->sb, &record, store->log->map + at, at));
			ops = at + SRD_HEADER_LEN + record.meta_len;
			for (uint64_t block = at / BLOCK; block * BLOCK < ops; block++)
				truth.used[block] = 1;
			at += record.len;
		}
		for (uint64_t block = 1; (block + 1) * BLOCK <= end; block++) {
			ck_assert(!truth.used[block] || !is_hole(block));
			left += !truth.used[block] && !is_hole(block);
		}
		/* A value's last block is checked as a whole: some may share that with what lives. */
		ck_assert_uint_le(left, 12);
	}
}
END_TEST

/* The blocks of DATA that no commit has named yet. */
START_TEST(data_on_its_way_is_dead_only_where_it_is_abandoned)
{
	enum { LEN = 100000 };
	uint8_t *bytes = pattern(LEN, 3);
	struct srd_extents extents;
	struct srd_dead dead;

	srd_extents_init(&extents);
	ck_assert_int_eq(srd_extents_append(&extents, store, 0, bytes, LEN), 0);
	uint64_t end = atomic_load(&store->log->end);
	for (int abandoned = 0; abandoned < 2; abandoned++) {
		struct srd_range range = { 0 };
		uint64_t found = 0;
		ck_assert_int_eq(srd_dead_init(&dead, store->log, end), 0);
		ck_assert_int_eq(srd_dead_collect(&dead, abandoned, NULL, NULL), 0);
		for (; srd_dead_next(&dead, &range); range.offset += range.len)
			found += range.len;
		if (abandoned)
			ck_assert_uint_gt(found, LEN - 2 * BLOCK);
		else
			ck_assert_uint_eq(found, 0);
		srd_dead_release(&dead);
	}
	srd_extents_release(&extents);
	free(bytes);
}
END_TEST

/* ---- trimmed.c ---- */

/* Three TRIM ops; the places before, in, between and behind what each names. */
START_TEST(what_was_named_by_any_op_is_known)
{
	enum { LEN = 50000, OPS = 3 };
	struct { uint64_t from, to; } places[2 * OPS];
	uint8_t *bytes = pattern(LEN, 4);
	char key[8];

	for (int i = 0; i < 2 * OPS; i++) {
		snprintf(key, sizeof key, "k%d", i);
		uint64_t end = atomic_load(&store->log->end);
		ck_assert_int_eq(srd_put(store, KEY(key), bytes, LEN), 0);
		places[i].from = SRD_ALIGN_UP(end + 4096, BLOCK);
		places[i].to = (end + LEN) / BLOCK * BLOCK;
	}
	ck_assert_int_eq(srd_log_is_trimmed(store->log, 0, UINT64_MAX), 0);
	/* Not in their order, and asked in between. */
	static const int order[OPS] = { 3, 1, 5 };
	for (int n = 0; n < OPS; n++) {
		snprintf(key, sizeof key, "k%d", order[n]);
		ck_assert_int_eq(srd_delete(store, KEY(key)), 0);
		ck_assert_uint_gt(trim_now(), LEN - 3 * BLOCK);
		for (int i = 0; i < 2 * OPS; i++) {
			int gone = 0;
			for (int k = 0; k <= n; k++)
				gone |= order[k] == i;
			ck_assert_int_eq(srd_log_is_trimmed(store->log, places[i].from, 1), gone);
			ck_assert_int_eq(srd_log_is_trimmed(store->log, places[i].to - 1, 1), gone);
			ck_assert_int_eq(srd_log_is_trimmed(store->log, places[i].from, places[i].to - places[i].from), gone);
		}
	}
	reopen_store();
	ck_assert_int_eq(srd_log_is_trimmed(store->log, places[1].from, 1), 1);
	ck_assert_int_eq(srd_log_is_trimmed(store->log, places[2].from, 1), 0);
	free(bytes);
}
END_TEST

static void add(TCase *tcase)
{
	tcase_add_test(tcase, the_first_use_of_all_counts);
	tcase_add_test(tcase, what_is_denied_nobody_comes_to_use);
	tcase_add_loop_test(tcase, who_wants_all_waits_for_who_trims, 0, 2);
	if (!has_holes)
		return;
	tcase_add_test(tcase, a_store_that_keeps_its_past_is_not_trimmed);
	tcase_add_loop_test(tcase, what_is_in_use_stays_and_nothing_else_of_payload, 0, 8);
	tcase_add_test(tcase, data_on_its_way_is_dead_only_where_it_is_abandoned);
	tcase_add_test(tcase, what_was_named_by_any_op_is_known);
}

static bool look_for_holes(void)
{
	const char *tmp = getenv("TMPDIR");
	int fd = open(tmp ? tmp : "/tmp", O_TMPFILE | O_RDWR, 0600);
	bool so = fd >= 0 && ftruncate(fd, 65536) == 0 && srd_io_posix.punch(&srd_io_posix, fd, 0, 65536) == 0;

	if (fd >= 0)
		close(fd);
	return so;
}

int main(void)
{
	test_seed = unit_seed();
	has_holes = look_for_holes();
	return run_case("trim", add);
}
