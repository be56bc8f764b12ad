/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.c - from options to a served mount and back.
 *
 *     fork (unless in the foreground); the parent waits at a pipe
 *     paths are found, signals blocked
 *     keeper.c takes over; or, with no_keeper, this process does it all:
 *         set-up:     store, file system, mount, INIT, threads; the parent is told
 *         serving:    the main thread waits for a signal or for the threads' end
 *         tear-down:  in reverse; each part only if its set-up was reached
 *
 * On a signal the mount is taken away while it is still served, so that the
 * kernel can write back what it holds.  If somebody keeps it busy, serving ends all
 * the same after GRACE_MS, or at the next signal.
 */
#include "config.h"

#include "fuse/mount.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "base/check.h"
#include "base/cleanup.h"
#include "fuse/keeper.h"
#include "fuse/loop.h"
#include "fuse/place.h"
#include "fuse/sandbox.h"
#include "fuse/wire.h"
#include "fuse/worker.h"

enum { GRACE_MS = 2000, CLEARINGS = 3 };

static void send_line(const struct srd_mount *mount, const char *text)
{
	struct srd_wire message = { .kind = SRD_WIRE_SAY };

	/* Whoever serves does not wait for who listens. */
	snprintf(message.text, sizeof message.text, "%s", text);
	srd_wire_send(mount->orders, &message, -1, false);
}

/* Whoever started us may listen no more: the mount does not wait for that.  What fits
 * into a pipe at once does not, if there is room at all. */
static void print_line(const char *store, const char *text)
{
	struct pollfd out = { .fd = STDERR_FILENO, .events = POLLOUT };
	char line[PIPE_BUF];

	size_t len = SRD_MIN((size_t)snprintf(line, sizeof line, "srdfs: %s: %s", store, text), sizeof line - 1);
	line[len++] = '\n';
	if (poll(&out, 1, 0) > 0 && write(STDERR_FILENO, line, len) < 0)
		return;   /* and nobody to tell */
}

void srd_mount_say(struct srd_mount *mount, const char *format, ...)
{
	char text[SRD_WIRE_TEXT];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (mount->orders >= 0)
		send_line(mount, text);
	else if (mount->background)
		syslog(LOG_WARNING, "%s: %s", mount->options->store, text);
	else
		print_line(mount->options->store, text);
}

static void log_to_system(enum fuse_log_level level, const char *format, va_list args)
{
	vsyslog((int)level, format, args);
}

/* ---- Set-up ---- */

/* What is at MOUNTPOINT; a mount that is dead, or dies while it is asked, is cleared first. */
static int look_at(const char *mountpoint, struct stat *st)
{
	int error, tries = 0;

	do {
		error = srd_place_clear(mountpoint);
		if (!error && stat(mountpoint, st) != 0)
			error = srd_errno();
	} while (srd_place_is_dead(error) && ++tries < CLEARINGS);
	return error;
}

static int resolve(struct srd_mount *mount)
{
	const struct srd_mount_options *options = mount->options;
	struct stat st;

	int error = srd_place_resolve(options->store, &mount->store_path);
	if (error) {
		srd_mount_say(mount, "%s%s", srd_strerror(error),
		              error == -ENOENT ? " (make a store with 'srd create')" : "");
		return error;
	}
	error = srd_place_resolve(options->mountpoint, &mount->mountpoint);
	if (!error)
		error = look_at(mount->mountpoint, &st);
	if (!error && !S_ISDIR(st.st_mode))
		error = -ENOTDIR;
	if (error) {
		srd_mount_say(mount, "cannot mount at %s: %s", options->mountpoint, srd_strerror(error));
		return error;
	}
	if (!srd_place_is_below(mount->store_path, mount->mountpoint))
		return 0;
	srd_mount_say(mount, "cannot mount at %s: the store would lie below its own mount", mount->mountpoint);
	return -EINVAL;
}

/* ---- For either way ---- */

/* Signals that end the mount (and word of CHILDREN) arrive at the descriptor; they are blocked in all
 * threads, which are not there yet. */
static int catch_signals(bool children)
{
	sigset_t ends;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGHUP);
	if (children)
		sigaddset(&ends, SIGCHLD);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	signal(SIGPIPE, SIG_IGN);
	int fd = signalfd(-1, &ends, SFD_CLOEXEC);
	return fd < 0 ? srd_errno() : fd;
}

int srd_mount_go_background(struct srd_mount *mount, int ready)
{
	SRD_AUTO_CLOSE int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || chdir("/") != 0)
		return srd_errno();
	openlog("srdfs", LOG_PID, LOG_DAEMON);
	fuse_set_log_func(log_to_system);
	mount->background = true;
	for (int fd = 0; fd <= 2; fd++)
		if (dup2(null, fd) < 0)
			return srd_errno();
	return write(ready, "", 1) == 1 ? 0 : srd_errno();
}

/* ---- All in one process ---- */

/* Waits up to TIMEOUT_MS (-1: for ever); true if the workers have ended. */
static bool wait_for_end(struct srd_mount *mount, int signals, int timeout_ms)
{
	struct pollfd fds[] = { { .fd = srd_loop_done_fd(mount->loop), .events = POLLIN },
	                        { .fd = signals, .events = POLLIN } };
	struct signalfd_siginfo info;

	while (poll(fds, 2, timeout_ms) < 0 && errno == EINTR)
		;
	if (fds[1].revents & POLLIN && read(signals, &info, sizeof info) < 0)
		return false;
	return fds[0].revents & POLLIN;
}

static void serve(struct srd_mount *mount, int signals)
{
	if (wait_for_end(mount, signals, -1))
		return;
	int error = srd_place_detach(mount->mountpoint, mount->device.dev);
	if (error)
		srd_mount_say(mount, "cannot unmount %s: %s", mount->mountpoint, srd_strerror(error));
	if (!wait_for_end(mount, signals, GRACE_MS))
		srd_mount_say(mount, "%s is in use, but serving it ends now", mount->mountpoint);
}

static int run_alone(struct srd_mount *mount, int signals, int ready)
{
	int error = srd_worker_open(mount, NULL);

	if (!error) {
		error = srd_device_mount(&mount->device, mount->options, mount->store_path, mount->mountpoint);
		if (error)
			srd_mount_say(mount, "cannot mount at %s: %s", mount->mountpoint, srd_strerror(error));
	}
	if (!error)
		error = srd_worker_serve(mount, true);
	if (!error && ready >= 0)
		error = srd_mount_go_background(mount, ready);
	if (!error)
		serve(mount, signals);
	int ending = srd_worker_finish(mount);
	return error || ending ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- The beginning and the end ---- */

/* READY: the parent's pipe, or -1 in the foreground. */
static int run(const struct srd_mount_options *options, int ready)
{
	struct srd_mount mount = { .options = options, .orders = -1, .notices = -1 };
	if (!options->allow_core)
		srd_sandbox_hide_memory();
	SRD_AUTO_CLOSE int signals = catch_signals(!options->no_keeper);
	int status = signals < 0 || resolve(&mount) != 0 ? EXIT_FAILURE
	             : options->no_keeper ? run_alone(&mount, signals, ready)
	             : srd_keeper_run(&mount, signals, ready);

	srd_device_close(&mount.device);
	/* Taken away already, if all went well; else it is dead now. */
	if (mount.mountpoint)
		srd_place_clear(mount.mountpoint);
	free(mount.store_path);
	free(mount.mountpoint);
	return status;
}

/* The child's word that all is well, or its exit status. */
static int await_child(pid_t pid, int ready)
{
	char byte;
	int status;
	ssize_t got;

	do {
		got = read(ready, &byte, 1);
	} while (got < 0 && errno == EINTR);
	if (got == 1)
		return EXIT_SUCCESS;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_FAILURE;
	return WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

int srd_mount_run(const struct srd_mount_options *options)
{
	int ends[2];

	if (options->foreground)
		return run(options, -1);
	if (pipe2(ends, O_CLOEXEC) != 0) {
		fprintf(stderr, "srdfs: %s\n", srd_strerror(srd_errno()));
		return EXIT_FAILURE;
	}
	pid_t pid = fork();
	if (pid < 0) {
		fprintf(stderr, "srdfs: %s\n", srd_strerror(srd_errno()));
		return EXIT_FAILURE;
	}
	if (pid > 0) {
		close(ends[1]);
		return await_child(pid, ends[0]);
	}
	close(ends[0]);
	setsid();
	return run(options, ends[1]);
}
