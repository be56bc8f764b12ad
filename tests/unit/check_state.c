/* SPDX-License-Identifier: Apache-2.0 */
/* What files hold follows the ops on them; what has no name stays as long as it
 * must; many files take little memory. */
#include "config.h"

#include "statefix.h"

/* ---- Content ---- */

START_TEST(content_follows_its_ops)
{
	uint64_t ino = make_file(SRD_ROOT_INO, "file");
	const struct srd_inode *inode = inode_of(ino);
	struct srd_ref ref;

	APPLY(.kind = SRD_OP_WRITE, .ino = ino, .pos = 10, .run.len = 5);
	ck_assert_uint_eq(inode->size, 20);
	ck_assert_uint_eq(inode->content, SRD_CONTENT_TREE);
	ck_assert_uint_eq(srd_state_extent_count(&state, inode), 3);
	ck_assert_int_eq(inode->mtime_ns, (int64_t)now());
	ck_assert(srd_state_extent(&state, inode, 17, &ref));
	ck_assert_uint_eq(ref.pos, 15);
	ck_assert_uint_eq(ref.skip, 15);
	APPLY(.kind = SRD_OP_WRITE, .ino = ino, .pos = 10000, .run.len = 5);
	ck_assert_uint_eq(inode->size, 10005);
	ck_assert_uint_eq(srd_state_stored_bytes(&state, inode), 25);
	APPLY(.kind = SRD_OP_HOLE, .ino = ino, .pos = 0, .range_len = 10000);
	ck_assert_uint_eq(inode->size, 10005);
	ck_assert_uint_eq(srd_state_stored_bytes(&state, inode), 5);
	APPLY(.kind = SRD_OP_SETATTR, .ino = ino, .mask = SRD_ATTR_SIZE, .size = 10002);
	ck_assert_uint_eq(srd_state_stored_bytes(&state, inode), 2);
	APPLY(.kind = SRD_OP_SETATTR, .ino = ino, .mask = SRD_ATTR_SIZE, .size = 1 << 20);
	ck_assert_uint_eq(srd_state_stored_bytes(&state, inode), 2);
	ck_assert_uint_eq(inode->size, 1 << 20);
	APPLY(.kind = SRD_OP_WRITE, .flags = SRD_OP_REPLACE, .ino = ino, .run.len = 60000);
	ck_assert_uint_eq(inode->content, SRD_CONTENT_RUN);
	ck_assert_uint_eq(inode->size, 60000);
	ck_assert_uint_eq(state.live_bytes, 60000);
	ck_assert_uint_eq(state.nodes.live, 0);
	APPLY(.kind = SRD_OP_WRITE, .flags = SRD_OP_REPLACE, .ino = ino, .run.len = 0);
	ck_assert_uint_eq(inode->content, SRD_CONTENT_NONE);
	ck_assert_uint_eq(inode->size, 0);
	assert_misfits(0);
}
END_TEST

START_TEST(references_share_and_reserve)
{
	uint64_t one = make_file(SRD_ROOT_INO, "one"), two = make_file(SRD_ROOT_INO, "two");
	uint8_t refs[2 * SRD_REF_LEN];
	struct srd_ref found;

	srd_ref_encode(&(struct srd_ref){ .run = inode_of(one)->run, .len = 20 }, refs);
	srd_ref_encode(&(struct srd_ref){ .pos = 100, .skip = 55, .len = 50 }, refs + SRD_REF_LEN);
	APPLY(.kind = SRD_OP_REFS, .flags = SRD_OP_REPLACE, .ino = two, .ref_count = 2, .refs = refs);
	ck_assert_uint_eq(inode_of(two)->size, 150);
	ck_assert_uint_eq(srd_state_stored_bytes(&state, inode_of(two)), 70);
	ck_assert_uint_eq(state.live_bytes, 40);
	ck_assert(srd_state_extent(&state, inode_of(two), 50, &found));
	ck_assert_uint_eq(found.pos, 100);
	ck_assert_uint_eq(found.run, 0);
	ck_assert_uint_eq(found.skip, 0);
	APPLY(.kind = SRD_OP_REFS, .flags = SRD_OP_REPLACE, .ino = two, .ref_count = 1, .refs = refs);
	ck_assert_uint_eq(inode_of(two)->content, SRD_CONTENT_RUN);
	ck_assert_uint_eq(inode_of(two)->run, inode_of(one)->run);
}
END_TEST

START_TEST(space_behind_the_end_is_kept_and_dropped)
{
	uint64_t ino = make_file(SRD_ROOT_INO, "file");
	const struct srd_inode *inode = inode_of(ino);
	uint64_t size = inode->size;
	uint8_t refs[SRD_REF_LEN];

	srd_ref_encode(&(struct srd_ref){ .pos = 1000, .len = 500 }, refs);
	APPLY(.kind = SRD_OP_REFS, .flags = SRD_OP_KEEP_SIZE, .ino = ino, .ref_count = 1, .refs = refs);
	ck_assert_uint_eq(inode->size, size);
	ck_assert_uint_eq(srd_state_stored_bytes(&state, inode), size + 500);
	/* Writing what there is anew takes nothing from it. */
	APPLY(.kind = SRD_OP_WRITE, .ino = ino, .pos = 0, .run.len = 40);
	ck_assert_uint_eq(srd_state_stored_bytes(&state, inode), 540);
	/* Bytes that come to lie there are not counted twice, and it stays when the file
	 * grows. */
	APPLY(.kind = SRD_OP_WRITE, .ino = ino, .pos = 1000, .run.len = 50);
	APPLY(.kind = SRD_OP_SETATTR, .ino = ino, .mask = SRD_ATTR_SIZE, .size = 1100);
	ck_assert_uint_eq(srd_state_stored_bytes(&state, inode), 540);
	/* Set to the size that it has, a file is cut. */
	APPLY(.kind = SRD_OP_SETATTR, .ino = ino, .mask = SRD_ATTR_SIZE, .size = 1100);
	ck_assert_uint_eq(srd_state_stored_bytes(&state, inode), 140);
	assert_misfits(0);
}
END_TEST

START_TEST(content_is_for_files)
{
	uint64_t dir = make_dir(SRD_ROOT_INO, "dir");
	uint64_t link = make(SRD_ROOT_INO, "link", S_IFLNK | 0777, 10);

	APPLY(.kind = SRD_OP_WRITE, .ino = dir, .run.len = 5);
	APPLY(.kind = SRD_OP_HOLE, .ino = link, .range_len = 5);
	APPLY(.kind = SRD_OP_SETATTR, .ino = link, .mask = SRD_ATTR_SIZE);
	assert_misfits(3);
	ck_assert_uint_eq(inode_of(link)->size, 10);
}
END_TEST

START_TEST(what_is_unknown_may_be_written_to)
{
	APPLY(.kind = SRD_OP_WRITE, .ino = 55, .run.len = 5);
	APPLY(.kind = SRD_OP_HOLE, .ino = 55, .range_len = 5);
	APPLY(.kind = SRD_OP_SETATTR, .ino = 55, .mask = SRD_ATTR_SIZE);
	APPLY(.kind = SRD_OP_XATTR, .flags = SRD_OP_REMOVE, .ino = 55, .name = "user.x");
	APPLY(.kind = SRD_OP_REFS, .ino = 55);
	assert_misfits(0);
	APPLY(.kind = SRD_OP_FREE, .ino = 55);
	APPLY(.kind = SRD_OP_LINK, .ino = 55, .parent = SRD_ROOT_INO, .name = "x");
	APPLY(.kind = SRD_OP_UNLINK, .ino = 55, .parent = SRD_ROOT_INO, .name = "x");
	APPLY(.kind = SRD_OP_RUN, .run.len = 5);
	assert_misfits(4);
}
END_TEST

/* ---- Attributes ---- */

START_TEST(attributes_change_as_the_mask_says)
{
	uint64_t ino = make_file(SRD_ROOT_INO, "file");
	const struct srd_inode *inode = inode_of(ino);
	struct srd_inode before = *inode;

	APPLY(.kind = SRD_OP_SETATTR, .ino = ino, .mask = SRD_ATTR_MODE, .mode = S_IFDIR | 07000 | 0600,
	      .uid = 99, .gid = 99, .atime_ns = 99, .mtime_ns = 99, .ctime_ns = 99);
	ck_assert_uint_eq(inode->mode, S_IFREG | 07600);
	ck_assert_uint_eq(inode->uid, before.uid);
	ck_assert_int_eq(inode->mtime_ns, before.mtime_ns);
	ck_assert_int_eq(inode->ctime_ns, (int64_t)now());
	APPLY(.kind = SRD_OP_SETATTR, .ino = ino, .uid = 1, .gid = 2, .atime_ns = -3, .mtime_ns = 4,
	      .ctime_ns = 5, .size = 6, .mask = SRD_ATTR_ALL & ~SRD_ATTR_MODE);
	ck_assert_uint_eq(inode->uid, 1);
	ck_assert_uint_eq(inode->gid, 2);
	ck_assert_int_eq(inode->atime_ns, -3);
	ck_assert_int_eq(inode->mtime_ns, 4);
	ck_assert_int_eq(inode->ctime_ns, 5);
	ck_assert_uint_eq(inode->size, 6);
	ck_assert_int_eq(inode->btime_ns, before.btime_ns);
	APPLY(.kind = SRD_OP_SETATTR, .ino = ino, .mask = SRD_ATTR_SIZE, .size = 7);
	ck_assert_int_eq(inode->mtime_ns, (int64_t)now());
}
END_TEST

static uint64_t set_xattr(uint64_t ino, const char *name)
{
	return APPLY(.kind = SRD_OP_XATTR, .ino = ino, .name = name, .run.len = 10);
}

START_TEST(extended_attributes_come_and_go)
{
	uint64_t ino = make_file(SRD_ROOT_INO, "file");
	const struct srd_xattr *xattr = NULL;
	int count = 0;

	set_xattr(ino, "user.one");
	set_xattr(ino, "user.two");
	set_xattr(ino, "user.three");
	uint64_t first = srd_state_xattr(&state, inode_of(ino), "user.one", 8)->run;
	set_xattr(ino, "user.one");
	ck_assert_uint_gt(srd_state_xattr(&state, inode_of(ino), "user.one", 8)->run, first);
	ck_assert_int_eq(inode_of(ino)->ctime_ns, (int64_t)now());
	while ((xattr = srd_state_next_xattr(&state, inode_of(ino), xattr)) != NULL)
		count++;
	ck_assert_int_eq(count, 3);
	APPLY(.kind = SRD_OP_XATTR, .flags = SRD_OP_REMOVE, .ino = ino, .name = "user.two");
	ck_assert_ptr_null(srd_state_xattr(&state, inode_of(ino), "user.two", 8));
	ck_assert_ptr_null(srd_state_xattr(&state, inode_of(ino), "user.on", 7));
	assert_misfits(0);
	APPLY(.kind = SRD_OP_XATTR, .flags = SRD_OP_REMOVE, .ino = ino, .name = "user.two");
	assert_misfits(1);
	for (int i = 2; i < SRD_XATTRS_MAX; i++) {
		char name[32];
		snprintf(name, sizeof name, "user.%d", i);
		set_xattr(ino, name);
	}
	assert_misfits(0);
	ck_assert(srd_state_xattr_fits(&state, inode_of(ino), "user.one", 8));
	ck_assert(!srd_state_xattr_fits(&state, inode_of(ino), "user.one too many", 17));
	set_xattr(ino, "user.one too many");
	assert_misfits(1);
	unlink_name(SRD_ROOT_INO, "file", ino);
	ck_assert_uint_eq(state.xattrs.live, 0);
}
END_TEST

/* ---- Without names ---- */

START_TEST(an_unlinked_file_stays_while_pinned)
{
	uint64_t ino = make_file(SRD_ROOT_INO, "file");
	uint32_t index = srd_state_inode_of(&state, ino);

	srd_state_pin(&state, index, 2);
	unlink_name(SRD_ROOT_INO, "file", ino);
	ck_assert_uint_eq(srd_state_inode_of(&state, ino), index);
	ck_assert_uint_eq(state.files, 0);
	/* To names it is gone, to writes it is not. */
	APPLY(.kind = SRD_OP_LINK, .ino = ino, .parent = SRD_ROOT_INO, .name = "again");
	APPLY(.kind = SRD_OP_FREE, .ino = ino);
	assert_misfits(2);
	APPLY(.kind = SRD_OP_WRITE, .ino = ino, .pos = 20, .run.len = 30);
	ck_assert_uint_eq(srd_inode_at(&state, index)->size, 50);
	ck_assert(!srd_state_unpin(&state, index, 1, false));
	ck_assert(srd_state_unpin(&state, index, 1, false));
	ck_assert_uint_eq(srd_state_inode_of(&state, ino), index);
	ck_assert(!srd_state_unpin(&state, index, 1, true));
	ck_assert_uint_eq(srd_state_inode_of(&state, ino), 0);
	ck_assert_uint_eq(state.live_bytes, 0);
	ck_assert_uint_eq(state.nodes.live, 0);
}
END_TEST

START_TEST(an_unnamed_file_waits_for_its_name)
{
	uint64_t one = make(0, NULL, S_IFREG | 0600, 50), two = make(0, NULL, S_IFREG | 0600, 50);
	uint32_t index = srd_state_inode_of(&state, one);

	assert_misfits(0);
	ck_assert_uint_eq(inode_of(one)->nlink, 0);
	/* It is nobody's to free but a FREE's. */
	srd_state_pin(&state, index, 1);
	ck_assert(!srd_state_unpin(&state, index, 1, false));
	APPLY(.kind = SRD_OP_LINK, .ino = one, .parent = SRD_ROOT_INO, .name = "named");
	ck_assert_uint_eq(inode_of(one)->nlink, 1);
	APPLY(.kind = SRD_OP_FREE, .ino = two);
	ck_assert_ptr_null(inode_of(two));
	assert_misfits(0);
	APPLY(.kind = SRD_OP_FREE, .ino = one);
	make(0, NULL, S_IFDIR | 0700, 0);
	assert_misfits(2);
	ck_assert_uint_eq(state.live_bytes, 50);
}
END_TEST

/* ---- Many ---- */

START_TEST(small_files_take_little_memory)
{
	enum { FILES = 400000, BATCH = 1000 };
	uint64_t applied = memlog.len;
	char name[32];

	for (uint32_t i = 0; i < FILES; i++) {
		int len = snprintf(name, sizeof name, "bench-key-%u", i);
		struct srd_op op = { .kind = SRD_OP_MAKE, .flags = SRD_OP_CONTENT, .ino = 2 + i, .parent = 1,
		                     .mode = S_IFREG | 0644, .name = name, .name_len = (uint8_t)len,
		                     .run.len = 8 };
		memlog_add(&memlog, &op, payload);
		if (i % BATCH == BATCH - 1)
			memlog_commit(&memlog);
	}
	ck_assert_int_eq(memlog_replay(&memlog, applied, &state), 0);
	assert_misfits(0);
	double bytes = (double)srd_state_memory_bytes(&state) / FILES;
	printf("%.1f bytes a file, of %d small files\n", bytes, FILES);
	ck_assert_double_le(bytes, 160);
	/* Among so many are names of equal hash. */
	for (uint32_t i = 0; i < FILES; i++) {
		snprintf(name, sizeof name, "bench-key-%u", i);
		EXPECT(ino_at(SRD_ROOT_INO, name) == 2 + i);
		snprintf(name, sizeof name, "no-such-key-%u", i);
		EXPECT(ino_at(SRD_ROOT_INO, name) == 0);
	}
}
END_TEST

START_TEST(a_small_reservation_fills_up)
{
	static struct srd_state small;
	bool had_room = true;
	int error = 0;

	ck_assert_int_eq(srd_state_init(&small, &memlog.sb, memlog_source(&memlog), 1 << 20), 0);
	for (int i = 0; !error && i < 100000; i++) {
		uint64_t offset = memlog.len;
		char name[16];
		struct srd_op op = { .kind = SRD_OP_MAKE, .ino = 2 + (uint64_t)i, .parent = 1,
		                     .mode = S_IFREG | 0644, .name = name };
		op.name_len = (uint8_t)snprintf(name, sizeof name, "%d", i);
		memlog_add(&memlog, &op, NULL);
		memlog_commit(&memlog);
		had_room = srd_state_has_room(&small, memlog.len - offset);
		error = memlog_replay(&memlog, offset, &small);
		EXPECT(!error || !had_room);
	}
	ck_assert_int_eq(error, SRD_EFULL);
	srd_state_release(&small);
}
END_TEST

/* Each gets its share, be it a multiple of a huge page or a little more than one. */
START_TEST(tables_share_any_number_of_addresses)
{
	static struct srd_state other;
	enum { MIB = 1 << 20 };

	for (uint64_t bytes = MIB; bytes < 300 * MIB; bytes += bytes < 40 * MIB ? MIB / 4 : 7 * MIB + MIB / 8) {
		ck_assert_int_eq(srd_state_init(&other, &memlog.sb, memlog_source(&memlog), bytes), 0);
		const struct srd_table *const tables[] = {
			&other.inodes, &other.dentries, &other.xattrs, &other.nodes, &other.snapshots, &other.made_up,
			&other.names.segments, &other.numbers.leaves, &other.numbers.hashed.segments,
		};
		for (size_t i = 0; i < SRD_LEN(tables); i++)
			ck_assert_uint_ge(tables[i]->reserved_bytes, bytes);
		ck_assert_uint_ge(other.numbers.hashed.directory.reserved_bytes, SRD_MIN(bytes / 8, 128ul * MIB));
		srd_state_release(&other);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("state");
	TCase *tests = tcase_create("state");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 300);
	tcase_add_test(tests, content_follows_its_ops);
	tcase_add_test(tests, references_share_and_reserve);
	tcase_add_test(tests, space_behind_the_end_is_kept_and_dropped);
	tcase_add_test(tests, content_is_for_files);
	tcase_add_test(tests, what_is_unknown_may_be_written_to);
	tcase_add_test(tests, attributes_change_as_the_mask_says);
	tcase_add_test(tests, extended_attributes_come_and_go);
	tcase_add_test(tests, an_unlinked_file_stays_while_pinned);
	tcase_add_test(tests, an_unnamed_file_waits_for_its_name);
	tcase_add_test(tests, small_files_take_little_memory);
	tcase_add_test(tests, a_small_reservation_fills_up);
	tcase_add_test(tests, tables_share_any_number_of_addresses);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
