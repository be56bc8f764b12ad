/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wait.c - sleeping until others append.
 *
 * With shm they ring its bell, if anybody sleeps.  Without (or without a slot in it
 * to say so) the kernel tells of writes to the file, unless they come from another
 * host: then we look ten times a second.  Who appends without our shm rings no bell
 * either, so nobody sleeps for longer than a second.
 */
#include "config.h"

#include "log/internal.h"

#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/futex.h"

enum { LOOK_MS = 1000, REMOTE_LOOK_MS = 100 };

int srd_log_listen(struct srd_log *log)
{
	char path[64];

	log->rouse_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (log->rouse_fd < 0)
		return srd_errno();
	if ((log->shm && log->shm->slot >= 0) || log->remote)
		return 0;
	log->notice_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	snprintf(path, sizeof path, "/proc/self/fd/%d", log->fd);
	if (log->notice_fd >= 0 && inotify_add_watch(log->notice_fd, path, IN_MODIFY) < 0) {
		close(log->notice_fd);
		log->notice_fd = -1;
	}
	return 0;
}

static void wait_for_bell(struct srd_log *log, bool patient)
{
	const struct timespec look = { .tv_sec = LOOK_MS / 1000 };
	unsigned seen;

	if (!srd_shm_listen(log->shm, &seen) || atomic_load(&log->roused))
		return;
	if (patient || !srd_log_is_behind(log))
		srd_futex_wait(&log->shm->page->bell, seen, true, &look);
}

static void wait_for_notice(struct srd_log *log, bool patient)
{
	struct pollfd fds[] = { { .fd = log->rouse_fd, .events = POLLIN },
	                        { .fd = log->notice_fd, .events = POLLIN } };
	char notices[4096];

	/* Notices from before the look are stale after it. */
	while (log->notice_fd >= 0 && read(log->notice_fd, notices, sizeof notices) > 0)
		;
	if (patient || !srd_log_is_behind(log))
		poll(fds, 2, log->notice_fd >= 0 ? LOOK_MS : REMOTE_LOOK_MS);
}

void srd_log_wait(struct srd_log *log, bool patient)
{
	if (log->shm && log->shm->slot >= 0)
		wait_for_bell(log, patient);
	else
		wait_for_notice(log, patient);
}

void srd_log_rouse(struct srd_log *log)
{
	uint64_t one = 1;

	atomic_store(&log->roused, true);
	if (log->shm && log->shm->slot >= 0) {
		atomic_fetch_add(&log->shm->page->bell, 1);
		srd_futex_wake_all(&log->shm->page->bell, true);
	} else if (write(log->rouse_fd, &one, sizeof one) < 0) {
		return;   /* cannot be: the counter is far from full */
	}
}
