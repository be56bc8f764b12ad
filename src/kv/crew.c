/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "kv/crew.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/check.h"
#include "base/thread.h"

enum { THREADS_MAX = 64, AT_ONCE = 8 };

struct crew {
	atomic_size_t next;
	size_t count;
	void (*do_one)(void *user, size_t i);
	void *user;
};

static void *work(void *user)
{
	struct crew *crew = user;
	size_t from;

	/* Relaxed: that threads end is what others wait for. */
	while ((from = atomic_fetch_add_explicit(&crew->next, AT_ONCE, memory_order_relaxed)) < crew->count)
		for (size_t i = from; i < SRD_MIN(from + AT_ONCE, crew->count); i++)
			crew->do_one(crew->user, i);
	return NULL;
}

static unsigned start(pthread_t *threads, unsigned count, struct crew *crew)
{
	unsigned started = 0;

	while (started < count && srd_thread_start(&threads[started], work, crew, -1) == 0)
		started++;
	return started;
}

void srd_crew_run(unsigned threads, size_t count, void (*do_one)(void *user, size_t i), void *user)
{
	struct crew crew = { .count = count, .do_one = do_one, .user = user };
	pthread_t others[THREADS_MAX];
	unsigned wanted = SRD_MIN(threads, (unsigned)THREADS_MAX);
	/* Those that cannot be had are done without. */
	unsigned started = wanted > 1 && count > AT_ONCE ? start(others, wanted - 1, &crew) : 0;

	work(&crew);
	for (unsigned i = 0; i < started; i++)
		pthread_join(others[i], NULL);
}

unsigned srd_crew_cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}
