/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notifier.h - tells the kernel what others changed, so that it may believe for long
 * what it was told.
 *
 *     applying a foreign commit          notifier's thread
 *         |  with the store's locks          |
 *         v                                  |  takes all changes at once
 *     changes, coalesced ----published---->  |  waits until every request begun
 *     (never waits; too many: "all")         |    before has been answered
 *                                            v  then tells the kernel, without locks, and
 *                                               by the herald (herald.h) if there is one
 *
 * A request that began before the change may answer with what was true then; told
 * earlier, the kernel would keep that answer for good.
 *
 * Telling may wait: for a directory that a request is changing, for a page that is
 * being read or written back.  So no request, and no holder of a lock, ever waits
 * for the notifier.
 */
#ifndef SRD_FUSE_NOTIFIER_H
#define SRD_FUSE_NOTIFIER_H

struct srd_mount;
struct srd_notifier;

/* From now on it takes note of what others commit: before the first request is served, or the
 * kernel would believe for long what that one was answered. */
int srd_notifier_new(struct srd_mount *mount);
/* Starts following MOUNT's store, and telling MOUNT's session, which is served by then. */
int srd_notifier_start(struct srd_mount *mount);
/* Ends it, while there still are workers to answer what it may wait for. */
void srd_notifier_stop(struct srd_mount *mount);
/* Frees it, when there are none any more. */
void srd_notifier_free(struct srd_notifier *notifier);

/* Nothing the kernel has need be true any more: others may have committed while no
 * worker was there. */
void srd_notifier_doubt(struct srd_notifier *notifier);

#endif
