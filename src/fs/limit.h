/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limit.h - the size that the store is not to grow beyond (-o max_size=).
 *
 *     0 ........ end ... pending ............ max - margin ..... max
 *                        taken, not yet       what adds ends     what changes
 *                        in the log           here: ENOSPC       ends here
 *
 * Every commit appends something, also one that removes.  What frees is never
 * refused; what only changes things (attributes, places) may use the margin, so that
 * a store too full for more can still be put in order.
 */
#ifndef SRD_FS_LIMIT_H
#define SRD_FS_LIMIT_H

#include <stdatomic.h>
#include <stdint.h>

struct srd_fs;

struct srd_limit {
	uint64_t max_bytes;      /* 0: none; set before use */
	atomic_ulong pending;    /* bytes that were taken and are not appended yet */
};

/* 0, or -ENOSPC if LEN bytes more have no room. */
int srd_limit_growth(const struct srd_fs *fs, uint64_t len);
/* Likewise for a change of what is there. */
int srd_limit_change(const struct srd_fs *fs);
/* Bytes that may still be added; only where there is a limit. */
uint64_t srd_limit_left(const struct srd_fs *fs);

#endif
