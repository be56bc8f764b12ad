/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unit.h"

#include <stdlib.h>

#include "base/numberset.h"

enum { SLOTS = 64, NUMBERS = 200 };

/* Against a plain table, with as much coming and going as fits. */
START_TEST(follows_a_model)
{
	static atomic_ulong slots[SLOTS];
	struct srd_numberset set = { .slots = slots, .count = SLOTS };
	bool there[NUMBERS] = { false };
	unsigned count = 0;

	srandom(1);
	for (int step = 0; step < 200000; step++) {
		unsigned number = 1 + (unsigned)random() % (NUMBERS - 1);
		if (random() % 2 && (there[number] || count < SLOTS)) {
			ck_assert(srd_numberset_add(&set, number));
			count += !there[number];
			there[number] = true;
		} else {
			srd_numberset_remove(&set, number);
			count -= there[number];
			there[number] = false;
		}
		number = 1 + (unsigned)random() % (NUMBERS - 1);
		ck_assert_int_eq(srd_numberset_has(&set, number), there[number]);
	}
	for (unsigned number = 1; number < NUMBERS; number++)
		ck_assert_int_eq(srd_numberset_has(&set, number), there[number]);
}
END_TEST

START_TEST(knows_when_it_is_full)
{
	atomic_ulong slots[4] = { 0 };
	struct srd_numberset set = { .slots = slots, .count = 4 };

	for (uint64_t number = 1; number <= 4; number++)
		ck_assert(srd_numberset_add(&set, number));
	ck_assert(!srd_numberset_add(&set, 5));
	ck_assert(srd_numberset_add(&set, 3));
	ck_assert(!srd_numberset_has(&set, 5));
	srd_numberset_remove(&set, 5);
	srd_numberset_remove(&set, 2);
	ck_assert(srd_numberset_add(&set, 5));
	ck_assert(srd_numberset_has(&set, 5) && srd_numberset_has(&set, 1) && !srd_numberset_has(&set, 2));
}
END_TEST

START_TEST(of_no_memory_holds_nothing)
{
	struct srd_numberset none = { 0 };

	ck_assert(!srd_numberset_has(&none, 1));
	ck_assert(!srd_numberset_add(&none, 1));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("numberset");
	TCase *tcase = tcase_create("numberset");

	tcase_add_test(tcase, follows_a_model);
	tcase_add_test(tcase, knows_when_it_is_full);
	tcase_add_test(tcase, of_no_memory_holds_nothing);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
