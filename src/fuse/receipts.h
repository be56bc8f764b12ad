/* SPDX-License-Identifier: Apache-2.0 */
/*
 * receipts.h - which commit a request became, for the worker that goes on when this one
 * dies before it could answer.
 *
 * The commit is noted here, in memory that the next worker has too, before it is written:
 * so the log alone tells whether it was.  Good for requests that are one commit and no
 * more; of others it is the last.
 *
 * A request has one place, which another may take that came later; by then this one has
 * been answered, as so many are not carried out at once.
 */
#ifndef SRD_FUSE_RECEIPTS_H
#define SRD_FUSE_RECEIPTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "log/log.h"

/* Written by one thread at a time, who has the append lock; sound after every single store. */
struct srd_receipt {
	atomic_ulong request;     /* as the kernel numbers them; 0: none */
	atomic_ulong generation;  /* of the log ... */
	atomic_ulong offset;      /* ... the place in it, ... */
	atomic_ulong check;       /* ... the check of the header there ... */
	atomic_ulong sequence;    /* ... and the commit's number */
};

enum { SRD_RECEIPTS = 1 << 10 };   /* there are so many; all 0 to begin with */

/* The witness (log.h) of a log whose commits are to be noted in RECEIPTS. */
struct srd_log_witness srd_receipts_witness(struct srd_receipt *receipts);
/* True if REQUEST was carried out.  LOG is the store's, its append lock held, all of it followed. */
bool srd_receipts_have(const struct srd_receipt *receipts, uint64_t request, const struct srd_log *log);

#endif
