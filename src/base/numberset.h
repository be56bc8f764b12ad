/* SPDX-License-Identifier: Apache-2.0 */
/*
 * numberset.h - a set of numbers above 0 in memory that its user brings, for instance
 * memory shared with whoever goes on when this process has died: it is sound after
 * every single store, though one number may be in it twice by then.
 *
 * Open addressing; no locks: one thread at a time, or only readers.
 */
#ifndef SRD_BASE_NUMBERSET_H
#define SRD_BASE_NUMBERSET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct srd_numberset {
	atomic_ulong *slots;      /* 0: empty; all 0 to begin with */
	size_t count;             /* of them; a power of two */
};

/* False if it is full: the number is then not in it. */
bool srd_numberset_add(struct srd_numberset *set, uint64_t number);
void srd_numberset_remove(struct srd_numberset *set, uint64_t number);
bool srd_numberset_has(const struct srd_numberset *set, uint64_t number);

#endif
