/* SPDX-License-Identifier: Apache-2.0 */
/* The checker of histories tells those that have an order from those that have none. */
#include "config.h"

#include <check.h>
#include <stdlib.h>

#include "history.h"

static struct event events[16];
static struct event *sorted[16];
static size_t count;

static void event(enum kind kind, uint64_t value, bool done, uint64_t begin, uint64_t end)
{
	events[count] = (struct event){ .kind = kind, .value = value, .done = done, .begin_ns = begin };
	atomic_store(&events[count].end_ns, end);
	sorted[count] = &events[count];
	count++;
}

static bool linear(void)
{
	size_t failed, all = count;

	count = 0;
	return history_is_linear(sorted, all, &failed);
}

START_TEST(what_follows_is_seen)
{
	event(KIND_PUT, 1, false, 1, 2);
	event(KIND_GET, 1, false, 3, 4);
	ck_assert(linear());
	event(KIND_PUT, 1, false, 1, 2);
	event(KIND_GET, 0, false, 3, 4);
	ck_assert(!linear());
	event(KIND_PUT, 1, false, 1, 2);
	event(KIND_PUT, 2, false, 3, 4);
	event(KIND_GET, 1, false, 5, 6);
	ck_assert(!linear());
}
END_TEST

START_TEST(what_overlaps_may_be_in_either_order)
{
	for (uint64_t seen = 0; seen <= 2; seen++) {
		event(KIND_PUT, 1, false, 1, 9);
		event(KIND_PUT, 2, false, 2, 8);
		event(KIND_GET, seen, false, 3, 7);
		ck_assert(linear());
	}
	/* But no value comes back that another has taken the place of. */
	event(KIND_PUT, 1, false, 1, 9);
	event(KIND_PUT, 2, false, 2, 9);
	event(KIND_GET, 1, false, 3, 4);
	event(KIND_GET, 2, false, 5, 6);
	event(KIND_GET, 1, false, 7, 8);
	ck_assert(!linear());
}
END_TEST

START_TEST(what_has_no_answer_may_have_happened)
{
	for (uint64_t seen = 1; seen <= 2; seen++) {
		event(KIND_PUT, 1, false, 1, 2);
		event(KIND_PUT, 2, false, 3, 0);
		event(KIND_GET, 1, false, 4, 5);
		event(KIND_GET, seen, false, 6, 7);
		ck_assert(linear());
	}
	/* Once it has, it has. */
	event(KIND_PUT, 1, false, 1, 2);
	event(KIND_PUT, 2, false, 3, 0);
	event(KIND_GET, 2, false, 4, 5);
	event(KIND_GET, 1, false, 6, 7);
	ck_assert(!linear());
	/* Nothing happens before it is asked for. */
	event(KIND_GET, 2, false, 1, 2);
	event(KIND_PUT, 2, false, 3, 0);
	ck_assert(!linear());
}
END_TEST

START_TEST(one_of_two_wins)
{
	event(KIND_CREATE, 1, true, 1, 9);
	event(KIND_CREATE, 2, false, 2, 8);
	ck_assert(linear());
	event(KIND_CREATE, 1, true, 1, 9);
	event(KIND_CREATE, 2, true, 2, 8);
	ck_assert(!linear());
	event(KIND_CREATE, 1, false, 1, 9);
	event(KIND_CREATE, 2, false, 2, 8);
	ck_assert(!linear());
	event(KIND_PUT, 1, false, 1, 2);
	event(KIND_DELETE, 0, true, 3, 9);
	event(KIND_DELETE, 0, true, 4, 8);
	ck_assert(!linear());
	event(KIND_PUT, 1, false, 1, 2);
	event(KIND_DELETE, 0, true, 3, 9);
	event(KIND_DELETE, 0, false, 4, 8);
	ck_assert(linear());
}
END_TEST

/* Of two keys: what follows each other there is not seen the other way around. */
START_TEST(what_is_seen_at_one_time_fits_together)
{
	for (int i = 0; i < 2; i++) {
		uint64_t from = 10, until = 100;
		event(KIND_PUT, 1, false, 1, 2);
		event(KIND_PUT, 2, false, 20, 30);
		history_narrow(sorted, count, i == 0 ? 1 : 2, &from, &until);
		count = 0;
		event(KIND_PUT, 3, false, 1, 2);
		event(KIND_PUT, 4, false, 31, 40);
		history_narrow(sorted, count, 4, &from, &until);
		count = 0;
		/* With the old value of the one the new one of the other was not there yet. */
		ck_assert_uint_eq(from <= until, i == 1);
		ck_assert_uint_eq(from, 31);
	}
	uint64_t from = 10, until = 100;
	event(KIND_PUT, 1, false, 15, 20);
	event(KIND_DELETE, 0, true, 30, 40);
	history_narrow(sorted, count, 1, &from, &until);
	ck_assert(from == 15 && until == 40);
	/* When a put without an answer takes effect nobody knows; nor what was deleted when. */
	event(KIND_PUT, 2, false, 16, 0);
	history_narrow(sorted, count, 2, &from, &until);
	history_narrow(sorted, count, 0, &from, &until);
	ck_assert(from == 16 && until == 40);
	count = 0;
	event(KIND_PUT, 1, false, 21, 22);
	history_narrow(sorted, count, 0, &from, &until);
	ck_assert(from == 16 && until == 22);
	count = 0;
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("history");
	TCase *tcase = tcase_create("history");

	tcase_add_test(tcase, what_follows_is_seen);
	tcase_add_test(tcase, what_overlaps_may_be_in_either_order);
	tcase_add_test(tcase, what_has_no_answer_may_have_happened);
	tcase_add_test(tcase, one_of_two_wins);
	tcase_add_test(tcase, what_is_seen_at_one_time_fits_together);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
