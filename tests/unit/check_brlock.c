/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_brlock.c - while the writer is in no reader is, what it wrote is seen
 * whole, and whoever waits is woken.
 */
#include "config.h"

#include "base/brlock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "unit.h"

enum { READERS = 6, WRITERS = 2, WORDS = 64, WRITES = 3000 };

struct shared {
	struct srd_brlock lock;
	pthread_mutex_t writers;
	uint64_t words[WORDS];       /* plain on purpose: the lock alone protects them */
	atomic_int writers_left;
	atomic_ulong reads, torn;
};

static void *read_on(void *user)
{
	struct shared *shared = user;
	unsigned stripe = srd_brlock_stripe();

	while (atomic_load(&shared->writers_left) > 0) {
		srd_brlock_read_lock(&shared->lock, stripe);
		for (int i = 1; i < WORDS; i++)
			if (shared->words[i] != shared->words[0])
				atomic_fetch_add(&shared->torn, 1);
		srd_brlock_read_unlock(&shared->lock, stripe);
		atomic_fetch_add_explicit(&shared->reads, 1, memory_order_relaxed);
	}
	return NULL;
}

static void *write_on(void *user)
{
	struct shared *shared = user;

	for (int n = 0; n < WRITES; n++) {
		pthread_mutex_lock(&shared->writers);
		srd_brlock_write_lock(&shared->lock);
		for (int i = 0; i < WORDS; i++)
			shared->words[i]++;
		srd_brlock_write_unlock(&shared->lock);
		pthread_mutex_unlock(&shared->writers);
	}
	atomic_fetch_sub(&shared->writers_left, 1);
	return NULL;
}

START_TEST(readers_never_see_half_a_write)
{
	static struct shared shared = { .writers = PTHREAD_MUTEX_INITIALIZER, .writers_left = WRITERS };
	pthread_t threads[READERS + WRITERS];

	for (int i = 0; i < READERS + WRITERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, i < READERS ? read_on : write_on, &shared), 0);
	for (int i = 0; i < READERS + WRITERS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(shared.torn, 0);
	ck_assert_uint_eq(shared.words[0], (uint64_t)WRITERS * WRITES);
	ck_assert_uint_gt(shared.reads, 0);
}
END_TEST

START_TEST(readers_share)
{
	static struct srd_brlock lock;

	srd_brlock_read_lock(&lock, 0);
	srd_brlock_read_lock(&lock, 0);
	srd_brlock_read_lock(&lock, 5);
	srd_brlock_read_unlock(&lock, 0);
	srd_brlock_read_unlock(&lock, 5);
	srd_brlock_read_unlock(&lock, 0);
	srd_brlock_write_lock(&lock);
	srd_brlock_write_unlock(&lock);
}
END_TEST

struct one {
	struct srd_brlock lock;
	atomic_bool done;
	unsigned stripe;
};

static void *read_once(void *user)
{
	struct one *one = user;

	srd_brlock_read_lock(&one->lock, one->stripe);
	atomic_store(&one->done, true);
	srd_brlock_read_unlock(&one->lock, one->stripe);
	return NULL;
}

/* A reader that came while the writer was in gets in when it leaves, asleep or
 * not: every stripe, and many times so that both happen. */
START_TEST(a_reader_that_had_to_wait_gets_in)
{
	for (int round = 0; round < 50; round++) {
		struct one one = { .stripe = (unsigned)round % SRD_BRLOCK_STRIPES };
		pthread_t reader;
		srd_brlock_write_lock(&one.lock);
		ck_assert_int_eq(pthread_create(&reader, NULL, read_once, &one), 0);
		/* Even rounds: until it sleeps on the word, which it tells there. */
		while (round % 2 == 0 && atomic_load(&one.lock.writing) == 1)
			sched_yield();
		ck_assert(!atomic_load(&one.done));
		srd_brlock_write_unlock(&one.lock);
		pthread_join(reader, NULL);
		ck_assert(atomic_load(&one.done));
	}
}
END_TEST

static void *write_once(void *user)
{
	struct one *one = user;

	srd_brlock_write_lock(&one->lock);
	atomic_store(&one->done, true);
	srd_brlock_write_unlock(&one->lock);
	return NULL;
}

START_TEST(a_writer_waits_for_the_reader_of_any_stripe)
{
	for (unsigned stripe = 0; stripe < SRD_BRLOCK_STRIPES; stripe++) {
		struct one one = { 0 };
		pthread_t writer;
		srd_brlock_read_lock(&one.lock, stripe);
		ck_assert_int_eq(pthread_create(&writer, NULL, write_once, &one), 0);
		while (!atomic_load(&one.lock.writing))
			sched_yield();
		ck_assert(!atomic_load(&one.done));
		srd_brlock_read_unlock(&one.lock, stripe);
		pthread_join(writer, NULL);
		ck_assert(atomic_load(&one.done));
	}
}
END_TEST

static void *stripe_twice(void *user)
{
	unsigned *stripe = user;

	*stripe = srd_brlock_stripe();
	return (void *)(uintptr_t)(srd_brlock_stripe() == *stripe);
}

START_TEST(a_thread_keeps_its_stripe)
{
	unsigned stripes[SRD_BRLOCK_STRIPES];
	unsigned seen = 0;

	for (unsigned i = 0; i < SRD_BRLOCK_STRIPES; i++) {
		pthread_t thread;
		void *same;
		ck_assert_int_eq(pthread_create(&thread, NULL, stripe_twice, &stripes[i]), 0);
		pthread_join(thread, &same);
		ck_assert(same != NULL && stripes[i] < SRD_BRLOCK_STRIPES);
		seen |= 1u << stripes[i];
	}
	/* As many threads as stripes: each has one of its own. */
	ck_assert_uint_eq(seen, (1u << SRD_BRLOCK_STRIPES) - 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("brlock");
	TCase *tcase = tcase_create("brlock");

	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, readers_never_see_half_a_write);
	tcase_add_test(tcase, readers_share);
	tcase_add_test(tcase, a_reader_that_had_to_wait_gets_in);
	tcase_add_test(tcase, a_writer_waits_for_the_reader_of_any_stripe);
	tcase_add_test(tcase, a_thread_keeps_its_stripe);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
