/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reissue.h - the ops of a private view once more, in one transaction of the store it
 * is of.
 *
 * Each op says what it was made for: the inode that a name stood for, or none; and, by
 * `prev`, the op that was the last one on its inode.  So whether others have changed
 * what the view relies on is asked op by op, of the transaction with the ops before:
 *
 *     prev in the log       the inode is to be as it was: the same last op
 *                           (after a compaction: one of the same commit)
 *     prev in the overlay   asked already, at the first op of the view on it
 *     a name                is to stand for what it did, and take what is to come
 *
 * The first that does not fit is the conflict.  Of a directory only the names that the
 * view touched count, and that it is there: others may do what they like beside them.
 *
 * The commit has one time for all.  Files keep the time of their last write as the view
 * showed it; that of their last change becomes the commit's, which is when others see it.
 */
#ifndef SRD_STORE_REISSUE_H
#define SRD_STORE_REISSUE_H

#include "store/brought.h"
#include "store/private.h"

/* Puts all of VIEW into TXN, a transaction of its live store that srd_brought_begin()
 * began.  0, -EBUSY: *CONFLICT says
 * why; or another error.  Commit mutex of the view held. */
int srd_reissue(const struct srd_store *view, struct srd_txn *txn, const struct srd_brought *brought,
                struct srd_conflict *conflict);

#endif
