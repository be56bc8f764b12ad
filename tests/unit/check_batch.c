/* SPDX-License-Identifier: Apache-2.0 */
/* A batch is one commit: all of it or nothing, in the order of its entries. */
#include "config.h"

#include "failing_io.h"
#include "fixture.h"

#include "store/store.h"

static srd_batch *batch;

static void new_batch(void)
{
	ck_assert_int_eq(srd_batch_new(store, &batch), 0);
}

static void batch_put(const char *key, const char *text)
{
	ck_assert_int_eq(srd_batch_put(batch, KEY(key), text, strlen(text)), 0);
}

static void batch_delete(const char *key)
{
	ck_assert_int_eq(srd_batch_delete(batch, KEY(key)), 0);
}

START_TEST(a_batch_is_one_commit)
{
	char key[32], name[32];
	uint64_t first = commits();

	new_batch();
	for (int i = 0; i < 3000; i++) {
		snprintf(key, sizeof key, i % 3 ? "key-%d" : "dir-%d/key-%d", i % 3 ? i : i % 50, i);
		batch_put(key, key);
	}
	ck_assert_int_eq(get_error("key-1"), -ENOENT);
	ck_assert_int_eq(srd_batch_commit(batch), 0);
	ck_assert_uint_eq(commits(), first + 1);
	srd_batch_free(batch);
	reopen_store();
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof name, i % 3 ? "key-%d" : "dir-%d/key-%d", i % 3 ? i : i % 50, i);
		assert_text(name, name);
	}
}
END_TEST

START_TEST(the_last_word_on_a_key_wins)
{
	put("there", "old");
	put("goes", "old");
	new_batch();
	batch_put("a", "first");
	batch_put("a", "second, and longer than the first");
	batch_put("there", "new");
	batch_delete("goes");
	batch_put("b", "comes and goes");
	batch_delete("b");
	batch_delete("c");
	batch_put("c", "goes and comes");
	batch_delete("none");
	batch_delete("none/below");
	batch_delete("there/below");
	ck_assert_int_eq(srd_batch_commit(batch), 0);
	srd_batch_free(batch);
	for (int round = 0; round < 2; round++) {
		assert_text("a", "second, and longer than the first");
		assert_text("there", "new");
		assert_text("c", "goes and comes");
		ck_assert_int_eq(get_error("b"), -ENOENT);
		ck_assert_int_eq(get_error("goes"), -ENOENT);
		reopen_store();
	}
}
END_TEST

START_TEST(a_batch_is_used_again)
{
	new_batch();
	ck_assert_int_eq(srd_batch_commit(batch), 0);
	ck_assert_uint_eq(commits(), 0);
	batch_put("a", "1");
	ck_assert_int_eq(srd_batch_commit(batch), 0);
	batch_put("b", "2");
	ck_assert_int_eq(srd_batch_commit(batch), 0);
	ck_assert_uint_eq(commits(), 2);
	batch_put("c", "3");
	srd_batch_free(batch);
	assert_text("a", "1");
	assert_text("b", "2");
	ck_assert_int_eq(get_error("c"), -ENOENT);
	ck_assert_uint_eq(commits(), 2);
}
END_TEST

START_TEST(values_of_all_sizes_fit_in)
{
	static const size_t sizes[] = { 0, 1, 63, 64, 4097, 65535, 65536, 70000, 1 << 20, (16 << 20) + 1 };
	uint8_t *bytes = pattern((16 << 20) + 1, 3);
	char key[32];

	new_batch();
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		snprintf(key, sizeof key, "d/%zu", i);
		ck_assert_int_eq(srd_batch_put(batch, KEY(key), bytes + i, 1), 0);
		ck_assert_int_eq(srd_batch_put(batch, KEY(key), bytes, sizes[i]), 0);
	}
	ck_assert_int_eq(srd_batch_commit(batch), 0);
	srd_batch_free(batch);
	reopen_store();
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		snprintf(key, sizeof key, "d/%zu", i);
		assert_key(KEY(key), bytes, sizes[i]);
	}
	free(bytes);
}
END_TEST

START_TEST(entries_are_copied)
{
	char key[] = "key", text[100];

	memset(text, 'a', sizeof text);
	new_batch();
	ck_assert_int_eq(srd_batch_put(batch, key, 3, text, sizeof text), 0);
	memset(key, 'x', 3);
	memset(text, 'x', sizeof text);
	ck_assert_int_eq(srd_batch_commit(batch), 0);
	srd_batch_free(batch);
	memset(text, 'a', sizeof text);
	assert_key("key", 3, text, sizeof text);
}
END_TEST

START_TEST(bad_keys_are_refused_when_they_come)
{
	new_batch();
	ck_assert_int_eq(srd_batch_put(batch, KEY("a//b"), "", 0), SRD_EKEY);
	ck_assert_int_eq(srd_batch_put(batch, KEY(".srd/x"), "", 0), SRD_ERESERVED);
	ck_assert_int_eq(srd_batch_delete(batch, KEY("")), SRD_EKEY);
	batch_put("a", "1");
	ck_assert_int_eq(srd_batch_commit(batch), 0);
	srd_batch_free(batch);
	assert_text("a", "1");
}
END_TEST

/* One entry that cannot be: nothing happens, and the batch can be tried again. */
static void assert_fails(const char *key, bool deletes, int error)
{
	uint64_t before = commits();

	new_batch();
	batch_put("before", "x");
	batch_put("new/dir/x", "x");
	batch_delete("keep");
	if (deletes)
		batch_delete(key);
	else
		batch_put(key, "x");
	batch_put("after", "x");
	ck_assert_int_eq(srd_batch_commit(batch), error);
	ck_assert_int_eq(srd_batch_commit(batch), error);
	srd_batch_free(batch);
	ck_assert_uint_eq(commits(), before);
	ck_assert_int_eq(get_error("before"), -ENOENT);
	ck_assert_int_eq(srd_exists(store, KEY("new")), 0);
	assert_text("keep", "kept");
}

START_TEST(one_bad_entry_undoes_all)
{
	put("keep", "kept");
	put("dir/x", "y");
	ck_assert_int_eq(srd_make_symlink(store, KEY("link"), "t"), 0);
	assert_fails("dir", false, -EISDIR);
	assert_fails("dir", true, -ENOTEMPTY);
	assert_fails("link", false, -ELOOP);
	assert_fails("dir/x/y", false, -ENOTDIR);
	assert_fails("before/x", false, -ENOTDIR);
}
END_TEST

START_TEST(a_batch_goes_through_once_the_reason_is_gone)
{
	put("dir/x", "y");
	new_batch();
	batch_put("a", "1");
	batch_put("dir", "a file");
	ck_assert_int_eq(srd_batch_commit(batch), -EISDIR);
	ck_assert_int_eq(srd_delete(store, KEY("dir/x")), 0);
	ck_assert_int_eq(srd_delete(store, KEY("dir")), 0);
	ck_assert_int_eq(srd_batch_commit(batch), 0);
	srd_batch_free(batch);
	assert_text("a", "1");
	assert_text("dir", "a file");
}
END_TEST

START_TEST(directories_come_and_go_within_a_batch)
{
	new_batch();
	batch_put("d/a", "1");
	batch_delete("d/a");
	batch_delete("d");
	batch_put("d", "now a file");
	batch_put("e/a", "1");
	batch_put("e/b", "2");
	batch_delete("e/a");
	batch_put("e/c", "3");
	batch_put("g/a", "1");
	batch_delete("g/a");
	batch_delete("g");
	batch_put("g/b", "in a new directory");
	ck_assert_int_eq(srd_batch_commit(batch), 0);
	srd_batch_free(batch);
	reopen_store();
	assert_text("d", "now a file");
	ck_assert_int_eq(get_error("e/a"), -ENOENT);
	assert_text("e/b", "2");
	assert_text("e/c", "3");
	assert_text("g/b", "in a new directory");
}
END_TEST

/* The write fails, at once or half way: no entry is there, before and after
 * opening anew, and the same batch succeeds later. */
START_TEST(a_failing_write_leaves_nothing)
{
	struct failing_io failing;
	char key[32];

	put("keep", "kept");
	close_store();
	for (int half = 0; half < 2; half++) {
		failing_io_init(&failing);
		ck_assert_int_eq(srd_store_open(path, SRD_NOSYNC, &failing.io, &store), 0);
		new_batch();
		for (int i = 0; i < 100; i++) {
			snprintf(key, sizeof key, "%d-%d", half, i);
			batch_put(key, key);
		}
		batch_delete("keep");
		failing.writes_left = 0;
		failing.half = half;
		ck_assert_int_eq(srd_batch_commit(batch), -ENOSPC);
		snprintf(key, sizeof key, "%d-7", half);
		ck_assert_int_eq(get_error(key), -ENOENT);
		assert_text("keep", "kept");
		srd_store *second;
		ck_assert_int_eq(srd_open(path, SRD_RDONLY, &second), 0);
		ck_assert_int_eq(srd_exists(second, KEY(key)), 0);
		ck_assert_int_eq(srd_close(second), 0);
		failing.writes_left = -1;
		ck_assert_int_eq(srd_batch_commit(batch), 0);
		srd_batch_free(batch);
		assert_text(key, key);
		put("keep", "kept");
		close_store();
	}
	open_store(SRD_NOSYNC);
	assert_text("0-99", "0-99");
	assert_text("1-99", "1-99");
}
END_TEST

START_TEST(a_failed_sync_ends_writing_not_reading)
{
	static struct failing_io failing;   /* until teardown */

	close_store();
	failing_io_init(&failing);
	ck_assert_int_eq(srd_store_open(path, SRD_NOSYNC, &failing.io, &store), 0);
	put("k", "v");
	failing.syncs_left = 0;
	ck_assert_int_eq(srd_sync(store), -EIO);
	failing.syncs_left = -1;
	ck_assert_int_eq(srd_put(store, KEY("k"), "w", 1), SRD_EPOISONED);
	ck_assert_int_eq(srd_sync(store), SRD_EPOISONED);
	assert_text("k", "v");
}
END_TEST

static void add(TCase *tcase)
{
	tcase_add_test(tcase, a_batch_is_one_commit);
	tcase_add_test(tcase, the_last_word_on_a_key_wins);
	tcase_add_test(tcase, a_batch_is_used_again);
	tcase_add_test(tcase, values_of_all_sizes_fit_in);
	tcase_add_test(tcase, entries_are_copied);
	tcase_add_test(tcase, bad_keys_are_refused_when_they_come);
	tcase_add_test(tcase, one_bad_entry_undoes_all);
	tcase_add_test(tcase, a_batch_goes_through_once_the_reason_is_gone);
	tcase_add_test(tcase, directories_come_and_go_within_a_batch);
	tcase_add_test(tcase, a_failing_write_leaves_nothing);
	tcase_add_test(tcase, a_failed_sync_ends_writing_not_reading);
}

int main(void)
{
	return run_case("batch", add);
}
