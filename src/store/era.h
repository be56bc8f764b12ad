/* SPDX-License-Identifier: Apache-2.0 */
/* era.h - what only store.c and move.c need of eras; the rest is in store.h. */
#ifndef SRD_STORE_ERA_H
#define SRD_STORE_ERA_H

#include "store/store.h"

struct srd_era {
	struct srd_store *_Atomic store;   /* that has its log and state */
	atomic_uint users;                 /* and that store itself */
};

/* STORE's first. */
int srd_era_new(struct srd_store *store);
/* STORE has gone over to another log and state, and LEFT has those that were its own: who
 * joined the era goes on there.  Commit mutex and write side held. */
void srd_era_pass(struct srd_store *store, struct srd_store *left);

#endif
