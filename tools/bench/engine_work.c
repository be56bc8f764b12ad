/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine_work.c - the workload of the engine benchmark, once, in a process of its
 * own.  Keys are made in chunks between the measured stretches, so that only the
 * store is measured; every answer is compared with what must come out.
 */
#include "config.h"

#include "engine.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

enum { CHUNK = 1024, SINGLE_LEN = 100, LARGE_LEN = 1 << 20 };

static struct item items[CHUNK];
static uint64_t values[CHUNK];

static clockid_t time_source = CLOCK_MONOTONIC;

static double spent_s(void)
{
	return (double)now_ns(time_source) * 1e-9;
}

/* Puts `bench-key-NUMBER` (or another STEM) and the value NUMBER into items[AT]. */
static void make_item(size_t at, const char *stem, uint64_t number)
{
	struct item *item = &items[at];

	values[at] = number;
	item->key_len = (size_t)snprintf(item->key, sizeof item->key, "%s-key-%llu", stem, (unsigned long long)number);
	item->data = &values[at];
	item->len = sizeof values[at];
}

static double batch_puts(const struct engine *engine, size_t count)
{
	double spent = 0;

	for (size_t done = 0; done < count; done += CHUNK) {
		size_t take = count - done < CHUNK ? count - done : CHUNK;
		for (size_t i = 0; i < take; i++)
			make_item(i, "bench", done + i);
		double began = spent_s();
		engine->put_batch(items, take);
		spent += spent_s() - began;
	}
	return (double)count / spent;
}

static double scan(const struct engine *engine, size_t count)
{
	uint64_t found;
	double began = spent_s();
	uint64_t sum = engine->scan(&found);
	double spent = spent_s() - began;

	if (found != count || sum != (uint64_t)count * (count - 1) / 2)
		die("%s: the scan found %llu entries, or wrong ones", engine->name, (unsigned long long)found);
	return (double)count / spent;
}

/* As many gets as there are entries, of random keys. */
static double gets(const struct engine *engine, size_t count, bool many)
{
	uint64_t random = many ? 88172645463325252 : 1181783497276652981;
	double spent = 0;

	for (size_t done = 0; done < count; done += CHUNK) {
		uint64_t expected = 0;
		for (size_t i = 0; i < CHUNK; i++) {
			make_item(i, "bench", next_random(&random) % count);
			expected += values[i];
		}
		double began = spent_s();
		uint64_t sum = (many ? engine->get_many : engine->get)(items, CHUNK);
		spent += spent_s() - began;
		if (sum != expected)
			die("%s: wrong values", engine->name);
	}
	return (double)((count + CHUNK - 1) / CHUNK * CHUNK) / spent;
}

static double single_puts(const struct engine *engine, size_t count)
{
	char data[SINGLE_LEN];
	double spent = 0;

	memset(data, 'x', sizeof data);
	for (size_t done = 0; done < count; done += CHUNK) {
		size_t take = count - done < CHUNK ? count - done : CHUNK;
		for (size_t i = 0; i < take; i++) {
			make_item(i, "single", done + i);
			items[i].data = data;
			items[i].len = sizeof data;
		}
		double began = spent_s();
		for (size_t i = 0; i < take; i++)
			engine->put(&items[i]);
		spent += spent_s() - began;
	}
	return (double)count / spent;
}

/* The words of the large value NUMBER: different in each. */
static void fill_large(uint64_t *words, uint64_t number)
{
	for (size_t i = 0; i < LARGE_LEN / 8; i++)
		words[i] = (number + 1) * UINT64_C(0x9e3779b97f4a7c15) + i;
}

/* Bytes a second, of puts or of gets. */
static double larges(const struct engine *engine, size_t count, bool put)
{
	uint64_t *words = aligned_alloc(4096, LARGE_LEN);
	double spent = 0;

	for (size_t i = 0; words && i < count; i++) {
		make_item(0, "large", i);
		fill_large(words, i);
		items[0].data = words;
		items[0].len = LARGE_LEN;
		uint64_t expected = put ? 0 : sum_of(words, LARGE_LEN), sum = 0;
		double began = spent_s();
		if (put)
			engine->put(&items[0]);
		else
			sum = engine->get(items, 1);
		spent += spent_s() - began;
		if (sum != expected)
			die("%s: wrong large value", engine->name);
	}
	free(words);
	return (double)count * LARGE_LEN / spent;
}

/* Calls EACH with every file of the folder; the sum of the answers. */
static uint64_t each_file(const char *dir, uint64_t (*each)(int fd))
{
	DIR *entries = opendir(dir);
	uint64_t sum = 0;
	struct dirent *entry;

	while (entries && (entry = readdir(entries))) {
		int fd = openat(dirfd(entries), entry->d_name, O_RDWR | O_CLOEXEC);
		if (fd >= 0) {
			sum += each(fd);
			close(fd);
		}
	}
	if (entries)
		closedir(entries);
	return sum;
}

static uint64_t stored_bytes(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_blocks * 512 : 0;
}

static uint64_t forget_pages(int fd)
{
	fdatasync(fd);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	return 0;
}

/* Seconds to open the store and get one value. */
static double reopen(const struct workload *work, const struct engine *engine, uint64_t room_bytes)
{
	double began = spent_s();

	engine->open(work->dir, room_bytes);
	make_item(0, "bench", work->count / 2);
	if (engine->get(items, 1) != work->count / 2)
		die("%s: a wrong value after opening", engine->name);
	return spent_s() - began;
}

void workload_run(const struct workload *work, const struct engine *engine, double results[ROWS])
{
	uint64_t room_bytes = (UINT64_C(1) << 30) + (uint64_t)work->count * 512 +
	                      (uint64_t)work->singles * 1024 + (uint64_t)work->larges * 2 * LARGE_LEN;
	double before = memory_bytes("RssAnon");

	if (work->cpu_time)
		time_source = CLOCK_PROCESS_CPUTIME_ID;
	engine->open(work->dir, room_bytes);
	results[ROW_BATCH_PUT] = batch_puts(engine, work->count);
	results[ROW_SCAN] = scan(engine, work->count);
	results[ROW_GET] = gets(engine, work->count, false);
	results[ROW_GET_MANY] = gets(engine, work->count, true);
	results[ROW_MEMORY] = memory_bytes("RssAnon") - before;
	results[ROW_PEAK] = memory_bytes("VmHWM");
	results[ROW_FILE] = (double)each_file(work->dir, stored_bytes);
	results[ROW_SINGLE_PUT] = single_puts(engine, work->singles);
	results[ROW_LARGE_PUT] = larges(engine, work->larges, true);
	results[ROW_LARGE_GET] = larges(engine, work->larges, false);
	results[ROW_LARGE_AGAIN] = larges(engine, work->larges, false);
	engine->close();
	results[ROW_OPEN_WARM] = reopen(work, engine, room_bytes);
	engine->close();
	each_file(work->dir, forget_pages);
	results[ROW_OPEN_COLD] = reopen(work, engine, room_bytes);
	engine->close();
}
