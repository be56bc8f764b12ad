/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.h - a disk under a recording: what has certainly reached it, what may
 * have, and what a crash makes of the difference; of each file, and of the directory.
 *
 *     events   W1 W2 SYNC W3 T W4 |crash
 *     durable  W1 W2                        an fdatasync has ended behind them
 *     pending              W3 T W4          each: there, torn, or not
 *
 * Bytes that did not make it are zeros (the file grew, its blocks did not
 * come) or what last lay there, be it behind a truncate.  A write that a failed
 * fdatasync has tried stays pending whatever succeeds later, until it is made
 * again: Linux forgets it.
 *
 * Names change in order, and one change is whole or not at all; how many of them
 * have reached the disk says nothing of the files' bytes.
 */
#ifndef CRASH_DISK_H
#define CRASH_DISK_H

#include "recorder.h"

enum { DISK_PENDING_MAX = 512, DISK_NAMES_MAX = 16 };

struct disk_file {
	struct image durable;
	struct image ghost;       /* all that ever lay there before the pending ones, never truncated */
	size_t pending[DISK_PENDING_MAX];
	bool lost[DISK_PENDING_MAX];     /* a failed fdatasync has tried it */
	size_t pending_count;
};

struct disk {
	const struct recorder *recorder;
	struct disk_file files[RECORDER_FILES_MAX];
	/* What the names may lead to: durably, and after each change that came since. */
	struct names names[DISK_NAMES_MAX];
	size_t named_at[DISK_NAMES_MAX];     /* the event that made the change */
	size_t names_count;
	int touched;              /* the file that the last event was of; -1: more than that has changed */
	int promised;             /* commits; -1: not even the store */
	size_t done;              /* events behind us */
};

void disk_init(struct disk *disk, const struct recorder *recorder);
void disk_release(struct disk *disk);
/* Goes behind the next event (and the promises that follow it); false at the end. */
bool disk_step(struct disk *disk);

/* What becomes of one pending event. */
enum fate_kind {
	FATE_KEEP,                /* on disk */
	FATE_ZERO,                /* the size is, the bytes are not */
	FATE_OLD,                 /* likewise, and what was there before shows */
	FATE_GONE,                /* nothing is */
};

/* WHOLE, but for COUNT units from FIRST on, whose fate is TORN.  Units are
 * counted from the unit in which the write begins, aligned in the file. */
struct fate {
	enum fate_kind whole, torn;
	uint32_t unit, first, count;      /* unit 0: not torn */
};

/* FILE after a crash; FATES has an entry for each event pending on it.  With UNIT,
 * FATES is not looked at: dice, SEED their state, throw for each unit. */
void disk_render(const struct disk *disk, const struct disk_file *file, const struct fate *fates, uint32_t unit,
                 uint64_t seed, struct image *image);
/* Units that the I'th pending event, a write, touches. */
uint32_t disk_units(const struct disk *disk, const struct disk_file *file, size_t i, uint32_t unit);
static inline const struct event *disk_event(const struct disk *disk, const struct disk_file *file, size_t i)
{
	return &disk->recorder->events[file->pending[i]];
}

#endif
