/* SPDX-License-Identifier: Apache-2.0 */
/* orphans.h - files that lost their last name and are in use here, on their way into a log
 * that knows nothing of them. */
#ifndef SRD_STORE_ORPHANS_H
#define SRD_STORE_ORPHANS_H

#include "store/store.h"

/* What STORE's state has for its pins alone comes into NEXT's log and state, under the same
 * numbers.  Commit mutex of STORE held; nobody else uses NEXT.  NEXT's state has the pins of
 * STORE's then.  A store that is read only loses the content of such files. */
int srd_orphans_bring(struct srd_store *store, struct srd_store *next);

#endif
