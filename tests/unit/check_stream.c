/* SPDX-License-Identifier: Apache-2.0 */
/* Streams: a value of any size written and read piece by piece, visible at
 * commit and not before, read as it was when the reader came. */
#include "config.h"

#include "failing_io.h"
#include "fixture.h"

#include <sys/stat.h>

#include "store/store.h"

static srd_writer *new_writer(const char *key)
{
	srd_writer *writer;

	ck_assert_int_eq(srd_writer_new(store, KEY(key), &writer), 0);
	return writer;
}

static srd_reader *new_reader(const char *key)
{
	srd_reader *reader;

	ck_assert_int_eq(srd_reader_new(store, KEY(key), &reader), 0);
	return reader;
}

static void assert_read(const char *key, const uint8_t *bytes, size_t len, size_t step)
{
	srd_reader *reader = new_reader(key);
	uint8_t *buffer = malloc(step);
	size_t at = 0;

	ck_assert_uint_eq(srd_reader_size(reader), len);
	for (ssize_t got; (got = srd_reader_read(reader, buffer, step)) != 0; at += (size_t)got) {
		ck_assert_int_gt(got, 0);
		ck_assert_uint_le((size_t)got, len - at);
		ck_assert_mem_eq(buffer, bytes + at, (size_t)got);
	}
	ck_assert_uint_eq(at, len);
	srd_reader_free(reader);
	free(buffer);
}

START_TEST(streams_of_all_sizes_come_back)
{
	static const size_t sizes[] = { 0, 1, 63, 64, 65535, 65536, (1 << 20) - 1, 1 << 20, (1 << 20) + 1,
	                                (5 << 20) + 7 };
	static const size_t steps[] = { 1000, 4096, 65536, 1 << 20, 3 << 20 };
	uint8_t *bytes = pattern(6 << 20, 5);

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++) {
			srd_writer *writer = new_writer("d/stream");
			for (size_t at = 0; at < sizes[i]; at += steps[s]) {
				size_t len = sizes[i] - at < steps[s] ? sizes[i] - at : steps[s];
				ck_assert_int_eq(srd_writer_write(writer, bytes + at, len), 0);
			}
			ck_assert_int_eq(srd_writer_commit(writer), 0);
			assert_key(KEY("d/stream"), bytes, sizes[i]);
			assert_read("d/stream", bytes, sizes[i], steps[s]);
		}
	}
	reopen_store();
	assert_read("d/stream", bytes, sizes[9], 12345);
	free(bytes);
}
END_TEST

START_TEST(nothing_is_visible_before_commit)
{
	uint8_t *bytes = pattern(3 << 20, 6);
	srd_writer *writer = new_writer("new/key");
	srd_writer *over = new_writer("old");

	put("old", "as it was");
	uint64_t before = commits();
	ck_assert_int_eq(srd_writer_write(writer, bytes, 3 << 20), 0);
	ck_assert_int_eq(srd_writer_write(over, bytes, 3 << 20), 0);
	ck_assert_int_eq(srd_exists(store, KEY("new")), 0);
	assert_text("old", "as it was");
	ck_assert_uint_eq(commits(), before);
	ck_assert_int_eq(srd_writer_commit(writer), 0);
	ck_assert_uint_eq(commits(), before + 1);
	assert_key(KEY("new/key"), bytes, 3 << 20);
	srd_writer_abort(over);
	srd_writer_abort(NULL);
	reopen_store();
	assert_text("old", "as it was");
	assert_key(KEY("new/key"), bytes, 3 << 20);
	free(bytes);
}
END_TEST

START_TEST(small_streams_need_one_record)
{
	struct srd_info before, after;
	srd_writer *writer = new_writer("small");

	ck_assert_int_eq(srd_info(store, &before), 0);
	ck_assert_int_eq(srd_writer_write(writer, "abc", 3), 0);
	ck_assert_int_eq(srd_writer_commit(writer), 0);
	ck_assert_int_eq(srd_info(store, &after), 0);
	ck_assert_uint_le(after.end - before.end, 256);
	assert_text("small", "abc");
}
END_TEST

START_TEST(attributes_come_with_the_commit)
{
	struct srd_stat st, want = { .mode = 0604, .uid = 5, .gid = 6, .mtime_ns = 77, .atime_ns = 88 };
	srd_writer *writer = new_writer("k");
	uint64_t before = commits();

	ck_assert_int_eq(srd_writer_set_attr(writer, &want, 31), 0);
	ck_assert_int_eq(srd_writer_write(writer, "abc", 3), 0);
	ck_assert_int_eq(srd_writer_commit(writer), 0);
	ck_assert_uint_eq(commits(), before + 1);
	ck_assert_int_eq(srd_stat(store, KEY("k"), &st), 0);
	ck_assert_uint_eq(st.mode, S_IFREG | 0604);
	ck_assert_uint_eq(st.uid, 5);
	ck_assert_uint_eq(st.gid, 6);
	ck_assert_int_eq(st.mtime_ns, 77);
	ck_assert_int_eq(st.atime_ns, 88);
}
END_TEST

START_TEST(holes_read_as_zeros)
{
	uint8_t *whole = calloc(1, 10 << 20);
	struct srd_stat st;
	srd_value value;
	srd_writer *writer = new_writer("holes");

	memset(whole + (2 << 20), 'a', 5);
	memset(whole + (7 << 20), 'b', 3);
	ck_assert_int_eq(srd_writer_skip(writer, 2 << 20), 0);
	ck_assert_int_eq(srd_writer_write(writer, "aaaaa", 5), 0);
	ck_assert_int_eq(srd_writer_skip(writer, (5 << 20) - 5), 0);
	ck_assert_int_eq(srd_writer_write(writer, "bbb", 3), 0);
	ck_assert_int_eq(srd_writer_skip(writer, (3 << 20) - 3), 0);
	ck_assert_int_eq(srd_writer_commit(writer), 0);
	for (int round = 0; round < 2; round++) {
		assert_key(KEY("holes"), whole, 10 << 20);
		assert_read("holes", whole, 10 << 20, 100001);
		ck_assert_int_eq(srd_stat(store, KEY("holes"), &st), 0);
		ck_assert_uint_eq(st.stored_bytes, 8);
		reopen_store();
	}
	ck_assert_int_eq(srd_copy(store, KEY("holes"), store, KEY("copy")), 0);
	assert_key(KEY("copy"), whole, 10 << 20);
	/* Nothing but a hole, over what was there. */
	writer = new_writer("holes");
	ck_assert_int_eq(srd_writer_skip(writer, 100), 0);
	ck_assert_int_eq(srd_writer_commit(writer), 0);
	assert_key(KEY("holes"), whole, 100);
	ck_assert_int_eq(srd_get(store, KEY("holes"), &value), 0);
	ck_assert_ptr_nonnull(value.data);
	srd_value_release(&value);
	free(whole);
}
END_TEST

START_TEST(sizes_have_a_limit)
{
	srd_writer *writer = new_writer("huge");
	struct srd_stat st;

	ck_assert_int_eq(srd_writer_skip(writer, INT64_MAX), 0);
	ck_assert_int_eq(srd_writer_skip(writer, 1), -EFBIG);
	ck_assert_int_eq(srd_writer_commit(writer), -EFBIG);
	writer = new_writer("huge");
	ck_assert_int_eq(srd_writer_skip(writer, INT64_MAX), 0);
	ck_assert_int_eq(srd_writer_commit(writer), 0);
	ck_assert_int_eq(srd_stat(store, KEY("huge"), &st), 0);
	ck_assert_uint_eq(st.size, INT64_MAX);
	ck_assert_int_eq(get_error("huge"), -EFBIG);
}
END_TEST

START_TEST(a_reader_sees_what_was_there)
{
	uint8_t *bytes = pattern(2 << 20, 7);
	uint8_t *buffer = malloc(2 << 20);
	ck_assert_int_eq(srd_put(store, KEY("k"), bytes, 2 << 20), 0);
	srd_reader *reader = new_reader("k");

	put("k", "changed");
	ck_assert_int_eq(srd_delete(store, KEY("k")), 0);
	ck_assert_int_eq(srd_reader_pread(reader, buffer, 2 << 20, 0), 2 << 20);
	ck_assert_mem_eq(buffer, bytes, 2 << 20);
	ck_assert_int_eq(srd_reader_pread(reader, buffer, 10, (2 << 20) - 3), 3);
	ck_assert_mem_eq(buffer, bytes + (2 << 20) - 3, 3);
	ck_assert_int_eq(srd_reader_pread(reader, buffer, 10, 2 << 20), 0);
	ck_assert_int_eq(srd_reader_pread(reader, buffer, 10, UINT64_MAX), 0);
	ck_assert_int_eq(srd_reader_pread(reader, buffer, 0, 5), 0);
	srd_reader_free(reader);
	srd_reader_free(NULL);
	free(bytes);
	free(buffer);
}
END_TEST

START_TEST(readers_refuse_what_is_no_value)
{
	srd_reader *reader;

	put("d/x", "x");
	ck_assert_int_eq(srd_make_symlink(store, KEY("l"), "d"), 0);
	ck_assert_int_eq(srd_reader_new(store, KEY("d"), &reader), -EISDIR);
	ck_assert_int_eq(srd_reader_new(store, KEY("l"), &reader), -ELOOP);
	ck_assert_int_eq(srd_reader_new(store, KEY("none"), &reader), -ENOENT);
	ck_assert_int_eq(srd_reader_new(store, KEY("a//b"), &reader), SRD_EKEY);
}
END_TEST

/* Many small extents: written out of order through the file's own interface. */
START_TEST(a_value_in_many_pieces_is_whole)
{
	enum { SIZE = 300000, WRITES = 400 };
	uint64_t seed = unit_seed();
	uint8_t *whole = calloc(1, SIZE);
	uint64_t ino;
	struct srd_txn *txn;
	struct srd_stat st;

	put("pieces", "");
	ck_assert_int_eq(srd_stat(store, KEY("pieces"), &st), 0);
	ino = st.ino;
	size_t size = 0;
	for (int i = 0; i < WRITES; i++) {
		size_t pos = unit_below(&seed, SIZE), len = unit_below(&seed, i % 4 ? 300 : 9000);
		len = len < SIZE - pos ? len : SIZE - pos;
		uint8_t *bytes = pattern(len, (uint64_t)i);
		ck_assert_int_eq(srd_txn_begin(store, &txn), 0);
		ck_assert_int_eq(srd_txn_write(txn, ino, pos, bytes, len, false), 0);
		ck_assert_int_eq(srd_txn_commit(txn, NULL), 0);
		memcpy(whole + pos, bytes, len);
		size = len > 0 && pos + len > size ? pos + len : size;
		free(bytes);
	}
	ck_assert_int_eq(srd_stat(store, KEY("pieces"), &st), 0);
	ck_assert_uint_gt(st.extents, 50);
	for (int round = 0; round < 2; round++) {
		assert_key(KEY("pieces"), whole, size);
		assert_read("pieces", whole, size, 7777);
		reopen_store();
	}
	ck_assert_int_eq(srd_copy(store, KEY("pieces"), store, KEY("copy")), 0);
	assert_key(KEY("copy"), whole, size);
	free(whole);
}
END_TEST

START_TEST(a_failing_stream_leaves_what_was_there)
{
	struct failing_io failing;
	uint8_t *bytes = pattern(4 << 20, 8);

	put("k", "as it was");
	close_store();
	for (int writes = 0; writes < 5; writes++) {
		failing_io_init(&failing);
		ck_assert_int_eq(srd_store_open(path, SRD_NOSYNC, &failing.io, &store), 0);
		srd_writer *writer = new_writer("k");
		failing.writes_left = writes;
		failing.half = writes % 2;
		int error = srd_writer_write(writer, bytes, 4 << 20);
		ck_assert_int_eq(error, writes < 4 ? -ENOSPC : 0);
		failing.writes_left = writes < 4 ? -1 : 0;
		/* A write that failed is not forgotten. */
		ck_assert_int_eq(srd_writer_commit(writer), -ENOSPC);
		assert_text("k", "as it was");
		failing.writes_left = -1;
		put("other", "goes on");
		reopen_store();
		assert_text("k", "as it was");
		assert_text("other", "goes on");
		close_store();
	}
	open_store(SRD_NOSYNC);
	free(bytes);
}
END_TEST

static void add(TCase *tcase)
{
	tcase_add_test(tcase, streams_of_all_sizes_come_back);
	tcase_add_test(tcase, nothing_is_visible_before_commit);
	tcase_add_test(tcase, small_streams_need_one_record);
	tcase_add_test(tcase, attributes_come_with_the_commit);
	tcase_add_test(tcase, holes_read_as_zeros);
	tcase_add_test(tcase, sizes_have_a_limit);
	tcase_add_test(tcase, a_reader_sees_what_was_there);
	tcase_add_test(tcase, readers_refuse_what_is_no_value);
	tcase_add_test(tcase, a_value_in_many_pieces_is_whole);
	tcase_add_test(tcase, a_failing_stream_leaves_what_was_there);
}

int main(void)
{
	return run_case("stream", add);
}
