/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mutex.h - a lock that is had in turns: who waits for it queues, and whoever waits is
 * served before all who came later, but for those who find it free while the next in
 * line is still being woken.
 *
 *     lock      free? ---- yes ----> held
 *                 no
 *                 v
 *               queue, in order of coming; asleep
 *                 v
 *               front: the one that waits for the holder; looks for a moment, then
 *                 |    reserves the lock, and sleeps
 *     unlock      v
 *       reserved? it stays taken, for the front alone; else it is free
 *
 * A pthread mutex lets anybody in who comes at the right moment, so that one may wait
 * for ever.  To hand it over with each unlock would cost a change of threads each time,
 * which is many times what is done under it; here whoever is awake goes on while the
 * next is being woken, and no longer.
 *
 * All zeros is a mutex that is free.
 */
#ifndef SRD_BASE_MUTEX_H
#define SRD_BASE_MUTEX_H

#include <stdatomic.h>

enum { SRD_MUTEX_HELD = 1, SRD_MUTEX_RESERVED = 2 };

struct srd_mutex {
	_Alignas(64) atomic_uint word;   /* futex of the front: the bits above */
	atomic_uint serving;             /* futex of the queue: the ticket of the front */
	atomic_uint tickets;             /* given out */
};

void srd_mutex_queue(struct srd_mutex *mutex);
void srd_mutex_wake_front(struct srd_mutex *mutex);

static inline void srd_mutex_lock(struct srd_mutex *mutex)
{
	unsigned free = 0;

	/* Acquire: pairs with the release in unlock. */
	if (!atomic_compare_exchange_strong_explicit(&mutex->word, &free, SRD_MUTEX_HELD, memory_order_acquire,
	                                             memory_order_relaxed))
		srd_mutex_queue(mutex);
}

static inline void srd_mutex_unlock(struct srd_mutex *mutex)
{
	if (atomic_fetch_and_explicit(&mutex->word, ~(unsigned)SRD_MUTEX_HELD, memory_order_release) & SRD_MUTEX_RESERVED)
		srd_mutex_wake_front(mutex);
}

#endif
