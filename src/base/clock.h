/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.h - the two clocks, in nanoseconds: the one on the wall, which is written
 * down and may be set back, and the one that only goes on, for what is due.
 */
#ifndef SRD_BASE_CLOCK_H
#define SRD_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define SRD_NS_PER_SECOND INT64_C(1000000000)

static inline int64_t srd_clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * SRD_NS_PER_SECOND + now.tv_nsec;
}

/* Since 1970. */
static inline int64_t srd_wall_ns(void)
{
	return srd_clock_ns(CLOCK_REALTIME);
}

/* Since some time before. */
static inline int64_t srd_monotonic_ns(void)
{
	return srd_clock_ns(CLOCK_MONOTONIC);
}

#endif
