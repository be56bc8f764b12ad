/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stall_readers.c - how long readers wait at worst while a store is compacted by another process, beside the
 * same readers with nothing else going on; tools/bench/stall runs it.  A reader that was not run
 * for long, for others had the CPU, counts as one that waited: only what the two columns
 * differ by is the store's.
 */
#include "config.h"

#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

static const char help[] =
"usage: stall-readers STORE SRD [KEYS]\n"
"\n"
"SRD: the tool, whose compact is run on the new STORE of KEYS keys (1000000).  Prints\n"
"samples for tools/bench/report: the longest time that one srd_get() took, by the clock\n"
"and of the CPU, the 99.99th percentile, and how many there were in a second.\n";

enum { KEYS = 1000000, BATCH = 10000, VALUE_LEN = 100, ALONE_SECONDS = 5, BUCKETS = 1 << 16, NS_IN_BUCKET = 1000 };

extern char **environ;

struct reader {
	srd_store *store;
	uint64_t keys, random;
	uint64_t count, longest_ns, longest_cpu_ns;
	uint32_t buckets[BUCKETS];   /* of a microsecond each; the last one of all that is longer */
};

static size_t make_key(char key[32], uint64_t number)
{
	return (size_t)snprintf(key, 32, "%llu/key-%llu", (unsigned long long)number % 1000, (unsigned long long)number);
}

/* Twice, so that half of it is dead. */
static void fill(srd_store *store, uint64_t keys)
{
	char key[32], value[VALUE_LEN];
	srd_batch *batch;

	must_srd(srd_batch_new(store, &batch), "batch");
	memset(value, 'v', sizeof value);
	for (uint64_t i = 0; i < 2 * keys; i++) {
		must_srd(srd_batch_put(batch, key, make_key(key, i % keys), value, sizeof value), key);
		if (i % BATCH == BATCH - 1 || i == 2 * keys - 1)
			must_srd(srd_batch_commit(batch), "commit");
	}
	srd_batch_free(batch);
}

static void read_one(struct reader *reader)
{
	char key[32];
	srd_value value;

	size_t len = make_key(key, next_random(&reader->random) % reader->keys);
	uint64_t cpu = now_ns(CLOCK_THREAD_CPUTIME_ID), start = now_ns(CLOCK_MONOTONIC);
	int error = srd_get(reader->store, key, len, &value);
	uint64_t taken = now_ns(CLOCK_MONOTONIC) - start, bucket = taken / NS_IN_BUCKET;
	must_srd(error, key);
	srd_value_release(&value);
	reader->count++;
	cpu = now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
	reader->longest_ns = taken > reader->longest_ns ? taken : reader->longest_ns;
	reader->longest_cpu_ns = cpu > reader->longest_cpu_ns ? cpu : reader->longest_cpu_ns;
	reader->buckets[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
}

static double percentile_us(const struct reader *reader, double share)
{
	uint64_t left = (uint64_t)((double)reader->count * (1 - share));
	int i = BUCKETS - 1;

	for (; i > 0 && reader->buckets[i] <= left; i--)
		left -= reader->buckets[i];
	return i + 1;
}

static void report(const struct reader *reader, const char *peer, double seconds)
{
	sample("longest get", "ms", "less", peer, (double)reader->longest_ns / 1e6);
	sample("most CPU time of a get", "ms", "less", peer, (double)reader->longest_cpu_ns / 1e6);
	sample("99.99th percentile", "us", "less", peer, percentile_us(reader, 0.9999));
	sample("gets in a second", "1/s", "more", peer, (double)reader->count / seconds);
}

static pid_t start_compact(const char *srd, const char *store)
{
	char *argv[] = { (char *)srd, (char *)"compact", (char *)"-q", (char *)store, NULL };
	pid_t pid;
	int error = posix_spawn(&pid, srd, NULL, NULL, argv, environ);

	if (error)
		die("%s: %s", srd, strerror(error));
	return pid;
}

/* Reads until the compaction has ended and a little longer; PID 0: for a while. */
static void run(struct reader *reader, pid_t pid, const char *peer)
{
	uint64_t start = now_ns(CLOCK_MONOTONIC), end = start + ALONE_SECONDS * UINT64_C(1000000000);
	int status = 0;

	while (pid || now_ns(CLOCK_MONOTONIC) < end) {
		for (int i = 0; i < 100; i++)
			read_one(reader);
		if (pid && waitpid(pid, &status, WNOHANG) == pid) {
			pid = 0;
			end = now_ns(CLOCK_MONOTONIC) + 200000000;
		}
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		die("srd compact failed");
	report(reader, peer, (double)(now_ns(CLOCK_MONOTONIC) - start) / 1e9);
}

int main(int argc, char **argv)
{
	struct reader *alone = calloc(1, sizeof *alone), *beside = calloc(1, sizeof *beside);
	uint64_t keys = argc == 4 ? strtoull(argv[3], NULL, 10) : KEYS;

	give_help(argc, argv, help);
	if (argc < 3 || argc > 4 || keys == 0 || !alone || !beside)
		give_usage(help);
	srd_store *store = open_store(argv[1], 0);
	fill(store, keys);
	must_srd(srd_sync(store), argv[1]);
	alone->store = beside->store = store;
	alone->keys = beside->keys = keys;
	alone->random = beside->random = 1;
	run(beside, start_compact(argv[2], argv[1]), "while compacted");
	run(alone, 0, "alone");
	free(alone);
	free(beside);
	return -srd_close(store);
}
