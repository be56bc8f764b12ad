/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fuse/device.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "fuse/mount.h"
#include "fuse/place.h"

enum {
	REQUEST_MIN = 64 << 10,            /* the kernel wants room for more than INIT */
	MINOR_OF_EPOCHS = 44,              /* of the protocol */
	NOTIFY_RESEND = 7,                 /* in newer headers */
};
#define HAS_RESEND (UINT64_C(1) << 39)     /* likewise */

/* The words libfuse gets.  0 or -ENOMEM. */
static int make_arguments(const struct srd_mount_options *options, const char *store, struct fuse_args *args)
{
	SRD_AUTO_FREE char *fsname = NULL;
	char *list = NULL;

	if (asprintf(&fsname, "fsname=%s", options->fsname ? options->fsname : store) < 0) {
		fsname = NULL;
		return -ENOMEM;
	}
	bool failed = fuse_opt_add_arg(args, "srdfs") || fuse_opt_add_opt_escaped(&list, fsname) ||
	              fuse_opt_add_opt(&list, "subtype=srdfs,default_permissions") ||
	              (options->access == SRD_ACCESS_NEVER && fuse_opt_add_opt(&list, "noatime")) ||
	              (options->read_only && fuse_opt_add_opt(&list, "ro")) ||
	              (options->passed && fuse_opt_add_opt(&list, options->passed)) ||
	              fuse_opt_add_arg(args, "-o") || fuse_opt_add_arg(args, list) ||
	              (options->debug && fuse_opt_add_arg(args, "-d"));
	free(list);
	return failed ? -ENOMEM : 0;
}

struct fuse_session *srd_device_session(const struct srd_mount_options *options, const char *store,
                                        const struct fuse_lowlevel_ops *ops, void *user)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fuse_session *session = NULL;

	if (make_arguments(options, store, &args) == 0)
		session = fuse_session_new(&args, ops, sizeof *ops, user);
	fuse_opt_free_args(&args);
#ifdef HAVE_FUSE_SESSION_SET_SYNC_INIT
	/* INIT is not to be answered by whoever mounts. */
	if (session)
		fuse_session_set_sync_init(session, false);
#endif
	return session;
}

static int take_init(struct srd_device *device)
{
	SRD_AUTO_FREE char *request = malloc(REQUEST_MIN);
	ssize_t got;

	if (!request)
		return -ENOMEM;
	do {
		got = read(device->fd, request, REQUEST_MIN);
	} while (got < 0 && (errno == EINTR || errno == EAGAIN));
	if (got < 0)
		return srd_errno();
	if (got == 0 || got > SRD_INIT_MAX)
		return -EPROTO;
	memcpy(device->init, request, (size_t)got);
	device->init_len = (uint32_t)got;
	return 0;
}

/* Sockets that are open now. */
static void list_sockets(fd_set *sockets)
{
	struct stat st;

	FD_ZERO(sockets);
	for (int fd = 0; fd < FD_SETSIZE; fd++)
		if (fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode))
			FD_SET(fd, sockets);
}

/* One that is open now and was not BEFORE: libfuse tells nobody what it leaves open. */
static int new_socket(const fd_set *before)
{
	fd_set now;

	list_sockets(&now);
	for (int fd = 0; fd < FD_SETSIZE; fd++)
		if (FD_ISSET(fd, &now) && !FD_ISSET(fd, before))
			return fd;
	return -1;
}

/* The mount is ours alone yet; without /proc nobody would find it later. */
static void undo_mount(struct srd_device *device)
{
	fuse_session_unmount(device->mounter);
	fuse_session_destroy(device->mounter);
	device->mounter = NULL;
}

int srd_device_mount(struct srd_device *device, const struct srd_mount_options *options, const char *store,
                     const char *mountpoint)
{
	fd_set sockets;

	device->guard = -1;
	device->mounter = srd_device_session(options, store, &srd_mount_ops, NULL);
	if (!device->mounter)
		return -EINVAL;
	list_sockets(&sockets);
	if (fuse_session_mount(device->mounter, mountpoint) != 0) {
		fuse_session_destroy(device->mounter);
		device->mounter = NULL;
		return -EIO;
	}
	device->fd = fuse_session_fd(device->mounter);
	device->guard = new_socket(&sockets);
	int error = fcntl(device->fd, F_SETFD, FD_CLOEXEC) == 0 ? 0 : srd_errno();
	if (!error && device->guard >= 0 && fcntl(device->guard, F_SETFD, FD_CLOEXEC) != 0)
		error = srd_errno();
	if (!error)
		error = srd_place_device(mountpoint, &device->dev);
	if (!error)
		error = take_init(device);
	if (error)
		undo_mount(device);
	return error;
}

void srd_device_close(struct srd_device *device)
{
	struct pollfd gone = { .fd = device->fd };

	if (!device->mounter)
		return;
	/* Where the mount is gone, libfuse's unmounting frees its name and does no more. */
	if (poll(&gone, 1, 0) == 1 && gone.revents & POLLERR)
		fuse_session_unmount(device->mounter);
	fuse_session_destroy(device->mounter);
	device->mounter = NULL;
}

/* What INIT says AT bytes behind its header; 0 if it is too short. */
static uint32_t init_word(const struct srd_device *device, size_t at)
{
	uint32_t word = 0;

	at += sizeof(struct fuse_in_header);
	if (device->init_len >= at + sizeof word)
		memcpy(&word, device->init + at, sizeof word);
	return word;
}

bool srd_device_can_resend(const struct srd_device *device)
{
	return init_word(device, offsetof(struct fuse_init_in, flags2)) & (uint32_t)(HAS_RESEND >> 32);
}

bool srd_device_can_doubt(const struct srd_device *device)
{
	return init_word(device, offsetof(struct fuse_init_in, minor)) >= MINOR_OF_EPOCHS;
}

int srd_device_resend(const struct srd_device *device)
{
	struct fuse_out_header notice = { .len = sizeof notice, .error = NOTIFY_RESEND };

	return write(device->fd, &notice, sizeof notice) == sizeof notice ? 0 : srd_errno();
}
