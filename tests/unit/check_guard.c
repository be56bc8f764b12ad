/* SPDX-License-Identifier: Apache-2.0 */
/* Mapped files that are cut short: who touches what is gone reads zeros and lives,
 * its owner is told, and faults elsewhere are none of our business. */
#include "config.h"

#include "base/guard.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <sys/wait.h>

#include "unit.h"

enum { PAGES = 64, THREADS = 8, ROUNDS = 30 };

static size_t page;

struct mapped {
	struct srd_guard guard;
	int fd;
	volatile unsigned char *bytes;
	size_t lost_from, lost_len;
	unsigned calls;
};

static void note(struct srd_guard *guard, size_t offset, size_t len)
{
	struct mapped *mapped = (struct mapped *)guard;

	mapped->lost_from = offset;
	mapped->lost_len = len;
	mapped->calls++;
}

/* A file of PAGES pages, each byte of page i being i + 1. */
static void map(struct mapped *mapped, int prot, int flags)
{
	mapped->fd = memfd_create("guarded", MFD_CLOEXEC);
	ck_assert_int_ge(mapped->fd, 0);
	unsigned char *content = malloc(PAGES * page);
	for (size_t i = 0; i < PAGES * page; i++)
		content[i] = (unsigned char)(i / page + 1);
	ck_assert_int_eq(pwrite(mapped->fd, content, PAGES * page, 0), (ssize_t)(PAGES * page));
	free(content);
	void *start = mmap(NULL, PAGES * page, prot, flags, mapped->fd, 0);
	ck_assert(start != MAP_FAILED);
	mapped->bytes = start;
	mapped->guard = (struct srd_guard){ .start = start, .len = PAGES * page, .prot = prot,
	                                    .fd = mapped->fd, .lost = note };
}

static void cut(const struct mapped *mapped, size_t pages)
{
	ck_assert_int_eq(ftruncate(mapped->fd, (off_t)(pages * page)), 0);
}

static void setup(void)
{
	/* A sanitizer has a handler of its own. */
	signal(SIGBUS, SIG_DFL);
}

START_TEST(zeros_where_the_file_is_gone)
{
	struct mapped mapped = { 0 };

	map(&mapped, PROT_READ, MAP_SHARED);
	ck_assert_int_eq(srd_guard_catch(), 0);
	srd_guard_add(&mapped.guard);
	ck_assert_int_eq(mapped.bytes[5 * page], 6);
	ck_assert(!srd_guard_is_hit(&mapped.guard));
	cut(&mapped, 3);
	errno = 77;
	ck_assert_int_eq(mapped.bytes[5 * page + 7], 0);
	ck_assert_int_eq(errno, 77);
	ck_assert(srd_guard_is_hit(&mapped.guard));
	ck_assert_uint_eq(mapped.calls, 1);
	ck_assert_uint_eq(mapped.lost_from, 5 * page);
	ck_assert_uint_eq(mapped.lost_len, (PAGES - 5) * page);
	/* All behind is there without another fault, and what is left is unchanged. */
	for (size_t i = 5 * page; i < PAGES * page; i += page)
		ck_assert_int_eq(mapped.bytes[i], 0);
	ck_assert_uint_eq(mapped.calls, 1);
	ck_assert_int_eq(mapped.bytes[3 * page], 0);
	ck_assert_uint_eq(mapped.calls, 2);
	ck_assert_int_eq(mapped.bytes[2 * page], 3);
	srd_guard_remove(&mapped.guard);
}
END_TEST

/* As an image is mapped: what is written afterwards stays. */
START_TEST(private_pages_can_be_written)
{
	struct mapped mapped = { 0 };

	map(&mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	ck_assert_int_eq(srd_guard_catch(), 0);
	srd_guard_add(&mapped.guard);
	cut(&mapped, 1);
	mapped.bytes[9 * page] = 7;
	mapped.bytes[page] = 8;
	ck_assert_int_eq(mapped.bytes[9 * page], 7);
	ck_assert_int_eq(mapped.bytes[page], 8);
	ck_assert_uint_eq(mapped.guard.faults, 2);
	srd_guard_remove(&mapped.guard);
}
END_TEST

START_TEST(without_a_descriptor_page_by_page)
{
	struct mapped mapped = { 0 };

	map(&mapped, PROT_READ, MAP_SHARED);
	mapped.guard.fd = -1;
	mapped.guard.lost = NULL;
	ck_assert_int_eq(srd_guard_catch(), 0);
	srd_guard_add(&mapped.guard);
	cut(&mapped, 0);
	for (size_t i = 0; i < 10; i++)
		ck_assert_int_eq(mapped.bytes[i * page], 0);
	ck_assert_uint_eq(mapped.guard.faults, 10);
	srd_guard_remove(&mapped.guard);
}
END_TEST

/* The signal that ends a child which touches MAPPED; 0: it lives. */
static int fate(const struct mapped *mapped)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(mapped->bytes[5 * page] == 99);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

START_TEST(other_mappings_are_left_alone)
{
	struct mapped mapped = { 0 }, other = { 0 };

	map(&mapped, PROT_READ, MAP_SHARED);
	map(&other, PROT_READ, MAP_SHARED);
	cut(&mapped, 1);
	cut(&other, 1);
	srd_guard_add(&mapped.guard);
	ck_assert_int_eq(fate(&mapped), SIGBUS);   /* nobody catches */
	ck_assert_int_eq(srd_guard_catch(), 0);
	ck_assert_int_eq(fate(&mapped), 0);
	ck_assert_int_eq(fate(&other), SIGBUS);
	srd_guard_remove(&mapped.guard);
	ck_assert_int_eq(fate(&mapped), SIGBUS);
	srd_guard_remove(&other.guard);            /* was never added */
}
END_TEST

static sigjmp_buf escape;

static void jump(int number, siginfo_t *info, void *context)
{
	(void)context;
	siglongjmp(escape, number == SIGBUS && info->si_addr != NULL ? 1 : 2);
}

START_TEST(who_caught_before_still_does)
{
	struct sigaction theirs = { .sa_sigaction = jump, .sa_flags = SA_SIGINFO };
	struct mapped mapped = { 0 }, other = { 0 };

	map(&mapped, PROT_READ, MAP_SHARED);
	map(&other, PROT_READ, MAP_SHARED);
	ck_assert_int_eq(sigaction(SIGBUS, &theirs, NULL), 0);
	ck_assert_int_eq(srd_guard_catch(), 0);
	ck_assert_int_eq(srd_guard_catch(), 0);
	srd_guard_add(&mapped.guard);
	cut(&mapped, 1);
	cut(&other, 1);
	int came = sigsetjmp(escape, 1);
	if (came == 0) {
		ck_assert_int_eq(mapped.bytes[page], 0);
		(void)other.bytes[page];
		ck_abort_msg("a fault that nobody noticed");
	}
	ck_assert_int_eq(came, 1);
	srd_guard_remove(&mapped.guard);
}
END_TEST

START_TEST(sent_signals_do_what_they_did)
{
	int status;

	ck_assert_int_eq(srd_guard_catch(), 0);
	pid_t child = fork();
	if (child == 0) {
		raise(SIGBUS);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
}
END_TEST

/* Each maps, guards, loses and reads its own, beside the others, and one of all. */
static void *churn(void *user)
{
	const struct mapped *shared = user;
	bool right = true;

	for (int i = 0; i < ROUNDS; i++) {
		struct mapped mapped = { 0 };
		map(&mapped, PROT_READ, MAP_SHARED);
		srd_guard_add(&mapped.guard);
		cut(&mapped, 1);
		right = right && mapped.bytes[(size_t)(i % 60 + 2) * page] == 0 && mapped.bytes[0] == 1;
		right = right && shared->bytes[(size_t)(i % 60 + 2) * page] == 0;
		srd_guard_remove(&mapped.guard);
		munmap(mapped.guard.start, mapped.guard.len);
		close(mapped.fd);
	}
	return right ? user : NULL;
}

START_TEST(threads_lose_side_by_side)
{
	struct mapped shared = { 0 };
	pthread_t threads[THREADS];

	map(&shared, PROT_READ, MAP_SHARED);
	ck_assert_int_eq(srd_guard_catch(), 0);
	srd_guard_add(&shared.guard);
	cut(&shared, 1);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, churn, &shared), 0);
	for (int i = 0; i < THREADS; i++) {
		void *right;
		pthread_join(threads[i], &right);
		ck_assert(right != NULL);
	}
	srd_guard_remove(&shared.guard);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("guard");
	TCase *tcase = tcase_create("guard");

	page = (size_t)sysconf(_SC_PAGESIZE);
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, zeros_where_the_file_is_gone);
	tcase_add_test(tcase, private_pages_can_be_written);
	tcase_add_test(tcase, without_a_descriptor_page_by_page);
	tcase_add_test(tcase, other_mappings_are_left_alone);
	tcase_add_test(tcase, who_caught_before_still_does);
	tcase_add_test(tcase, sent_signals_do_what_they_did);
	tcase_add_test(tcase, threads_lose_side_by_side);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
