/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker.h - the part of a mount that reads the store and answers the kernel: set up,
 * taken down.  It does not mount and does not unmount.
 */
#ifndef SRD_FUSE_WORKER_H
#define SRD_FUSE_WORKER_H

#include "fuse/mount.h"

/* Opens the store, with IO (NULL: the real one), and makes the file system.  What goes
 * wrong is said. */
int srd_worker_open(struct srd_mount *mount, const struct srd_io *io);
/* Starts to serve at the mount's device.  FIRST: nobody has before, so INIT is to be
 * answered. */
int srd_worker_serve(struct srd_mount *mount, bool first);
/* Undoes both, as far as they were reached: ends serving, commits what is dirty, closes
 * the store.  Returns the first error. */
int srd_worker_finish(struct srd_mount *mount);

/* ---- As a process of its own ---- */

/* The descriptors that it has from the keeper; none from _END on. */
enum { SRD_WORKER_ORDERS = 3, SRD_WORKER_ERRANDS, SRD_WORKER_FOLDER, SRD_WORKER_FD_END };

/* Opens the store, NAME in the folder, serves when it is told to, and returns its exit
 * status when it is told to stop, the mount is gone or the keeper is. */
int srd_worker_run(struct srd_mount *mount, const char *name);

#endif
