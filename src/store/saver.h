/* SPDX-License-Identifier: Apache-2.0 */
/*
 * saver.h - a thread that saves an image now and then, so that a crash leaves
 * little to replay, and the past (kept.h) is never far from one.
 *
 *     ops:  [ ... image ... |  tail  ]     tail > max(half a million, a sixteenth
 *                           ^ saved        of what is there): another is due
 *                                          some less, if there was none for a while
 */
#ifndef SRD_STORE_SAVER_H
#define SRD_STORE_SAVER_H

#include "store/store.h"

/* After an append: has an image saved if one is due.  Commit mutex held. */
void srd_saver_nudge(struct srd_store *store);
/* The store has another log: an image of that is due when enough has come to it.  Commit
 * mutex held. */
void srd_saver_reset(struct srd_store *store);
/* Ends it, and what it is about: the old image stays.  Nothing held. */
void srd_saver_stop(struct srd_store *store);

#endif
