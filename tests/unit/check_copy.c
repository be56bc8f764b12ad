/* SPDX-License-Identifier: Apache-2.0 */
/* Keys move, get copied and get further names, with all that belongs to them. */
#include "config.h"

#include "fixture.h"

#include <sys/stat.h>
#include <unistd.h>

#include "store/store.h"

START_TEST(rename_moves_and_replaces)
{
	struct srd_stat before, after;

	put("a", "A");
	put("b", "B");
	ck_assert_int_eq(srd_stat(store, KEY("a"), &before), 0);
	ck_assert_int_eq(srd_rename(store, KEY("a"), KEY("b")), 0);
	ck_assert_int_eq(get_error("a"), -ENOENT);
	assert_text("b", "A");
	ck_assert_int_eq(srd_stat(store, KEY("b"), &after), 0);
	ck_assert_uint_eq(before.ino, after.ino);
	ck_assert_int_eq(srd_rename(store, KEY("b"), KEY("x/y/z")), 0);
	assert_text("x/y/z", "A");
	put("x/y/w", "W");
	ck_assert_int_eq(srd_rename(store, KEY("x/y"), KEY("moved/far")), 0);
	assert_text("moved/far/z", "A");
	assert_text("moved/far/w", "W");
	ck_assert_int_eq(srd_exists(store, KEY("x/y")), 0);
	ck_assert_int_eq(srd_make_dir(store, KEY("hollow")), 0);
	ck_assert_int_eq(srd_rename(store, KEY("moved/far"), KEY("hollow")), 0);
	reopen_store();
	assert_text("hollow/z", "A");
	ck_assert_int_eq(srd_rename(store, KEY("hollow/z"), KEY("hollow/z")), 0);
	assert_text("hollow/z", "A");
}
END_TEST

START_TEST(a_copy_shares_bytes_and_keeps_attributes)
{
	uint8_t *bytes = pattern(3 << 20, 9);
	struct srd_stat from, to, times = { .mode = 0640, .mtime_ns = 1234567890123456789, .atime_ns = -5 };
	struct srd_info before, after;

	ck_assert_int_eq(srd_put(store, KEY("from"), bytes, 3 << 20), 0);
	ck_assert_int_eq(srd_set_attr(store, KEY("from"), &times, SRD_SET_MODE | SRD_SET_MTIME | SRD_SET_ATIME), 0);
	put("to", "was something else");
	ck_assert_int_eq(srd_link(store, KEY("to"), KEY("other name")), 0);
	ck_assert_int_eq(srd_info(store, &before), 0);
	ck_assert_int_eq(srd_copy(store, KEY("from"), store, KEY("to")), 0);
	ck_assert_int_eq(srd_info(store, &after), 0);
	ck_assert_uint_eq(after.sequence, before.sequence + 1);
	ck_assert_uint_lt(after.end - before.end, 1024);
	assert_key(KEY("to"), bytes, 3 << 20);
	assert_text("other name", "was something else");
	ck_assert_int_eq(srd_stat(store, KEY("from"), &from), 0);
	ck_assert_int_eq(srd_stat(store, KEY("to"), &to), 0);
	ck_assert_uint_eq(to.mode, S_IFREG | 0640);
	ck_assert_int_eq(to.mtime_ns, times.mtime_ns);
	ck_assert_int_eq(to.atime_ns, times.atime_ns);
	ck_assert_uint_eq(to.offset, from.offset);
	ck_assert_uint_ne(to.ino, from.ino);
	/* They part when one changes. */
	put("from", "new");
	assert_key(KEY("to"), bytes, 3 << 20);
	/* Onto itself, also by another name: nothing. */
	ck_assert_int_eq(srd_link(store, KEY("to"), KEY("to2")), 0);
	uint64_t sequence = commits();
	ck_assert_int_eq(srd_copy(store, KEY("to"), store, KEY("to2")), 0);
	ck_assert_int_eq(srd_copy(store, KEY("to"), store, KEY("to")), 0);
	ck_assert_uint_eq(commits(), sequence);
	free(bytes);
}
END_TEST

START_TEST(links_and_nodes_are_copied_as_such)
{
	srd_value value;
	struct srd_stat st;
	char target[300];

	memset(target, 't', sizeof target - 1);
	target[sizeof target - 1] = 0;
	ck_assert_int_eq(srd_make_symlink(store, KEY("l"), target), 0);
	ck_assert_int_eq(srd_make_symlink(store, KEY("short"), "../s"), 0);
	ck_assert_int_eq(srd_make_node(store, KEY("dev"), S_IFCHR | 0620, 0x502), 0);
	ck_assert_int_eq(srd_copy(store, KEY("l"), store, KEY("d/l2")), 0);
	ck_assert_int_eq(srd_copy(store, KEY("short"), store, KEY("d/s2")), 0);
	ck_assert_int_eq(srd_copy(store, KEY("dev"), store, KEY("d/dev2")), 0);
	ck_assert_int_eq(srd_read_link(store, KEY("d/l2"), &value), 0);
	assert_value(&value, target, sizeof target - 1);
	srd_value_release(&value);
	ck_assert_int_eq(srd_read_link(store, KEY("d/s2"), &value), 0);
	assert_value(&value, "../s", 4);
	srd_value_release(&value);
	ck_assert_int_eq(srd_stat(store, KEY("d/l2"), &st), 0);
	ck_assert_int_eq(st.kind, SRD_SYMLINK);
	ck_assert_uint_eq(st.size, sizeof target - 1);
	ck_assert_int_eq(srd_stat(store, KEY("d/dev2"), &st), 0);
	ck_assert_int_eq(st.kind, SRD_CHARDEV);
	ck_assert_uint_eq(st.rdev, 0x502);
	ck_assert_uint_eq(st.mode, S_IFCHR | 0620);
}
END_TEST

START_TEST(a_copy_goes_to_another_store)
{
	char other_path[160];
	srd_store *first = store, *other;
	uint8_t *bytes = pattern((2 << 20) + 3, 10);
	struct srd_stat st, times = { .mode = 0400, .mtime_ns = 99 };
	srd_writer *writer;

	snprintf(other_path, sizeof other_path, "%s/other.srd", dir);
	ck_assert_int_eq(srd_open(other_path, SRD_CREATE | SRD_NOSYNC, &other), 0);
	ck_assert_int_eq(srd_put(store, KEY("big"), bytes, (2 << 20) + 3), 0);
	ck_assert_int_eq(srd_set_attr(store, KEY("big"), &times, SRD_SET_MODE | SRD_SET_MTIME), 0);
	put("small", "s");
	put("empty", "");
	ck_assert_int_eq(srd_make_symlink(store, KEY("link"), "big"), 0);
	ck_assert_int_eq(srd_writer_new(store, KEY("sparse"), &writer), 0);
	ck_assert_int_eq(srd_writer_skip(writer, 1 << 30), 0);
	ck_assert_int_eq(srd_writer_write(writer, "x", 1), 0);
	ck_assert_int_eq(srd_writer_skip(writer, 1 << 30), 0);
	ck_assert_int_eq(srd_writer_commit(writer), 0);
	const char *const keys[] = { "big", "small", "empty", "link", "sparse" };
	for (size_t i = 0; i < 5; i++)
		ck_assert_int_eq(srd_copy(first, KEY(keys[i]), other, KEY(keys[i])), 0);
	ck_assert_int_eq(srd_copy(first, KEY("none"), other, KEY("none")), -ENOENT);
	store = other;
	assert_key(KEY("big"), bytes, (2 << 20) + 3);
	assert_text("small", "s");
	assert_text("empty", "");
	ck_assert_int_eq(srd_stat(store, KEY("big"), &st), 0);
	ck_assert_uint_eq(st.mode, S_IFREG | 0400);
	ck_assert_int_eq(st.mtime_ns, 99);
	ck_assert_int_eq(srd_stat(store, KEY("sparse"), &st), 0);
	ck_assert_uint_eq(st.size, (UINT64_C(2) << 30) + 1);
	ck_assert_uint_eq(st.stored_bytes, 1);
	close_store();
	store = first;
	free(bytes);
}
END_TEST

START_TEST(attributes_are_set_one_by_one)
{
	struct srd_stat st;
	struct srd_stat want = { .mode = S_IFDIR | 04711, .uid = 12, .gid = 34, .atime_ns = 56, .mtime_ns = -78 };

	put("k", "v");
	ck_assert_int_eq(srd_set_attr(store, KEY("k"), &want, SRD_SET_MODE), 0);
	ck_assert_int_eq(srd_stat(store, KEY("k"), &st), 0);
	ck_assert_uint_eq(st.mode, S_IFREG | 04711);
	ck_assert_uint_eq(st.uid, getuid());
	ck_assert_int_eq(srd_set_attr(store, KEY("k"), &want, SRD_SET_UID | SRD_SET_GID), 0);
	ck_assert_int_eq(srd_set_attr(store, KEY("k"), &want, SRD_SET_MTIME), 0);
	ck_assert_int_eq(srd_stat(store, KEY("k"), &st), 0);
	ck_assert_int_ne(st.atime_ns, 56);
	ck_assert_int_eq(st.mtime_ns, -78);
	ck_assert_int_eq(srd_set_attr(store, KEY("k"), &want, SRD_SET_ATIME), 0);
	uint64_t sequence = commits();
	ck_assert_int_eq(srd_set_attr(store, KEY("k"), &want, 0), 0);
	ck_assert_uint_eq(commits(), sequence);
	reopen_store();
	ck_assert_int_eq(srd_stat(store, KEY("k"), &st), 0);
	ck_assert_uint_eq(st.mode, S_IFREG | 04711);
	ck_assert_uint_eq(st.uid, 12);
	ck_assert_uint_eq(st.gid, 34);
	ck_assert_int_eq(st.atime_ns, 56);
	ck_assert_int_eq(st.mtime_ns, -78);
	assert_text("k", "v");
}
END_TEST

START_TEST(a_link_is_another_name_of_the_same)
{
	struct srd_stat a, b;

	put("a", "one");
	ck_assert_int_eq(srd_link(store, KEY("a"), KEY("dir/b")), 0);
	ck_assert_int_eq(srd_stat(store, KEY("a"), &a), 0);
	ck_assert_int_eq(srd_stat(store, KEY("dir/b"), &b), 0);
	ck_assert_uint_eq(a.ino, b.ino);
	ck_assert_uint_eq(b.nlink, 2);
	put("dir/b", "two");
	assert_text("a", "two");
	ck_assert_int_eq(srd_delete(store, KEY("a")), 0);
	assert_text("dir/b", "two");
}
END_TEST

START_TEST(making_a_directory_that_is_there_is_fine)
{
	ck_assert_int_eq(srd_make_dir(store, KEY("a/b")), 0);
	ck_assert_int_eq(srd_make_dir(store, KEY("a/b")), 0);
	ck_assert_int_eq(srd_make_dir(store, KEY("a")), 0);
	close_store();
	open_store(SRD_RDONLY);
	ck_assert_int_eq(srd_make_dir(store, KEY("a/b")), 0);
	ck_assert_int_eq(srd_make_dir(store, KEY("a/c")), -EROFS);
}
END_TEST

/* Sets an attribute NAME of KEY, as a file system would. */
static void set_xattr(const char *key, const char *name, const void *value, size_t len)
{
	struct srd_txn *txn;
	struct srd_stat st;

	ck_assert_int_eq(srd_stat(store, KEY(key), &st), 0);
	ck_assert_int_eq(srd_txn_begin(store, &txn), 0);
	ck_assert_int_eq(srd_txn_xattr(txn, st.ino, KEY(name), value, len), 0);
	ck_assert_int_eq(srd_txn_commit(txn, NULL), 0);
}

static void assert_xattr(const char *key, const char *name, const void *value, size_t len)
{
	struct srd_stat st;
	struct srd_run run;
	char buffer[70000];

	ck_assert_int_eq(srd_stat(store, KEY(key), &st), 0);
	const struct srd_inode *inode = srd_inode_at(&store->state, srd_state_inode_of(&store->state, st.ino));
	const struct srd_xattr *xattr = srd_state_xattr(&store->state, inode, KEY(name));
	ck_assert_ptr_nonnull(xattr);
	ck_assert(srd_log_run(store->log, xattr->run, &run));
	ck_assert_uint_eq(run.len, len);
	ck_assert_int_eq(srd_log_copy(store->log, &run, 0, run.len, buffer), 0);
	if (len > 0)
		ck_assert_mem_eq(buffer, value, len);
}

START_TEST(extended_attributes_are_copied)
{
	char other_path[160];
	srd_store *first = store, *other;
	uint8_t *bytes = pattern(65536, 14);

	snprintf(other_path, sizeof other_path, "%s/other.srd", dir);
	ck_assert_int_eq(srd_open(other_path, SRD_CREATE | SRD_NOSYNC, &other), 0);
	put("k", "v");
	set_xattr("k", "user.empty", "", 0);
	set_xattr("k", "user.small", "x", 1);
	set_xattr("k", "user.large", bytes, 65536);
	put("to", "has one that must go");
	set_xattr("to", "user.old", "x", 1);
	ck_assert_int_eq(srd_copy(first, KEY("k"), first, KEY("to")), 0);
	ck_assert_int_eq(srd_copy(first, KEY("k"), other, KEY("to")), 0);
	for (int i = 0; i < 2; i++) {
		struct srd_stat st;
		store = i ? other : first;
		assert_text("to", "v");
		assert_xattr("to", "user.empty", "", 0);
		assert_xattr("to", "user.small", "x", 1);
		assert_xattr("to", "user.large", bytes, 65536);
		ck_assert_int_eq(srd_stat(store, KEY("to"), &st), 0);
		const struct srd_inode *inode = srd_inode_at(&store->state, srd_state_inode_of(&store->state, st.ino));
		ck_assert_ptr_null(srd_state_xattr(&store->state, inode, KEY("user.old")));
	}
	close_store();
	store = first;
	free(bytes);
}
END_TEST

START_TEST(extended_attributes_are_set_listed_and_removed)
{
	char list[32], name[SRD_NAME_MAX + 2] = "user.";
	srd_writer *writer;
	srd_value value;
	struct srd_info before, after;

	put("k", "v");
	ck_assert_int_eq(srd_list_xattrs(store, KEY("k"), NULL, 0), 0);
	ck_assert_int_eq(srd_set_xattr(store, KEY("k"), "user.a", "one", 3), 0);
	ck_assert_int_eq(srd_set_xattr(store, KEY("k"), "user.b", "", 0), 0);
	ck_assert_int_eq(srd_set_xattr(store, KEY("k"), "user.a", "two", 3), 0);
	reopen_store();
	assert_xattr("k", "user.a", "two", 3);
	ck_assert_int_eq(srd_get_xattr(store, KEY("k"), "user.a", &value), 0);
	ck_assert(value.len == 3 && memcmp(value.data, "two", 3) == 0);
	srd_value_release(&value);
	ck_assert_int_eq(srd_get_xattr(store, KEY("k"), "user.b", &value), 0);
	ck_assert(value.len == 0 && value.data);
	srd_value_release(&value);
	ck_assert_int_eq(srd_list_xattrs(store, KEY("k"), NULL, 0), 14);
	ck_assert_int_eq(srd_list_xattrs(store, KEY("k"), list, 13), -ERANGE);
	ck_assert_int_eq(srd_list_xattrs(store, KEY("k"), list, 14), 14);
	ck_assert(memcmp(list, "user.a\0user.b", 14) == 0 || memcmp(list, "user.b\0user.a", 14) == 0);
	ck_assert_int_eq(srd_set_xattr(store, KEY("k"), "user.a", NULL, 0), 0);
	ck_assert_int_eq(srd_set_xattr(store, KEY("k"), "user.a", NULL, 0), -ENODATA);
	ck_assert_int_eq(srd_get_xattr(store, KEY("k"), "user.a", &value), -ENODATA);
	ck_assert_int_eq(srd_get_xattr(store, KEY("none"), "user.a", &value), -ENOENT);
	ck_assert_int_eq(srd_set_xattr(store, KEY("none"), "user.a", "x", 1), -ENOENT);
	ck_assert_int_eq(srd_set_xattr(store, KEY("k"), "nonsense", "x", 1), -EOPNOTSUPP);
	ck_assert_int_eq(srd_set_xattr(store, KEY("k"), "user.srd.offset", "x", 1), -EOPNOTSUPP);
	memset(name + 5, 'n', sizeof name - 6);
	ck_assert_int_eq(srd_set_xattr(store, KEY("k"), name, "x", 1), -ERANGE);
	ck_assert_int_eq(srd_set_xattr(store, KEY("k"), "user.long", name, 65537), -E2BIG);
	/* A stream has its own from the start. */
	ck_assert_int_eq(srd_info(store, &before), 0);
	ck_assert_int_eq(srd_writer_new(store, KEY("s"), &writer), 0);
	ck_assert_int_eq(srd_writer_set_xattr(writer, "user.a", "one", 3), 0);
	ck_assert_int_eq(srd_writer_set_xattr(writer, "none", "one", 3), -EOPNOTSUPP);
	ck_assert_int_eq(srd_writer_write(writer, "text", 4), 0);
	ck_assert_int_eq(srd_writer_commit(writer), 0);
	ck_assert_int_eq(srd_info(store, &after), 0);
	ck_assert_uint_eq(after.sequence, before.sequence + 1);
	assert_xattr("s", "user.a", "one", 3);
	assert_text("s", "text");
}
END_TEST

static void add(TCase *tcase)
{
	tcase_add_test(tcase, rename_moves_and_replaces);
	tcase_add_test(tcase, a_copy_shares_bytes_and_keeps_attributes);
	tcase_add_test(tcase, links_and_nodes_are_copied_as_such);
	tcase_add_test(tcase, a_copy_goes_to_another_store);
	tcase_add_test(tcase, attributes_are_set_one_by_one);
	tcase_add_test(tcase, a_link_is_another_name_of_the_same);
	tcase_add_test(tcase, making_a_directory_that_is_there_is_fine);
	tcase_add_test(tcase, extended_attributes_are_copied);
	tcase_add_test(tcase, extended_attributes_are_set_listed_and_removed);
}

int main(void)
{
	return run_case("copy", add);
}
