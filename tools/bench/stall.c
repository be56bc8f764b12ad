/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stall.c - how long readers wait at worst while a store is compacted by another process, beside the
 * same readers with nothing else going on.
 *
 *     stall STORE SRD [KEYS]       SRD: the tool, whose compact is run
 *
 * Prints samples for tools/bench/report: the longest time that one srd_get() took, by the clock and
 * of the CPU, the 99.99th percentile, and how many there were in a second.  A reader that was not run
 * for long, for others had the CPU, counts as one that waited: only what the two columns
 * differ by is the store's.
 */
#include "config.h"

#include <errno.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "srd.h"

enum { KEYS = 1000000, BATCH = 10000, VALUE_LEN = 100, ALONE_SECONDS = 5, BUCKETS = 1 << 16, NS_IN_BUCKET = 1000 };

extern char **environ;

struct reader {
	srd_store *store;
	uint64_t keys, random;
	uint64_t count, longest_ns, longest_cpu_ns;
	uint32_t buckets[BUCKETS];   /* of a microsecond each; the last one of all that is longer */
};

static _Noreturn void die(const char *what, int error)
{
	fprintf(stderr, "stall: %s: %s\n", what, srd_strerror(error));
	exit(1);
}

static uint64_t now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static size_t make_key(char key[32], uint64_t number)
{
	return (size_t)snprintf(key, 32, "%llu/key-%llu", (unsigned long long)number % 1000, (unsigned long long)number);
}

/* Twice, so that half of it is dead. */
static void fill(srd_store *store, uint64_t keys)
{
	char key[32], value[VALUE_LEN];
	srd_batch *batch;
	int error = srd_batch_new(store, &batch);

	memset(value, 'v', sizeof value);
	for (uint64_t i = 0; i < 2 * keys && !error; i++) {
		error = srd_batch_put(batch, key, make_key(key, i % keys), value, sizeof value);
		if (!error && (i % BATCH == BATCH - 1 || i == 2 * keys - 1))
			error = srd_batch_commit(batch);
	}
	if (error)
		die("filling", error);
	srd_batch_free(batch);
}

static void read_one(struct reader *reader)
{
	char key[32];
	srd_value value;

	reader->random = reader->random * 6364136223846793005u + 1442695040888963407u;
	size_t len = make_key(key, (reader->random >> 33) % reader->keys);
	uint64_t cpu = now_ns(CLOCK_THREAD_CPUTIME_ID), start = now_ns(CLOCK_MONOTONIC);
	int error = srd_get(reader->store, key, len, &value);
	uint64_t taken = now_ns(CLOCK_MONOTONIC) - start, bucket = taken / NS_IN_BUCKET;
	if (error)
		die(key, error);
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
	printf("longest get\tms\tless\t%s\t%.3g\n", peer, (double)reader->longest_ns / 1e6);
	printf("most CPU time of a get\tms\tless\t%s\t%.3g\n", peer, (double)reader->longest_cpu_ns / 1e6);
	printf("99.99th percentile\tus\tless\t%s\t%.3g\n", peer, percentile_us(reader, 0.9999));
	printf("gets in a second\t1/s\tmore\t%s\t%.4g\n", peer, (double)reader->count / seconds);
	fflush(stdout);
}

static pid_t start_compact(const char *srd, const char *store)
{
	char *argv[] = { (char *)srd, (char *)"compact", (char *)"-q", (char *)store, NULL };
	pid_t pid;
	int error = posix_spawn(&pid, srd, NULL, NULL, argv, environ);

	if (error)
		die(srd, -error);
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
		die("srd compact", -EIO);
	report(reader, peer, (double)(now_ns(CLOCK_MONOTONIC) - start) / 1e9);
}

int main(int argc, char **argv)
{
	struct reader *alone = calloc(1, sizeof *alone), *beside = calloc(1, sizeof *beside);
	uint64_t keys = argc == 4 ? strtoull(argv[3], NULL, 10) : KEYS;
	srd_store *store;

	if (argc < 3 || argc > 4 || keys == 0 || !alone || !beside) {
		fputs("usage: stall STORE SRD [KEYS]\n", stderr);
		return 2;
	}
	int error = srd_open(argv[1], SRD_CREATE, &store);
	if (error)
		die(argv[1], error);
	fill(store, keys);
	error = srd_sync(store);
	if (error)
		die(argv[1], error);
	alone->store = beside->store = store;
	alone->keys = beside->keys = keys;
	run(beside, start_compact(argv[2], argv[1]), "while compacted");
	run(alone, 0, "alone");
	free(alone);
	free(beside);
	return -srd_close(store);
}
