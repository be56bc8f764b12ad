/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard.h - mapped files that may shrink, or fail, under us.
 *
 * Who touches a page of a mapping that its file has no more (truncated), or that
 * the disk cannot give, gets SIGBUS.  In a guarded mapping the handler puts zeros
 * in the place of such a page, tells the owner, and the access goes on as if the
 * file had held zeros:
 *
 *     [ page | page | gone ]      [ page | page | zeros ]   faults += 1
 *                     ^ SIGBUS                    ^ goes on
 *
 * So nothing need be prepared to be interrupted, locks stay as they are, and before
 * a fault the guard costs nothing.  The price: zeros must not be believed.
 * Checksums of zeros fail; where there are none, or where something was found right
 * earlier, the owner reads first and asks srd_guard_is_hit() afterwards.
 *
 * How to use it, for instance for an image mapped MAP_PRIVATE: fill in the struct,
 * which lies in the owner's and is zero otherwise, add it behind mmap(), remove it
 * before munmap().  Zeros are there to stay: a mapping that was hit is of no more
 * use than its owner finds it to be.
 *
 * Without srd_guard_catch() nobody handles the signal, and the process dies.
 */
#ifndef SRD_BASE_GUARD_H
#define SRD_BASE_GUARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct srd_guard {
	void *start;              /* the mapping: whole pages */
	atomic_size_t len;
	int prot;                 /* of the zeros: what the mapping has */
	int fd;                   /* the mapped file, from its start; -1: not known */
	/* Called in the signal handler, before the zeros are there: [OFFSET, OFFSET + LEN)
	 * of the mapping is lost.  Only what is async-signal-safe, and nothing that is
	 * guarded may be touched.  May come more than once for a place.  Or NULL. */
	void (*lost)(struct srd_guard *guard, size_t offset, size_t len);
	void *user;               /* the owner's */
	atomic_ulong faults;      /* raised before the zeros are there */
	_Atomic(struct srd_guard *) next;
};

/* The struct stays where it is until it is removed.  Thread-safe. */
void srd_guard_add(struct srd_guard *guard);
/* Afterwards no handler looks at it.  Nothing for one that was never added. */
void srd_guard_remove(struct srd_guard *guard);

/* The mapping is LEN from now on: what lay behind it may be unmapped, or what was mapped there is
 * part of it.  The struct has been added. */
void srd_guard_resize(struct srd_guard *guard, size_t len);

/* Catches the faults of this process, from now on, in all threads that do not block
 * SIGBUS.  Faults elsewhere go to whoever handled SIGBUS before.  Once is enough.
 * 0 or a negative errno. */
int srd_guard_catch(void);

/* What was read before comes before what is read after.  gcc's thread sanitizer knows
 * no fences, and sees none of the zeros: the compiler's order is enough for it. */
static inline void srd_guard_order_reads(void)
{
#ifdef __SANITIZE_THREAD__
	atomic_signal_fence(memory_order_acquire);
#else
	atomic_thread_fence(memory_order_acquire);
#endif
}

/* True if zeros may have been read: ask after reading.  Acquire: whoever saw zeros
 * sees the fault. */
static inline bool srd_guard_is_hit(struct srd_guard *guard)
{
	srd_guard_order_reads();
	return atomic_load_explicit(&guard->faults, memory_order_relaxed) != 0;
}

#endif
