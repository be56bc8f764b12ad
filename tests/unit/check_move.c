/* SPDX-License-Identifier: Apache-2.0 */
/* A store is compacted while it is open: handles, pointers, readers, iterators, streams and
 * batches go on as if nothing had happened, in this process and in others. */
#include "config.h"

#include "movefix.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "base/check.h"
#include "base/cleanup.h"
#include "fs/fs.h"
#include "store/store.h"
#include "store/txn.h"

enum { KEYS = 300, LARGE = 200 << 10 };

START_TEST(all_handles_go_over_and_agree)
{
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < KEYS; i++)
			put_number(i % 2 ? store : another, i, round);
		uint64_t before = generation(store);
		compact(round % 2 ? store : another);
		ck_assert_uint_eq(generation(store), before + 1);
		ck_assert_uint_eq(generation(another), before + 1);
		for (int i = 0; i < KEYS; i++)
			expect_number(i % 3 ? store : another, i, round);
	}
}
END_TEST

/* P7 */
START_TEST(pointers_handed_out_stay)
{
	SRD_AUTO_FREE uint8_t *bytes = pattern(LARGE, 1);
	srd_value value, small;

	ck_assert_int_eq(srd_put(store, KEY("large"), bytes, LARGE), 0);
	put("small", "here");
	ck_assert_int_eq(srd_get(store, KEY("large"), &value), 0);
	ck_assert_int_eq(srd_get(another, KEY("small"), &small), 0);
	ck_assert_int_eq(srd_delete(another, KEY("large")), 0);
	put("small", "else");
	for (int i = 0; i < 3; i++) {
		compact(store);
		put_number(another, i, 0);
		expect_number(store, i, 0);
	}
	ck_assert_int_eq(memcmp(value.data, bytes, LARGE), 0);
	ck_assert_int_eq(memcmp(small.data, "here", 4), 0);
	srd_value_release(&value);
	srd_value_release(&small);
}
END_TEST

START_TEST(readers_read_what_they_began_with)
{
	SRD_AUTO_FREE uint8_t *bytes = pattern(LARGE, 2), *got = malloc(LARGE);
	srd_reader *reader;

	ck_assert_int_eq(srd_put(store, KEY("large"), bytes, LARGE), 0);
	ck_assert_int_eq(srd_reader_new(another, KEY("large"), &reader), 0);
	ck_assert_int_eq(srd_reader_read(reader, got, 1000), 1000);
	put("large", "short by now");
	compact(store);
	ck_assert_int_eq(srd_exists(another, KEY("large")), 1);
	ck_assert_int_eq(srd_reader_read(reader, got + 1000, LARGE), LARGE - 1000);
	ck_assert_int_eq(memcmp(got, bytes, LARGE), 0);
	srd_reader_free(reader);
}
END_TEST

/* Streams and batches have data in the log that no commit names yet. */
START_TEST(streams_and_batches_come_along)
{
	SRD_AUTO_FREE uint8_t *bytes = pattern(3 << 20, 3);
	srd_writer *writer;
	srd_batch *batch;

	ck_assert_int_eq(srd_writer_new(another, KEY("stream"), &writer), 0);
	ck_assert_int_eq(srd_batch_new(another, &batch), 0);
	ck_assert_int_eq(srd_batch_put(batch, KEY("one"), bytes, LARGE), 0);
	ck_assert_int_eq(srd_batch_put(batch, KEY("few"), "x", 1), 0);
	ck_assert_int_eq(srd_writer_write(writer, bytes, 2 << 20), 0);
	compact(store);
	put("between", "x");
	ck_assert_int_eq(srd_batch_put(batch, KEY("two"), bytes + 1, LARGE), 0);
	ck_assert_int_eq(srd_writer_write(writer, bytes + (2 << 20), 1 << 20), 0);
	compact(store);
	ck_assert_int_eq(srd_batch_commit(batch), 0);
	compact(store);
	ck_assert_int_eq(srd_writer_commit(writer), 0);
	srd_batch_free(batch);
	expect_pattern(store, "stream", 3 << 20, 3);
	expect_pattern(store, "one", LARGE, 3);
	compact(another);
	expect_pattern(store, "one", LARGE, 3);
	assert_text("few", "x");
}
END_TEST

/* ---- Files that have no name yet ---- */

/* Who opens the new log, and finds nobody else there, takes them for what a crash has left. */
START_TEST(what_has_no_name_yet_is_not_swept_away)
{
	const struct srd_fs_node node = { .mode = S_IFREG | 0600 };
	struct srd_fs *fs, *sweeping;
	struct srd_file *file;
	struct stat st, named;
	char text[16] = "";

	ck_assert_int_eq(srd_fs_new(another, NULL, NULL, &fs), 0);
	ck_assert_int_eq(srd_fs_create(fs, SRD_ROOT_INO, NULL, &node, O_RDWR, &st, &file), 0);
	ck_assert_int_eq(srd_fs_write(fs, file, 0, "content", 7, NULL), 0);
	ck_assert_int_eq(srd_fs_flush(fs, file), 0);
	compact(store);
	reopen_store();
	ck_assert_int_eq(srd_fs_new(store, NULL, NULL, &sweeping), 0);
	ck_assert_uint_eq(store->state.unnamed, 1);
	srd_unnamed_sweep(sweeping);
	ck_assert_uint_eq(store->state.unnamed, 0);
	ck_assert_int_eq(srd_fs_link(fs, st.st_ino, SRD_ROOT_INO, "named", &named), 0);
	ck_assert_uint_eq(named.st_ino, st.st_ino);
	ck_assert_int_eq(srd_fs_read(fs, file, 0, text, sizeof text), 7);
	ck_assert_str_eq(text, "content");
	srd_fs_close(fs, file);
	srd_value value;
	ck_assert_int_eq(srd_get(store, KEY("named"), &value), 0);
	ck_assert_uint_eq(value.len, 7);
	srd_value_release(&value);
	ck_assert_int_eq(srd_fs_free(fs), 0);
	ck_assert_int_eq(srd_fs_free(sweeping), 0);
}
END_TEST

/* Somebody at the new log, while another brings there what it has open. */
struct meddler {
	uint64_t ino;                  /* of what was brought first */
	bool compacts_before, compacts_after;
};

static void free_unnamed(srd_store *by, uint64_t ino)
{
	struct srd_txn *txn;

	ck_assert_int_eq(srd_txn_begin(by, &txn), 0);
	ck_assert_int_eq(srd_txn_free(txn, ino), 0);
	ck_assert_int_eq(srd_txn_commit(txn, NULL), 0);
}

/* Another who had it open, too, has done with it. */
static void meddle(void *user, uint64_t ino)
{
	struct meddler *meddler = user;

	if (meddler->ino)
		return;
	meddler->ino = ino;
	if (meddler->compacts_before)
		compact(store);
	free_unnamed(store, ino);
	if (meddler->compacts_after)
		compact(store);
}

static void ignore_entry(void *user, uint64_t parent, const char *name, uint8_t len)
{
	(void)user, (void)parent, (void)name, (void)len;
}

static void ignore_inode(void *user, uint64_t ino, uint64_t from, uint64_t to)
{
	(void)user, (void)ino, (void)from, (void)to;
}

static void ignore(void *user)
{
	(void)user;
}

static struct srd_file *open_text(struct srd_fs *fs, const char *name)
{
	const struct srd_fs_node node = { .mode = S_IFREG | 0600 };
	struct srd_file *file;
	struct stat st;

	ck_assert_int_eq(srd_fs_create(fs, SRD_ROOT_INO, name, &node, O_RDWR, &st, &file), 0);
	ck_assert_int_eq(srd_fs_write(fs, file, 0, name, strlen(name), NULL), 0);
	ck_assert_int_eq(srd_fs_flush(fs, file), 0);
	return file;
}

static void expect_text(struct srd_fs *fs, struct srd_file *file, const char *name)
{
	char text[16] = "";

	ck_assert_int_eq(srd_fs_read(fs, file, 0, text, sizeof text), (ssize_t)strlen(name));
	ck_assert_str_eq(text, name);
}

START_TEST(what_is_brought_stays_whoever_frees_it_meanwhile)
{
	struct meddler meddler = { .compacts_before = _i & 1, .compacts_after = _i & 2 };
	const struct srd_watch watch = { .entry = ignore_entry, .inode = ignore_inode, .all = ignore,
	                                 .kept = meddle, .published = ignore, .user = &meddler };
	struct srd_file *first, *second;
	struct srd_fs *fs;

	ck_assert_int_eq(srd_fs_new(another, NULL, NULL, &fs), 0);
	first = open_text(fs, "first");
	second = open_text(fs, "second");
	ck_assert_int_eq(srd_delete(store, KEY("first")), 0);
	ck_assert_int_eq(srd_delete(store, KEY("second")), 0);
	expect_text(fs, first, "first");
	compact(store);
	another->watch = &watch;
	expect_text(fs, second, "second");
	expect_text(fs, first, "first");
	ck_assert_uint_ne(meddler.ino, 0);
	another->watch = NULL;
	srd_fs_close(fs, first);
	srd_fs_close(fs, second);
	ck_assert_int_eq(srd_fs_free(fs), 0);
}
END_TEST

/* It loses its name in a log that its user never sees. */
START_TEST(what_lost_its_name_between_two_compactions_stays)
{
	struct srd_file *file;
	struct srd_fs *fs;

	ck_assert_int_eq(srd_fs_new(another, NULL, NULL, &fs), 0);
	file = open_text(fs, "file");
	for (int i = 0; i < 2 + _i; i++) {
		put_number(store, i, 0);
		compact(store);
		if (i == 0)
			ck_assert_int_eq(srd_delete(store, KEY("file")), 0);
	}
	ck_assert_uint_eq(another->log->sb.generation, 1);
	expect_text(fs, file, "file");
	ck_assert_int_eq(get_error("file"), -ENOENT);
	srd_fs_close(fs, file);
	ck_assert_int_eq(srd_fs_free(fs), 0);
}
END_TEST

/* ---- Ways to go over ---- */

/* Killed between the two, the compactor has left no SEALED: the name alone tells. */
START_TEST(one_who_finds_the_name_alone_goes_over)
{
	struct stat st;
	int status, fd = open(path, O_RDWR);

	put_number(store, 0, 0);
	expect_number(another, 0, 0);
	pid_t pid = fork();
	if (pid == 0) {
		open_store(SRD_NOSYNC);
		compact(store);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	/* The record that says so is taken away again, as if it had not come that far. */
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(ftruncate(fd, st.st_size - 64), 0);
	close(fd);
	put_number(another, 1, 1);
	expect_number(store, 1, 1);
	ck_assert_uint_eq(generation(another), 2);
}
END_TEST

static int dir_syncs;

static int dir_error;

static int count_dir_syncs(const struct srd_io *io, int fd)
{
	struct stat st;

	bool is_dir = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);

	dir_syncs += is_dir;
	if (is_dir && dir_error)
		return dir_error;
	return srd_io_posix.fdatasync(io, fd);
}

/* One that was just compacted, and written to since, by IO, which lives as long. */
static srd_store *open_unsure(struct srd_io *io)
{
	srd_store *unsure;

	io->fdatasync = count_dir_syncs;
	put("key", "x");
	compact(store);
	ck_assert_int_eq(srd_store_open(path, SRD_NOSYNC, io, &unsure), 0);
	ck_assert_int_eq(srd_put(unsure, KEY("key"), "y", 1), 0);
	return unsure;
}

/* A compactor that is killed may have renamed, and not synced the directory: what is synced
 * in the new log by others must not go with its name. */
START_TEST(nothing_is_durable_before_the_name_is)
{
	struct srd_io io = srd_io_posix;
	srd_store *unsure = open_unsure(&io);

	ck_assert_int_eq(dir_syncs, 0);
	ck_assert_int_eq(srd_sync(unsure), 0);
	ck_assert_int_eq(dir_syncs, 1);
	ck_assert_int_eq(srd_put(unsure, KEY("key"), "z", 1), 0);
	ck_assert_int_eq(srd_sync(unsure), 0);
	ck_assert_int_eq(dir_syncs, 1);
	ck_assert_int_eq(srd_close(unsure), 0);
}
END_TEST

/* A directory tells of an error once, like a file: to ask again is no proof. */
START_TEST(a_directory_that_could_not_be_synced_poisons)
{
	struct srd_io io = srd_io_posix;
	srd_store *unsure = open_unsure(&io);

	dir_error = -EIO;
	ck_assert_int_eq(srd_sync(unsure), -EIO);
	dir_error = 0;
	ck_assert_int_eq(srd_sync(unsure), SRD_EPOISONED);
	ck_assert_int_eq(srd_put(unsure, KEY("key"), "z", 1), SRD_EPOISONED);
	ck_assert_int_eq(srd_close(unsure), 0);
}
END_TEST

/* However it is open, and without shared memory. */
static void expect_to_go_on(int flags)
{
	ck_assert_int_eq(srd_close(another), 0);
	close_store();
	open_store(flags | SRD_NOSYNC);
	for (int i = 0; i < 4; i++) {
		put_number(store, i, i);
		compact(store);
		expect_number(store, i, i);
		put_number(store, i, i + 1);
		expect_number(store, i, i + 1);
		ck_assert_uint_eq(generation(store), (uint64_t)i + 2);
	}
	if (flags)
		ck_assert_int_eq(srd_open(path, flags, &another), -EBUSY);
	reopen_store();
	for (int i = 0; i < 4; i++)
		expect_number(store, i, i + 1);
	ck_assert_int_eq(srd_open(path, SRD_NOSYNC, &another), 0);
}

START_TEST(who_has_it_alone_keeps_it)
{
	expect_to_go_on(SRD_EXCLUSIVE);
}
END_TEST

static int intrusion;

/* Another comes the moment the new log has its name. */
static int rename_and_intrude(const struct srd_io *io, int dir_fd, const char *from, const char *to, unsigned flags)
{
	int error = srd_io_posix.rename(io, dir_fd, from, to, flags);
	srd_store *intruder;

	if (strcmp(to, "test.srd") != 0)
		return error;
	intrusion = srd_open(path, SRD_NOSYNC, &intruder);
	if (intrusion == 0)
		srd_close(intruder);
	return error;
}

START_TEST(who_has_it_alone_is_not_overtaken)
{
	struct srd_io io = srd_io_posix;

	io.rename = rename_and_intrude;
	ck_assert_int_eq(srd_close(another), 0);
	close_store();
	ck_assert_int_eq(srd_store_open(path, SRD_EXCLUSIVE | SRD_NOSYNC, &io, &store), 0);
	put_number(store, 0, 0);
	compact(store);
	ck_assert_int_eq(intrusion, -EBUSY);
	ck_assert_uint_eq(generation(store), 2);
	expect_number(store, 0, 0);
	close_store();
	open_store(SRD_NOSYNC);
	ck_assert_int_eq(srd_open(path, SRD_NOSYNC, &another), 0);
}
END_TEST

START_TEST(the_one_writer_stays_the_one)
{
	expect_to_go_on(SRD_SINGLE_WRITER);
}
END_TEST

START_TEST(without_shared_memory)
{
	setenv("SRD_REMOTE", "1", 1);
	expect_to_go_on(0);
	for (int i = 0; i < 4; i++) {
		put_number(another, i, i);
		compact(store);
		expect_number(another, i, i);
		put_number(another, i, i + 2);
		expect_number(store, i, i + 2);
	}
	unsetenv("SRD_REMOTE");
}
END_TEST

START_TEST(who_only_reads_goes_over_and_holds_what_it_has)
{
	srd_store *reader;
	srd_value value;

	put_number(store, 0, 0);
	ck_assert_int_eq(srd_open(path, SRD_RDONLY, &reader), 0);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(srd_get(reader, KEY("dir/0"), &value), 0);
		compact(store);
		put_number(store, 0, i + 1);
		expect_number(reader, 0, i + 1);
		ck_assert_uint_eq(generation(reader), (uint64_t)i + 2);
		ck_assert_int_eq(memcmp(value.data, "value 0 of round ", 17), 0);
		ck_assert_int_eq(((const char *)value.data)[17], '0' + i);
		srd_value_release(&value);
	}
	ck_assert_int_eq(srd_close(reader), 0);
}
END_TEST

/* ---- Several at once ---- */

static atomic_bool stop;
static atomic_ulong reads, failures;
/* Puts that may have been made by now: who writes as fast as it can fills a disk where
 * compacting is slow. */
static atomic_int allowed;
enum { PUTS_A_ROUND = 100 };

static void *read_on(void *user)
{
	srd_store *in = user;

	while (!atomic_load(&stop)) {
		srd_value value;
		if (srd_get(in, KEY("steady"), &value) != 0 || value.len != LARGE || value.iov_count != 1 ||
		    ((const uint8_t *)value.data)[LARGE - 1] != ((const uint8_t *)value.data)[0])
			atomic_fetch_add(&failures, 1);
		else
			srd_value_release(&value);
		atomic_fetch_add(&reads, 1);
	}
	return NULL;
}

/* Each value is all of one letter, and letters only rise. */
static void *write_on(void *user)
{
	srd_store *to = user;
	uint8_t *bytes = malloc(LARGE);

	for (int i = 0; !atomic_load(&stop); i++) {
		while (i >= atomic_load(&allowed) && !atomic_load(&stop))
			sched_yield();
		memset(bytes, i & 0xff, LARGE);
		if (srd_put(to, KEY("steady"), bytes, LARGE) != 0)
			atomic_fetch_add(&failures, 1);
	}
	free(bytes);
	return NULL;
}

START_TEST(readers_and_writers_go_on_meanwhile)
{
	SRD_AUTO_FREE uint8_t *bytes = calloc(1, LARGE);
	pthread_t threads[4];
	srd_store *const in[] = { store, another, store, another };

	atomic_store(&stop, false);
	atomic_store(&reads, 0);
	atomic_store(&failures, 0);
	atomic_store(&allowed, 0);
	ck_assert_int_eq(srd_put(store, KEY("steady"), bytes, LARGE), 0);
	for (size_t i = 0; i < SRD_LEN(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, i == 0 ? write_on : read_on, in[i]), 0);
	for (int i = 0; i < 10; i++) {
		unsigned long before = atomic_load(&reads);
		atomic_fetch_add(&allowed, PUTS_A_ROUND);
		compact(i % 2 ? store : another);
		while (atomic_load(&reads) < before + 20)
			sched_yield();
	}
	atomic_store(&stop, true);
	for (size_t i = 0; i < SRD_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(atomic_load(&failures), 0);
}
END_TEST

/* Many come at once, and must find each other. */
START_TEST(processes_that_go_over_together_agree)
{
	enum { PROCESSES = 6, ROUNDS = 5, PUTS = 20 };
	pid_t pids[PROCESSES];
	int status;

	for (int p = 0; p < PROCESSES; p++) {
		pids[p] = fork();
		if (pids[p] != 0)
			continue;
		srd_store *mine;
		if (srd_open(path, SRD_NOSYNC, &mine) != 0)
			_exit(1);
		for (int i = 0; i < ROUNDS * PUTS; i++) {
			char key[32];
			int len = snprintf(key, sizeof key, "p%d/%d", p, i);
			if (srd_put(mine, key, (size_t)len, &i, sizeof i) != 0)
				_exit(2);
			const struct srd_compact_options options = { 0 };
			struct srd_compacted result;
			int error = i % PUTS == p ? srd_compact(mine, &options, &result) : 0;
			if (error && error != -EBUSY && error != SRD_EREPLACED)
				_exit(3);
		}
		srd_close(mine);
		_exit(0);
	}
	for (int p = 0; p < PROCESSES; p++) {
		ck_assert_int_eq(waitpid(pids[p], &status, 0), pids[p]);
		ck_assert_int_eq(status, 0);
	}
	for (int p = 0; p < PROCESSES; p++)
		for (int i = 0; i < ROUNDS * PUTS; i++) {
			char key[32];
			int len = snprintf(key, sizeof key, "p%d/%d", p, i);
			ck_assert_int_eq(srd_exists(i % 2 ? store : another, key, (size_t)len), 1);
		}
}
END_TEST

static void add(TCase *tcase)
{
	tcase_add_test(tcase, all_handles_go_over_and_agree);
	tcase_add_test(tcase, pointers_handed_out_stay);
	tcase_add_test(tcase, readers_read_what_they_began_with);
	tcase_add_test(tcase, streams_and_batches_come_along);
	tcase_add_test(tcase, what_has_no_name_yet_is_not_swept_away);
	tcase_add_loop_test(tcase, what_is_brought_stays_whoever_frees_it_meanwhile, 0, 4);
	tcase_add_loop_test(tcase, what_lost_its_name_between_two_compactions_stays, 0, 2);
	tcase_add_test(tcase, one_who_finds_the_name_alone_goes_over);
	tcase_add_test(tcase, nothing_is_durable_before_the_name_is);
	tcase_add_test(tcase, a_directory_that_could_not_be_synced_poisons);
	tcase_add_test(tcase, who_has_it_alone_keeps_it);
	tcase_add_test(tcase, who_has_it_alone_is_not_overtaken);
	tcase_add_test(tcase, the_one_writer_stays_the_one);
	tcase_add_test(tcase, without_shared_memory);
	tcase_add_test(tcase, who_only_reads_goes_over_and_holds_what_it_has);
	tcase_add_test(tcase, readers_and_writers_go_on_meanwhile);
	tcase_add_test(tcase, processes_that_go_over_together_agree);
}

int main(void)
{
	return run_moves("move", add);
}
