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
	disk->names[0] = recorder->before;
	disk->names_count = 1;
	disk->promised = -1;
	for (int i = 0; i < RECORDER_FILES_MAX; i++) {
		image_copy(&disk->files[i].durable, &recorder->bases[i]);
		image_copy(&disk->files[i].ghost, &recorder->bases[i]);
	}
}

void disk_release(struct disk *disk)
{
	for (int i = 0; i < RECORDER_FILES_MAX; i++) {
		image_release(&disk->files[i].durable);
		image_release(&disk->files[i].ghost);
	}
}

static void make_durable(struct disk_file *file, const struct event *event)
{
	if (event->kind == EVENT_TRUNCATE) {
		image_resize(&file->durable, event->offset);
		return;
	}
	image_write(&file->durable, event->offset, event->data, event->len);
	image_write(&file->ghost, event->offset, event->data, event->len);
}

/* A lost write counts no more once all of it was written again. */
static bool is_made_again(const struct disk *disk, const struct disk_file *file, size_t i, size_t since)
{
	const struct event *lost = disk_event(disk, file, i);

	for (size_t j = i + 1; j < file->pending_count && file->pending[j] < since; j++) {
		const struct event *event = disk_event(disk, file, j);
		if (!file->lost[j] && event->kind == EVENT_WRITE && event->offset <= lost->offset &&
		    lost->offset + lost->len <= event->offset + event->len)
			return true;
	}
	return false;
}

static void end_sync(const struct disk *disk, struct disk_file *file, size_t since)
{
	size_t kept = 0;
	bool gone[DISK_PENDING_MAX];

	for (size_t i = 0; i < file->pending_count; i++)
		gone[i] = file->pending[i] < since && (!file->lost[i] || is_made_again(disk, file, i, since));
	for (size_t i = 0; i < file->pending_count; i++) {
		if (gone[i] && !file->lost[i])
			make_durable(file, disk_event(disk, file, i));
		if (gone[i])
			continue;
		file->lost[kept] = file->lost[i];
		file->pending[kept++] = file->pending[i];
	}
	file->pending_count = kept;
}

static void fail_sync(const struct disk *disk, struct disk_file *file, size_t since)
{
	for (size_t i = 0; i < file->pending_count; i++)
		if (file->pending[i] < since && disk_event(disk, file, i)->kind == EVENT_WRITE)
			file->lost[i] = true;
}

static void add_pending(struct disk_file *file, size_t index)
{
	if (file->pending_count == DISK_PENDING_MAX)
		die("a workload without syncs for %u events", DISK_PENDING_MAX);
	file->lost[file->pending_count] = false;
	file->pending[file->pending_count++] = index;
}

static void add_names(struct disk *disk, size_t index)
{
	if (disk->names_count == DISK_NAMES_MAX)
		die("a directory without syncs for %u changes", DISK_NAMES_MAX);
	disk->named_at[disk->names_count] = index;
	disk->names[disk->names_count++] = disk->recorder->events[index].names;
}

/* The last change before SINCE is durable; so nothing before it is. */
static void end_sync_dir(struct disk *disk, size_t since)
{
	size_t durable = 0, kept = 0;

	for (size_t i = 1; i < disk->names_count; i++)
		if (disk->named_at[i] < since)
			durable = i;
	for (size_t i = durable; i < disk->names_count; i++) {
		disk->named_at[kept] = disk->named_at[i];
		disk->names[kept++] = disk->names[i];
	}
	disk->names_count = kept;
}

static void step_over(struct disk *disk, size_t index)
{
	const struct event *event = &disk->recorder->events[index];
	struct disk_file *file = event->file < 0 ? NULL : &disk->files[event->file];

	switch (event->kind) {
	case EVENT_WRITE:
	case EVENT_TRUNCATE:
		add_pending(file, index);
		break;
	case EVENT_SYNC:
		end_sync(disk, file, event->since);
		break;
	case EVENT_SYNC_FAILED:
		fail_sync(disk, file, event->since);
		break;
	case EVENT_NAMES:
		add_names(disk, index);
		break;
	case EVENT_SYNC_DIR:
		end_sync_dir(disk, event->since);
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
	disk->touched = recorder->events[disk->done].file;
	step_over(disk, disk->done++);
	while (disk->done < recorder->count && recorder->events[disk->done].kind == EVENT_PROMISE) {
		disk->touched = -1;
		step_over(disk, disk->done++);
	}
	return true;
}

uint32_t disk_units(const struct disk *disk, const struct disk_file *file, size_t i, uint32_t unit)
{
	const struct event *event = disk_event(disk, file, i);

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

void disk_render(const struct disk *disk, const struct disk_file *file, const struct fate *fates, uint32_t unit,
                 uint64_t seed, struct image *image)
{
	struct fate by_dice = { .unit = unit };
	struct image ghost = { 0 };

	image_copy(image, &file->durable);
	image_copy(&ghost, &file->ghost);
	for (size_t i = 0; i < file->pending_count; i++) {
		const struct event *event = disk_event(disk, file, i);
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
