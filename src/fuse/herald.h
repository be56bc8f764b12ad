/* SPDX-License-Identifier: Apache-2.0 */
/*
 * herald.h - a process that hands what a worker has to tell on to the kernel.
 *
 * Telling may wait in the kernel, where no signal helps: for a directory that a request
 * has locked, or a page.  A worker that waited there itself, killed, would not be gone before
 * that request had been answered, which is for the next worker to do, who is not started before the
 * last one is gone.
 *
 *     notifier.c  --notices, a packet each-->  herald  --as they are-->  /dev/fuse
 *
 * It parses nothing: a worker has the device, too, and can tell the kernel nothing
 * here that it could not tell there.
 */
#ifndef SRD_FUSE_HERALD_H
#define SRD_FUSE_HERALD_H

#include <sys/types.h>

/* Starts one that tells DEVICE, until nobody has *NOTICES any more (the caller's, for a worker), or what
 * is no notice comes: then it has told all before, and ends.  Its *PID; 0 or a negative errno. */
int srd_herald_start(int device, int *notices, pid_t *pid);

#endif
