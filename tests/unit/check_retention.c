/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compaction that keeps so many versions of each file: these, and what snapshots and
 * --keep-since hold, are what they were; of others the content is given up, and never shown as
 * anything else.  Against a model of which version of which file each key was, commit by commit.
 */
#include "config.h"

#include "fixture.h"
#include "store/store.h"

enum { FILES = 400, KEYS = 7, COMMITS = 160 };
enum { LARGE = 3 << 20 };   /* does not lie in the commit itself */

/* A file has as many versions as its content was replaced. */
static struct file {
	uint32_t versions;
	int heir;                 /* -1: none */
	bool there;
} files[FILES];
static int file_count;

/* What key K is after a commit: version `version` of file `file`, 0: nothing. */
struct shown {
	int file;
	uint32_t version;
	uint32_t fill, len;
};
static struct shown shown[COMMITS + 1][KEYS];
static uint64_t seed;

static const char *key_name(int k)
{
	static char name[16];

	snprintf(name, sizeof name, "d%d/k%d", k % 2, k);
	return name;
}

static int new_file(void)
{
	ck_assert_int_lt(file_count, FILES);
	files[file_count] = (struct file){ .versions = 0, .heir = -1, .there = true };
	return file_count++;
}

static void put_version(struct shown *at, int k, uint32_t fill, uint32_t len)
{
	uint8_t *bytes = pattern(len, fill);
	char key[16];

	snprintf(key, sizeof key, "%s", key_name(k));
	ck_assert_int_eq(srd_put(store, KEY(key), bytes, len), 0);
	free(bytes);
	if (!at->version)
		at->file = new_file();
	*at = (struct shown){ .file = at->file, .version = ++files[at->file].versions, .fill = fill, .len = len };
}

/* Commit NUMBER: a put mostly, or a rename onto another, or a deletion. */
static void change(uint64_t *random, uint32_t number)
{
	static const uint32_t lens[] = { 700, 5000, 100000, 20 };
	int k = (int)unit_below(random, KEYS), to = (int)unit_below(random, KEYS);
	struct shown *now = shown[number];
	uint32_t what = unit_below(random, 10);
	char key[16];

	memcpy(now, shown[number - 1], sizeof shown[number]);
	snprintf(key, sizeof key, "%s", key_name(k));
	if (what == 0 && now[k].version) {
		ck_assert_int_eq(srd_delete(store, KEY(key)), 0);
		files[now[k].file].there = false;
		now[k] = (struct shown){ 0 };
	} else if (what < 3 && now[k].version && k != to) {
		ck_assert_int_eq(srd_rename(store, KEY(key), KEY(key_name(to))), 0);
		if (now[to].version) {
			files[now[to].file].there = false;
			files[now[to].file].heir = now[k].file;
		}
		now[to] = now[k];
		now[k] = (struct shown){ 0 };
	} else {
		put_version(&now[k], k, number, lens[unit_below(random, 4)]);
	}
}

static void fill(void)
{
	uint64_t random = seed;

	file_count = 0;
	memset(shown, 0, sizeof shown);
	for (uint32_t number = 1; number <= COMMITS; number++)
		change(&random, number);
}

static uint32_t share(const struct file *file, uint32_t versions)
{
	while (!file->there && versions > 0) {
		if (file->heir < 0)
			return 0;
		file = &files[file->heir];
		versions -= versions < file->versions ? versions : file->versions;
	}
	return versions;
}

static bool is_kept(const struct shown *of, uint32_t versions)
{
	const struct file *file = &files[of->file];

	return of->version + share(file, versions) > file->versions;
}

/* 1: it is what it was, 0: it was given up. */
static int look(srd_store *view, int k, const struct shown *of)
{
	srd_value value;
	int error = srd_get(view, KEY(key_name(k)), &value);

	if (error == SRD_ETRIMMED)
		return 0;
	ck_assert_msg(error == 0, "%s: %s", key_name(k), srd_strerror(error));
	uint8_t *bytes = pattern(of->len, of->fill);
	assert_value(&value, bytes, of->len);
	srd_value_release(&value);
	free(bytes);
	return 1;
}

static srd_store *view_of(uint32_t number)
{
	srd_store *view;
	char at[16];

	snprintf(at, sizeof at, "%u", number);
	ck_assert_int_eq(srd_view(store, at, &view), 0);
	return view;
}

/* All commits are there.  From SINCE on all is. */
static void expect_versions(uint32_t versions, uint32_t since)
{
	for (uint32_t number = 1; number <= COMMITS; number++) {
		srd_store *view = view_of(number);
		for (int k = 0; k < KEYS; k++) {
			const struct shown *of = &shown[number][k];
			if (!of->version) {
				ck_assert_int_eq(srd_exists(view, KEY(key_name(k))), 0);
				continue;
			}
			int kept = look(view, k, of);
			if (number >= since || is_kept(of, versions))
				ck_assert_msg(kept, "commit %u, %s, version %u of %u", number, key_name(k), of->version,
				              files[of->file].versions);
			else if (of->len >= 512 && since > COMMITS)
				ck_assert_msg(!kept, "commit %u, %s is there", number, key_name(k));
		}
		ck_assert_int_eq(srd_close(view), 0);
	}
}

static int count_damage(void *user, const struct srd_event *event)
{
	*(int *)user += event->type == SRD_EVENT_DAMAGE;
	return 0;
}

static uint64_t compact(unsigned versions, const char *since)
{
	struct srd_compact_options options = { .keep_versions = versions, .keep_since = since };
	struct srd_compacted result;
	int damaged = 0;

	ck_assert_int_eq(srd_compact(store, &options, &result), 0);
	ck_assert_int_eq(srd_scan(store, SRD_SCAN_OPS | SRD_SCAN_PAYLOAD, count_damage, &damaged), 0);
	ck_assert_int_eq(damaged, 0);
	return result.new_bytes;
}

START_TEST(so_many_versions_stay)
{
	fill();
	expect_versions(UINT32_MAX, 1);
	uint64_t bytes = compact(COMMITS, NULL);
	expect_versions(COMMITS, UINT32_MAX);
	uint64_t all = bytes;
	for (unsigned versions = 4; versions > 0; versions--) {
		uint64_t now = compact(versions, NULL);
		ck_assert_uint_le(now, bytes);
		bytes = now;
		expect_versions(versions, UINT32_MAX);
	}
	ck_assert_uint_lt(bytes, all);
	reopen_store();
	expect_versions(1, UINT32_MAX);
}
END_TEST

START_TEST(what_came_since_stays_too)
{
	char since[16];

	fill();
	snprintf(since, sizeof since, "%d", COMMITS / 2);
	compact(1, since);
	expect_versions(1, COMMITS / 2);
	/* As much would be there without the rest. */
	compact(1, NULL);
	expect_versions(1, UINT32_MAX);
}
END_TEST

START_TEST(a_compacted_store_has_versions_again)
{
	struct srd_compact_options options = { 0 };
	struct srd_compacted result;
	srd_store *view;

	for (int i = 0; i < 4; i++) {
		uint8_t *bytes = pattern(9000, (uint64_t)i);
		ck_assert_int_eq(srd_put(store, KEY("k"), bytes, 9000), 0);
		free(bytes);
		if (i == 1)
			ck_assert_int_eq(srd_compact(store, &options, &result), 0);
	}
	/* What the base restates is the oldest of three. */
	for (unsigned versions = 3; versions > 1; versions--) {
		compact(versions, NULL);
		for (unsigned number = 2; number <= 4; number++) {
			srd_value value;
			view = view_of(number);
			int error = srd_get(view, KEY("k"), &value);
			ck_assert_int_eq(error, number + versions > 4 ? 0 : SRD_ETRIMMED);
			if (!error)
				srd_value_release(&value);
			ck_assert_int_eq(srd_close(view), 0);
		}
	}
}
END_TEST

START_TEST(snapshots_keep_what_they_show)
{
	srd_store *view;
	srd_value value;
	uint8_t *first = pattern(9000, 1), *other = pattern(9000, 2);

	ck_assert_int_eq(srd_put(store, KEY("k"), first, 9000), 0);
	ck_assert_int_eq(srd_snapshot_create(store, "kept"), 0);
	ck_assert_int_eq(srd_put(store, KEY("k"), other, 9000), 0);
	ck_assert_int_eq(srd_snapshot_create(store, "dropped"), 0);
	ck_assert_int_eq(srd_put(store, KEY("k"), first, 9000), 0);
	ck_assert_int_eq(srd_snapshot_delete(store, "dropped"), 0);
	for (int i = 0; i < 2; i++) {
		compact(1, NULL);
		ck_assert_int_eq(srd_view(store, "kept", &view), 0);
		ck_assert_int_eq(srd_get(view, KEY("k"), &value), 0);
		assert_value(&value, first, 9000);
		srd_value_release(&value);
		ck_assert_int_eq(srd_close(view), 0);
		view = view_of(3);
		ck_assert_int_eq(srd_get(view, KEY("k"), &value), SRD_ETRIMMED);
		ck_assert_int_eq(srd_close(view), 0);
	}
	free(first);
	free(other);
}
END_TEST

static void write_into(const char *key, uint64_t pos, const uint8_t *bytes, size_t len)
{
	struct srd_txn *txn;
	struct srd_node node;

	ck_assert_int_eq(srd_txn_begin(store, &txn), 0);
	ck_assert_int_eq(srd_txn_lookup(txn, SRD_ROOT_INO, key, strlen(key), &node), 0);
	ck_assert_int_eq(srd_txn_write(txn, node.ino, pos, bytes, len, false), 0);
	ck_assert_int_eq(srd_txn_commit(txn, NULL), 0);
}

/* Bytes that somebody has now are kept, whoever had them first, and whatever they were part of. */
START_TEST(what_is_shared_stays)
{
	uint8_t *first = pattern(LARGE, 1), *other = pattern(LARGE, 2);

	ck_assert_int_eq(srd_put(store, KEY("a"), first, LARGE), 0);
	ck_assert_int_eq(srd_copy(store, KEY("a"), store, KEY("b")), 0);
	ck_assert_int_eq(srd_put(store, KEY("a"), other, LARGE), 0);
	/* In place: of b's old content the rest goes on being there. */
	write_into("b", 30000, other, 20000);
	compact(1, NULL);
	memcpy(first + 30000, other, 20000);
	assert_key(KEY("a"), other, LARGE);
	assert_key(KEY("b"), first, LARGE);
	srd_value value;
	srd_store *view = view_of(1);
	ck_assert_int_eq(srd_get(view, KEY("a"), &value), SRD_ETRIMMED);
	ck_assert_int_eq(srd_close(view), 0);
	free(first);
	free(other);
}
END_TEST

/* What is kept of it came with older ones, mostly. */
START_TEST(a_version_of_many_pieces)
{
	uint8_t *first = pattern(LARGE, 1), *other = pattern(LARGE, 2);
	srd_value value;

	ck_assert_int_eq(srd_put(store, KEY("k"), first, LARGE), 0);
	for (int i = 1; i <= 4; i++)
		write_into("k", (uint64_t)i * 50000, other + i * 50000, 20000);
	ck_assert_int_eq(srd_put(store, KEY("k"), other, LARGE), 0);
	compact(2, NULL);
	for (int i = 1; i <= 4; i++)
		memcpy(first + i * 50000, other + i * 50000, 20000);
	srd_store *view = view_of(5);
	ck_assert_int_eq(srd_get(view, KEY("k"), &value), 0);
	assert_value(&value, first, LARGE);
	srd_value_release(&value);
	ck_assert_int_eq(srd_close(view), 0);
	view = view_of(1);
	ck_assert_int_eq(srd_get(view, KEY("k"), &value), SRD_ETRIMMED);
	ck_assert_int_eq(srd_close(view), 0);
	assert_key(KEY("k"), other, LARGE);
	free(first);
	free(other);
}
END_TEST

/* While it is written, somebody restores what is about to be given up. */
static int restore_meanwhile(void *user, const struct srd_event *event)
{
	srd_store *view, *other;

	(void)event;
	if (*(bool *)user)
		return 0;
	*(bool *)user = true;
	ck_assert_int_eq(srd_open(path, SRD_NOSYNC, &other), 0);
	ck_assert_int_eq(srd_view(other, "3", &view), 0);
	ck_assert_int_eq(srd_copy(view, KEY("small"), other, KEY("restored/small")), 0);
	ck_assert_int_eq(srd_copy(view, KEY("large"), other, KEY("restored/large")), 0);
	ck_assert_int_eq(srd_close(view), 0);
	ck_assert_int_eq(srd_close(other), 0);
	return 0;
}

START_TEST(what_is_restored_meanwhile_is_content_again)
{
	bool done = false;
	struct srd_compact_options options = { .keep_versions = 1, .call = restore_meanwhile, .user = &done };
	struct srd_compacted result;
	uint8_t *first = pattern(LARGE, 1), *other = pattern(LARGE, 2);

	ck_assert_int_eq(srd_put(store, KEY("small"), first, 3000), 0);
	ck_assert_int_eq(srd_put(store, KEY("large"), first, LARGE), 0);
	/* There is something to be copied, too. */
	ck_assert_int_eq(srd_put(store, KEY("another"), other, 3000), 0);
	ck_assert_int_eq(srd_compact(store, &(struct srd_compact_options){ 0 }, &result), 0);
	ck_assert_int_eq(srd_put(store, KEY("small"), other, 3000), 0);
	ck_assert_int_eq(srd_put(store, KEY("large"), other, LARGE), 0);
	ck_assert_int_eq(srd_compact(store, &options, &result), 0);
	ck_assert(done);
	reopen_store();
	assert_key(KEY("restored/small"), first, 3000);
	assert_key(KEY("restored/large"), first, LARGE);
	assert_key(KEY("large"), other, LARGE);
	free(first);
	free(other);
}
END_TEST

static void add(TCase *tcase)
{
	seed = unit_seed();
	tcase_add_test(tcase, so_many_versions_stay);
	tcase_add_test(tcase, what_came_since_stays_too);
	tcase_add_test(tcase, a_compacted_store_has_versions_again);
	tcase_add_test(tcase, snapshots_keep_what_they_show);
	tcase_add_test(tcase, what_is_shared_stays);
	tcase_add_test(tcase, a_version_of_many_pieces);
	tcase_add_test(tcase, what_is_restored_meanwhile_is_content_again);
}

int main(void)
{
	return run_case("retention", add);
}
