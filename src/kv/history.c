/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history.c - a version of a file is what stood there before an op that gave it
 * content anew (MAKE, or WRITE and REFS that replace), and the ops before that one:
 *
 *     MAKE "a"   WRITE +1   WRITE anew   WRITE +2   WRITE anew     <- last op
 *     `---- version 1 ---´  `----- version 2 ----´  `- present
 */
#include "config.h"

#include "kv/history.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "store/trace.h"

enum { STEPS_MAX = 100000 };

static bool is_start(const struct srd_op *op)
{
	return op->kind == SRD_OP_MAKE ||
	       ((op->kind == SRD_OP_WRITE || op->kind == SRD_OP_REFS) && op->flags & SRD_OP_REPLACE);
}

static bool run_holds(const struct srd_log *log, const struct srd_run *run)
{
	for (uint32_t skip = 0; skip < run->len; skip += SRD_BLOCK_LEN) {
		uint32_t len = SRD_MIN(run->len - skip, (uint32_t)SRD_BLOCK_LEN);
		const uint8_t *bytes = srd_log_at(log, run->offset + run->distance + skip, len);
		if (!bytes || srd_hash(bytes, len, 0) != srd_get64(run->checks + skip / SRD_BLOCK_LEN * 8))
			return false;
	}
	return true;
}

static bool content_holds(const struct srd_log *log, const struct srd_op *op)
{
	struct srd_run run;

	if (op->has_run && op->kind != SRD_OP_XATTR && !run_holds(log, &op->run))
		return false;
	for (uint64_t i = 0; i < op->ref_count; i++) {
		struct srd_ref ref = srd_op_ref(op->refs, i);
		if (ref.run != 0 && (!srd_log_run(log, ref.run, &run) || !run_holds(log, &run)))
			return false;
	}
	return true;
}

bool srd_history_older(const struct srd_log *log, uint64_t ino, uint64_t last_op, struct srd_record *out)
{
	struct srd_trace trace = srd_trace_from(log, ino, last_op);
	const struct srd_op *op = &trace.op;
	struct srd_record newest = { 0 };
	bool present = true, sound = true;

	for (int steps = 0; steps < STEPS_MAX && srd_trace_step(&trace) > 0; steps++) {
		bool content = op->has_run || op->ref_count > 0;
		if (!present && content && op->kind != SRD_OP_XATTR) {
			newest = newest.len ? newest : trace.record;
			sound = sound && content_holds(log, op);
		}
		if (!is_start(op) || op->ino != ino)
			continue;
		if (newest.len && sound) {
			*out = newest;
			return true;
		}
		present = false;
		sound = true;
		newest.len = 0;
	}
	return false;
}
