/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fuse/keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "fuse/child.h"
#include "fuse/folder.h"
#include "fuse/herald.h"
#include "fuse/lines.h"
#include "fuse/place.h"
#include "fuse/wire.h"

enum {
	GRACE_MS = 2000,
	DEATHS_MAX = 5,            /* workers, or heralds, that may die within ... */
	DEATHS_SECONDS = 60,
};

/* When, the last ones in turn. */
struct deaths {
	int64_t at_ns[DEATHS_MAX];
	unsigned count;
};

enum stage { NONE, OPENING, STARTING, SERVING, LEAVING };

struct keeper {
	struct srd_mount *mount;
	struct srd_folder folder;
	int signals, ready;
	struct srd_child worker;
	enum stage stage;                 /* of the worker */
	pid_t herald;                     /* the worker's; 0: none */
	int use, next_use;                /* locks (log/use.c) of the worker that served, and of one that will; -1: none */
	bool ending;                      /* nobody is to take its place */
	bool stopped;                     /* it was told to stop */
	int64_t stop_ms;                  /* ending: when it is to be told */
	struct srd_lines lines;           /* what workers said */
	bool served;                      /* some worker has */
	bool failed;
	struct deaths worker_deaths, herald_deaths;
};

static int64_t now_ms(void)
{
	return srd_monotonic_ns() / 1000000;
}

/* ---- The worker ---- */

static int start_worker(struct keeper *keeper)
{
	int error = srd_child_start(&keeper->worker, keeper->mount, &keeper->folder);

	if (!error)
		keeper->stage = OPENING;
	return error;
}

static void stop_worker(struct keeper *keeper)
{
	struct srd_wire order = { .kind = SRD_WIRE_STOP };

	if (srd_wire_send(keeper->worker.orders, &order, -1, false) == 0)
		keeper->stopped = true;
	else
		srd_child_kill(&keeper->worker);
}

/* ---- The mount ---- */

/* The mount is to end, and the worker with it, when the last user has gone or after
 * GRACE_MS. */
static void end_mount(struct keeper *keeper)
{
	struct srd_mount *mount = keeper->mount;
	int error = 0;

	keeper->ending = true;
	keeper->stop_ms = now_ms() + GRACE_MS;
	if (mount->device.mounter)
		error = srd_place_detach(mount->mountpoint, mount->device.dev);
	if (error)
		srd_mount_say(mount, "cannot unmount %s: %s", mount->mountpoint, srd_strerror(error));
	/* What only reads has nothing to lose.  Who has the device may have something that is to be
	 * saved, long before it is heard that it serves, and leaves by itself. */
	if (keeper->stage == OPENING)
		srd_child_kill(&keeper->worker);
}

static void fail(struct keeper *keeper, const char *what, int error)
{
	srd_mount_say(keeper->mount, "cannot %s %s: %s", what, keeper->mount->mountpoint, srd_strerror(error));
	keeper->failed = true;
	end_mount(keeper);
}

static int give(const struct keeper *keeper, enum srd_wire_kind kind, int descriptor)
{
	return srd_wire_send(keeper->worker.orders, &(struct srd_wire){ .kind = kind }, descriptor, false);
}

static int give_herald(struct keeper *keeper)
{
	SRD_AUTO_CLOSE int notices = -1;
	int error = srd_herald_start(keeper->mount->device.fd, &notices, &keeper->herald);

	return error ? error : give(keeper, SRD_WIRE_NOTICES, notices);
}

/* What the worker needs beside the device. */
static int equip(struct keeper *keeper)
{
	const struct srd_device *device = &keeper->mount->device;
	int error = device->guard >= 0 ? give(keeper, SRD_WIRE_HOLD, device->guard) : 0;

	return error ? error : give_herald(keeper);
}

/* The store is open: mounts, the first time, and has the worker serve.  What the last one was asked the kernel
 * sends again before this one is asked anything: later it would do so with what this one is at, too, and a file
 * would be closed twice. */
static void on_ready(struct keeper *keeper)
{
	struct srd_mount *mount = keeper->mount;
	struct srd_device *device = &mount->device;
	bool first = !device->mounter;
	struct srd_wire order = { .kind = SRD_WIRE_START, .flags = first ? SRD_WIRE_FIRST : 0 };
	int error = first ? srd_device_mount(device, mount->options, mount->store_path, mount->mountpoint)
	            : keeper->served ? srd_device_resend(device) : 0;

	if (error) {
		fail(keeper, first ? "mount at" : "keep", error);
		return;
	}
	order.value = (int32_t)device->init_len;
	memcpy(order.text, device->init, device->init_len);
	keeper->stage = STARTING;
	error = equip(keeper);
	if (!error)
		error = srd_wire_send(keeper->worker.orders, &order, device->fd, false);
	if (error)
		srd_child_kill(&keeper->worker);
}

/* What of the past the users of a worker that dies have: nobody trims it before the next worker
 * has locks of its own. */
static void keep_use(struct keeper *keeper, int descriptor)
{
	int *kept = keeper->stage == SERVING ? &keeper->use : &keeper->next_use;

	if (*kept >= 0)
		close(*kept);
	*kept = descriptor;
}

static void pass_use_on(struct keeper *keeper)
{
	if (keeper->use >= 0)
		close(keeper->use);
	keeper->use = keeper->next_use;
	keeper->next_use = -1;
}

static void on_serving(struct keeper *keeper)
{
	struct srd_mount *mount = keeper->mount;
	int error = 0;

	keeper->stage = SERVING;
	pass_use_on(keeper);
	if (!keeper->served && keeper->ready >= 0)
		error = srd_mount_go_background(mount, keeper->ready);
	keeper->served = true;
	if (error && !keeper->ending)
		fail(keeper, "keep", error);
}

/* ---- What happens ---- */

/* What a worker in an attacker's hands could have by dying, too. */
static int on_end(struct keeper *keeper)
{
	if (!keeper->mount->options->txn)
		return -EACCES;
	if (!keeper->ending)
		end_mount(keeper);
	return 0;
}

static void on_errand(struct keeper *keeper)
{
	struct srd_wire message, answer = { .kind = SRD_WIRE_ANSWER };
	int descriptor = -1, held = -1;
	int error = srd_wire_receive(keeper->worker.errands, &message, &held, false);

	if (error == -EAGAIN || error == -EPIPE)
		return;
	if (!error) {
		answer.value = message.kind == SRD_WIRE_END ? on_end(keeper)
		               : srd_folder_run(&keeper->folder, &message, &descriptor);
		/* There is room, unless it asks on and on and does not listen. */
		error = srd_wire_send(keeper->worker.errands, &answer, descriptor, false);
		if (descriptor >= 0 && message.kind == SRD_WIRE_OPEN_KEPT)
			keep_use(keeper, descriptor);
		else if (descriptor >= 0)
			close(descriptor);   /* its locks are the worker's, and are to go with it */
	}
	/* What was asked for was done under its locks, whether the worker lives or not. */
	if (held >= 0)
		close(held);
	if (error && error != -EPIPE)
		srd_child_kill(&keeper->worker);
}

/* A worker in an attacker's hands may say anything, any number of times. */
static void pass_on(struct keeper *keeper, char *text)
{
	unsigned left_out;
	bool heard = srd_lines_take(&keeper->lines, now_ms(), &left_out);

	if (left_out)
		srd_mount_say(keeper->mount, "%u lines left out", left_out);
	if (!heard)
		return;
	srd_line_clean(text);
	srd_mount_say(keeper->mount, "%s", text);
}

/* False if there is nothing (more) to hear. */
static bool on_order(struct keeper *keeper)
{
	struct srd_wire message;
	int error = srd_wire_receive(keeper->worker.orders, &message, NULL, false);

	if (error) {
		if (error != -EAGAIN)
			srd_child_kill(&keeper->worker);
		return false;
	}
	message.text[sizeof message.text - 1] = 0;
	if (message.kind == SRD_WIRE_SAY)
		pass_on(keeper, message.text);
	else if (message.kind == SRD_WIRE_LEAVING)
		keeper->stage = LEAVING;
	else if (message.kind == SRD_WIRE_READY && keeper->stage == OPENING && !keeper->ending && keeper->worker.pid > 0)
		on_ready(keeper);
	else if (message.kind == SRD_WIRE_SERVING && keeper->stage == STARTING)
		on_serving(keeper);
	return true;
}

static bool is_too_often(struct deaths *deaths)
{
	int64_t now = srd_monotonic_ns();
	int64_t *oldest = &deaths->at_ns[deaths->count++ % DEATHS_MAX];

	bool often = deaths->count > DEATHS_MAX && now - *oldest < DEATHS_SECONDS * SRD_NS_PER_SECOND;
	*oldest = now;
	return often;
}

/* The worker died, and was not about to leave: HOW. */
static void replace_worker(struct keeper *keeper, const char *how)
{
	struct srd_mount *mount = keeper->mount;
	int error = 0;

	if (mount->options->txn) {
		srd_mount_say(mount, "the worker died (%s), and with it the transaction: nothing was committed", how);
		error = -EIO;
	} else if (is_too_often(&keeper->worker_deaths)) {
		srd_mount_say(mount, "the worker died (%s), too often: the mount ends", how);
		error = -EIO;
	} else if (!srd_device_can_resend(&mount->device)) {
		srd_mount_say(mount, "the worker died (%s), and this kernel (before 6.9) cannot go on with another: "
		              "the mount ends", how);
		error = -EIO;
	} else {
		srd_mount_say(mount, "the worker died (%s): starting another", how);
		mount->legacy.life++;
		error = start_worker(keeper);
		if (error)
			srd_mount_say(mount, "cannot start a worker: %s", srd_strerror(error));
	}
	if (error) {
		keeper->failed = true;
		srd_place_detach(mount->mountpoint, mount->device.dev);
	}
}

/* The worker is gone, and with it the mount.  Its failures it has told itself, but those. */
static void leave(struct keeper *keeper, int status, const char *how)
{
	bool killed = keeper->ending && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;

	if (WIFSIGNALED(status) && !killed)
		srd_mount_say(keeper->mount, "the worker died (%s)", how);
	keeper->failed |= !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	/* One that nobody came to serve does not tell that it is dead as long as a herald has its device. */
	if (!keeper->served && !keeper->ending && keeper->mount->device.mounter)
		srd_place_detach(keeper->mount->mountpoint, keeper->mount->device.dev);
}

static void describe(int status, char how[32])
{
	if (WIFSIGNALED(status))
		snprintf(how, 32, "signal %d", WTERMSIG(status));
	else
		snprintf(how, 32, "status %d", WEXITSTATUS(status));
}

/* Its last words have been heard. */
static void on_worker_death(struct keeper *keeper, int status)
{
	enum stage stage = keeper->stage;
	char how[32];

	srd_child_end(&keeper->worker);
	keeper->stage = NONE;
	describe(status, how);
	if (stage == LEAVING || keeper->ending || !keeper->served)
		leave(keeper, status, how);
	else
		replace_worker(keeper, how);
}

/* The worker gets another. */
static void on_herald_death(struct keeper *keeper, int status)
{
	bool killed = WIFSIGNALED(status) && !keeper->ending && (keeper->stage == STARTING || keeper->stage == SERVING);
	int error = 0;

	keeper->herald = 0;
	if (killed)
		error = is_too_often(&keeper->herald_deaths) ? -EAGAIN : give_herald(keeper);
	/* A worker that is gone, too, comes with one of its own. */
	if (error && error != -EPIPE)
		srd_mount_say(keeper->mount, "who tells the kernel what others change died (signal %d), and has no successor: "
		              "that may be seen a minute late", WTERMSIG(status));
}

static void on_death(struct keeper *keeper)
{
	int status;
	pid_t gone;

	while ((gone = waitpid(-1, &status, WNOHANG)) > 0) {
		bool worker = gone == keeper->worker.pid;
		if (!worker && gone != keeper->herald)
			continue;   /* a herald of before, or fusermount3 */
		if (worker)
			keeper->worker.pid = 0;
		/* What the worker said until then. */
		while (on_order(keeper))
			;
		if (worker)
			on_worker_death(keeper, status);
		else
			on_herald_death(keeper, status);
	}
}

static void on_signal(struct keeper *keeper)
{
	struct signalfd_siginfo info;

	if (read(keeper->signals, &info, sizeof info) != sizeof info)
		return;
	if (info.ssi_signo == SIGCHLD)
		on_death(keeper);
	else if (!keeper->ending)
		end_mount(keeper);
	else if (!keeper->stopped)
		stop_worker(keeper);
	else
		srd_child_kill(&keeper->worker);
}

/* How long to wait for something to happen; -1: for ever. */
static int patience(const struct keeper *keeper)
{
	return keeper->ending && !keeper->stopped ? (int)SRD_MAX(keeper->stop_ms - now_ms(), INT64_C(0)) : -1;
}

/* Waits for something and sees to it. */
static void step(struct keeper *keeper)
{
	struct pollfd fds[] = { { .fd = keeper->worker.errands, .events = POLLIN },
	                        { .fd = keeper->worker.orders, .events = POLLIN },
	                        { .fd = keeper->signals, .events = POLLIN } };
	int ms = patience(keeper);

	/* It may be so busy talking that there always is something. */
	if (poll(fds, SRD_LEN(fds), ms) == 0 || ms == 0) {
		srd_mount_say(keeper->mount, "%s is in use, but serving it ends now", keeper->mount->mountpoint);
		stop_worker(keeper);
		return;
	}
	/* An end is heard as the worker's death, once it is whole. */
	if (fds[0].revents & POLLIN)
		on_errand(keeper);
	if (fds[1].revents & POLLIN)
		on_order(keeper);
	if (fds[2].revents & POLLIN)
		on_signal(keeper);
}

/* ---- From start to end ---- */

static int open_folder(struct keeper *keeper)
{
	const char *path = keeper->mount->store_path;
	const char *slash = strrchr(path, '/');
	SRD_AUTO_FREE char *dir = strndup(path, (size_t)(slash - path + 1));

	if (!dir)
		return -ENOMEM;
	keeper->folder = (struct srd_folder){ .name = slash + 1, .store = -1,
	                                      .read_only = keeper->mount->options->read_only };
	keeper->folder.fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return keeper->folder.fd < 0 ? srd_errno() : 0;
}

int srd_keeper_run(struct srd_mount *mount, int signals, int ready)
{
	struct keeper keeper = { .mount = mount, .folder = { .fd = -1, .store = -1 }, .signals = signals, .ready = ready,
	                         .worker = { .orders = -1, .errands = -1 }, .use = -1, .next_use = -1 };
	int error = open_folder(&keeper);

	if (!error)
		error = srd_legacy_init(&mount->legacy);

	if (!error)
		error = start_worker(&keeper);
	if (error)
		srd_mount_say(mount, "%s", srd_strerror(error));
	while (keeper.worker.pid > 0)
		step(&keeper);
	pass_use_on(&keeper);
	pass_use_on(&keeper);
	srd_folder_close(&keeper.folder);
	return error || keeper.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
