/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rewrite.h - a log being written anew, and the state that it adds up to so far.
 *
 * Ops come as they were in another log.  Here they get the chain that fits this one:
 * `prev` is the last op on that inode, in a record that is in the log or in the one
 * being put together.  What was appended is applied, as everywhere.
 *
 * One thread; nobody else knows the log.
 */
#ifndef SRD_STORE_REWRITE_H
#define SRD_STORE_REWRITE_H

#include "log/log.h"
#include "state/state.h"

/* The last op on an inode in the present record. */
struct srd_rewrite_link {
	uint64_t ino, op;         /* ino 0: free */
};

struct srd_rewrite {
	struct srd_log *log;      /* not ours */
	struct srd_state state;
	struct srd_draft draft;   /* META */
	struct srd_rewrite_link *links;
	size_t link_cap, link_count;
};

int srd_rewrite_init(struct srd_rewrite *rewrite, struct srd_log *log);
void srd_rewrite_release(struct srd_rewrite *rewrite);
/* Adds OP, prev pointers aside.  FROM (may be NULL): its run in the other log, whose payload
 * is DATA and whose checks stay as they are, so that what is damaged stays so.  *RUN (may
 * be NULL): where the run will lie. */
int srd_rewrite_add(struct srd_rewrite *rewrite, const struct srd_op *op, const void *data,
                    const struct srd_run *from, uint64_t *run);
/* The last op so far on the inode of number INO, offset in the log that is written; 0: none. */
uint64_t srd_rewrite_last_op(const struct srd_rewrite *rewrite, uint64_t ino);
/* Ends the record, which may be empty: appended and applied. */
int srd_rewrite_commit(struct srd_rewrite *rewrite, const struct srd_log_stamp *stamp);
static inline size_t srd_rewrite_pending_bytes(const struct srd_rewrite *rewrite)
{
	return rewrite->draft.len - SRD_HEADER_LEN + rewrite->draft.payload_bytes;
}

#endif
