/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image is believed only where it is of this log and of nobody else's making; one that was
 * made to harm does none.
 */
#include "config.h"

#include <sys/wait.h>

#include "reseal.h"
#include "statecheck.h"

#include "imagefix.h"

/* ---- What is not believed ---- */

static void assert_ignored(void)
{
	open_store(SRD_NOSYNC);
	ck_assert(!came_from_image());
	assert_all();
	close_store();
}

START_TEST(a_damaged_header_or_list_of_checks_is_ignored)
{
	make_image();
	struct srd_image sizes = header();
	const off_t places[] = { 0, 8, 12, 16, 32, 48, 56, 64, 160, 200, 4000, 4090, (off_t)sizes.checks_offset };
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		flip(image, places[i]);
		assert_ignored();
		flip(image, places[i]);
	}
	open_store(SRD_NOSYNC);
	ck_assert(came_from_image());
}
END_TEST

START_TEST(a_cut_image_is_ignored)
{
	make_image();
	struct stat st;
	ck_assert_int_eq(stat(image, &st), 0);
	for (off_t len = st.st_size - 1; len > 0; len /= 3) {
		ck_assert_int_eq(truncate(image, len), 0);
		assert_ignored();
	}
	ck_assert_int_eq(truncate(image, 0), 0);
	assert_ignored();
	open_store(0);
}
END_TEST

START_TEST(the_image_of_another_history_is_ignored)
{
	char old[200];
	snprintf(old, sizeof old, "%s.old", path);
	make_image();
	copy_file(path, old);
	/* Both go on from there, each its own way; the other one's image lies here. */
	open_store(SRD_NOSYNC);
	put_range(KEYS, 2 * KEYS);
	close_synced();
	ck_assert_int_eq(rename(old, path), 0);
	assert_ignored();
	open_store(SRD_NOSYNC);
	put_range(3 * KEYS, 5 * KEYS);
	ck_assert_int_eq(srd_sync(store), 0);
	ck_assert_int_eq(get_error("k6001"), -ENOENT);
	close_synced();
	open_store(SRD_NOSYNC);
	ck_assert(came_from_image());
	ck_assert_int_eq(get_error("k6001"), -ENOENT);
	assert_range(3 * KEYS, 5 * KEYS);
}
END_TEST

START_TEST(the_image_of_another_store_is_ignored)
{
	make_image();
	char kept[200];
	snprintf(kept, sizeof kept, "%s.kept", image);
	ck_assert_int_eq(rename(image, kept), 0);
	ck_assert_int_eq(unlink(path), 0);
	open_store(SRD_CREATE | SRD_NOSYNC);
	put_range(0, 10);
	close_store();
	ck_assert_int_eq(rename(kept, image), 0);
	open_store(SRD_NOSYNC);
	ck_assert(!came_from_image());
	ck_assert_int_eq(get_error("k100"), -ENOENT);
	assert_range(0, 10);
}
END_TEST

START_TEST(what_is_no_file_of_ours_is_ignored)
{
	char kept[200];
	make_image();
	snprintf(kept, sizeof kept, "%s.kept", image);
	ck_assert_int_eq(rename(image, kept), 0);
	ck_assert_int_eq(symlink(kept, image), 0);
	assert_ignored();
	ck_assert_int_eq(unlink(image), 0);
	ck_assert_int_eq(mkdir(image, 0700), 0);
	assert_ignored();
	ck_assert_int_eq(rmdir(image), 0);
	ck_assert_int_eq(mkfifo(image, 0600), 0);
	assert_ignored();
	ck_assert_int_eq(unlink(image), 0);
	ck_assert_int_eq(rename(kept, image), 0);
	ck_assert_int_eq(chmod(image, 0646), 0);
	assert_ignored();
	ck_assert_int_eq(chmod(image, 0664), 0);
	assert_ignored();
	ck_assert_int_eq(chmod(image, 0600), 0);
	open_store(SRD_NOSYNC);
	ck_assert(came_from_image());
}
END_TEST

START_TEST(the_image_of_another_user_is_ignored)
{
	make_image();
	if (geteuid() == 0) {
		ck_assert_int_eq(chown(image, 4711, (gid_t)-1), 0);
		assert_ignored();
		/* Whoever owns the store may have saved it. */
		ck_assert_int_eq(chown(path, 4711, (gid_t)-1), 0);
	}
	open_store(SRD_NOSYNC);
	ck_assert(came_from_image());
}
END_TEST

START_TEST(the_image_has_the_mode_of_the_store)
{
	struct stat st;
	ck_assert_int_eq(chmod(path, 0640), 0);
	make_image();
	ck_assert_int_eq(stat(image, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	open_store(0);
}
END_TEST

START_TEST(what_a_killed_saver_left_is_in_nobodys_way)
{
	char temporary[200];
	snprintf(temporary, sizeof temporary, "%s.idx.tmp", path);
	int fd = open(temporary, O_RDWR | O_CREAT, 0600);
	ck_assert_int_eq(write(fd, "half", 4), 4);
	close(fd);
	make_image();
	ck_assert_int_ne(access(temporary, F_OK), 0);
	open_store(SRD_NOSYNC);
	ck_assert(came_from_image());
}
END_TEST

/* ---- Images made to harm: the checks are right, the tables are not ---- */

/* Writes wild numbers where numbers are, some in a few chosen bytes, some in each entry. */
static void tamper(uint64_t *random, struct file_bytes *file, const struct srd_image *sizes)
{
	const struct srd_image_table *table = &sizes->tables[unit_below(random, SRD_IMAGE_TABLES)];
	const uint32_t wild[] = { 0, 1, table->count, table->count - 1, UINT32_MAX, 0x7fffffff, 0xffff, 0x10001 };
	uint32_t column = unit_below(random, table->entry_len / 4) * 4;
	bool all = unit_below(random, 4) == 0;

	for (uint32_t i = 1; i < table->count; i++) {
		uint32_t value = wild[unit_below(random, 8)];
		if (all || unit_below(random, 20) == 0)
			memcpy(file->bytes + table->offset + (uint64_t)i * table->entry_len + column, &value, 4);
	}
	if (unit_below(random, 5) == 0)
		file->bytes[88 + unit_below(random, 72)] ^= (uint8_t)(1 << unit_below(random, 8));
	if (unit_below(random, 5) == 0)
		srd_put32(file->bytes + 200 + unit_below(random, SRD_IMAGE_TABLES) * 32 + 12, unit_below(random, 5000));
}

/* Does a bit of everything; what comes of it does not matter. */
static void use_all(uint64_t *random)
{
	struct srd_entry entry;
	srd_iter *iter;
	srd_value value;
	char key[64], to[64];

	if (srd_iter_new(store, NULL, 0, SRD_ITER_ALL_KINDS, 0, 1, &iter) == 0) {
		while (srd_iter_next(iter, &entry) == 1)
			;
		srd_iter_free(iter);
	}
	if (srd_iter_new(store, "d3/", 3, 0, 0, 1, &iter) == 0) {
		while (srd_iter_next(iter, &entry) == 1)
			;
		srd_iter_free(iter);
	}
	for (int i = 0; i < 200; i++) {
		key_of((int)unit_below(random, KEYS), key);
		key_of((int)unit_below(random, KEYS), to);
		if (srd_get(store, KEY(key), &value) == 0)
			srd_value_release(&value);
		switch (unit_below(random, 5)) {
		case 0: srd_put(store, KEY(key), "new", 3); break;
		case 1: srd_delete(store, KEY(key)); break;
		case 2: srd_rename(store, KEY(key), KEY(to)); break;
		case 3: srd_copy(store, KEY(key), store, KEY(to)); break;
		default: srd_link(store, KEY(key), KEY(to)); break;
		}
	}
}

/* As a table's index may be used before the next look at it, each round is a process. */
static int tampered_round(uint64_t random, const struct srd_superblock *sb, struct file_bytes *file,
                          const struct srd_image *sizes)
{
	int status;

	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		unsigned times = 1 + unit_below(&random, 3);
		for (unsigned i = 0; i < times; i++)
			tamper(&random, file, sizes);
		alarm(60);
		if (!reseal(sb, file->bytes, file->len))
			_exit(0);
		write_file(image, file);
		if (srd_store_open(path, SRD_NOSYNC, NULL, &store) == 0) {
			use_all(&random);
			srd_store_close(store);
		}
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	return status;
}

static uint64_t seed;

START_TEST(a_hostile_image_never_crashes)
{
	uint64_t random = seed;
	const char *rounds = getenv("SRD_TEST_ROUNDS");

	make_image();
	struct srd_image sizes = header();
	struct file_bytes file = read_file(image), log = read_file(path);
	struct srd_superblock sb;
	ck_assert_int_eq(srd_superblock_decode(&sb, log.bytes, log.len), 0);
	for (int i = 0; i < (rounds ? atoi(rounds) : 60); i++) {
		uint64_t round = unit_random(&random);
		write_file(path, &log);
		int status = tampered_round(round, &sb, &file, &sizes);
		if (status != 0)
			ck_abort_msg("round %d: status %x", i, (unsigned)status);
	}
	free(file.bytes);
	free(log.bytes);
	open_store(0);
}
END_TEST

static void add(TCase *tcase)
{
	tcase_add_test(tcase, a_damaged_header_or_list_of_checks_is_ignored);
	tcase_add_test(tcase, a_cut_image_is_ignored);
	tcase_add_test(tcase, the_image_of_another_history_is_ignored);
	tcase_add_test(tcase, the_image_of_another_store_is_ignored);
	tcase_add_test(tcase, what_is_no_file_of_ours_is_ignored);
	tcase_add_test(tcase, the_image_of_another_user_is_ignored);
	tcase_add_test(tcase, the_image_has_the_mode_of_the_store);
	tcase_add_test(tcase, what_a_killed_saver_left_is_in_nobodys_way);
	tcase_add_test(tcase, a_hostile_image_never_crashes);
}

int main(void)
{
	seed = unit_seed();
	return run_case("image_trust", add);
}
