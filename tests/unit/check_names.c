/* SPDX-License-Identifier: Apache-2.0 */
/* Names stand for what the ops made them stand for; times, link counts and the
 * order of listings are as POSIX and readers in the middle of a listing need. */
#include "config.h"

#include "statefix.h"

/* ---- Making ---- */

START_TEST(the_root_is_there)
{
	const struct srd_inode *root = inode_of(SRD_ROOT_INO);

	ck_assert_ptr_nonnull(root);
	ck_assert_uint_eq(root->mode, 040755);
	ck_assert_uint_eq(root->nlink, 2);
	ck_assert_int_eq(root->btime_ns, 1000);
	ck_assert_uint_eq(state.next_ino, 2);
	ck_assert_uint_eq(state.directories, 1);
	APPLY(.kind = SRD_OP_FREE, .ino = SRD_ROOT_INO);
	make(SRD_ROOT_INO, "x", S_IFREG, 0);
	state.next_ino = SRD_ROOT_INO;
	make_dir(2, "again");
	assert_misfits(2);
	state.next_ino = 3;
}
END_TEST

START_TEST(a_file_is_as_it_was_made)
{
	uint64_t dir = make_dir(SRD_ROOT_INO, "dir");
	uint64_t ino = state.next_ino + 5;
	uint64_t op = APPLY(.kind = SRD_OP_MAKE, .flags = SRD_OP_CONTENT, .ino = ino, .parent = dir,
	                    .name = "file", .mode = S_IFREG | 04751, .uid = 7, .gid = 8, .run.len = 5000);
	const struct srd_inode *inode = inode_of(ino), *parent = inode_of(dir);

	ck_assert_uint_eq(inode->mode, S_IFREG | 04751);
	ck_assert_uint_eq(inode->uid, 7);
	ck_assert_uint_eq(inode->gid, 8);
	ck_assert_uint_eq(inode->nlink, 1);
	ck_assert_uint_eq(inode->size, 5000);
	ck_assert_uint_eq(inode->content, SRD_CONTENT_RUN);
	ck_assert_uint_eq(inode->run_len, 5000);
	ck_assert_int_eq(inode->atime_ns, (int64_t)now());
	ck_assert_int_eq(inode->mtime_ns, (int64_t)now());
	ck_assert_int_eq(inode->ctime_ns, (int64_t)now());
	ck_assert_int_eq(inode->btime_ns, (int64_t)now());
	ck_assert_uint_eq(inode->last_op, op);
	ck_assert_uint_eq(parent->last_op, op);
	ck_assert_int_eq(parent->mtime_ns, (int64_t)now());
	ck_assert_int_eq(parent->ctime_ns, (int64_t)now());
	ck_assert_int_lt(parent->atime_ns, (int64_t)now());
	ck_assert_uint_eq(parent->size, 1);
	ck_assert_uint_eq(state.next_ino, ino + 1);
	ck_assert_uint_eq(state.files, 1);
	ck_assert_uint_eq(state.live_bytes, 5000);
}
END_TEST

START_TEST(every_kind_can_be_made)
{
	static const uint32_t kinds[] = { S_IFREG, S_IFDIR, S_IFLNK, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK };
	char name[] = "a";

	for (size_t i = 0; i < SRD_LEN(kinds); i++, name[0]++) {
		uint64_t ino = make(SRD_ROOT_INO, name, kinds[i] | 0600, S_ISLNK(kinds[i]) ? 11 : 0);
		ck_assert_uint_eq(inode_of(ino)->mode, kinds[i] | 0600);
		if (S_ISLNK(kinds[i]))
			ck_assert_uint_eq(inode_of(ino)->size, 11);
		if (S_ISCHR(kinds[i]) || S_ISBLK(kinds[i]))
			ck_assert_uint_eq(inode_of(ino)->rdev, 9);
	}
	assert_misfits(0);
	ck_assert_uint_eq(state.others, 5);
	make(SRD_ROOT_INO, "no type", 0644, 0);
	make(SRD_ROOT_INO, "unknown type", 0170000, 0);
	make(SRD_ROOT_INO, "fifo with content", S_IFIFO, 5);
	make(SRD_ROOT_INO, "a", S_IFREG, 0);
	make(77, "no parent", S_IFREG, 0);
	make(2, "parent is a file", S_IFREG, 0);
	assert_misfits(6);
}
END_TEST

/* ---- Names ---- */

START_TEST(links_are_counted)
{
	uint64_t ino = make_file(SRD_ROOT_INO, "a"), dir = make_dir(SRD_ROOT_INO, "dir");
	uint64_t op = APPLY(.kind = SRD_OP_LINK, .ino = ino, .parent = dir, .name = "b");

	ck_assert_uint_eq(inode_of(ino)->nlink, 2);
	ck_assert_int_eq(inode_of(ino)->ctime_ns, (int64_t)now());
	ck_assert_int_lt(inode_of(ino)->mtime_ns, (int64_t)now());
	ck_assert_int_eq(inode_of(dir)->mtime_ns, (int64_t)now());
	ck_assert_uint_eq(inode_of(dir)->last_op, op);
	ck_assert_uint_eq(ino_at(dir, "b"), ino);
	APPLY(.kind = SRD_OP_LINK, .ino = dir, .parent = SRD_ROOT_INO, .name = "no links to directories");
	unlink_name(SRD_ROOT_INO, "a", 99);
	assert_misfits(2);
	unlink_name(SRD_ROOT_INO, "a", ino);
	ck_assert_uint_eq(inode_of(ino)->nlink, 1);
	ck_assert_int_eq(inode_of(ino)->ctime_ns, (int64_t)now());
	unlink_name(dir, "b", ino);
	ck_assert_ptr_null(inode_of(ino));
	ck_assert_uint_eq(state.live_bytes, 0);
	ck_assert_uint_eq(state.files, 0);
	assert_misfits(0);
}
END_TEST

START_TEST(a_directory_goes_only_when_empty)
{
	uint64_t dir = make_dir(SRD_ROOT_INO, "dir"), ino = make_file(dir, "file");

	ck_assert_uint_eq(inode_of(SRD_ROOT_INO)->nlink, 3);
	unlink_name(SRD_ROOT_INO, "dir", dir);
	assert_misfits(1);
	unlink_name(dir, "file", ino);
	unlink_name(SRD_ROOT_INO, "dir", dir);
	assert_misfits(0);
	ck_assert_ptr_null(inode_of(dir));
	ck_assert_uint_eq(inode_of(SRD_ROOT_INO)->nlink, 2);
	ck_assert_uint_eq(state.directories, 1);
}
END_TEST

START_TEST(a_moved_entry_keeps_its_index)
{
	uint64_t from = make_dir(SRD_ROOT_INO, "from"), to = make_dir(SRD_ROOT_INO, "to");
	uint64_t ino = make_dir(from, "a");
	uint32_t dentry = dentry_of(from, "a");
	uint64_t cookie = srd_dentry_at(&state, dentry)->cookie;
	uint64_t op = rename_to(from, "a", ino, to, "a much longer name", 0, 0);

	assert_misfits(0);
	ck_assert_uint_eq(dentry_of(from, "a"), 0);
	ck_assert_uint_eq(dentry_of(to, "a much longer name"), dentry);
	ck_assert_uint_gt(srd_dentry_at(&state, dentry)->cookie, cookie);
	ck_assert_uint_eq(inode_of(from)->nlink, 2);
	ck_assert_uint_eq(inode_of(to)->nlink, 3);
	ck_assert_int_eq(inode_of(from)->mtime_ns, (int64_t)now());
	ck_assert_int_eq(inode_of(to)->mtime_ns, (int64_t)now());
	ck_assert_int_eq(inode_of(ino)->ctime_ns, (int64_t)now());
	ck_assert_int_lt(inode_of(ino)->mtime_ns, (int64_t)now());
	ck_assert_uint_eq(inode_of(ino)->last_op, op);
	ck_assert_uint_eq(inode_of(from)->last_op, op);
	ck_assert_uint_eq(inode_of(to)->last_op, op);
}
END_TEST

START_TEST(a_replaced_name_keeps_its_entry)
{
	uint64_t a = make_file(SRD_ROOT_INO, "a"), b = make_file(SRD_ROOT_INO, "b");
	uint32_t target = dentry_of(SRD_ROOT_INO, "b");
	uint64_t cookie = srd_dentry_at(&state, target)->cookie;

	rename_to(SRD_ROOT_INO, "a", a, SRD_ROOT_INO, "b", 0, 0);
	rename_to(SRD_ROOT_INO, "a", a, SRD_ROOT_INO, "b", 99, 0);
	rename_to(SRD_ROOT_INO, "a", b, SRD_ROOT_INO, "b", b, 0);
	assert_misfits(3);
	rename_to(SRD_ROOT_INO, "a", a, SRD_ROOT_INO, "b", b, 0);
	assert_misfits(0);
	ck_assert_uint_eq(dentry_of(SRD_ROOT_INO, "b"), target);
	ck_assert_uint_eq(srd_dentry_at(&state, target)->cookie, cookie);
	ck_assert_uint_eq(ino_at(SRD_ROOT_INO, "b"), a);
	ck_assert_uint_eq(inode_of(a)->dentry, target);
	ck_assert_uint_eq(ino_at(SRD_ROOT_INO, "a"), 0);
	ck_assert_ptr_null(inode_of(b));
	ck_assert_uint_eq(inode_of(SRD_ROOT_INO)->size, 1);
}
END_TEST

START_TEST(only_like_replaces_like)
{
	uint64_t file = make_file(SRD_ROOT_INO, "file"), dir = make_dir(SRD_ROOT_INO, "dir");
	uint64_t full = make_dir(SRD_ROOT_INO, "full"), empty = make_dir(SRD_ROOT_INO, "empty");

	make_file(full, "x");
	rename_to(SRD_ROOT_INO, "file", file, SRD_ROOT_INO, "dir", dir, 0);
	rename_to(SRD_ROOT_INO, "dir", dir, SRD_ROOT_INO, "file", file, 0);
	rename_to(SRD_ROOT_INO, "dir", dir, SRD_ROOT_INO, "full", full, 0);
	assert_misfits(3);
	rename_to(SRD_ROOT_INO, "dir", dir, SRD_ROOT_INO, "empty", empty, 0);
	assert_misfits(0);
	ck_assert_uint_eq(ino_at(SRD_ROOT_INO, "empty"), dir);
	ck_assert_uint_eq(inode_of(SRD_ROOT_INO)->nlink, 4);
}
END_TEST

START_TEST(exchange_swaps_what_names_stand_for)
{
	uint64_t one = make_dir(SRD_ROOT_INO, "one"), two = make_dir(SRD_ROOT_INO, "two");
	uint64_t file = make_file(one, "file"), dir = make_dir(two, "dir");
	uint32_t first = dentry_of(one, "file"), second = dentry_of(two, "dir");

	rename_to(one, "file", file, two, "dir", dir, SRD_OP_EXCHANGE);
	assert_misfits(0);
	ck_assert_uint_eq(ino_at(one, "file"), dir);
	ck_assert_uint_eq(ino_at(two, "dir"), file);
	ck_assert_uint_eq(dentry_of(one, "file"), first);
	ck_assert_uint_eq(dentry_of(two, "dir"), second);
	ck_assert_uint_eq(inode_of(one)->nlink, 3);
	ck_assert_uint_eq(inode_of(two)->nlink, 2);
	ck_assert_int_eq(inode_of(dir)->ctime_ns, (int64_t)now());
	rename_to(one, "file", dir, SRD_ROOT_INO, "nothing", 0, SRD_OP_EXCHANGE);
	assert_misfits(1);
}
END_TEST

START_TEST(no_directory_comes_below_itself)
{
	uint64_t a = make_dir(SRD_ROOT_INO, "a"), b = make_dir(a, "b"), c = make_dir(b, "c");

	rename_to(SRD_ROOT_INO, "a", a, c, "d", 0, 0);
	rename_to(SRD_ROOT_INO, "a", a, a, "d", 0, 0);
	rename_to(SRD_ROOT_INO, "a", a, b, "c", c, SRD_OP_EXCHANGE);
	rename_to(b, "c", c, SRD_ROOT_INO, "a", a, SRD_OP_EXCHANGE);
	assert_misfits(4);
	uint32_t top = srd_state_inode_of(&state, a), bottom = srd_state_inode_of(&state, c);
	ck_assert(srd_state_is_below(&state, bottom, top));
	ck_assert(!srd_state_is_below(&state, top, bottom));
	rename_to(b, "c", c, SRD_ROOT_INO, "c", 0, 0);
	rename_to(SRD_ROOT_INO, "a", a, c, "a", 0, 0);
	assert_misfits(0);
}
END_TEST

/* ---- Listing ---- */

START_TEST(listing_goes_on_after_removals)
{
	uint32_t root = srd_state_inode_of(&state, SRD_ROOT_INO);
	uint64_t inos[100], cookie = 0;
	uint32_t at = 0, seen = 0;
	char name[16];

	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "%d", i);
		inos[i] = make_file(SRD_ROOT_INO, name);
	}
	/* Each third entry goes right after it was seen, and with it the hint; and the
	 * one that is two before; and others come, at the end. */
	while ((at = srd_state_next_child(&state, root, cookie, at)) != 0) {
		const struct srd_dentry *dentry = srd_dentry_at(&state, at);
		cookie = dentry->cookie;
		int i = atoi(srd_dentry_name(&state, dentry));
		if (i == 1000)
			break;
		ck_assert_int_eq(i, (int)seen++);
		snprintf(name, sizeof name, "%d", i);
		if (i % 3 == 0)
			unlink_name(SRD_ROOT_INO, name, inos[i]);
		snprintf(name, sizeof name, "%d", i - 2);
		if (i % 3 == 0 && i > 2)
			unlink_name(SRD_ROOT_INO, name, inos[i - 2]);
		snprintf(name, sizeof name, "%d", 1000 + i);
		make_file(SRD_ROOT_INO, name);
	}
	ck_assert_uint_eq(seen, 100);
	assert_misfits(0);
	/* From any cookie, with any hint. */
	for (uint32_t hint = 0; hint < state.dentries.count + 2; hint++) {
		uint32_t first = srd_state_next_child(&state, root, cookie, 0);
		ck_assert_uint_eq(srd_state_next_child(&state, root, cookie, hint), first);
		ck_assert_uint_eq(srd_state_next_child(&state, root, 0, hint),
		                  inode_of(SRD_ROOT_INO)->children.first);
		ck_assert_uint_eq(srd_state_next_child(&state, root, UINT64_MAX, hint), 0);
	}
}
END_TEST

START_TEST(paths_are_bounded)
{
	char buffer[SRD_KEY_MAX + 1], longest[256];
	uint64_t dir = SRD_ROOT_INO;
	const char *key;
	int depth = 0, len = 0;

	uint64_t a = make_dir(SRD_ROOT_INO, "a"), b = make_dir(a, "bc");
	make_file(b, "def");
	ck_assert_int_eq(srd_state_path(&state, dentry_of(b, "def"), buffer, &key), 8);
	ck_assert_str_eq(key, "a/bc/def");
	ck_assert_int_eq(srd_state_path(&state, 0, buffer, &key), 0);
	memset(longest, 'x', 255);
	longest[255] = 0;
	for (; len >= 0 && depth < 100; depth++) {
		uint64_t below = make_dir(dir, longest);
		len = srd_state_path(&state, dentry_of(dir, longest), buffer, &key);
		ck_assert_int_eq(len, depth < 16 ? 256 * depth + 255 : -ENAMETOOLONG);
		dir = below;
	}
	ck_assert_int_eq(depth, 17);
}
END_TEST

/* ---- Snapshots ---- */

static const struct srd_snap *snapshot_of(const char *name)
{
	uint32_t index = srd_state_snapshot(&state, name, strlen(name));

	return index ? srd_snap_at(&state, index) : NULL;
}

static uint64_t snapshot(uint8_t flags, const char *name, const char *new_name)
{
	return APPLY(.kind = SRD_OP_SNAPSHOT, .flags = flags, .ino = SRD_ROOT_INO, .name = name, .new_name = new_name);
}

START_TEST(snapshots_have_names)
{
	make_file(SRD_ROOT_INO, "a");
	uint64_t op = snapshot(0, "one", NULL);
	ck_assert_uint_eq(snapshot_of("one")->offset, op - SRD_HEADER_LEN);
	ck_assert_int_eq(snapshot_of("one")->time_ns, (int64_t)now());
	ck_assert_uint_eq(inode_of(SRD_ROOT_INO)->last_op, op);
	snapshot(0, "two", NULL);
	snapshot(SRD_OP_RENAMED, "one", "three");
	ck_assert_ptr_null(snapshot_of("one"));
	ck_assert_uint_eq(snapshot_of("three")->offset, op - SRD_HEADER_LEN);
	snapshot(SRD_OP_REMOVE, "two", NULL);
	ck_assert_ptr_null(snapshot_of("two"));
	ck_assert_uint_eq(state.snapshots.live, 1);
	assert_misfits(0);
}
END_TEST

START_TEST(snapshots_that_do_not_fit)
{
	snapshot(0, "one", NULL);
	snapshot(0, "two", NULL);
	uint64_t root_op = inode_of(SRD_ROOT_INO)->last_op;
	snapshot(0, "one", NULL);
	snapshot(SRD_OP_REMOVE, "none", NULL);
	snapshot(SRD_OP_RENAMED, "none", "other");
	snapshot(SRD_OP_RENAMED, "one", "two");
	snapshot(SRD_OP_RENAMED, "one", "one");
	assert_misfits(5);
	/* Of a record that holds more it would not be clear what it is of. */
	struct srd_op op = { .kind = SRD_OP_SNAPSHOT, .ino = SRD_ROOT_INO, .name = "x", .name_len = 1 };
	uint64_t offset = memlog.len;
	memlog_add(&memlog, &op, NULL);
	memlog_add(&memlog, &op, NULL);
	memlog_commit(&memlog);
	ck_assert_int_eq(memlog_replay(&memlog, offset, &state), 0);
	assert_misfits(2);
	ck_assert_uint_eq(state.snapshots.live, 2);
	ck_assert_uint_eq(inode_of(SRD_ROOT_INO)->last_op, root_op);
}
END_TEST

/* ---- What compaction writes ---- */

START_TEST(what_was_used_up_stays_so)
{
	uint64_t a = make_file(SRD_ROOT_INO, "a");
	uint64_t first = srd_dentry_at(&state, dentry_of(SRD_ROOT_INO, "a"))->cookie;

	APPLY(.kind = SRD_OP_NEXT, .ino = SRD_ROOT_INO, .cookie = 1000, .next_ino = 500);
	ck_assert_uint_eq(state.next_ino, 500);
	ck_assert_uint_eq(make_file(SRD_ROOT_INO, "b"), 500);
	ck_assert_uint_eq(srd_dentry_at(&state, dentry_of(SRD_ROOT_INO, "b"))->cookie, 1000);
	/* Lower than what there is: numbers do not go down, and names stay in order. */
	uint64_t dir = make_dir(SRD_ROOT_INO, "dir");
	APPLY(.kind = SRD_OP_NEXT, .ino = SRD_ROOT_INO, .cookie = 2, .next_ino = 7);
	ck_assert_uint_eq(state.next_ino, dir + 1);
	make_file(dir, "x");
	make_file(SRD_ROOT_INO, "c");
	ck_assert_uint_eq(srd_dentry_at(&state, dentry_of(dir, "x"))->cookie, 2);
	ck_assert_uint_eq(srd_dentry_at(&state, dentry_of(SRD_ROOT_INO, "c"))->cookie, 1002);
	ck_assert_uint_eq(srd_dentry_at(&state, dentry_of(SRD_ROOT_INO, "a"))->cookie, first);
	ck_assert_uint_eq(ino_at(SRD_ROOT_INO, "a"), a);
	assert_misfits(0);
}
END_TEST

START_TEST(birth_can_be_restated)
{
	uint64_t ino = make_file(SRD_ROOT_INO, "a");
	struct srd_op op = { .kind = SRD_OP_SETATTR, .flags = SRD_OP_RESTATED, .ino = ino,
	                     .mask = SRD_ATTR_ALL & ~(unsigned)SRD_ATTR_SIZE, .mode = 0600, .atime_ns = 1, .mtime_ns = 2,
	                     .ctime_ns = 3, .btime_ns = -4, .sequence = 5 };

	apply_op(op);
	ck_assert_int_eq(inode_of(ino)->btime_ns, -4);
	ck_assert_int_eq(inode_of(ino)->ctime_ns, 3);
	op.flags = 0;
	op.btime_ns = 6;
	apply_op(op);
	ck_assert_int_eq(inode_of(ino)->btime_ns, -4);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("names");
	TCase *tests = tcase_create("names");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 300);
	tcase_add_test(tests, the_root_is_there);
	tcase_add_test(tests, a_file_is_as_it_was_made);
	tcase_add_test(tests, every_kind_can_be_made);
	tcase_add_test(tests, links_are_counted);
	tcase_add_test(tests, a_directory_goes_only_when_empty);
	tcase_add_test(tests, a_moved_entry_keeps_its_index);
	tcase_add_test(tests, a_replaced_name_keeps_its_entry);
	tcase_add_test(tests, only_like_replaces_like);
	tcase_add_test(tests, exchange_swaps_what_names_stand_for);
	tcase_add_test(tests, no_directory_comes_below_itself);
	tcase_add_test(tests, listing_goes_on_after_removals);
	tcase_add_test(tests, paths_are_bounded);
	tcase_add_test(tests, what_was_used_up_stays_so);
	tcase_add_test(tests, snapshots_have_names);
	tcase_add_test(tests, snapshots_that_do_not_fit);
	tcase_add_test(tests, birth_can_be_restated);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
