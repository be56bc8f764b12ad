/* SPDX-License-Identifier: Apache-2.0 */
/*
 * past - how long it takes, and how much memory, to open a store as it was: beside the same
 * without the images of the past (the same log in a directory of its own, where only the newest
 * image is), so by a replay of all that was before.
 *
 *     past DIR [COMMITS [KEYS [SESSIONS]]]
 *
 * The store gets COMMITS commits, each of which puts one of KEYS keys, by SESSIONS processes
 * one after another.  Each opening is a process of its own that reads one key; caches are warm.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "srd.h"

enum { ROUNDS = 3, VALUE_LEN = 100 };

/* Shared with the processes that measure. */
struct result {
	double ms;
	uint64_t memory_kib;
	uint64_t sequence;
};

static _Noreturn void die(const char *what, int error)
{
	fprintf(stderr, "past: %s: %s\n", what, error ? srd_strerror(error) : "failed");
	exit(1);
}

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void wait_for(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		die("a process of ours", 0);
}

static void put_some(const char *path, uint64_t from, uint64_t to, uint64_t keys)
{
	char key[32], value[VALUE_LEN];
	srd_store *store;
	int error = srd_open(path, SRD_CREATE, &store);

	for (uint64_t i = from; !error && i < to; i++) {
		int len = snprintf(key, sizeof key, "d%" PRIu64 "/k%" PRIu64, i % keys % 100, i * 2654435761u % keys);
		snprintf(value, sizeof value, "%099" PRIu64, i);
		error = srd_put(store, key, (size_t)len, value, sizeof value);
	}
	if (error || (error = srd_close(store)) != 0)
		die(path, error);
}

static void make(const char *path, uint64_t commits, uint64_t keys, uint64_t sessions)
{
	for (uint64_t i = 0; i < sessions; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			put_some(path, commits * i / sessions, commits * (i + 1) / sessions, keys);
			_exit(0);
		}
		wait_for(pid);
	}
}

static void open_once(const char *path, const char *at, struct result *result)
{
	struct srd_info info;
	struct rusage usage;
	srd_store *store;
	double start = now_ms();
	int error = srd_open_at(path, 0, at, &store);

	if (!error)
		error = srd_exists(store, "d0/k0", 5) < 0 ? -EIO : srd_info(store, &info);
	double ms = now_ms() - start;
	if (error)
		die(at, error);
	getrusage(RUSAGE_SELF, &usage);
	if (result->ms == 0 || ms < result->ms)
		*result = (struct result){ .ms = ms, .memory_kib = (uint64_t)usage.ru_maxrss, .sequence = info.sequence };
	srd_close(store);
}

static struct result best_of(const char *path, const char *at)
{
	struct result *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		die("memory", -errno);
	*shared = (struct result){ 0 };
	for (int i = 0; i < ROUNDS; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			open_once(path, at, shared);
			_exit(0);
		}
		wait_for(pid);
	}
	struct result result = *shared;
	munmap(shared, sizeof *shared);
	return result;
}

static void row(const char *path, const char *bare, const char *what, const char *at)
{
	struct result kept = best_of(path, at), replayed = best_of(bare, at);

	if (kept.sequence != replayed.sequence)
		die("what was opened differs", 0);
	printf("%-16s %10" PRIu64 " %10.1f %10.1f %10" PRIu64 " %10" PRIu64 "\n", what, kept.sequence, kept.ms, replayed.ms,
	       kept.memory_kib / 1024, replayed.memory_kib / 1024);
	fflush(stdout);
}

static void rows(const char *path, const char *bare)
{
	static const double ago[] = { 0, 0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99 };
	struct srd_info info;
	char what[32], at[48];
	srd_store *store;
	int error = srd_open(path, SRD_RDONLY, &store);

	if (!error)
		error = srd_info(store, &info);
	if (error)
		die(path, error);
	srd_close(store);
	printf("%" PRIu64 " commits, %" PRIu64 " files, log %" PRIu64 " MiB\n", info.sequence, info.files, info.end >> 20);
	printf("%-16s %10s %10s %10s %10s %10s\n", "", "commit", "ms", "replay ms", "MiB", "replay MiB");
	for (size_t i = 0; i < sizeof ago / sizeof *ago; i++) {
		uint64_t back = (uint64_t)(ago[i] * (double)info.sequence);
		snprintf(what, sizeof what, "%" PRIu64 " ago", back);
		snprintf(at, sizeof at, "%" PRIu64, info.sequence - back);
		row(path, bare, what, at);
	}
	int64_t middle = info.created_ns + (info.last_commit_ns - info.created_ns) / 2;
	snprintf(at, sizeof at, "@%" PRId64 ".%09" PRId64, middle / 1000000000, middle % 1000000000);
	row(path, bare, "half the time", at);
}

static void link_to(const char *path, const char *bare, const char *suffix)
{
	char from[4200], to[4200];

	snprintf(from, sizeof from, "%s%s", path, suffix);
	snprintf(to, sizeof to, "%s%s", bare, suffix);
	if (link(from, to) != 0)
		die(to, -errno);
}

int main(int argc, char **argv)
{
	uint64_t commits = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;
	uint64_t keys = argc > 3 ? strtoull(argv[3], NULL, 10) : 100000;
	uint64_t sessions = argc > 4 ? strtoull(argv[4], NULL, 10) : 20;
	char path[4096], bare[4096];

	if (argc < 2 || argc > 5 || commits == 0 || keys == 0 || sessions == 0) {
		fprintf(stderr, "usage: past DIR [COMMITS [KEYS [SESSIONS]]]\n");
		return 2;
	}
	snprintf(path, sizeof path, "%s/past.srd", argv[1]);
	snprintf(bare, sizeof bare, "%s/bare", argv[1]);
	if (mkdir(bare, 0777) != 0)
		die(bare, -errno);
	make(path, commits, keys, sessions);
	snprintf(bare, sizeof bare, "%s/bare/past.srd", argv[1]);
	link_to(path, bare, "");
	link_to(path, bare, ".idx");
	rows(path, bare);
	return 0;
}
