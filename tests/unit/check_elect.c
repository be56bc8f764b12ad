/* SPDX-License-Identifier: Apache-2.0 */
/* The election follows the callers' CPUs, and never leaves requests without a reader. */
#include "config.h"

#include <errno.h>
#include <pthread.h>

#include "fuse/elect.h"
#include "unit.h"

enum { CPUS = 4, ENOUGH_REQUESTS = 100, THREADS_MAX = 8, UNSEEN = -1 };

/* Where callers run: thread number -> CPU. */
struct world {
	int cpu_of[THREADS_MAX];
};

static int ask_world(void *user, int tid)
{
	const struct world *world = user;

	return world->cpu_of[tid];
}

static void start(struct srd_election *election, struct world *world, unsigned count)
{
	/* CPUs are not numbered from 0 without gaps everywhere. */
	static const int cpus[CPUS] = { 2, 3, 8, 9 };

	srd_election_init(election, cpus, count, ask_world, world);
}

static void serve(struct srd_election *election, int tid, int times)
{
	for (int i = 0; i < times; i++)
		if (srd_election_served(election, tid, false))
			srd_election_hold(election);
}

/* Requests that follow each other at once; elections that they lead to. */
static int serve_at_once(struct srd_election *election, int tid, int times)
{
	int held = 0;

	for (int i = 0; i < times; i++)
		if (srd_election_served(election, tid, true)) {
			srd_election_hold(election);
			held++;
		}
	return held;
}

START_TEST(unbound_read_until_callers_are_known)
{
	struct world world = { 0 };
	struct srd_election election;

	start(&election, &world, CPUS);
	ck_assert(srd_election_wait(&election, -1));
	ck_assert_uint_eq(election.elected, 0);
}
END_TEST

START_TEST(lone_caller_gets_the_worker_of_its_cpu)
{
	struct world world = { .cpu_of = { [1] = 8 } };
	struct srd_election election;

	start(&election, &world, CPUS);
	serve(&election, 1, ENOUGH_REQUESTS);
	ck_assert_uint_eq(election.elected, 1 << 2);
	ck_assert(srd_election_wait(&election, 2));
	world.cpu_of[1] = 3;
	serve(&election, 1, ENOUGH_REQUESTS);
	ck_assert_uint_eq(election.elected, 1 << 1);
}
END_TEST

START_TEST(caller_that_is_served_at_once_is_looked_for_rarely)
{
	struct world world = { .cpu_of = { [1] = 8 } };
	struct srd_election election;

	start(&election, &world, CPUS);
	ck_assert_int_ge(serve_at_once(&election, 1, ENOUGH_REQUESTS), 1);   /* nobody was elected */
	ck_assert_uint_eq(election.elected, 1 << 2);
	ck_assert_int_eq(serve_at_once(&election, 1, 10 * ENOUGH_REQUESTS), 0);
	/* ... but not never. */
	world.cpu_of[1] = 3;
	ck_assert_int_ge(serve_at_once(&election, 1, 100 * ENOUGH_REQUESTS), 1);
	ck_assert_uint_eq(election.elected, 1 << 1);
}
END_TEST

START_TEST(two_callers_get_two_workers)
{
	struct world world = { .cpu_of = { [1] = 2, [2] = 9 } };
	struct srd_election election;

	start(&election, &world, CPUS);
	for (int i = 0; i < ENOUGH_REQUESTS; i++)
		serve(&election, 1 + i % 2, 1);
	ck_assert_uint_eq(election.elected, 1 << 0 | 1 << 3);
	serve(&election, 2, 2 * ENOUGH_REQUESTS);
	ck_assert_uint_eq(election.elected, 1 << 3);
}
END_TEST

START_TEST(callers_that_are_gone_change_nothing)
{
	struct world world = { .cpu_of = { [1] = 2, [2] = -ESRCH } };
	struct srd_election election;

	start(&election, &world, CPUS);
	serve(&election, 1, ENOUGH_REQUESTS);
	serve(&election, 2, 2 * ENOUGH_REQUESTS);
	ck_assert_uint_eq(election.elected, 1 << 0);
}
END_TEST

START_TEST(unseen_callers_get_the_unbound)
{
	struct world world = { .cpu_of = { [1] = 2, [2] = -EACCES, [3] = 77 } };

	for (int tid = 0; tid <= 3; tid++) {
		struct srd_election election;
		start(&election, &world, CPUS);
		serve(&election, 1, ENOUGH_REQUESTS);
		ck_assert_uint_eq(election.elected, 1 << 0);
		serve(&election, tid, 2 * ENOUGH_REQUESTS);
		ck_assert_uint_eq(election.elected, tid == 1 ? 1 << 0 : 0);
	}
}
END_TEST

START_TEST(kernel_requests_among_others_change_nothing)
{
	struct world world = { .cpu_of = { [1] = 2 } };
	struct srd_election election;

	start(&election, &world, CPUS);
	for (int i = 0; i < ENOUGH_REQUESTS; i++) {
		serve(&election, 0, 3);
		serve(&election, 1, 1);
	}
	ck_assert_uint_eq(election.elected, 1 << 0);
}
END_TEST

START_TEST(nothing_to_elect_on_one_cpu)
{
	struct world world = { .cpu_of = { [1] = 2 } };
	struct srd_election election;

	start(&election, &world, 1);
	serve(&election, 1, ENOUGH_REQUESTS);
	ck_assert_uint_eq(election.elected, 0);
	ck_assert(srd_election_wait(&election, -1));
}
END_TEST

START_TEST(more_callers_than_remembered_get_readers)
{
	struct world world = { .cpu_of = { 0, 2, 3, 8, 9, 2, 3, 8 } };
	struct srd_election election;

	start(&election, &world, CPUS);
	for (int i = 0; i < 50 * ENOUGH_REQUESTS; i++)
		serve(&election, 1 + i % (THREADS_MAX - 1), 1);
	ck_assert_uint_eq(election.elected, 0xf);
}
END_TEST

/* ---- Waiting ---- */

struct waiter {
	struct srd_election *election;
	int who;
	bool read;
};

static void *wait_for_turn(void *user)
{
	struct waiter *waiter = user;

	waiter->read = srd_election_wait(waiter->election, waiter->who);
	return NULL;
}

/* A waiter wakes although nobody tells it but the election: a lost call would hang. */
static void check_wakes(struct srd_election *election, int who, void (*act)(struct srd_election *), bool reads)
{
	struct waiter waiter = { .election = election, .who = who };
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, wait_for_turn, &waiter), 0);
	act(election);
	pthread_join(thread, NULL);
	ck_assert(waiter.read == reads);
}

static void serve_first(struct srd_election *election)
{
	serve(election, 1, ENOUGH_REQUESTS);
}

static void serve_strangers(struct srd_election *election)
{
	serve(election, 0, ENOUGH_REQUESTS);
}

START_TEST(those_whose_turn_it_is_wake)
{
	struct world world = { .cpu_of = { [1] = 2 } };
	struct srd_election election;

	for (int i = 0; i < 200; i++) {
		start(&election, &world, CPUS);
		check_wakes(&election, 0, serve_first, true);
		check_wakes(&election, -1, srd_election_hold_up, true);
		srd_election_go_on(&election);
		check_wakes(&election, -1, serve_strangers, true);
		serve_first(&election);
		check_wakes(&election, -1, srd_election_end, false);
		check_wakes(&election, 3, srd_election_end, false);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("elect");
	TCase *tcase = tcase_create("election");

	tcase_add_test(tcase, unbound_read_until_callers_are_known);
	tcase_add_test(tcase, lone_caller_gets_the_worker_of_its_cpu);
	tcase_add_test(tcase, caller_that_is_served_at_once_is_looked_for_rarely);
	tcase_add_test(tcase, two_callers_get_two_workers);
	tcase_add_test(tcase, callers_that_are_gone_change_nothing);
	tcase_add_test(tcase, unseen_callers_get_the_unbound);
	tcase_add_test(tcase, kernel_requests_among_others_change_nothing);
	tcase_add_test(tcase, nothing_to_elect_on_one_cpu);
	tcase_add_test(tcase, more_callers_than_remembered_get_readers);
	tcase_add_test(tcase, those_whose_turn_it_is_wake);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
