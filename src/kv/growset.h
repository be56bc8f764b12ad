/* SPDX-License-Identifier: Apache-2.0 */
/* growset.h - a set of numbers above 0 that grows as it is filled.  One thread. */
#ifndef SRD_KV_GROWSET_H
#define SRD_KV_GROWSET_H

#include "base/numberset.h"

/* All zero: empty. */
struct srd_growset {
	struct srd_numberset numbers;
	size_t used;
};

/* 0 is in no set, and is no error.  0 or -ENOMEM. */
int srd_growset_add(struct srd_growset *set, uint64_t number);
bool srd_growset_has(const struct srd_growset *set, uint64_t number);
void srd_growset_release(struct srd_growset *set);

#endif
