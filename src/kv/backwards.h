/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backwards.h - the log from a commit back, record by record, the ops of each the last one first.
 *
 * LOG is held by the caller.  What cannot be read ends the walk.
 */
#ifndef SRD_KV_BACKWARDS_H
#define SRD_KV_BACKWARDS_H

#include "log/log.h"

struct srd_backwards {
	const struct srd_log *log;
	struct srd_record record;
	uint32_t *places;         /* of its ops, in the metadata */
	size_t count, cap;
};

/* To the record at OFFSET, behind its last op.  1; 0: there is none that can be read; -ENOMEM. */
int srd_backwards_go(struct srd_backwards *walk, uint64_t offset);
/* False: there are no more in this record. */
bool srd_backwards_op(struct srd_backwards *walk, struct srd_op *op);
/* The commit before RECORD; 0: none. */
uint64_t srd_backwards_sequence(const struct srd_log *log, const struct srd_record *record);
void srd_backwards_release(struct srd_backwards *walk);

#endif
