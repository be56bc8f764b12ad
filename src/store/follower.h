/* SPDX-License-Identifier: Apache-2.0 */
/*
 * follower.h - a thread that learns of others' commits without being asked, for
 * who must tell somebody else of them: a mount its kernel.  Whoever only reads
 * looks when it reads, and needs none.
 */
#ifndef SRD_STORE_FOLLOWER_H
#define SRD_STORE_FOLLOWER_H

#include "store/store.h"

/* From now on WATCH is told of what others commit, once somebody has seen it.  Call before
 * the store is used; WATCH stays the caller's. */
void srd_follower_watch(struct srd_store *store, const struct srd_watch *watch);
/* From now on that is soon after it is in the log.  Call once there is a watch. */
int srd_follower_start(struct srd_store *store);
/* Ends the thread, and the watch.  Who uses the store at that moment may still be about to tell:
 * WATCH may go when nobody does. */
void srd_follower_stop(struct srd_store *store);

#endif
