/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit.h - what the unit tests share: the run, random numbers whose seed can be
 * given back, and memory that ends where nothing may be read.
 */
#ifndef SRD_TESTS_UNIT_UNIT_H
#define SRD_TESTS_UNIT_UNIT_H

#include <check.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* Runs SUITE; the exit status for main.  Frees it. */
static inline int unit_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}

/* The seed of this run: SRD_TEST_SEED of the environment, or a new one.  Call
 * it in main: it says how to repeat the run. */
static inline uint64_t unit_seed(void)
{
	const char *given = getenv("SRD_TEST_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0)
	                      : (uint64_t)time(NULL) * 1000003 + (uint64_t)getpid();

	printf("SRD_TEST_SEED=%" PRIu64 "\n", seed);
	fflush(stdout);
	return seed;
}

/* The next random number (splitmix64). */
static inline uint64_t unit_random(uint64_t *state)
{
	uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* A random number below LIMIT. */
static inline uint32_t unit_below(uint64_t *state, uint32_t limit)
{
	return (uint32_t)((unit_random(state) >> 32) * limit >> 32);
}

/* As ck_assert(), which writes to a file each time: too slow for inner loops. */
#define EXPECT(truth) \
	do { \
		if (!(truth)) \
			ck_abort_msg("expected: %s", #truth); \
	} while (0)

static inline void unit_random_bytes(uint64_t *state, void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)bytes)[i] = (uint8_t)unit_random(state);
}

/* LEN usable bytes (whole pages) between two pages that must not be touched. */
struct unit_fence {
	uint8_t *bytes;
	size_t len;
};

static inline struct unit_fence unit_fence_new(size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t whole = (len + page - 1) / page * page;
	uint8_t *map = mmap(NULL, whole + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert(map != MAP_FAILED);
	ck_assert_int_eq(mprotect(map + page, whole, PROT_READ | PROT_WRITE), 0);
	return (struct unit_fence){ map + page, whole };
}

static inline void unit_fence_free(struct unit_fence fence)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	munmap(fence.bytes - page, fence.len + 2 * page);
}

/* The last LEN bytes of FENCE: one further is a fault. */
static inline uint8_t *unit_fence_tail(struct unit_fence fence, size_t len)
{
	return fence.bytes + fence.len - len;
}

#endif
