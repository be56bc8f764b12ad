/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "disk.h"

#include <string.h>

#include "base/hash.h"
#include "tell.h"

void disk_init(struct disk *disk, const struct recorder *recorder)
{
	memset(disk, 0, sizeof *disk);
	disk->recorder = recorder;
	disk->named = disk->named_durably = recorder->there;
	disk->promised = -1;
	image_copy(&disk->durable, &recorder->base);
	image_copy(&disk->ghost, &recorder->base);
}

void disk_release(struct disk *disk)
{
	image_release(&disk->durable);
	image_release(&disk->ghost);
}

static void make_durable(struct disk *disk, const struct event *event)
{
	if (event->kind == EVENT_TRUNCATE) {
		image_resize(&disk->durable, event->offset);
		return;
	}
	image_write(&disk->durable, event->offset, event->data, event->len);
	image_write(&disk->ghost, event->offset, event->data, event->len);
}

/* A lost write counts no more once all of it was written again. */
static bool is_made_again(const struct disk *disk, size_t i, size_t since)
{
	const struct event *lost = disk_event(disk, i);

	for (size_t j = i + 1; j < disk->pending_count && disk->pending[j] < since; j++) {
		const struct event *event = disk_event(disk, j);
		if (!disk->lost[j] && event->kind == EVENT_WRITE && event->offset <= lost->offset &&
		    lost->offset + lost->len <= event->offset + event->len)
			return true;
	}
	return false;
}

static void end_sync(struct disk *disk, size_t since)
{
	size_t kept = 0;
	bool gone[DISK_PENDING_MAX];

	for (size_t i = 0; i < disk->pending_count; i++)
		gone[i] = disk->pending[i] < since && (!disk->lost[i] || is_made_again(disk, i, since));
	for (size_t i = 0; i < disk->pending_count; i++) {
		if (gone[i] && !disk->lost[i])
			make_durable(disk, disk_event(disk, i));
		if (gone[i])
			continue;
		disk->lost[kept] = disk->lost[i];
		disk->pending[kept++] = disk->pending[i];
	}
	disk->pending_count = kept;
}

static void fail_sync(struct disk *disk, size_t since)
{
	for (size_t i = 0; i < disk->pending_count; i++)
		if (disk->pending[i] < since && disk_event(disk, i)->kind == EVENT_WRITE)
			disk->lost[i] = true;
}

static void add_pending(struct disk *disk, size_t index)
{
	if (disk->pending_count == DISK_PENDING_MAX)
		die("a workload without syncs for %u events", DISK_PENDING_MAX);
	disk->lost[disk->pending_count] = false;
	disk->pending[disk->pending_count++] = index;
}

static void step_over(struct disk *disk, size_t index)
{
	const struct event *event = &disk->recorder->events[index];

	switch (event->kind) {
	case EVENT_WRITE:
	case EVENT_TRUNCATE:
		add_pending(disk, index);
		break;
	case EVENT_SYNC:
		end_sync(disk, event->since);
		break;
	case EVENT_SYNC_FAILED:
		fail_sync(disk, event->since);
		break;
	case EVENT_RENAME:
		disk->named = true;
		break;
	case EVENT_SYNC_DIR:
		disk->named_durably = disk->named;
		break;
	case EVENT_PROMISE:
		disk->promised = event->commits;
		break;
	}
}

bool disk_step(struct disk *disk)
{
	const struct recorder *recorder = disk->recorder;

	if (disk->done == recorder->count)
		return false;
	do
		step_over(disk, disk->done++);
	while (disk->done < recorder->count && recorder->events[disk->done].kind == EVENT_PROMISE);
	return true;
}

uint32_t disk_units(const struct disk *disk, size_t i, uint32_t unit)
{
	const struct event *event = disk_event(disk, i);

	if (event->kind != EVENT_WRITE)
		return 0;
	return (uint32_t)((event->offset + event->len + unit - 1) / unit - event->offset / unit);
}

/* ---- rendering ---- */

/* Puts bytes [from, to) of a write into IMAGE as FATE says. */
static void lay(struct image *image, const struct image *ghost, const struct event *event,
                uint64_t from, uint64_t to, enum fate_kind fate)
{
	if (fate == FATE_GONE)
		return;
	if (fate == FATE_KEEP) {
		image_write(image, from, event->data + (from - event->offset), to - from);
		return;
	}
	if (image->len < to)
		image_resize(image, to);
	if (fate == FATE_OLD && from < ghost->len)
		image_write(image, from, ghost->bytes + from, (to < ghost->len ? to : ghost->len) - from);
}

static enum fate_kind throw_dice(uint64_t *dice)
{
	static const enum fate_kind sides[] = { FATE_KEEP, FATE_KEEP, FATE_ZERO, FATE_OLD };

	*dice = srd_mix(*dice + 1);
	return sides[*dice % 4];
}

static void lay_write(struct image *image, const struct image *ghost, const struct event *event,
                      const struct fate *fate, uint64_t *dice)
{
	uint64_t end = event->offset + event->len;
	uint32_t n = 0;

	if (fate->unit == 0) {
		lay(image, ghost, event, event->offset, end, fate->whole);
		return;
	}
	for (uint64_t at = event->offset; at < end; n++) {
		uint64_t to = (at / fate->unit + 1) * fate->unit;
		bool torn = n >= fate->first && n - fate->first < fate->count;
		if (to > end)
			to = end;
		lay(image, ghost, event, at, to, dice ? throw_dice(dice) : torn ? fate->torn : fate->whole);
		at = to;
	}
}

void disk_render(const struct disk *disk, const struct fate *fates, uint32_t unit, uint64_t seed,
                 struct image *image)
{
	struct fate by_dice = { .unit = unit };
	struct image ghost = { 0 };

	image_copy(image, &disk->durable);
	image_copy(&ghost, &disk->ghost);
	for (size_t i = 0; i < disk->pending_count; i++) {
		const struct event *event = disk_event(disk, i);
		const struct fate *fate = unit ? &by_dice : &fates[i];
		if (event->kind == EVENT_TRUNCATE) {
			if (unit ? throw_dice(&seed) != FATE_OLD : fate->whole == FATE_KEEP)
				image_resize(image, event->offset);
			continue;
		}
		lay_write(image, &ghost, event, fate, unit ? &seed : NULL);
		image_write(&ghost, event->offset, event->data, event->len);
	}
	image_release(&ghost);
}
