/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crowd.c - what it costs to share a store.
 *
 *     crowd reads STORE [SECONDS]           random gets by 1, 2, 4 threads of one handle
 *     crowd appends STORE [SECONDS]         puts by 1, 2, 4, 8 processes at once
 *     crowd queue STORE [SECONDS]           puts by 1, 2, 4, 8 threads of one handle
 *     crowd delay STORE MOUNT [COUNT]       from a put in this process to its being seen
 *                                           on a mount of the same store
 *
 * Prints samples for tools/bench/report: of each crowd what it does together, what the
 * last of it does, and how long one of them waits at worst.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "srd.h"

enum { KEYS = 100000, VALUE_LEN = 100, CROWD_MAX = 8, DELAYS_MAX = 100000 };

static void die(const char *what, int error)
{
	fprintf(stderr, "crowd: %s: %s\n", what, srd_strerror(error));
	exit(1);
}

static double now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static srd_store *open_store(const char *path)
{
	srd_store *store;
	int error = srd_open(path, SRD_CREATE | SRD_NOSYNC, &store);

	if (error)
		die(path, error);
	return store;
}

static size_t make_key(char *key, unsigned n)
{
	return (size_t)sprintf(key, "key-%u", n);
}

/* ---- A crowd: threads, or processes of one each ---- */

struct worker {
	srd_store *store;
	double until_us;
	unsigned long count;
	double longest_us;        /* one call */
	unsigned id;
	bool reads;
};

static void work_once(struct worker *worker, uint64_t *random)
{
	char key[32], bytes[VALUE_LEN] = { 0 };
	srd_value value;

	*random = *random * 6364136223846793005u + 1442695040888963407u;
	size_t len = make_key(key, (unsigned)(*random >> 33) % KEYS);
	int error = worker->reads ? srd_get(worker->store, key, len, &value)
	                          : srd_put(worker->store, key, len, bytes, sizeof bytes);
	if (error)
		die(key, error);
	if (worker->reads)
		srd_value_release(&value);
}

static void *work(void *user)
{
	struct worker *worker = user;
	uint64_t random = worker->id + 1;

	for (double before = now_us(), after; before < worker->until_us; before = after) {
		for (int i = 0; i < (worker->reads ? 100 : 1); i++)
			work_once(worker, &random);
		after = now_us();
		if (after - before > worker->longest_us)
			worker->longest_us = after - before;
		worker->count += worker->reads ? 100 : 1;
	}
	return NULL;
}

/* WHAT is done, by whom. */
struct crew {
	const char *what, *who;
	int count;
};

static void sample(const struct crew *crew, const char *more, const char *unit, const char *better, double figure)
{
	printf("%s, %d %s%s%s\t%s\t%s\tsrd\t%.9g\n", crew->what, crew->count, crew->who, crew->count > 1 ? "s" : "",
	       more, unit, better, figure);
}

static void report(const struct crew *crew, const struct worker *workers, double seconds)
{
	unsigned long sum = 0, least = workers[0].count;
	double longest_us = 0;

	for (int i = 0; i < crew->count; i++) {
		sum += workers[i].count;
		least = workers[i].count < least ? workers[i].count : least;
		longest_us = workers[i].longest_us > longest_us ? workers[i].longest_us : longest_us;
	}
	sample(crew, "", "1/s", "more", (double)sum / seconds);
	if (crew->count > 1)
		sample(crew, ", last", "1/s", "more", (double)least / seconds);
	if (!workers[0].reads)
		sample(crew, ", wait", "ms", "less", longest_us / 1e3);
}

static void run_threads(const char *path, int count, bool reads, double seconds)
{
	struct worker workers[CROWD_MAX];
	pthread_t threads[CROWD_MAX];
	srd_store *store = open_store(path);
	double until_us = now_us() + seconds * 1e6;

	for (int i = 0; i < count; i++) {
		workers[i] = (struct worker){ .store = store, .until_us = until_us, .id = (unsigned)i, .reads = reads };
		pthread_create(&threads[i], NULL, work, &workers[i]);
	}
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	report(&(struct crew){ reads ? "get" : "put", "thread", count }, workers, seconds);
	srd_close(store);
}

/* Shared by processes. */
struct crowd {
	atomic_int ready;
	struct worker workers[CROWD_MAX];
};

static void run_process(const char *path, struct crowd *crowd, struct worker *worker, int count, double seconds)
{
	worker->store = open_store(path);
	atomic_fetch_add(&crowd->ready, 1);
	while (atomic_load(&crowd->ready) < count)
		sched_yield();
	worker->until_us = now_us() + seconds * 1e6;
	work(worker);
	srd_close(worker->store);
}

static void run_processes(const char *path, int count, double seconds)
{
	struct crowd *crowd = mmap(NULL, sizeof *crowd, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (crowd == MAP_FAILED)
		die("mmap", -errno);
	for (int i = 0; i < count; i++) {
		crowd->workers[i].id = (unsigned)i;
		if (fork() == 0) {
			run_process(path, crowd, &crowd->workers[i], count, seconds);
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
	report(&(struct crew){ "put", count > 1 ? "processe" : "process", count }, crowd->workers, seconds);
	munmap(crowd, sizeof *crowd);
}

static void fill(const char *path)
{
	srd_store *store = open_store(path);
	char key[32], bytes[VALUE_LEN] = { 0 };

	for (unsigned i = 0; i < KEYS; i++) {
		size_t len = make_key(key, i);
		int error = srd_put(store, key, len, bytes, sizeof bytes);
		if (error)
			die(key, error);
	}
	srd_close(store);
}

/* ---- Delay ---- */

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The file is held open: what changes is what the kernel was told. */
static double delay_once(srd_store *store, int fd, int i)
{
	char bytes[VALUE_LEN] = { 0 }, got[VALUE_LEN];

	snprintf(bytes, sizeof bytes, "%d", i);
	int error = srd_put(store, "delay", 5, bytes, sizeof bytes);
	if (error)
		die("delay", error);
	double begin_us = now_us();
	while (pread(fd, got, sizeof got, 0) != sizeof got || memcmp(got, bytes, sizeof bytes) != 0)
		sched_yield();
	return now_us() - begin_us;
}

static void run_delay(const char *path, const char *mount, int count)
{
	static double delays_us[DELAYS_MAX];
	char name[4096];
	srd_store *store = open_store(path);

	snprintf(name, sizeof name, "%s/delay", mount);
	int error = srd_put(store, "delay", 5, "", 0);
	int fd = error ? -1 : open(name, O_RDONLY);
	if (fd < 0)
		die(name, error ? error : -errno);
	for (int i = 0; i < count; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);   /* all are idle again */
		delays_us[i] = delay_once(store, fd, i);
	}
	qsort(delays_us, (size_t)count, sizeof *delays_us, by_size);
	printf("seen on a mount, median\tus\tless\tsrd\t%.9g\n", delays_us[count / 2]);
	printf("seen on a mount, 99 %%\tus\tless\tsrd\t%.9g\n", delays_us[count * 99 / 100]);
	close(fd);
	srd_close(store);
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (strcmp(what, "delay") == 0 && argc > 3) {
		int count = argc > 4 ? atoi(argv[4]) : 1000;
		run_delay(argv[2], argv[3], count < 1 ? 1 : count > DELAYS_MAX ? DELAYS_MAX : count);
		return 0;
	}
	double seconds = argc > 3 ? atof(argv[3]) : 2;
	bool reads = strcmp(what, "reads") == 0, queue = strcmp(what, "queue") == 0;
	if (!reads && !queue && strcmp(what, "appends") != 0) {
		fprintf(stderr, "usage: crowd reads|appends|queue STORE [SECONDS]\n       crowd delay STORE MOUNT [COUNT]\n");
		return 2;
	}
	if (reads)
		fill(argv[2]);
	for (int count = 1; count <= (reads ? 4 : CROWD_MAX); count *= 2) {
		if (reads || queue)
			run_threads(argv[2], count, reads, seconds);
		else
			run_processes(argv[2], count, seconds);
	}
	return 0;
}
