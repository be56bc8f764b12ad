/* SPDX-License-Identifier: Apache-2.0 */
/* futex.h - sleeping on a word of memory, private or shared by processes. */
#ifndef SRD_BASE_FUTEX_H
#define SRD_BASE_FUTEX_H

#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Sleeps while *WORD is VALUE, at most TIMEOUT (NULL: for ever); may return early. */
static inline void srd_futex_wait(atomic_uint *word, unsigned value, bool shared,
                                  const struct timespec *timeout)
{
	syscall(SYS_futex, word, shared ? FUTEX_WAIT : FUTEX_WAIT_PRIVATE, value, timeout, NULL, 0);
}

static inline void srd_futex_wake_one(atomic_uint *word, bool shared)
{
	syscall(SYS_futex, word, shared ? FUTEX_WAKE : FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* As these, but only for those who wait with a bit of MASK, which is not 0.  UNTIL: on
 * the monotonic clock (NULL: for ever). */
static inline void srd_futex_wait_bits(atomic_uint *word, unsigned value, unsigned mask, bool shared,
                                       const struct timespec *until)
{
	int op = shared ? FUTEX_WAIT_BITSET : FUTEX_WAIT_BITSET_PRIVATE;

	syscall(SYS_futex, word, op, value, until, NULL, mask);
}

static inline void srd_futex_wake_bits(atomic_uint *word, unsigned mask, bool shared)
{
	int op = shared ? FUTEX_WAKE_BITSET : FUTEX_WAKE_BITSET_PRIVATE;

	syscall(SYS_futex, word, op, INT_MAX, NULL, NULL, mask);
}

static inline void srd_futex_wake_all(atomic_uint *word, bool shared)
{
	syscall(SYS_futex, word, shared ? FUTEX_WAKE : FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

#endif
