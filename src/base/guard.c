/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard.c - the handler of SIGBUS and the list of mappings that it saves.
 *
 * A signal's handler belongs to the process, so this state does too: there is no
 * handle that it could hang on.  The list is changed under a mutex and walked by
 * handlers, which take none; who removes waits until no handler is in the list.
 */
#include "config.h"

#include "base/guard.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"

#ifdef SYS_mmap
#define MMAP SYS_mmap
#else
#define MMAP SYS_mmap2   /* 32 bits; the offset, its one difference, is 0 here */
#endif

static pthread_mutex_t change = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(struct srd_guard *) first;    /* changed under `change` */
static atomic_uint walkers;                  /* handlers in the list */
static struct sigaction before;              /* set once, before our handler is there */
static size_t page_len;                      /* likewise */

void srd_guard_add(struct srd_guard *guard)
{
	pthread_mutex_lock(&change);
	atomic_store(&guard->next, atomic_load(&first));
	atomic_store(&first, guard);
	pthread_mutex_unlock(&change);
}

/* Sequentially consistent, as the handler's steps: who comes after a change does not find
 * what was, who came before is waited for. */
static void await_walkers(void)
{
	while (atomic_load(&walkers) > 0)
		sched_yield();
}

void srd_guard_remove(struct srd_guard *guard)
{
	pthread_mutex_lock(&change);
	_Atomic(struct srd_guard *) *link = &first;
	while (atomic_load(link) && atomic_load(link) != guard)
		link = &atomic_load(link)->next;
	if (atomic_load(link))
		atomic_store(link, atomic_load(&guard->next));
	await_walkers();
	pthread_mutex_unlock(&change);
}

void srd_guard_resize(struct srd_guard *guard, size_t len)
{
	pthread_mutex_lock(&change);
	atomic_store(&guard->len, len);
	await_walkers();
	pthread_mutex_unlock(&change);
}

/* How much is lost from the page at OFFSET on: all that follows, if the file ends
 * before; so a file cut short costs one mapping, not one for each page.  Where there
 * is writing, what follows may have been written to since it was lost. */
static size_t lost_len(const struct srd_guard *guard, size_t offset)
{
	struct stat st;

	if ((guard->prot & PROT_WRITE) || guard->fd < 0 || fstat(guard->fd, &st) != 0 ||
	    (uint64_t)st.st_size > offset)
		return SRD_MIN(page_len, atomic_load(&guard->len) - offset);
	return atomic_load(&guard->len) - offset;
}

/* Puts zeros where ADDRESS is.  A raw call: what a sanitizer makes of mmap() has no
 * place in a handler. */
static bool save(struct srd_guard *guard, uintptr_t address)
{
	size_t offset = (address - (uintptr_t)guard->start) / page_len * page_len;
	size_t len = lost_len(guard, offset);
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;

	if (guard->lost)
		guard->lost(guard, offset, len);
	/* Release: pairs with srd_guard_is_hit(). */
	atomic_fetch_add_explicit(&guard->faults, 1, memory_order_release);
	return syscall(MMAP, (char *)guard->start + offset, len, guard->prot, flags, -1, 0) != -1;
}

static bool save_any(uintptr_t address)
{
	struct srd_guard *guard;
	bool saved = false;

	atomic_fetch_add(&walkers, 1);
	for (guard = atomic_load(&first); guard; guard = atomic_load(&guard->next)) {
		if (address - (uintptr_t)guard->start < atomic_load(&guard->len)) {
			saved = save(guard, address);
			break;
		}
	}
	atomic_fetch_sub(&walkers, 1);
	return saved;
}

/* Not ours: what would have happened without us. */
static void pass_on(int number, siginfo_t *info, void *context)
{
	bool sent = info->si_code <= 0;   /* by kill(), not by a fault */

	if (before.sa_flags & SA_SIGINFO) {
		before.sa_sigaction(number, info, context);
	} else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
		before.sa_handler(number);
	} else if (before.sa_handler == SIG_DFL || !sent) {
		/* A fault comes again as soon as we return; what was sent does not. */
		sigaction(number, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
		if (sent)
			raise(number);
	}
}

static void handle(int number, siginfo_t *info, void *context)
{
	int saved_errno = errno;

	if (info->si_code <= 0 || !save_any((uintptr_t)info->si_addr))
		pass_on(number, info, context);
	errno = saved_errno;
}

static void install(void)
{
	struct sigaction ours = { .sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };

	page_len = (size_t)sysconf(_SC_PAGESIZE);
	sigemptyset(&ours.sa_mask);
	if (sigaction(SIGBUS, NULL, &before) == 0)
		sigaction(SIGBUS, &ours, NULL);
}

int srd_guard_catch(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	return -pthread_once(&once, install);
}
