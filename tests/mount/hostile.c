/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostile.c - the keeper with workers that are in an attacker's hands: each does its worst
 * over the wire, and the keeper must come to an end with it.  No store, no mount: both
 * are stand-ins here.  Reports in TAP.
 */
#include "config.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuse/keeper.h"
#include "fuse/lines.h"
#include "fuse/place.h"
#include "fuse/wire.h"
#include "fuse/worker.h"

/* What this life's worker does; set before the keeper forks it. */
static int (*worst)(void);
static unsigned lines_heard, lines_bad, deaths_told, ends_told, detached;

/* ---- Stand-ins ---- */

int srd_device_mount(struct srd_device *device, const struct srd_mount_options *options, const char *store,
                     const char *mountpoint)
{
	(void)options, (void)store, (void)mountpoint;
	device->fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	device->mounter = (struct fuse_session *)device;
	return device->fd < 0 ? -errno : 0;
}

bool srd_device_can_resend(const struct srd_device *device) { (void)device; return false; }
int srd_device_resend(const struct srd_device *device) { (void)device; return 0; }
int srd_place_detach(const char *mountpoint, dev_t dev) { (void)mountpoint, (void)dev; detached++; return 0; }
int srd_mount_go_background(struct srd_mount *mount, int ready) { (void)mount, (void)ready; return 0; }

void srd_mount_say(struct srd_mount *mount, const char *format, ...)
{
	char text[SRD_WIRE_TEXT];
	va_list args;
	(void)mount;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	lines_heard++;
	lines_bad += strpbrk(text, "\n\033") != NULL;
	deaths_told += strcmp(text, "the worker died (signal 9)") == 0;
	ends_told += strstr(text, "this kernel (before 6.9) cannot go on with another: the mount ends") != NULL;
}

int srd_worker_run(struct srd_mount *mount, const char *name)
{
	(void)mount, (void)name;
	return worst();
}

/* ---- Workers ---- */

static int say(enum srd_wire_kind kind, const char *text)
{
	struct srd_wire message = { .kind = kind };

	snprintf(message.text, sizeof message.text, "%s", text);
	return srd_wire_send(SRD_WORKER_ORDERS, &message, -1, true);
}

/* Asks, and never takes what it is given. */
static int does_not_listen(void)
{
	struct srd_wire request = { .kind = SRD_WIRE_OPEN, .names = { "store.srd" } };

	while (srd_wire_send(SRD_WORKER_ERRANDS, &request, -1, true) == 0)
		;
	return 0;
}

static int floods(void)
{
	for (int i = 0; i < 5000; i++)
		say(SRD_WIRE_SAY, "one\nsrdfs: all is well\033[2J");
	return 1;
}

static int is_no_packet(void)
{
	if (write(SRD_WORKER_ERRANDS, "x", 1) == 1)
		pause();
	return 0;
}

/* Serves, has the keeper told to stop, does not, and talks on. */
static int will_not_stop(void)
{
	struct srd_wire order;
	int device;

	say(SRD_WIRE_READY, "");
	if (srd_wire_receive(SRD_WORKER_ORDERS, &order, &device, true) != 0)
		return 1;
	say(SRD_WIRE_SERVING, "");
	kill(getppid(), SIGTERM);
	/* The grace is over some time; then an end is asked for once more. */
	for (bool told = false; say(SRD_WIRE_SAY, "and") == 0;)
		if (!told && srd_wire_receive(SRD_WORKER_ORDERS, &order, NULL, false) == 0) {
			told = order.kind == SRD_WIRE_STOP;
			kill(getppid(), SIGTERM);
		}
	return 0;
}

static int dies_opening(void)
{
	raise(SIGKILL);
	return 0;
}

/* The mount is made by then, and nobody serves it. */
static int dies_starting(void)
{
	say(SRD_WIRE_READY, "");
	/* Something is on its way: the keeper has mounted. */
	poll(&(struct pollfd){ .fd = SRD_WORKER_ORDERS, .events = POLLIN }, 1, -1);
	raise(SIGKILL);
	return 0;
}

/* Our kernel cannot go on with another, so the mount ends, and that is said. */
static int dies_serving(void)
{
	struct srd_wire order;
	int device;

	say(SRD_WIRE_READY, "");
	if (srd_wire_receive(SRD_WORKER_ORDERS, &order, &device, true) == 0)
		say(SRD_WIRE_SERVING, "");
	raise(SIGKILL);
	return 0;
}

/* The folder can be named, and that is all. */
static int takes_the_folder(void)
{
	bool held = fchmod(SRD_WORKER_FOLDER, 0) != 0 && fchown(SRD_WORKER_FOLDER, 1, 1) != 0;

	say(SRD_WIRE_LEAVING, "");
	return held ? 0 : 1;
}

static int ask(enum srd_wire_kind kind, const char *name, const char *to, uint32_t flags)
{
	struct srd_wire request = { .kind = kind, .flags = flags, .mode = 0600 }, answer;
	int got = -1;

	snprintf(request.names[0], SRD_WIRE_NAME, "%s", name);
	snprintf(request.names[1], SRD_WIRE_NAME, "%s", to);
	if (srd_wire_send(SRD_WORKER_ERRANDS, &request, -1, true) != 0 ||
	    srd_wire_receive(SRD_WORKER_ERRANDS, &answer, &got, true) != 0)
		return -EPIPE;
	if (got >= 0)
		close(got);
	return answer.value;
}

/* Its folder is ours, too: we are where the keeper was started. */
static int wants_another_store(void)
{
	bool held = ask(SRD_WIRE_OPEN, "store.srd", "", O_RDWR) == 0 &&
	            ask(SRD_WIRE_OPEN, "store.srd.shm", "", O_RDWR | O_CREAT) == 0 &&
	            ask(SRD_WIRE_SYNC, "", "", 0) == 0 &&
	            ask(SRD_WIRE_OPEN, "../store.srd", "", O_RDWR) == -EACCES &&
	            ask(SRD_WIRE_OPEN, "store.srd", "", O_RDWR | O_TRUNC) == -EACCES &&
	            ask(SRD_WIRE_OPEN, "store.srd.idx", "", O_RDWR | O_CREAT) == -EACCES &&
	            ask(SRD_WIRE_UNLINK, "store.srd", "", 0) == -EACCES &&
	            ask(SRD_WIRE_RENAME, "store.srd.shm", "store.srd", 0) == -EACCES &&
	            ask(SRD_WIRE_RENAME, "store.srd.idx.tmp", "store.srd", 0) == -EACCES &&
	            ask(SRD_WIRE_RENAME, "store.srd.idx", "store.srd", 0) == -EACCES &&
	            ask(SRD_WIRE_RENAME, "store.srd", "store.srd.idx.0", 0) == -EACCES &&
	            ask(SRD_WIRE_RENAME, "store.srd.idx.tmp", "store.srd.idx.0", 0) == -EACCES &&
	            ask(SRD_WIRE_RENAME, "store.srd.idx.0", "store.srd.idx", 0) == -EACCES &&
	            ask(SRD_WIRE_RENAME, "store.srd.idx", "store.srd.idx.16", 0) == -EACCES &&
	            ask(SRD_WIRE_OPEN, "store.srd.idx.0", "", O_RDWR | O_CREAT) == -EACCES &&
	            ask(SRD_WIRE_OPEN, "store.srd.idx.01", "", O_RDONLY) == -EACCES &&
	            ask(SRD_WIRE_OPEN, "store.srd.idx.x", "", O_RDONLY) == -EACCES &&
	            ask(SRD_WIRE_OPEN, "store.srd.idx.15", "", O_RDONLY) == -ENOENT &&
	            ask(SRD_WIRE_UNLINK, "store.srd.idx.7", "", 0) == -ENOENT &&
	            ask(SRD_WIRE_OPEN, "store.srd.idx.tmp", "", O_RDWR | O_CREAT) == 0 &&
	            ask(SRD_WIRE_RENAME, "store.srd.idx.tmp", "store.srd.idx", 0) == 0 &&
	            ask(SRD_WIRE_RENAME, "store.srd.idx", "store.srd.idx.15", 0) == 0 &&
	            ask(SRD_WIRE_UNLINK, "store.srd.idx.15", "", 0) == 0 &&
	            renameat(AT_FDCWD, getenv("SRD_OTHER"), SRD_WORKER_FOLDER, "store.srd") == 0 &&
	            ask(SRD_WIRE_OPEN, "store.srd", "", O_RDWR) == SRD_EREPLACED;

	say(SRD_WIRE_LEAVING, "");
	return held ? 0 : 1;
}

/* LEN bytes of an errand, with COUNT (1 or 2) times the descriptor FD. */
static void give(const struct srd_wire *request, size_t len, int fd, unsigned count)
{
	struct iovec iov = { .iov_base = (void *)request, .iov_len = len };
	union { char bytes[CMSG_SPACE(2 * sizeof(int))]; struct cmsghdr align; } control = { 0 };
	struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
	                         .msg_controllen = sizeof control.bytes };
	struct cmsghdr *part = CMSG_FIRSTHDR(&header);
	const int fds[2] = { fd, fd };

	part->cmsg_level = SOL_SOCKET;
	part->cmsg_type = SCM_RIGHTS;
	part->cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(part), fds, count * sizeof(int));
	sendmsg(SRD_WORKER_ERRANDS, &header, MSG_NOSIGNAL);
}

/* What it gave is nowhere open any more once it is closed here. */
static int gives_too_much(void)
{
	struct srd_wire request = { .kind = SRD_WIRE_SYNC }, answer;
	int ends[2] = { -1, -1 };

	if (pipe(ends) != 0)
		return 1;
	for (unsigned count = 1; count <= 2; count++) {
		give(&request, sizeof request, ends[1], count);
		srd_wire_receive(SRD_WORKER_ERRANDS, &answer, NULL, true);
		give(NULL, 0, ends[1], count);
	}
	ask(SRD_WIRE_SYNC, "", "", 0);
	close(ends[1]);
	struct pollfd end = { .fd = ends[0] };
	bool held = poll(&end, 1, 0) == 1 && end.revents & POLLHUP;
	say(SRD_WIRE_LEAVING, "");
	return held ? 0 : 1;
}

/* ---- The keeper with each ---- */

static int keep(int (*worker)(void), const char *folder)
{
	struct srd_mount_options options = { .foreground = true };
	struct srd_mount mount = { .options = &options, .mountpoint = (char *)"/nowhere", .orders = -1 };
	char path[4096];
	sigset_t set;

	snprintf(path, sizeof path, "%s/store.srd", folder);
	mount.store_path = path;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int signals = signalfd(-1, &set, SFD_CLOEXEC);
	worst = worker;
	lines_heard = lines_bad = deaths_told = ends_told = detached = 0;
	int status = srd_keeper_run(&mount, signals, -1);
	close(signals);
	return status;
}

static int report(bool good, const char *what)
{
	static int number;

	printf("%sok %d - %s\n", good ? "" : "not ", ++number, what);
	return good ? 0 : 1;
}

int main(int argc, char **argv)
{
	int bad = 0;

	if (argc != 2)
		return 2;
	setvbuf(stdout, NULL, _IONBF, 0);
	signal(SIGPIPE, SIG_IGN);
	/* A keeper that hangs has failed. */
	alarm(120);
	bad |= report(keep(does_not_listen, argv[1]) != 0, "one that does not listen is killed");
	bad |= report(keep(is_no_packet, argv[1]) != 0, "one that talks nonsense is killed");
	keep(floods, argv[1]);
	bad |= report(lines_heard <= SRD_LINES_MAX && lines_heard > 0, "few of many lines are heard");
	bad |= report(lines_bad == 0, "a line is no more than a line");
	bad |= report(keep(will_not_stop, argv[1]) != 0, "one that will not stop is killed");
	bad |= report(keep(takes_the_folder, argv[1]) == 0, "the folder is not a worker's to change");
	bad |= report(keep(wants_another_store, argv[1]) == 0, "files by their rules, and one store alone");
	bad |= report(keep(gives_too_much, argv[1]) == 0, "no descriptor stays that was not asked for");
	bad |= report(keep(dies_serving, argv[1]) != 0 && ends_told == 1 && detached == 1,
	              "one that nobody can take the place of ends the mount, which is told");
	bad |= report(keep(dies_opening, argv[1]) != 0 && deaths_told == 1, "one that dies before it serves is not passed over");
	bad |= report(keep(dies_starting, argv[1]) != 0 && deaths_told == 1 && detached == 1,
	              "nor is one that dies when all is mounted, which goes with it");
	printf("1..11\n");
	return bad;
}
