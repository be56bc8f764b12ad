/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/mutex.h"

#include "base/futex.h"

/* What is done under it takes a microsecond or two, a sleep some tens of them. */
enum { LOOKS = 100 };

/* Sleepers of the queue are told from each other by bits, so that only the one whose
 * turn it is is woken (and every 32nd behind it). */
static unsigned mask_of(unsigned ticket)
{
	return 1U << ticket % 32;
}

/* Lets the other thread of the core, if it has one, have it. */
static void pause_core(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

static void await_front(struct srd_mutex *mutex, unsigned ticket)
{
	unsigned serving;

	while ((serving = atomic_load(&mutex->serving)) != ticket)
		srd_futex_wait_bits(&mutex->serving, serving, mask_of(ticket), false, NULL);
}

/* Says who is the front now.  The new ticket before the look at who waits for it, as
 * they take theirs before they look whose turn it is: one of both sees the other. */
static void leave_front(struct srd_mutex *mutex, unsigned ticket)
{
	atomic_store(&mutex->serving, ticket + 1);
	if (atomic_load(&mutex->tickets) != ticket + 1)
		srd_futex_wake_bits(&mutex->serving, mask_of(ticket + 1), false);
}

static bool is_found_free(struct srd_mutex *mutex)
{
	for (int look = 0; look < LOOKS; look++) {
		unsigned word = atomic_load_explicit(&mutex->word, memory_order_relaxed);
		if (word == 0 && atomic_compare_exchange_strong(&mutex->word, &word, SRD_MUTEX_HELD))
			return true;
		pause_core();
	}
	return false;
}

/* Nobody else takes what is reserved, and nobody else reserves. */
static void take_reserved(struct srd_mutex *mutex)
{
	unsigned word = atomic_fetch_or(&mutex->word, SRD_MUTEX_RESERVED);

	while (word & SRD_MUTEX_HELD) {
		srd_futex_wait(&mutex->word, SRD_MUTEX_HELD | SRD_MUTEX_RESERVED, false, NULL);
		word = atomic_load(&mutex->word);
	}
	atomic_store(&mutex->word, SRD_MUTEX_HELD);
}

void srd_mutex_queue(struct srd_mutex *mutex)
{
	unsigned ticket = atomic_fetch_add(&mutex->tickets, 1);

	await_front(mutex, ticket);
	if (!is_found_free(mutex))
		take_reserved(mutex);
	leave_front(mutex, ticket);
}

void srd_mutex_wake_front(struct srd_mutex *mutex)
{
	srd_futex_wake_one(&mutex->word, false);
}
