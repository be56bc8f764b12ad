/* SPDX-License-Identifier: Apache-2.0 */
/* Other hands: appends meanwhile, copies that go on, stores within stores, another file in our place. */
#include "config.h"

#include "rules.h"
#include "store/image.h"

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

void rules_others(TCase *tcase)
{
	tcase_add_test(tcase, data_in_flight_outlives_the_appends_of_others);
	tcase_add_test(tcase, a_copy_goes_its_own_way);
	tcase_add_test(tcase, a_store_within_a_store_is_payload);
	tcase_add_test(tcase, a_change_that_fails_keeps_nobody_waiting);
	tcase_add_test(tcase, a_file_put_in_place_of_ours_is_noticed);
	tcase_add_test(tcase, another_history_in_our_file_is_noticed);
	tcase_add_test(tcase, an_index_of_another_history_is_ignored);
}
