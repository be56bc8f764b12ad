/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stores made to harm: what is absurd in them is refused with a clear error, or does
 * nothing and is counted; and everything else they hold is served.
 *
 * Their checks are right (seal.c): who makes a store knows its salt.
 */
#include "config.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "../fuzz/fuzz.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "fixture.h"
#include "format/draft.h"

/* A store being made: bytes, which seal() gives their checks. */
static struct {
	uint8_t *bytes;
	size_t len, cap;
	uint64_t sequence;
	bool durable;             /* each record says that all before it is durable */
} forged;

static uint8_t payload[70000];

static void start_forging(void)
{
	setup();
	close_store();
	forged.len = SRD_SUPERBLOCK_LEN;
	forged.sequence = 0;
	forged.durable = false;
	forged.cap = 1 << 20;
	forged.bytes = calloc(1, forged.cap);
	for (size_t i = 0; i < sizeof payload; i++)
		payload[i] = (uint8_t)(i * 7 + i / 251);
}

static void stop_forging(void)
{
	free(forged.bytes);
	teardown();
}

/* Appends the laid-out record; its offset. */
static uint64_t put_record(struct srd_draft *draft)
{
	struct srd_record record = { .offset = forged.len, .time_ns = (int64_t)forged.len, .epoch = 7,
	                             .durable = forged.durable ? forged.len : 0 };
	struct srd_superblock sb;
	uint8_t superblock[SRD_SUPERBLOCK_LEN];

	fuzz_superblock(&sb, superblock);
	forged.sequence += draft->type == SRD_RECORD_META;
	record.sequence = forged.sequence;
	ck_assert_int_eq(srd_draft_layout(draft, record.offset), 0);
	srd_draft_seal(draft, &sb, &record);
	while (forged.len + record.len > forged.cap)
		forged.bytes = realloc(forged.bytes, forged.cap *= 2);
	for (size_t i = 0; i < draft->iov_count; i++) {
		memcpy(forged.bytes + forged.len, draft->iov[i].iov_base, draft->iov[i].iov_len);
		forged.len += draft->iov[i].iov_len;
	}
	return record.offset;
}

/* A record of one op; where the op's run lies. */
static uint64_t forge(enum srd_record_type type, struct srd_op op)
{
	static struct srd_draft draft;
	uint64_t run_at = 0;

	if (op.name && op.name_len == 0)
		op.name_len = (uint8_t)strlen(op.name);
	if (op.new_name)
		op.new_name_len = (uint8_t)strlen(op.new_name);
	if (!draft.cap)
		srd_draft_init(&draft);
	srd_draft_start(&draft, type);
	ck_assert_int_eq(srd_draft_add(&draft, &op, op.run.len ? payload : NULL, NULL, &run_at), 0);
	return put_record(&draft) + run_at;
}

#define COMMIT(...) forge(SRD_RECORD_META, (struct srd_op){ __VA_ARGS__ })

static void make_dir(uint64_t ino, uint64_t parent, const char *name)
{
	COMMIT(.kind = SRD_OP_MAKE, .ino = ino, .parent = parent, .name = name, .mode = S_IFDIR | 0755);
}

static uint64_t make_file(uint64_t ino, uint64_t parent, const char *name, uint32_t len)
{
	return COMMIT(.kind = SRD_OP_MAKE, .flags = len ? SRD_OP_CONTENT : 0, .ino = ino, .parent = parent,
	              .name = name, .mode = S_IFREG | 0644, .run.len = len);
}

static void store_forged(void)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ck_assert_int_eq(write(fd, forged.bytes, forged.len), (ssize_t)forged.len);
	close(fd);
}

static struct srd_info open_stored(void)
{
	struct srd_info info;

	open_store(SRD_NOSYNC);
	ck_assert_int_eq(srd_info(store, &info), 0);
	return info;
}

/* Seals it and opens it. */
static struct srd_info open_forged(void)
{
	fuzz_seal(forged.bytes, forged.len);
	store_forged();
	return open_stored();
}

static void assert_keys(const char *expected)
{
	struct srd_entry entry;
	char found[256] = "";
	srd_iter *iter;

	ck_assert_int_eq(srd_iter_new(store, "", 0, SRD_ITER_ALL_KINDS, 0, 1, &iter), 0);
	while (srd_iter_next(iter, &entry) == 1)
		snprintf(found + strlen(found), sizeof found - strlen(found), "%s ", entry.key);
	srd_iter_free(iter);
	ck_assert_str_eq(found, expected);
}

/* It is a store like any other: what it is given it keeps. */
static void assert_writable(void)
{
	srd_value value;

	ck_assert_int_eq(srd_put(store, KEY("new"), "kept", 4), 0);
	close_store();
	open_store(SRD_RDONLY);
	ck_assert_int_eq(srd_get(store, KEY("new"), &value), 0);
	ck_assert(value.len == 4 && memcmp(value.data, "kept", 4) == 0);
	srd_value_release(&value);
}

START_TEST(no_directory_comes_to_lie_in_itself)
{
	make_dir(2, 1, "a");
	make_dir(3, 2, "b");
	make_dir(4, 3, "c");
	COMMIT(.kind = SRD_OP_RENAME, .ino = 2, .parent = 1, .name = "a", .new_parent = 2, .new_name = "a");
	COMMIT(.kind = SRD_OP_RENAME, .ino = 2, .parent = 1, .name = "a", .new_parent = 4, .new_name = "a");
	COMMIT(.kind = SRD_OP_RENAME, .flags = SRD_OP_EXCHANGE, .ino = 2, .parent = 1, .name = "a",
	       .new_parent = 3, .new_name = "c", .victim = 4);
	COMMIT(.kind = SRD_OP_LINK, .ino = 2, .parent = 4, .name = "up");
	COMMIT(.kind = SRD_OP_LINK, .ino = SRD_ROOT_INO, .parent = 4, .name = "root");
	COMMIT(.kind = SRD_OP_MAKE, .ino = 2, .parent = 4, .name = "again", .mode = S_IFDIR | 0755);
	COMMIT(.kind = SRD_OP_RENAME, .ino = SRD_ROOT_INO, .parent = 1, .name = "", .name_len = 0, .new_parent = 4,
	       .new_name = "root");
	struct srd_info info = open_forged();
	ck_assert_uint_ge(info.misfits, 6);
	assert_keys("a a/b a/b/c ");
	ck_assert_int_eq(srd_rename(store, KEY("a"), KEY("a/b/c/a")), -EINVAL);
	assert_writable();
}
END_TEST

START_TEST(what_is_not_there_is_not_made_by_naming_it)
{
	uint64_t run = make_file(2, 1, "file", 100);
	uint8_t ref[SRD_REF_LEN];

	srd_ref_encode(&(struct srd_ref){ .run = run, .len = 100 }, ref);
	COMMIT(.kind = SRD_OP_LINK, .ino = 99, .parent = 1, .name = "dangling");
	COMMIT(.kind = SRD_OP_LINK, .ino = 2, .parent = 99, .name = "nowhere");
	COMMIT(.kind = SRD_OP_UNLINK, .ino = 99, .parent = 1, .name = "file");
	COMMIT(.kind = SRD_OP_RENAME, .ino = 99, .parent = 1, .name = "file", .new_parent = 1, .new_name = "moved");
	COMMIT(.kind = SRD_OP_RENAME, .ino = 2, .parent = 1, .name = "file", .new_parent = 1, .new_name = "moved",
	       .victim = 98);
	COMMIT(.kind = SRD_OP_MAKE, .ino = 3, .parent = 2, .name = "in a file", .mode = S_IFREG | 0644);
	COMMIT(.kind = SRD_OP_MAKE, .ino = 3, .parent = 1, .name = "no kind", .mode = 0644);
	COMMIT(.kind = SRD_OP_WRITE, .ino = 99, .run.len = 10);
	COMMIT(.kind = SRD_OP_REFS, .ino = 99, .ref_count = 1, .refs = ref);
	COMMIT(.kind = SRD_OP_REFS, .ino = SRD_ROOT_INO, .ref_count = 1, .refs = ref);
	COMMIT(.kind = SRD_OP_SETATTR, .ino = 99, .mask = SRD_ATTR_MODE, .mode = 0777);
	COMMIT(.kind = SRD_OP_HOLE, .ino = 99, .range_len = 10);
	COMMIT(.kind = SRD_OP_XATTR, .ino = 99, .name = "user.x", .run.len = 10);
	COMMIT(.kind = SRD_OP_FREE, .ino = 99);
	COMMIT(.kind = SRD_OP_FREE, .ino = 2);
	struct srd_info info = open_forged();
	/* What becomes of bytes and attributes of a file that is gone is nobody's concern. */
	ck_assert_uint_eq(info.misfits, 15 - 5);
	ck_assert_uint_eq(info.files, 1);
	assert_keys("file ");
	assert_writable();
}
END_TEST

static const struct { const char *name; uint8_t len; } no_names[] = {
	{ "", 0 }, { ".", 1 }, { "..", 2 }, { "a/b", 3 }, { "/", 1 }, { "/etc/passwd", 11 }, { "../up", 5 }, { "a\0b", 3 },
};

/* Before it a file, it, and a file behind it. */
static void forge_name(int i, bool durable)
{
	forged.durable = durable;
	make_file(2, 1, "before", 100);
	COMMIT(.kind = SRD_OP_MAKE, .ino = 3, .parent = 1, .name = no_names[i].name, .name_len = no_names[i].len,
	       .mode = S_IFREG | 0644);
	make_file(4, 1, "behind", 100);
	forge(SRD_RECORD_SYNC, (struct srd_op){ .kind = SRD_OP_RUN });
}

/* Nobody was ever promised it: the log ends there. */
START_TEST(a_name_that_is_none_ends_what_was_not_synced)
{
	forge_name(_i, false);
	struct srd_info info = open_forged();
	ck_assert_uint_gt(info.dropped_bytes, 0);
	assert_keys("before ");
	assert_writable();
	assert_keys("before new ");
}
END_TEST

START_TEST(a_name_that_is_none_is_damage_in_what_was)
{
	forge_name(_i, true);
	struct srd_info info = open_forged();
	ck_assert_uint_eq(info.damaged_records, 1);
	assert_keys("before behind ");
	ck_assert_int_eq(srd_put(store, KEY("new"), "x", 1), SRD_EDAMAGED);
}
END_TEST

/* ---- Content that is not there ---- */

static uint64_t run_of_file;

/* References by number: beyond the end, before the first record, to what is no run,
 * beyond the run, and to the record itself. */
static struct srd_ref absurd_ref(int i)
{
	const struct srd_ref refs[] = {
		{ .run = UINT64_C(1) << 40, .len = 100 },
		{ .run = UINT64_MAX - 7, .len = 100 },
		{ .run = 64, .len = 100 },
		{ .run = run_of_file + 8, .len = 100 },
		{ .run = run_of_file, .skip = 60000, .len = 100 },
		{ .run = run_of_file, .skip = UINT32_MAX - 50, .len = 100 },
		{ .run = forged.len + SRD_HEADER_LEN, .len = 100 },
	};

	return refs[i];
}
enum { ABSURD_REFS = 7 };

static void forge_ref(int i, bool durable)
{
	uint8_t ref[SRD_REF_LEN];

	forged.durable = durable;
	run_of_file = make_file(2, 1, "sound", 50000);
	make_file(3, 1, "absurd", 0);
	struct srd_ref absurd = absurd_ref(i);
	srd_ref_encode(&absurd, ref);
	COMMIT(.kind = SRD_OP_REFS, .ino = 3, .ref_count = 1, .refs = ref);
	make_file(4, 1, "behind", 100);
	forge(SRD_RECORD_SYNC, (struct srd_op){ .kind = SRD_OP_RUN });
}

START_TEST(content_that_is_not_there_does_not_count)
{
	srd_value value;

	forge_ref(_i, false);
	struct srd_info info = open_forged();
	ck_assert_uint_gt(info.dropped_bytes, 0);
	assert_keys("sound absurd ");
	ck_assert_int_eq(srd_get(store, KEY("absurd"), &value), 0);
	ck_assert_uint_eq(value.len, 0);
	srd_value_release(&value);
	assert_writable();
}
END_TEST

START_TEST(content_that_is_not_there_is_damage_of_that_file)
{
	srd_value value;

	forge_ref(_i, true);
	open_forged();
	int error = srd_get(store, KEY("absurd"), &value);
	if (error == 0) {
		/* The commit did not count: it was damage itself. */
		struct srd_info info;
		ck_assert_int_eq(srd_info(store, &info), 0);
		ck_assert(value.len == 0 && info.damaged_records == 1);
		srd_value_release(&value);
	} else {
		ck_assert_int_eq(error, SRD_ECORRUPT);
	}
	ck_assert_int_eq(srd_get(store, KEY("sound"), &value), 0);
	ck_assert(value.len == 50000 && memcmp(value.data, payload, value.len) == 0);
	srd_value_release(&value);
	ck_assert_int_eq(srd_get(store, KEY("behind"), &value), 0);
	srd_value_release(&value);
}
END_TEST

/* ---- Numbers ---- */

/* VALUE at AT of the record at OFFSET, all checks of which are right. */
static void poke(uint64_t offset, unsigned at, unsigned len, uint64_t value)
{
	uint8_t superblock[SRD_SUPERBLOCK_LEN], *record = forged.bytes + offset;
	struct srd_superblock sb;

	fuzz_superblock(&sb, superblock);
	for (unsigned i = 0; i < len; i++)
		record[at + i] = (uint8_t)(value >> 8 * i);
	fuzz_seal(forged.bytes, forged.len);
	/* Sealing mends lengths. */
	for (unsigned i = 0; i < len; i++)
		record[at + i] = (uint8_t)(value >> 8 * i);
	srd_put64(record + 56, srd_hash(record, 56, srd_superblock_seed(&sb, offset)));
}

/* A sound record, in which one number is not: it is where the log ends. */
START_TEST(an_absurd_count_ends_the_log)
{
	static const struct { unsigned at, len; uint64_t value; } pokes[] = {
		{ 4, 4, 0 }, { 4, 4, UINT32_MAX }, { 4, 4, 1 << 20 },              /* length of the record */
		{ 8, 4, UINT32_MAX & ~7u }, { 8, 4, 4 }, { 8, 4, 1 << 20 },        /* of its ops */
		{ 64 + 4, 4, 0 }, { 64 + 4, 4, 4 }, { 64 + 4, 4, UINT32_MAX },     /* of the op */
		{ 64 + 24, 8, 0 }, { 64 + 24, 8, UINT64_MAX }, { 64 + 24, 8, UINT64_C(1) << 60 },   /* of references */
		{ 64 + 24, 8, (UINT64_C(1) << 59) + 1 },
		{ 64 + 2, 2, 65535 }, { 64, 1, 0 }, { 64, 1, 255 },                 /* of the name; kinds */
	};
	uint8_t ref[SRD_REF_LEN];

	uint64_t run = make_file(2, 1, "file", 100);
	srd_ref_encode(&(struct srd_ref){ .run = run, .len = 100 }, ref);
	uint64_t at = forged.len;
	COMMIT(.kind = SRD_OP_REFS, .ino = 2, .ref_count = 1, .refs = ref);
	make_file(3, 1, "behind", 100);
	poke(at, pokes[_i].at, pokes[_i].len, pokes[_i].value);
	store_forged();
	struct srd_info info = open_stored();
	ck_assert_uint_eq(info.damaged_records, 0);
	ck_assert_uint_eq(info.sequence, 1);
	ck_assert_int_eq(srd_exists(store, KEY("file")), 1);
	ck_assert_int_eq(srd_exists(store, KEY("behind")), 0);
	assert_writable();
}
END_TEST

START_TEST(the_highest_numbers_are_numbers)
{
	make_file((UINT64_C(1) << 63) - 1, 1, "last", 100);
	COMMIT(.kind = SRD_OP_SETATTR, .ino = (UINT64_C(1) << 63) - 1, .mask = SRD_ATTR_SIZE, .size = SRD_FILE_LEN_MAX);
	open_forged();
	/* There is none above it: who wants a new file is told so. */
	int error = srd_put(store, KEY("new"), "x", 1);
	ck_assert_msg(error < 0, "a number was used twice");
	ck_assert_int_eq(srd_exists(store, KEY("last")), 1);
	ck_assert_int_eq(srd_delete(store, KEY("last")), 0);
}
END_TEST

/* ---- Work without end.  Sized so that what goes with the square of it would take
 * hours; the test's time limit is no measurement. ---- */

/* A commit that does nothing tells of content of its own, of which a compaction keeps some. */
START_TEST(what_did_nothing_does_nothing_compacted)
{
	struct srd_compact_options options = { .keep_versions = 1 };
	struct srd_compacted compacted;
	srd_value value;

	make_file(2, 1, "file", 0);
	make_file(3, 1, "nest", 0);
	make_file(2, 3, "in a file", 5000);
	make_file(2, 3, "in a file", 5000);
	ck_assert_uint_eq(open_forged().misfits, 2);
	ck_assert_int_eq(srd_compact(store, &options, &compacted), 0);
	ck_assert_uint_eq(compacted.misfits, 2);
	ck_assert_int_eq(srd_get(store, KEY("file"), &value), 0);
	ck_assert_uint_eq(value.len, 0);
	srd_value_release(&value);
	assert_writable();
}
END_TEST

enum { MANY = 150000 };

START_TEST(deep_directories_moved_often)
{
	uint64_t deepest = 2 + MANY / 2;

	for (uint64_t i = 2; i <= deepest; i++)
		make_dir(i, i == 2 ? 1 : i - 1, "d");
	make_dir(deepest + 1, 1, "m");
	for (uint64_t i = 0; i < MANY; i++) {
		COMMIT(.kind = SRD_OP_RENAME, .ino = deepest + 1, .parent = i == 0 ? 1 : i % 2 ? deepest : deepest - 1,
		       .name = "m", .new_parent = i % 2 ? deepest - 1 : deepest, .new_name = "m");
	}
	open_forged();
	assert_writable();
}
END_TEST

START_TEST(much_damage_and_many_changes)
{
	forged.durable = true;
	make_file(2, 1, "file", 100);
	for (uint64_t i = 0; i < MANY; i++) {
		COMMIT(.kind = SRD_OP_SETATTR, .ino = 2, .mask = SRD_ATTR_MODE, .mode = 0600, .prev = 4096 + 64);
		/* Rot: a name that is none. */
		COMMIT(.kind = SRD_OP_MAKE, .ino = 3, .parent = 1, .name = ".", .mode = S_IFREG | 0644);
	}
	struct srd_info info = open_forged();
	ck_assert_uint_eq(info.damaged_records, MANY - 1);
	ck_assert_int_eq(srd_put(store, KEY("new"), "x", 1), SRD_EDAMAGED);
}
END_TEST

static Suite *hostile_suite(void)
{
	Suite *suite = suite_create("hostile");
	TCase *tcase = tcase_create("hostile");

	tcase_add_checked_fixture(tcase, start_forging, stop_forging);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, no_directory_comes_to_lie_in_itself);
	tcase_add_test(tcase, what_is_not_there_is_not_made_by_naming_it);
	tcase_add_loop_test(tcase, a_name_that_is_none_ends_what_was_not_synced, 0, SRD_LEN(no_names));
	tcase_add_loop_test(tcase, a_name_that_is_none_is_damage_in_what_was, 0, SRD_LEN(no_names));
	tcase_add_loop_test(tcase, content_that_is_not_there_does_not_count, 0, ABSURD_REFS);
	tcase_add_loop_test(tcase, content_that_is_not_there_is_damage_of_that_file, 0, ABSURD_REFS);
	tcase_add_loop_test(tcase, an_absurd_count_ends_the_log, 0, 16);
	tcase_add_test(tcase, the_highest_numbers_are_numbers);
	tcase_add_test(tcase, what_did_nothing_does_nothing_compacted);
	tcase_add_test(tcase, deep_directories_moved_often);
	tcase_add_test(tcase, much_damage_and_many_changes);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return unit_run(hostile_suite());
}
