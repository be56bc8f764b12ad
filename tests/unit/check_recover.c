/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening after a crash costs what there is to look at, however often it is
 * named, and however many places of it are bad.
 */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "log/log.h"

static char directory[] = "/tmp/check-recover-XXXXXX";
static char path[64];
static struct srd_log *made;

static int count_visit(void *user, const struct srd_record *record, const uint8_t *metadata)
{
	(void)record;
	(void)metadata;
	++*(unsigned *)user;
	return 0;
}

static struct srd_log *open_log(int flags, unsigned *commits)
{
	struct srd_log *log;

	*commits = 0;
	ck_assert_int_eq(srd_log_open(path, flags, &srd_io_posix, &log), 0);
	ck_assert_int_eq(srd_log_recover(log, count_visit, commits), 0);
	return log;
}

static void setup(void)
{
	unsigned commits;
	bool follow;

	strcpy(directory + sizeof directory - 7, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/log", directory);
	ck_assert_int_eq(srd_log_create(path, 0600, &srd_io_posix), 0);
	made = open_log(0, &commits);
	ck_assert_int_eq(srd_log_lock(made, &follow), 0);
}

static void teardown(void)
{
	srd_log_close(made);
	unlink(path);
	rmdir(directory);
}

/* One record of TYPE with OP (NULL: none); *RUN (may be NULL): where its run lies. */
static struct srd_record append(enum srd_record_type type, const struct srd_op *op, const void *data, uint64_t *run)
{
	struct srd_draft draft;
	struct srd_record record;

	srd_draft_init(&draft);
	srd_draft_start(&draft, type);
	if (op)
		ck_assert_int_eq(srd_draft_add(&draft, op, data, NULL, run), 0);
	ck_assert_int_eq(srd_log_append(made, &draft, &record), 0);
	srd_draft_release(&draft);
	if (run)
		*run += record.offset;
	return record;
}

static uint64_t append_data(uint32_t len)
{
	uint8_t *data = calloc(1, len);
	struct srd_op op = { .kind = SRD_OP_RUN, .run.len = len };
	uint64_t run;

	append(SRD_RECORD_DATA, &op, data, &run);
	free(data);
	return run;
}

/* A commit with COUNT references of LEN bytes into RUN, STEP bytes apart. */
static void append_refs(uint64_t run, uint64_t count, uint32_t len, uint32_t step)
{
	uint8_t *refs = malloc(count * SRD_REF_LEN);

	for (uint64_t i = 0; i < count; i++) {
		struct srd_ref ref = { .pos = i * len, .run = run, .skip = (uint32_t)i * step, .len = len };
		srd_ref_encode(&ref, refs + i * SRD_REF_LEN);
	}
	struct srd_op op = { .kind = SRD_OP_REFS, .ino = 2, .ref_count = count, .refs = refs };
	append(SRD_RECORD_META, &op, NULL, NULL);
	free(refs);
}

static void poke(uint64_t offset, const void *bytes, size_t len)
{
	ck_assert_int_eq(pwrite(made->fd, bytes, len, (off_t)offset), (ssize_t)len);
}

/* Commits that count when the log is opened afresh. */
static unsigned commits_found(void)
{
	unsigned commits;

	srd_log_close(open_log(SRD_LOG_RDONLY, &commits));
	return commits;
}

START_TEST(a_commit_counts_if_what_it_names_is_right)
{
	uint64_t run = append_data(4 * SRD_BLOCK_LEN);
	struct srd_run read;

	append_refs(run, 1, SRD_BLOCK_LEN, 0);
	ck_assert(srd_log_run(made, run, &read));
	poke(run + read.distance + 2 * SRD_BLOCK_LEN, "rot", 3);
	ck_assert_uint_eq(commits_found(), 1);
	poke(run + read.distance + 100, "rot", 3);
	ck_assert_uint_eq(commits_found(), 0);
}
END_TEST

START_TEST(a_commit_that_names_more_than_there_is_does_not_count)
{
	uint64_t run = append_data(4 * SRD_BLOCK_LEN);

	append_refs(run, 1, 4 * SRD_BLOCK_LEN + 1, 0);
	ck_assert_uint_eq(commits_found(), 0);
}
END_TEST

/* Minutes, if each reference had its run looked at. */
START_TEST(a_run_named_often_is_looked_at_once)
{
	uint64_t run = append_data(SRD_RUN_LEN_MAX);

	append_refs(run, 100000, 100, 160);
	ck_assert_uint_eq(commits_found(), 1);
	append_refs(run, 2000, SRD_RUN_LEN_MAX, 0);
	ck_assert_uint_eq(commits_found(), 2);
}
END_TEST

START_TEST(a_block_is_looked_at_once)
{
	uint64_t run = append_data(2 * SRD_BLOCK_LEN);
	struct srd_run read;

	ck_assert(srd_log_run(made, run, &read));
	ck_assert_int_eq(srd_log_verify(made, &read, 0, 1), 0);
	poke(run + read.distance + 100, "rot", 3);
	poke(run + read.distance + SRD_BLOCK_LEN, "rot", 3);
	ck_assert_int_eq(srd_log_verify(made, &read, 0, SRD_BLOCK_LEN), 0);
	ck_assert_int_eq(srd_log_verify(made, &read, 0, SRD_BLOCK_LEN + 1), SRD_ECORRUPT);
}
END_TEST

enum { SMALL = 3, SMALL_LEN = 64 };
static uint64_t small_runs[SMALL];   /* in the record */

/* A commit with SMALL payloads, each with a place of its own. */
static struct srd_record append_small_writes(void)
{
	const uint8_t data[SMALL_LEN] = { 1 };
	struct srd_op op = { .kind = SRD_OP_WRITE, .ino = 2, .run.len = SMALL_LEN };
	struct srd_draft draft;
	struct srd_record record;

	srd_draft_init(&draft);
	srd_draft_start(&draft, SRD_RECORD_META);
	for (unsigned i = 0; i < SMALL; i++)
		ck_assert_int_eq(srd_draft_add(&draft, &op, data, NULL, &small_runs[i]), 0);
	ck_assert_int_eq(srd_log_append(made, &draft, &record), 0);
	srd_draft_release(&draft);
	return record;
}

static uint64_t payload_of(const struct srd_record *record, unsigned i)
{
	struct srd_run run;

	ck_assert(srd_log_run(made, record->offset + small_runs[i], &run));
	return run.offset + run.distance;
}

/* What was found right and then dropped is no reason to trust what comes to lie
 * in its place. */
START_TEST(what_takes_a_dropped_place_is_checked)
{
	unsigned commits;
	bool follow;

	struct srd_record record = append_small_writes();
	poke(payload_of(&record, SMALL - 1), "rot", 3);
	srd_log_close(made);
	made = open_log(0, &commits);
	ck_assert_uint_eq(commits, 0);
	ck_assert_int_eq(srd_log_lock(made, &follow), 0);
	/* 64 bytes further on: the place of the cut is taken first. */
	record = append_small_writes();
	for (unsigned i = 0; i < SMALL; i++) {
		struct srd_run run;
		poke(payload_of(&record, i), "rot", 3);
		ck_assert(srd_log_run(made, record.offset + small_runs[i], &run));
		ck_assert_int_eq(srd_log_verify(made, &run, 0, 1), SRD_ECORRUPT);
	}
}
END_TEST

/* Hours, if each record had all damage looked through. */
START_TEST(many_bad_places_are_passed_one_by_one)
{
	enum { COUNT = 200000 };
	static uint64_t offsets[COUNT];
	unsigned commits;

	for (unsigned i = 0; i < COUNT; i++)
		offsets[i] = append(SRD_RECORD_SYNC, NULL, NULL, NULL).offset;
	ck_assert_int_eq(srd_log_sync(made, atomic_load(&made->end)), 0);
	append(SRD_RECORD_SYNC, NULL, NULL, NULL);
	for (unsigned i = 0; i < COUNT; i += 2)
		poke(offsets[i], (uint8_t[SRD_HEADER_LEN]){ 0 }, SRD_HEADER_LEN);
	struct srd_log *log = open_log(SRD_LOG_RDONLY, &commits);
	ck_assert_uint_eq(log->damage_count, COUNT / 2);
	ck_assert_uint_eq(log->dropped, 0);
	srd_log_close(log);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("recover");
	TCase *tcase = tcase_create("recover");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_block_is_looked_at_once);
	tcase_add_test(tcase, a_commit_counts_if_what_it_names_is_right);
	tcase_add_test(tcase, a_commit_that_names_more_than_there_is_does_not_count);
	tcase_add_test(tcase, a_run_named_often_is_looked_at_once);
	tcase_add_test(tcase, what_takes_a_dropped_place_is_checked);
	tcase_add_test(tcase, many_bad_places_are_passed_one_by_one);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
