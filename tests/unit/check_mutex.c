/* SPDX-License-Identifier: Apache-2.0 */
/* check_mutex.c - one at a time, in the order in which they came. */
#include "config.h"

#include "base/mutex.h"

#include <pthread.h>
#include <sched.h>

#include "unit.h"

enum { CROWD = 40, ADDERS = 6, ADDS = 30000 };   /* more than a futex has bits */

struct shared {
	struct srd_mutex mutex;
	int order[CROWD + 1];        /* plain on purpose: the mutex alone protects them */
	int served;
	uint64_t sum;
};

struct comer {
	pthread_t thread;
	struct shared *shared;
	int number;
};

static void note(struct shared *shared, int number)
{
	shared->order[shared->served++] = number;
}

static void *come(void *user)
{
	struct comer *comer = user;

	srd_mutex_lock(&comer->shared->mutex);
	note(comer->shared, comer->number);
	srd_mutex_unlock(&comer->shared->mutex);
	return NULL;
}

/* Comes when those before it have their places in the queue. */
static void start(struct comer *comer, struct shared *shared, int number)
{
	*comer = (struct comer){ .shared = shared, .number = number };
	unsigned before = atomic_load(&shared->mutex.tickets);
	ck_assert_int_eq(pthread_create(&comer->thread, NULL, come, comer), 0);
	while (atomic_load(&shared->mutex.tickets) == before)
		sched_yield();
}

START_TEST(who_waits_is_served_in_the_order_of_coming)
{
	static struct shared shared;
	struct comer comers[CROWD];

	/* Tickets begin anew amid them. */
	atomic_store(&shared.mutex.tickets, -(unsigned)CROWD / 2);
	atomic_store(&shared.mutex.serving, -(unsigned)CROWD / 2);
	srd_mutex_lock(&shared.mutex);
	for (int i = 0; i < CROWD; i++)
		start(&comers[i], &shared, i);
	srd_mutex_unlock(&shared.mutex);
	for (int i = 0; i < CROWD; i++)
		pthread_join(comers[i].thread, NULL);
	ck_assert_int_eq(shared.served, CROWD);
	for (int i = 0; i < CROWD; i++)
		ck_assert_int_eq(shared.order[i], i);
}
END_TEST

/* Though it runs, and the other has to be woken. */
START_TEST(who_lets_go_and_comes_again_is_served_after_who_waits)
{
	static struct shared shared;
	struct comer comer;

	for (int round = 0; round < 100; round++) {
		shared.served = 0;
		srd_mutex_lock(&shared.mutex);
		start(&comer, &shared, 0);
		while (!(atomic_load(&shared.mutex.word) & SRD_MUTEX_RESERVED))
			sched_yield();
		srd_mutex_unlock(&shared.mutex);
		srd_mutex_lock(&shared.mutex);
		note(&shared, 1);
		srd_mutex_unlock(&shared.mutex);
		pthread_join(comer.thread, NULL);
		ck_assert_int_eq(shared.order[0], 0);
		ck_assert_int_eq(shared.order[1], 1);
	}
}
END_TEST

static void *add_on(void *user)
{
	struct shared *shared = user;

	for (int i = 0; i < ADDS; i++) {
		srd_mutex_lock(&shared->mutex);
		shared->sum++;
		srd_mutex_unlock(&shared->mutex);
	}
	return NULL;
}

START_TEST(one_at_a_time)
{
	static struct shared shared;
	pthread_t threads[ADDERS];

	for (int i = 0; i < ADDERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, add_on, &shared), 0);
	for (int i = 0; i < ADDERS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(shared.sum, (uint64_t)ADDERS * ADDS);
	ck_assert_uint_eq(atomic_load(&shared.mutex.word), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mutex");
	TCase *tcase = tcase_create("mutex");

	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, who_waits_is_served_in_the_order_of_coming);
	tcase_add_test(tcase, who_lets_go_and_comes_again_is_served_after_who_waits);
	tcase_add_test(tcase, one_at_a_time);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
