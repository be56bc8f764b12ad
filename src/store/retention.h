/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retention.h - which content of the past is kept, where the commits are: the last so many
 * versions of each file that is there, and all since some point.
 *
 *     file     v1      v2        v3     v4          three are to be kept: at v2 the file is looked
 *     log    ---x-------x---------x------x--->      at, what it has then, and what comes since, stays
 *
 * A version is a commit that gave a file content, or took some.  A file that was replaced by
 * another of its name (as editors do) is an older version of that.  What neither a version that is
 * kept, nor a snapshot, nor now refers to is given up.
 */
#ifndef SRD_STORE_RETENTION_H
#define SRD_STORE_RETENTION_H

#include "store/moved.h"
#include "store/store.h"

struct srd_retention {
	unsigned versions;            /* of each file; 0: all */
	struct srd_log_point since;   /* later ones are kept, however many */
	uint64_t bytes;               /* that are given up; set by srd_retention_apply() */
};

/* Puts what the commits of LOG between FROM and END brought and is given up among the pieces of MOVED,
 * as SRD_RUN_PRUNED; what is in it already is kept. */
int srd_retention_apply(struct srd_retention *retention, const struct srd_log *log, const struct srd_log_place *from,
                        const struct srd_log_place *end, struct srd_moved *moved);

#endif
