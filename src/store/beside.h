/* SPDX-License-Identifier: Apache-2.0 */
/*
 * beside.h - the log that took the place of a store's own, opened beside it as a store for
 * itself, so that the first can go over to it (move.h).
 */
#ifndef SRD_STORE_BESIDE_H
#define SRD_STORE_BESIDE_H

#include "store/store.h"

/* What of a log is new to somebody who knew it, or the one before, up to some commit. */
struct srd_store_known {
	uint64_t sequence;        /* up to here it is known */
	bool unknown;             /* set: more is in what was loaded, and cannot be told one by one */
};
/* Opens what OF's name leads to now, with the same flags, and its state up to what is KNOWN:
 * the rest is there to be followed.  LOG: open already, and given up to it; NULL: it is not. */
int srd_store_open_beside(const struct srd_store *of, struct srd_log *log, struct srd_store_known *known,
                          struct srd_store **store);

#endif
