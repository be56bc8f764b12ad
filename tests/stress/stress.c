/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stress.c - threads of processes, by the library and on mounts, at a few keys of one
 * store at once, some killed and some stopped for a while; and whether what they were
 * told could have happened one after the other (history.h).  All the while the store is
 * compacted, by one more process and now and then by a client; what clients have read they
 * hold for a while; and snapshots that they make show one moment of it.
 *
 *     stress STORE [STRICT-MOUNT...]
 *
 * In rounds, each with keys of its own and with new processes.  STRESS_SECONDS,
 * STRESS_SEED: for how long, and what to draw from.  STRESS_TOOL: srd, for who compacts.
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

#include "compactor.h"
#include "snapshots.h"

enum {
	PROCESSES = 4, THREADS = 3, KEYS = 6, OPS = 150,
	EVENTS = PROCESSES * THREADS * OPS + SNAPSHOTS_MAX * KEYS,
	COMPACTOR = PROCESSES,   /* the process behind those of clients */
	SNAPSHOT_OUT_OF = 120, COMPACT_OUT_OF = 300,
	PAUSE_NS_MAX = 20 * 1000 * 1000,
};

/* Shared by all processes. */
struct shared {
	atomic_ulong next_value;
	atomic_ulong compacted;
	atomic_bool done;        /* the clients of the round */
	atomic_uint count;
	struct event events[EVENTS];
	struct snapshots snapshots;
};

struct worker {
	struct client client;
	struct shared *shared;
	unsigned round;
	uint64_t random;
	int error;
};

struct totals {
	unsigned long rounds, events, unanswered, killed, stopped, snapshots;
};

static uint64_t draw(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
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

/* What is no event of a key. */
static int do_aside(struct worker *worker)
{
	uint64_t n = draw(&worker->random);
	int error = 0;

	if (n % SNAPSHOT_OUT_OF == 0)
		error = snapshots_take(&worker->shared->snapshots, &worker->client, worker->round);
	if (!error && worker->client.store && n / SNAPSHOT_OUT_OF % COMPACT_OUT_OF == 0)
		error = compact_open(worker->client.store, &worker->shared->compacted);
	return error;
}

static void name_key(unsigned round, uint32_t key, char name[64])
{
	snprintf(name, 64, "round-%u-key-%u", round, key);
}

static void *work(void *user)
{
	struct worker *worker = user;
	struct shared *shared = worker->shared;
	char name[64];

	for (int i = 0; i < OPS && !worker->error; i++) {
		worker->error = do_aside(worker);
		if (worker->error)
			break;
		struct event *event = &shared->events[atomic_fetch_add(&shared->count, 1)];
		event->kind = draw_kind(worker);
		event->key = (uint32_t)(draw(&worker->random) % KEYS);
		if (event->kind == KIND_PUT || event->kind == KIND_CREATE)
			event->value = atomic_fetch_add(&shared->next_value, 1);
		name_key(worker->round, event->key, name);
		event->begin_ns = clock_ns();
		worker->error = client_do(&worker->client, name, event);
		if (!worker->error)
			atomic_store(&event->end_ns, clock_ns());
	}
	int error = client_release(&worker->client);
	worker->error = worker->error ? worker->error : error;
	return NULL;
}

static int run_clients(const char *path, const char *place, int id, struct shared *shared, unsigned round, uint64_t seed)
{
	struct worker workers[THREADS];
	pthread_t threads[THREADS];
	srd_store *store = NULL;
	int error = place ? 0 : srd_open(path, SRD_NOSYNC, &store);

	for (int t = 0; t < THREADS && !error; t++) {
		workers[t] = (struct worker){ .client = { .store = store, .place = place, .id = id * THREADS + t },
		                              .shared = shared, .round = round, .random = seed + (uint64_t)t * 7919 + 1 };
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

static size_t gather(struct shared *shared, uint32_t key, struct event **events)
{
	unsigned all = atomic_load(&shared->count);
	size_t count = 0;

	for (unsigned i = 0; i < all; i++)
		if (shared->events[i].key == key && shared->events[i].begin_ns)
			events[count++] = &shared->events[i];
	qsort(events, count, sizeof *events, by_begin);
	return count;
}

static int check_key(struct shared *shared, uint32_t key)
{
	static struct event *events[EVENTS];
	size_t failed = 0, count = gather(shared, key, events);

	if (history_is_linear(events, count, &failed))
		return 0;
	printf("# key %u: no order of its %zu events explains the answer to this one:\n", key, count);
	show(events, count, failed);
	return 1;
}

/* What VIEW shows was read while it was made; and all of it at one time. */
static int check_view(struct shared *shared, unsigned i, unsigned round, srd_store *view)
{
	static struct event *events[EVENTS];
	uint64_t now = clock_ns(), begin, end, from, until;
	char name[64];

	snapshots_time(&shared->snapshots, i, now, &begin, &end);
	from = begin;
	until = end;
	for (uint32_t key = 0; key < KEYS; key++) {
		struct event *event = &shared->events[atomic_fetch_add(&shared->count, 1)];
		*event = (struct event){ .kind = KIND_GET, .key = key, .begin_ns = begin };
		name_key(round, key, name);
		int error = client_read(view, name, &event->value);
		if (error) {
			printf("# snapshot %u: %s: %s\n", i, name, srd_strerror(error));
			return 1;
		}
		atomic_store(&event->end_ns, end);
		history_narrow(events, gather(shared, key, events), event->value, &from, &until);
	}
	if (from <= until)
		return 0;
	printf("# snapshot %u: at no time between %lu and %lu were its values there together\n", i, begin, end);
	return 1;
}

static int check_snapshots(const char *path, struct shared *shared, struct totals *totals)
{
	unsigned round = (unsigned)totals->rounds, count = snapshots_count(&shared->snapshots);
	srd_store *store, *view;
	int failed = 0, error = count ? srd_open(path, SRD_NOSYNC, &store) : 0;

	for (unsigned i = 0; i < count && !error; i++) {
		int got = snapshots_open(&shared->snapshots, i, round, store, &view);
		error = got < 0 ? got : 0;
		if (got <= 0)
			continue;
		failed |= check_view(shared, i, round, view);
		srd_close(view);
		error = snapshots_delete(i, round, store);
		totals->snapshots++;
	}
	if (error)
		printf("# snapshots: %s\n", srd_strerror(error));
	if (count)
		srd_close(store);
	return failed || error;
}

static void count_events(const struct shared *shared, struct totals *totals)
{
	unsigned count = atomic_load(&shared->count);

	totals->events += count;
	for (unsigned i = 0; i < count; i++)
		totals->unanswered += !atomic_load(&shared->events[i].end_ns);
}

/* One is killed, another stopped for a while, at some time. */
static void disturb(const pid_t *pids, uint64_t *random, struct totals *totals)
{
	pid_t killed = pids[draw(random) % (PROCESSES + 1)], stopped = pids[draw(random) % (PROCESSES + 1)];

	pause_ns(draw(random) % PAUSE_NS_MAX);
	if (draw(random) % 2) {
		totals->stopped += kill(stopped, SIGSTOP) == 0;
		pause_ns(draw(random) % PAUSE_NS_MAX);
		kill(stopped, SIGCONT);
	}
	if (draw(random) % 2)
		totals->killed += kill(killed, SIGKILL) == 0;
}

/* Whom we killed has not. */
static bool has_failed(int status)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
		printf("# client: signal %d\n", WTERMSIG(status));
	return WIFSIGNALED(status) ? WTERMSIG(status) != SIGKILL : WEXITSTATUS(status) != 0;
}

static void clear(struct shared *shared)
{
	memset(shared->events, 0, sizeof shared->events);
	memset(&shared->snapshots, 0, sizeof shared->snapshots);
	atomic_store(&shared->count, 0);
	atomic_store(&shared->done, false);
}

static int run_round(const char *path, char **places, int place_count, struct shared *shared, uint64_t *random,
                     struct totals *totals)
{
	pid_t pids[PROCESSES + 1];
	int failed = 0, status;

	clear(shared);
	for (int p = 0; p <= PROCESSES; p++) {
		uint64_t seed = draw(random);
		/* Every mount has clients, and the library at least one. */
		const char *place = p > 0 && p <= place_count ? places[p - 1] : NULL;
		pids[p] = fork();
		if (pids[p] == 0) {
			int error = p == COMPACTOR ? run_compactor(getenv("STRESS_TOOL"), path, &shared->done, &shared->compacted)
			                           : run_clients(path, place, p, shared, (unsigned)totals->rounds, seed);
			fflush(stdout);
			_exit(error);
		}
	}
	disturb(pids, random, totals);
	for (int p = 0; p <= PROCESSES; p++) {
		atomic_store(&shared->done, p == COMPACTOR);
		waitpid(pids[p], &status, 0);
		failed |= has_failed(status);
	}
	count_events(shared, totals);
	failed |= check_snapshots(path, shared, totals);
	for (uint32_t key = 0; key < KEYS; key++)
		failed |= check_key(shared, key);
	totals->rounds++;
	return failed;
}

int main(int argc, char **argv)
{
	const char *seconds = getenv("STRESS_SECONDS"), *seed_text = getenv("STRESS_SEED");
	uint64_t seed = seed_text ? strtoull(seed_text, NULL, 0) : clock_ns(), random = seed | 1;
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
	printf("# %lu rounds, %lu events (%lu unanswered), %lu killed, %lu stopped, %lu compactions, %lu snapshots\n",
	       totals.rounds, totals.events, totals.unanswered, totals.killed, totals.stopped,
	       atomic_load(&shared->compacted), totals.snapshots);
	printf("%s - %d processes of %d threads, %d on mounts: as if one after the other\n", failed ? "not ok" : "ok",
	       PROCESSES, THREADS, argc - 2);
	return failed;
}
