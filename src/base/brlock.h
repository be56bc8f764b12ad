/* SPDX-License-Identifier: Apache-2.0 */
/*
 * brlock.h - a big-reader lock: readers on different CPUs touch different
 * cache lines, so that they scale; the writer, which is rare and short, looks
 * at every stripe.
 *
 *     reader                          writer
 *       stripe.readers += 1             writing = 1
 *       writing == 0 ?  enter           every stripe.readers == 0 ?  enter
 *       else stripe.readers -= 1, wait  else wait
 *
 * Both sides store before they load, with sequential consistency, so at least
 * one of them sees the other (Dekker).  Writers exclude each other with a
 * mutex of the caller's.
 */
#ifndef SRD_BASE_BRLOCK_H
#define SRD_BASE_BRLOCK_H

#include <stdatomic.h>
#include <stdint.h>

enum { SRD_BRLOCK_STRIPES = 16 };

struct srd_brlock {
	struct {
		_Alignas(64) atomic_uint readers;
	} stripe[SRD_BRLOCK_STRIPES];
	_Alignas(64) atomic_uint writing;   /* futex: not 0 while a writer is in or waits */
};

/* The calling thread's stripe; the same for its whole life. */
unsigned srd_brlock_stripe(void);
void srd_brlock_read_wait(struct srd_brlock *lock, unsigned stripe);

static inline void srd_brlock_read_lock(struct srd_brlock *lock, unsigned stripe)
{
	atomic_fetch_add(&lock->stripe[stripe].readers, 1);
	if (__builtin_expect(atomic_load(&lock->writing) != 0, 0))
		srd_brlock_read_wait(lock, stripe);
}

static inline void srd_brlock_read_unlock(struct srd_brlock *lock, unsigned stripe)
{
	/* Release: the writer's load of readers sees our reads done. */
	atomic_fetch_sub_explicit(&lock->stripe[stripe].readers, 1, memory_order_release);
}

/* Call with the writers' mutex held. */
void srd_brlock_write_lock(struct srd_brlock *lock);
void srd_brlock_write_unlock(struct srd_brlock *lock);

#endif
