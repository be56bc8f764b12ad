/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/thread.h"

#include <sched.h>
#include <signal.h>

/* Threads inherit what their maker blocks. */
static int create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *user)
{
	sigset_t ours, old;

	sigfillset(&ours);
	sigdelset(&ours, SIGBUS);
	pthread_sigmask(SIG_SETMASK, &ours, &old);
	int error = pthread_create(thread, attr, run, user);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -error;
}

static int create_bound(pthread_t *thread, void *(*run)(void *), void *user, int cpu)
{
	pthread_attr_t attr;
	cpu_set_t set;
	int error = -pthread_attr_init(&attr);

	if (error)
		return error;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	error = -pthread_attr_setaffinity_np(&attr, sizeof set, &set);
	if (!error)
		error = create(thread, &attr, run, user);
	pthread_attr_destroy(&attr);
	return error;
}

int srd_thread_start(pthread_t *thread, void *(*run)(void *), void *user, int cpu)
{
	return cpu < 0 ? create(thread, NULL, run, user) : create_bound(thread, run, user, cpu);
}
