/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lost.c - bytes that were in the log and are gone: the file was cut short, or the
 * disk cannot give them.
 *
 *     nothing --- a fault is caught (any thread) ---> unseen
 *        |                                              |
 *        +------ the file is found too short ---+       | the next who follows
 *                (under the commit mutex)       v       v
 *                                               seen: `end` is where the file ends
 *
 * From then on the log stands still: nothing is followed or appended, for what would
 * be built on it is not what others see.  What is left is served, each block checked
 * again; what is gone is SRD_ELOST.  It stays so until the store is opened again.
 */
#include "config.h"

#include "log/internal.h"

#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>

/* In the signal handler. */
static void note_fault(struct srd_guard *guard, size_t offset, size_t len)
{
	struct srd_log *log = (struct srd_log *)((char *)guard - offsetof(struct srd_log, guard));
	int nothing = SRD_LOST_NOTHING;

	(void)len;
	/* Release: pairs with srd_log_is_lost(). */
	if (atomic_compare_exchange_strong(&log->lost, &nothing, SRD_LOST_UNSEEN))
		atomic_store(&log->lost_at, offset);
}

void srd_log_guard(struct srd_log *log)
{
	log->guard = (struct srd_guard){ .start = (void *)log->map, .len = log->map_len,
	                                 .prot = PROT_READ, .fd = log->fd, .lost = note_fault };
	srd_guard_add(&log->guard);
}

void srd_log_lose(struct srd_log *log, uint64_t size)
{
	uint64_t end = atomic_load(&log->end);

	if (size < end) {
		if (atomic_load(&log->lost_end) == 0)
			atomic_store(&log->lost_end, end);
		atomic_store(&log->lost_at, size);
		/* Before the loss is seen: who sees it sees no further than this. */
		atomic_store(&log->end, size);
	}
	atomic_store(&log->lost, SRD_LOST_SEEN);
}

void srd_log_describe_loss(const struct srd_log *log, char text[SRD_LOSS_TEXT_LEN])
{
	unsigned long long at = atomic_load(&log->lost_at), end = atomic_load(&log->lost_end);

	if (end)
		snprintf(text, SRD_LOSS_TEXT_LEN, "the store file was cut short: %llu bytes are left of %llu", at, end);
	else
		snprintf(text, SRD_LOSS_TEXT_LEN, "the store file cannot be read at %llu", at);
}
