/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stress.c - threads of processes, by the library and on mounts, at a few keys of one
 * store at once, some killed and some stopped for a while; and whether what they were
 * told could have happened one after the other (history.h).
 *
 *     stress STORE [STRICT-MOUNT...]
 *
 * In rounds, each with keys of its own and with new processes.  STRESS_SECONDS,
 * STRESS_SEED: for how long, and what to draw from.
 */
#include "config.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client.h"

enum {
	PROCESSES = 4, THREADS = 3, KEYS = 6, OPS = 150,
	EVENTS = PROCESSES * THREADS * OPS,
	PAUSE_NS_MAX = 20 * 1000 * 1000,
};

/* Shared by all processes. */
struct shared {
	atomic_ulong next_value;
	atomic_uint count;
	struct event events[EVENTS];
};

struct worker {
	struct client client;
	struct shared *shared;
	unsigned round;
	uint64_t random;
	int error;
};

struct totals {
	unsigned long rounds, events, unanswered, killed, stopped;
};

static uint64_t draw(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void pause_ns(uint64_t ns)
{
	nanosleep(&(struct timespec){ .tv_nsec = (long)ns }, NULL);
}

/* ---- In a process of clients ---- */

static enum kind draw_kind(struct worker *worker)
{
	uint64_t n = draw(&worker->random) % 10;

	return n < 5 ? KIND_GET : n < 8 ? KIND_PUT : n < 9 || worker->client.store ? KIND_DELETE : KIND_CREATE;
}

static void *work(void *user)
{
	struct worker *worker = user;
	struct shared *shared = worker->shared;
	char name[64];

	for (int i = 0; i < OPS && !worker->error; i++) {
		struct event *event = &shared->events[atomic_fetch_add(&shared->count, 1)];
		event->kind = draw_kind(worker);
		event->key = (uint32_t)(draw(&worker->random) % KEYS);
		if (event->kind == KIND_PUT || event->kind == KIND_CREATE)
			event->value = atomic_fetch_add(&shared->next_value, 1);
		snprintf(name, sizeof name, "round-%u-key-%u", worker->round, event->key);
		event->begin_ns = now_ns();
		worker->error = client_do(&worker->client, name, event);
		if (!worker->error)
			atomic_store(&event->end_ns, now_ns());
	}
	return NULL;
}

static int run_clients(const char *path, const char *place, int id, struct shared *shared, unsigned round, uint64_t seed)
{
	struct worker workers[THREADS];
	pthread_t threads[THREADS];
	srd_store *store = NULL;
	int error = place ? 0 : srd_open(path, SRD_NOSYNC, &store);

	for (int t = 0; t < THREADS && !error; t++) {
		workers[t] = (struct worker){ .client = { store, place, id * THREADS + t }, .shared = shared,
		                              .round = round, .random = seed + (uint64_t)t * 7919 + 1 };
		error = -pthread_create(&threads[t], NULL, work, &workers[t]);
	}
	for (int t = 0; t < THREADS && !error; t++) {
		pthread_join(threads[t], NULL);
		if (workers[t].error) {
			printf("# client %d: %s\n", workers[t].client.id, srd_strerror(workers[t].error));
			error = workers[t].error;
		}
	}
	srd_close(store);
	return error != 0;
}

/* ---- One round ---- */

static int by_begin(const void *a, const void *b)
{
	const struct event *x = *(struct event *const *)a, *y = *(struct event *const *)b;

	return x->begin_ns < y->begin_ns ? -1 : x->begin_ns > y->begin_ns;
}

static void show(struct event *const *events, size_t count, size_t failed)
{
	static const char *const kinds[] = { "put", "get", "delete", "create" };

	for (size_t i = failed < 12 ? 0 : failed - 12; i < count && i <= failed + 3; i++)
		printf("# %s %s %lu%s  %lu to %lu\n", i == failed ? ">" : " ", kinds[events[i]->kind],
		       (unsigned long)events[i]->value, events[i]->done ? " done" : "", events[i]->begin_ns,
		       atomic_load(&events[i]->end_ns));
}

static int check_key(struct shared *shared, uint32_t key)
{
	static struct event *events[EVENTS];
	unsigned all = atomic_load(&shared->count);
	size_t count = 0, failed = 0;

	for (unsigned i = 0; i < all; i++)
		if (shared->events[i].key == key && shared->events[i].begin_ns)
			events[count++] = &shared->events[i];
	qsort(events, count, sizeof *events, by_begin);
	if (history_is_linear(events, count, &failed))
		return 0;
	printf("# key %u: no order of its %zu events explains the answer to this one:\n", key, count);
	show(events, count, failed);
	return 1;
}

static void count_events(const struct shared *shared, struct totals *totals)
{
	unsigned count = atomic_load(&shared->count);

	totals->rounds++;
	totals->events += count;
	for (unsigned i = 0; i < count; i++)
		totals->unanswered += !atomic_load(&shared->events[i].end_ns);
}

/* One is killed, another stopped for a while, at some time. */
static void disturb(const pid_t *pids, uint64_t *random, struct totals *totals)
{
	pid_t killed = pids[draw(random) % PROCESSES], stopped = pids[draw(random) % PROCESSES];

	pause_ns(draw(random) % PAUSE_NS_MAX);
	if (draw(random) % 2) {
		totals->stopped += kill(stopped, SIGSTOP) == 0;
		pause_ns(draw(random) % PAUSE_NS_MAX);
		kill(stopped, SIGCONT);
	}
	if (draw(random) % 2)
		totals->killed += kill(killed, SIGKILL) == 0;
}

static int run_round(const char *path, char **places, int place_count, struct shared *shared, uint64_t *random,
                     struct totals *totals)
{
	pid_t pids[PROCESSES];
	int failed = 0, status;

	memset(shared->events, 0, sizeof shared->events);
	atomic_store(&shared->count, 0);
	for (int p = 0; p < PROCESSES; p++) {
		uint64_t seed = draw(random);
		/* Every mount has clients, and the library at least one. */
		const char *place = p > 0 && p <= place_count ? places[p - 1] : NULL;
		pids[p] = fork();
		if (pids[p] == 0) {
			int error = run_clients(path, place, p, shared, (unsigned)totals->rounds, seed);
			fflush(stdout);
			_exit(error);
		}
	}
	disturb(pids, random, totals);
	for (int p = 0; p < PROCESSES; p++) {
		waitpid(pids[p], &status, 0);
		failed |= WIFEXITED(status) && WEXITSTATUS(status);
	}
	for (uint32_t key = 0; key < KEYS; key++)
		failed |= check_key(shared, key);
	count_events(shared, totals);
	return failed;
}

int main(int argc, char **argv)
{
	const char *seconds = getenv("STRESS_SECONDS"), *seed_text = getenv("STRESS_SEED");
	uint64_t seed = seed_text ? strtoull(seed_text, NULL, 0) : now_ns(), random = seed | 1;
	time_t until = time(NULL) + (seconds ? atoi(seconds) : 60);
	struct totals totals = { 0 };
	int failed = 0;

	if (argc < 2)
		return 2;
	struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 99;
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("# STRESS_SEED=%llu\n", (unsigned long long)seed);
	atomic_store(&shared->next_value, 1);
	do {
		failed = run_round(argv[1], argv + 2, argc - 2, shared, &random, &totals);
	} while (!failed && time(NULL) < until);
	printf("# %lu rounds, %lu events (%lu unanswered), %lu killed, %lu stopped\n", totals.rounds, totals.events,
	       totals.unanswered, totals.killed, totals.stopped);
	printf("%s - %d processes of %d threads, %d on mounts: as if one after the other\n", failed ? "not ok" : "ok",
	       PROCESSES, THREADS, argc - 2);
	return failed;
}
