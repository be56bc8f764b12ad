/* SPDX-License-Identifier: Apache-2.0 */
/*
 * warmer.h - a thread that touches the memory which large tables are about to grow
 * into, so that no commit waits until the kernel has cleared it.
 *
 *     table:  [ ... entries ... | warm | never touched ... ]
 *                               ^ the next file
 *
 * Large tables lie in pages of 2 MiB, for the sake of look-ups; clearing one takes a
 * fraction of a millisecond, and in a virtual machine that has to get it from its host
 * some five.
 */
#ifndef SRD_STORE_WARMER_H
#define SRD_STORE_WARMER_H

#include "store/store.h"

/* After records were applied: has what comes next warmed if that is due.  Commit mutex held, or
 * nobody else has the store yet. */
void srd_warmer_nudge(struct srd_store *store);
/* Ends it: the tables may go.  Call as the one above. */
void srd_warmer_stop(struct srd_store *store);

#endif
