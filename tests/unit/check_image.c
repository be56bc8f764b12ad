/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image makes opening cheap and changes nothing else: what is read is the same
 * with it, without it, and with any of it damaged.
 */
#include "config.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "imagefix.h"
#include "state/image.h"
#include "statecheck.h"

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

/* Though its writer is long gone, and has left a mark that nobody synced. */
START_TEST(who_only_reads_makes_a_lost_image_again)
{
	close_store();
	open_store(0);
	put_range(0, KEYS);
	close_store();
	snprintf(image, sizeof image, "%s.idx", path);
	ck_assert_int_eq(unlink(image), 0);
	open_store(0);
	assert_range(0, KEYS);
	close_store();
	ck_assert_int_eq(access(image, F_OK), 0);
	open_store(0);
	ck_assert(came_from_image());
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

/* ---- Damage ---- */

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
			ck_assert_int_eq(srd_state_error(&store->state), 0);
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

static int unlinked, synced;   /* images, since the directory was synced; the directory, behind them */

static int unlink_and_count(const struct srd_io *io, int fd, const char *name)
{
	(void)io;
	unlinked += strstr(name, ".idx") != NULL;
	return srd_io_posix.unlink(&srd_io_posix, fd, name);
}

static int sync_and_count(const struct srd_io *io, int fd)
{
	struct stat st;

	(void)io;
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		synced += unlinked;
		unlinked = 0;
	}
	return srd_io_posix.fdatasync(&srd_io_posix, fd);
}

/* A repair says what the log adds up to without it: it must not be there again after a crash. */
START_TEST(what_is_removed_is_durably_gone)
{
	struct srd_io io = srd_io_posix;

	put("a", "text");
	ck_assert_int_eq(srd_image_save_beside(store, NULL, &store->saved), 0);
	io.unlink = unlink_and_count;
	io.fdatasync = sync_and_count;
	store->log->io = &io;
	ck_assert_int_eq(srd_image_file_remove(store->log), 0);
	store->log->io = &srd_io_posix;
	ck_assert_int_gt(synced, 0);
	ck_assert_int_eq(unlinked, 0);
}
END_TEST

static void add(TCase *tcase)
{
	tcase_add_test(tcase, many_changes_leave_an_image_and_few_do_not);
	tcase_add_test(tcase, what_is_not_durable_has_no_image);
	tcase_add_test(tcase, who_only_reads_makes_a_lost_image_again);
	tcase_add_test(tcase, the_state_is_the_same_and_stays_so);
	tcase_add_test(tcase, the_tables_are_a_function_of_the_log);
	tcase_add_test(tcase, a_killed_process_leaves_only_its_tail_to_replay);
	tcase_add_test(tcase, a_damaged_chunk_is_made_again_unnoticed);
	tcase_add_test(tcase, a_damaged_chunk_can_be_written_to);
	tcase_add_test(tcase, a_rotten_name_is_not_just_absent);
	tcase_add_test(tcase, a_rotten_name_is_not_listed);
	tcase_add_test(tcase, one_saves_at_a_time_and_none_goes_back);
	tcase_add_test(tcase, a_full_disk_costs_the_image_alone);
	tcase_add_test(tcase, images_come_while_writers_go_on);
	tcase_add_test(tcase, closing_ends_a_saver_and_leaves_nothing);
	tcase_add_test(tcase, memory_for_the_next_files_is_touched_beforehand);
	tcase_add_test(tcase, pins_do_not_get_into_an_image);
	tcase_add_test(tcase, a_saver_takes_no_damage_over);
	tcase_add_test(tcase, what_is_removed_is_durably_gone);
	tcase_add_test(tcase, an_image_cut_while_mapped_is_replaced);
}

int main(void)
{
	return run_case("image", add);
}
