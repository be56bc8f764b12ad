/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trimmed.c - all that TRIM ops name, sorted and joined, for who asks of many places.
 *
 * Made when somebody asks first, which is after a check has failed: who opens a store that
 * was trimmed pays nothing.  Later ops are added to it; each is read once, be there ever so many.
 */
#include "config.h"

#include "log/internal.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/check.h"
#include "base/cleanup.h"

struct srd_trimmed {
	pthread_mutex_t mutex;    /* protects the rest */
	uint64_t trim;            /* the op up to which they are known; 0: none is */
	struct srd_range *ranges;
	size_t count, cap;
};

struct srd_trimmed *srd_trimmed_new(void)
{
	struct srd_trimmed *trimmed = calloc(1, sizeof *trimmed);

	if (trimmed)
		pthread_mutex_init(&trimmed->mutex, NULL);
	return trimmed;
}

void srd_trimmed_free(struct srd_trimmed *trimmed)
{
	if (!trimmed)
		return;
	pthread_mutex_destroy(&trimmed->mutex);
	free(trimmed->ranges);
	free(trimmed);
}

/* The TRIM op at OFFSET of the log. */
static bool trim_at(const struct srd_log *log, uint64_t offset, struct srd_op *op)
{
	uint64_t end = atomic_load_explicit(&log->end, memory_order_acquire);

	return offset >= SRD_FIRST_RECORD && offset % 8 == 0 && offset < end &&
	       srd_op_decode(op, log->map + offset, end - offset, offset, end) && op->kind == SRD_OP_TRIM;
}

static int add_ranges(struct srd_trimmed *trimmed, const struct srd_op *op)
{
	int error = srd_array_reserve(&trimmed->ranges, &trimmed->cap, trimmed->count + op->range_count,
	                              sizeof *trimmed->ranges);

	for (uint64_t i = 0; i < op->range_count && !error; i++)
		trimmed->ranges[trimmed->count++] = srd_op_range(op->ranges, i);
	return error;
}

static int by_offset(const void *a, const void *b)
{
	uint64_t x = ((const struct srd_range *)a)->offset, y = ((const struct srd_range *)b)->offset;

	return x < y ? -1 : x > y;
}

static void sort_and_join(struct srd_trimmed *trimmed)
{
	size_t count = 0;

	if (trimmed->count > 1)
		qsort(trimmed->ranges, trimmed->count, sizeof *trimmed->ranges, by_offset);
	for (size_t i = 0; i < trimmed->count; i++) {
		const struct srd_range *range = &trimmed->ranges[i];
		struct srd_range *last = count > 0 ? &trimmed->ranges[count - 1] : NULL;
		if (last && last->offset + last->len >= range->offset)
			last->len = SRD_MAX(last->offset + last->len, range->offset + range->len) - last->offset;
		else
			trimmed->ranges[count++] = *range;
	}
	trimmed->count = count;
}

/* Reads the ops that are new.  Mutex held. */
static int learn(const struct srd_log *log, struct srd_trimmed *trimmed)
{
	/* Acquire: pairs with srd_log_note_trim(). */
	uint64_t trim = atomic_load_explicit(&log->trim, memory_order_acquire);
	struct srd_op op;

	if (trim == trimmed->trim)
		return 0;
	/* What was followed did not count after all. */
	if (trim < trimmed->trim)
		trimmed->trim = trimmed->count = 0;
	size_t known = trimmed->count;
	/* Ops are found backwards; one that leads past what is known is of no history of ours. */
	for (uint64_t at = trim; at > trimmed->trim && trim_at(log, at, &op); at = op.prev) {
		int error = add_ranges(trimmed, &op);
		if (error) {
			trimmed->count = known;
			return error;
		}
	}
	sort_and_join(trimmed);
	trimmed->trim = trim;
	return 0;
}

/* The first range that ends behind OFFSET. */
static size_t first_behind(const struct srd_trimmed *trimmed, uint64_t offset)
{
	size_t low = 0, high = trimmed->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (trimmed->ranges[middle].offset + trimmed->ranges[middle].len <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int srd_log_is_trimmed(const struct srd_log *log, uint64_t offset, uint64_t len)
{
	struct srd_trimmed *trimmed = log->trimmed;

	if (atomic_load_explicit(&log->trim, memory_order_relaxed) == 0)
		return 0;
	SRD_LOCK_GUARD(&trimmed->mutex);
	int error = learn(log, trimmed);
	if (error)
		return error;
	size_t i = first_behind(trimmed, offset);
	return i < trimmed->count && trimmed->ranges[i].offset < offset + len;
}

int srd_log_trimmed(const struct srd_log *log, int (*visit)(void *user, const struct srd_range *range), void *user)
{
	struct srd_trimmed *trimmed = log->trimmed;
	SRD_LOCK_GUARD(&trimmed->mutex);
	int error = learn(log, trimmed);

	for (size_t i = 0; i < trimmed->count && !error; i++)
		error = visit(user, &trimmed->ranges[i]);
	return error;
}
