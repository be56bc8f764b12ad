/* SPDX-License-Identifier: Apache-2.0 */
/*
 * use.h - what of the past this store may still use (log/use.c), told anew as time goes on.
 *
 * Values handed out, readers and requests hold the log; files that lost their names while
 * open are counted by the state.  While there is none of either nothing is in use but what is
 * content now.
 */
#ifndef SRD_STORE_USE_H
#define SRD_STORE_USE_H

#include "store/store.h"

/* Tells it, if that is so, and if it is NOW or once in a while.  Commit mutex held, or nobody
 * else knows the store. */
void srd_use_move_on(struct srd_store *store, bool now);

#endif
