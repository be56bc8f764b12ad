/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/brlock.h"

#include <sched.h>

#include "base/futex.h"

/* A reader stays in for less than a microsecond, so the writer spins first. */
enum { SPINS = 200 };

enum { FREE, WRITING, AWAITED };   /* AWAITED: some reader sleeps on the word */

unsigned srd_brlock_stripe(void)
{
	static atomic_uint next;
	static _Thread_local unsigned mine;   /* stripe + 1; 0: not chosen yet */

	if (mine == 0)
		mine = atomic_fetch_add_explicit(&next, 1, memory_order_relaxed) % SRD_BRLOCK_STRIPES + 1;
	return mine - 1;
}

static void sleep_while_writing(struct srd_brlock *lock)
{
	unsigned seen;

	while ((seen = atomic_load(&lock->writing))) {
		if (seen == WRITING && !atomic_compare_exchange_strong(&lock->writing, &seen, AWAITED))
			continue;
		srd_futex_wait(&lock->writing, AWAITED, false, NULL);
	}
}

void srd_brlock_read_wait(struct srd_brlock *lock, unsigned stripe)
{
	do {
		atomic_fetch_sub_explicit(&lock->stripe[stripe].readers, 1, memory_order_release);
		sleep_while_writing(lock);
		atomic_fetch_add(&lock->stripe[stripe].readers, 1);
	} while (atomic_load(&lock->writing));
}

void srd_brlock_write_lock(struct srd_brlock *lock)
{
	atomic_store(&lock->writing, WRITING);
	for (unsigned i = 0; i < SRD_BRLOCK_STRIPES; i++)
		for (unsigned spin = 0; atomic_load(&lock->stripe[i].readers); spin++)
			if (spin >= SPINS)
				sched_yield();
}

void srd_brlock_write_unlock(struct srd_brlock *lock)
{
	/* Pairs with the load in read_wait and read_lock: what was written
	 * under the lock is seen by whoever reads 0. */
	if (atomic_exchange(&lock->writing, FREE) == AWAITED)
		srd_futex_wake_all(&lock->writing, false);
}
