/* SPDX-License-Identifier: Apache-2.0 */
/* move.h - an open store goes over to the log that took the place of its own. */
#ifndef SRD_STORE_MOVE_H
#define SRD_STORE_MOVE_H

#include "store/store.h"

/* Commit mutex held, all of the log followed, and its name leads to another.  0: log and
 * state are those of the successor, as far as they were known; what is new there is to be
 * followed.  SRD_EREPLACED: it has none.  Otherwise all is as it was. */
int srd_store_move(struct srd_store *store);
/* The same to SUCCESSOR, which this handle wrote and still holds the append lock of: nobody comes
 * before us.  It is given up in any case. */
int srd_store_move_to(struct srd_store *store, struct srd_log *successor);

/* What was left the last time is given back.  Commit mutex held, or nobody uses STORE any more. */
void srd_store_await_leaving(struct srd_store *store);

#endif
