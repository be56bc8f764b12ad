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

int main(void)
{
	Suite *suite = suite_create("history");
	TCase *tcase = tcase_create("history");

	tcase_add_test(tcase, what_follows_is_seen);
	tcase_add_test(tcase, what_overlaps_may_be_in_either_order);
	tcase_add_test(tcase, what_has_no_answer_may_have_happened);
	tcase_add_test(tcase, one_of_two_wins);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
