/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper.h - a store's own thread, started with the first append: gives an
 * idle append lock to whoever asks, and syncs in the background (every 5 s, or
 * when 64 MiB are not durable yet).
 */
#ifndef SRD_STORE_KEEPER_H
#define SRD_STORE_KEEPER_H

#include "store/store.h"

/* After an append, with the commit mutex held: starts the thread if there is none, and
 * wakes it if there is much to sync. */
void srd_keeper_nudge(struct srd_store *store);
/* Wakes it where it sleeps while the store has LOG, which is held. */
void srd_keeper_ring(struct srd_store *store, const struct srd_log *log);
/* Ends and joins it.  Call without locks. */
void srd_keeper_stop(struct srd_store *store);

#endif
