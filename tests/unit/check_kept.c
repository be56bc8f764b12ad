/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images of the past make opening it cheap, are bounded in number, and change nothing else:
 * what a view shows is the same with them, without them, and with any of them damaged, of
 * another log or of another history.
 */
#include "config.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "fixture.h"
#include "log/image.h"
#include "state/image.h"
#include "store/store.h"

/* A session is some more ops than two images are apart. */
enum { KEYS = 1000, BATCHES = 67 };

static void put_batch(int number)
{
	srd_batch *batch;
	char key[32];

	ck_assert_int_eq(srd_batch_new(store, &batch), 0);
	for (int i = 0; i < KEYS; i++) {
		snprintf(key, sizeof key, "d%d/k%d", i % 7, i);
		ck_assert_int_eq(srd_batch_put(batch, KEY(key), &number, sizeof number), 0);
	}
	ck_assert_int_eq(srd_batch_commit(batch), 0);
	srd_batch_free(batch);
}

static uint64_t written;      /* batches: each is one commit */

static void session(unsigned batches)
{
	for (unsigned i = 0; i < batches; i++)
		put_batch((int)++written);
	ck_assert_int_eq(srd_sync(store), 0);
	close_store();
	open_store(SRD_NOSYNC);
}

static void sessions(unsigned count)
{
	written = 0;
	for (unsigned i = 0; i < count; i++)
		session(BATCHES);
}

static char *kept_name(unsigned slot)
{
	static char name[200];

	snprintf(name, sizeof name, "%s.idx.%u", path, slot);
	return name;
}

/* How many there are, in the order of their slots: the places that they stand for. */
static unsigned kept(uint64_t offsets[SRD_IMAGE_SLOTS])
{
	struct srd_image image;
	unsigned count = 0;
	int fd;

	for (unsigned slot = 0; slot < SRD_IMAGE_SLOTS; slot++) {
		offsets[slot] = 0;
		if (srd_log_image_open_kept(store->log, slot, &image, &fd) != 0)
			continue;
		offsets[slot] = image.offset;
		count++;
		close(fd);
	}
	return count;
}

/* A view of the state after batch NUMBER. */
static srd_store *view_of(uint64_t number)
{
	srd_store *view;
	char at[32];

	snprintf(at, sizeof at, "%llu", (unsigned long long)number);
	ck_assert_int_eq(srd_view(store, at, &view), 0);
	return view;
}

static void expect_batch(srd_store *view, uint64_t number)
{
	srd_value value;
	char key[32];
	int found;

	for (int i = 0; i < KEYS; i += 37) {
		snprintf(key, sizeof key, "d%d/k%d", i % 7, i);
		ck_assert_int_eq(srd_get(view, KEY(key), &value), 0);
		memcpy(&found, value.data, sizeof found);
		srd_value_release(&value);
		ck_assert_int_eq(found, (int)number);
	}
	ck_assert_uint_eq(view->place.sequence, number);
	ck_assert_uint_eq(view->state.files, KEYS);
}

static void expect_views(void)
{
	for (uint64_t number = 1; number <= written; number += 1 + written / 9) {
		srd_store *view = view_of(number);
		expect_batch(view, number);
		ck_assert_int_eq(srd_close(view), 0);
	}
	srd_store *last = view_of(written);
	expect_batch(last, written);
	ck_assert_int_eq(srd_close(last), 0);
}

START_TEST(few_changes_keep_none)
{
	uint64_t offsets[SRD_IMAGE_SLOTS];

	written = 0;
	for (int i = 0; i < 5; i++)
		session(5);
	ck_assert_uint_gt(store->image.offset, 0);
	ck_assert_uint_eq(kept(offsets), 0);
	expect_views();
}
END_TEST

START_TEST(an_image_that_is_replaced_is_kept)
{
	uint64_t offsets[SRD_IMAGE_SLOTS];

	sessions(2);
	ck_assert_uint_eq(kept(offsets), 1);
	ck_assert_uint_lt(offsets[0], store->image.offset);
	sessions(1);
	ck_assert_uint_eq(kept(offsets), 2);
}
END_TEST

/* The nearest one before a point is found, whatever slot it is in; and a point without one
 * before it has none. */
START_TEST(the_nearest_is_found)
{
	uint64_t offsets[SRD_IMAGE_SLOTS];
	struct srd_image image;
	int fd;

	sessions(4);
	ck_assert_uint_eq(kept(offsets), 3);
	for (unsigned slot = 0; slot < 3; slot++) {
		struct srd_log_point point = SRD_LOG_POINT_NOW;
		point.upto = offsets[slot];
		ck_assert_int_eq(srd_log_image_nearest(store->log, &point, &image, &fd), 0);
		ck_assert_uint_eq(image.offset, offsets[slot]);
		close(fd);
		point.upto--;
		int error = srd_log_image_nearest(store->log, &point, &image, &fd);
		ck_assert(error == -ENOENT || image.offset < offsets[slot]);
		if (!error)
			close(fd);
		/* By its time and by its sequence as well. */
		point = SRD_LOG_POINT_NOW;
		point.sequence = (uint64_t)(BATCHES * (slot + 1));
		ck_assert_int_eq(srd_log_image_nearest(store->log, &point, &image, &fd), 0);
		ck_assert_uint_eq(image.sequence, point.sequence);
		close(fd);
		point = SRD_LOG_POINT_NOW;
		point.time_ns = image.latest_ns;
		ck_assert_int_eq(srd_log_image_nearest(store->log, &point, &image, &fd), 0);
		ck_assert_int_eq(image.latest_ns, point.time_ns);
		close(fd);
	}
	expect_views();
}
END_TEST

START_TEST(their_number_is_bounded_and_the_gaps_grow)
{
	uint64_t offsets[SRD_IMAGE_SLOTS], ordered[SRD_IMAGE_SLOTS] = { 0 };

	sessions(26);
	unsigned count = kept(offsets);
	ck_assert_uint_eq(count, SRD_IMAGE_SLOTS);
	for (unsigned i = 0; i < count; i++) {
		unsigned at = 0;
		for (unsigned j = 0; j < count; j++)
			at += offsets[j] < offsets[i];
		ordered[at] = offsets[i];
	}
	/* What was lately has more of them than what was long ago. */
	uint64_t end = store->image.offset;
	ck_assert_uint_gt(ordered[count / 2], end / 2);
	ck_assert_uint_lt(ordered[0], end / 3);
	for (unsigned i = 1; i < count; i++)
		ck_assert_uint_gt(ordered[i], ordered[i - 1]);
	expect_views();
}
END_TEST

/* Changes a byte of the metadata of the record of batch NUMBER. */
static void damage_batch(uint64_t number)
{
	srd_store *view = view_of(number);
	uint64_t at = view->place.last + SRD_HEADER_LEN + 300;
	int fd = open(path, O_RDWR);
	uint8_t byte;

	ck_assert_int_eq(srd_close(view), 0);
	ck_assert_int_eq(pread(fd, &byte, 1, (off_t)at), 1);
	byte ^= 0x55;
	ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)at), 1);
	close(fd);
}

/* So it is not read. */
START_TEST(what_lies_before_a_kept_image_is_not_asked_for)
{
	sessions(3);
	damage_batch(3);
	srd_store *view = view_of(BATCHES + 5);
	expect_batch(view, BATCHES + 5);
	ck_assert_int_eq(srd_close(view), 0);
	view = view_of(2 * BATCHES);
	expect_batch(view, 2 * BATCHES);
	ck_assert_int_eq(srd_close(view), 0);
}
END_TEST

static void flip(const char *file, uint64_t at)
{
	int fd = open(file, O_RDWR);
	uint8_t byte;

	ck_assert_int_eq(pread(fd, &byte, 1, (off_t)at), 1);
	byte ^= 0x10;
	ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)at), 1);
	close(fd);
}

START_TEST(a_damaged_one_changes_nothing)
{
	struct stat st;

	sessions(3);
	for (uint64_t at = 0; at < 4096; at += 511) {
		flip(kept_name(0), at);
		expect_views();
		flip(kept_name(0), at);
	}
	ck_assert_int_eq(stat(kept_name(1), &st), 0);
	for (uint64_t at = 4096; at < (uint64_t)st.st_size; at += (uint64_t)st.st_size / 23) {
		flip(kept_name(1), at);
		expect_views();
	}
	ck_assert_int_eq(truncate(kept_name(1), st.st_size / 2), 0);
	expect_views();
	ck_assert_int_eq(truncate(kept_name(1), 0), 0);
	expect_views();
}
END_TEST

static void copy_file(const char *from, const char *to)
{
	char command[500];

	snprintf(command, sizeof command, "cp '%s' '%s'", from, to);
	ck_assert_int_eq(system(command), 0);
}

START_TEST(one_of_another_history_is_not_believed)
{
	uint64_t offsets[SRD_IMAGE_SLOTS];
	char old[200];

	sessions(1);
	snprintf(old, sizeof old, "%s.old", path);
	ck_assert_int_eq(srd_sync(store), 0);
	copy_file(path, old);
	session(BATCHES);
	session(BATCHES);
	ck_assert_uint_eq(kept(offsets), 2);
	close_store();
	/* The copy goes its own way: what is beside is of the same store, and of the same places, but
	 * not of these commits. */
	ck_assert_int_eq(rename(old, path), 0);
	open_store(SRD_NOSYNC);
	written = BATCHES;
	for (int i = 0; i < 2 * BATCHES; i++)
		put_batch((int)++written);
	unsigned left = kept(offsets);
	ck_assert_uint_le(left, 1);
	expect_views();
	/* The next that is saved sweeps them away. */
	ck_assert_int_eq(srd_sync(store), 0);
	close_store();
	open_store(SRD_NOSYNC);
	unsigned files = 0;
	for (unsigned slot = 0; slot < SRD_IMAGE_SLOTS; slot++)
		files += access(kept_name(slot), F_OK) == 0;
	ck_assert_uint_eq(files, kept(offsets));
	expect_views();
}
END_TEST

START_TEST(neither_a_link_nor_a_fifo_is_opened)
{
	char moved[200];

	sessions(2);
	snprintf(moved, sizeof moved, "%s.moved", path);
	ck_assert_int_eq(rename(kept_name(0), moved), 0);
	ck_assert_int_eq(symlink(moved, kept_name(0)), 0);
	struct srd_image image;
	int fd;
	ck_assert_int_eq(srd_log_image_open_kept(store->log, 0, &image, &fd), -ELOOP);
	expect_views();
	ck_assert_int_eq(unlink(kept_name(0)), 0);
	ck_assert_int_eq(mkfifo(kept_name(0), 0600), 0);
	expect_views();
	ck_assert_int_eq(unlink(kept_name(0)), 0);
	/* What anybody may write is nobody's word. */
	ck_assert_int_eq(rename(moved, kept_name(0)), 0);
	ck_assert_int_eq(chmod(kept_name(0), 0666), 0);
	ck_assert_int_eq(srd_log_image_open_kept(store->log, 0, &image, &fd), -EPERM);
	expect_views();
}
END_TEST

static int rename_to_image_fails(const struct srd_io *io, int dir_fd, const char *from, const char *to, unsigned flags)
{
	size_t len = strlen(to);

	return strcmp(to + len - 4, ".idx") == 0 ? -EIO : srd_io_posix.rename(io, dir_fd, from, to, flags);
}

/* A death between both renames: the image is there, but in its slot. */
START_TEST(without_the_newest_the_next_one_serves)
{
	struct srd_io io = srd_io_posix;
	char image[200];

	sessions(1);
	snprintf(image, sizeof image, "%s.idx", path);
	uint64_t offset = store->image.offset;
	close_store();
	io.rename = rename_to_image_fails;
	ck_assert_int_eq(srd_store_open(path, 0, &io, &store), 0);
	for (int i = 0; i < BATCHES; i++)
		put_batch((int)++written);
	ck_assert_int_eq(srd_sync(store), 0);
	close_store();
	ck_assert_int_ne(access(image, F_OK), 0);
	ck_assert_int_eq(access(kept_name(0), F_OK), 0);
	open_store(SRD_NOSYNC);
	ck_assert_uint_eq(store->image.offset, offset);
	expect_views();
}
END_TEST

START_TEST(a_snapshot_of_much_has_one)
{
	uint64_t offsets[SRD_IMAGE_SLOTS];
	struct srd_store *view;

	written = 0;
	for (int i = 0; i < BATCHES; i++)
		put_batch((int)++written);
	ck_assert_int_eq(srd_snapshot_create(store, "there"), 0);
	written++;
	session(1);
	ck_assert_int_eq(srd_view(store, "there", &view), 0);
	ck_assert_uint_eq(view->place.end, store->image.offset);
	expect_batch(view, BATCHES);
	ck_assert_int_eq(srd_close(view), 0);
	session(BATCHES);
	ck_assert_uint_eq(kept(offsets), 1);
	ck_assert_int_eq(srd_view(store, "there", &view), 0);
	ck_assert_uint_eq(view->place.end, offsets[0]);
	expect_batch(view, BATCHES);
	ck_assert_int_eq(srd_close(view), 0);
}
END_TEST

START_TEST(compaction_takes_them_away)
{
	struct srd_compact_options options = { 0 };
	struct srd_compacted result;
	uint64_t offsets[SRD_IMAGE_SLOTS];

	sessions(3);
	ck_assert_uint_eq(kept(offsets), 2);
	ck_assert_int_eq(srd_compact(store, &options, &result), 0);
	reopen_store();
	for (unsigned slot = 0; slot < SRD_IMAGE_SLOTS; slot++)
		ck_assert_int_ne(access(kept_name(slot), F_OK), 0);
	srd_store *view = view_of(written);
	expect_batch(view, written);
	ck_assert_int_eq(srd_close(view), 0);
}
END_TEST

static int no_matter(void *user, const struct srd_event *event)
{
	(void)user;
	(void)event;
	return 0;
}

START_TEST(a_repair_takes_them_away)
{
	sessions(3);
	damage_batch(3);
	close_store();
	ck_assert_int_eq(srd_open(path, SRD_EXCLUSIVE, &store), 0);
	ck_assert_int_ge((int)srd_repair(store, SRD_REPAIR_FORCE, no_matter, NULL), 0);
	for (unsigned slot = 0; slot < SRD_IMAGE_SLOTS; slot++)
		ck_assert_int_ne(access(kept_name(slot), F_OK), 0);
}
END_TEST

/* A clock that was set back makes times ambiguous: the answer is that of the log alone. */
START_TEST(times_are_those_of_the_log)
{
	struct srd_image image;
	int fd;

	sessions(2);
	ck_assert_int_eq(srd_log_image_open_kept(store->log, 0, &image, &fd), 0);
	close(fd);
	ck_assert_int_eq(image.latest_ns, image.last_time_ns);
	struct srd_log_place place = srd_log_image_place(&image);
	struct srd_log_point point = SRD_LOG_POINT_NOW;
	point.time_ns = image.last_time_ns;
	ck_assert(srd_log_point_has(&point, &place));
	/* Some commit before was of a later time than the last one. */
	place.latest_ns++;
	ck_assert(!srd_log_point_has(&point, &place));
}
END_TEST

static void add(TCase *tcase)
{
	tcase_add_test(tcase, few_changes_keep_none);
	tcase_add_test(tcase, an_image_that_is_replaced_is_kept);
	tcase_add_test(tcase, the_nearest_is_found);
	tcase_add_test(tcase, their_number_is_bounded_and_the_gaps_grow);
	tcase_add_test(tcase, what_lies_before_a_kept_image_is_not_asked_for);
	tcase_add_test(tcase, a_damaged_one_changes_nothing);
	tcase_add_test(tcase, one_of_another_history_is_not_believed);
	tcase_add_test(tcase, neither_a_link_nor_a_fifo_is_opened);
	tcase_add_test(tcase, without_the_newest_the_next_one_serves);
	tcase_add_test(tcase, a_snapshot_of_much_has_one);
	tcase_add_test(tcase, compaction_takes_them_away);
	tcase_add_test(tcase, a_repair_takes_them_away);
	tcase_add_test(tcase, times_are_those_of_the_log);
}

int main(void)
{
	return run_case("kept", add);
}
