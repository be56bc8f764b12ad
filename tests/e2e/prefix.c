/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prefix.c - every byte prefix of a store is a store (P3, P6), and what follows
 * a sound end does no harm.
 *
 * A store is written commit by commit, and after each one its end and what it
 * should hold are noted: the model.  Then the file is cut, or something is
 * appended, and what opens must be exactly the model at the last end that is
 * still there.  Reading must not write (P5); writing must go on from there.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "srd.h"

enum {
	SUPERBLOCK_LEN = 4096,
	KEYS = 10,
	COMMITS_MAX = 40,
	VALUE_MAX = 5 << 18,
};

/* Keys of the model; those with an odd last digit lie in a directory. */
static const char *const keys[KEYS] = {
	"k0", "d/k1", "k2", "d/e/k3", "k4", "d/k5", "k6", "a b\n\xff/k7", "k8", "d/k9",
};

/* A value is told by its length and seed; seed 0: zeros. */
struct value {
	bool there;
	uint32_t seed;
	size_t len;
};

struct commit {
	uint64_t end;
	struct value values[KEYS];
};

static struct {
	char dir[64], path[80], cut[80];
	uint8_t *bytes;              /* of the whole store */
	size_t len;
	struct commit commits[COMMITS_MAX];
	int count;
	size_t small_len;            /* up to here every offset is tried */
	size_t last_small;           /* where the last record of it begins */
	uint32_t seed;
	uint8_t scratch[VALUE_MAX];
} t;

static void fill(uint8_t *to, const struct value *value)
{
	uint32_t x = value->seed;

	for (size_t i = 0; i < value->len; i++) {
		x = x * 1664525 + 1013904223;
		to[i] = value->seed ? (uint8_t)(x >> 24) : 0;
	}
}

/* ---- Writing the store and the model ---- */

static void commit(srd_store *store)
{
	struct srd_info info;

	ck_assert_int_eq(srd_info(store, &info), 0);
	ck_assert_int_lt(t.count + 1, COMMITS_MAX);
	t.commits[t.count].end = info.end;
	t.commits[t.count + 1] = t.commits[t.count];
	t.count++;
}

static struct value *next(int key)
{
	return &t.commits[t.count].values[key];
}

static void put(srd_store *store, int key, uint32_t seed, size_t len)
{
	*next(key) = (struct value){ .there = true, .seed = seed, .len = len };
	fill(t.scratch, next(key));
	ck_assert_int_eq(srd_put(store, keys[key], strlen(keys[key]), t.scratch, len), 0);
	commit(store);
}

static void delete(srd_store *store, int key)
{
	next(key)->there = false;
	ck_assert_int_eq(srd_delete(store, keys[key], strlen(keys[key])), 0);
	commit(store);
}

static void rename_key(srd_store *store, int from, int to)
{
	*next(to) = *next(from);
	next(from)->there = false;
	ck_assert_int_eq(srd_rename(store, keys[from], strlen(keys[from]),
	                            keys[to], strlen(keys[to])), 0);
	commit(store);
}

static void copy_key(srd_store *store, int from, int to)
{
	*next(to) = *next(from);
	ck_assert_int_eq(srd_copy(store, keys[from], strlen(keys[from]),
	                          store, keys[to], strlen(keys[to])), 0);
	commit(store);
}

static void put_batch(srd_store *store)
{
	srd_batch *batch;

	ck_assert_int_eq(srd_batch_new(store, &batch), 0);
	for (int key = 0; key < 4; key++) {
		*next(key) = (struct value){ .there = true, .seed = 100 + (uint32_t)key,
		                             .len = (size_t)key * 50 };
		fill(t.scratch, next(key));
		ck_assert_int_eq(srd_batch_put(batch, keys[key], strlen(keys[key]),
		                               t.scratch, next(key)->len), 0);
	}
	next(9)->there = false;
	ck_assert_int_eq(srd_batch_delete(batch, keys[9], strlen(keys[9])), 0);
	ck_assert_int_eq(srd_batch_commit(batch), 0);
	srd_batch_free(batch);
	commit(store);
}

/* In pieces of an odd length, so that pieces, runs and blocks do not meet. */
static void put_stream(srd_store *store, int key, uint32_t seed, size_t len)
{
	srd_writer *writer;

	*next(key) = (struct value){ .there = true, .seed = seed, .len = len };
	fill(t.scratch, next(key));
	ck_assert_int_eq(srd_writer_new(store, keys[key], strlen(keys[key]), &writer), 0);
	for (size_t at = 0; at < len; at += 70001)
		ck_assert_int_eq(srd_writer_write(writer, t.scratch + at,
		                                  len - at < 70001 ? len - at : 70001), 0);
	ck_assert_int_eq(srd_writer_commit(writer), 0);
	commit(store);
}

/* Every kind of commit, small. */
static void write_small(srd_store *store)
{
	commit(store);
	put(store, 0, 1, 1);
	put(store, 1, 2, 0);
	put(store, 2, 0, 300);
	put(store, 3, 3, 63);
	put(store, 3, 4, 64);
	put(store, 9, 5, 1000);
	put_batch(store);
	rename_key(store, 2, 4);
	copy_key(store, 3, 5);
	rename_key(store, 3, 0);
	delete(store, 1);
	put(store, 6, 0, 1);
	put_stream(store, 7, 6, 200);
	put(store, 5, 7, 8);
}

static void write_large(srd_store *store)
{
	put(store, 8, 8, 64 << 10);
	put_stream(store, 1, 9, VALUE_MAX);
	copy_key(store, 1, 2);
	delete(store, 1);
	put(store, 0, 10, 5000);
}

static void load(void)
{
	struct stat st;
	int fd = open(t.path, O_RDONLY);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	t.len = (size_t)st.st_size;
	t.bytes = malloc(t.len);
	ck_assert_ptr_nonnull(t.bytes);
	ck_assert_int_eq(read(fd, t.bytes, t.len), (ssize_t)t.len);
	close(fd);
}

/* Memory if there is any: thousands of small stores are synced. */
static const char *place(void)
{
	const char *tmp = getenv("TMPDIR");

	return tmp ? tmp : access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
}

static void setup(void)
{
	const char *seed = getenv("SRD_SEED");
	srd_store *store;

	t.seed = seed ? (uint32_t)strtoul(seed, NULL, 0) : (uint32_t)time(NULL);
	printf("# SRD_SEED=%u\n", t.seed);
	fflush(stdout);
	snprintf(t.dir, sizeof t.dir, "%.40s/srd-prefix.XXXXXX", place());
	ck_assert_ptr_nonnull(mkdtemp(t.dir));
	snprintf(t.path, sizeof t.path, "%s/whole", t.dir);
	snprintf(t.cut, sizeof t.cut, "%s/cut", t.dir);
	ck_assert_int_eq(srd_open(t.path, SRD_CREATE | SRD_NOSYNC, &store), 0);
	write_small(store);
	t.small_len = t.commits[t.count - 1].end;
	t.last_small = t.commits[t.count - 2].end;
	write_large(store);
	ck_assert_int_eq(srd_close(store), 0);
	load();
}

static void teardown(void)
{
	char command[128];

	free(t.bytes);
	snprintf(command, sizeof command, "rm -rf '%s'", t.dir);
	ck_assert_int_eq(system(command), 0);
}

/* ---- Comparing ---- */

/* The model of a log that ends at LEN; NULL: not even the store's creation. */
static const struct commit *model_of(size_t len)
{
	/* With its superblock it is there: the first record is that one's spare. */
	const struct commit *found = len >= SUPERBLOCK_LEN ? &t.commits[0] : NULL;

	for (int i = 1; i < t.count && t.commits[i].end <= len; i++)
		found = &t.commits[i];
	return found;
}

static void check_value(srd_store *store, const char *key, const struct value *expected)
{
	srd_value value;
	int error = srd_get(store, key, strlen(key), &value);

	if (!expected->there) {
		ck_assert_int_eq(error, -ENOENT);
		return;
	}
	ck_assert_msg(error == 0, "%s: %s", key, srd_strerror(error));
	ck_assert_uint_eq(value.len, expected->len);
	fill(t.scratch, expected);
	size_t at = 0;
	for (int i = 0; i < value.iov_count; at += value.iov[i++].iov_len)
		ck_assert_int_eq(memcmp(t.scratch + at, value.iov[i].iov_base, value.iov[i].iov_len), 0);
	ck_assert_uint_eq(at, expected->len);
	srd_value_release(&value);
}

/* STORE holds the model's keys, OTHERS more, and nothing is damaged. */
static void check_store(srd_store *store, const struct commit *model, unsigned others)
{
	struct srd_info info;
	unsigned files = others;

	for (int key = 0; key < KEYS; key++) {
		check_value(store, keys[key], &model->values[key]);
		files += model->values[key].there;
	}
	ck_assert_int_eq(srd_info(store, &info), 0);
	ck_assert_uint_eq(info.files, files);
	ck_assert_uint_eq(info.damaged_records, 0);
	ck_assert_uint_eq(info.misfits, 0);
}

/* Writes the first LEN bytes of the store and then EXTRA bytes of TAIL. */
static void write_cut(size_t len, const void *tail, size_t extra)
{
	/* Not O_TRUNC: some file systems write out such a file at close. */
	int fd = open(t.cut, O_WRONLY | O_CREAT, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, t.bytes, len), (ssize_t)len);
	ck_assert_int_eq(write(fd, tail, extra), (ssize_t)extra);
	ck_assert_int_eq(ftruncate(fd, (off_t)(len + extra)), 0);
	close(fd);
}

static size_t size_of_cut(void)
{
	struct stat st;

	ck_assert_int_eq(stat(t.cut, &st), 0);
	return (size_t)st.st_size;
}

static void open_cut(int flags, srd_store **store)
{
	int error = srd_open(t.cut, flags, store);

	ck_assert_msg(error == 0, "at %zu: %s", size_of_cut(), srd_strerror(error));
}

/* What is there is read, written to, and read again. */
static void check_writing_goes_on(const struct commit *model)
{
	const struct value more = { .there = true, .seed = 77, .len = 100 };
	srd_store *store;

	open_cut(SRD_NOSYNC, &store);
	check_store(store, model, 0);
	fill(t.scratch, &more);
	ck_assert_int_eq(srd_put(store, "more", 4, t.scratch, more.len), 0);
	ck_assert_int_eq(srd_close(store), 0);
	open_cut(SRD_RDONLY, &store);
	check_store(store, model, 1);
	check_value(store, "more", &more);
	ck_assert_int_eq(srd_close(store), 0);
}

static void check_reading(size_t size, const struct commit *model)
{
	srd_store *store;
	struct srd_info info;

	open_cut(SRD_RDONLY, &store);
	check_store(store, model, 0);
	ck_assert_int_eq(srd_info(store, &info), 0);
	ck_assert_uint_eq(info.end + info.dropped_bytes, size);
	ck_assert_int_eq(srd_close(store), 0);
	ck_assert_uint_eq(size_of_cut(), size);
}

/* Offsets in falling order: every one in the small part, some in the large. */
static size_t next_cut(size_t len)
{
	if (len <= t.small_len)
		return len - 1;
	len -= 4093 + (size_t)(rand_r(&t.seed) % 64);
	return len > t.small_len ? len : t.small_len;
}

/* ---- The tests ---- */

START_TEST(a_cut_store_reads_as_a_prefix_of_its_commits)
{
	write_cut(t.len, "", 0);
	for (size_t len = t.len; len >= SUPERBLOCK_LEN; len = next_cut(len)) {
		ck_assert_int_eq(truncate(t.cut, (off_t)len), 0);
		check_reading(len, model_of(len));
	}
}
END_TEST

START_TEST(a_cut_store_is_written_on)
{
	for (size_t len = t.len; len >= SUPERBLOCK_LEN; len = next_cut(len)) {
		write_cut(len, "", 0);
		check_writing_goes_on(model_of(len));
	}
}
END_TEST

START_TEST(a_cut_superblock_is_refused)
{
	srd_store *store;

	write_cut(SUPERBLOCK_LEN, "", 0);
	for (size_t len = SUPERBLOCK_LEN; len-- > 0;) {
		ck_assert_int_eq(truncate(t.cut, (off_t)len), 0);
		int error = srd_open(t.cut, SRD_RDONLY, &store);
		ck_assert_msg(error == SRD_ENOTSTORE || error == SRD_ECORRUPT,
		              "%zu bytes: %s", len, srd_strerror(error));
	}
}
END_TEST

/* The whole store, and a torn one, with EXTRA bytes of TAIL behind. */
static void check_tail(const void *tail, size_t extra)
{
	/* A record torn in its padding would be whole again with zeros behind it. */
	size_t cuts[] = { t.len, t.small_len, t.last_small + 1, t.last_small + 72, SUPERBLOCK_LEN };

	for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
		write_cut(cuts[i], tail, extra);
		check_reading(cuts[i] + extra, model_of(cuts[i]));
		check_writing_goes_on(model_of(cuts[i]));
	}
}

static const size_t tail_lens[] = { 1, 8, 63, 64, 65, 4096, 100000 };

START_TEST(zeros_behind_the_end_lose_nothing)
{
	static const uint8_t zeros[100000];

	check_tail(zeros, tail_lens[_i]);
}
END_TEST

START_TEST(random_bytes_behind_the_end_lose_nothing)
{
	static uint8_t random[100000];

	fill(random, &(struct value){ .seed = t.seed | 1, .len = sizeof random });
	check_tail(random, tail_lens[_i]);
}
END_TEST

/* Records of the store itself, or of another one, at a place not their own. */
START_TEST(records_of_elsewhere_do_not_count)
{
	check_tail(t.bytes + SUPERBLOCK_LEN + 64, t.small_len - SUPERBLOCK_LEN);
	check_tail(t.bytes, t.small_len);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("prefix");
	TCase *tests = tcase_create("prefix");
	int tails = (int)(sizeof tail_lens / sizeof *tail_lens);

	tcase_add_unchecked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, a_cut_store_reads_as_a_prefix_of_its_commits);
	tcase_add_test(tests, a_cut_store_is_written_on);
	tcase_add_test(tests, a_cut_superblock_is_refused);
	tcase_add_loop_test(tests, zeros_behind_the_end_lose_nothing, 0, tails);
	tcase_add_loop_test(tests, random_bytes_behind_the_end_lose_nothing, 0, tails);
	tcase_add_test(tests, records_of_elsewhere_do_not_count);
	suite_add_tcase(suite, tests);

	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
