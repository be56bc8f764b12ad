/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compact.h - the log written anew, without what nothing refers to any more.
 *
 *      old   |--------- base ---------------|-- kept --|-- appended meanwhile --|SEALED
 *      new   |DATA in order of files| BASE  |-- kept --|-- appended meanwhile --|
 *            (with snapshots: DATA, BASE, SNAPSHOT for each, then DATA, BASE: what differs)
 *
 * The base is the state at one place of the old log; commits behind it come over as they
 * are, those of others too, the last of them under the append lock, in which the
 * new log takes the name.  Before that nobody knows of it.
 */
#ifndef SRD_STORE_COMPACT_H
#define SRD_STORE_COMPACT_H

#include "store/store.h"

/* What the log has, and about what a compaction would leave of it, by what the state counts: it takes
 * no time, and is wrong by what snapshots keep and by what files share. */
struct srd_compact_guess {
	uint64_t log_bytes, live_bytes;
};
int srd_store_guess(struct srd_store *store, struct srd_compact_guess *guess);
/* As srd_compact(). */
int srd_store_compact(struct srd_store *store, const struct srd_compact_options *options, struct srd_compacted *result);

#endif
