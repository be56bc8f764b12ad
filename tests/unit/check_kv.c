/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and values: every shape comes back as it went in, every refusal is exact
 * and leaves nothing behind, and values stay where they are until released. */
#include "config.h"

#include "fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const size_t shapes[] = { 0, 1, 2, 7, 8, 9, 63, 64, 65, 100, 4095, 4096, 4097, 65535, 65536, 65537,
                                 (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (16 << 20) + 1 };

enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static void shape_key(char key[32], size_t i, const char *kind)
{
	snprintf(key, 32, "%s/%zu", kind, i);
}

static void assert_shapes(const uint8_t *bytes, const uint8_t *zeros)
{
	char key[32];

	for (size_t i = 0; i < SHAPES; i++) {
		shape_key(key, i, "pattern");
		assert_key(KEY(key), bytes, shapes[i]);
		shape_key(key, i, "zeros");
		assert_key(KEY(key), zeros, shapes[i]);
	}
}

START_TEST(every_shape_of_value_comes_back)
{
	uint8_t *bytes = pattern(shapes[SHAPES - 1], 7);
	uint8_t *zeros = calloc(1, shapes[SHAPES - 1]);
	char key[32];

	for (size_t i = 0; i < SHAPES; i++) {
		shape_key(key, i, "pattern");
		ck_assert_int_eq(srd_put(store, KEY(key), bytes, shapes[i]), 0);
		shape_key(key, i, "zeros");
		ck_assert_int_eq(srd_put(store, KEY(key), zeros, shapes[i]), 0);
	}
	ck_assert_int_eq(srd_put(store, KEY("null"), NULL, 0), 0);
	assert_shapes(bytes, zeros);
	reopen_store();
	assert_shapes(bytes, zeros);
	assert_text("null", "");
	free(bytes);
	free(zeros);
}
END_TEST

START_TEST(values_are_aligned_for_their_size)
{
	uint8_t *bytes = pattern(65536, 8);
	srd_value value;
	const struct { size_t len, align; } wanted[] = {
		{ 1, 8 }, { 63, 8 }, { 64, 64 }, { 4097, 64 }, { 65536, 4096 } };

	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
		ck_assert_int_eq(srd_put(store, KEY("k"), bytes, wanted[i].len), 0);
		ck_assert_int_eq(srd_get(store, KEY("k"), &value), 0);
		ck_assert_ptr_nonnull(value.data);
		ck_assert_uint_eq((uintptr_t)value.data % wanted[i].align, 0);
		srd_value_release(&value);
	}
	free(bytes);
}
END_TEST

START_TEST(an_empty_value_has_a_pointer)
{
	srd_value value;

	put("empty", "");
	ck_assert_int_eq(srd_get(store, KEY("empty"), &value), 0);
	ck_assert_uint_eq(value.len, 0);
	ck_assert_ptr_nonnull(value.data);
	srd_value_release(&value);
	srd_value_release(&value);   /* twice is harmless */
}
END_TEST

START_TEST(a_put_replaces_all_of_the_value)
{
	struct srd_stat before, after;

	for (size_t i = 0; i < SHAPES - 1; i++) {
		uint8_t *bytes = pattern(shapes[i], i);
		ck_assert_int_eq(srd_put(store, KEY("k"), bytes, shapes[i]), 0);
		assert_key(KEY("k"), bytes, shapes[i]);
		put("k", "short");
		assert_text("k", "short");
		free(bytes);
	}
	ck_assert_int_eq(srd_stat(store, KEY("k"), &before), 0);
	put("k", "");
	assert_text("k", "");
	ck_assert_int_eq(srd_stat(store, KEY("k"), &after), 0);
	ck_assert_uint_eq(before.ino, after.ino);
}
END_TEST

START_TEST(directories_are_made_as_needed)
{
	struct srd_stat st;
	uint64_t first = commits();

	put("a/b/c/d", "deep");
	ck_assert_uint_eq(commits(), first + 1);   /* in one commit with the file */
	assert_text("a/b/c/d", "deep");
	ck_assert_int_eq(srd_stat(store, KEY("a/b"), &st), 0);
	ck_assert_int_eq(st.kind, SRD_DIRECTORY);
	ck_assert_uint_eq(st.mode, S_IFDIR | 0755);
	ck_assert_uint_eq(st.size, 1);
	ck_assert_uint_eq(st.uid, getuid());
	ck_assert_int_eq(srd_stat(store, KEY("a/b/c/d"), &st), 0);
	ck_assert_int_eq(st.kind, SRD_FILE);
	ck_assert_uint_eq(st.mode, S_IFREG | 0644);
	ck_assert_uint_eq(st.size, 4);
	ck_assert_uint_eq(st.nlink, 1);
	ck_assert_uint_eq(st.extents, 1);
	ck_assert_uint_eq(st.stored_bytes, 4);
	ck_assert_uint_ne(st.offset, 0);
	ck_assert_uint_ne(st.checksum, 0);
}
END_TEST

START_TEST(refusals_are_exact_and_change_nothing)
{
	srd_value value;
	struct srd_stat st = { .mode = 0600 };

	put("file", "f");
	put("dir/child", "c");
	ck_assert_int_eq(srd_make_symlink(store, KEY("link"), "file"), 0);
	ck_assert_int_eq(srd_make_node(store, KEY("fifo"), S_IFIFO | 0600, 0), 0);
	uint64_t first = commits();

	ck_assert_int_eq(get_error("none"), -ENOENT);
	ck_assert_int_eq(get_error("dir/none"), -ENOENT);
	ck_assert_int_eq(get_error("none/none"), -ENOENT);
	ck_assert_int_eq(get_error("file/below"), -ENOENT);
	ck_assert_int_eq(get_error("link/below"), -ENOENT);
	ck_assert_int_eq(get_error("dir"), -EISDIR);
	ck_assert_int_eq(get_error("link"), -ELOOP);
	ck_assert_int_eq(get_error("fifo"), -EINVAL);
	ck_assert_int_eq(srd_read_link(store, KEY("file"), &value), -EINVAL);
	ck_assert_int_eq(srd_read_link(store, KEY("none"), &value), -ENOENT);

	ck_assert_int_eq(srd_put(store, KEY("dir"), "x", 1), -EISDIR);
	ck_assert_int_eq(srd_put(store, KEY("link"), "x", 1), -ELOOP);
	ck_assert_int_eq(srd_put(store, KEY("fifo"), "x", 1), -EINVAL);
	ck_assert_int_eq(srd_put(store, KEY("file/below"), "x", 1), -ENOTDIR);
	ck_assert_int_eq(srd_put(store, KEY("new/file/link"), "x", 1), 0);
	ck_assert_int_eq(srd_delete(store, KEY("new")), -ENOTEMPTY);
	ck_assert_int_eq(srd_delete(store, KEY("none")), -ENOENT);
	ck_assert_int_eq(srd_delete(store, KEY("none/none")), -ENOENT);
	ck_assert_int_eq(srd_delete(store, KEY("file/below")), -ENOENT);

	ck_assert_int_eq(srd_rename(store, KEY("none"), KEY("x/y")), -ENOENT);
	ck_assert_int_eq(srd_rename(store, KEY("file"), KEY("dir")), -EISDIR);
	ck_assert_int_eq(srd_rename(store, KEY("dir"), KEY("file")), -ENOTDIR);
	ck_assert_int_eq(srd_rename(store, KEY("dir"), KEY("dir/in/itself")), -EINVAL);
	ck_assert_int_eq(srd_rename(store, KEY("file"), KEY("link/x")), -ENOTDIR);
	ck_assert_int_eq(srd_rename(store, KEY("dir"), KEY("new")), -ENOTEMPTY);

	ck_assert_int_eq(srd_copy(store, KEY("none"), store, KEY("x/y")), -ENOENT);
	ck_assert_int_eq(srd_copy(store, KEY("dir"), store, KEY("x")), -EISDIR);
	ck_assert_int_eq(srd_copy(store, KEY("file"), store, KEY("dir")), -EISDIR);
	ck_assert_int_eq(srd_copy(store, KEY("file"), store, KEY("file/x")), -ENOTDIR);

	ck_assert_int_eq(srd_make_dir(store, KEY("file")), -EEXIST);
	ck_assert_int_eq(srd_make_dir(store, KEY("file/x")), -ENOTDIR);
	ck_assert_int_eq(srd_make_symlink(store, KEY("file"), "t"), -EEXIST);
	ck_assert_int_eq(srd_make_symlink(store, KEY("t"), ""), -ENOENT);
	ck_assert_int_eq(srd_make_node(store, KEY("n"), S_IFREG | 0600, 0), -EINVAL);
	ck_assert_int_eq(srd_make_node(store, KEY("n"), S_IFDIR | 0700, 0), -EINVAL);
	ck_assert_int_eq(srd_link(store, KEY("dir"), KEY("x")), -EPERM);
	ck_assert_int_eq(srd_link(store, KEY("file"), KEY("dir")), -EEXIST);
	ck_assert_int_eq(srd_link(store, KEY("none"), KEY("x")), -ENOENT);
	ck_assert_int_eq(srd_set_attr(store, KEY("none"), &st, SRD_SET_MODE), -ENOENT);

	ck_assert_uint_eq(commits(), first + 1);
	ck_assert_int_eq(srd_exists(store, KEY("x")), 0);
	ck_assert_int_eq(srd_exists(store, KEY("dir/in")), 0);
	assert_text("file", "f");
	assert_text("dir/child", "c");
}
END_TEST

START_TEST(deleted_keys_are_gone)
{
	put("a", "1");
	put("d/e", "2");
	ck_assert_int_eq(srd_delete(store, KEY("a")), 0);
	ck_assert_int_eq(get_error("a"), -ENOENT);
	ck_assert_int_eq(srd_delete(store, KEY("d")), -ENOTEMPTY);
	ck_assert_int_eq(srd_delete(store, KEY("d/e")), 0);
	ck_assert_int_eq(srd_exists(store, KEY("d")), 1);
	ck_assert_int_eq(srd_delete(store, KEY("d")), 0);
	ck_assert_int_eq(srd_exists(store, KEY("d")), 0);
	reopen_store();
	ck_assert_int_eq(srd_exists(store, KEY("a")), 0);
	put("a", "again");
	assert_text("a", "again");
}
END_TEST

START_TEST(a_read_only_store_is_read)
{
	srd_batch *batch;
	srd_writer *writer;

	put("k", "v");
	close_store();
	open_store(SRD_RDONLY);
	assert_text("k", "v");
	ck_assert_int_eq(srd_put(store, KEY("k"), "w", 1), -EROFS);
	ck_assert_int_eq(srd_delete(store, KEY("k")), -EROFS);
	ck_assert_int_eq(srd_writer_new(store, KEY("k"), &writer), -EROFS);
	ck_assert_int_eq(srd_batch_new(store, &batch), 0);
	ck_assert_int_eq(srd_batch_put(batch, KEY("k"), "w", 1), 0);
	ck_assert_int_eq(srd_batch_commit(batch), -EROFS);
	srd_batch_free(batch);
}
END_TEST

START_TEST(values_outlive_change_and_close)
{
	enum { VALUES = 40 };
	srd_value values[VALUES];
	uint8_t *bytes = pattern(VALUES * 1000, 11);
	char key[32];

	for (size_t i = 0; i < VALUES; i++) {
		snprintf(key, sizeof key, "k%zu", i);
		ck_assert_int_eq(srd_put(store, KEY(key), bytes, 1000 * i), 0);
		ck_assert_int_eq(srd_get(store, KEY(key), &values[i]), 0);
		put(key, "changed");
		if (i % 2)
			ck_assert_int_eq(srd_delete(store, KEY(key)), 0);
	}
	close_store();
	for (size_t i = 0; i < VALUES; i++) {
		assert_value(&values[i], bytes, 1000 * i);
		srd_value_release(&values[i]);
	}
	free(bytes);
}
END_TEST

START_TEST(the_exclusive_lock_goes_with_close_not_with_values)
{
	srd_value value;
	srd_store *again;

	put("k", "held");
	close_store();
	open_store(SRD_EXCLUSIVE | SRD_NOSYNC);
	ck_assert_int_eq(srd_open(path, SRD_NOSYNC, &again), -EBUSY);
	ck_assert_int_eq(srd_get(store, KEY("k"), &value), 0);
	close_store();
	open_store(SRD_EXCLUSIVE | SRD_NOSYNC);
	put("k", "new");
	assert_value(&value, "held", 4);
	srd_value_release(&value);
	assert_text("k", "new");
}
END_TEST

enum { ROUNDS = 50 };

/* One of two processes, in turns: what the other put is there, and large or small
 * comes the answer. */
static void take_turns(int in, int out, bool first, const uint8_t *bytes)
{
	char turn = 0;

	for (size_t i = 0; i < 2 * ROUNDS; i++) {
		size_t len = i % 7 ? i : 100000 - i;
		if ((i % 2 == 0) == first) {
			ck_assert_int_eq(srd_put(store, KEY("dir/shared"), bytes + i, len), 0);
			ck_assert_int_eq(write(out, &turn, 1), 1);
		} else {
			ck_assert_int_eq(read(in, &turn, 1), 1);
			assert_key(KEY("dir/shared"), bytes + i, len);
		}
	}
}

START_TEST(processes_see_each_other)
{
	uint8_t *bytes = pattern(100000, 13);
	int there[2], back[2], status;

	ck_assert_int_eq(pipe(there), 0);
	ck_assert_int_eq(pipe(back), 0);
	close_store();
	pid_t child = fork();
	ck_assert_int_ge(child, 0);
	open_store(SRD_NOSYNC);
	if (child == 0) {
		close(there[1]);
		take_turns(there[0], back[1], false, bytes);
		close_store();
		_exit(0);
	}
	close(back[1]);
	take_turns(back[0], there[1], true, bytes);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	close(there[0]);
	close(there[1]);
	close(back[0]);
	free(bytes);
}
END_TEST

START_TEST(many_keys_are_got_at_once)
{
	enum { KEYS = 500 };
	static char names[KEYS][24];
	static srd_key keys[KEYS];
	static srd_value values[KEYS];
	static int errors[KEYS];

	for (size_t i = 0; i < KEYS; i++) {
		const char *format = i % 7 == 0 ? "dir/%zu" : i % 7 == 1 ? "bad//%zu" : "key-%zu";
		snprintf(names[i], sizeof names[i], format, i);
		keys[i] = (srd_key){ names[i], strlen(names[i]) };
		if (i % 7 != 1 && i % 5 != 0)
			put(names[i], names[i]);
	}
	put("key-directory/x", "x");
	keys[KEYS - 1] = (srd_key){ KEY("key-directory") };
	ssize_t expected = 0;
	for (size_t i = 0; i < KEYS - 1; i++)
		expected += i % 7 != 1 && i % 5 != 0;
	ck_assert_int_eq(srd_get_many(store, keys, KEYS, values, errors), expected);
	for (size_t i = 0; i < KEYS - 1; i++) {
		ck_assert_int_eq(errors[i], i % 7 == 1 ? SRD_EKEY : i % 5 == 0 ? -ENOENT : 0);
		if (errors[i])
			continue;
		assert_value(&values[i], names[i], strlen(names[i]));
		srd_value_release(&values[i]);
	}
	ck_assert_int_eq(errors[KEYS - 1], -EISDIR);
	ck_assert_int_eq(srd_get_many(store, keys, 0, values, errors), 0);
}
END_TEST

static void flip(uint64_t offset)
{
	int fd = open(path, O_RDWR);
	uint8_t byte;

	ck_assert_int_eq(pread(fd, &byte, 1, (off_t)offset), 1);
	byte ^= 0x40;
	ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)offset), 1);
	close(fd);
}

START_TEST(damaged_payload_is_not_served)
{
	uint8_t *bytes = pattern(3 * 4096, 12);
	struct srd_stat big, small;
	uint8_t buffer[3 * 4096];
	srd_reader *reader;

	ck_assert_int_eq(srd_put(store, KEY("big"), bytes, 3 * 4096), 0);
	put("small", "sound");
	put("other", "sound");
	ck_assert_int_eq(srd_stat(store, KEY("big"), &big), 0);
	ck_assert_int_eq(srd_stat(store, KEY("small"), &small), 0);
	ck_assert_int_eq(srd_sync(store), 0);
	close_store();
	open_store(0);
	ck_assert_int_eq(srd_sync(store), 0);
	put("later", "makes the mark known");
	close_store();
	flip(big.offset + 4096 + 17);
	flip(small.offset + 2);
	open_store(SRD_NOSYNC);
	ck_assert_int_eq(get_error("big"), SRD_ECORRUPT);
	ck_assert_int_eq(get_error("small"), SRD_ECORRUPT);
	assert_text("other", "sound");
	/* A reader gives every block but that one. */
	ck_assert_int_eq(srd_reader_new(store, KEY("big"), &reader), 0);
	ck_assert_int_eq(srd_reader_read(reader, buffer, sizeof buffer), 4096);
	ck_assert_mem_eq(buffer, bytes, 4096);
	ck_assert_int_eq(srd_reader_read(reader, buffer, sizeof buffer), SRD_ECORRUPT);
	ck_assert_int_eq(srd_reader_pread(reader, buffer, sizeof buffer, 8192), 4096);
	ck_assert_mem_eq(buffer, bytes + 8192, 4096);
	srd_reader_free(reader);
	put("big", "mended");
	assert_text("big", "mended");
	free(bytes);
}
END_TEST

START_TEST(info_counts)
{
	struct srd_info info;

	put("a/b", "12345");
	ck_assert_int_eq(srd_make_symlink(store, KEY("l"), "a"), 0);
	ck_assert_int_eq(srd_info(store, &info), 0);
	ck_assert_uint_eq(info.files, 1);
	ck_assert_uint_eq(info.others, 1);
	ck_assert_uint_eq(info.sequence, 2);
	ck_assert_uint_eq(info.generation, 1);
	ck_assert_uint_eq(info.version, 1);
	ck_assert_uint_eq(info.end, info.file_bytes);
	ck_assert_uint_eq(info.dropped_bytes, 0);
	ck_assert_uint_eq(info.misfits, 0);
	ck_assert_uint_ge(info.live_bytes, 5);
	ck_assert_int_gt(info.last_commit_ns, info.created_ns);
	ck_assert_int_eq(info.read_only, 0);
	ck_assert_int_eq(srd_sync(store), 0);
	ck_assert_int_eq(srd_info(store, &info), 0);
	ck_assert_uint_eq(info.durable, info.end);
}
END_TEST

static void add(TCase *tcase)
{
	tcase_add_test(tcase, every_shape_of_value_comes_back);
	tcase_add_test(tcase, values_are_aligned_for_their_size);
	tcase_add_test(tcase, an_empty_value_has_a_pointer);
	tcase_add_test(tcase, a_put_replaces_all_of_the_value);
	tcase_add_test(tcase, directories_are_made_as_needed);
	tcase_add_test(tcase, refusals_are_exact_and_change_nothing);
	tcase_add_test(tcase, deleted_keys_are_gone);
	tcase_add_test(tcase, a_read_only_store_is_read);
	tcase_add_test(tcase, values_outlive_change_and_close);
	tcase_add_test(tcase, the_exclusive_lock_goes_with_close_not_with_values);
	tcase_add_test(tcase, processes_see_each_other);
	tcase_add_test(tcase, many_keys_are_got_at_once);
	tcase_add_test(tcase, damaged_payload_is_not_served);
	tcase_add_test(tcase, info_counts);
}

int main(void)
{
	return run_case("kv", add);
}
