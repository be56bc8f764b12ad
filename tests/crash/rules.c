/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules - each rule of FORMAT sections 5 and 6 that has a failing sequence behind
 * it, and that sequence.  What explore finds by trying everything is here on
 * purpose, with real files and several handles on them.
 */
#include "config.h"

#include "rules.h"

char path[4200], other_path[4200];

int main(void)
{
	Suite *suite = suite_create("rules");
	TCase *tcase = tcase_create("rules");

	setenv("SRD_MAP_BYTES", "0x10000000", 0);
	scratch_directory();
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 60);
	rules_dropped(tcase);
	rules_damage(tcase);
	rules_others(tcase);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
