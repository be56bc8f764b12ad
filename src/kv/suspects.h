/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suspects.h - rotten bytes of DATA records that no commit has named yet.
 *
 * What a crash left of a stream in flight counts for nothing (FORMAT, section 6)
 * and is no damage; it becomes damage where a later commit names it.
 */
#ifndef SRD_KV_SUSPECTS_H
#define SRD_KV_SUSPECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct srd_suspect {
	uint64_t offset, end;     /* bytes of the log */
	bool metadata;            /* the record's ops, else payload */
	bool named;
};

struct srd_suspects {
	struct srd_suspect *list; /* by offset */
	size_t count, cap;
};

/* Behind all that were added before.  0 or -ENOMEM. */
int srd_suspects_add(struct srd_suspects *suspects, uint64_t offset, uint64_t end, bool metadata);
/* The first suspect that has bytes in [OFFSET, END) and was not named before: it is
 * now.  NULL: none. */
const struct srd_suspect *srd_suspects_name(struct srd_suspects *suspects, uint64_t offset, uint64_t end);
void srd_suspects_release(struct srd_suspects *suspects);

#endif
