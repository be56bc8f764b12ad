/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ranges.h - ranges of the log: as they come, and then in order and apart, so that who asks
 * of many places finds each by halving.
 */
#ifndef SRD_FORMAT_RANGES_H
#define SRD_FORMAT_RANGES_H

#include "base/check.h"
#include "format/op.h"

/* True if RANGE has all of [OFFSET, OFFSET + LEN). */
static inline bool srd_range_has(const struct srd_range *range, uint64_t offset, uint64_t len)
{
	return offset >= range->offset && srd_within(offset - range->offset, len, range->len);
}

struct srd_ranges {
	struct srd_range *items;
	size_t count, cap;
};

void srd_ranges_release(struct srd_ranges *ranges);
/* 0, or -ENOMEM without effect. */
int srd_ranges_add(struct srd_ranges *ranges, uint64_t offset, uint64_t len);
/* All that OP, a REPAIR or TRIM, names.  Likewise. */
int srd_ranges_add_op(struct srd_ranges *ranges, const struct srd_op *op);
/* Puts them in order; those that touch become one.  What follows is of joined ones alone. */
void srd_ranges_join(struct srd_ranges *ranges);
/* The first that ends behind OFFSET; count: none does. */
size_t srd_ranges_behind(const struct srd_ranges *ranges, uint64_t offset);
/* True if one has a byte of [OFFSET, OFFSET + LEN). */
bool srd_ranges_meet(const struct srd_ranges *ranges, uint64_t offset, uint64_t len);

#endif
