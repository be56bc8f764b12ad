/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.c - from options to a served mount and back.
 *
 *     fork (unless in the foreground); the parent waits at a pipe
 *     set-up:     paths, store, file system, session, mount, INIT, workers,
 *                 committer; then the parent is told, and leaves
 *     serving:    the main thread waits for a signal or for the workers' end
 *     tear-down:  in reverse; each part only if its set-up was reached
 *
 * On a signal the mount is taken away while the workers still serve, so that the
 * kernel can write back what it holds.  If somebody keeps it busy, serving ends all
 * the same after GRACE_MS, or at the next signal.
 */
#include "config.h"

#include "fuse/mount.h"

#include <fcntl.h>
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

#include "base/cleanup.h"
#include "fuse/loop.h"
#include "fuse/notifier.h"
#include "fuse/place.h"

enum { GRACE_MS = 2000 };

void srd_mount_say(struct srd_mount *mount, const char *format, ...)
{
	char text[SRD_KEY_MAX + 1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (mount->background)
		syslog(LOG_WARNING, "%s: %s", mount->options->store, text);
	else
		fprintf(stderr, "srdfs: %s: %s\n", mount->options->store, text);
}

static void say(void *user, const char *text)
{
	srd_mount_say(user, "%s", text);
}

static void log_to_system(enum fuse_log_level level, const char *format, va_list args)
{
	vsyslog((int)level, format, args);
}

/* ---- Set-up ---- */

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
		error = srd_place_clear(mount->mountpoint);
	if (!error && stat(mount->mountpoint, &st) != 0)
		error = srd_errno();
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

static int open_store(struct srd_mount *mount)
{
	int flags = (mount->options->read_only ? SRD_RDONLY : 0) | (mount->options->exclusive ? SRD_EXCLUSIVE : 0);
	int error = srd_store_open(mount->store_path, flags, NULL, &mount->store);
	char holder[160];

	if (error == -EBUSY && srd_log_holder(mount->store_path, holder, sizeof holder) == 0)
		srd_mount_say(mount, "in use: %s", holder);
	else if (error == -EBUSY)
		srd_mount_say(mount, "cannot be had alone: others have it open");
	else if (error)
		srd_mount_say(mount, "%s", srd_strerror(error));
	if (error)
		return error;
	if (mount->options->commit_seconds)
		mount->store->sync_seconds = mount->options->commit_seconds;
	error = srd_fs_new(mount->store, say, mount, &mount->fs);
	if (error)
		srd_mount_say(mount, "%s", srd_strerror(error));
	else
		mount->fs->limit.max_bytes = mount->options->max_bytes;
	return error;
}

/* The words libfuse gets.  0 or -ENOMEM. */
static int make_arguments(const struct srd_mount *mount, struct fuse_args *args)
{
	const struct srd_mount_options *options = mount->options;
	SRD_AUTO_FREE char *fsname = NULL;
	char *list = NULL;

	if (asprintf(&fsname, "fsname=%s", options->fsname ? options->fsname : mount->store_path) < 0)
		return -ENOMEM;
	bool failed = fuse_opt_add_arg(args, "srdfs") || fuse_opt_add_opt_escaped(&list, fsname) ||
	              fuse_opt_add_opt(&list, "subtype=srdfs,default_permissions,noatime") ||
	              (options->read_only && fuse_opt_add_opt(&list, "ro")) ||
	              (options->passed && fuse_opt_add_opt(&list, options->passed)) ||
	              fuse_opt_add_arg(args, "-o") || fuse_opt_add_arg(args, list) ||
	              (options->debug && fuse_opt_add_arg(args, "-d"));
	free(list);
	return failed ? -ENOMEM : 0;
}

/* libfuse has told what went wrong, if something did. */
static int attach(struct srd_mount *mount)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	int error = make_arguments(mount, &args);

	if (!error) {
		mount->session = fuse_session_new(&args, &srd_mount_ops, sizeof srd_mount_ops, mount);
		error = mount->session ? 0 : -EINVAL;
	}
	fuse_opt_free_args(&args);
	if (!error && fuse_session_mount(mount->session, mount->mountpoint) != 0) {
		srd_mount_say(mount, "cannot mount at %s", mount->mountpoint);
		error = -EIO;
	}
	return error;
}

static int start(struct srd_mount *mount)
{
	struct stat st;
	int error = srd_loop_first(mount->session);

	if (!error)
		error = srd_loop_start(mount->session, &mount->loop);
	if (!error)
		error = srd_fs_start(mount->fs);
	if (!error)
		error = srd_notifier_start(mount);
	/* The first answer shows that it works, and who we are. */
	if (!error && stat(mount->mountpoint, &st) != 0)
		error = srd_errno();
	if (!error)
		mount->dev = st.st_dev;
	else
		srd_mount_say(mount, "cannot serve at %s: %s", mount->mountpoint, srd_strerror(error));
	return error;
}

/* ---- Serving ---- */

/* Signals that end the mount arrive at the descriptor; they are blocked in all
 * threads, which are not there yet. */
static int catch_signals(void)
{
	sigset_t ends;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGHUP);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	signal(SIGPIPE, SIG_IGN);
	int fd = signalfd(-1, &ends, SFD_CLOEXEC);
	return fd < 0 ? srd_errno() : fd;
}

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
	int error = srd_place_detach(mount->mountpoint, mount->dev);
	if (error)
		srd_mount_say(mount, "cannot unmount %s: %s", mount->mountpoint, srd_strerror(error));
	if (!wait_for_end(mount, signals, GRACE_MS))
		srd_mount_say(mount, "%s is in use, but serving it ends now", mount->mountpoint);
}

/* Cuts the ties to where we were started, and tells the parent. */
static int go_background(struct srd_mount *mount, int ready)
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

/* ---- Tear-down ---- */

static int finish(struct srd_mount *mount)
{
	int error = 0, closing;
	bool unmounted = false;

	srd_notifier_stop(mount);
	if (mount->loop) {
		unmounted = wait_for_end(mount, -1, 0);
		srd_loop_stop(mount->loop);
	}
	srd_notifier_free(mount->notifier);
	error = srd_fs_free(mount->fs);
	if (mount->session) {
		/* By its path libfuse would unmount whatever is there by now. */
		if (unmounted || !mount->loop)
			fuse_session_unmount(mount->session);
		fuse_session_destroy(mount->session);
	}
	if (mount->mountpoint)
		srd_place_clear(mount->mountpoint);
	closing = srd_store_close(mount->store);
	if (closing)
		srd_mount_say(mount, "closing: %s", srd_strerror(closing));
	free(mount->store_path);
	free(mount->mountpoint);
	return error ? error : closing;
}

/* READY: the parent's pipe, or -1 in the foreground. */
static int run(const struct srd_mount_options *options, int ready)
{
	struct srd_mount mount = { .options = options };
	SRD_AUTO_CLOSE int signals = catch_signals();
	int error = signals < 0 ? signals : resolve(&mount);

	if (!error)
		error = open_store(&mount);
	if (!error)
		error = attach(&mount);
	if (!error)
		error = start(&mount);
	if (!error && ready >= 0)
		error = go_background(&mount, ready);
	if (!error)
		serve(&mount, signals);
	int ending = finish(&mount);
	return error || ending ? EXIT_FAILURE : EXIT_SUCCESS;
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
