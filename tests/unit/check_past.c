/* SPDX-License-Identifier: Apache-2.0 */
/* The past: points as people write them, and stores as they were. */
#include "config.h"

#include <time.h>

#include "fixture.h"
#include "store/point.h"

enum { NOW = 1795341600 };   /* 2026-11-22T10:00:00Z */

static int64_t time_of(const char *text)
{
	struct srd_log_point point;

	ck_assert_msg(srd_point_parse(text, (int64_t)NOW * 1000000000, &point), "%s", text);
	ck_assert_uint_eq(point.sequence, UINT64_MAX);
	return point.time_ns;
}

START_TEST(times_are_what_they_say)
{
	static const struct { const char *text; int64_t seconds, ns; } said[] = {
		{ "2026-11-22T10:00:00Z", NOW, 0 }, { "2026-11-22T10:00Z", NOW, 0 },
		{ "2026-11-22 10:00:00 Z", NOW, 0 }, { "2026-11-22T11:00:00+01:00", NOW, 0 },
		{ "2026-11-22T08:30:00-0130", NOW, 0 }, { "2026-11-22T10:00:00.25Z", NOW, 250000000 },
		{ "2026-11-22Z", NOW - 36000, 0 }, { "2026-11-22T10:00:00", NOW + 5 * 3600, 0 },
		{ "2026-11-22", NOW - 5 * 3600, 0 }, { "@1795341600", NOW, 0 },
		{ "@1795341600.0000000019", NOW, 1 }, { "now", NOW, 0 }, { "1 hour ago", NOW - 3600, 0 },
		{ "90 minutes ago", NOW - 5400, 0 }, { "2d ago", NOW - 172800, 0 }, { "1 week ago", NOW - 604800, 0 },
	};

	setenv("TZ", "EST5", 1);
	tzset();
	for (size_t i = 0; i < sizeof said / sizeof *said; i++)
		ck_assert_msg(time_of(said[i].text) == said[i].seconds * 1000000000 + said[i].ns, "%s", said[i].text);
}
END_TEST

START_TEST(what_is_no_point_is_none)
{
	static const char *const texts[] = {
		"", " ", "x", "-1", "+1", "1 ", "@", "@x", "@1.", "2026", "2026-1-2 ", "2026-13-01", "2026-02-30", "2026-11-22T",
		"2026-11-22T10", "2026-11-22T25:00", "2026-11-22T10:60", "2026-11-22T10:00:61", "2026-11-22T10:00:00X",
		"2026-11-22T10:00:00+", "2026-11-22T10:00:00+1", "1 ago", "1 fortnight ago", "hour ago", "1 hour", "1 hour ago ",
		"@99999999999999999", "now ",
	};
	struct srd_log_point point;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (strcmp(texts[i], "2026") != 0)
			ck_assert_msg(!srd_point_parse(texts[i], 0, &point), "'%s'", texts[i]);
	ck_assert(srd_point_parse("2026", 0, &point));
	ck_assert_uint_eq(point.sequence, 2026);
}
END_TEST

enum { COMMITS = 300, KEYS = 20 };

/* What commit NUMBER left of key K: its version, 0: it is not there. */
static uint32_t model[COMMITS + 1][KEYS];

static void change(uint32_t number)
{
	char key[16], value[128];
	uint32_t k = number * 2654435761u % KEYS;

	memcpy(model[number], model[number - 1], sizeof model[number]);
	snprintf(key, sizeof key, "d%u/k%u", k % 3, k);
	if (number % 3 == 0 && model[number][k]) {
		model[number][k] = 0;
		ck_assert_int_eq(srd_delete(store, KEY(key)), 0);
		return;
	}
	model[number][k] = number;
	/* Inline and not. */
	int len = snprintf(value, sizeof value, "%0*u", number % 2 ? 10 : 100, number);
	ck_assert_int_eq(srd_put(store, KEY(key), value, (size_t)len), 0);
}

static void expect_value(srd_store *of, const char *key, const char *text)
{
	srd_value value;

	ck_assert_int_eq(srd_get(of, KEY(key), &value), 0);
	assert_value(&value, text, strlen(text));
	srd_value_release(&value);
}

static uint64_t sequence_of(srd_store *of)
{
	struct srd_info info;

	ck_assert_int_eq(srd_info(of, &info), 0);
	return info.sequence;
}

static void expect_model(srd_store *of, uint32_t number)
{
	char key[16], text[128];
	srd_value value;

	for (uint32_t k = 0; k < KEYS; k++) {
		uint32_t version = model[number][k];
		snprintf(key, sizeof key, "d%u/k%u", k % 3, k);
		int error = srd_get(of, KEY(key), &value);
		ck_assert_msg(error == (version ? 0 : -ENOENT), "%s at %u: %d", key, number, error);
		if (!version)
			continue;
		int len = snprintf(text, sizeof text, "%0*u", version % 2 ? 10 : 100, version);
		ck_assert_uint_eq(value.len, (uint64_t)len);
		ck_assert_int_eq(memcmp(value.data, text, value.len), 0);
		srd_value_release(&value);
	}
}

/* Each version by its sequence number: of the open store, and of the file. */
static void expect_all(const uint64_t *sequence, uint32_t last)
{
	char at[32];

	for (uint32_t number = 0; number <= last; number += 1 + number % 5) {
		srd_store *view, *opened;
		snprintf(at, sizeof at, "%llu", (unsigned long long)sequence[number]);
		ck_assert_int_eq(srd_view(store, at, &view), 0);
		expect_model(view, number);
		ck_assert_uint_eq(sequence_of(view), sequence[number]);
		ck_assert_int_eq(srd_put(view, KEY("x"), "x", 1), -EROFS);
		ck_assert_int_eq(srd_open_at(path, 0, at, &opened), 0);
		expect_model(opened, number);
		ck_assert_int_eq(srd_close(opened), 0);
		ck_assert_int_eq(srd_close(view), 0);
	}
}

START_TEST(each_version_is_what_it_was)
{
	uint64_t sequence[COMMITS + 1] = { 0 };

	for (uint32_t number = 1; number <= COMMITS; number++) {
		change(number);
		sequence[number] = sequence_of(store);
	}
	expect_all(sequence, COMMITS);
	expect_model(store, COMMITS);
}
END_TEST

START_TEST(versions_before_and_behind_an_image)
{
	uint64_t sequence[COMMITS + 1] = { 0 };

	for (uint32_t number = 1; number <= COMMITS; number++) {
		change(number);
		sequence[number] = sequence_of(store);
		if (number != COMMITS / 2)
			continue;
		/* Enough that closing saves an image, of what is synced. */
		for (int i = 0; i < 2100; i++)
			ck_assert_int_eq(srd_put(store, KEY("filler"), "x", 1), 0);
		ck_assert_int_eq(srd_sync(store), 0);
		close_store();
		open_store(0);
		struct srd_info info;
		ck_assert_int_eq(srd_info(store, &info), 0);
		ck_assert_uint_gt(info.image_offset, 0);
		sequence[number] = info.sequence;
	}
	expect_all(sequence, COMMITS);
}
END_TEST

START_TEST(a_view_stays_whatever_is_written)
{
	srd_store *view;
	srd_value value;

	put("a", "one");
	ck_assert_int_eq(srd_view(store, "now", &view), 0);
	put("a", "two");
	ck_assert_int_eq(srd_delete(store, KEY("a")), 0);
	expect_value(view, "a", "one");
	/* It outlives the store, and its values both. */
	ck_assert_int_eq(srd_get(view, KEY("a"), &value), 0);
	close_store();
	expect_value(view, "a", "one");
	ck_assert_int_eq(srd_sync(view), 0);
	ck_assert_int_eq(srd_close(view), 0);
	ck_assert_int_eq(memcmp(value.data, "one", 3), 0);
	srd_value_release(&value);
}
END_TEST

START_TEST(a_view_of_a_view)
{
	srd_store *view, *older;

	put("a", "one");
	put("a", "two");
	put("a", "three");
	ck_assert_int_eq(srd_view(store, "2", &view), 0);
	ck_assert_int_eq(srd_view(view, "3", &older), SRD_ENOPAST);
	ck_assert_int_eq(srd_view(view, "1", &older), 0);
	ck_assert_int_eq(srd_close(view), 0);
	expect_value(older, "a", "one");
	ck_assert_int_eq(srd_close(older), 0);
}
END_TEST

static ssize_t snapshots(srd_store *of, const char *first)
{
	struct srd_snapshot *list;
	ssize_t count = srd_snapshots(of, &list);

	ck_assert_int_ge(count, 0);
	if (count > 0)
		ck_assert_str_eq(list[0].name, first);
	free(list);
	return count;
}

START_TEST(snapshots_stay)
{
	srd_store *view;

	put("a", "one");
	ck_assert_int_eq(srd_snapshot_create(store, "first"), 0);
	put("a", "two");
	ck_assert_int_eq(srd_snapshot_create(store, "first"), -EEXIST);
	ck_assert_int_eq(srd_snapshot_create(store, "second"), 0);
	ck_assert_int_eq(srd_snapshot_rename(store, "first", "renamed"), 0);
	ck_assert_int_eq(srd_delete(store, KEY("a")), 0);
	for (int image = 0; image < 2; image++) {
		ck_assert_int_eq(snapshots(store, "renamed"), 2);
		ck_assert_int_eq(srd_view(store, "first", &view), SRD_ENOPAST);
		ck_assert_int_eq(srd_view(store, "renamed", &view), 0);
		expect_value(view, "a", "one");
		ck_assert_int_eq(snapshots(view, NULL), 0);
		ck_assert_int_eq(srd_snapshot_create(view, "x"), -EROFS);
		ck_assert_int_eq(srd_close(view), 0);
		ck_assert_int_eq(srd_open_at(path, 0, "second", &view), 0);
		expect_value(view, "a", "two");
		ck_assert_int_eq(snapshots(view, "first"), 1);
		ck_assert_int_eq(srd_close(view), 0);
		for (int i = 0; i < 2100; i++)
			ck_assert_int_eq(srd_put(store, KEY("filler"), "x", 1), 0);
		ck_assert_int_eq(srd_sync(store), 0);
		close_store();
		open_store(0);
	}
	ck_assert_int_eq(srd_snapshot_delete(store, "renamed"), 0);
	ck_assert_int_eq(srd_snapshot_delete(store, "renamed"), -ENOENT);
	ck_assert_int_eq(snapshots(store, "second"), 1);
}
END_TEST

START_TEST(names_that_no_snapshot_may_have)
{
	static const char *const names[] = { "", ".", "..", "a/b", "17", "now", "2026-11-22", "@5", "1 hour ago" };
	char longest[SRD_NAME_MAX + 2];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		ck_assert_int_eq(srd_snapshot_create(store, names[i]), -EINVAL);
	memset(longest, 'x', sizeof longest);
	longest[SRD_NAME_MAX + 1] = 0;
	ck_assert_int_eq(srd_snapshot_create(store, longest), -ENAMETOOLONG);
	longest[SRD_NAME_MAX] = 0;
	ck_assert_int_eq(srd_snapshot_create(store, longest), 0);
	ck_assert_int_eq(snapshots(store, longest), 1);
}
END_TEST

START_TEST(points_that_are_none)
{
	srd_store *view;

	put("a", "one");
	ck_assert_int_eq(srd_view(store, "2", &view), SRD_ENOPAST);
	ck_assert_int_eq(srd_view(store, "1 year before", &view), SRD_ENOPAST);
	ck_assert_int_eq(srd_view(store, "1 day ago", &view), SRD_ENOPAST);
	ck_assert_int_eq(srd_open_at(path, 0, "2", &view), SRD_ENOPAST);
	ck_assert_int_eq(srd_open_at(path, SRD_EXCLUSIVE, "1", &view), -EINVAL);
	ck_assert_int_eq(srd_open_at("/nowhere/at/all", 0, "1", &view), -ENOENT);
	ck_assert_int_eq(srd_view(store, "0", &view), 0);
	ck_assert_int_eq(srd_exists(view, KEY("a")), 0);
	ck_assert_int_eq(srd_close(view), 0);
}
END_TEST

static void add(TCase *tcase)
{
	tcase_add_test(tcase, times_are_what_they_say);
	tcase_add_test(tcase, what_is_no_point_is_none);
	tcase_add_test(tcase, each_version_is_what_it_was);
	tcase_add_test(tcase, versions_before_and_behind_an_image);
	tcase_add_test(tcase, a_view_stays_whatever_is_written);
	tcase_add_test(tcase, a_view_of_a_view);
	tcase_add_test(tcase, snapshots_stay);
	tcase_add_test(tcase, names_that_no_snapshot_may_have);
	tcase_add_test(tcase, points_that_are_none);
}

int main(void)
{
	return run_case("past", add);
}
