/* SPDX-License-Identifier: Apache-2.0 */
/* cleanup.h - locals that release what they hold when they go out of scope. */
#ifndef SRD_BASE_CLEANUP_H
#define SRD_BASE_CLEANUP_H

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static inline void srd_cleanup_free(void *p) { free(*(void **)p); }
static inline void srd_cleanup_close(const int *fd) { if (*fd >= 0) close(*fd); }
static inline void srd_cleanup_unlock(pthread_mutex_t **mutex) { pthread_mutex_unlock(*mutex); }

#define SRD_CLEANUP(function) __attribute__((cleanup(function)))
#define SRD_AUTO_FREE SRD_CLEANUP(srd_cleanup_free)
#define SRD_AUTO_CLOSE SRD_CLEANUP(srd_cleanup_close)

/* Holds MUTEX to the end of the scope. */
#define SRD_LOCK_CONCAT_(a, b) a##b
#define SRD_LOCK_NAME_(line) SRD_LOCK_CONCAT_(held_, line)
#define SRD_LOCK_GUARD(mutex) \
	__attribute__((unused)) pthread_mutex_t *SRD_LOCK_NAME_(__LINE__) SRD_CLEANUP(srd_cleanup_unlock) = \
		(pthread_mutex_lock(mutex), (mutex))

/* Returns the pointer and leaves NULL, so that its cleanup does nothing. */
#define SRD_TAKE(pointer) \
	({ __typeof__(pointer) taken_ = (pointer); (pointer) = NULL; taken_; })

#endif
