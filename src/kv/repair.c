/* SPDX-License-Identifier: Apache-2.0 */
/*
 * repair.c - what is to be named as lost: all that a scan finds damaged, but for
 * content that a file has now.  That stays damage until somebody replaces it.
 */
#include "config.h"

#include "kv/kv.h"

#include <string.h>

#include "format/ranges.h"

struct repair {
	int (*call)(void *user, const struct srd_event *event);
	void *user;
	bool damaged;
	uint64_t restored;        /* what lies below is written as it was */
	uint64_t known;           /* what lies below is in the image, the state came from there */
	bool given_up;            /* some of that would be lost */
	uint64_t end;             /* of the log: damage from there on goes with what is cut */
	size_t behind;
	struct srd_ranges ranges;
};

/* Superblock and spare are restored, and damage there is to be seen another time. */
static bool is_lost(const struct repair *repair, const struct srd_event *event)
{
	return event->offset + event->len > repair->restored &&
	       !(strcmp(event->what, "payload") == 0 && event->key);
}

static int note(void *user, const struct srd_event *event)
{
	struct repair *repair = user;

	if (event->type != SRD_EVENT_DAMAGE && event->type != SRD_EVENT_PROGRESS)
		return 0;
	bool damage = event->type == SRD_EVENT_DAMAGE;
	repair->damaged |= damage;
	repair->behind += damage && event->offset >= repair->end;
	if (damage && event->offset < repair->end && is_lost(repair, event)) {
		int error = srd_ranges_add(&repair->ranges, event->offset, event->len);
		if (error)
			return error;
		repair->given_up |= event->offset < repair->known && (strcmp(event->what, "record") == 0 ||
		                                                      strcmp(event->what, "metadata") == 0);
	}
	return repair->call(repair->user, event);
}

ssize_t srd_repair(struct srd_store *store, int flags,
                   int (*call)(void *user, const struct srd_event *event), void *user)
{
	struct repair repair = { .call = call, .user = user, .known = store->image.offset,
	                         .restored = srd_log_restorable(store->log), .end = atomic_load(&store->log->end) };
	bool dry = flags & SRD_REPAIR_DRY_RUN;

	if (!dry && !(store->flags & SRD_EXCLUSIVE))
		return -EINVAL;
	int error = srd_scan(store, SRD_SCAN_PAYLOAD, note, &repair);
	if (!error && !dry && repair.given_up && !(flags & SRD_REPAIR_FORCE))
		error = -ECANCELED;
	if (!error && !dry && repair.damaged)
		error = srd_store_repair(store, repair.ranges.items, repair.ranges.count);
	ssize_t named = (ssize_t)(repair.ranges.count + repair.behind);
	srd_ranges_release(&repair.ranges);
	return error ? error : named;
}
