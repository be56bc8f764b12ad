/* SPDX-License-Identifier: Apache-2.0 */
/* follow.h - an open store is brought to the end of its log, and over to the log that took its place. */
#ifndef SRD_STORE_FOLLOW_H
#define SRD_STORE_FOLLOW_H

#include "store/store.h"

/* Not 0 if the tables are to be built from the log; but not from one of which bytes are
 * gone, for they have more than that.  Read side or commit mutex held. */
static inline int srd_store_tables_error(const struct srd_store *store)
{
	int error = srd_state_error(&store->state);

	return error && !srd_log_is_lost(store->log) ? error : 0;
}
/* Builds them, where that is so.  Commit mutex held, as for the following. */
int srd_store_heal(struct srd_store *store);
/* As far as the log goes, and over to its successor.  SRD_EREPLACED: there is none; what was read
 * no longer fits what is there, and never will again. */
int srd_store_follow_on(struct srd_store *store);
/* Lets go of the commit mutex, and tells who watches if there is something. */
void srd_store_let_go(struct srd_store *store);

#endif
