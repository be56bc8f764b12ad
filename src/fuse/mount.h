/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount.h - one mount: a store, its file system, a libfuse session, and the
 * threads that answer the kernel.
 *
 *     session.c   from options to a served mount and back
 *     keeper.c    the process that mounts, and has ...
 *     worker.c    ... another one open the store and serve; or the same does both
 *     child.c     that one, as a process
 *     wire.c      what they say to each other
 *     errands.c   what a worker may not do itself: the worker's side,
 *     folder.c    the keeper's
 *     legacy.c    what a worker that dies leaves to the next
 *     lines.c     what a worker has to say, made fit to be heard
 *     device.c    /dev/fuse, mounted
 *     place.c     mount points: what is there, what is allowed, clearing, detaching
 *     loop.c      threads that take requests and have libfuse decode them
 *     notifier.c  what others changed, to be told to the kernel
 *     herald.c    by a process of its own
 *     kernel.c    what the kernel says and libfuse does not pass on
 *     ops*.c      what each request does; of what was: ops_past.c
 *     compactor.c     the store compacted by itself
 *     transaction.c   mounts that are committed as a whole
 *     handle.c    what the kernel calls open files
 *     receipts.c  which commits requests became,
 *     resent.c    and so, whether a worker that has died had carried them out
 *     reply.c     results to what libfuse sends
 */
#ifndef SRD_FUSE_MOUNT_H
#define SRD_FUSE_MOUNT_H

#define FUSE_USE_VERSION 310
#include <fuse_lowlevel.h>

#include "fs/past.h"
#include "fuse/device.h"
#include "fuse/legacy.h"
#include "fuse/options.h"

struct srd_compactor;
struct srd_errands;
struct srd_loop;
struct srd_notifier;

struct srd_mount {
	const struct srd_mount_options *options;
	char *store_path, *mountpoint;    /* absolute */
	struct srd_device device;
	struct srd_store *store;
	struct srd_store *live;           /* what `store` is a private view of (transaction.h); NULL: it is none */
	struct srd_fs *fs;
	struct srd_past *past;            /* NULL: it is not shown */
	struct fuse_session *session;
	struct fuse_session *past_session;   /* likewise */
	struct srd_loop *loop;
	struct srd_notifier *notifier;    /* NULL before it is started */
	struct srd_compactor *compactor;  /* NULL: nobody asked for it */
	double timeout;                   /* seconds that the kernel may believe what it was told */
	bool no_open;                     /* files are read without being opened: nothing hangs on that */
	bool keeps_listings;              /* the kernel may keep what it read of directories */
	struct srd_legacy legacy;         /* all 0 without a keeper */
	int orders;                       /* a worker's socket to its keeper; -1: none */
	int notices;                      /* its socket to the keeper's herald; likewise */
	struct srd_errands *errands;      /* likewise, for errands; NULL: none */
	atomic_bool background;           /* talks to syslog; requests are served by then */
};

/* ---- session.c ---- */

/* Mounts, serves until the end, and cleans up: the process's exit status.  Without
 * `foreground` the calling process returns as soon as the mount is usable (or
 * could not be made), and another one serves. */
int srd_mount_run(const struct srd_mount_options *options);
/* A line for people: on stderr, or in the system's log; a worker has its keeper say it. */
void srd_mount_say(struct srd_mount *mount, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Cuts the ties to where we were started, and tells who waits at READY. */
int srd_mount_go_background(struct srd_mount *mount, int ready);

/* ---- ops.c ---- */

extern const struct fuse_lowlevel_ops srd_mount_ops;

/* ---- ops_past.c ---- */

extern const struct fuse_lowlevel_ops srd_past_ops;

#endif
