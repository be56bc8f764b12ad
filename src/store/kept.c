/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/kept.h"

#include <errno.h>
#include <unistd.h>

#include "base/check.h"

enum {
	APART_OPS = 1 << 16,      /* replayed in 20 ms or so: none is kept to save less */
	NAMED_WORTH = 8,          /* one of a snapshot is as good as so many */
	SHARE_OF_LOG = 2,         /* all that are kept have no more than half its bytes, */
	SHARE_OF_FREE = 4,        /* nor a quarter of what is free */
};

struct kept {
	int slot;                 /* -1: the image that is about to be replaced */
	uint64_t offset, ops, bytes;
	bool named;               /* it stands for a snapshot */
};

/* In the order of the log. */
struct shelf {
	struct kept items[SRD_IMAGE_SLOTS + 1];
	size_t count;
	uint64_t bytes, now_ops;
};

static bool is_named(const struct srd_state *state, uint64_t offset)
{
	for (uint32_t i = 1; i < state->snapshots.count; i++)
		if (srd_snap_at(state, i)->name_len > 0 && srd_snap_at(state, i)->offset == offset)
			return true;
	return false;
}

static void add(struct shelf *shelf, int slot, const struct srd_image *image, const struct srd_state *state)
{
	struct kept item = { .slot = slot, .offset = image->offset, .ops = image->ops, .bytes = image->len,
	                     .named = is_named(state, image->offset) };
	size_t at = shelf->count++;

	for (; at > 0 && shelf->items[at - 1].ops > item.ops; at--)
		shelf->items[at] = shelf->items[at - 1];
	shelf->items[at] = item;
	shelf->bytes += item.bytes;
}

static void collect(struct shelf *shelf, const struct srd_image_file *file, const struct srd_state *state)
{
	struct srd_image image;
	int fd;

	for (unsigned slot = 0; slot < SRD_IMAGE_SLOTS; slot++) {
		int error = srd_log_image_open_kept(file->log, slot, &image, &fd);
		if (!error) {
			close(fd);
			add(shelf, (int)slot, &image, state);
		} else if (error != -ENOENT) {
			/* Of a log before it was compacted, mostly. */
			srd_image_file_forget(file, slot);
		}
	}
	if (srd_log_image_open(file->log, &image, &fd) == 0) {
		close(fd);
		add(shelf, -1, &image, state);
	}
}

/* What would be lost with number I: how far those beside it lie apart, seen from now. */
static double worth(const struct shelf *shelf, size_t i)
{
	uint64_t ops = shelf->items[i].ops, before = i > 0 ? shelf->items[i - 1].ops : 0;
	uint64_t behind = i + 1 < shelf->count ? shelf->items[i + 1].ops : SRD_MAX(shelf->now_ops, ops);
	uint64_t away = shelf->now_ops > ops ? shelf->now_ops - ops : 1;

	if (behind - before < APART_OPS)
		return 0;
	return (double)(behind - before) / (double)away * (shelf->items[i].named ? NAMED_WORTH : 1);
}

static size_t least(const struct shelf *shelf)
{
	size_t found = 0;

	for (size_t i = 1; i < shelf->count; i++)
		if (worth(shelf, i) < worth(shelf, found))
			found = i;
	return found;
}

static void drop(struct shelf *shelf, size_t i, const struct srd_image_file *file)
{
	if (shelf->items[i].slot >= 0)
		srd_image_file_forget(file, (unsigned)shelf->items[i].slot);
	shelf->bytes -= shelf->items[i].bytes;
	shelf->count--;
	for (; i < shelf->count; i++)
		shelf->items[i] = shelf->items[i + 1];
}

static uint64_t bytes_allowed(const struct srd_log *log, const struct srd_image *next)
{
	struct statvfs st;

	if (srd_log_statvfs(log, &st) != 0)
		return 0;
	return SRD_MIN(next->offset / SHARE_OF_LOG, (uint64_t)st.f_bavail * st.f_frsize / SHARE_OF_FREE);
}

/* Where the present image goes, if it is still on the shelf. */
static int free_slot(const struct shelf *shelf)
{
	bool stays = false;
	unsigned used = 0;

	for (size_t i = 0; i < shelf->count; i++) {
		stays |= shelf->items[i].slot < 0;
		used |= shelf->items[i].slot < 0 ? 0 : 1U << shelf->items[i].slot;
	}
	for (int slot = 0; stays && slot < SRD_IMAGE_SLOTS; slot++)
		if (!(used >> slot & 1))
			return slot;
	return -1;
}

int srd_kept_make_room(const struct srd_image_file *file, const struct srd_state *state, const struct srd_image *next)
{
	struct shelf shelf = { .now_ops = next->ops };
	uint64_t allowed = bytes_allowed(file->log, next);

	collect(&shelf, file, state);
	while (shelf.count > 0) {
		size_t i = least(&shelf);
		if (shelf.count <= SRD_IMAGE_SLOTS && shelf.bytes <= allowed && worth(&shelf, i) > 0)
			break;
		drop(&shelf, i, file);
	}
	return free_slot(&shelf);
}
