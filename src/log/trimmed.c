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

#include "base/cleanup.h"
#include "format/ranges.h"

struct srd_trimmed {
	pthread_mutex_t mutex;    /* protects the rest */
	uint64_t trim;            /* the op up to which they are known; 0: none is */
	struct srd_ranges ranges;
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
	srd_ranges_release(&trimmed->ranges);
	free(trimmed);
}

/* The TRIM op at OFFSET of the log. */
static bool trim_at(const struct srd_log *log, uint64_t offset, struct srd_op *op)
{
	uint64_t end = atomic_load_explicit(&log->end, memory_order_acquire);

	return offset >= SRD_FIRST_RECORD && offset % 8 == 0 && offset < end &&
	       srd_op_decode(op, log->map + offset, end - offset, offset, end) && op->kind == SRD_OP_TRIM;
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
		trimmed->trim = trimmed->ranges.count = 0;
	size_t known = trimmed->ranges.count;
	/* Ops are found backwards; one that leads past what is known is of no history of ours. */
	for (uint64_t at = trim; at > trimmed->trim && trim_at(log, at, &op); at = op.prev) {
		int error = srd_ranges_add_op(&trimmed->ranges, &op);
		if (error) {
			trimmed->ranges.count = known;
			return error;
		}
	}
	srd_ranges_join(&trimmed->ranges);
	trimmed->trim = trim;
	return 0;
}

int srd_log_is_trimmed(const struct srd_log *log, uint64_t offset, uint64_t len)
{
	struct srd_trimmed *trimmed = log->trimmed;

	if (atomic_load_explicit(&log->trim, memory_order_relaxed) == 0)
		return 0;
	SRD_LOCK_GUARD(&trimmed->mutex);
	int error = learn(log, trimmed);
	return error ? error : srd_ranges_meet(&trimmed->ranges, offset, len);
}

int srd_log_trimmed(const struct srd_log *log, int (*visit)(void *user, const struct srd_range *range), void *user)
{
	struct srd_trimmed *trimmed = log->trimmed;
	SRD_LOCK_GUARD(&trimmed->mutex);
	int error = learn(log, trimmed);

	for (size_t i = 0; i < trimmed->ranges.count && !error; i++)
		error = visit(user, &trimmed->ranges.items[i]);
	return error;
}
