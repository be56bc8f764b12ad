/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops.h - the ops of a record, one after the other.
 *
 *	struct srd_ops ops = srd_ops_of(record, metadata);
 *	while (srd_ops_next(&ops, &op))
 *		...
 *	if (!srd_ops_are_through(&ops))
 *		... one of them is unsound
 */
#ifndef SRD_FORMAT_OPS_H
#define SRD_FORMAT_OPS_H

#include "format/op.h"
#include "format/record.h"

struct srd_ops {
	const struct srd_record *record;
	const uint8_t *metadata;
	uint32_t at;              /* bytes of METADATA that are behind us */
};

/* METADATA is RECORD's, and both outlive the walk. */
static inline struct srd_ops srd_ops_of(const struct srd_record *record, const uint8_t *metadata)
{
	return (struct srd_ops){ .record = record, .metadata = metadata };
}

static inline bool srd_ops_are_through(const struct srd_ops *ops)
{
	return ops->at >= ops->record->meta_len;
}

/* False behind the last op, or where one is unsound. */
static inline bool srd_ops_next(struct srd_ops *ops, struct srd_op *op)
{
	const struct srd_record *record = ops->record;

	if (srd_ops_are_through(ops) ||
	    !srd_op_decode(op, ops->metadata + ops->at, record->meta_len - ops->at,
	                   record->offset + SRD_HEADER_LEN + ops->at, record->offset + record->len))
		return false;
	ops->at += op->len;
	return true;
}

#endif
