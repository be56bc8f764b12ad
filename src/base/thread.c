/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/thread.h"

#include <sched.h>
#include <signal.h>

#include "base/error.h"

/* Threads inherit what their maker blocks. */
static int create(pthread_t *thread, void *(*run)(void *), void *user)
{
	sigset_t ours, old;

	sigfillset(&ours);
	sigdelset(&ours, SIGBUS);
	pthread_sigmask(SIG_SETMASK, &ours, &old);
	int error = pthread_create(thread, NULL, run, user);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -error;
}

/* A thread begins where the one is bound that makes it.  So nobody but the calling one
 * has to be bound, which is what a sandbox allows. */
static int create_bound(pthread_t *thread, void *(*run)(void *), void *user, int cpu)
{
	cpu_set_t own, set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_getaffinity(0, sizeof own, &own) != 0 || sched_setaffinity(0, sizeof set, &set) != 0)
		return srd_errno();
	int error = create(thread, run, user);
	sched_setaffinity(0, sizeof own, &own);
	return error;
}

int srd_thread_start(pthread_t *thread, void *(*run)(void *), void *user, int cpu)
{
	return cpu < 0 ? create(thread, run, user) : create_bound(thread, run, user, cpu);
}
