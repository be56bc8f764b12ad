/* SPDX-License-Identifier: Apache-2.0 */
/*
 * histories.h - over a stretch of the log: how many versions each file has, and whom it was
 * replaced by.
 *
 *     begin        what is there at its start is a version of each file
 *     count        one of each commit
 *     share out    who is kept how many: those of a file that was replaced by another of its
 *                  name (as editors do) are older versions of that
 */
#ifndef SRD_STORE_HISTORIES_H
#define SRD_STORE_HISTORIES_H

#include "format/record.h"
#include "state/state.h"

struct srd_history {
	uint64_t ino, heir;       /* ino 0: free; heir: who took its name, 0: nobody */
	uint64_t record;          /* that the last version counted is of */
	uint32_t count, seen;     /* versions: in all, until now */
	uint32_t kept;            /* so many of the last */
	bool marked;              /* what it had at the first of these is kept */
};

struct srd_histories {
	struct srd_history *table;   /* open addressing */
	size_t cap, used;
};

void srd_histories_release(struct srd_histories *histories);
/* That of INO, made if there is none; NULL: no memory.  Until the next is made. */
struct srd_history *srd_histories_of(struct srd_histories *histories, uint64_t ino);
/* 0 or -ENOMEM, as the next, which visits a log. */
int srd_histories_begin(struct srd_histories *histories, const struct srd_state *state);
int srd_histories_count(void *histories, const struct srd_record *record, const uint8_t *metadata);
/* NOW is the state at the end; VERSIONS are kept of each name. */
void srd_histories_share_out(struct srd_histories *histories, const struct srd_state *now, uint32_t versions);

/* True if OP brought its file bytes of its own. */
bool srd_history_is_content(const struct srd_op *op);
/* True if OP makes a version of its file.  One that empties it, as O_TRUNC does, does not: what comes next will. */
bool srd_history_is_version(const struct srd_op *op);

#endif
