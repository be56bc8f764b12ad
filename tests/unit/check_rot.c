/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rot, wherever it strikes: it is seen, it costs what it struck and no more, nothing
 * wrong is ever served, and a store is mended or salvaged.
 *
 * SRD_ROT_STEP in the environment: every so many bits are flipped in turn (1: all).
 */
#include "config.h"

#include "failing_io.h"
#include "fixture.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/check.h"
#include "format/spare.h"
#include "store/image.h"
#include "store/store.h"

enum { BIG_LEN = 20000 };

struct report {
	uint64_t damages, repaired;
	uint64_t pos, older;
	char what[32], key[64], text[160];
};

static int note(void *user, const struct srd_event *event)
{
	struct report *report = user;

	report->repaired += event->type == SRD_EVENT_REPAIRED;
	if (event->type != SRD_EVENT_DAMAGE)
		return 0;
	report->damages++;
	report->pos = event->pos;
	report->older = event->older_sequence;
	snprintf(report->what, sizeof report->what, "%s", event->what);
	snprintf(report->key, sizeof report->key, "%s", event->key ? event->key : "");
	snprintf(report->text, sizeof report->text, "%s", event->text);
	return 0;
}

static struct report verify(void)
{
	struct report report = { 0 };

	ck_assert_int_eq(srd_scan(store, SRD_SCAN_PAYLOAD, note, &report), 0);
	return report;
}

/* Bit I of the file is the other one. */
static void flip(uint64_t bit)
{
	int fd = open(path, O_RDWR);
	uint8_t byte;

	ck_assert_int_eq(pread(fd, &byte, 1, (off_t)(bit / 8)), 1);
	byte ^= (uint8_t)(1 << bit % 8);
	ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)(bit / 8)), 1);
	close(fd);
}

static void overwrite(uint64_t offset, size_t len)
{
	uint8_t *noise = pattern(len, 77);
	int fd = open(path, O_RDWR);

	ck_assert_int_eq(pwrite(fd, noise, len, (off_t)offset), (ssize_t)len);
	close(fd);
	free(noise);
}

/* Values of every shape, each as large as its number says. */
static const struct { const char *key; size_t len; } values[] = {
	{ "a", 0 }, { "small", 5 }, { "d/inline", 63 }, { "d/lines", 100 }, { "d/big", BIG_LEN }, { "d/e/last", 7 },
};

static uint64_t d_ino, e_ino;   /* of the directories */

static uint64_t ino_of(const char *key)
{
	struct srd_stat st;

	ck_assert_int_eq(srd_stat(store, KEY(key), &st), 0);
	return st.ino;
}

static void fill(void)
{
	for (size_t i = 0; i < SRD_LEN(values); i++) {
		uint8_t *bytes = pattern(values[i].len, i + 1);
		ck_assert_int_eq(srd_put(store, KEY(values[i].key), bytes, values[i].len), 0);
		free(bytes);
	}
	if (!srd_exists(store, KEY("link"))) {
		ck_assert_int_eq(srd_link(store, KEY("small"), KEY("d/second")), 0);
		ck_assert_int_eq(srd_make_symlink(store, KEY("link"), "d/big"), 0);
	}
	d_ino = ino_of("d");
	e_ino = ino_of("d/e");
	/* A later record says that all is durable, and one more that it is. */
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(srd_sync(store), 0);
		put("end", "x");
	}
}

/* Where KEY is when the commit is lost that made directory ABOVE of it. */
static int get_in_lost(const char *key, const char *above, srd_value *value)
{
	size_t len = strlen(above);
	char name[64];

	if (strncmp(key, above, len) != 0 || key[len] != '/')
		return -ENOENT;
	snprintf(name, sizeof name, "#%" PRIu64 "%s", strcmp(above, "d") == 0 ? d_ino : e_ino, key + len);
	return srd_get(store, KEY(name), value);
}

/* The value of values[I]: right, or an error. */
static int check_value(size_t i)
{
	uint8_t *bytes = pattern(values[i].len, i + 1);
	srd_value value;
	int error = srd_get(store, KEY(values[i].key), &value);

	if (error == -ENOENT)
		error = get_in_lost(values[i].key, "d", &value);
	if (error == -ENOENT)
		error = get_in_lost(values[i].key, "d/e", &value);

	if (!error) {
		ck_assert_uint_eq(value.len, values[i].len);
		ck_assert(values[i].len == 0 || memcmp(value.data, bytes, value.len) == 0);
		srd_value_release(&value);
	}
	free(bytes);
	return error;
}

static size_t errors(void)
{
	size_t count = 0;

	for (size_t i = 0; i < SRD_LEN(values); i++)
		count += check_value(i) != 0;
	return count;
}

static uint64_t file_bits(void)
{
	struct srd_info info;

	ck_assert_int_eq(srd_info(store, &info), 0);
	return info.file_bytes * 8;
}

/* One flipped bit: it is seen, and costs one value at most. */
static void check_flipped(uint64_t bit, uint64_t last_record)
{
	struct srd_info info;

	flip(bit);
	ck_assert_int_eq(srd_open(path, SRD_RDONLY, &store), 0);
	struct report report = verify();
	ck_assert_int_eq(srd_info(store, &info), 0);
	/* The last record is what nothing says is durable: rot there is as a torn append. */
	ck_assert_msg(report.damages == 1 || (bit / 8 >= last_record && info.dropped_bytes > 0),
	              "bit %" PRIu64 " of byte %" PRIu64 ": %" PRIu64 " damages", bit % 8, bit / 8, report.damages);
	ck_assert_uint_le(errors(), 1);
	close_store();
	flip(bit);
}

enum { MUCH = 200000, MUCH_BAD = 20 };   /* which block of it is struck */

static struct srd_run run_of(const char *key)
{
	const struct srd_inode *inode = srd_inode_at(&store->state, srd_state_inode_of(&store->state, ino_of(key)));
	struct srd_ref ref;
	struct srd_run run;

	ck_assert(srd_state_extent(&store->state, inode, 0, &ref));
	ck_assert(srd_log_run(store->log, ref.run, &run));
	ck_assert_uint_eq(run.len, MUCH);
	return run;
}

/* Reads from SKIP to END of "much", which is BYTES; STRUCK: not in one block. */
static void fetch(uint32_t skip, uint32_t end, const uint8_t *bytes, bool struck)
{
	static uint8_t got[MUCH];
	struct srd_run run = run_of("much");
	bool bad = struck && skip < (MUCH_BAD + 1) * SRD_BLOCK_LEN && end > MUCH_BAD * SRD_BLOCK_LEN;

	reopen_store();   /* nothing is known to be right */
	ck_assert_int_eq(srd_log_fetch(store->log, &run, skip, end - skip, got), bad ? SRD_ECORRUPT : 0);
	if (!bad)
		ck_assert_mem_eq(got, bytes + skip, end - skip);
}

START_TEST(what_is_read_past_the_mapping_is_checked_too)
{
	static const uint32_t ends[] = { 0, 1, SRD_BLOCK_LEN, MUCH_BAD * SRD_BLOCK_LEN - 1, MUCH_BAD * SRD_BLOCK_LEN,
	                                 MUCH_BAD * SRD_BLOCK_LEN + 7, (MUCH_BAD + 1) * SRD_BLOCK_LEN - 7,
	                                 (MUCH_BAD + 1) * SRD_BLOCK_LEN, (MUCH_BAD + 1) * SRD_BLOCK_LEN + 1, MUCH - 1, MUCH };
	uint8_t *bytes = pattern(MUCH, 3);

	ck_assert_int_eq(srd_put(store, KEY("much"), bytes, MUCH), 0);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(srd_sync(store), 0);
		put("end", "x");
	}
	struct srd_run run = run_of("much");
	for (int struck = 0; struck < 2; struck++) {
		for (size_t i = 0; i < SRD_LEN(ends); i++)
			for (size_t j = i + 1; j < SRD_LEN(ends); j++)
				fetch(ends[i], ends[j], bytes, struck);
		flip(8 * (run.offset + run.distance + MUCH_BAD * SRD_BLOCK_LEN + 100));
	}
	free(bytes);
}
END_TEST

START_TEST(every_bit_is_seen_and_costs_one_value_at_most)
{
	const char *text = getenv("SRD_ROT_STEP");
	uint64_t step = text ? strtoull(text, NULL, 10) : 97;
	struct srd_info info;

	/* Opening is most of the work. */
	setenv("SRD_MAP_BYTES", "0x400000", 1);
	fill();
	ck_assert_int_eq(srd_info(store, &info), 0);
	uint64_t last_record = info.end - 192, bits = file_bits();
	close_store();
	for (uint64_t bit = unit_seed() % step; bit < bits; bit += step)
		check_flipped(bit, last_record);
	open_store(SRD_RDONLY);
	ck_assert_uint_eq(verify().damages, 0);
	ck_assert_uint_eq(errors(), 0);
}
END_TEST

START_TEST(without_superblock_the_spare_serves_and_restores_it)
{
	struct srd_info before, after;

	fill();
	ck_assert_int_eq(srd_info(store, &before), 0);
	close_store();
	overwrite(0, SRD_SUPERBLOCK_LEN);
	open_store(0);
	ck_assert_uint_eq(errors(), 0);
	ck_assert_str_eq(verify().what, "superblock");
	ck_assert_int_eq(srd_put(store, KEY("k"), "x", 1), SRD_EDAMAGED);
	close_store();
	open_store(SRD_EXCLUSIVE);
	struct report report = { 0 };
	ck_assert_int_eq(srd_repair(store, 0, note, &report), 0);
	ck_assert_uint_eq(report.damages, 1);
	put("k", "x");
	close_store();
	open_store(0);
	ck_assert_uint_eq(verify().damages, 0);
	ck_assert_int_eq(srd_info(store, &after), 0);
	ck_assert_mem_eq(before.uuid, after.uuid, sizeof before.uuid);
	ck_assert_uint_eq(errors(), 0);
}
END_TEST

/* The record that the key's last op lies in is rotten at its header (_i 0), ops (1). */
static uint64_t rot_record_of(const char *key, int how)
{
	struct srd_stat st;

	ck_assert_int_eq(srd_stat(store, KEY(key), &st), 0);
	close_store();
	flip((st.last_change - (how ? 0 : SRD_HEADER_LEN) + 16) * 8);
	return st.last_change;
}

/* A repair is interrupted at any sector of its write. */
START_TEST(half_a_superblock_is_none_and_the_spare_serves)
{
	uint8_t whole[SRD_SUPERBLOCK_LEN];

	fill();
	close_store();
	int fd = open(path, O_RDWR);
	ck_assert_int_eq(pread(fd, whole, sizeof whole, 0), (ssize_t)sizeof whole);
	for (size_t done = 0; done <= sizeof whole; done += 512) {
		overwrite(0, sizeof whole);
		ck_assert_int_eq(pwrite(fd, whole, done, 0), (ssize_t)done);
		open_store(SRD_EXCLUSIVE);
		ck_assert_uint_eq(errors(), 0);
		ck_assert_uint_eq(verify().damages, done < sizeof whole);
		ck_assert_int_eq(srd_repair(store, 0, note, &(struct report){ 0 }), 0);
		ck_assert_uint_eq(verify().damages, 0);
		close_store();
	}
	close(fd);
}
END_TEST

/* Each write of a repair fails in turn, or half of it arrives: the store is as it was,
 * and is repaired another time. */
START_TEST(a_repair_that_fails_can_be_had_again)
{
	static struct failing_io failing;
	int failed = 0;

	fill();
	put("lost", "1");
	fill();
	rot_record_of("lost", 1);
	overwrite(0, 512);
	for (int writes = 0;; writes++) {
		failing_io_init(&failing);
		failing.writes_left = writes;
		failing.half = _i;
		ck_assert_int_eq(srd_store_open(path, SRD_EXCLUSIVE, &failing.io, &store), 0);
		ssize_t lost = srd_repair(store, 0, note, &(struct report){ 0 });
		failing.writes_left = -1;
		ck_assert_uint_eq(errors(), 0);
		ck_assert_int_eq(srd_close(store), 0);
		open_store(SRD_RDONLY);
		ck_assert_uint_eq(errors(), 0);
		/* It may be there and not have become durable. */
		bool repaired = verify().damages == 0;
		ck_assert(repaired || lost < 0);
		close_store();
		if (repaired)
			break;
		failed++;
	}
	ck_assert_int_ge(failed, 1 + (_i == 0));
	open_store(0);
	put("lost", "2");
	assert_text("lost", "2");
}
END_TEST

START_TEST(a_damaged_spare_is_restored)
{
	fill();
	close_store();
	for (uint64_t at = SRD_FIRST_RECORD; at < SRD_FIRST_RECORD + SRD_SPARE_LEN; at += 100) {
		flip(at * 8);
		open_store(SRD_EXCLUSIVE);
		ck_assert_uint_eq(verify().damages, 1);
		ck_assert_int_eq(srd_repair(store, 0, note, &(struct report){ 0 }), 0);
		ck_assert_uint_eq(verify().damages, 0);
		put("k", "x");
		close_store();
	}
	open_store(SRD_RDONLY);
	ck_assert_uint_eq(verify().damages, 0);
	ck_assert_uint_eq(verify().repaired, 0);
}
END_TEST

START_TEST(without_superblock_and_spare_it_is_no_store)
{
	fill();
	close_store();
	overwrite(0, SRD_FIRST_RECORD + SRD_SPARE_LEN);
	ck_assert_int_eq(srd_open(path, SRD_RDONLY, &store), SRD_ENOTSTORE);
	store = NULL;
}
END_TEST

START_TEST(a_lost_commit_costs_itself_until_it_is_repaired)
{
	struct srd_info info;

	fill();
	put("lost", "1");
	fill();
	rot_record_of("lost", _i);
	open_store(0);
	ck_assert_uint_eq(errors(), 0);
	ck_assert_int_eq(srd_exists(store, KEY("lost")), 0);
	ck_assert_int_eq(srd_put(store, KEY("k"), "x", 1), SRD_EDAMAGED);
	ck_assert_int_eq(srd_delete(store, KEY("a")), SRD_EDAMAGED);
	ck_assert_int_eq(srd_repair(store, 0, note, &(struct report){ 0 }), -EINVAL);
	uint64_t bits = file_bits();
	ck_assert_int_eq(srd_repair(store, SRD_REPAIR_DRY_RUN, note, &(struct report){ 0 }), 1);
	ck_assert_uint_eq(file_bits(), bits);
	close_store();
	open_store(SRD_EXCLUSIVE);
	ck_assert_int_eq(srd_repair(store, 0, note, &(struct report){ 0 }), 1);
	put("lost", "2");
	ck_assert_uint_eq(verify().damages, 0);
	close_store();
	for (int i = 0; i < 2; i++) {
		open_store(0);
		assert_text("lost", "2");
		ck_assert_uint_eq(verify().damages, 0);
		ck_assert_uint_eq(verify().repaired, 1);
		ck_assert_int_eq(srd_info(store, &info), 0);
		ck_assert_uint_eq(info.damaged_records, 0);
		ck_assert_int_eq(info.read_only, 0);
		put("more", "3");
		close_store();
	}
	open_store(SRD_EXCLUSIVE);
	ck_assert_int_eq(srd_repair(store, 0, note, &(struct report){ 0 }), 0);
	ck_assert_uint_eq(errors(), 0);
}
END_TEST

/* What a lost commit made, and what later ones say of it. */
START_TEST(what_came_after_a_lost_commit_is_there)
{
	char lost[32], name[64];

	fill();
	put("new/first", "1");       /* makes the directory too */
	put("new/second", "2");
	put("gone", "old");
	ck_assert_int_eq(srd_rename(store, KEY("gone"), KEY("moved")), 0);
	put("gone", "new");
	snprintf(lost, sizeof lost, "#%" PRIu64, ino_of("new"));
	uint64_t moved = ino_of("moved");
	struct srd_stat st;
	ck_assert_int_eq(srd_stat(store, KEY("moved"), &st), 0);
	uint64_t renamed = st.last_change;
	ck_assert_int_eq(srd_stat(store, KEY("new/first"), &st), 0);
	fill();
	close_store();
	/* The commit of new/first, and that of the rename. */
	flip((st.last_change + 16) * 8);
	flip((renamed + 16) * 8);
	open_store(0);
	snprintf(name, sizeof name, "%s/second", lost);
	assert_text(name, "2");
	assert_text("gone", "new");
	snprintf(name, sizeof name, "#%" PRIu64, moved);
	assert_text(name, "old");
	ck_assert_uint_eq(errors(), 0);
	close_store();
	open_store(SRD_EXCLUSIVE);
	ck_assert_int_eq(srd_repair(store, 0, note, &(struct report){ 0 }), 2);
	for (int i = 0; i < 2; i++) {
		snprintf(name, sizeof name, "lost-%s/second", lost + 1);
		assert_text(name, "2");
		snprintf(name, sizeof name, "lost-%" PRIu64, moved);
		assert_text(name, "old");
		assert_text("gone", "new");
		ck_assert_int_eq(srd_exists(store, KEY(lost)), 0);
		ck_assert_uint_eq(verify().damages, 0);
		put("more", "x");
		reopen_store();
	}
}
END_TEST

START_TEST(other_rot_after_a_repair_is_damage_again)
{
	fill();
	put("lost", "1");
	put("next", "1");
	fill();
	rot_record_of("lost", _i);
	open_store(SRD_EXCLUSIVE);
	ck_assert_int_eq(srd_repair(store, 0, note, &(struct report){ 0 }), 1);
	fill();
	rot_record_of("next", _i);
	open_store(SRD_EXCLUSIVE);
	ck_assert_int_eq(srd_put(store, KEY("k"), "x", 1), SRD_EDAMAGED);
	ck_assert_uint_eq(verify().damages, 1);
	ck_assert_int_eq(srd_repair(store, 0, note, &(struct report){ 0 }), 1);
	put("k", "x");
	ck_assert_uint_eq(errors(), 0);
}
END_TEST

START_TEST(damaged_content_is_told_with_its_place_and_an_older_version)
{
	uint8_t *bytes = pattern(BIG_LEN, 5);
	struct srd_info info;
	struct srd_stat st;

	fill();
	ck_assert_int_eq(srd_put(store, KEY("f"), "old", 3), 0);
	ck_assert_int_eq(srd_info(store, &info), 0);
	ck_assert_int_eq(srd_put(store, KEY("f"), bytes, BIG_LEN), 0);
	ck_assert_int_eq(srd_stat(store, KEY("f"), &st), 0);
	fill();
	close_store();
	flip((st.offset + 9000) * 8);
	open_store(SRD_EXCLUSIVE);
	struct report report = verify();
	ck_assert_uint_eq(report.damages, 1);
	ck_assert_str_eq(report.key, "f");
	ck_assert_uint_eq(report.pos, 8192);
	ck_assert_uint_eq(report.older, info.sequence);
	put("k", "x");
	ck_assert_int_eq(srd_repair(store, 0, note, &report), 0);
	ck_assert_uint_eq(verify().damages, 1);
	put("f", "new");
	ck_assert_str_eq(verify().text, "nothing uses it now");
	ck_assert_int_eq(srd_repair(store, 0, note, &report), 1);
	ck_assert_uint_eq(verify().damages, 0);
	free(bytes);
}
END_TEST

static int open_other(srd_store **other)
{
	char name[160];

	snprintf(name, sizeof name, "%s/new.srd", dir);
	return srd_open(name, SRD_CREATE | SRD_EXCL | SRD_NOSYNC, other);
}

/* Salvages the store into another, which takes its place. */
static struct report salvage(int flags)
{
	struct report report = { 0 };
	srd_store *other;

	ck_assert_int_eq(open_other(&other), 0);
	ck_assert_int_eq(srd_salvage(store, other, flags, note, &report), 0);
	close_store();
	store = other;
	return report;
}

static void same_stat(const struct srd_stat *a, const struct srd_stat *b)
{
	ck_assert_uint_eq(a->mode, b->mode);
	ck_assert_uint_eq(a->size, b->size);
	ck_assert_uint_eq(a->nlink, b->nlink);
	ck_assert_int_eq(a->mtime_ns, b->mtime_ns);
	ck_assert_int_eq(a->atime_ns, b->atime_ns);
}

START_TEST(salvage_of_a_sound_store_is_the_same_store)
{
	static const char *const keys[] = { "a", "small", "d", "d/e", "d/second", "d/big", "link" };
	struct srd_stat before[SRD_LEN(keys)], after;
	struct srd_stat owner = { .mode = 0700, .mtime_ns = 12345 };

	fill();
	ck_assert_int_eq(srd_set_attr(store, KEY("d/e"), &owner, SRD_SET_MODE | SRD_SET_MTIME), 0);
	for (size_t i = 0; i < SRD_LEN(keys); i++)
		ck_assert_int_eq(srd_stat(store, KEY(keys[i]), &before[i]), 0);
	ck_assert_uint_eq(salvage(0).damages, 0);
	for (size_t i = 0; i < SRD_LEN(keys); i++) {
		ck_assert_int_eq(srd_stat(store, KEY(keys[i]), &after), 0);
		same_stat(&before[i], &after);
	}
	ck_assert_uint_eq(errors(), 0);
}
END_TEST

/* Several damages, that of the superblock among them. */
START_TEST(salvage_takes_what_is_sound)
{
	struct srd_stat big, second, small;
	struct srd_value value;

	fill();
	put("lost", "1");
	fill();
	ck_assert_int_eq(srd_stat(store, KEY("d/big"), &big), 0);
	rot_record_of("lost", 1);
	flip((big.offset + 5000) * 8);
	overwrite(0, 512);
	open_store(SRD_RDONLY);
	struct report report = salvage(_i ? SRD_SALVAGE_KEEP_DAMAGED : 0);
	/* Superblock and lost commit, too. */
	ck_assert_uint_eq(report.damages, 3);
	ck_assert_str_eq(report.key, "d/big");
	ck_assert_str_eq(report.what, _i ? "zeros" : "left out");
	ck_assert_uint_eq(report.pos, 4096);
	ck_assert_int_eq(srd_stat(store, KEY("small"), &small), 0);
	ck_assert_int_eq(srd_stat(store, KEY("d/second"), &second), 0);
	ck_assert_uint_eq(small.ino, second.ino);
	put("k", "x");
	ck_assert_uint_eq(verify().damages, 0);
	if (_i) {
		uint8_t *bytes = pattern(BIG_LEN, 5);
		memset(bytes + 4096, 0, 4096);
		srd_reader *reader;
		uint8_t *read = malloc(BIG_LEN);
		ck_assert_int_eq(srd_reader_new(store, KEY("d/big"), &reader), 0);
		ck_assert_int_eq(srd_reader_read(reader, read, BIG_LEN), BIG_LEN);
		ck_assert_mem_eq(read, bytes, BIG_LEN);
		srd_reader_free(reader);
		free(read);
		free(bytes);
	} else {
		ck_assert_int_eq(srd_get(store, KEY("d/big"), &value), -ENOENT);
		ck_assert_uint_eq(errors(), 1);
	}
}
END_TEST

/* A large store with rot at random: what is read is right or an error, and as much is
 * found as was struck. */
START_TEST(random_rot_in_a_large_store)
{
	enum { FILES = 200, FLIPS = 40 };
	uint64_t random = unit_seed();
	uint8_t *bytes = pattern(70000, 3);
	uint64_t places[FLIPS];
	char key[32];

	for (int i = 0; i < FILES; i++) {
		struct srd_stat st;
		snprintf(key, sizeof key, "file-%d", i);
		ck_assert_int_eq(srd_put(store, KEY(key), bytes, 70000), 0);
		ck_assert_int_eq(srd_stat(store, KEY(key), &st), 0);
		if (i < FLIPS)
			places[i] = st.offset + unit_random(&random) % 70000;
	}
	fill();
	close_store();
	for (int i = 0; i < FLIPS; i++)
		flip(places[i] * 8 + unit_random(&random) % 8);
	open_store(0);
	ck_assert_uint_eq(verify().damages, FLIPS);
	for (int i = 0; i < FILES; i++) {
		srd_value value;
		snprintf(key, sizeof key, "file-%d", i);
		ck_assert_int_eq(srd_get(store, KEY(key), &value), i < FLIPS ? SRD_ECORRUPT : 0);
		if (i >= FLIPS)
			srd_value_release(&value);
	}
	put("k", "x");
	ck_assert_uint_eq(salvage(0).damages, FLIPS);
	ck_assert_uint_eq(verify().damages, 0);
	free(bytes);
}
END_TEST

/* ---- Names that rot while the store is open, and has been replayed ---- */

enum { NAMES = 1500, STRUCK = 700 };   /* an iterator takes more than one look */

static uint64_t struck_ino, below_ino;

static void rot_name(const char *name)
{
	int fd = open(path, O_RDWR);
	struct stat st;

	ck_assert_int_eq(fstat(fd, &st), 0);
	uint8_t *bytes = malloc((size_t)st.st_size);
	ck_assert_int_eq(pread(fd, bytes, (size_t)st.st_size, 0), st.st_size);
	const uint8_t *at = memmem(bytes, (size_t)st.st_size, name, strlen(name));
	ck_assert_ptr_nonnull(at);
	ck_assert_int_eq(pwrite(fd, "!", 1, at - bytes + 3), 1);
	free(bytes);
	close(fd);
}

/* A store without an index, open with FLAGS; then `name-STRUCK` is another. */
static void rot_while_open(int flags)
{
	char key[32], index[sizeof path + 4];

	for (int i = 0; i < NAMES; i++) {
		snprintf(key, sizeof key, "%sname-%d.", i % 2 ? "direct/" : "", i);
		put(key, "x");
	}
	fill();
	snprintf(key, sizeof key, "name-%d.", STRUCK);
	struck_ino = ino_of(key);
	below_ino = ino_of("direct");
	close_store();
	snprintf(index, sizeof index, "%s.idx", path);
	unlink(index);
	open_store(flags);
	ck_assert_uint_eq(store->image.offset, 0);
	snprintf(key, sizeof key, "name-%d.", STRUCK);
	rot_name(key);
}

static int get_struck(void)
{
	char key[32];

	snprintf(key, sizeof key, "name-%d.", STRUCK);
	return get_error(key);
}

/* The number of keys that begin with PREFIX, none of which is a wrong one; *GOT as the last srd_iter_next(). */
static size_t count_keys(struct srd_store *of, const char *prefix, int *got)
{
	struct srd_entry entry;
	srd_iter *iter;
	size_t count = 0;

	*got = srd_iter_new(of, KEY(prefix), 0, 0, 1, &iter);
	if (*got)
		return 0;
	while ((*got = srd_iter_next(iter, &entry)) == 1) {
		ck_assert_ptr_null(strchr(entry.key, '!'));
		count++;
	}
	srd_iter_free(iter);
	return count;
}

static bool is_lost(void)
{
	char key[32];

	snprintf(key, sizeof key, "#%" PRIu64, struck_ino);
	return get_struck() == -ENOENT && get_error(key) == -ENOENT;
}

/* All is as if the store had been opened afresh: the commit is damaged, is told, and nothing is written. */
static void assert_known(void)
{
	int got;
	size_t count = count_keys(store, "", &got);

	ck_assert_int_eq(got, 0);
	ck_assert(is_lost());
	ck_assert_int_eq(srd_put(store, KEY("new"), "x", 1), store->flags & SRD_RDONLY ? -EROFS : SRD_EDAMAGED);
	ck_assert_uint_eq(verify().damages, 1);
	close_store();
	open_store(SRD_RDONLY);
	ck_assert(is_lost());
	ck_assert_uint_eq(count_keys(store, "", &got), count);
	ck_assert_uint_eq(verify().damages, 1);
}

START_TEST(a_name_that_rots_while_open_is_not_absent)
{
	rot_while_open(_i);
	ck_assert_int_eq(get_struck(), SRD_ECORRUPT);
	assert_known();
}
END_TEST

START_TEST(a_name_that_rots_while_open_is_not_given_anew)
{
	char key[32];

	rot_while_open(0);
	snprintf(key, sizeof key, "name-%d.", STRUCK);
	ck_assert_int_eq(srd_put(store, KEY(key), "y", 1), SRD_ECORRUPT);
	assert_known();
}
END_TEST

START_TEST(a_name_that_rots_while_open_is_not_listed)
{
	static const char *const prefixes[] = { "", "name" };
	int got;

	rot_while_open(0);
	ck_assert_uint_lt(count_keys(store, prefixes[_i], &got), NAMES);
	ck_assert_int_eq(got, SRD_ECORRUPT);
	assert_known();
}
END_TEST

/* Where it has come to is another place in what is left. */
START_TEST(who_was_listing_when_a_name_rotted_is_told)
{
	static const char *const prefixes[] = { "", "name" };
	struct srd_entry entry;
	srd_iter *iter;
	int got;

	rot_while_open(0);
	ck_assert_int_eq(srd_iter_new(store, KEY(prefixes[_i]), 0, 0, 1, &iter), 0);
	ck_assert_int_eq(srd_iter_next(iter, &entry), 1);
	ck_assert_int_eq(get_struck(), SRD_ECORRUPT);
	while ((got = srd_iter_next(iter, &entry)) == 1)
		ck_assert_ptr_null(strchr(entry.key, '!'));
	srd_iter_free(iter);
	ck_assert_int_eq(got, SRD_ECORRUPT);
	assert_known();
}
END_TEST

/* Nothing is left out in silence, and what is sound is all there. */
START_TEST(salvage_tells_what_rotted_while_open)
{
	char other_path[160];
	srd_store *other;
	struct report report = { 0 };
	int got;

	rot_while_open(SRD_RDONLY);
	snprintf(other_path, sizeof other_path, "%s/other.srd", dir);
	ck_assert_int_eq(srd_open(other_path, SRD_CREATE | SRD_NOSYNC, &other), 0);
	ck_assert_int_eq(srd_salvage(store, other, 0, note, &report), 0);
	ck_assert_uint_eq(report.damages, 1);
	ck_assert_str_eq(report.what, "record");
	size_t count = count_keys(other, "", &got);
	ck_assert_int_eq(got, 0);
	ck_assert_uint_ge(count, NAMES - 1);
	ck_assert_uint_eq(count, count_keys(store, "", &got));
	ck_assert_int_eq(srd_close(other), 0);
	assert_known();
}
END_TEST

static bool has_attribute(const char *key, const char *name, const char *text)
{
	srd_value value;
	int error = srd_get_xattr(store, KEY(key), name, &value);

	if (error == -ENODATA)
		return false;
	ck_assert_int_eq(error, 0);
	ck_assert(value.len == strlen(text) && memcmp(value.data, text, value.len) == 0);
	srd_value_release(&value);
	return true;
}

/* 1: of a store that begins with its image, which says nothing of what lies in the log. */
START_TEST(an_attribute_whose_name_rots_is_known_by_it)
{
	char list[64], other_path[160];
	struct report report = { 0 };
	srd_store *other;

	put("one", "1");
	put("two", "2");
	ck_assert_int_eq(srd_set_xattr(store, KEY("one"), "user.colour", "red", 3), 0);
	ck_assert_int_eq(srd_set_xattr(store, KEY("one"), "user.shape", "round", 5), 0);
	if (_i) {
		ck_assert_int_eq(srd_image_save_beside(store, NULL, &store->saved), 0);
		close_store();
	}
	rot_name("user.colour");
	if (_i) {
		open_store(SRD_RDONLY);
		ck_assert_uint_gt(store->image.offset, 0);
	}
	ck_assert(has_attribute("one", "user.colour", "red"));
	ck_assert(has_attribute("one", "user.shape", "round"));
	ck_assert_int_eq(srd_list_xattrs(store, KEY("one"), list, sizeof list), SRD_ECORRUPT);
	ck_assert_int_eq(srd_list_xattrs(store, KEY("two"), list, sizeof list), 0);
	snprintf(other_path, sizeof other_path, "%s/other.srd", dir);
	ck_assert_int_eq(srd_open(other_path, SRD_CREATE | SRD_NOSYNC, &other), 0);
	ck_assert_int_eq(srd_salvage(store, other, 0, note, &report), 0);
	ck_assert_str_eq(report.what, "extended attribute");
	ck_assert_str_eq(report.key, "one");
	close_store();
	store = other;
	ck_assert(!has_attribute("one", "user.colour", "red"));
	ck_assert(has_attribute("one", "user.shape", "round"));
	ck_assert_int_eq(srd_list_xattrs(store, KEY("one"), list, sizeof list), (ssize_t)sizeof "user.shape");
}
END_TEST

/* What lies below is not lost with it. */
START_TEST(what_lies_below_a_name_that_rots_while_open)
{
	char key[32];
	int got;

	rot_while_open(SRD_RDONLY);
	close_store();
	open_store(SRD_RDONLY);
	rot_name("direct");
	ck_assert_int_eq(get_error("direct/name-1."), SRD_ECORRUPT);
	snprintf(key, sizeof key, "#%" PRIu64 "/", below_ino);
	ck_assert_uint_eq(count_keys(store, key, &got), NAMES / 2 - 1);
	ck_assert_int_eq(got, 0);
	ck_assert_uint_eq(verify().damages, 2);
}
END_TEST

static void add(TCase *tcase)
{
	tcase_set_timeout(tcase, 1800);   /* all bits */
	tcase_add_test(tcase, what_is_read_past_the_mapping_is_checked_too);
	tcase_add_test(tcase, every_bit_is_seen_and_costs_one_value_at_most);
	tcase_add_test(tcase, without_superblock_the_spare_serves_and_restores_it);
	tcase_add_test(tcase, half_a_superblock_is_none_and_the_spare_serves);
	tcase_add_loop_test(tcase, a_repair_that_fails_can_be_had_again, 0, 2);
	tcase_add_test(tcase, a_damaged_spare_is_restored);
	tcase_add_test(tcase, without_superblock_and_spare_it_is_no_store);
	tcase_add_loop_test(tcase, a_lost_commit_costs_itself_until_it_is_repaired, 0, 2);
	tcase_add_test(tcase, what_came_after_a_lost_commit_is_there);
	tcase_add_loop_test(tcase, other_rot_after_a_repair_is_damage_again, 0, 2);
	tcase_add_test(tcase, damaged_content_is_told_with_its_place_and_an_older_version);
	tcase_add_test(tcase, salvage_of_a_sound_store_is_the_same_store);
	tcase_add_loop_test(tcase, salvage_takes_what_is_sound, 0, 2);
	tcase_add_test(tcase, random_rot_in_a_large_store);
	tcase_add_loop_test(tcase, a_name_that_rots_while_open_is_not_absent, 0, 2);   /* 1: SRD_RDONLY */
	tcase_add_test(tcase, a_name_that_rots_while_open_is_not_given_anew);
	tcase_add_loop_test(tcase, a_name_that_rots_while_open_is_not_listed, 0, 2);
	tcase_add_loop_test(tcase, who_was_listing_when_a_name_rotted_is_told, 0, 2);
	tcase_add_test(tcase, salvage_tells_what_rotted_while_open);
	tcase_add_loop_test(tcase, an_attribute_whose_name_rots_is_known_by_it, 0, 2);
	tcase_add_test(tcase, what_lies_below_a_name_that_rots_while_open);
}

int main(void)
{
	return run_case("rot", add);
}
