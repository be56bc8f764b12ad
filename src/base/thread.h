/* SPDX-License-Identifier: Apache-2.0 */
/* thread.h - threads of ours: the program's signals are not for them. */
#ifndef SRD_BASE_THREAD_H
#define SRD_BASE_THREAD_H

#include <pthread.h>

/* Starts RUN(USER) bound to CPU (-1: to none), with every signal blocked but SIGBUS: a
 * thread that blocks it dies of a fault whatever the handler (guard.h).  0 or a
 * negative code. */
int srd_thread_start(pthread_t *thread, void *(*run)(void *), void *user, int cpu);

#endif
