/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relics.h - content that no file has now and that must be there all the same, after a crash,
 * a second one, and however often the store is compacted: the last versions of each file; or,
 * where all commits since some point are kept as they are, files that were deleted, too.
 */
#ifndef CRASH_RELICS_H
#define CRASH_RELICS_H

#include "model.h"

struct relic {
	char key[MODEL_KEY_LEN];  /* the file's then */
	unsigned age;             /* of the commit that made, or deleted it: so many were made since */
	bool deleted;             /* it was there before that commit */
	uint64_t size, hash;
};

struct relics {
	struct relic *items;
	size_t count;
};

void relics_release(struct relics *relics);
/* What compactions that are to KEEP that leave of MODEL's past; what was there is forgotten. */
void relics_gather(struct relics *relics, const struct model *model, const struct srd_compact_options *keep);
/* RELIC is in STORE, which has so many MORE commits: 0, or a negative code. */
int relic_look(const struct relic *relic, srd_store *store, unsigned more);

#endif
