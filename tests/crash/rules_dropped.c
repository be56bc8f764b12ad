/* SPDX-License-Identifier: Apache-2.0 */
/* What was dropped stays away, and marks say what is known. */
#include "config.h"

#include "rules.h"

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
	struct image old = file_of(records, 3), new, mix = { 0 };
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
	struct image old = file_of(records, 2);
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
	struct image base = file_of(records, 3);
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
	struct image file = file_of(records, 3);
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

void rules_dropped(TCase *tcase)
{
	tcase_add_test(tcase, what_was_dropped_does_not_come_back);
	tcase_add_test(tcase, what_lacks_zeros_alone_does_not_come_back);
	tcase_add_test(tcase, who_is_killed_while_dropping_brings_nothing_back);
	tcase_add_test(tcase, who_is_killed_on_a_full_disk_brings_nothing_back);
	tcase_add_test(tcase, whole_records_are_dropped_by_who_is_alone);
	tcase_add_test(tcase, a_mark_is_what_its_writer_knows);
	tcase_add_test(tcase, a_sync_is_for_the_commits_of_others_too);
}
