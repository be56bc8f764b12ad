/* SPDX-License-Identifier: Apache-2.0 */
/*
 * warmer.c - one thread for some memory at a time, as the saver is for one image: started
 * when that is due, and joined before the next is, or before the tables go.
 *
 * It looks at no table: it has addresses, and asks the kernel to have pages there, which
 * changes nothing that lies in them.
 */
#include "config.h"

#include "store/warmer.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/check.h"
#include "base/thread.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23    /* since Linux 5.14; before, nothing is warmed */
#endif

/* Files to have room for: a share of what there is, so that memory follows use.  Smaller
 * tables have small pages, which cost nobody much. */
enum { WORTH = 20000, COUNT_MIN = 32 << 10, COUNT_MAX = 256 << 10, SHARE = 16 };
#define PIECE_LEN ((size_t)2 << 20)

struct srd_warmer {
	pthread_t thread;
	bool running;            /* to be joined */
	atomic_uint busy;        /* cleared by the thread as its last deed */
	atomic_uint stop;
	struct srd_frontier frontiers[SRD_FRONTIERS];   /* the thread's while busy */
};

/* Whole pages, a large one at a time: whoever changes mappings waits for no more. */
static void warm(const struct srd_warmer *warmer, const struct srd_frontier *frontier)
{
	uintptr_t at = (uintptr_t)frontier->start / 4096 * 4096, end = (uintptr_t)frontier->start + frontier->len;

	while (at < end && !atomic_load_explicit(&warmer->stop, memory_order_relaxed)) {
		uintptr_t next = SRD_MIN((at / PIECE_LEN + 1) * PIECE_LEN, end);
		if (madvise((void *)at, next - at, MADV_POPULATE_WRITE) != 0)
			return;
		at = next;
	}
}

static void *run(void *user)
{
	struct srd_warmer *warmer = user;

	for (unsigned i = 0; i < SRD_FRONTIERS; i++)
		warm(warmer, &warmer->frontiers[i]);
	/* Release: pairs with the acquire in srd_warmer_nudge(). */
	atomic_store_explicit(&warmer->busy, 0, memory_order_release);
	return NULL;
}

static void start(struct srd_store *store, struct srd_warmer *warmer, uint64_t count)
{
	srd_state_frontiers(&store->state, count, warmer->frontiers);
	atomic_store(&warmer->busy, 1);
	warmer->running = srd_thread_start(&warmer->thread, run, warmer, -1) == 0;
	if (!warmer->running)
		atomic_store(&warmer->busy, 0);
}

void srd_warmer_nudge(struct srd_store *store)
{
	uint64_t ops = store->state.ops, files = store->state.files;
	struct srd_warmer *warmer = store->warmer;

	if (ops < store->warm_at_ops)
		return;
	/* Who opens and writes a little needs none. */
	if (store->warm_at_ops == 0) {
		store->warm_at_ops = ops + COUNT_MIN / 4;
		return;
	}
	/* An op makes one file at most. */
	uint64_t count = SRD_MIN(SRD_MAX(files / SHARE, (uint64_t)COUNT_MIN), (uint64_t)COUNT_MAX);
	store->warm_at_ops = ops + count / 4;
	if (files < WORTH || (warmer && atomic_load_explicit(&warmer->busy, memory_order_acquire)))
		return;
	if (!warmer && !(warmer = store->warmer = calloc(1, sizeof *warmer)))
		return;
	if (warmer->running)
		pthread_join(warmer->thread, NULL);
	start(store, warmer, count);
}

void srd_warmer_stop(struct srd_store *store)
{
	struct srd_warmer *warmer = store->warmer;

	if (!warmer)
		return;
	atomic_store(&warmer->stop, 1);
	/* A child has no thread of ours. */
	if (warmer->running && srd_log_is_own(store->log))
		pthread_join(warmer->thread, NULL);
	free(warmer);
	store->warmer = NULL;
	store->warm_at_ops = 0;
}
