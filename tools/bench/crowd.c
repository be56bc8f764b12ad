/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crowd.c - what it costs to share a store.
 *
 *     crowd reads STORE [SECONDS]           random gets by 1, 2, 4 threads of one handle,
 *                                           and by 2 with a handle each
 *     crowd appends STORE [SECONDS]         puts by 1, 2, 4, 8 processes at once
 *     crowd queue STORE [SECONDS]           puts by 1, 2, 4, 8 threads of one handle
 *     crowd lock STORE [SECONDS]            a put whose lock was kept, and one that takes it
 *
 * Prints samples for tools/bench/report: of each crowd what it does together, what the
 * last of it does, and how long one of them waits at worst.
 */
#include "config.h"

#include <errno.h>
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

enum { KEYS = 100000, VALUE_LEN = 100, CROWD_MAX = 8 };

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

/* Of one handle; or APART, each with its own: then they share nothing that is written. */
static void run_threads(const char *path, int count, bool reads, bool apart, double seconds)
{
	struct worker workers[CROWD_MAX];
	pthread_t threads[CROWD_MAX];

	for (int i = 0; i < count; i++) {
		srd_store *store = i == 0 || apart ? open_store(path) : workers[0].store;
		workers[i] = (struct worker){ .store = store, .id = (unsigned)i, .reads = reads };
	}
	double until_us = now_us() + seconds * 1e6;
	for (int i = 0; i < count; i++) {
		workers[i].until_us = until_us;
		pthread_create(&threads[i], NULL, work, &workers[i]);
	}
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	report(&(struct crew){ reads ? "get" : "put", apart ? "handle" : "thread", count }, workers, seconds);
	for (int i = 0; i < (apart ? count : 1); i++)
		srd_close(workers[i].store);
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

/* ---- The lock ---- */

static double put_ns(const char *path, int count)
{
	srd_store *store = open_store(path);
	char bytes[VALUE_LEN] = { 0 };
	double begin_us = now_us();

	for (int i = 0; i < count; i++) {
		int error = srd_put(store, "lock", 4, bytes, sizeof bytes);
		if (error)
			die("lock", error);
	}
	double ns = (now_us() - begin_us) * 1e3 / count;
	srd_close(store);
	return ns;
}

/* The store lies where others could append unseen, if the environment says so: then the
 * lock is taken, the file looked at and the lock given back with each put. */
static void run_lock(const char *path, double seconds)
{
	int count = (int)(seconds * 50000) + 1;
	double kept_ns = put_ns(path, count);

	setenv("SRD_REMOTE", "1", 1);
	double each_ns = put_ns(path, count);
	unsetenv("SRD_REMOTE");
	printf("put, lock kept\tns\tless\tsrd\t%.9g\n", kept_ns);
	printf("put, lock each time\tns\tless\tsrd\t%.9g\n", each_ns);
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";

	setvbuf(stdout, NULL, _IOLBF, 0);
	double seconds = argc > 3 ? atof(argv[3]) : 2;
	bool reads = strcmp(what, "reads") == 0, queue = strcmp(what, "queue") == 0;
	if (strcmp(what, "lock") == 0) {
		run_lock(argv[2], seconds);
		return 0;
	}
	if (!reads && !queue && strcmp(what, "appends") != 0) {
		fprintf(stderr, "usage: crowd reads|appends|queue|lock STORE [SECONDS]\n");
		return 2;
	}
	if (reads)
		fill(argv[2]);
	for (int count = 1; count <= (reads ? 4 : CROWD_MAX); count *= 2) {
		if (reads || queue)
			run_threads(argv[2], count, reads, false, seconds);
		else
			run_processes(argv[2], count, seconds);
	}
	if (reads)
		run_threads(argv[2], 2, true, true, seconds);
	return 0;
}
