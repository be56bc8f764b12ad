/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delay.c - how long it takes from a put in one process until another sees it; tools/bench/share
 * runs it.  The other looks again and again; on a mount it holds the file open, so that what
 * it sees is what the kernel was told.
 */
#include "config.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

static const char help[] =
"usage: delay STORE [COUNT [MOUNT]]\n"
"\n"
"COUNT times (1000), by the library, or on a MOUNT of that store.  Prints samples for\n"
"tools/bench/report: first while all are idle, then while one more process puts as fast\n"
"as it can.\n";

enum { COUNT = 1000, COUNT_MAX = 100000, VALUE_LEN = 100 };

static const char key[] = "delay";

static void put(srd_store *store, const char *name, int number)
{
	char bytes[VALUE_LEN] = { 0 };

	memcpy(bytes, &number, sizeof number);
	must_srd(srd_put(store, name, strlen(name), bytes, sizeof bytes), name);
}

/* ---- Who looks ---- */

struct onlooker {
	srd_store *store;         /* or, on a mount: */
	int fd;
};

static int look(const struct onlooker *onlooker)
{
	srd_value value;
	int number = -1;

	if (!onlooker->store)
		return pread(onlooker->fd, &number, sizeof number, 0) == sizeof number ? number : -1;
	if (srd_get(onlooker->store, key, strlen(key), &value) != 0)
		return -1;
	memcpy(&number, value.data, sizeof number);
	srd_value_release(&value);
	return number;
}

static void look_on(const char *path, const char *mount, int count, int told)
{
	struct onlooker onlooker = { .fd = -1 };
	char name[4096];

	if (mount) {
		snprintf(name, sizeof name, "%s/%s", mount, key);
		onlooker.fd = open(name, O_RDONLY);
		must(onlooker.fd >= 0, name);
	} else {
		onlooker.store = open_store(path, SRD_NOSYNC);
	}
	for (int i = 0; i < count; i++) {
		while (look(&onlooker) != i)
			sched_yield();
		double seen_us = now_us();
		must(write(told, &seen_us, sizeof seen_us) == sizeof seen_us, "pipe");
	}
}

/* Says through the pipe that comes back when it saw what. */
static int start_onlooker(const char *path, const char *mount, int count)
{
	int ends[2];

	must(pipe(ends) == 0, "pipe");
	if (fork() == 0) {
		close(ends[0]);
		look_on(path, mount, count, ends[1]);
		_exit(0);
	}
	close(ends[1]);
	return ends[0];
}

static pid_t start_crowd(const char *path)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	srd_store *store = open_store(path, SRD_NOSYNC);
	for (int i = 0;; i++)
		put(store, "crowd", i);
}

/* ---- What it costs ---- */

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void report(const char *when, const char *where, double *delays_us, int count)
{
	char row[64];

	qsort(delays_us, (size_t)count, sizeof *delays_us, by_size);
	snprintf(row, sizeof row, "%s, %s, median", when, where);
	sample(row, "us", "less", "srd", delays_us[count / 2]);
	snprintf(row, sizeof row, "%s, %s, 99 %%", when, where);
	sample(row, "us", "less", "srd", delays_us[count * 99 / 100]);
}

static void measure(const char *path, const char *mount, int count, bool busy)
{
	static double delays_us[COUNT_MAX];
	double seen_us;

	/* Nobody forks with a store open. */
	pid_t crowd = busy ? start_crowd(path) : 0;
	srd_store *store = open_store(path, SRD_NOSYNC);
	put(store, key, count);
	srd_close(store);
	int told = start_onlooker(path, mount, count);
	store = open_store(path, SRD_NOSYNC);
	for (int i = 0; i < count; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);   /* all are idle again */
		double begin_us = now_us();
		put(store, key, i);
		if (read(told, &seen_us, sizeof seen_us) != sizeof seen_us)
			die("the onlooker has ended");
		delays_us[i] = seen_us - begin_us;
	}
	srd_close(store);
	if (busy)
		kill(crowd, SIGKILL);
	while (wait(NULL) > 0)
		;
	close(told);
	report(busy ? "busy" : "seen", mount ? "mount" : "library", delays_us, count);
}

int main(int argc, char **argv)
{
	int count = argc > 2 ? atoi(argv[2]) : COUNT;
	const char *mount = argc > 3 ? argv[3] : NULL;

	give_help(argc, argv, help);
	if (argc < 2 || count < 1 || count > COUNT_MAX)
		give_usage(help);
	measure(argv[1], mount, count, false);
	measure(argv[1], mount, (count + 3) / 4, true);
	return 0;
}
