/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device.h - a mount as the kernel has it: /dev/fuse, mounted by libfuse, and the
 * kernel's first request, INIT.
 *
 * INIT is kept, so that whoever begins to serve, and not only the first, can have
 * libfuse settle by it what it and the kernel can do.
 */
#ifndef SRD_FUSE_DEVICE_H
#define SRD_FUSE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "fuse/options.h"

struct fuse_lowlevel_ops;
struct fuse_session;

enum { SRD_INIT_MAX = 1024 };

struct srd_device {
	struct fuse_session *mounter;     /* has mounted, and never serves; NULL: not mounted.  The keeper's: a
	                                     worker that was started later has but a copy of its memory */
	int fd;                           /* its descriptor */
	int guard;                        /* -1: none.  Open until nobody is left who serves: then fusermount3
	                                     unmounts (auto_unmount) */
	dev_t dev;                        /* of the mounted file system */
	uint32_t init_len;
	_Alignas(8) char init[SRD_INIT_MAX];
};

/* A session with the options that STORE (its path) is to be mounted with, for OPS;
 * NULL: libfuse has said why, or no memory. */
struct fuse_session *srd_device_session(const struct srd_mount_options *options, const char *store,
                                        const struct fuse_lowlevel_ops *ops, void *user);
/* Mounts at MOUNTPOINT and takes INIT from the kernel.  0 or a negative code; libfuse
 * has told what went wrong, if something did. */
int srd_device_mount(struct srd_device *device, const struct srd_mount_options *options, const char *store,
                     const char *mountpoint);
/* Gives the descriptor back.  The mount is left to others: it may have gone, and another
 * have taken its place. */
void srd_device_close(struct srd_device *device);
/* True if the kernel can be asked to send again what nobody answered. */
bool srd_device_can_resend(const struct srd_device *device);
int srd_device_resend(const struct srd_device *device);
/* True if the kernel can be told to doubt all names at once. */
bool srd_device_can_doubt(const struct srd_device *device);

#endif
