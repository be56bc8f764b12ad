/* SPDX-License-Identifier: Apache-2.0 */
/*
 * past.c - how long it takes, and how much memory, to open a store as it was: beside the same
 * without the images of the past (the same log in a directory of its own, where only the newest
 * image is), so by a replay of all that was before.
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
#include <unistd.h>

#include "bench.h"

static const char help[] =
"usage: past DIR [COMMITS [KEYS [SESSIONS]]]\n"
"\n"
"How long it takes to open a store as it was, and how much memory, by the images that\n"
"were kept of its past, and by a replay of its log.  The store is made in the folder\n"
"DIR, where it stays: of COMMITS commits (1000000), each of which puts one of KEYS keys\n"
"(100000), by SESSIONS processes one after another (20).  Each opening is a process of\n"
"its own that reads one key; caches are warm, the best of three counts.\n";

enum { ROUNDS = 3, VALUE_LEN = 100 };

/* Shared with the processes that measure. */
struct result {
	double ms;
	uint64_t memory_kib;
	uint64_t sequence;
};

static void wait_for(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		die("a process of ours failed");
}

static void put_some(const char *path, uint64_t from, uint64_t to, uint64_t keys)
{
	srd_store *store = open_store(path, 0);
	char key[32], value[VALUE_LEN];

	for (uint64_t i = from; i < to; i++) {
		int len = snprintf(key, sizeof key, "d%" PRIu64 "/k%" PRIu64, i % keys % 100, i * 2654435761u % keys);
		snprintf(value, sizeof value, "%099" PRIu64, i);
		must_srd(srd_put(store, key, (size_t)len, value, sizeof value), key);
	}
	must_srd(srd_close(store), path);
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
	double start = now_us();

	must_srd(srd_open_at(path, 0, at, &store), at);
	must_srd(srd_exists(store, "d0/k0", 5), at);
	must_srd(srd_info(store, &info), at);
	double ms = (now_us() - start) / 1e3;
	getrusage(RUSAGE_SELF, &usage);
	if (result->ms == 0 || ms < result->ms)
		*result = (struct result){ .ms = ms, .memory_kib = (uint64_t)usage.ru_maxrss, .sequence = info.sequence };
	srd_close(store);
}

static struct result best_of(const char *path, const char *at)
{
	struct result *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	must(shared != MAP_FAILED, "memory");
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
		die("what was opened differs");
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

	must_srd(srd_open(path, SRD_RDONLY, &store), path);
	must_srd(srd_info(store, &info), path);
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
	must(link(from, to) == 0, to);
}

static uint64_t number(int argc, char **argv, int i, uint64_t otherwise)
{
	uint64_t value = argc > i ? strtoull(argv[i], NULL, 10) : otherwise;

	if (value == 0) {
		fprintf(stderr, "past: %s: not a number from 1 on\n", argv[i]);
		exit(2);
	}
	return value;
}

int main(int argc, char **argv)
{
	char path[4096], bare[4096];

	give_help(argc, argv, help);
	if (argc < 2 || argc > 5 || argv[1][0] == '-')
		give_usage(help);
	snprintf(path, sizeof path, "%s/past.srd", argv[1]);
	snprintf(bare, sizeof bare, "%s/bare", argv[1]);
	must(mkdir(argv[1], 0777) == 0 || errno == EEXIST, argv[1]);
	must(mkdir(bare, 0777) == 0, bare);
	make(path, number(argc, argv, 2, 1000000), number(argc, argv, 3, 100000), number(argc, argv, 4, 20));
	snprintf(bare, sizeof bare, "%s/bare/past.srd", argv[1]);
	link_to(path, bare, "");
	link_to(path, bare, ".idx");
	rows(path, bare);
	return 0;
}
