/* SPDX-License-Identifier: Apache-2.0 */
/* past.c - which points of the past there are, and which of them are had at once. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "kv/kv.h"
#include "log/image.h"
#include "store/point.h"

/* ---- Images ---- */

static int by_offset(const void *a, const void *b)
{
	const struct srd_past_image *one = a, *other = b;

	return (one->offset > other->offset) - (one->offset < other->offset);
}

ssize_t srd_past_images(struct srd_store *store, struct srd_past_image **out)
{
	struct srd_past_image *list = calloc(SRD_IMAGE_SLOTS, sizeof *list);
	struct srd_hold hold = srd_store_hold(store);
	struct srd_image image;
	size_t count = 0;
	int fd;

	for (unsigned slot = 0; list && slot < SRD_IMAGE_SLOTS; slot++) {
		if (srd_log_image_open_kept(hold.log, slot, &image, &fd) != 0)
			continue;
		close(fd);
		list[count++] = (struct srd_past_image){ .bytes = image.len, .offset = image.offset,
		                                         .sequence = image.sequence, .time_ns = image.last_time_ns };
	}
	srd_hold_drop(&hold);
	if (!list)
		return -ENOMEM;
	qsort(list, count, sizeof *list, by_offset);
	*out = list;
	return (ssize_t)count;
}

/* ---- Points ---- */

static bool is_later(const struct srd_record *record, const struct srd_log_point *point)
{
	return record->sequence > point->sequence || record->time_ns > point->time_ns;
}

/* Walks the headers, to the first commit past POINT and to the end of what that restates. */
static void look_around(const struct srd_log *log, uint64_t end, const struct srd_log_point *point,
                        struct srd_point *before, struct srd_point *after)
{
	struct srd_record record;
	bool passed = false;

	for (uint64_t at = SRD_FIRST_RECORD; at < end;) {
		bool sound = srd_log_record_at(log, at, &record);
		at += sound ? record.len : SRD_RECORD_ALIGN;
		if (!sound || record.type != SRD_RECORD_META)
			continue;
		if (passed && record.sequence != after->sequence)
			return;
		passed = passed || is_later(&record, point);
		*(passed ? after : before) = (struct srd_point){ .sequence = record.sequence, .time_ns = record.time_ns };
	}
}

int srd_nearest_points(struct srd_store *store, const char *at, struct srd_point *before, struct srd_point *after)
{
	struct srd_log_point point;

	if (!srd_point_parse(at, srd_wall_ns(), &point))
		return SRD_ENOPAST;
	int error = srd_store_follow(store);
	if (error)
		return error;
	srd_mutex_lock(&store->commit_mutex);
	struct srd_hold hold = srd_store_hold(store);
	uint64_t end = srd_store_here(store).end;
	srd_mutex_unlock(&store->commit_mutex);
	*before = *after = (struct srd_point){ 0 };
	look_around(hold.log, end, &point, before, after);
	srd_hold_drop(&hold);
	return 0;
}
