/* SPDX-License-Identifier: Apache-2.0 */
/* crowd.c - what it costs to share a store; tools/bench/share runs it. */
#include "config.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

static const char help[] =
"usage: crowd reads|appends|queue|lock STORE [SECONDS]\n"
"\n"
"  reads      random gets by 1, 2, 4 threads of one handle, and by 2 with a handle each\n"
"  appends    puts by 1, 2, 4, 8 processes at once\n"
"  queue      puts by 1, 2, 4, 8 threads of one handle\n"
"  lock       a put whose lock was kept, and one that takes it\n"
"\n"
"Prints samples for tools/bench/report: of each crowd what it does together, what the\n"
"last of it does, and how long one of them waits at worst.  SECONDS for each (2).\n";

enum { KEYS = 100000, VALUE_LEN = 100, CROWD_MAX = 8 };

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

	size_t len = make_key(key, (unsigned)(next_random(random) % KEYS));
	must_srd(worker->reads ? srd_get(worker->store, key, len, &value)
	                       : srd_put(worker->store, key, len, bytes, sizeof bytes), key);
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

static void sample_of(const struct crew *crew, const char *more, const char *unit, const char *better, double figure)
{
	char row[64];

	snprintf(row, sizeof row, "%s, %d %s%s%s", crew->what, crew->count, crew->who, crew->count > 1 ? "s" : "", more);
	sample(row, unit, better, "srd", figure);
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
	sample_of(crew, "", "1/s", "more", (double)sum / seconds);
	if (crew->count > 1)
		sample_of(crew, ", last", "1/s", "more", (double)least / seconds);
	if (!workers[0].reads)
		sample_of(crew, ", wait", "ms", "less", longest_us / 1e3);
}

/* Of one handle; or APART, each with its own: then they share nothing that is written. */
static void run_threads(const char *path, int count, bool reads, bool apart, double seconds)
{
	struct worker workers[CROWD_MAX];
	pthread_t threads[CROWD_MAX];

	for (int i = 0; i < count; i++) {
		srd_store *store = i == 0 || apart ? open_store(path, SRD_NOSYNC) : workers[0].store;
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
	worker->store = open_store(path, SRD_NOSYNC);
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

	must(crowd != MAP_FAILED, "memory");
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
	srd_store *store = open_store(path, SRD_NOSYNC);
	char key[32], bytes[VALUE_LEN] = { 0 };

	for (unsigned i = 0; i < KEYS; i++) {
		size_t len = make_key(key, i);
		must_srd(srd_put(store, key, len, bytes, sizeof bytes), key);
	}
	srd_close(store);
}

/* ---- The lock ---- */

static double put_ns(const char *path, int count)
{
	srd_store *store = open_store(path, SRD_NOSYNC);
	char bytes[VALUE_LEN] = { 0 };
	double begin_us = now_us();

	for (int i = 0; i < count; i++)
		must_srd(srd_put(store, "lock", 4, bytes, sizeof bytes), "lock");
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
	sample("put, lock kept", "ns", "less", "srd", kept_ns);
	sample("put, lock each time", "ns", "less", "srd", each_ns);
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";

	give_help(argc, argv, help);
	double seconds = argc > 3 ? atof(argv[3]) : 2;
	bool reads = strcmp(what, "reads") == 0, queue = strcmp(what, "queue") == 0;
	if (strcmp(what, "lock") == 0) {
		run_lock(argv[2], seconds);
		return 0;
	}
	if (!reads && !queue && strcmp(what, "appends") != 0)
		give_usage(help);
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
