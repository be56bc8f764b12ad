/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/carry.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "format/ops.h"

struct carrying {
	struct srd_relocate *relocate;
	struct srd_rewrite *rewrite;
	const struct srd_record *record;
	const uint8_t *metadata;
};

typedef int each_op(struct carrying *carrying, const struct srd_op *op);

static int for_ops(struct carrying *carrying, each_op *call)
{
	struct srd_ops ops = srd_ops_of(carrying->record, carrying->metadata);
	struct srd_op op;
	int error = 0;

	while (!error && srd_ops_next(&ops, &op))
		error = call(carrying, &op);
	return error ? error : srd_ops_are_through(&ops) ? 0 : SRD_ECORRUPT;
}

/* The bytes that OP brought, as one refers to them. */
static struct srd_ref ref_of(const struct srd_op *op)
{
	return (struct srd_ref){ .pos = op->pos, .run = op->run.offset, .len = op->run.len };
}

static bool is_content(const struct srd_op *op)
{
	return op->has_run && op->run.len > 0 &&
	       (op->kind == SRD_OP_WRITE || (op->kind == SRD_OP_MAKE && S_ISREG(op->mode)));
}

/* True if OP brought what was, all or some of it, given up since: it is asked for like what is
 * referred to, for an op of its own cannot say that. */
static bool is_moved(const struct carrying *carrying, const struct srd_op *op)
{
	return is_content(op) &&
	       srd_moved_has(&carrying->relocate->moved, op->run.offset + op->run.distance, op->run.len);
}

static int want(struct carrying *carrying, const struct srd_op *op)
{
	struct srd_ref ref = ref_of(op);
	int error = is_content(op) ? srd_relocate_want_holed(carrying->relocate, &ref) : 0;

	for (uint64_t i = 0; !error && i < op->ref_count; i++) {
		ref = srd_op_ref(op->refs, i);
		/* It was the past's alone, and has been restored since. */
		if (carrying->relocate->given_up && op->offset >= carrying->relocate->given_up)
			srd_relocate_revive(carrying->relocate, &ref);
		error = srd_relocate_want(carrying->relocate, &ref);
	}
	return error;
}

static int copy(struct carrying *carrying, const struct srd_op *op)
{
	struct srd_ref ref = ref_of(op);
	int error = is_moved(carrying, op) ? srd_relocate_copy(carrying->relocate, &ref, true) : 0;

	for (uint64_t i = 0; !error && i < op->ref_count; i++) {
		ref = srd_op_ref(op->refs, i);
		error = srd_relocate_copy(carrying->relocate, &ref, i == 0);
	}
	return error;
}

/* One piece may have become several. */
static int add_refs(struct carrying *carrying, const struct srd_op *op)
{
	SRD_AUTO_FREE uint8_t *bytes = NULL;
	struct srd_op anew = *op;
	size_t cap = 0;
	int error = 0;

	anew.ref_count = 0;
	for (uint64_t i = 0; !error && i < op->ref_count; i++) {
		struct srd_ref ref = srd_op_ref(op->refs, i), part;
		for (uint32_t into = 0; !error && into < ref.len; into += part.len) {
			error = srd_array_reserve(&bytes, &cap, anew.ref_count + 1, SRD_REF_LEN);
			if (!error)
				error = srd_relocate_ref(carrying->relocate, &ref, into, &part);
			if (error)
				break;
			srd_ref_encode(&part, bytes + anew.ref_count++ * SRD_REF_LEN);
		}
	}
	anew.refs = bytes;
	return error ? error : srd_rewrite_add(carrying->rewrite, &anew, NULL, NULL, NULL);
}

/* OP, which brought its bytes, refers to what is left of them. */
static int add_moved(struct carrying *carrying, const struct srd_op *op)
{
	struct srd_ref ref = ref_of(op);
	struct srd_op make = *op, refs = { .kind = SRD_OP_REFS, .ino = op->ino, .ref_count = 1 };
	uint8_t bytes[SRD_REF_LEN];
	int error = 0;

	if (op->kind == SRD_OP_MAKE) {
		make.flags = 0;
		make.has_run = false;
		make.run.len = 0;
		error = srd_rewrite_add(carrying->rewrite, &make, NULL, NULL, NULL);
	} else {
		refs.flags = op->flags;
	}
	srd_ref_encode(&ref, bytes);
	refs.refs = bytes;
	return error ? error : add_refs(carrying, &refs);
}

static int add_with_run(struct carrying *carrying, const struct srd_op *op)
{
	const struct srd_relocate *relocate = carrying->relocate;
	uint64_t at = op->run.offset + op->run.distance, run;
	const uint8_t *data = srd_log_at(relocate->from, at, op->run.len);

	if (!data)
		return SRD_ECORRUPT;
	if (is_moved(carrying, op))
		return add_moved(carrying, op);
	if (srd_log_verify(relocate->from, &op->run, 0, op->run.len) != 0 && relocate->watch.damaged)
		relocate->watch.damaged(relocate->watch.user, at, op->run.len);
	int error = srd_rewrite_add(carrying->rewrite, op, data, &op->run, &run);
	/* Later commits may name it, too. */
	return error || op->kind == SRD_OP_XATTR
	           ? error : srd_moved_put(&carrying->relocate->moved, at, op->run.len, run);
}

static int add(struct carrying *carrying, const struct srd_op *op)
{
	/* The damage that it speaks of, or the holes, are in no log but its own. */
	if (op->kind == SRD_OP_REPAIR || op->kind == SRD_OP_TRIM)
		return 0;
	if (op->kind == SRD_OP_REFS)
		return add_refs(carrying, op);
	return op->has_run ? add_with_run(carrying, op) : srd_rewrite_add(carrying->rewrite, op, NULL, NULL, NULL);
}

int srd_carry_commit(struct srd_relocate *relocate, struct srd_rewrite *rewrite, const struct srd_record *record,
                     const uint8_t *metadata)
{
	struct carrying carrying = { .relocate = relocate, .rewrite = rewrite, .record = record, .metadata = metadata };
	struct srd_log_stamp stamp = { .flags = record->flags, .sequence = record->sequence, .time_ns = record->time_ns };
	int error = for_ops(&carrying, want);

	if (!error)
		error = srd_relocate_settle(relocate);
	if (!error)
		error = for_ops(&carrying, copy);
	if (!error)
		error = srd_relocate_flush(relocate);
	if (!error)
		error = for_ops(&carrying, add);
	return error ? error : srd_rewrite_commit(rewrite, &stamp);
}
