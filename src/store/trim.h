/* SPDX-License-Identifier: Apache-2.0 */
/* trim.h - payload that nobody needs any more is punched out of the log. */
#ifndef SRD_STORE_TRIM_H
#define SRD_STORE_TRIM_H

#include "store/store.h"

enum { SRD_TRIM_RANGES = 4096 };   /* in one op */

/* Says what may go: whole blocks, in order and apart, which were no content since the log
 * ended at the UPTO it was asked for.  Called when STORE is caught up, so that nothing is
 * committed meanwhile.  The number of RANGES, 0: nothing more, or a negative code. */
typedef ssize_t srd_trim_pick(void *user, struct srd_range ranges[SRD_TRIM_RANGES]);

/* Punches out what PICK says, after a durable TRIM op that names it.  LOG: the one that it is
 * of.  The number of bytes, 0: nothing more; -EBUSY: somebody began to use what was content
 * before UPTO; SRD_EREPLACED: the store has another log now. */
int64_t srd_store_trim(struct srd_store *store, struct srd_log *log, uint64_t upto, srd_trim_pick *pick, void *user);

#endif
