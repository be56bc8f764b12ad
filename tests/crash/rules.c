/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules - each rule of FORMAT sections 5 and 6 that has a failing sequence behind
 * it, and that sequence.  What explore finds by trying everything is here on
 * purpose, with real files and several handles on them.
 */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/hash.h"
#include "format/spare.h"
#include "runner.h"
#include "states.h"
#include "store/image.h"
#include "tell.h"
#include "verbs.h"

enum { RECORDS_MAX = 64 };

static char path[4200], other_path[4200];

static void setup(void)
{
	snprintf(path, sizeof path, "%s/rules.srd", scratch_directory());
	snprintf(other_path, sizeof other_path, "%s/other.srd", scratch_directory());
	unlink(path);
	unlink(other_path);
}

static struct srd_store *open_as(const char *name, int flags, const struct srd_io *io)
{
	struct srd_store *store;

	ck_assert_int_eq(srd_store_open(name, flags | SRD_NOSYNC, io, &store), 0);
	return store;
}

static struct srd_store *open_store(int flags)
{
	return open_as(path, flags, NULL);
}

static int put(struct srd_store *store, const char *key, uint32_t len, uint32_t fill)
{
	struct step step = { .verb = STEP_PUT, .key = key, .len = len, .fill = fill };
	struct image bytes = { 0 };

	step_fill(&step, &bytes);
	int error = verb_run(store, &step, &bytes);
	image_release(&bytes);
	return error;
}

static void must_put(struct srd_store *store, const char *key, uint32_t len, uint32_t fill)
{
	ck_assert_int_eq(put(store, key, len, fill), 0);
}

/* 0 if KEY holds LEN bytes of FILL, -1 if something else, or srd_get()'s error. */
static int look(struct srd_store *store, const char *key, uint32_t len, uint32_t fill)
{
	struct step step = { .len = len, .fill = fill };
	struct image want = { 0 };
	srd_value value;
	int error = srd_get(store, key, strlen(key), &value);

	if (error)
		return error;
	step_fill(&step, &want);
	error = value.len == len && (len == 0 || memcmp(value.data, want.bytes, len) == 0) ? 0 : -1;
	image_release(&want);
	srd_value_release(&value);
	return error;
}

static struct image file_now(const char *name)
{
	struct image image = { 0 };

	image_load(&image, name);
	return image;
}

/* The records of IMAGE, one behind the other, but for the spare of the superblock. */
static unsigned list_records(const struct image *image, struct srd_record records[RECORDS_MAX])
{
	struct srd_superblock sb;
	unsigned count = 0;

	ck_assert_int_eq(srd_superblock_decode(&sb, image->bytes, image->len), 0);
	for (uint64_t at = SRD_FIRST_RECORD + SRD_SPARE_LEN; at + SRD_HEADER_LEN <= image->len && count < RECORDS_MAX;
	     at += records[count++].len)
		if (!srd_record_decode(&sb, &records[count], image->bytes + at, at))
			break;
	return count;
}

struct damage {
	unsigned count;
	uint64_t offset;
	char key[64];
};

static int note_damage(void *user, const struct srd_event *event)
{
	struct damage *damage = user;

	if (event->type != SRD_EVENT_DAMAGE)
		return 0;
	damage->count++;
	damage->offset = event->offset;
	snprintf(damage->key, sizeof damage->key, "%s", event->key ? event->key : "");
	return 0;
}

static struct damage verify(struct srd_store *store)
{
	struct damage damage = { 0 };

	ck_assert_int_eq(srd_scan(store, SRD_SCAN_PAYLOAD, note_damage, &damage), 0);
	return damage;
}

static uint64_t damaged_records(struct srd_store *store)
{
	struct srd_info info;

	ck_assert_int_eq(srd_info(store, &info), 0);
	return info.damaged_records;
}

/* ---- what was dropped ---- */

/* b is torn, c is whole and lies behind it: both go.  Then b is put again, the same
 * bytes in the same place, and of the second crash any mix of old and new may
 * stay where nothing was synced: c was gone, and stays gone. */
START_TEST(what_was_dropped_does_not_come_back)
{
	struct srd_record records[RECORDS_MAX];
	struct recorder recorder;
	struct srd_store *store = open_store(SRD_CREATE);

	must_put(store, "a", 2000, 1);
	ck_assert_int_eq(srd_sync(store), 0);
	must_put(store, "b", 5000, 2);
	must_put(store, "c", 2000, 3);
	srd_close(store);
	struct image old = file_now(path), new, mix = { 0 };
	ck_assert_uint_eq(list_records(&old, records), 3);
	old.bytes[records[1].offset + 3000] ^= 1;
	image_store(&old, path);

	recorder_init(&recorder, &old);
	store = open_as(path, 0, &recorder.io);
	ck_assert_int_eq(look(store, "a", 2000, 1), 0);
	ck_assert_int_eq(look(store, "b", 5000, 2), -ENOENT);
	ck_assert_int_eq(look(store, "c", 2000, 3), -ENOENT);
	must_put(store, "b", 5000, 2);
	srd_close(store);
	new = file_now(path);
	size_t synced = 0, written = 0;
	for (size_t i = 0; i < recorder.count; i++) {
		if (recorder.events[i].kind == EVENT_WRITE)
			written = recorder.events[i].offset + recorder.events[i].len;
		if (recorder.events[i].kind == EVENT_SYNC)
			synced = written;
	}
	for (unsigned n = 0; n < 300; n++) {
		image_copy(&mix, &old);
		for (size_t at = 0; at < new.len; at += 512)
			if (at < synced || srd_mix(n * 1000 + at) % 2)
				image_write(&mix, at, new.bytes + at, SRD_MIN(new.len - at, (size_t)512));
		image_store(&mix, path);
		store = open_store(SRD_RDONLY);
		ck_assert_int_eq(look(store, "a", 2000, 1), 0);
		ck_assert_int_eq(look(store, "c", 2000, 3), -ENOENT);
		ck_assert_uint_eq(damaged_records(store), 0);
		srd_close(store);
	}
	image_release(&old);
	image_release(&new);
	image_release(&mix);
	recorder_release(&recorder);
}
END_TEST

struct gone {
	uint32_t fill;            /* of b and x */
	unsigned with_x;          /* states in which x is there */
};

/* a is there, b and c are not, x is whole if it is there at all. */
static int must_be_gone(void *user, const struct crash_state *state)
{
	struct gone *gone = user;

	image_store(state->image, path);
	struct srd_store *store = open_store(SRD_RDONLY);
	ck_assert_msg(look(store, "a", 2000, 1) == 0, "%s: a is not there", state->what);
	ck_assert_msg(look(store, "b", 5000, gone->fill) == -ENOENT, "%s: b is back", state->what);
	ck_assert_msg(look(store, "c", 2000, 3) == -ENOENT, "%s: c is back", state->what);
	int x = look(store, "x", 5000, gone->fill);
	ck_assert_msg(x == 0 || x == -ENOENT, "%s: x", state->what);
	ck_assert_uint_eq(damaged_records(store), 0);
	srd_close(store);
	gone->with_x += x == 0;
	return 0;
}

/* A writer is killed after LIVES calls; the next one puts x, of the same bytes as b;
 * then the power goes.  True if the first had come to put x. */
static bool put_killed_put(struct recorder *recorder, unsigned lives, struct gone *gone)
{
	struct states_pick pick = { .seed = lives, .share = UINT32_MAX / 4 };
	struct states_count count;

	recorder->mortal = true;
	recorder->lives = lives;
	struct srd_store *store = open_as(path, 0, &recorder->io);
	bool done = put(store, "x", 5000, gone->fill) == 0;
	srd_close(store);
	recorder->mortal = false;
	store = open_as(path, 0, &recorder->io);
	must_put(store, "x", 5000, gone->fill);
	srd_close(store);
	states_each(recorder, &pick, must_be_gone, gone, &count);
	return done;
}

/* b lacks but its last bytes, which are zeros: a file that grows must not make it whole,
 * be it for a moment. */
START_TEST(what_lacks_zeros_alone_does_not_come_back)
{
	struct states_pick pick = { .seed = 1, .share = UINT32_MAX / 4 };
	struct gone gone = { .fill = 2 };
	struct srd_record records[RECORDS_MAX];
	struct states_count count;
	struct recorder recorder;
	struct srd_store *store = open_store(SRD_CREATE);

	must_put(store, "a", 2000, 1);
	ck_assert_int_eq(srd_sync(store), 0);
	must_put(store, "b", 0, 2);
	srd_close(store);
	struct image old = file_now(path);
	ck_assert_uint_eq(list_records(&old, records), 2);
	/* No commit is shorter. */
	ck_assert_uint_eq(records[1].len, 2 * SRD_HEADER_LEN);
	for (size_t lost = 1; lost <= 8; lost++) {
		image_resize(&old, records[1].offset + records[1].len - lost);
		image_store(&old, path);
		recorder_init(&recorder, &old);
		store = open_as(path, 0, &recorder.io);
		must_put(store, "x", 5000, gone.fill);
		srd_close(store);
		states_each(&recorder, &pick, must_be_gone, &gone, &count);
		recorder_release(&recorder);
	}
	ck_assert_uint_gt(gone.with_x, 0);
	image_release(&old);
}
END_TEST

/* After a crash: b is torn, with c behind it; b is torn in one place or another. */
START_TEST(who_is_killed_while_dropping_brings_nothing_back)
{
	struct srd_record records[RECORDS_MAX];
	struct srd_store *store = open_store(SRD_CREATE);
	struct gone gone = { .fill = 2 };

	must_put(store, "a", 2000, 1);
	ck_assert_int_eq(srd_sync(store), 0);
	must_put(store, "b", 5000, 2);
	must_put(store, "c", 2000, 3);
	srd_close(store);
	struct image base = file_now(path);
	ck_assert_uint_eq(list_records(&base, records), 3);
	base.bytes[records[1].offset + 3000] ^= 1;
	const size_t lens[] = { base.len, records[2].offset, records[1].offset + 3000, records[1].offset + 40 };
	for (unsigned i = 0; i < SRD_LEN(lens); i++) {
		bool done = false;
		image_resize(&base, lens[i]);
		for (unsigned lives = 0; !done; lives++) {
			struct recorder recorder;
			image_store(&base, path);
			recorder_init(&recorder, &base);
			done = put_killed_put(&recorder, lives, &gone);
			recorder_release(&recorder);
		}
	}
	ck_assert_uint_gt(gone.with_x, 0);
	image_release(&base);
}
END_TEST

/* There was no room for b, of zeros, which what was never written is, too. */
START_TEST(who_is_killed_on_a_full_disk_brings_nothing_back)
{
	struct gone gone = { .fill = 0 };
	bool done = false;

	for (unsigned lives = 0; !done; lives++) {
		struct recorder recorder;
		setup();
		struct srd_store *store = open_store(SRD_CREATE);
		must_put(store, "a", 2000, 1);
		ck_assert_int_eq(srd_sync(store), 0);
		srd_close(store);
		struct image base = file_now(path);
		recorder_init(&recorder, &base);
		store = open_as(path, 0, &recorder.io);
		recorder.room = base.len + 3000;
		ck_assert_int_eq(put(store, "b", 5000, 0), -ENOSPC);
		srd_close(store);
		recorder.room = 0;
		done = put_killed_put(&recorder, lives, &gone);
		recorder_release(&recorder);
		image_release(&base);
	}
	ck_assert_uint_gt(gone.with_x, 0);
}
END_TEST

/* Somebody may have seen them: they go when nobody else is there. */
START_TEST(whole_records_are_dropped_by_who_is_alone)
{
	struct srd_record records[RECORDS_MAX];
	struct srd_store *store = open_store(SRD_CREATE);

	must_put(store, "a", 2000, 1);
	must_put(store, "b", 5000, 2);
	must_put(store, "c", 2000, 3);
	uint32_t epoch = store->log->epoch;
	srd_close(store);
	struct image file = file_now(path);
	ck_assert_uint_eq(list_records(&file, records), 3);
	file.bytes[records[1].offset + 3000] ^= 1;
	image_store(&file, path);
	struct srd_store *reader = open_store(SRD_RDONLY);
	store = open_store(0);
	ck_assert_int_eq(put(store, "d", 10, 4), -EBUSY);
	ck_assert_int_eq(look(reader, "a", 2000, 1), 0);
	srd_close(reader);
	must_put(store, "d", 10, 4);
	ck_assert_uint_ne(store->log->epoch, epoch);
	srd_close(store);
	store = open_store(SRD_RDONLY);
	ck_assert_int_eq(look(store, "d", 10, 4), 0);
	ck_assert_int_eq(look(store, "c", 2000, 3), -ENOENT);
	srd_close(store);
	image_release(&file);
}
END_TEST

/* ---- marks and syncs ---- */

/* True if the writes of RECORDER say [FROM, TO) again. */
static bool says_again(const struct recorder *recorder, uint64_t from, uint64_t to)
{
	for (size_t i = 0; i < recorder->count; i++) {
		const struct event *event = &recorder->events[i];
		if (event->kind == EVENT_SYNC)
			break;
		if (event->kind == EVENT_WRITE && event->offset <= from && from < event->offset + event->len)
			from = event->offset + event->len;
	}
	return from >= to;
}

/* One syncs and tells nobody; another, who opened later, knows of no sync, and may
 * not speak of one until it has written again what lay there, for an fdatasync
 * that failed meanwhile would have been told to the first alone. */
START_TEST(a_mark_is_what_its_writer_knows)
{
	struct srd_record records[RECORDS_MAX];
	struct recorder recorder;
	struct srd_store *one = open_store(SRD_CREATE), *two;

	must_put(one, "a", 3000, 1);
	ck_assert_int_eq(srd_sync(one), 0);
	must_put(one, "b", 3000, 2);
	uint64_t told = one->log->mark_said;
	must_put(one, "c", 3000, 3);
	ck_assert_int_eq(srd_sync(one), 0);
	uint64_t known = one->log->durable;
	ck_assert_uint_lt(told, known);

	struct image file = file_now(path);
	recorder_init(&recorder, &file);
	image_release(&file);
	two = open_as(path, 0, &recorder.io);
	ck_assert_uint_eq(two->log->durable, told);
	must_put(two, "d", 3000, 4);
	file = file_now(path);
	unsigned count = list_records(&file, records);
	ck_assert_uint_eq(records[count - 1].durable, told);
	image_release(&file);
	ck_assert_int_eq(srd_sync(two), 0);
	ck_assert(says_again(&recorder, told, known));
	ck_assert(recorder_only_appended(&recorder));
	must_put(two, "e", 10, 5);
	file = file_now(path);
	count = list_records(&file, records);
	ck_assert_uint_eq(records[count - 1].durable, records[count - 2].offset + records[count - 2].len);
	image_release(&file);
	srd_close(one);
	srd_close(two);
	recorder_release(&recorder);
}
END_TEST

/* "Everything committed before the call", whoever committed it. */
START_TEST(a_sync_is_for_the_commits_of_others_too)
{
	struct recorder recorder;
	struct srd_store *one, *two;

	recorder_init(&recorder, NULL);
	one = open_as(path, SRD_CREATE, &recorder.io);
	must_put(one, "a", 100, 1);
	ck_assert_int_eq(srd_sync(one), 0);
	two = open_as(path, 0, &recorder.io);
	must_put(two, "b", 100, 2);
	ck_assert_int_eq(srd_sync(one), 0);
	ck_assert_int_eq(recorder.events[recorder.count - 1].kind, EVENT_SYNC);
	srd_close(one);
	srd_close(two);
	recorder_release(&recorder);
}
END_TEST

/* ---- rot ---- */

/* a to e, and the mark behind all of them. */
static struct image make_durable(struct srd_record records[RECORDS_MAX])
{
	struct srd_store *store = open_store(SRD_CREATE);

	must_put(store, "a", 3000, 1);
	must_put(store, "b", 20, 2);
	must_put(store, "c", 9000, 3);
	must_put(store, "d", 300, 4);
	ck_assert_int_eq(srd_sync(store), 0);
	must_put(store, "e", 40, 5);
	srd_close(store);
	struct image file = file_now(path);
	ck_assert_uint_eq(list_records(&file, records), 5);
	return file;
}

START_TEST(rot_below_the_mark_costs_that_commit_alone)
{
	struct srd_record records[RECORDS_MAX];
	struct image file = make_durable(records);

	for (uint64_t at = records[2].offset; at < records[2].offset + SRD_HEADER_LEN + records[2].meta_len; at++) {
		file.bytes[at] ^= 0x20;
		image_store(&file, path);
		struct srd_store *store = open_store(0), *other = open_store(0);
		ck_assert_int_eq(look(store, "a", 3000, 1), 0);
		ck_assert_int_eq(look(store, "b", 20, 2), 0);
		ck_assert_int_eq(look(store, "c", 9000, 3), -ENOENT);
		ck_assert_int_eq(look(store, "d", 300, 4), 0);
		ck_assert_int_eq(look(store, "e", 40, 5), 0);
		ck_assert_uint_eq(damaged_records(store), 1);
		struct damage damage = verify(store);
		ck_assert_uint_eq(damage.count, 1);
		ck_assert_uint_eq(damage.offset, records[2].offset);
		ck_assert_int_eq(put(store, "f", 10, 6), SRD_EDAMAGED);
		ck_assert_int_eq(put(other, "f", 10, 6), SRD_EDAMAGED);
		srd_close(store);
		srd_close(other);
		file.bytes[at] ^= 0x20;
	}
	image_release(&file);
}
END_TEST

START_TEST(rot_in_payload_costs_that_payload_alone)
{
	struct srd_record records[RECORDS_MAX];
	struct image file = make_durable(records);
	/* Beside its name; behind the metadata; in the last, short block. */
	const struct { unsigned record; uint64_t back; const char *key; } spots[] = {
		{ 1, 0, "b" }, { 0, 100, "a" }, { 2, 100, "c" },
	};

	for (unsigned i = 0; i < 3; i++) {
		const struct srd_record *record = &records[spots[i].record];
		struct step fill = { .len = 20, .fill = 2 };
		struct image value = { 0 };
		uint64_t at = record->offset + record->len - spots[i].back;
		step_fill(&fill, &value);
		if (spots[i].back == 0)
			at = (uint64_t)((uint8_t *)memmem(file.bytes + record->offset, record->len, value.bytes, 20) -
			                file.bytes);
		file.bytes[at] ^= 0x20;
		image_store(&file, path);
		struct srd_store *store = open_store(0);
		ck_assert_int_eq(look(store, "a", 3000, 1), i == 1 ? SRD_ECORRUPT : 0);
		ck_assert_int_eq(look(store, "b", 20, 2), i == 0 ? SRD_ECORRUPT : 0);
		ck_assert_int_eq(look(store, "c", 9000, 3), i == 2 ? SRD_ECORRUPT : 0);
		ck_assert_int_eq(look(store, "e", 40, 5), 0);
		struct damage damage = verify(store);
		ck_assert_uint_eq(damage.count, 1);
		ck_assert_str_eq(damage.key, spots[i].key);
		ck_assert_uint_eq(damaged_records(store), 0);
		must_put(store, "f", 10, 6);
		srd_close(store);
		file.bytes[at] ^= 0x20;
		image_release(&value);
	}
	image_release(&file);
}
END_TEST

/* The same in what was never synced ends the log before that commit. */
START_TEST(damage_above_the_mark_ends_the_log)
{
	struct srd_record records[RECORDS_MAX];
	struct srd_store *store = open_store(SRD_CREATE);

	must_put(store, "a", 3000, 1);
	must_put(store, "b", 20, 2);
	must_put(store, "c", 500, 3);
	srd_close(store);
	struct image file = file_now(path);
	ck_assert_uint_eq(list_records(&file, records), 3);
	for (uint64_t at = records[1].offset; at < records[1].offset + SRD_HEADER_LEN + records[1].meta_len; at += 5) {
		file.bytes[at] ^= 4;
		image_store(&file, path);
		store = open_store(0);
		ck_assert_int_eq(look(store, "a", 3000, 1), 0);
		/* But for padding, which says nothing. */
		if (look(store, "b", 20, 2) != 0) {
			ck_assert_int_eq(look(store, "b", 20, 2), -ENOENT);
			ck_assert_int_eq(look(store, "c", 500, 3), -ENOENT);
		}
		ck_assert_uint_eq(damaged_records(store), 0);
		must_put(store, "d", 10, 4);
		srd_close(store);
		file.bytes[at] ^= 4;
	}
	image_release(&file);
}
END_TEST

/* A later commit names DATA that has rotted; a stream that was cut off left some too. */
START_TEST(rot_in_data_is_damage_where_it_is_named)
{
	struct srd_record records[RECORDS_MAX];
	struct srd_store *store = open_store(SRD_CREATE);
	struct srd_extents named, never;
	uint8_t bytes[9000];

	memset(bytes, 7, sizeof bytes);
	srd_extents_init(&named);
	srd_extents_init(&never);
	ck_assert_int_eq(srd_extents_append(&never, store, 0, bytes, sizeof bytes), 0);
	ck_assert_int_eq(srd_extents_append(&named, store, 0, bytes, sizeof bytes), 0);
	named.size = sizeof bytes;
	ck_assert_int_eq(verb_name(store, "named", &named), 0);
	ck_assert_int_eq(srd_sync(store), 0);
	must_put(store, "a", 10, 1);
	srd_close(store);
	struct image file = file_now(path);
	ck_assert_uint_eq(list_records(&file, records), 4);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t payload = records[i].offset + records[i].len - 1000;
		file.bytes[payload] ^= 1;
		image_store(&file, path);
		store = open_store(SRD_RDONLY);
		struct damage damage = verify(store);
		ck_assert_uint_eq(damage.count, i);
		ck_assert_str_eq(damage.key, i ? "named" : "");
		srd_close(store);
		file.bytes[payload] ^= 1;
	}
	srd_extents_release(&named);
	srd_extents_release(&never);
	image_release(&file);
}
END_TEST

/* ---- streams and copies ---- */

/* DATA without its commit yet is never cut, whoever appends meanwhile, and however
 * torn what lies behind it. */
START_TEST(data_in_flight_outlives_the_appends_of_others)
{
	struct srd_store *one = open_store(SRD_CREATE), *two;
	struct step fill = { .len = 7000, .fill = 9 };
	struct srd_extents extents;
	struct image bytes = { 0 }, file;

	step_fill(&fill, &bytes);
	srd_extents_init(&extents);
	ck_assert_int_eq(srd_extents_append(&extents, one, 0, bytes.bytes, 4000), 0);
	srd_mutex_lock(&one->commit_mutex);
	one->log->lock_since_ns = 0;
	srd_log_yield(one->log, true);
	srd_mutex_unlock(&one->commit_mutex);
	file = file_now(path);
	FILE *torn = fopen(path, "a");
	ck_assert_int_eq(fputs("what a killed process left", torn) >= 0 && fclose(torn) == 0, 1);
	two = open_store(0);
	must_put(two, "a", 3000, 1);
	ck_assert_int_eq(srd_sync(two), 0);
	ck_assert_int_eq(srd_extents_append(&extents, one, 4000, bytes.bytes + 4000, 3000), 0);
	must_put(two, "b", 30, 2);
	srd_close(two);
	extents.size = 7000;
	ck_assert_int_eq(verb_name(one, "stream", &extents), 0);
	ck_assert_int_eq(look(one, "a", 3000, 1), 0);
	srd_close(one);
	one = open_store(SRD_RDONLY);
	uint64_t digest, want = 1;
	want += model_digest_entry("stream", SRD_FILE, 7000, srd_hash(bytes.bytes, 7000, 0));
	ck_assert_int_eq(look(one, "a", 3000, 1), 0);
	ck_assert_int_eq(look(one, "b", 30, 2), 0);
	srd_close(one);
	one = open_store(0);
	ck_assert_int_eq(srd_delete(one, "a", 1), 0);
	ck_assert_int_eq(srd_delete(one, "b", 1), 0);
	ck_assert_int_eq(store_digest(one, &digest), 0);
	ck_assert_uint_eq(digest, want);
	srd_close(one);
	srd_extents_release(&extents);
	image_release(&bytes);
	image_release(&file);
}
END_TEST

/* Source and copy go on, each on its own; then the source's tail is put behind the
 * copy's, as `rsync --append` would. */
static void continue_a_copy(bool synced, uint32_t len)
{
	struct srd_store *store = open_store(SRD_CREATE);

	must_put(store, "a", 3000, 1);
	ck_assert_int_eq(srd_sync(store), 0);
	must_put(store, "b", 3000, 2);
	struct image copy = file_now(path);
	must_put(store, "c", 3000, 3);
	must_put(store, "d", 3000, 4);
	if (synced)
		ck_assert_int_eq(srd_sync(store), 0);
	must_put(store, "e", 3000, 5);
	srd_close(store);
	image_store(&copy, other_path);
	store = open_as(other_path, 0, NULL);
	ck_assert_int_eq(look(store, "b", 3000, 2), 0);
	must_put(store, "c", len, 6);
	srd_close(store);
	store = open_store(SRD_RDONLY);
	ck_assert_int_eq(look(store, "c", 3000, 3), 0);
	ck_assert_int_eq(look(store, "e", 3000, 5), 0);
	srd_close(store);

	struct image own = file_now(other_path), source = file_now(path);
	image_write(&own, own.len, source.bytes + own.len, source.len - own.len);
	image_store(&own, other_path);
	store = open_as(other_path, 0, NULL);
	ck_assert_int_eq(look(store, "b", 3000, 2), 0);
	ck_assert_int_eq(look(store, "c", len, 6), 0);
	if (damaged_records(store) > 0) {
		ck_assert_int_eq(put(store, "f", 10, 7), SRD_EDAMAGED);
	} else {
		ck_assert_int_eq(look(store, "d", 3000, 4), -ENOENT);
		ck_assert_int_eq(look(store, "e", 3000, 5), -ENOENT);
		must_put(store, "f", 10, 7);
	}
	srd_close(store);
	image_release(&copy);
	image_release(&own);
	image_release(&source);
}

START_TEST(a_copy_goes_its_own_way)
{
	for (int synced = 0; synced < 2; synced++)
		for (uint32_t len = 2900; len <= 3100; len += 100) {
			setup();
			continue_a_copy(synced, len);
		}
}
END_TEST

/* Records of another store, and of this one, are no records where they are payload:
 * not when what lies before them is lost, not when it has rotted. */
static void nest(bool synced)
{
	struct srd_record records[RECORDS_MAX];
	struct srd_store *store = open_store(SRD_CREATE), *other = open_as(other_path, SRD_CREATE, NULL);

	must_put(other, "inner", 3000, 1);
	ck_assert_int_eq(srd_sync(other), 0);
	must_put(other, "inner too", 30, 2);
	srd_close(other);
	must_put(store, "a", 100, 3);
	if (synced)
		ck_assert_int_eq(srd_sync(store), 0);
	must_put(store, "a", 70000, 3);
	struct image inner = file_now(other_path), self = file_now(path);
	ck_assert_int_eq(srd_put(store, "other", 5, inner.bytes, inner.len), 0);
	ck_assert_int_eq(srd_put(store, "self", 4, self.bytes, self.len), 0);
	if (synced)
		ck_assert_int_eq(srd_sync(store), 0);
	must_put(store, "z", 10, 4);
	srd_close(store);
	struct image file = file_now(path), holed = { 0 };
	unsigned count = list_records(&file, records);
	for (unsigned i = 1; i < count - 1; i++) {
		image_copy(&holed, &file);
		memset(holed.bytes + records[i].offset, 0, 512);
		image_store(&holed, path);
		store = open_store(SRD_RDONLY);
		ck_assert_uint_eq(damaged_records(store), synced);
		ck_assert_int_eq(look(store, "inner", 3000, 1), -ENOENT);
		ck_assert_int_eq(look(store, "inner too", 30, 2), -ENOENT);
		ck_assert_int_eq(look(store, "a", 70000, 3) == 0, i > 1);
		ck_assert_int_eq(look(store, "z", 10, 4), synced ? 0 : -ENOENT);
		srd_close(store);
	}
	image_release(&holed);
	image_release(&inner);
	image_release(&self);
	image_release(&file);
}

START_TEST(a_store_within_a_store_is_payload)
{
	nest(false);
	setup();
	nest(true);
}
END_TEST

/* ---- other hands ---- */

/* Who changes nothing has no keeper to hear who asks for the lock. */
START_TEST(a_change_that_fails_keeps_nobody_waiting)
{
	struct srd_store *one = open_store(SRD_CREATE), *two = open_store(0);

	ck_assert_int_eq(srd_delete(one, "a", 1), -ENOENT);
	must_put(two, "a", 10, 1);
	ck_assert_int_eq(srd_delete(one, "b", 1), -ENOENT);
	must_put(two, "b", 10, 2);
	ck_assert_int_eq(look(one, "b", 10, 2), 0);
	srd_close(one);
	srd_close(two);
}
END_TEST

START_TEST(a_file_put_in_place_of_ours_is_noticed)
{
	struct srd_store *store = open_store(SRD_CREATE);

	must_put(store, "a", 3000, 1);
	struct image before = file_now(path);
	must_put(store, "b", 300, 2);
	srd_mutex_lock(&store->commit_mutex);
	store->log->lock_since_ns = 0;
	srd_log_yield(store->log, true);
	srd_mutex_unlock(&store->commit_mutex);
	/* Shorter than we know it, and then of a size but of another history: what was
	 * there once is gone, and stays so. */
	ck_assert_int_eq(truncate(path, (off_t)before.len), 0);
	ck_assert_int_eq(put(store, "c", 10, 3), SRD_EDAMAGED);
	ck_assert_int_eq(truncate(path, (off_t)before.len + 1024), 0);
	ck_assert_int_eq(put(store, "c", 10, 3), SRD_EDAMAGED);
	srd_close(store);
	image_release(&before);
}
END_TEST

/* As cp over it would: the file is the same, as long as it was, and its last record is
 * one of a copy that went its own way. */
static void overwrite(bool yielded)
{
	struct srd_store *store = open_store(SRD_CREATE), *copy;

	must_put(store, "a", 3000, 1);
	struct image shared = file_now(path);
	must_put(store, "b", 300, 2);
	image_store(&shared, other_path);
	copy = open_as(other_path, 0, NULL);
	must_put(copy, "c", 300, 3);
	srd_close(copy);
	if (yielded) {
		srd_mutex_lock(&store->commit_mutex);
		store->log->lock_since_ns = 0;
		srd_log_yield(store->log, true);
		srd_mutex_unlock(&store->commit_mutex);
	}
	struct image other = file_now(other_path), own = file_now(path);
	ck_assert_uint_eq(other.len, own.len);
	FILE *file = fopen(path, "r+");
	ck_assert(file && fwrite(other.bytes, 1, other.len, file) == other.len && fclose(file) == 0);
	ck_assert_int_lt(put(store, "d", 10, 4), 0);
	srd_close(store);
	/* Nothing was put behind what is not ours. */
	struct image now = file_now(path);
	ck_assert(now.len == other.len && memcmp(now.bytes, other.bytes, now.len) == 0);
	image_release(&shared);
	image_release(&other);
	image_release(&own);
	image_release(&now);
}

START_TEST(another_history_in_our_file_is_noticed)
{
	overwrite(false);
	setup();
	overwrite(true);
}
END_TEST

/* ---- the index, a cache ---- */

static void save_index(struct srd_store *store)
{
	ck_assert_int_eq(srd_image_save_beside(store, NULL, &store->saved), 0);
}

/* A copy goes its own way, record by record as long as those of the source, whose index
 * comes to lie beside it; and so does a store that an older copy was put in place of. */
START_TEST(an_index_of_another_history_is_ignored)
{
	char index[4300], own_index[4300];
	struct srd_store *store = open_store(SRD_CREATE);

	must_put(store, "a", 3000, 1);
	struct image older = file_now(path), saved = { 0 };
	must_put(store, "b", 3000, 2);
	must_put(store, "c", 500, 3);
	save_index(store);
	srd_close(store);
	snprintf(own_index, sizeof own_index, "%s.idx", path);
	snprintf(index, sizeof index, "%s.idx", other_path);
	image_load(&saved, own_index);
	store = open_store(SRD_RDONLY);
	ck_assert_uint_gt(store->image.offset, 0);
	uint64_t end = store->image.offset;
	srd_close(store);

	image_store(&older, other_path);
	store = open_as(other_path, 0, NULL);
	must_put(store, "d", 3000, 4);
	must_put(store, "e", 500, 5);
	must_put(store, "f", 500, 6);
	srd_close(store);
	image_store(&saved, index);
	store = open_as(other_path, SRD_RDONLY, NULL);
	ck_assert_uint_gt(atomic_load(&store->log->end), end);
	ck_assert_uint_eq(store->image.offset, 0);
	ck_assert_int_eq(look(store, "b", 3000, 2), -ENOENT);
	ck_assert_int_eq(look(store, "d", 3000, 4), 0);
	ck_assert_int_eq(look(store, "f", 500, 6), 0);
	srd_close(store);

	/* Shorter than the index knows it. */
	image_store(&older, path);
	store = open_store(0);
	ck_assert_uint_eq(store->image.offset, 0);
	ck_assert_int_eq(look(store, "b", 3000, 2), -ENOENT);
	must_put(store, "g", 10, 7);
	srd_close(store);
	unlink(index);
	unlink(own_index);
	image_release(&older);
	image_release(&saved);
}
END_TEST

/* ---- repair ---- */

struct mending {
	unsigned lost, mended;    /* states */
};

/* Damaged as it was, or repaired: everything but b is there in either case, and if it is
 * damaged it can be repaired (again). */
static int must_be_mendable(void *user, const struct crash_state *state)
{
	struct mending *mending = user;
	struct damage damage = { 0 };

	image_store(state->image, path);
	struct srd_store *store = open_store(SRD_EXCLUSIVE);
	ck_assert_msg(look(store, "a", 2000, 1) == 0, "%s: a is not there", state->what);
	ck_assert_msg(look(store, "c", 2000, 3) == 0, "%s: c is not there", state->what);
	int error = put(store, "d", 100, 4);
	ck_assert_msg(error == 0 || error == SRD_EDAMAGED, "%s: %s", state->what, srd_strerror(error));
	ck_assert_msg(error == 0 || state->promised < 1, "%s: was said to be repaired", state->what);
	mending->lost += error != 0;
	mending->mended += error == 0;
	if (error) {
		ck_assert_int_ge(srd_repair(store, 0, note_damage, &damage), 0);
		must_put(store, "d", 100, 4);
	}
	srd_close(store);
	store = open_store(SRD_RDONLY);
	ck_assert_int_eq(look(store, "d", 100, 4), 0);
	ck_assert_int_eq(look(store, "c", 2000, 3), 0);
	srd_close(store);
	return 0;
}

/* b's commit has rotted (0), or the superblock (1), or its spare (2); the power goes at
 * any moment of the repair. */
START_TEST(who_crashes_while_repairing_repairs_again)
{
	struct states_pick pick = { .seed = 1, .share = UINT64_C(1) << 32 };
	struct srd_record records[RECORDS_MAX];
	struct damage damage = { 0 };
	struct mending mending = { 0 };
	struct states_count count;
	struct recorder recorder;
	struct srd_store *store = open_store(SRD_CREATE);

	must_put(store, "a", 2000, 1);
	must_put(store, "b", 5000, 2);
	must_put(store, "c", 2000, 3);
	ck_assert_int_eq(srd_sync(store), 0);
	must_put(store, "a", 2000, 1);
	ck_assert_int_eq(srd_sync(store), 0);
	srd_close(store);
	struct image file = file_now(path);
	list_records(&file, records);
	const uint64_t rot[] = { records[1].offset + 20, 30, SRD_FIRST_RECORD + 100 };
	file.bytes[rot[_i]] ^= 4;
	image_store(&file, path);
	recorder_init(&recorder, &file);
	store = open_as(path, SRD_EXCLUSIVE, &recorder.io);
	ck_assert_int_ge(srd_repair(store, 0, note_damage, &damage), 0);
	recorder_promise(&recorder, 1);
	must_put(store, "e", 3000, 5);
	ck_assert_int_eq(srd_sync(store), 0);
	srd_close(store);
	states_each(&recorder, &pick, must_be_mendable, &mending, &count);
	/* A spare is looked at when the superblock is lost: alone it is no reason to refuse. */
	ck_assert(mending.lost > 0 || _i == 2);
	ck_assert_uint_gt(mending.mended, 0);
	recorder_release(&recorder);
	image_release(&file);
}
END_TEST

START_TEST(reading_leaves_nothing_behind)
{
	char shm[4300];
	struct srd_store *store = open_store(SRD_CREATE);

	must_put(store, "a", 3000, 1);
	srd_close(store);
	store = open_store(SRD_RDONLY);
	snprintf(shm, sizeof shm, "%s.shm", path);
	ck_assert_int_eq(access(shm, F_OK), -1);
	ck_assert_int_eq(put(store, "b", 10, 2), -EROFS);
	ck_assert_int_eq(look(store, "a", 3000, 1), 0);
	srd_close(store);
	ck_assert_int_eq(access(shm, F_OK), -1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rules");
	TCase *tcase = tcase_create("rules");

	setenv("SRD_MAP_BYTES", "0x10000000", 0);
	scratch_directory();
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, what_was_dropped_does_not_come_back);
	tcase_add_test(tcase, what_lacks_zeros_alone_does_not_come_back);
	tcase_add_test(tcase, who_is_killed_while_dropping_brings_nothing_back);
	tcase_add_test(tcase, who_is_killed_on_a_full_disk_brings_nothing_back);
	tcase_add_test(tcase, whole_records_are_dropped_by_who_is_alone);
	tcase_add_test(tcase, a_mark_is_what_its_writer_knows);
	tcase_add_test(tcase, a_sync_is_for_the_commits_of_others_too);
	tcase_add_test(tcase, rot_below_the_mark_costs_that_commit_alone);
	tcase_add_test(tcase, rot_in_payload_costs_that_payload_alone);
	tcase_add_test(tcase, damage_above_the_mark_ends_the_log);
	tcase_add_test(tcase, rot_in_data_is_damage_where_it_is_named);
	tcase_add_test(tcase, data_in_flight_outlives_the_appends_of_others);
	tcase_add_test(tcase, a_copy_goes_its_own_way);
	tcase_add_test(tcase, a_store_within_a_store_is_payload);
	tcase_add_test(tcase, a_change_that_fails_keeps_nobody_waiting);
	tcase_add_test(tcase, a_file_put_in_place_of_ours_is_noticed);
	tcase_add_test(tcase, another_history_in_our_file_is_noticed);
	tcase_add_test(tcase, an_index_of_another_history_is_ignored);
	tcase_add_loop_test(tcase, who_crashes_while_repairing_repairs_again, 0, 3);
	tcase_add_test(tcase, reading_leaves_nothing_behind);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
