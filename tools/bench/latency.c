/* SPDX-License-Identifier: Apache-2.0 */
/*
 * latency.c - how long single operations take, beside what they cannot do without; tools/bench/budget
 * runs it.  What takes less than a clock can tell is measured by the hundred.
 */
#include "config.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

static const char help[] =
"usage: latency STORE MOUNT UNCACHED\n"
"\n"
"MOUNT: of another store; UNCACHED: of a third, with timeout=0.  Prints samples for\n"
"tools/bench/report: microseconds, the median and the 10th percentile, which a busy\n"
"machine hardly changes.  The rows and what they mean: srd-performance(7).\n";

enum { SAMPLES = 4000, HUNDRED = 100, PAGE = 4096, VALUE_LEN = 100, KEYS = 100000 };

struct bench {
	srd_store *store;
	const char *mount, *uncached;
	int plain_fd, append_fd, file_fd, direct_fd;   /* plain: beside the store; the others on the mount */
	uint64_t random, number;
	uint8_t *page, *other;
	bool away;                /* a file is renamed */
	char path[4200], target[4200];
};

static const char *name(struct bench *bench, const char *mount, uint64_t number)
{
	snprintf(bench->path, sizeof bench->path, "%s/n-%llu", mount, (unsigned long long)number);
	return bench->path;
}

/* ---- What nothing does without ---- */

static void call_kernel(struct bench *bench)
{
	(void)bench;
	syscall(SYS_getppid);
}

static void copy_page(struct bench *bench)
{
	memcpy(bench->other, bench->page, PAGE);
	__asm__ volatile("" : : "r"(bench->other) : "memory");
}

static void append_plain(struct bench *bench)
{
	must(write(bench->append_fd, bench->page, 256) == 256, "write");
}

static void read_plain(struct bench *bench)
{
	off_t at = (off_t)(next_random(&bench->random) % 256 * PAGE);

	must(pread(bench->plain_fd, bench->other, PAGE, at) == PAGE, "pread");
}

/* ---- The library ---- */

static size_t make_key(char key[32], const char *stem, uint64_t number)
{
	return (size_t)snprintf(key, 32, "%s-%llu", stem, (unsigned long long)number);
}

static void get(struct bench *bench)
{
	char key[32];
	srd_value value;

	must_srd(srd_get(bench->store, key, make_key(key, "key", next_random(&bench->random) % KEYS), &value), key);
	srd_value_release(&value);
}

static void put(struct bench *bench)
{
	char key[32];

	must_srd(srd_put(bench->store, key, make_key(key, "put", bench->number++), bench->page, VALUE_LEN), key);
}

/* ---- The mount ---- */

static void stat_known(struct bench *bench)
{
	struct stat st;

	must(stat(name(bench, bench->mount, 0), &st) == 0, bench->path);
}

static void stat_asked(struct bench *bench)
{
	struct stat st;

	must(fstat(bench->direct_fd, &st) == 0, "fstat");
}

static void open_close(struct bench *bench)
{
	int fd = open(name(bench, bench->mount, 0), O_RDONLY);

	must(fd >= 0 && close(fd) == 0, bench->path);
}

static void read_known(struct bench *bench)
{
	off_t at = (off_t)(next_random(&bench->random) % 256 * PAGE);

	must(pread(bench->file_fd, bench->other, PAGE, at) == PAGE, "read");
}

static void read_asked(struct bench *bench)
{
	off_t at = (off_t)(next_random(&bench->random) % 256 * PAGE);

	must(pread(bench->direct_fd, bench->other, PAGE, at) == PAGE, "read");
}

static void write_page(struct bench *bench)
{
	off_t at = (off_t)(next_random(&bench->random) % 256 * PAGE);

	must(pwrite(bench->file_fd, bench->page, PAGE, at) == PAGE, "write");
}

static void create_close(struct bench *bench)
{
	int fd = open(name(bench, bench->mount, ++bench->number), O_CREAT | O_EXCL | O_WRONLY, 0644);

	must(fd >= 0 && close(fd) == 0, bench->path);
}

static void create_write_close(struct bench *bench)
{
	int fd = open(name(bench, bench->mount, ++bench->number), O_CREAT | O_EXCL | O_WRONLY, 0644);

	must(fd >= 0 && write(fd, bench->page, 1024) == 1024 && close(fd) == 0, bench->path);
}

/* There, and back the next time. */
static void rename_last(struct bench *bench)
{
	snprintf(bench->target, sizeof bench->target, "%s/renamed", bench->mount);
	name(bench, bench->mount, bench->number);
	bench->away = !bench->away;
	must((bench->away ? rename(bench->path, bench->target) : rename(bench->target, bench->path)) == 0, bench->path);
}

static void unlink_next(struct bench *bench)
{
	must(unlink(name(bench, bench->mount, bench->number--)) == 0, bench->path);
}

/* ---- ---- */

static const struct op {
	const char *name;
	void (*run)(struct bench *bench);
	int batch;
} ops[] = {
	{ "system call", call_kernel, HUNDRED },
	{ "memcpy 4 KiB", copy_page, HUNDRED },
	{ "write 256 B, ext4 cache", append_plain, 1 },
	{ "pread 4 KiB, ext4 cache", read_plain, 1 },
	{ "get", get, HUNDRED },
	{ "put 100 B", put, 1 },
	{ "stat, known", stat_known, HUNDRED },
	{ "stat, asked", stat_asked, 1 },
	{ "open, close", open_close, 1 },
	{ "read 4 KiB, known", read_known, 1 },
	{ "read 4 KiB, asked", read_asked, 1 },
	{ "write 4 KiB", write_page, 1 },
	{ "create, close", create_close, 1 },
	{ "rename", rename_last, 1 },
	{ "unlink", unlink_next, 1 },
	{ "create, write, close", create_write_close, 1 },
};

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(struct bench *bench, const struct op *op)
{
	static double samples[SAMPLES];
	int count = op->batch > 1 ? SAMPLES / 10 : SAMPLES;

	for (int i = 0; i < count; i++) {
		double start = now_us();
		for (int j = 0; j < op->batch; j++)
			op->run(bench);
		samples[i] = (now_us() - start) / op->batch;
	}
	qsort(samples, (size_t)count, sizeof *samples, compare);
	sample(op->name, "us", "less", "median", samples[count / 2]);
	sample(op->name, "us", "less", "10th", samples[count / 10]);
}

static int make_file(const char *path, const struct bench *bench)
{
	int fd = open(path, O_CREAT | O_RDWR, 0644);

	must(fd >= 0, path);
	for (int i = 0; i < 256; i++)
		must(write(fd, bench->page, PAGE) == PAGE, path);
	return fd;
}

static void set_up(struct bench *bench, const char *store)
{
	char path[4200], key[32];

	bench->store = open_store(store, SRD_NOSYNC);
	for (uint64_t i = 0; i < KEYS; i++)
		must_srd(srd_put(bench->store, key, make_key(key, "key", i), bench->page, VALUE_LEN), key);
	snprintf(path, sizeof path, "%s.plain", store);
	bench->plain_fd = make_file(path, bench);
	bench->append_fd = open(path, O_WRONLY | O_APPEND);
	bench->file_fd = make_file(name(bench, bench->mount, 0), bench);
	must(fsync(bench->file_fd) == 0, "fsync");
	must(close(make_file(name(bench, bench->uncached, 0), bench)) == 0, bench->path);
	bench->direct_fd = open(bench->path, O_RDONLY | O_DIRECT);
	must(bench->append_fd >= 0 && bench->direct_fd >= 0, path);
}

int main(int argc, char **argv)
{
	struct bench bench = { .random = 1, .page = aligned_alloc(PAGE, PAGE), .other = aligned_alloc(PAGE, PAGE) };

	give_help(argc, argv, help);
	if (argc != 4)
		give_usage(help);
	must(bench.page && bench.other, "memory");
	memset(bench.page, 'x', PAGE);
	bench.mount = argv[2];
	bench.uncached = argv[3];
	set_up(&bench, argv[1]);
	for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
		measure(&bench, &ops[i]);
	free(bench.page);
	free(bench.other);
	return -srd_close(bench.store);
}
