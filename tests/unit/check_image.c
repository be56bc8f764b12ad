/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image makes opening cheap and changes nothing else: what is read is the same
 * with it, without it, and with any of it damaged, forged or of another log.
 */
#include "config.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "fixture.h"
#include "log/image.h"
#include "reseal.h"
#include "state/image.h"
#include "statecheck.h"
#include "store/image.h"

enum { KEYS = 6000 };

static char image[160];

static void key_of(int i, char key[64])
{
	if (i % 3 == 0)
		snprintf(key, 64, "d%d/deep/k%d", i % 7, i);
	else
		snprintf(key, 64, "k%d", i);
}

static void put_range(int from, int to)
{
	srd_batch *batch;
	char key[64];

	ck_assert_int_eq(srd_batch_new(store, &batch), 0);
	for (int i = from; i < to; i++) {
		key_of(i, key);
		ck_assert_int_eq(srd_batch_put(batch, KEY(key), &i, sizeof i), 0);
	}
	ck_assert_int_eq(srd_batch_commit(batch), 0);
	srd_batch_free(batch);
}

static void assert_range(int from, int to)
{
	srd_value value;
	char key[64];

	for (int i = from; i < to; i++) {
		key_of(i, key);
		int error = srd_get(store, KEY(key), &value);
		if (error)
			ck_abort_msg("%s: %s", key, srd_strerror(error));
		EXPECT(value.len == sizeof i && memcmp(value.data, &i, sizeof i) == 0);
		srd_value_release(&value);
	}
}

/* Attributes and files of many extents, so that no table is empty. */
static void make_others(void)
{
	struct srd_txn *txn;
	struct srd_node node;
	char key[64];

	for (int i = 1; i < 60; i += 3) {
		key_of(i, key);
		ck_assert_int_eq(srd_txn_begin(store, &txn), 0);
		ck_assert_int_eq(srd_txn_lookup(txn, SRD_ROOT_INO, KEY(key), &node), 0);
		ck_assert_int_eq(srd_txn_xattr(txn, node.ino, KEY("user.a"), "x", 1), 0);
		ck_assert_int_eq(srd_txn_xattr(txn, node.ino, KEY("user.b"), "y", 1), 0);
		for (uint64_t k = 1; k < 40; k++)
			ck_assert_int_eq(srd_txn_write(txn, node.ino, k * 8192, "piece", 5, false), 0);
		ck_assert_int_eq(srd_txn_commit(txn, NULL), 0);
	}
}

static void assert_others(void)
{
	srd_value value;
	char key[64];

	for (int i = 1; i < 60; i += 3) {
		key_of(i, key);
		ck_assert_int_eq(srd_get(store, KEY(key), &value), 0);
		ck_assert_uint_eq(value.len, 39 * 8192 + 5);
		srd_value_release(&value);
		uint32_t dentry = srd_state_lookup(&store->state, 1, KEY(key));
		const struct srd_inode *inode = srd_inode_at(&store->state, srd_dentry_at(&store->state, dentry)->inode);
		ck_assert_ptr_nonnull(srd_state_xattr(&store->state, inode, KEY("user.b")));
	}
}

/* Closes with all durable, as a program without SRD_NOSYNC does. */
static void close_synced(void)
{
	ck_assert_int_eq(srd_sync(store), 0);
	close_store();
}

static void make_image(void)
{
	snprintf(image, sizeof image, "%s.idx", path);
	put_range(0, KEYS);
	make_others();
	close_synced();
	ck_assert_int_eq(access(image, F_OK), 0);
}

static bool came_from_image(void)
{
	return store->image.offset != 0;
}

/* Small keys become larger files, so not all of them hold their number. */
static void assert_all(void)
{
	assert_range(60, KEYS);
	assert_others();
}

START_TEST(many_changes_leave_an_image_and_few_do_not)
{
	put_range(0, 100);
	close_synced();
	snprintf(image, sizeof image, "%s.idx", path);
	ck_assert_int_ne(access(image, F_OK), 0);
	open_store(SRD_NOSYNC);
	put_range(100, KEYS);
	close_synced();
	ck_assert_int_eq(access(image, F_OK), 0);
	open_store(SRD_NOSYNC);
	ck_assert(came_from_image());
	assert_range(0, KEYS);
}
END_TEST

START_TEST(what_is_not_durable_has_no_image)
{
	put_range(0, KEYS);
	close_store();
	snprintf(image, sizeof image, "%s.idx", path);
	ck_assert_int_ne(access(image, F_OK), 0);
	open_store(0);
}
END_TEST

/* The numbers that no table holds. */
static void assert_numbers(const struct srd_state *a, const struct srd_state *b)
{
	ck_assert_uint_eq(a->next_ino, b->next_ino);
	ck_assert_uint_eq(a->next_cookie, b->next_cookie);
	ck_assert_uint_eq(a->files, b->files);
	ck_assert_uint_eq(a->directories, b->directories);
	ck_assert_uint_eq(a->others, b->others);
	ck_assert_uint_eq(a->unnamed, b->unnamed);
	ck_assert_uint_eq(a->live_bytes, b->live_bytes);
	ck_assert_uint_eq(a->misfits, b->misfits);
	ck_assert_uint_eq(a->ops, b->ops);
	ck_assert_uint_eq(a->hash_seed, b->hash_seed);
}

/* One that has no name yet. */
static void make_unnamed(void)
{
	struct srd_txn *txn;
	uint64_t ino;

	ck_assert_int_eq(srd_txn_begin(store, &txn), 0);
	ck_assert_int_eq(srd_txn_make(txn, 0, NULL, 0, S_IFREG | 0600, 0, 0, 0, NULL, 0, &ino), 0);
	ck_assert_int_eq(srd_txn_commit(txn, NULL), 0);
}

START_TEST(the_state_is_the_same_and_stays_so)
{
	struct srd_store *second;

	ck_assert_int_eq(srd_make_symlink(store, KEY("link"), "target"), 0);
	make_unnamed();
	make_image();
	open_store(SRD_NOSYNC);
	ck_assert(came_from_image());
	char kept[200];
	snprintf(kept, sizeof kept, "%s.kept", image);
	ck_assert_int_eq(rename(image, kept), 0);
	ck_assert_int_eq(srd_store_open(path, SRD_RDONLY, NULL, &second), 0);
	assert_numbers(&second->state, &store->state);
	ck_assert_uint_eq(store->state.unnamed, 1);
	srd_store_close(second);
	ck_assert_int_eq(rename(kept, image), 0);
	assert_all();
	check_state(&store->state);
	put_range(KEYS, 2 * KEYS);
	for (int i = 100; i < KEYS; i += 2) {
		char key[64];
		key_of(i, key);
		ck_assert_int_eq(srd_delete(store, KEY(key)), 0);
	}
	check_state(&store->state);
	assert_range(KEYS, 2 * KEYS);
	close_synced();
	open_store(SRD_NOSYNC);
	ck_assert(came_from_image());
	check_state(&store->state);
	assert_range(KEYS, 2 * KEYS);
	ck_assert_int_eq(get_error("k100"), -ENOENT);
}
END_TEST

/* The bytes of all tables, as they would be saved. */
static uint64_t digest(struct srd_state *state)
{
	struct srd_table *tables[SRD_IMAGE_TABLES];
	struct srd_image sizes = { 0 };
	uint64_t sum = 0;

	srd_state_tables(state, tables);
	srd_state_describe(state, &sizes);
	for (unsigned i = 0; i < SRD_IMAGE_TABLES; i++) {
		const struct srd_image_table *table = &sizes.tables[i];
		uint8_t *bytes = malloc((size_t)table->chunk_len * table->entry_len);
		for (uint32_t first = 0; first < table->count; first += table->chunk_len) {
			uint32_t count = table->count - first < table->chunk_len ? table->count - first : table->chunk_len;
			srd_state_copy_entries(state, i, first, count, bytes);
			sum = sum * 31 + srd_chunk_check(bytes, (size_t)count * table->entry_len);
		}
		free(bytes);
		sum = sum * 31 + table->count + table->free_first + table->live;
	}
	return sum;
}

/* What repairing a chunk relies on. */
START_TEST(the_tables_are_a_function_of_the_log)
{
	make_image();
	open_store(SRD_NOSYNC);
	put_range(KEYS, KEYS + 500);
	for (int i = 2000; i < 3000; i++) {
		char key[64];
		key_of(i, key);
		ck_assert_int_eq(srd_delete(store, KEY(key)), 0);
	}
	put_range(2000, 2500);
	ck_assert(came_from_image());
	uint64_t by_image = digest(&store->state);
	close_store();
	ck_assert_int_eq(unlink(image), 0);
	open_store(SRD_NOSYNC);
	ck_assert(!came_from_image());
	ck_assert_uint_eq(digest(&store->state), by_image);
}
END_TEST

START_TEST(a_killed_process_leaves_only_its_tail_to_replay)
{
	make_image();
	pid_t child = fork();
	if (child == 0) {
		open_store(SRD_NOSYNC);
		put_range(KEYS, KEYS + 1000);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	open_store(SRD_NOSYNC);
	ck_assert(came_from_image());
	ck_assert_uint_ge(store->state.ops, store->image.ops + 1000);
	assert_range(60, 60 + 1000);
	assert_range(KEYS, KEYS + 1000);
}
END_TEST

struct file_bytes {
	uint8_t *bytes;
	size_t len;
};

static struct file_bytes read_file(const char *name)
{
	struct stat st;
	int fd = open(name, O_RDONLY);

	ck_assert_int_eq(fstat(fd, &st), 0);
	struct file_bytes file = { .bytes = malloc((size_t)st.st_size), .len = (size_t)st.st_size };
	ck_assert_int_eq(read(fd, file.bytes, file.len), (ssize_t)file.len);
	close(fd);
	return file;
}

static void write_file(const char *name, const struct file_bytes *file)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_eq(write(fd, file->bytes, file->len), (ssize_t)file->len);
	close(fd);
}

/* ---- Damage ---- */

static void flip(const char *file, off_t at)
{
	uint8_t byte;
	int fd = open(file, O_RDWR);

	ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
	byte ^= 0x10;
	ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static struct srd_image header(void)
{
	struct srd_image read;
	int fd;

	open_store(SRD_NOSYNC);
	ck_assert_int_eq(srd_log_image_open(store->log, &read, &fd), 0);
	close(fd);
	close_store();
	return read;
}

START_TEST(a_damaged_chunk_is_made_again_unnoticed)
{
	make_image();
	struct srd_image sizes = header();
	for (unsigned i = 0; i < SRD_IMAGE_TABLES; i++) {
		const struct srd_image_table *table = &sizes.tables[i];
		for (uint32_t first = 0; first < table->count; first += table->chunk_len) {
			off_t at = (off_t)(table->offset + (uint64_t)(first ? first : table->count > 1) * table->entry_len);
			flip(image, at);
			open_store(SRD_NOSYNC);
			ck_assert(came_from_image());
			assert_all();
			check_state(&store->state);
			ck_assert_int_eq(srd_chunks_error(store->state.chunks), 0);
			close_store();
			flip(image, at);
		}
	}
	open_store(0);
}
END_TEST

/* Written to before anybody has read there. */
START_TEST(a_damaged_chunk_can_be_written_to)
{
	make_image();
	struct srd_image sizes = header();
	for (unsigned i = 0; i < SRD_IMAGE_TABLES; i++) {
		off_t at = (off_t)(sizes.tables[i].offset + (uint64_t)(sizes.tables[i].count > 1) * sizes.tables[i].entry_len);
		flip(image, at);
		open_store(SRD_NOSYNC);
		put_range(100, 200);
		put_range((int)(KEYS + 10 * i), (int)(KEYS + 10 * i + 10));
		assert_all();
		check_state(&store->state);
		close_store();
		flip(image, at);
	}
	open_store(0);
	assert_all();
}
END_TEST

/* The image refers to names in the log, and who opens by it has not checked them. */
static void rot_a_name(void)
{
	put("rotten", "2");
	make_image();
	struct file_bytes log = read_file(path);
	uint8_t *name = memmem(log.bytes, log.len, "rotten", 6);
	name[2] = 'T';
	write_file(path, &log);
	free(log.bytes);
	open_store(SRD_NOSYNC);
	ck_assert(came_from_image());
}

/* From here on it is as if there had been no image. */
static void assert_rot_is_known(void)
{
	assert_all();
	ck_assert(!came_from_image());
	ck_assert_int_eq(get_error("roTten"), -ENOENT);
	ck_assert_int_eq(srd_put(store, KEY("new"), "x", 1), SRD_EDAMAGED);
}

START_TEST(a_rotten_name_is_not_just_absent)
{
	rot_a_name();
	ck_assert_int_eq(get_error("rotten"), SRD_ECORRUPT);
	assert_rot_is_known();
}
END_TEST

START_TEST(a_rotten_name_is_not_listed)
{
	struct srd_entry entry;
	srd_iter *iter;
	int got;

	rot_a_name();
	ck_assert_int_eq(srd_iter_new(store, NULL, 0, 0, 0, 1, &iter), 0);
	while ((got = srd_iter_next(iter, &entry)) == 1)
		ck_assert_str_ne(entry.key, "roTten");
	srd_iter_free(iter);
	ck_assert_int_eq(got, SRD_ECORRUPT);
	assert_rot_is_known();
}
END_TEST

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

static void copy_file(const char *from, const char *to)
{
	char command[512];

	snprintf(command, sizeof command, "cp -p '%s' '%s'", from, to);
	ck_assert_int_eq(system(command), 0);
}

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

/* ---- Saving ---- */

START_TEST(one_saves_at_a_time_and_none_goes_back)
{
	struct srd_image_file file, other;
	struct srd_store *second;

	make_image();
	open_store(SRD_NOSYNC);
	ck_assert_int_eq(srd_store_open(path, SRD_NOSYNC, NULL, &second), 0);
	uint64_t offset = store->image.offset;
	ck_assert_int_eq(srd_image_file_begin(&file, store->log, offset), -EEXIST);
	ck_assert_int_eq(srd_image_file_begin(&file, store->log, offset - 64), -EEXIST);
	ck_assert_int_eq(srd_image_file_begin(&file, store->log, offset + 64), 0);
	ck_assert_int_eq(srd_image_file_begin(&other, second->log, offset + 64), -EAGAIN);
	srd_image_file_abandon(&file);
	ck_assert_int_eq(srd_image_file_begin(&other, second->log, offset + 64), 0);
	srd_image_file_abandon(&other);
	srd_store_close(second);
}
END_TEST

static ssize_t write_fails(const struct srd_io *io, int fd, const struct iovec *iov, int count, uint64_t offset)
{
	struct stat st, of;

	/* The log alone has room. */
	if (fstat(fd, &st) == 0 && stat(path, &of) == 0 && st.st_ino != of.st_ino)
		return -ENOSPC;
	return srd_io_posix.pwritev(io, fd, iov, count, offset);
}

START_TEST(a_full_disk_costs_the_image_alone)
{
	struct srd_io io = srd_io_posix;

	close_store();
	io.pwritev = write_fails;
	ck_assert_int_eq(srd_store_open(path, 0, &io, &store), 0);
	put_range(0, KEYS);
	close_synced();
	snprintf(image, sizeof image, "%s.idx", path);
	ck_assert_int_ne(access(image, F_OK), 0);
	strcat(image, ".tmp");
	ck_assert_int_ne(access(image, F_OK), 0);
	open_store(SRD_NOSYNC);
	assert_range(0, KEYS);
}
END_TEST

/* ---- Beside writers ---- */

static uint64_t saved_offset(void)
{
	srd_mutex_lock(&store->commit_mutex);
	uint64_t offset = store->saved.offset;
	srd_mutex_unlock(&store->commit_mutex);
	return offset;
}

static atomic_int next_key;
static atomic_bool enough;

static void *put_on(void *user)
{
	char key[64];

	(void)user;
	while (!atomic_load(&enough)) {
		int i = atomic_fetch_add(&next_key, 1);
		key_of(i, key);
		EXPECT(srd_put(store, KEY(key), &i, sizeof i) == 0);
		if (i > 3000 && i % 7 == 0)
			EXPECT(srd_put(store, "again", 5, &i, sizeof i) == 0);
	}
	return NULL;
}

/* Writers go on until the third image is there; then the process is as good as killed. */
START_TEST(images_come_while_writers_go_on)
{
	pthread_t writers[3];
	uint64_t offset = 0;

	close_store();
	open_store(0);
	snprintf(image, sizeof image, "%s.idx", path);
	store->save_after_ops = 3000;
	for (int i = 0; i < 3; i++)
		EXPECT(pthread_create(&writers[i], NULL, put_on, NULL) == 0);
	for (int images = 0; images < 3; images++) {
		while (saved_offset() == offset)
			sched_yield();
		EXPECT(saved_offset() > offset);
		offset = saved_offset();
	}
	atomic_store(&enough, true);
	for (int i = 0; i < 3; i++)
		pthread_join(writers[i], NULL);
	struct srd_store *first = store;
	open_store(SRD_NOSYNC);
	ck_assert_uint_ge(store->image.offset, offset);
	assert_range(0, atomic_load(&next_key));
	check_state(&store->state);
	uint64_t by_image = digest(&store->state);
	ck_assert_uint_eq(digest(&first->state), by_image);
	srd_close(first);
}
END_TEST

START_TEST(closing_ends_a_saver_and_leaves_nothing)
{
	char temporary[200];

	close_store();
	open_store(0);
	snprintf(temporary, sizeof temporary, "%s.idx.tmp", path);
	store->save_after_ops = 500;
	put_range(0, 1000);
	put_range(1000, 1100);
	close_store();
	ck_assert_int_ne(access(temporary, F_OK), 0);
	open_store(SRD_NOSYNC);
	assert_range(0, 1100);
}
END_TEST

/* More than a large page ahead, so nobody has touched it; and yet it is there, or this never ends. */
START_TEST(memory_for_the_next_files_is_touched_beforehand)
{
	enum { MANY = 64000, AHEAD = 22000 };
	unsigned char there = 0;

	for (int i = 0; i < MANY; i += 1000)
		put_range(i, i + 1000);
	uintptr_t next = (uintptr_t)srd_inode_at(&store->state, store->state.inodes.count - 1);
	uintptr_t page = (next + AHEAD * sizeof(struct srd_inode)) / 4096 * 4096;
	while (!(there & 1)) {
		EXPECT(mincore((void *)page, 4096, &there) == 0);
		sched_yield();
	}
	put_range(MANY, 2 * MANY);
	assert_range(0, 2 * MANY);
}
END_TEST

/* What pins keep lies where it would not by the log alone. */
START_TEST(pins_do_not_get_into_an_image)
{
	char key[64];

	make_image();
	open_store(SRD_NOSYNC);
	for (int i = 61; i < 200; i++) {
		key_of(i, key);
		uint32_t dentry = i % 3 ? srd_state_lookup(&store->state, 1, KEY(key)) : 0;
		if (!dentry)
			continue;
		srd_state_pin(&store->state, srd_dentry_at(&store->state, dentry)->inode, 1);
		ck_assert_int_eq(srd_delete(store, KEY(key)), 0);
	}
	put_range(KEYS, 2 * KEYS);
	ck_assert(store->state.own_order);
	close_synced();
	open_store(SRD_NOSYNC);
	ck_assert_uint_gt(store->image.ops, KEYS * 2);
	check_state(&store->state);
	assert_range(200, 2 * KEYS);
	uint64_t by_image = digest(&store->state);
	close_store();
	ck_assert_int_eq(unlink(image), 0);
	open_store(SRD_NOSYNC);
	ck_assert_uint_eq(digest(&store->state), by_image);
}
END_TEST

START_TEST(a_saver_takes_no_damage_over)
{
	struct srd_store_image saved;

	make_image();
	struct srd_image sizes = header();
	flip(image, (off_t)(sizes.tables[0].offset + 5 * sizes.tables[0].entry_len));
	open_store(SRD_NOSYNC);
	put_range(KEYS, KEYS + 10);
	ck_assert_int_eq(srd_image_save_beside(store, NULL, &saved), 0);
	assert_all();
	uint64_t live = digest(&store->state);
	close_store();
	open_store(SRD_NOSYNC);
	ck_assert_uint_eq(store->image.offset, saved.offset);
	ck_assert_uint_eq(digest(&store->state), live);
	assert_all();
}
END_TEST

/* Whatever is read meanwhile is right or an error, and what comes later is right. */
START_TEST(an_image_cut_while_mapped_is_replaced)
{
	srd_value value;
	char key[64];

	ck_assert_int_eq(srd_catch_faults(), 0);
	make_image();
	for (int seen = 0; seen < 3; seen++) {
		char kept[200];
		snprintf(kept, sizeof kept, "%s.kept", path);
		copy_file(image, kept);
		open_store(SRD_NOSYNC);
		ck_assert(came_from_image());
		if (seen > 0)
			assert_all();
		if (seen > 1)
			put_range(100, 200);
		ck_assert_int_eq(truncate(image, 0), 0);
		for (int i = 60; i < KEYS; i++) {
			key_of(i, key);
			int error = srd_get(store, KEY(key), &value);
			EXPECT(error == 0 || error == SRD_ECORRUPT);
			if (error)
				continue;
			EXPECT(value.len == sizeof i && memcmp(value.data, &i, sizeof i) == 0);
			srd_value_release(&value);
		}
		ck_assert(!came_from_image());
		assert_all();
		put_range(60, 70);
		check_state(&store->state);
		close_store();
		ck_assert_int_eq(rename(kept, image), 0);
	}
	open_store(0);
}
END_TEST

static void add(TCase *tcase)
{
	tcase_add_test(tcase, many_changes_leave_an_image_and_few_do_not);
	tcase_add_test(tcase, what_is_not_durable_has_no_image);
	tcase_add_test(tcase, the_state_is_the_same_and_stays_so);
	tcase_add_test(tcase, the_tables_are_a_function_of_the_log);
	tcase_add_test(tcase, a_killed_process_leaves_only_its_tail_to_replay);
	tcase_add_test(tcase, a_damaged_chunk_is_made_again_unnoticed);
	tcase_add_test(tcase, a_damaged_chunk_can_be_written_to);
	tcase_add_test(tcase, a_rotten_name_is_not_just_absent);
	tcase_add_test(tcase, a_rotten_name_is_not_listed);
	tcase_add_test(tcase, a_damaged_header_or_list_of_checks_is_ignored);
	tcase_add_test(tcase, a_cut_image_is_ignored);
	tcase_add_test(tcase, the_image_of_another_history_is_ignored);
	tcase_add_test(tcase, the_image_of_another_store_is_ignored);
	tcase_add_test(tcase, what_is_no_file_of_ours_is_ignored);
	tcase_add_test(tcase, the_image_of_another_user_is_ignored);
	tcase_add_test(tcase, the_image_has_the_mode_of_the_store);
	tcase_add_test(tcase, what_a_killed_saver_left_is_in_nobodys_way);
	tcase_add_test(tcase, a_hostile_image_never_crashes);
	tcase_add_test(tcase, one_saves_at_a_time_and_none_goes_back);
	tcase_add_test(tcase, a_full_disk_costs_the_image_alone);
	tcase_add_test(tcase, images_come_while_writers_go_on);
	tcase_add_test(tcase, closing_ends_a_saver_and_leaves_nothing);
	tcase_add_test(tcase, memory_for_the_next_files_is_touched_beforehand);
	tcase_add_test(tcase, pins_do_not_get_into_an_image);
	tcase_add_test(tcase, a_saver_takes_no_damage_over);
	tcase_add_test(tcase, an_image_cut_while_mapped_is_replaced);
}

int main(void)
{
	seed = unit_seed();
	return run_case("image", add);
}
