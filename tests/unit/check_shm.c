/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shared memory beside a log is there for all who may write the log, and is
 * never mistaken for a file of the user's.
 */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/log.h"

static char directory[] = "/tmp/check-shm-XXXXXX";
static char path[64], shm_path[80];

static int no_visit(void *user, const struct srd_record *record, const uint8_t *metadata)
{
	(void)user;
	(void)record;
	(void)metadata;
	return 0;
}

static struct srd_log *open_log(void)
{
	struct srd_log *log;

	ck_assert_int_eq(srd_log_open(path, 0, &srd_io_posix, &log), 0);
	ck_assert_int_eq(srd_log_recover(log, no_visit, NULL), 0);
	return log;
}

static void setup(void)
{
	strcpy(directory + sizeof directory - 7, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/log", directory);
	snprintf(shm_path, sizeof shm_path, "%s.shm", path);
	ck_assert_int_eq(srd_log_create(path, 0600, &srd_io_posix), 0);
}

static void teardown(void)
{
	unlink(shm_path);
	unlink(path);
	ck_assert_int_eq(rmdir(directory), 0);
}

static void write_file(const void *bytes, size_t len)
{
	int fd = open(shm_path, O_RDWR | O_CREAT | O_TRUNC, 0644);

	ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
	close(fd);
}

/* Opens and closes the log; the file beside it must be as it was. */
static void leave_alone(const uint8_t *bytes, size_t len)
{
	uint8_t *found = malloc(len + 1);

	write_file(bytes, len);
	struct srd_log *log = open_log();
	ck_assert_ptr_null(log->shm);
	srd_log_close(log);
	int fd = open(shm_path, O_RDONLY);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(read(fd, found, len + 1), (ssize_t)len);
	ck_assert_mem_eq(found, bytes, len);
	close(fd);
	free(found);
}

START_TEST(a_file_of_the_users_stays)
{
	static uint8_t bytes[2 * sizeof(struct srd_shm_page)];

	leave_alone((const uint8_t *)"my notes\n", 9);
	memset(bytes, 'x', sizeof bytes);
	leave_alone(bytes, sizeof bytes);
	/* It may begin with zeros, too. */
	memset(bytes, 0, 100);
	leave_alone(bytes, sizeof bytes);
	leave_alone(bytes, sizeof(struct srd_shm_page));
}
END_TEST

START_TEST(another_store_stays)
{
	ck_assert_int_eq(srd_log_create(shm_path, 0600, &srd_io_posix), 0);
	struct srd_log *log = open_log();
	ck_assert_ptr_null(log->shm);
	srd_log_close(log);
	ck_assert_int_eq(srd_log_open(shm_path, SRD_LOG_RDONLY, &srd_io_posix, &log), 0);
	srd_log_close(log);
}
END_TEST

START_TEST(what_a_crash_left_is_used_again)
{
	static uint8_t blank[sizeof(struct srd_shm_page)];

	write_file("", 0);
	struct srd_log *log = open_log();
	ck_assert_ptr_nonnull(log->shm);
	srd_log_close(log);
	write_file(blank, sizeof blank);
	log = open_log();
	ck_assert_ptr_nonnull(log->shm);
	srd_log_close(log);
}
END_TEST

START_TEST(memory_of_another_store_is_replaced)
{
	struct srd_shm_page page = { .version = 1, .len = sizeof page, .generation = 7 };

	memcpy(page.magic, "SRDshm\r\n", sizeof page.magic);
	write_file(&page, sizeof page);
	struct srd_log *log = open_log();
	ck_assert_ptr_nonnull(log->shm);
	ck_assert_uint_eq(log->shm->page->generation, 1);
	srd_log_close(log);
}
END_TEST

START_TEST(who_may_write_the_log_may_ask_for_it)
{
	mode_t mask = umask(077);
	struct stat st;

	ck_assert_int_eq(chmod(path, 0664), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(chown(path, 4711, 4712), 0);
	struct srd_log *log = open_log();
	ck_assert_ptr_nonnull(log->shm);
	ck_assert_int_eq(stat(shm_path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0664);
	if (geteuid() == 0) {
		ck_assert_uint_eq(st.st_uid, 4711);
		ck_assert_uint_eq(st.st_gid, 4712);
	}
	srd_log_close(log);
	umask(mask);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("shm");
	TCase *tcase = tcase_create("shm");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_file_of_the_users_stays);
	tcase_add_test(tcase, another_store_stays);
	tcase_add_test(tcase, what_a_crash_left_is_used_again);
	tcase_add_test(tcase, memory_of_another_store_is_replaced);
	tcase_add_test(tcase, who_may_write_the_log_may_ask_for_it);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
