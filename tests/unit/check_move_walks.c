/* SPDX-License-Identifier: Apache-2.0 */
/* A store is compacted while somebody walks it: whoever goes through keys or directories misses
 * nothing and meets nothing twice. */
#include "config.h"

#include "movefix.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/check.h"
#include "fs/fs.h"
#include "store/store.h"

enum { SPREAD = 12000, FOLDERS = 7, PARTS = 4 };

/* Made in turns in several directories, and a third removed: compaction, which goes by
 * directories, puts them all at other places of the tables. */
static void spread_key(char key[32], int i)
{
	snprintf(key, 32, "top/%d/%d", i % FOLDERS, i);
}

static bool stays(int i)
{
	return i % 3 != 1;
}

static void put_spread(void)
{
	srd_batch *batch;
	char key[32];

	ck_assert_int_eq(srd_batch_new(store, &batch), 0);
	for (int i = 0; i < SPREAD; i++) {
		spread_key(key, i);
		ck_assert_int_eq(srd_batch_put(batch, KEY(key), key, strlen(key)), 0);
	}
	ck_assert_int_eq(srd_batch_commit(batch), 0);
	for (int i = 0; i < SPREAD; i++) {
		spread_key(key, i);
		if (!stays(i))
			ck_assert_int_eq(srd_batch_delete(batch, KEY(key)), 0);
	}
	ck_assert_int_eq(srd_batch_commit(batch), 0);
	srd_batch_free(batch);
}

/* What comes in between, to the places of what went. */
static void others_come(void)
{
	char key[32];

	for (int i = 0; i < SPREAD / 20; i++) {
		snprintf(key, sizeof key, "top/%d/new-%d", i % FOLDERS, i);
		put(key, key);
	}
}

static void others_go(void)
{
	char key[32];

	for (int i = 0; i < SPREAD / 20; i++) {
		snprintf(key, sizeof key, "top/%d/new-%d", i % FOLDERS, i);
		ck_assert_int_eq(srd_delete(store, KEY(key)), 0);
	}
}

struct met {
	atomic_uchar times[SPREAD];
	atomic_uint wrong;
};

static void meet(struct met *met, const struct srd_entry *entry)
{
	char key[32];
	int i = entry->key_len > 6 ? atoi(entry->key + 6) : 0;

	spread_key(key, i);
	if (entry->value_error || entry->value.len != entry->key_len ||
	    memcmp(entry->value.data, entry->key, entry->key_len) != 0)
		atomic_fetch_add(&met->wrong, 1);
	if (i < SPREAD && strcmp(key, entry->key) == 0)
		atomic_fetch_add(&met->times[i], 1);
	else if (!strstr(entry->key, "/new-"))
		atomic_fetch_add(&met->wrong, 1);
}

/* LIMIT more; true if there are more still. */
static bool meet_some(struct met *met, srd_iter *iter, int limit)
{
	struct srd_entry entry;
	int got = 1;

	while (limit-- > 0 && (got = srd_iter_next(iter, &entry)) == 1)
		meet(met, &entry);
	if (got < 0)
		atomic_fetch_add(&met->wrong, 1);
	return got == 1;
}

/* Every key that is there throughout is met once. */
static void expect_met_once(const struct met *met)
{
	ck_assert_uint_eq(atomic_load(&met->wrong), 0);
	for (int i = 0; i < SPREAD; i++)
		if (atomic_load(&met->times[i]) != stays(i))
			ck_abort_msg("%d was met %d times", i, atomic_load(&met->times[i]));
}

static const char *const spread_prefixes[] = { "", "top/" };

START_TEST(iterators_miss_nothing_and_repeat_nothing)
{
	const char *prefix = spread_prefixes[_i];
	struct met met = { 0 };
	srd_iter *iter;

	put_spread();
	ck_assert_int_eq(srd_iter_new(another, KEY(prefix), 0, 0, 1, &iter), 0);
	while (meet_some(&met, iter, SPREAD / 5)) {
		others_come();
		compact(store);
		others_go();
	}
	srd_iter_free(iter);
	expect_met_once(&met);
}
END_TEST

/* A part's iterator, begun before the compaction or behind it. */
struct sharer {
	pthread_barrier_t *barrier;
	struct met *met;
	const char *prefix;
	unsigned part;
	bool late;
};

static void *share(void *user)
{
	struct sharer *sharer = user;
	srd_iter *iter = NULL;

	if (!sharer->late) {
		if (srd_iter_new(another, KEY(sharer->prefix), 0, sharer->part, PARTS, &iter) != 0)
			atomic_fetch_add(&sharer->met->wrong, 1);
		else
			meet_some(sharer->met, iter, SPREAD / PARTS / 3);
	}
	pthread_barrier_wait(sharer->barrier);
	pthread_barrier_wait(sharer->barrier);
	if (!iter && srd_iter_new(another, KEY(sharer->prefix), 0, sharer->part, PARTS, &iter) != 0)
		atomic_fetch_add(&sharer->met->wrong, 1);
	else
		meet_some(sharer->met, iter, INT32_MAX);
	srd_iter_free(iter);
	return NULL;
}

START_TEST(parts_begun_before_and_after_share_without_gap_or_overlap)
{
	struct met met = { 0 };
	pthread_barrier_t barrier;
	pthread_t threads[PARTS];
	struct sharer sharers[PARTS];

	put_spread();
	pthread_barrier_init(&barrier, NULL, PARTS + 1);
	for (unsigned i = 0; i < PARTS; i++) {
		sharers[i] = (struct sharer){ .barrier = &barrier, .met = &met, .prefix = spread_prefixes[_i],
		                              .part = i, .late = i >= PARTS / 2 };
		ck_assert_int_eq(pthread_create(&threads[i], NULL, share, &sharers[i]), 0);
	}
	pthread_barrier_wait(&barrier);
	others_come();
	compact(store);
	others_go();
	pthread_barrier_wait(&barrier);
	for (unsigned i = 0; i < PARTS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&barrier);
	expect_met_once(&met);
}
END_TEST

/* Each ends in what it began in, however many logs came since. */
START_TEST(iterators_keep_what_they_began_in)
{
	enum { ROUNDS = 5 };
	srd_iter *iters[ROUNDS];
	struct met met[ROUNDS] = { 0 };

	put_spread();
	for (int i = 0; i < ROUNDS; i++) {
		ck_assert_int_eq(srd_iter_new(another, "", 0, 0, 0, 1, &iters[i]), 0);
		ck_assert(meet_some(&met[i], iters[i], 1000));
		compact(store);
	}
	/* One that was never asked again; and the others in another order. */
	srd_iter_free(iters[2]);
	for (int i = ROUNDS - 1; i >= 0; i--) {
		if (i == 2)
			continue;
		ck_assert(!meet_some(&met[i], iters[i], INT32_MAX));
		srd_iter_free(iters[i]);
		expect_met_once(&met[i]);
	}
}
END_TEST

/* ---- Directories, as a mount reads them ---- */

struct listing {
	struct met met;
	int left;
	uint64_t next;
};

static bool list(void *user, const char *name, const struct stat *st, uint64_t next, bool whole)
{
	struct listing *listing = user;

	(void)st;
	(void)whole;
	if (listing->left == 0)
		return false;
	listing->left--;
	listing->next = next;
	if (name[0] >= '0' && name[0] <= '9')
		atomic_fetch_add(&listing->met.times[atoi(name)], 1);
	return true;
}

START_TEST(directories_are_read_on)
{
	struct listing listing = { 0 };
	struct srd_fs *fs;
	struct srd_dir *reading;
	struct stat st;

	put_spread();
	ck_assert_int_eq(srd_fs_new(another, NULL, NULL, &fs), 0);
	ck_assert_int_eq(srd_fs_lookup(fs, SRD_ROOT_INO, "top", &st), 0);
	ck_assert_int_eq(srd_fs_lookup(fs, st.st_ino, "3", &st), 0);
	ck_assert_int_eq(srd_fs_open_dir(fs, st.st_ino, &reading), 0);
	while (listing.left == 0) {
		listing.left = SPREAD / FOLDERS / 6;
		ck_assert_int_eq(srd_fs_read_dir(fs, reading, listing.next, false, list, &listing), 0);
		others_come();
		compact(store);
		others_go();
	}
	for (int i = 3; i < SPREAD; i += FOLDERS)
		ck_assert_int_eq(atomic_load(&listing.met.times[i]), stays(i));
	srd_fs_close_dir(fs, reading);
	ck_assert_int_eq(srd_fs_free(fs), 0);
}
END_TEST

static void add(TCase *tcase)
{
	tcase_add_loop_test(tcase, iterators_miss_nothing_and_repeat_nothing, 0, SRD_LEN(spread_prefixes));
	tcase_add_loop_test(tcase, parts_begun_before_and_after_share_without_gap_or_overlap, 0,
	                    SRD_LEN(spread_prefixes));
	tcase_add_test(tcase, iterators_keep_what_they_began_in);
	tcase_add_test(tcase, directories_are_read_on);
}

int main(void)
{
	return run_moves("move_walks", add);
}
