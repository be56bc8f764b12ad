/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper.h - the process that keeps a mount: it mounts and unmounts, hears signals,
 * does errands in the store's directory, and has a worker serve.  It parses no byte of
 * a store and no request but the kernel's first, which it passes on.
 *
 *                      signals
 *                         v
 *     /dev/fuse <---- keeper ----> the store's directory
 *        |  kept     |     ^  names: open, unlink, rename
 *        |    orders |     | errands
 *        |           v     |
 *        +-------> worker ----------> the log, the shm, the image (descriptors)
 *         requests    '- parses all of it, locked in (sandbox.h)
 *
 * A worker that dies is started again on the same device, and the kernel is asked to
 * send again what was not answered: the mount does not go away.  One that dies over
 * and over, or where the kernel cannot send again, takes the mount with it.
 */
#ifndef SRD_FUSE_KEEPER_H
#define SRD_FUSE_KEEPER_H

#include "fuse/mount.h"

/* Keeps MOUNT, whose paths are known, until its end; the process's exit status.
 * SIGNALS: a signalfd.  READY: where to tell that the mount is usable; -1 in the
 * foreground. */
int srd_keeper_run(struct srd_mount *mount, int signals, int ready);

#endif
