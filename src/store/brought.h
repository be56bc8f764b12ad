/* SPDX-License-Identifier: Apache-2.0 */
/*
 * brought.h - what a private view names in a log that its store has left: the store was
 * compacted meanwhile.
 *
 * Before the view can be committed, all payload that its ops name, of its own and of what
 * was there, is appended to the store's present log; without the store's lock, and once
 * more if it is compacted again.  Costs the size of what the view has written.
 */
#ifndef SRD_STORE_BROUGHT_H
#define SRD_STORE_BROUGHT_H

#include "store/store.h"

struct srd_brought {
	struct srd_ref *refs;    /* in the order of the view's ops; those that srd_brought_takes() */
	size_t count, cap;
	struct srd_hold home;    /* the log they lie in; nothing: the view's own */
};

/* Brings along what VIEW names, if its store has left its log, and begins a transaction of
 * that store.  Commit mutex of the view held.  On error there is no transaction; released in
 * either case. */
int srd_brought_begin(struct srd_store *view, struct srd_brought *brought, struct srd_txn **txn);
void srd_brought_release(struct srd_brought *brought);

static inline bool srd_brought_is_moved(const struct srd_brought *brought)
{
	return brought->home.log;
}
/* True if REF names something in the file of LOG, a view's. */
bool srd_brought_takes(const struct srd_log *log, const struct srd_ref *ref);
/* The number of the commit that the op at OFFSET of LOG tells of; 0: none. */
uint64_t srd_brought_sequence(const struct srd_log *log, uint64_t offset);

#endif
