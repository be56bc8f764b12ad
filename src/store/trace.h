/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.h - what was done to one inode: the ops that touched it, from one of them back to
 * the one that made it, along their `prev`.
 *
 *     MAKE <-- WRITE <-- RENAME <-- UNLINK        a file
 *     MAKE <-- MAKE a <-- UNLINK a <-- MAKE b     a directory, which ops on its entries touch
 *
 * The log is held by the caller.  Every record is looked at byte by byte before its ops are
 * believed, and offsets only fall, so a trace ends whatever the log says.
 */
#ifndef SRD_STORE_TRACE_H
#define SRD_STORE_TRACE_H

#include "log/log.h"

struct srd_trace {
	const struct srd_log *log;
	uint64_t ino;
	uint64_t next;            /* offset of the op to look at next; 0: there are no more */
	struct srd_record record; /* that the last op looked at is in; len 0: none was */
	struct srd_op op;
};

/* FROM: offset of an op on INO. */
static inline struct srd_trace srd_trace_from(const struct srd_log *log, uint64_t ino, uint64_t from)
{
	return (struct srd_trace){ .log = log, .ino = ino, .next = from };
}
/* 1: trace->op is the next one back, in trace->record; 0: there are no more; SRD_EDAMAGED:
 * what comes before cannot be read. */
int srd_trace_step(struct srd_trace *trace);
/* The op at OFFSET, in trace->op, whatever inode it touches: 0 or SRD_EDAMAGED. */
int srd_trace_look(struct srd_trace *trace, uint64_t offset);
/* True if OP gives INO a name more. */
bool srd_trace_gives_name(const struct srd_op *op, uint64_t ino);
/* True if OP gives a name of INO to another, or to nobody: it has one less then. */
bool srd_trace_takes_name(const struct srd_op *op, uint64_t ino);
/* The mode that INO was made with, which has an op at FROM.  SRD_EDAMAGED. */
int srd_trace_find_mode(const struct srd_log *log, uint64_t ino, uint64_t from, uint32_t *mode);

/* ---- trace_names.c ---- */

/* What a name stood for: INO, behind the op at AT; AT 0: nothing that is known of. */
struct srd_trace_past {
	uint64_t ino, at;
};
/* What NAME in DIR stood for when it was deleted, before the op at FROM on DIR; or, if that directory had
 * none of that name, in the one that was in its place before.  *STEPS are left to be taken. */
struct srd_trace_past srd_trace_find_deleted(const struct srd_log *log, uint64_t dir, uint64_t from, const char *name,
                                             size_t len, unsigned *steps);

#endif
