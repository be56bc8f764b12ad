/* SPDX-License-Identifier: Apache-2.0 */
/* A transaction shows its own changes to itself, nothing to others before its commit, and
 * all of it then; or it conflicts, and nothing happens. */
#include "config.h"

#include "failing_io.h"
#include "fixture.h"

#include "log/overlay.h"
#include "store/private.h"
#include "store/store.h"

static srd_store *view;

static void begin(void)
{
	ck_assert_int_eq(srd_transaction_begin(store, &view), 0);
}

static void commit(void)
{
	ck_assert_int_eq(srd_transaction_commit(view, NULL, 0), 0);
	ck_assert_int_eq(srd_close(view), 0);
}

/* Both must not commit: KEY is what they quarrel over. */
static void commit_conflicts(const char *key)
{
	char conflict[SRD_KEY_MAX + 1] = "";
	uint64_t before = commits();

	ck_assert_int_eq(srd_transaction_commit(view, conflict, sizeof conflict), -EBUSY);
	ck_assert_str_eq(conflict, key);
	ck_assert_uint_eq(commits(), before);
	ck_assert_int_eq(srd_close(view), 0);
}

static void view_put(const char *key, const char *text)
{
	ck_assert_int_eq(srd_put(view, KEY(key), text, strlen(text)), 0);
}

static void assert_view(const char *key, const void *data, size_t len)
{
	srd_value value;

	ck_assert_int_eq(srd_get(view, KEY(key), &value), 0);
	assert_value(&value, data, len);
	srd_value_release(&value);
}

static int view_error(const char *key)
{
	srd_value value;
	int error = srd_get(view, KEY(key), &value);

	if (!error)
		srd_value_release(&value);
	return error;
}

START_TEST(what_is_changed_is_seen_within_and_then_by_all_at_once)
{
	uint8_t *big = pattern(3 << 20, 1), *page = pattern(70000, 2), *small = pattern(300, 3);

	put("stays", "as it was");
	put("goes", "soon");
	put("changes", "old");
	put("dir/moves", "here");
	uint64_t first = commits();
	begin();
	view_put("new", "a short one");
	ck_assert_int_eq(srd_put(view, KEY("d/big"), big, 3 << 20), 0);
	ck_assert_int_eq(srd_put(view, KEY("d/page"), page, 70000), 0);
	ck_assert_int_eq(srd_put(view, KEY("d/small"), small, 300), 0);
	ck_assert_int_eq(srd_delete(view, KEY("goes")), 0);
	view_put("changes", "new");
	ck_assert_int_eq(srd_rename(view, KEY("dir"), KEY("elsewhere")), 0);
	ck_assert_int_eq(srd_link(view, KEY("new"), KEY("other")), 0);
	ck_assert_int_eq(srd_make_symlink(view, KEY("link"), "d/big"), 0);
	assert_view("new", "a short one", 11);
	assert_view("other", "a short one", 11);
	assert_view("d/big", big, 3 << 20);
	assert_view("d/page", page, 70000);
	assert_view("d/small", small, 300);
	assert_view("elsewhere/moves", "here", 4);
	ck_assert_int_eq(view_error("goes"), -ENOENT);
	ck_assert_int_eq(view_error("dir/moves"), -ENOENT);
	/* Nobody else sees any of it. */
	ck_assert_uint_eq(commits(), first);
	ck_assert_int_eq(get_error("new"), -ENOENT);
	ck_assert_int_eq(get_error("d/big"), -ENOENT);
	assert_text("goes", "soon");
	assert_text("changes", "old");
	assert_text("dir/moves", "here");
	commit();
	ck_assert_uint_eq(commits(), first + 1);
	for (int again = 0; again < 2; again++) {
		assert_text("new", "a short one");
		assert_text("other", "a short one");
		assert_text("changes", "new");
		assert_text("stays", "as it was");
		assert_text("elsewhere/moves", "here");
		assert_key(KEY("d/big"), big, 3 << 20);
		assert_key(KEY("d/page"), page, 70000);
		assert_key(KEY("d/small"), small, 300);
		ck_assert_int_eq(get_error("goes"), -ENOENT);
		ck_assert_int_eq(get_error("link"), -ELOOP);
		reopen_store();
	}
	free(big);
	free(page);
	free(small);
}
END_TEST

START_TEST(what_is_closed_without_a_commit_never_was)
{
	uint8_t *big = pattern(1 << 20, 1);

	put("a", "kept");
	begin();
	view_put("a", "dropped");
	view_put("b", "dropped");
	ck_assert_int_eq(srd_put(view, KEY("c"), big, 1 << 20), 0);
	ck_assert_int_eq(srd_close(view), 0);
	assert_text("a", "kept");
	ck_assert_int_eq(get_error("b"), -ENOENT);
	reopen_store();
	assert_text("a", "kept");
	ck_assert_int_eq(get_error("c"), -ENOENT);
	free(big);
}
END_TEST

START_TEST(the_view_does_not_move_while_others_commit)
{
	put("a", "before");
	put("gone", "before");
	begin();
	put("a", "after");
	put("b", "after");
	ck_assert_int_eq(srd_delete(store, KEY("gone")), 0);
	assert_view("a", "before", 6);
	assert_view("gone", "before", 6);
	ck_assert_int_eq(view_error("b"), -ENOENT);
	/* Its own data comes to lie behind theirs. */
	uint8_t *bytes = pattern(5000, 7);
	ck_assert_int_eq(srd_put(view, KEY("mine"), bytes, 5000), 0);
	put("c", "later");
	assert_view("mine", bytes, 5000);
	ck_assert_int_eq(view_error("c"), -ENOENT);
	commit();
	assert_text("a", "after");
	assert_text("c", "later");
	assert_key(KEY("mine"), bytes, 5000);
	free(bytes);
}
END_TEST

START_TEST(disjoint_ones_both_commit)
{
	srd_store *first, *second;

	put("dir/there", "x");
	put("a", "old");
	put("b", "old");
	begin();
	first = view;
	begin();
	second = view;
	view = first;
	view_put("a", "of the first");
	view_put("dir/one", "1");
	view_put("new/one", "1");
	view = second;
	view_put("b", "of the second");
	view_put("dir/two", "2");
	view_put("other/two", "2");
	view = first;
	commit();
	view = second;
	commit();
	assert_text("a", "of the first");
	assert_text("b", "of the second");
	assert_text("dir/one", "1");
	assert_text("dir/two", "2");
	assert_text("new/one", "1");
	assert_text("other/two", "2");
	reopen_store();
	assert_text("dir/two", "2");
	struct srd_info info;
	ck_assert_int_eq(srd_info(store, &info), 0);
	ck_assert_uint_eq(info.misfits, 0);
}
END_TEST

/* What the view does, what others do, and what they quarrel over; NULL: nothing. */
struct quarrel {
	const char *ours, *theirs, *over;
};

static void act(srd_store *on, const char *what)
{
	char from[64], to[64];
	int error = -1;

	if (sscanf(what, "put %63s", from) == 1)
		error = srd_put(on, KEY(from), what, strlen(what));
	else if (sscanf(what, "delete %63s", from) == 1)
		error = srd_delete(on, KEY(from));
	else if (sscanf(what, "mkdir %63s", from) == 1)
		error = srd_make_dir(on, KEY(from));
	else if (sscanf(what, "expect %63s", from) == 1)
		error = srd_transaction_expect(on, KEY(from));
	else if (sscanf(what, "chmod %63s", from) == 1)
		error = srd_set_attr(on, KEY(from), &(struct srd_stat){ .mode = 0600 }, SRD_SET_MODE);
	else if (sscanf(what, "rename %63s %63s", from, to) == 2)
		error = srd_rename(on, KEY(from), KEY(to));
	else if (sscanf(what, "link %63s %63s", from, to) == 2)
		error = srd_link(on, KEY(from), KEY(to));
	ck_assert_msg(error == 0, "%s: %d", what, error);
}

static const struct quarrel quarrels[] = {
	{ "put new", "put new", "new" },
	{ "put new", "mkdir new", "new" },
	{ "put file", "put file", "file" },
	{ "put file", "delete file", "file" },
	{ "put file", "chmod file", "file" },
	{ "put file", "rename file elsewhere", "file" },
	{ "chmod file", "put file", "file" },
	{ "delete file", "put file", "file" },
	{ "delete file", "delete file", "file" },
	{ "link file new", "put file", "file" },
	{ "link file new", "put new", "new" },
	{ "rename file new", "put new", "new" },
	{ "rename file other", "put other", "other" },
	{ "rename file other", "delete other", "other" },
	{ "rename file other", "put file", "other" },   /* as the view calls it */
	{ "rename dir moved", "rename dir gone", "dir" },
	{ "rename dir dir2/x", "rename dir2 dir/y", "dir2/x" },
	{ "delete empty", "put empty/file", "empty" },
	{ "put empty/file", "delete empty", "empty/file" },
	{ "put dir/new", "put dir/new", "dir/new" },
	{ "expect file", "put file", "file" },
	{ "expect file", "delete file", "file" },
	{ "expect none", "put none", "none" },
	{ "expect dir/x/y", "put dir/x", "dir/x" },
	{ "expect dir/there", "rename dir elsewhere", "dir" },
	/* What others do beside it is nobody's quarrel. */
	{ "put dir/new", "put dir/newer", NULL },
	{ "put dir/new", "rename dir moved", NULL },
	{ "put dir/new", "chmod dir", NULL },
	{ "put new", "put file", NULL },
	{ "delete dir/there", "put dir/new", NULL },
	{ "rename dir moved", "put dir/new", NULL },
	{ "expect file", "put other", NULL },
	{ "expect dir/none", "put dir/new", NULL },
};

START_TEST(what_others_changed_meanwhile_is_a_conflict_and_nothing_happens)
{
	const struct quarrel *quarrel = &quarrels[_i];

	put("file", "old");
	put("other", "old");
	put("dir/there", "x");
	put("dir2/there", "x");
	ck_assert_int_eq(srd_make_dir(store, KEY("empty")), 0);
	begin();
	view_put("aside", "goes with it or not");
	act(view, quarrel->ours);
	act(store, quarrel->theirs);
	if (quarrel->over) {
		commit_conflicts(quarrel->over);
		ck_assert_int_eq(get_error("aside"), -ENOENT);
	} else {
		commit();
		assert_text("aside", "goes with it or not");
	}
	struct srd_info info;
	ck_assert_int_eq(srd_info(store, &info), 0);
	ck_assert_uint_eq(info.misfits, 0);
	reopen_store();
}
END_TEST

START_TEST(what_the_view_changed_itself_it_may_rely_on)
{
	put("a", "old");
	put("b", "old");
	begin();
	act(view, "expect a");
	act(view, "expect c");
	view_put("a", "new");
	ck_assert_int_eq(srd_delete(view, KEY("b")), 0);
	act(view, "expect b");
	view_put("c", "new");
	act(view, "expect c");
	act(view, "expect a");
	commit();
	assert_text("a", "new");
	ck_assert_int_eq(get_error("b"), -ENOENT);
}
END_TEST

START_TEST(a_second_commit_has_nothing_to_commit)
{
	begin();
	view_put("a", "once");
	ck_assert_int_eq(srd_transaction_commit(view, NULL, 0), 0);
	uint64_t first = commits();
	ck_assert_int_eq(srd_transaction_commit(view, NULL, 0), -EALREADY);
	ck_assert_int_eq(srd_put(view, KEY("b"), "x", 1), -EROFS);
	assert_view("a", "once", 4);
	ck_assert_int_eq(srd_close(view), 0);
	ck_assert_uint_eq(commits(), first);
	ck_assert_int_eq(srd_transaction_commit(store, NULL, 0), -EINVAL);
	begin();
	srd_store *inner;
	ck_assert_int_eq(srd_transaction_begin(view, &inner), -EINVAL);
	ck_assert_int_eq(srd_transaction_commit(view, NULL, 0), 0);   /* of nothing */
	ck_assert_int_eq(srd_close(view), 0);
	ck_assert_uint_eq(commits(), first);
}
END_TEST

START_TEST(a_value_outlives_its_view)
{
	srd_value value, aside;
	uint8_t *bytes = pattern(20000, 5);

	begin();
	view_put("short", "lies in memory alone");
	ck_assert_int_eq(srd_put(view, KEY("long"), bytes, 20000), 0);
	ck_assert_int_eq(srd_get(view, KEY("short"), &value), 0);
	ck_assert_int_eq(srd_get(view, KEY("long"), &aside), 0);
	ck_assert_int_eq(srd_close(view), 0);
	assert_value(&value, "lies in memory alone", 20);
	assert_value(&aside, bytes, 20000);
	srd_value_release(&value);
	srd_value_release(&aside);
	free(bytes);
}
END_TEST

START_TEST(copies_within_share_what_lies_in_memory_too)
{
	uint8_t *bytes = pattern(9000, 5);

	begin();
	view_put("short", "short");
	ck_assert_int_eq(srd_put(view, KEY("long"), bytes, 9000), 0);
	ck_assert_int_eq(srd_copy(view, KEY("short"), view, KEY("short copy")), 0);
	ck_assert_int_eq(srd_copy(view, KEY("long"), view, KEY("long copy")), 0);
	view_put("short", "other");
	commit();
	reopen_store();
	assert_text("short", "other");
	assert_text("short copy", "short");
	assert_key(KEY("long copy"), bytes, 9000);
	free(bytes);
}
END_TEST

START_TEST(batches_streams_and_readers_work_within)
{
	uint8_t *bytes = pattern(3 << 20, 9);
	srd_batch *batch;
	srd_writer *writer;
	srd_iter *iter;
	struct srd_entry entry;
	char key[32];

	put("key-0", "of before");
	begin();
	ck_assert_int_eq(srd_batch_new(view, &batch), 0);
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof key, "key-%d", i);
		ck_assert_int_eq(srd_batch_put(batch, KEY(key), bytes + i, (size_t)i), 0);
	}
	ck_assert_int_eq(srd_batch_commit(batch), 0);
	srd_batch_free(batch);
	ck_assert_int_eq(srd_writer_new(view, KEY("stream"), &writer), 0);
	ck_assert_int_eq(srd_writer_write(writer, bytes, 3 << 20), 0);
	ck_assert_int_eq(srd_writer_commit(writer), 0);
	int count = 0;
	ck_assert_int_eq(srd_iter_new(view, NULL, 0, 0, 0, 1, &iter), 0);
	while (srd_iter_next(iter, &entry) == 1)
		count++;
	srd_iter_free(iter);
	ck_assert_int_eq(count, 1001);
	commit();
	assert_key(KEY("stream"), bytes, 3 << 20);
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof key, "key-%d", i);
		assert_key(KEY(key), bytes + i, (size_t)i);
	}
	free(bytes);
}
END_TEST

START_TEST(a_full_disk_at_the_commit_loses_nothing)
{
	struct failing_io failing;
	srd_store *own;

	failing_io_init(&failing);
	close_store();
	ck_assert_int_eq(srd_store_open(path, SRD_NOSYNC, &failing.io, &own), 0);
	ck_assert_int_eq(srd_transaction_begin(own, &view), 0);
	view_put("a", "kept in memory");
	failing.writes_left = 0;
	failing.half = true;
	ck_assert_int_eq(srd_transaction_commit(view, NULL, 0), -ENOSPC);
	assert_view("a", "kept in memory", 14);
	failing.writes_left = -1;
	ck_assert_int_eq(srd_transaction_commit(view, NULL, 0), 0);
	ck_assert_int_eq(srd_close(view), 0);
	ck_assert_int_eq(srd_close(own), 0);
	open_store(SRD_NOSYNC);
	assert_text("a", "kept in memory");
}
END_TEST

START_TEST(a_sync_that_fails_is_told)
{
	struct failing_io failing;
	srd_store *own;

	failing_io_init(&failing);
	close_store();
	ck_assert_int_eq(srd_store_open(path, SRD_NOSYNC, &failing.io, &own), 0);
	ck_assert_int_eq(srd_transaction_begin(own, &view), 0);
	view_put("a", "x");
	ck_assert_int_eq(srd_sync(view), 0);   /* nothing is promised */
	failing.syncs_left = 0;
	ck_assert_int_eq(srd_transaction_commit(view, NULL, 0), -EIO);
	ck_assert_int_eq(srd_close(view), 0);
	ck_assert_int_eq(srd_close(own), 0);
	open_store(SRD_NOSYNC);
}
END_TEST

START_TEST(times_are_those_that_the_view_showed)
{
	struct srd_stat before, after;

	put("old", "x");
	begin();
	view_put("a", "x");
	view_put("old", "y");
	view_put("told", "y");
	ck_assert_int_eq(srd_set_attr(view, KEY("told"), &(struct srd_stat){ .mtime_ns = 1234567 }, SRD_SET_MTIME), 0);
	ck_assert_int_eq(srd_stat(view, KEY("a"), &before), 0);
	ck_assert_int_eq(srd_transaction_commit(view, NULL, 0), 0);
	ck_assert_int_eq(srd_stat(store, KEY("a"), &after), 0);
	ck_assert_int_eq(after.mtime_ns, before.mtime_ns);
	ck_assert_int_eq(after.atime_ns, before.atime_ns);
	ck_assert_int_gt(after.ctime_ns, before.ctime_ns);
	ck_assert_int_eq(srd_stat(view, KEY("old"), &before), 0);
	ck_assert_int_eq(srd_stat(store, KEY("old"), &after), 0);
	ck_assert_int_eq(after.mtime_ns, before.mtime_ns);
	ck_assert_int_eq(srd_stat(store, KEY("told"), &after), 0);
	ck_assert_int_eq(after.mtime_ns, 1234567);
	ck_assert_int_eq(srd_close(view), 0);
}
END_TEST

START_TEST(more_than_a_commit_can_hold_is_refused_when_it_is_put)
{
	int error = 0;

	begin();
	/* Without writing a gigabyte: as if most of the room were taken. */
	view->log->overlay->meta_bytes = SRD_META_LEN_MAX - 2000;
	for (int i = 0; i < 100 && !error; i++) {
		char key[32];
		snprintf(key, sizeof key, "key-%d", i);
		error = srd_put(view, KEY(key), "x", 1);
	}
	ck_assert_int_eq(error, SRD_EFULL);
	commit();
	assert_text("key-0", "x");
}
END_TEST

START_TEST(another_file_in_the_stores_place_is_noticed)
{
	char aside[160];

	put("a", "x");
	begin();
	view_put("b", "y");
	snprintf(aside, sizeof aside, "%s.old", path);
	ck_assert_int_eq(rename(path, aside), 0);
	srd_store *other;
	ck_assert_int_eq(srd_open(path, SRD_CREATE | SRD_NOSYNC, &other), 0);
	int error = srd_transaction_commit(view, NULL, 0);
	ck_assert_int_eq(error, SRD_EREPLACED);
	assert_view("b", "y", 1);
	ck_assert_int_eq(srd_close(view), 0);
	ck_assert_int_eq(srd_transaction_begin(store, &view), SRD_EREPLACED);
	ck_assert_int_eq(srd_close(other), 0);
}
END_TEST

START_TEST(a_compaction_meanwhile_changes_nothing)
{
	uint8_t *bytes = pattern(300000, 3), *more = pattern(200000, 4);
	struct srd_compacted result;

	ck_assert_int_eq(srd_put(store, KEY("there"), bytes, 100000), 0);
	put("stays", "x");
	put("goes", "x");
	put("dir/file", "old");
	for (int i = 0; i < 50; i++)
		put("rewritten", i % 2 ? "this" : "that");
	begin();
	ck_assert_int_eq(srd_put(view, KEY("before"), bytes, 300000), 0);
	ck_assert_int_eq(srd_copy(view, KEY("there"), view, KEY("copy")), 0);
	act(view, "expect stays");
	for (int again = 0; again < 2; again++) {
		act(store, "put aside");
		ck_assert_int_eq(srd_compact(store, &(struct srd_compact_options){ 0 }, &result), 0);
		char key[32];
		snprintf(key, sizeof key, "after-%d", again);
		ck_assert_int_eq(srd_put(view, KEY(key), more, 200000), 0);
		ck_assert_int_eq(srd_put(view, KEY("long"), bytes + again, 2000), 0);
		assert_view(key, more, 200000);
		assert_view("before", bytes, 300000);
	}
	view_put("dir/file", "new");
	ck_assert_int_eq(srd_delete(view, KEY("goes")), 0);
	ck_assert_int_eq(srd_copy(view, KEY("after-1"), view, KEY("after copy")), 0);
	commit();
	for (int again = 0; again < 2; again++) {
		assert_key(KEY("before"), bytes, 300000);
		assert_key(KEY("copy"), bytes, 100000);
		assert_key(KEY("there"), bytes, 100000);
		assert_key(KEY("after-0"), more, 200000);
		assert_key(KEY("after copy"), more, 200000);
		assert_key(KEY("long"), bytes + 1, 2000);
		assert_text("dir/file", "new");
		assert_text("rewritten", "this");
		ck_assert_int_eq(get_error("goes"), -ENOENT);
		reopen_store();
	}
	free(bytes);
	free(more);
}
END_TEST

START_TEST(conflicts_are_found_behind_a_compaction_too)
{
	static const struct quarrel some[] = {
		{ "put file", "put file", "file" }, { "put file", "delete file", "file" },
		{ "put new", "put new", "new" }, { "expect file", "put file", "file" },
		{ "put file", "put other", NULL }, { "chmod dir", "put dir/new", NULL },
	};
	struct srd_compacted result;

	put("file", "old");
	put("other", "old");
	put("dir/there", "x");
	begin();
	act(view, some[_i / 2].ours);
	if (_i % 2)
		act(store, some[_i / 2].theirs);
	ck_assert_int_eq(srd_compact(store, &(struct srd_compact_options){ 0 }, &result), 0);
	if (_i % 2 == 0)
		act(store, some[_i / 2].theirs);
	if (some[_i / 2].over)
		commit_conflicts(some[_i / 2].over);
	else
		commit();
	reopen_store();
}
END_TEST

START_TEST(an_exclusive_store_has_views_too)
{
	close_store();
	open_store(SRD_EXCLUSIVE);
	begin();
	view_put("a", "x");
	commit();
	assert_text("a", "x");
}
END_TEST

static void add(TCase *tcase)
{
	tcase_add_test(tcase, what_is_changed_is_seen_within_and_then_by_all_at_once);
	tcase_add_test(tcase, what_is_closed_without_a_commit_never_was);
	tcase_add_test(tcase, the_view_does_not_move_while_others_commit);
	tcase_add_test(tcase, disjoint_ones_both_commit);
	tcase_add_loop_test(tcase, what_others_changed_meanwhile_is_a_conflict_and_nothing_happens, 0,
	                    (int)(sizeof quarrels / sizeof quarrels[0]));
	tcase_add_test(tcase, what_the_view_changed_itself_it_may_rely_on);
	tcase_add_test(tcase, a_second_commit_has_nothing_to_commit);
	tcase_add_test(tcase, a_value_outlives_its_view);
	tcase_add_test(tcase, copies_within_share_what_lies_in_memory_too);
	tcase_add_test(tcase, batches_streams_and_readers_work_within);
	tcase_add_test(tcase, a_full_disk_at_the_commit_loses_nothing);
	tcase_add_test(tcase, a_sync_that_fails_is_told);
	tcase_add_test(tcase, times_are_those_that_the_view_showed);
	tcase_add_test(tcase, more_than_a_commit_can_hold_is_refused_when_it_is_put);
	tcase_add_test(tcase, another_file_in_the_stores_place_is_noticed);
	tcase_add_test(tcase, a_compaction_meanwhile_changes_nothing);
	tcase_add_loop_test(tcase, conflicts_are_found_behind_a_compaction_too, 0, 12);
	tcase_add_test(tcase, an_exclusive_store_has_views_too);
}

int main(void)
{
	return run_case("private", add);
}
