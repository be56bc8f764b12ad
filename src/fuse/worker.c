/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fuse/worker.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "fuse/compactor.h"
#include "fuse/errands.h"
#include "fuse/loop.h"
#include "fuse/notifier.h"
#include "fuse/sandbox.h"
#include "fuse/transaction.h"
#include "fuse/wire.h"

static void say(void *user, const char *text)
{
	srd_mount_say(user, "%s", text);
}

/* ---- Set-up ---- */

static void say_busy(struct srd_mount *mount, const struct srd_io *io)
{
	char holder[160];

	if (srd_log_holder(mount->store_path, io, holder, sizeof holder) == 0)
		srd_mount_say(mount, "in use: %s", holder);
	else
		srd_mount_say(mount, "cannot be had alone: others have it open");
}

static void say_refused(struct srd_mount *mount, int error)
{
	bool forbidden = error == -EACCES || error == -EPERM || error == -EROFS;

	srd_mount_say(mount, "%s%s", srd_strerror(error),
	              forbidden && !mount->options->read_only ? " (to read it '-o ro' will do)" : "");
}

/* Those who wait for a mount are to know for what. */
struct opening {
	struct srd_mount *mount;
	int64_t said;
};

static void say_progress(void *user, uint64_t done, uint64_t total)
{
	struct opening *opening = user;
	int64_t second = srd_monotonic_ns() / SRD_NS_PER_SECOND;

	if (second == opening->said)
		return;
	opening->said = second;
	srd_mount_say(opening->mount, "replaying the log: %u %%", (unsigned)(100 * done / total));
}

static int open_store(struct srd_mount *mount, const struct srd_io *io)
{
	struct srd_legacy *legacy = &mount->legacy;
	struct srd_numberset *orphans = legacy->orphans.count ? &legacy->orphans : NULL;
	struct opening opening = { .mount = mount };
	struct srd_progress progress = { .tell = say_progress, .user = &opening };

	/* Short ones need no words. */
	opening.said = srd_monotonic_ns() / SRD_NS_PER_SECOND;
	int flags = srd_mount_open_flags(mount->options);
	int error = mount->options->at
	            ? srd_store_open_at(mount->store_path, flags, io, &progress, mount->options->at,
	                                mount->options->at_ns, &mount->store)
	            : srd_store_open_again(mount->store_path, flags, io, &progress, orphans, legacy->life > 0,
	                                   &mount->store);
	if (error == -EBUSY)
		say_busy(mount, io);
	else if (error)
		say_refused(mount, error);
	else if (mount->options->txn)
		error = srd_mount_begin_transaction(mount);
	return error;
}

/* The one that others know of. */
static struct srd_store *shared_store(const struct srd_mount *mount)
{
	return mount->live ? mount->live : mount->store;
}

/* What the options ask for, before anybody is served. */
static void set_up(struct srd_mount *mount)
{
	const struct srd_mount_options *options = mount->options;
	struct srd_fs *fs = mount->fs;

	mount->store->log->strict = options->strict;
	shared_store(mount)->log->witness = srd_receipts_witness(mount->legacy.receipts);
	if (options->commit_seconds)
		shared_store(mount)->sync_seconds = options->commit_seconds;
	fs->limit.max_bytes = options->max_bytes;
	fs->opens.unsaved = mount->legacy.unsaved.count ? &mount->legacy.unsaved : NULL;
	fs->access = options->access;
	fs->access_dirs = options->access_dirs;
}

int srd_worker_open(struct srd_mount *mount, const struct srd_io *io)
{
	/* A store cut short under us is EIO to who asks, not the end of the mount. */
	int error = srd_guard_catch();

	if (!error)
		error = open_store(mount, io);
	if (error)
		return error;
	error = srd_fs_new(mount->store, say, mount, &mount->fs);
	if (error) {
		srd_mount_say(mount, "%s", srd_strerror(error));
		return error;
	}
	set_up(mount);
	/* Without a name are files that programs have open still, or what a crash left. */
	if (mount->legacy.life > 0)
		srd_unnamed_adopt(mount->fs);
	else
		srd_unnamed_sweep(mount->fs);
	if (!mount->options->no_history)
		error = srd_past_new(mount->fs, shared_store(mount), mount->legacy.past, &mount->past);
	return error;
}

/* A session at the mount's device, for OPS.  libfuse takes a descriptor in place of a mount point. */
static int attach(struct srd_mount *mount, const struct fuse_lowlevel_ops *ops, struct fuse_session **session)
{
	char name[32];

	*session = srd_device_session(mount->options, mount->store_path, ops, mount);
	if (!*session)
		return -EINVAL;
	/* The session's own; by dup(), as in srd_kernel_init(). */
	int fd = dup(mount->device.fd), error = -EIO;
	if (fd < 0)
		return srd_errno();
	snprintf(name, sizeof name, "/dev/fd/%d", fd);
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		error = srd_errno();
	else if (fuse_session_mount(*session, name) == 0)
		return 0;
	close(fd);
	return error;
}

int srd_worker_serve(struct srd_mount *mount, bool first)
{
	struct fuse_buf init = { .mem = mount->device.init, .size = mount->device.init_len };
	int error = attach(mount, &srd_mount_ops, &mount->session);

	if (!error)
		error = srd_kernel_init(mount->session, &init, first);
	if (!error && mount->past)
		error = attach(mount, &srd_past_ops, &mount->past_session);
	if (!error && mount->past)
		error = srd_kernel_init(mount->past_session, &init, false);
	if (!error && !mount->store->frozen)
		error = srd_notifier_new(mount);
	if (!error)
		error = srd_loop_start(mount->session, mount->past_session, &mount->loop);
	if (!error)
		error = srd_fs_start(mount->fs);
	if (!error && mount->notifier)
		error = srd_notifier_start(mount);
	if (!error)
		error = srd_compactor_start(mount);
	if (!error && !first && mount->notifier)
		srd_notifier_doubt(mount->notifier);
	if (error)
		srd_mount_say(mount, "cannot serve at %s: %s", mount->mountpoint, srd_strerror(error));
	return error;
}

int srd_worker_finish(struct srd_mount *mount)
{
	srd_compactor_stop(mount->compactor);
	srd_notifier_stop(mount);
	if (mount->loop)
		srd_loop_stop(mount->loop);
	srd_past_free(mount->past);
	int error = srd_fs_free(mount->fs);
	srd_notifier_free(mount->notifier);
	if (mount->session)
		fuse_session_destroy(mount->session);
	if (mount->past_session)
		fuse_session_destroy(mount->past_session);
	int closing = srd_store_close(mount->store);
	if (mount->live)
		closing = srd_store_close(mount->live);
	if (closing)
		srd_mount_say(mount, "closing: %s", srd_strerror(closing));
	return error ? error : closing;
}

/* ---- A process of its own ---- */

static int tell(const struct srd_mount *mount, enum srd_wire_kind kind)
{
	struct srd_wire message = { .kind = kind };

	return srd_wire_send(mount->orders, &message, -1, true);
}

/* Waits for START, which brings the device, and takes what comes before.  *FIRST as for srd_worker_serve(). */
static int await_start(struct srd_mount *mount, bool *first)
{
	struct srd_device *device = &mount->device;
	struct srd_wire order;
	int error;

	while ((error = srd_wire_receive(mount->orders, &order, &device->fd, true)) == 0) {
		if (order.kind == SRD_WIRE_HOLD)
			device->guard = device->fd;
		else if (order.kind == SRD_WIRE_NOTICES)
			mount->notices = device->fd;
		else
			break;
	}
	if (error)
		return error;
	if (order.kind != SRD_WIRE_START || device->fd < 0)
		return -ECANCELED;
	device->init_len = (uint32_t)order.value;
	memcpy(device->init, order.text, device->init_len);
	*first = order.flags & SRD_WIRE_FIRST;
	return 0;
}

/* There is another herald.  What the last one was told it may not have told. */
static void go_over(const struct srd_mount *mount, int notices)
{
	if (mount->notices >= 0)
		dup3(notices, mount->notices, O_CLOEXEC);
	close(notices);
	if (mount->notifier)
		srd_notifier_doubt(mount->notifier);
}

/* False: STOP, or the end of the keeper. */
static bool on_order(const struct srd_mount *mount)
{
	struct srd_wire order;
	int descriptor = -1;

	if (srd_wire_receive(mount->orders, &order, &descriptor, true) != 0)
		return false;
	if (order.kind == SRD_WIRE_NOTICES && descriptor >= 0) {
		go_over(mount, descriptor);
		return true;
	}
	if (descriptor >= 0)
		close(descriptor);
	return false;
}

/* Until the mount is gone, or it is told to end. */
static void await_end(const struct srd_mount *mount)
{
	struct pollfd fds[] = { { .fd = srd_loop_done_fd(mount->loop), .events = POLLIN },
	                        { .fd = mount->orders, .events = POLLIN } };

	do {
		fds[0].revents = fds[1].revents = 0;
		while (poll(fds, 2, -1) < 0 && errno == EINTR)
			;
	} while (!fds[0].revents && on_order(mount));
}

static void log_to_keeper(enum fuse_log_level level, const char *format, va_list args)
{
	struct srd_wire message = { .kind = SRD_WIRE_SAY };
	(void)level;

	vsnprintf(message.text, sizeof message.text, format, args);
	message.text[strcspn(message.text, "\n")] = 0;
	srd_wire_send(SRD_WORKER_ORDERS, &message, -1, false);
}

/* Once for a mount, not for each worker. */
static void say_lacking(struct srd_mount *mount, const struct srd_sandbox *sandbox)
{
	if ((sandbox->landlock && sandbox->seccomp) || mount->legacy.life > 0)
		return;
	srd_mount_say(mount, "the worker is locked in only in part: no %s here",
	              sandbox->seccomp ? "Landlock" : sandbox->landlock ? "seccomp" : "Landlock, no seccomp");
}

/* Before anything is read of the store, and before there are threads. */
static int lock_in(struct srd_mount *mount)
{
	struct srd_sandbox sandbox;

	if (mount->options->no_sandbox || SRD_SANDBOX_OFF)
		return 0;
	int error = srd_sandbox_enter(&sandbox);
	if (error)
		srd_mount_say(mount, "cannot lock the worker in (-o no_sandbox goes without): %s", srd_strerror(error));
	else
		say_lacking(mount, &sandbox);
	return error;
}

int srd_worker_run(struct srd_mount *mount, const char *name)
{
	struct srd_errands errands;
	bool first = false;

	prctl(PR_SET_NAME, "srdfs-worker");
	mount->orders = SRD_WORKER_ORDERS;
	if (!mount->options->debug)
		fuse_set_log_func(log_to_keeper);
	mount->errands = &errands;
	srd_errands_init(&errands, SRD_WORKER_ERRANDS, SRD_WORKER_FOLDER, name);
	srd_legacy_enter(&mount->legacy);
	int error = lock_in(mount);
	if (!error)
		error = srd_worker_open(mount, &errands.io);
	if (!error)
		srd_log_set_pid(shared_store(mount)->log, (unsigned)getppid());
	if (!error)
		error = tell(mount, SRD_WIRE_READY);
	if (!error)
		error = await_start(mount, &first);
	if (!error)
		error = srd_worker_serve(mount, first);
	if (!error)
		error = tell(mount, SRD_WIRE_SERVING);
	if (!error)
		await_end(mount);
	tell(mount, SRD_WIRE_LEAVING);
	int ending = srd_worker_finish(mount);
	return error || ending ? EXIT_FAILURE : EXIT_SUCCESS;
}
