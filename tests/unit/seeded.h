/* SPDX-License-Identifier: Apache-2.0 */
/* seeded.h - for tests of many random steps: numbers whose seed is printed, and
 * taken back from SRD_TEST_SEED, and an assertion that costs nothing when it holds. */
#ifndef SRD_TESTS_SEEDED_H
#define SRD_TESTS_SEEDED_H

#include <check.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/hash.h"

/* As ck_assert(), which writes to a file each time: too slow for inner loops. */
#define EXPECT(truth) \
	do { \
		if (!(truth)) \
			ck_abort_msg("expected: %s", #truth); \
	} while (0)

struct seeded {
	uint64_t seed, count;
};

static inline struct seeded seeded_start(const char *test)
{
	const char *given = getenv("SRD_TEST_SEED");
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 20;
	printf("%s: SRD_TEST_SEED=%" PRIu64 "\n", test, seed);
	fflush(stdout);
	return (struct seeded){ .seed = seed };
}

static inline uint64_t seeded_next(struct seeded *seeded)
{
	return srd_mix(seeded->seed + ++seeded->count * UINT64_C(0x9e3779b97f4a7c15));
}

/* Below LIMIT. */
static inline uint32_t seeded_below(struct seeded *seeded, uint32_t limit)
{
	return (uint32_t)((seeded_next(seeded) >> 32) * limit >> 32);
}

#endif
