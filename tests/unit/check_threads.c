/* SPDX-License-Identifier: Apache-2.0 */
/* Any number of threads use one store: each sees whole values, nobody waits for
 * ever, and what all of them wrote is there. */
#include "config.h"

#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 4, PUTS = 400, SHARED = 16 };

static atomic_int running;

/* Every value is one byte repeated: a torn one shows. */
static void expect_whole(const srd_value *value)
{
	for (int i = 0; i < value->iov_count; i++) {
		const uint8_t *bytes = value->iov[i].iov_base;
		for (size_t at = 0; at < value->iov[i].iov_len; at++)
			EXPECT(bytes[at] == *(const uint8_t *)value->iov[0].iov_base);
	}
}

static void *writer(void *user)
{
	int me = (int)(intptr_t)user;
	char key[32];
	uint8_t bytes[6000];

	for (int i = 0; i < PUTS; i++) {
		memset(bytes, me + i, sizeof bytes);
		snprintf(key, sizeof key, "own/%d-%d", me, i);
		EXPECT(srd_put(store, KEY(key), bytes, (size_t)(i % 100)) == 0);
		snprintf(key, sizeof key, "shared-%d", i % SHARED);
		EXPECT(srd_put(store, KEY(key), bytes, (size_t)(i * 37 % 6000)) == 0);
		if (i % 10 == me) {
			int error = srd_delete(store, KEY(key));
			EXPECT(error == 0 || error == -ENOENT);
		}
		if (i % 16 == me) {
			int error = srd_rename(store, KEY(key), KEY("shared-0"));
			EXPECT(error == 0 || error == -ENOENT);
		}
	}
	atomic_fetch_sub(&running, 1);
	return NULL;
}

static void *batcher(void *user)
{
	srd_batch *batch;
	char key[32];

	(void)user;
	EXPECT(srd_batch_new(store, &batch) == 0);
	for (int i = 0; i < PUTS / 4; i++) {
		for (int k = 0; k < 10; k++) {
			snprintf(key, sizeof key, "pair-%d", k);
			EXPECT(srd_batch_put(batch, KEY(key), &i, sizeof i) == 0);
		}
		EXPECT(srd_batch_commit(batch) == 0);
	}
	srd_batch_free(batch);
	atomic_fetch_sub(&running, 1);
	return NULL;
}

static void *streamer(void *user)
{
	uint8_t *bytes = malloc(2 << 20);

	(void)user;
	for (int i = 0; i < 6; i++) {
		srd_writer *stream;
		memset(bytes, i, 2 << 20);
		EXPECT(srd_writer_new(store, KEY("stream"), &stream) == 0);
		EXPECT(srd_writer_write(stream, bytes, 2 << 20) == 0);
		EXPECT(srd_writer_commit(stream) == 0);
	}
	free(bytes);
	atomic_fetch_sub(&running, 1);
	return NULL;
}

static void *getter(void *user)
{
	char key[32];
	srd_value value, held = { 0 };

	(void)user;
	for (int i = 0; atomic_load(&running) > 0; i++) {
		snprintf(key, sizeof key, "shared-%d", i % SHARED);
		int error = srd_get(store, i % 50 ? key : "stream", i % 50 ? strlen(key) : 6, &value);
		EXPECT(error == 0 || error == -ENOENT);
		if (error)
			continue;
		expect_whole(&value);
		/* One is held through all that changes meanwhile. */
		if (i % 20 == 0) {
			srd_value swap = held;
			held = value;
			value = swap;
		}
		if (value.iov)
			srd_value_release(&value);
	}
	srd_value_release(&held);
	return NULL;
}

static void *lister(void *user)
{
	const char *prefix = user;
	struct srd_entry entry;
	srd_iter *iter;

	while (atomic_load(&running) > 0) {
		EXPECT(srd_iter_new(store, KEY(prefix), 0, 0, 1, &iter) == 0);
		while (srd_iter_next(iter, &entry) == 1) {
			EXPECT(entry.value_error == 0);
			if (strncmp(entry.key, "pair", 4) != 0)
				expect_whole(&entry.value);
		}
		srd_iter_free(iter);
	}
	return NULL;
}

START_TEST(threads_share_a_store)
{
	pthread_t threads[THREADS + 6];
	int count = 0;
	char key[32];

	put("own/x", "");
	atomic_store(&running, THREADS + 2);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[count++], NULL, writer, (void *)(intptr_t)i), 0);
	ck_assert_int_eq(pthread_create(&threads[count++], NULL, batcher, NULL), 0);
	ck_assert_int_eq(pthread_create(&threads[count++], NULL, streamer, NULL), 0);
	ck_assert_int_eq(pthread_create(&threads[count++], NULL, getter, NULL), 0);
	ck_assert_int_eq(pthread_create(&threads[count++], NULL, getter, NULL), 0);
	ck_assert_int_eq(pthread_create(&threads[count++], NULL, lister, ""), 0);
	ck_assert_int_eq(pthread_create(&threads[count++], NULL, lister, "own/"), 0);
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < THREADS * PUTS; i++) {
			srd_value value;
			snprintf(key, sizeof key, "own/%d-%d", i / PUTS, i % PUTS);
			EXPECT(srd_get(store, KEY(key), &value) == 0);
			EXPECT(value.len == (size_t)(i % PUTS % 100));
			expect_whole(&value);
			srd_value_release(&value);
		}
		reopen_store();
	}
}
END_TEST

static void *releaser(void *user)
{
	srd_value *values = user;

	for (int i = 0; i < 100; i++) {
		EXPECT(memcmp(values[i].data, "held", 4) == 0);
		srd_value_release(&values[i]);
	}
	return NULL;
}

/* Values may be released on any thread, during and after close. */
START_TEST(close_races_with_releases)
{
	static srd_value values[THREADS][100];
	pthread_t threads[THREADS];

	for (int round = 0; round < 20; round++) {
		put("k", "held");
		for (int i = 0; i < THREADS * 100; i++)
			ck_assert_int_eq(srd_get(store, KEY("k"), &values[i / 100][i % 100]), 0);
		for (int i = 0; i < THREADS; i++)
			pthread_create(&threads[i], NULL, releaser, values[i]);
		close_store();
		for (int i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		open_store(SRD_NOSYNC);
	}
}
END_TEST

static void add(TCase *tcase)
{
	tcase_add_test(tcase, threads_share_a_store);
	tcase_add_test(tcase, close_races_with_releases);
}

int main(void)
{
	return run_case("threads", add);
}
