/* SPDX-License-Identifier: Apache-2.0 */
/*
 * owners.h - whose bytes lie where: all that files, symlinks and extended
 * attributes refer to, in order of the log.  Made only when damage was found,
 * to say which key it concerns.
 */
#ifndef SRD_KV_OWNERS_H
#define SRD_KV_OWNERS_H

#include "kv/kv.h"

struct srd_owner {
	uint64_t run;             /* offset in the log */
	uint32_t skip, len;       /* what of its payload */
	uint64_t ino, pos;        /* whose, and where in the file */
	bool is_xattr;            /* a value, not content */
};

struct srd_owners {
	struct srd_owner *list;   /* by run */
	size_t count, cap;
};

/* All of ERA's store as it is now.  0 or a negative code. */
int srd_owners_collect(struct srd_owners *owners, const struct srd_era *era);
void srd_owners_release(struct srd_owners *owners);
/* Who uses [SKIP, SKIP + LEN) of the run at RUN; NULL: nobody. */
const struct srd_owner *srd_owners_of_run(const struct srd_owners *owners, uint64_t run, uint32_t skip, uint32_t len);
/* A file that uses a run in [OFFSET, END) of the log; 0: none. */
uint64_t srd_owners_of_range(const struct srd_owners *owners, uint64_t offset, uint64_t end);

#endif
