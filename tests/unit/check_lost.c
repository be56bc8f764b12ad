/* SPDX-License-Identifier: Apache-2.0 */
/* A store whose file is cut short, replaced or punched while it is open: what is left
 * is served, what is gone is an error, nothing is written any more, and nobody dies. */
#include "config.h"

#include "srd.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "kv/inspect.h"
#include "store/store.h"

enum { FILES = 40, LEN = 100 * 1000 };

static uint8_t content[LEN];
static uint64_t offsets[FILES];   /* of the first byte in the store */

static void fill(int i)
{
	memset(content, 'a' + i % 26, sizeof content);
	content[0] = (uint8_t)i;
}

static const char *name_of(int i)
{
	static char name[32];

	snprintf(name, sizeof name, "dir/file-%d", i);
	return name;
}

static bool is_right(int i, const void *data, size_t len)
{
	fill(i);
	return len == sizeof content && memcmp(data, content, sizeof content) == 0;
}

static void put_files(void)
{
	struct srd_stat st;

	ck_assert_int_eq(srd_catch_faults(), 0);
	for (int i = 0; i < FILES; i++) {
		fill(i);
		ck_assert_int_eq(srd_put(store, KEY(name_of(i)), content, sizeof content), 0);
		ck_assert_int_eq(srd_stat(store, KEY(name_of(i)), &st), 0);
		offsets[i] = st.offset;
	}
}

/* So that what was found right before is all in doubt. */
static void touch_all(void)
{
	srd_value value;

	for (int i = 0; i < FILES; i++) {
		ck_assert_int_eq(srd_get(store, KEY(name_of(i)), &value), 0);
		ck_assert(is_right(i, value.data, value.len));
		srd_value_release(&value);
	}
}

static void close_lost(void)
{
	ck_assert_int_eq(srd_close(store), 0);   /* SRD_NOSYNC */
	store = NULL;
}

static void cut(uint64_t size)
{
	ck_assert_int_eq(truncate(path, (off_t)size), 0);
}

/* File I as all ways of reading see it: there, or SRD_ELOST everywhere. */
static void check_file(int i, bool there)
{
	static uint8_t buffer[LEN];
	srd_value value;
	srd_reader *reader;
	struct srd_stat st;

	int error = srd_get(store, KEY(name_of(i)), &value);
	ck_assert_int_eq(error, there ? 0 : SRD_ELOST);
	if (!error) {
		ck_assert(is_right(i, value.data, value.len));
		srd_value_release(&value);
	}
	/* Its name may be gone, too; but nobody says that there is no such key. */
	error = srd_stat(store, KEY(name_of(i)), &st);
	ck_assert(error == 0 || (!there && error == SRD_ELOST));
	error = srd_reader_new(store, KEY(name_of(i)), &reader);
	if (error) {
		ck_assert(!there && error == SRD_ELOST);
		return;
	}
	ssize_t got = srd_reader_pread(reader, buffer, sizeof buffer, 0);
	if (there)
		ck_assert(is_right(i, buffer, (size_t)got));
	else
		ck_assert(got == SRD_ELOST || (got < LEN && memcmp(buffer, content, (size_t)got) == 0));
	srd_reader_free(reader);
}

static void check_read_only(void)
{
	srd_writer *writer;
	struct srd_info info;

	ck_assert_int_eq(srd_put(store, KEY("new"), "x", 1), SRD_EDAMAGED);
	ck_assert_int_eq(srd_delete(store, KEY(name_of(0))), SRD_EDAMAGED);
	ck_assert_int_eq(srd_make_dir(store, KEY("there")), SRD_EDAMAGED);
	ck_assert_int_eq(srd_writer_new(store, KEY("stream"), &writer), 0);
	ck_assert_int_eq(srd_writer_write(writer, "x", 1), 0);
	ck_assert_int_eq(srd_writer_commit(writer), SRD_EDAMAGED);
	ck_assert_int_eq(srd_sync(store), SRD_ELOST);
	ck_assert_int_eq(srd_info(store, &info), 0);
	ck_assert(info.read_only);
}

static uint64_t file_size(void)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	return (uint64_t)st.st_size;
}

START_TEST(cut_short_the_rest_is_served)
{
	touch_all();
	cut(offsets[FILES / 2] - 5000);
	check_file(FILES - 1, false);
	for (int i = 0; i < FILES; i++)
		check_file(i, i < FILES / 2 - 1);
	check_read_only();
	/* Nothing was appended, or filled in. */
	ck_assert_uint_eq(file_size(), offsets[FILES / 2] - 5000);
	close_lost();
	/* Opened again it is the prefix that it is. */
	open_store(SRD_NOSYNC);
	check_file(0, true);
	ck_assert_int_eq(srd_put(store, KEY("new"), "x", 1), 0);
	close_store();
}
END_TEST

START_TEST(cut_to_nothing)
{
	touch_all();
	cut(0);
	for (int i = 0; i < FILES; i++)
		check_file(i, false);
	check_read_only();
	ck_assert_uint_eq(file_size(), 0);
	ck_assert_int_eq(srd_exists(store, KEY("none such")), SRD_ELOST);
	close_lost();
}
END_TEST

/* The writer has the lock, and kept it; it must not leave a hole. */
START_TEST(the_writer_notices_before_it_writes)
{
	cut(SRD_KEY_MAX);
	ck_assert_int_eq(srd_put(store, KEY("new"), "x", 1), SRD_EDAMAGED);
	ck_assert_uint_eq(file_size(), SRD_KEY_MAX);
	close_lost();
}
END_TEST

START_TEST(a_value_in_hand_says_so)
{
	srd_value first, last;

	ck_assert_int_eq(srd_get(store, KEY(name_of(0)), &first), 0);
	ck_assert_int_eq(srd_get(store, KEY(name_of(FILES - 1)), &last), 0);
	ck_assert_int_eq(srd_value_check(&last), 0);
	cut(offsets[1]);
	const volatile uint8_t *bytes = last.data;
	ck_assert_int_eq(bytes[LEN - 1], 0);
	ck_assert_int_eq(srd_value_check(&last), SRD_ELOST);
	ck_assert(is_right(0, first.data, first.len));
	close_lost();
	ck_assert_int_eq(srd_value_check(&last), SRD_ELOST);
	srd_value_release(&first);
	srd_value_release(&last);
	ck_assert_int_eq(srd_value_check(&last), 0);
}
END_TEST

START_TEST(keys_that_can_be_read_are_listed)
{
	struct srd_entry entry;
	srd_iter *iter;
	int seen = 0, got;

	cut(offsets[10] + 1);
	ck_assert_int_eq(srd_iter_new(store, "", 0, SRD_ITER_KEYS, 0, 1, &iter), 0);
	while ((got = srd_iter_next(iter, &entry)) == 1) {
		ck_assert_uint_eq(strlen(entry.key), entry.key_len);
		ck_assert(strncmp(entry.key, "dir/file-", 9) == 0);
		seen++;
	}
	ck_assert_int_eq(got, SRD_ELOST);
	ck_assert_int_ge(seen, 10);
	ck_assert_int_le(seen, 11);
	srd_iter_free(iter);
	close_lost();
}
END_TEST

static void *read_all(void *user)
{
	uint64_t seed = *(uint64_t *)user;
	srd_value value;

	for (int i = 0; i < 3000; i++) {
		int file = (int)unit_below(&seed, FILES);
		char name[32];
		snprintf(name, sizeof name, "dir/file-%d", file);
		int error = srd_get(store, KEY(name), &value);
		if (error == SRD_ELOST)
			continue;
		if (error)
			return "another error";
		const uint8_t *bytes = value.data;
		bool right = value.len == LEN && bytes[0] == file && bytes[LEN - 1] == 'a' + file % 26;
		if (!right && srd_value_check(&value) != SRD_ELOST)
			return "wrong bytes";
		srd_value_release(&value);
	}
	return NULL;
}

START_TEST(many_readers_while_it_shrinks)
{
	enum { READERS = 4 };
	pthread_t threads[READERS];
	uint64_t seeds[READERS];
	void *wrong;

	for (int i = 0; i < READERS; i++) {
		seeds[i] = (uint64_t)i + 1;
		ck_assert_int_eq(pthread_create(&threads[i], NULL, read_all, &seeds[i]), 0);
	}
	for (int i = FILES - 1; i >= 0; i--)
		cut(offsets[i] / 4096 * 4096);
	for (int i = 0; i < READERS; i++) {
		pthread_join(threads[i], &wrong);
		ck_assert_msg(wrong == NULL, "%s", (const char *)wrong);
	}
	close_lost();
}
END_TEST

/* Overwritten in place by something else of the same length or more. */
START_TEST(another_file_in_its_place_is_refused)
{
	uint64_t size = file_size();
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	for (uint64_t at = 0; at < size + LEN; at += sizeof content)
		ck_assert_int_eq(pwrite(fd, content, sizeof content, (off_t)at), sizeof content);
	close(fd);
	ck_assert_int_eq(srd_put(store, KEY("new"), "x", 1), SRD_EREPLACED);
	close_lost();
}
END_TEST

/* Holes read as zeros, which no checksum fits. */
START_TEST(holes_are_damage)
{
	srd_value value;
	struct stat st;
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	/* Known to be durable, it is not looked at when opening. */
	ck_assert_int_eq(srd_sync(store), 0);
	ck_assert_int_eq(srd_put(store, KEY("mark"), "x", 1), 0);
	reopen_store();
	int error = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offsets[3], 50000);
	close(fd);
	if (error)   /* a file system without holes */
		return;
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(srd_get(store, KEY(name_of(3)), &value), SRD_ECORRUPT);
	for (int i = 4; i < FILES; i++)
		check_file(i, true);
	ck_assert_int_eq(srd_put(store, KEY("new"), "x", 1), 0);
	close_store();
}
END_TEST

/* The shared memory beside the store, too. */
START_TEST(the_shm_is_cut_short)
{
	char shm[sizeof path + 16];

	snprintf(shm, sizeof shm, "%s.shm", path);
	ck_assert_int_eq(truncate(shm, 0), 0);
	touch_all();
	ck_assert_int_eq(srd_put(store, KEY("new"), "x", 1), 0);
	ck_assert_int_eq(srd_exists(store, KEY("new")), 1);
	close_store();
}
END_TEST

/* ---- A disk that does not give it ---- */

static uint64_t unreadable;   /* a page of the file */

static ssize_t read_or_not(const struct srd_io *io, int fd, void *data, size_t len, uint64_t offset)
{
	if (offset < unreadable + 4096 && offset + len > unreadable) {
		if (offset >= unreadable)
			return -EIO;
		len = unreadable - offset;
	}
	return srd_io_posix.pread(io, fd, data, len, offset);
}

static ssize_t read_nothing(const struct srd_io *io, int fd, void *data, size_t len, uint64_t offset)
{
	(void)io;
	(void)fd;
	(void)data;
	(void)len;
	(void)offset;
	return -EIO;
}

/* Headers and names lie there; SYNCED or not, the other files are there for who reads. */
START_TEST(a_page_that_cannot_be_read_costs_what_lies_there)
{
	struct srd_io io = srd_io_posix;
	int there = 0;

	if (_i) {
		ck_assert_int_eq(srd_sync(store), 0);
		put("mark", "x");
	}
	unreadable = offsets[FILES / 2] - 1 - (offsets[FILES / 2] - 1) % 4096;
	close_store();
	io.pread = read_or_not;
	ck_assert_int_eq(srd_store_open(path, 0, &io, &store), -EIO);
	ck_assert_int_eq(srd_store_open(path, SRD_RDONLY, &io, &store), 0);
	for (int i = 0; i < FILES; i++)
		there += srd_exists(store, KEY(name_of(i))) == 1;
	ck_assert_int_eq(there, FILES - 1);
	struct srd_info info;
	ck_assert_int_eq(srd_info(store, &info), 0);
	ck_assert_uint_eq(info.damaged_records, 1);
	close_store();
}
END_TEST

/* What can be read of the file, and mapped, but for the page at 0. */
static void open_without_superblock(struct srd_io *io)
{
	*io = srd_io_posix;
	io->pread = read_or_not;
	unreadable = 0;
	close_store();
	ck_assert_int_eq(srd_store_open(path, 0, io, &store), -EIO);
	ck_assert_int_eq(srd_store_open(path, SRD_RDONLY, io, &store), 0);
	int empty = memfd_create("empty", MFD_CLOEXEC);
	ck_assert_int_ge(empty, 0);
	void *page = mmap((void *)store->log->map, 4096, PROT_READ, MAP_SHARED | MAP_FIXED, empty, 0);
	ck_assert_ptr_eq(page, store->log->map);
	close(empty);
}

static int note_superblock(void *user, const struct srd_event *event)
{
	unsigned *count = user;

	ck_assert(event->type != SRD_EVENT_DAMAGE || strcmp(event->what, "superblock") == 0);
	*count += event->type == SRD_EVENT_DAMAGE;
	return 0;
}

START_TEST(a_superblock_that_cannot_be_read_costs_nothing)
{
	char other_path[160];
	struct srd_io io;
	struct srd_info info;
	srd_store *other;
	unsigned told = 0;

	open_without_superblock(&io);
	ck_assert_int_eq(srd_scan(store, SRD_SCAN_PAYLOAD, note_superblock, &told), 0);
	ck_assert_uint_eq(told, 1);
	snprintf(other_path, sizeof other_path, "%s/other.srd", dir);
	ck_assert_int_eq(srd_open(other_path, SRD_CREATE | SRD_NOSYNC, &other), 0);
	ck_assert_int_eq(srd_salvage(store, other, 0, note_superblock, &told), 0);
	ck_assert_uint_eq(told, 2);
	ck_assert_int_eq(srd_info(other, &info), 0);
	ck_assert_uint_eq(info.files, FILES);
	ck_assert_int_eq(srd_close(other), 0);
	close_store();
}
END_TEST

START_TEST(a_spare_that_cannot_be_read_keeps_no_reader_out)
{
	struct srd_io io = srd_io_posix;
	struct srd_info info;

	io.pread = read_or_not;
	unreadable = 4096;
	close_store();
	ck_assert_int_eq(srd_store_open(path, SRD_RDONLY, &io, &store), 0);
	/* What lies beside it is a file's. */
	ck_assert_int_eq(srd_info(store, &info), 0);
	ck_assert_uint_eq(info.files, FILES - 1);
	close_store();
}
END_TEST

START_TEST(without_superblock_and_spare_reading_fails_as_it_does)
{
	struct srd_io io = srd_io_posix;

	io.pread = read_nothing;
	close_store();
	ck_assert_int_eq(srd_store_open(path, SRD_RDONLY, &io, &store), -EIO);
	store = NULL;
}
END_TEST

/* ---- Long work ---- */

struct meddling {
	uint64_t cut_at;          /* 0: zeros are written over all */
	unsigned left_out, damages;   /* keys; all that was told */
};

/* At the first sign of progress. */
static int meddle(void *user, const struct srd_event *event)
{
	struct meddling *meddling = user;

	meddling->damages += event->type == SRD_EVENT_DAMAGE;
	meddling->left_out += event->type == SRD_EVENT_DAMAGE && event->key && strcmp(event->what, "left out") == 0;
	if (event->type != SRD_EVENT_PROGRESS || meddling->cut_at == UINT64_MAX)
		return 0;
	if (meddling->cut_at > 0) {
		cut(meddling->cut_at);
	} else {
		int fd = open(path, O_WRONLY | O_CLOEXEC);
		memset(content, 0, sizeof content);
		for (uint64_t at = SRD_KEY_MAX + 1; at < offsets[FILES - 1]; at += sizeof content)
			ck_assert_int_eq(pwrite(fd, content, sizeof content, (off_t)at), sizeof content);
		close(fd);
	}
	meddling->cut_at = UINT64_MAX;
	return 0;
}

/* What runs said when it began they say no more. */
START_TEST(who_compacts_while_it_is_written_over_fails)
{
	struct meddling meddling = { 0 };
	struct srd_compact_options options = { .call = meddle, .user = &meddling };
	struct srd_compacted result;
	char next[sizeof path + 16];

	ck_assert_int_eq(srd_compact(store, &options, &result), SRD_ECORRUPT);
	ck_assert_uint_eq(meddling.cut_at, UINT64_MAX);
	snprintf(next, sizeof next, "%s.new", path);
	ck_assert_int_eq(access(next, F_OK), -1);
	close_lost();
}
END_TEST

/* The store becomes what is salvaged of it; how many were left out. */
static unsigned salvage(uint64_t cut_at)
{
	struct meddling meddling = { .cut_at = cut_at };
	char name[sizeof path + 16];
	srd_store *target;

	snprintf(name, sizeof name, "%s.salvaged", path);
	ck_assert_int_eq(srd_open(name, SRD_CREATE | SRD_NOSYNC, &target), 0);
	ck_assert_int_eq(srd_salvage(store, target, 0, meddle, &meddling), 0);
	close_lost();
	store = target;
	return meddling.left_out;
}

/* Of what a disk does not give nothing but that is left out. */
START_TEST(what_is_left_is_salvaged)
{
	ck_assert_uint_ge(salvage(offsets[FILES / 2]), 1);
	for (int i = 0; i < FILES / 2 - 1; i++)
		check_file(i, true);
	for (int i = FILES / 2; i < FILES; i++)
		ck_assert_int_eq(srd_exists(store, KEY(name_of(i))), 0);
}
END_TEST

/* Nor of what follows, once it is known that something is gone. */
START_TEST(a_page_that_is_gone_costs_one_file)
{
	int empty = open("/dev/shm", O_TMPFILE | O_RDWR, 0600);
	uint64_t gone = offsets[FILES / 2] + LEN / 2;
	uint8_t *page = (uint8_t *)srd_log_at(store->log, gone - gone % 4096, 1);

	/* As of a disk that does not give that page: it is in no file. */
	ck_assert_ptr_eq(mmap(page, 4096, PROT_READ, MAP_SHARED | MAP_FIXED, empty, 0), page);
	close(empty);
	ck_assert_uint_eq(salvage(UINT64_MAX), 1);
	for (int i = 0; i < FILES; i++) {
		if (i != FILES / 2)
			check_file(i, true);
		else
			ck_assert_int_eq(srd_exists(store, KEY(name_of(i))), 0);
	}
}
END_TEST

/* It is in a hole for who only asks where the next data is. */
START_TEST(what_is_gone_is_no_hole_to_a_backup)
{
	enum { BIG_LEN = 12 << 20, BIG_FILES = 4 };
	struct meddling meddling = { 0 };
	struct srd_backup backup;
	struct srd_stat st;
	char name[sizeof path + 16], key[] = "big-0";
	uint8_t *big = pattern(BIG_LEN, 1);

	snprintf(name, sizeof name, "%s.copy", path);
	ck_assert_int_eq(srd_backup(store, name, 0, NULL, NULL, &backup), 0);
	for (; key[4] < '0' + BIG_FILES; key[4]++)
		ck_assert_int_eq(srd_put(store, KEY(key), big, BIG_LEN), 0);
	free(big);
	ck_assert_int_eq(srd_stat(store, KEY("big-3"), &st), 0);
	meddling.cut_at = st.offset - SRD_KEY_MAX;
	ck_assert_int_eq(srd_backup(store, name, SRD_BACKUP_WHOLE, meddle, &meddling, &backup), SRD_ELOST);
	close_lost();
	/* What was there is. */
	ck_assert_int_eq(srd_open(name, SRD_RDONLY, &store), 0);
	ck_assert_int_eq(srd_exists(store, KEY("big-0")), 0);
	for (int i = 0; i < FILES; i++)
		check_file(i, true);
}
END_TEST

START_TEST(who_verifies_is_told_what_is_gone)
{
	struct srd_findings findings = { 0 };
	struct srd_log *log = store->log;
	struct srd_record record = { .offset = atomic_load(&log->end), .len = SRD_HEADER_LEN, .type = SRD_RECORD_META };

	ck_assert_int_eq(srd_inspect(log, &record, true, &findings), 0);
	ck_assert_uint_eq(findings.count, 1);
	ck_assert_int_eq(findings.list[0].kind, SRD_ROT_METADATA);
	ck_assert_uint_eq(findings.list[0].offset, record.offset);
	srd_findings_release(&findings);
	close_lost();
}
END_TEST

static void add(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, put_files, NULL);
	tcase_add_test(tcase, cut_short_the_rest_is_served);
	tcase_add_test(tcase, cut_to_nothing);
	tcase_add_test(tcase, the_writer_notices_before_it_writes);
	tcase_add_test(tcase, a_value_in_hand_says_so);
	tcase_add_test(tcase, keys_that_can_be_read_are_listed);
	tcase_add_test(tcase, many_readers_while_it_shrinks);
	tcase_add_test(tcase, another_file_in_its_place_is_refused);
	tcase_add_test(tcase, holes_are_damage);
	tcase_add_test(tcase, the_shm_is_cut_short);
	tcase_add_loop_test(tcase, a_page_that_cannot_be_read_costs_what_lies_there, 0, 2);
	tcase_add_test(tcase, a_superblock_that_cannot_be_read_costs_nothing);
	tcase_add_test(tcase, a_spare_that_cannot_be_read_keeps_no_reader_out);
	tcase_add_test(tcase, without_superblock_and_spare_reading_fails_as_it_does);
	tcase_add_test(tcase, who_compacts_while_it_is_written_over_fails);
	tcase_add_test(tcase, what_is_left_is_salvaged);
	tcase_add_test(tcase, a_page_that_is_gone_costs_one_file);
	tcase_add_test(tcase, what_is_gone_is_no_hole_to_a_backup);
	tcase_add_test(tcase, who_verifies_is_told_what_is_gone);
}

int main(void)
{
	return run_case("lost", add);
}
