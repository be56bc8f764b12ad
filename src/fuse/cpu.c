/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fuse/cpu.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

static void forget(struct srd_cpu_threads *threads, unsigned place)
{
	if (threads->known[place].tid)
		close(threads->known[place].fd);
	threads->known[place].tid = 0;
}

void srd_cpu_threads_release(struct srd_cpu_threads *threads)
{
	for (unsigned i = 0; i < SRD_CPU_THREADS; i++)
		forget(threads, i);
}

/* Field 39 of proc_pid_stat(5).  The name, field 2, may hold anything but ends at
 * the last parenthesis. */
static int parse(char *text)
{
	enum { NAME = 2, PROCESSOR = 39 };
	char *at = strrchr(text, ')');

	for (int field = NAME; at && field < PROCESSOR; field++)
		at = strchr(at + 1, ' ');
	return at ? atoi(at + 1) : -EIO;
}

static int open_stat(int tid)
{
	char path[32];

	snprintf(path, sizeof path, "/proc/%d/stat", tid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	int error = srd_errno();
	return error == -ENOENT ? -ESRCH : error;
}

int srd_cpu_of_thread(void *user, int tid)
{
	struct srd_cpu_threads *threads = user;
	unsigned place = (unsigned)tid % SRD_CPU_THREADS;
	char text[1024];

	if (threads->known[place].tid != tid) {
		int fd = open_stat(tid);
		if (fd < 0)
			return fd;
		forget(threads, place);
		threads->known[place].tid = tid;
		threads->known[place].fd = fd;
	}
	ssize_t len = pread(threads->known[place].fd, text, sizeof text - 1, 0);
	if (len <= 0) {
		forget(threads, place);
		return -ESRCH;
	}
	text[len] = 0;
	return parse(text);
}
