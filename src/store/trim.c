/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trim.c - one step of trimming:
 *
 *     deny      from now on nobody comes to use what is to go
 *     pick      caught up, in no race with any commit
 *     append    the TRIM op, whose header has a mark behind all that it names
 *     sync      or holes could be found after a crash that nothing speaks of
 *     punch
 *     admit
 */
#include "config.h"

#include "store/trim.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "store/apply.h"

static int encode(const struct srd_range *ranges, size_t count, uint8_t **bytes)
{
	uint8_t *encoded = malloc(count * SRD_RANGE_LEN);

	if (!encoded)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		srd_range_encode(&ranges[i], encoded + i * SRD_RANGE_LEN);
	*bytes = encoded;
	return 0;
}

/* Between begin and end. */
static int append(struct srd_store *store, const struct srd_range *ranges, size_t count)
{
	SRD_AUTO_FREE uint8_t *bytes = NULL;
	struct srd_draft draft;
	struct srd_record record;
	int error = encode(ranges, count, &bytes);

	if (error)
		return error;
	struct srd_op op = { .kind = SRD_OP_TRIM, .ino = SRD_ROOT_INO, .prev = atomic_load(&store->log->trim),
	                     .range_count = count, .ranges = bytes };
	srd_draft_init(&draft);
	srd_draft_start(&draft, SRD_RECORD_META);
	/* Where the disk is full it is what makes room. */
	draft.takes_away = true;
	error = srd_draft_add(&draft, &op, NULL, NULL, NULL);
	if (!error)
		error = srd_store_append(store, &draft, &record);
	if (!error)
		error = srd_store_apply(store, &record, draft.bytes + SRD_HEADER_LEN);
	if (!error)
		srd_log_note_trim(store->log, &record, draft.bytes + SRD_HEADER_LEN);
	srd_draft_release(&draft);
	return error;
}

/* Names what is to go: the number of ranges, or a negative code. */
static ssize_t name(struct srd_store *store, struct srd_log *log, srd_trim_pick *pick, void *user,
                    struct srd_range *ranges)
{
	int error = srd_store_begin(store);

	if (error)
		return error;
	ssize_t count = store->log == log ? pick(user, ranges) : SRD_EREPLACED;
	error = count > 0 ? append(store, ranges, (size_t)count) : 0;
	srd_store_end(store);
	return error ? error : count;
}

int64_t srd_store_trim(struct srd_store *store, struct srd_log *log, uint64_t upto, srd_trim_pick *pick, void *user)
{
	SRD_AUTO_FREE struct srd_range *ranges = malloc(SRD_TRIM_RANGES * sizeof *ranges);
	int64_t bytes = 0;
	ssize_t count = 0;

	if (!ranges)
		return -ENOMEM;
	/* So that the header says that what is named was durable. */
	int error = srd_log_sync(log, upto);
	if (!error)
		error = srd_log_use_deny(log, upto);
	if (error)
		return error;
	count = name(store, log, pick, user, ranges);
	error = count < 0 ? (int)count : 0;
	if (!error && count > 0)
		error = srd_log_sync(log, atomic_load(&log->end));
	if (!error)
		error = srd_log_punch(log, ranges, (size_t)count);
	srd_log_use_admit(log, upto);
	for (ssize_t i = 0; i < count; i++)
		bytes += (int64_t)ranges[i].len;
	return error ? error : bytes;
}
