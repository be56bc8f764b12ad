/* SPDX-License-Identifier: Apache-2.0 */
/* The words of mount(8) and fstab(5): ours are understood, those of others pass
 * unharmed or are passed on, unknown ones are refused. */
#include "config.h"

#include "unit.h"

#include <errno.h>

#include "base/check.h"
#include "fuse/options.h"

static struct srd_mount_options options;
static char problem[256];

static int parse(const char *list)
{
	srd_mount_options_release(&options);
	srd_mount_options_init(&options);
	problem[0] = 0;
	return srd_mount_options_parse(&options, list, problem, sizeof problem);
}

static void setup(void)
{
	srd_mount_options_init(&options);
}

static void teardown(void)
{
	srd_mount_options_release(&options);
}

START_TEST(ours_are_understood)
{
	ck_assert_int_eq(parse("ro,exclusive,uid=12,gid=34,timeout=0.5,fsname=a\\,b\\\\c"), 0);
	ck_assert(options.read_only && options.exclusive && options.set_uid && options.set_gid);
	ck_assert_uint_eq(options.uid, 12);
	ck_assert_uint_eq(options.gid, 34);
	ck_assert(options.timeout == 0.5);
	ck_assert_str_eq(options.fsname, "a,b\\c");
	ck_assert_ptr_null(options.passed);
	ck_assert_int_eq(parse("ro,rw"), 0);
	ck_assert(!options.read_only);
}
END_TEST

START_TEST(compaction_by_itself_is_asked_for)
{
	ck_assert(!options.compact_auto);
	ck_assert_int_eq(parse("compact=auto"), 0);
	ck_assert(options.compact_auto);
	ck_assert_uint_eq(options.compact_percent, 100);
	ck_assert_uint_eq(options.compact_bytes, 64 << 20);
	ck_assert_int_eq(parse("compact=auto:30"), 0);
	ck_assert_uint_eq(options.compact_percent, 30);
	ck_assert_int_eq(parse("compact=auto:250:1G"), 0);
	ck_assert_uint_eq(options.compact_percent, 250);
	ck_assert_uint_eq(options.compact_bytes, 1 << 30);
	ck_assert_ptr_null(srd_mount_options_clash(&options));
	ck_assert_int_eq(parse("ro,compact=auto"), 0);
	ck_assert_ptr_nonnull(srd_mount_options_clash(&options));
	ck_assert_int_eq(parse("ro,compact=auto,compact=off"), 0);
	ck_assert_ptr_null(srd_mount_options_clash(&options));
	ck_assert_int_eq(parse("compact"), -EINVAL);
	ck_assert_int_eq(parse("compact=autobahn"), -EINVAL);
	ck_assert_int_eq(parse("compact=auto:"), -EINVAL);
	ck_assert_int_eq(parse("compact=auto:0"), -EINVAL);
	ck_assert_int_eq(parse("compact=auto:50:"), -EINVAL);
	ck_assert_int_eq(parse("compact=auto:50:much"), -EINVAL);
	ck_assert_int_eq(parse("compact=auto:5000000000000000000"), -EINVAL);
}
END_TEST

START_TEST(fstabs_words_pass)
{
	ck_assert_int_eq(parse(""), 0);
	ck_assert_int_eq(parse(",,"), 0);
	ck_assert_int_eq(parse("defaults,noauto,nofail,user,users,_netdev,x-systemd.automount,x-gvfs-show,X-mount.mkdir,"
	                       "comment=what ever,user=joe,lazytime,default_permissions"), 0);
	ck_assert_ptr_null(options.passed);
	ck_assert_int_eq(parse("nosuid,nodev,noexec,noatime,sync,allow_other,max_read=65536,context=a\\,b"), 0);
	ck_assert_str_eq(options.passed, "nosuid,nodev,noexec,sync,allow_other,max_read=65536,context=a\\,b");
}
END_TEST

START_TEST(access_times_are_kept_where_somebody_asks_for_them)
{
	static const struct { const char *list; enum srd_access access; bool dirs; } cases[] = {
		{ "rw", SRD_ACCESS_NEVER, true }, { "relatime", SRD_ACCESS_RELATIVE, true },
		{ "atime", SRD_ACCESS_RELATIVE, true }, { "strictatime", SRD_ACCESS_STRICT, true },
		{ "nodiratime", SRD_ACCESS_RELATIVE, false }, { "noatime,nodiratime", SRD_ACCESS_NEVER, false },
		{ "nodiratime,noatime", SRD_ACCESS_NEVER, false }, { "strictatime,nodiratime", SRD_ACCESS_STRICT, false },
	};

	for (size_t i = 0; i < SRD_LEN(cases); i++) {
		srd_mount_options_release(&options);
		srd_mount_options_init(&options);
		ck_assert_int_eq(parse(cases[i].list), 0);
		ck_assert_int_eq(options.access, cases[i].access);
		ck_assert_int_eq(options.access_dirs, cases[i].dirs);
	}
}
END_TEST

START_TEST(unknown_words_and_bad_values_are_refused)
{
	static const char *const bad[] = { "bogus", "rox", "uid", "uid=", "uid=-1", "uid=x", "uid=4294967295", "gid=1x",
	                                   "timeout=", "timeout=-1", "timeout=nan", "history=", "history=of", "timeout=1s", "userjoe", "nosuidx" };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ck_assert_int_eq(parse(bad[i]), -EINVAL);
		ck_assert_ptr_nonnull(strstr(problem, bad[i]));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("options");
	TCase *tcase = tcase_create("all");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, ours_are_understood);
	tcase_add_test(tcase, compaction_by_itself_is_asked_for);
	tcase_add_test(tcase, fstabs_words_pass);
	tcase_add_test(tcase, access_times_are_kept_where_somebody_asks_for_them);
	tcase_add_test(tcase, unknown_words_and_bad_values_are_refused);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
