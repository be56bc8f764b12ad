/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "format/ranges.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/check.h"

void srd_ranges_release(struct srd_ranges *ranges)
{
	free(ranges->items);
	*ranges = (struct srd_ranges){ 0 };
}

static int reserve(struct srd_ranges *ranges, uint64_t more)
{
	return srd_array_reserve(&ranges->items, &ranges->cap, ranges->count + more, sizeof *ranges->items);
}

int srd_ranges_add(struct srd_ranges *ranges, uint64_t offset, uint64_t len)
{
	int error = reserve(ranges, 1);

	if (!error)
		ranges->items[ranges->count++] = (struct srd_range){ .offset = offset, .len = len };
	return error;
}

int srd_ranges_add_op(struct srd_ranges *ranges, const struct srd_op *op)
{
	int error = reserve(ranges, op->range_count);

	for (uint64_t i = 0; !error && i < op->range_count; i++)
		ranges->items[ranges->count++] = srd_op_range(op->ranges, i);
	return error;
}

static int by_offset(const void *a, const void *b)
{
	const struct srd_range *x = a, *y = b;

	return (x->offset > y->offset) - (x->offset < y->offset);
}

static uint64_t end_of(const struct srd_range *range)
{
	return range->offset + range->len;
}

void srd_ranges_join(struct srd_ranges *ranges)
{
	size_t count = 0;

	if (ranges->count > 1)
		qsort(ranges->items, ranges->count, sizeof *ranges->items, by_offset);
	for (size_t i = 0; i < ranges->count; i++) {
		struct srd_range next = ranges->items[i], *last = count > 0 ? &ranges->items[count - 1] : NULL;
		if (last && next.offset <= end_of(last))
			last->len = SRD_MAX(end_of(last), end_of(&next)) - last->offset;
		else
			ranges->items[count++] = next;
	}
	ranges->count = count;
}

size_t srd_ranges_behind(const struct srd_ranges *ranges, uint64_t offset)
{
	size_t low = 0, high = ranges->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (end_of(&ranges->items[middle]) <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool srd_ranges_meet(const struct srd_ranges *ranges, uint64_t offset, uint64_t len)
{
	size_t i = srd_ranges_behind(ranges, offset);

	return i < ranges->count && ranges->items[i].offset < offset + len;
}
