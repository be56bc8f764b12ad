/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sizes.c - what an operation costs in a store, or a file, that is small or large; tools/bench/scale
 * runs it.  The number of operations is the same for all sizes.  A large file is made of one
 * piece of 64 MiB, copied within the mount: it takes no more space than that.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

static const char help[] =
"usage: sizes keys STORE COUNT ... | sizes file DIR BYTES ...\n"
"\n"
"  keys      the store is made once and grown to each count\n"
"  file      a file for each size, in a folder of a mount\n"
"\n"
"Prints samples for tools/bench/report, with the sizes in the place of peers.\n";

enum { BATCH = 1024, SINGLES = 50000, GETS = 200000, SCANNED = 1000000, VALUE_LEN = 100, OPS = 2000, PAGE = 4096 };
static const uint64_t PIECE = UINT64_C(64) << 20;

/* ---- Keys ---- */

struct keys {
	const char *path;
	srd_store *store;
	uint64_t count;           /* what it holds */
	const char *label;        /* ... in words */
};

static size_t make_key(char key[32], const char *stem, uint64_t number)
{
	return (size_t)snprintf(key, 32, "%s-key-%llu", stem, (unsigned long long)number);
}

/* In batches up to COUNT; the last tenth is what is measured, it began at that size. */
static void grow(struct keys *keys, uint64_t count)
{
	uint64_t from = keys->count, measured = count - (count - from) / 10, timed = 0;
	double spent = 0, worst = 0;
	srd_batch *batch;
	char key[32];

	must_srd(srd_batch_new(keys->store, &batch), "batch");
	while (keys->count < count) {
		uint64_t take = count - keys->count < BATCH ? count - keys->count : BATCH;
		double start = now_us();
		for (uint64_t i = 0; i < take; i++, keys->count++)
			must_srd(srd_batch_put(batch, key, make_key(key, "bench", keys->count), &keys->count, 8), "put");
		must_srd(srd_batch_commit(batch), "commit");
		double took = now_us() - start;
		worst = took > worst ? took : worst;
		if (keys->count >= measured) {
			spent += took;
			timed += take;
		}
	}
	srd_batch_free(batch);
	sample("batch put", "us", "less", keys->label, spent / (double)timed);
	sample("worst batch of 1024", "ms", "less", keys->label, worst / 1e3);
}

static void puts_one_by_one(struct keys *keys)
{
	char key[32], value[VALUE_LEN] = "value";
	double worst = 0, start = now_us(), last = start;

	for (uint64_t i = 0; i < SINGLES; i++) {
		must_srd(srd_put(keys->store, key, make_key(key, "single", i), value, sizeof value), "put");
		double now = now_us();
		worst = now - last > worst ? now - last : worst;
		last = now;
	}
	sample("put 100 B", "us", "less", keys->label, (last - start) / SINGLES);
	sample("worst put", "ms", "less", keys->label, worst / 1e3);
}

static void deletes(struct keys *keys)
{
	char key[32];
	double start = now_us();

	for (uint64_t i = 0; i < SINGLES; i++)
		must_srd(srd_delete(keys->store, key, make_key(key, "single", i)), "delete");
	sample("delete", "us", "less", keys->label, (now_us() - start) / SINGLES);
}

static void gets(struct keys *keys)
{
	uint64_t random = 88172645463325252U, got;
	double start = now_us();
	char key[32];

	for (uint64_t i = 0; i < GETS; i++) {
		uint64_t number = next_random(&random) % keys->count;
		srd_value value;
		must_srd(srd_get(keys->store, key, make_key(key, "bench", number), &value), key);
		memcpy(&got, value.data, sizeof got);
		srd_value_release(&value);
		if (got != number)
			die("%s has the wrong value", key);
	}
	sample("random get", "us", "less", keys->label, (now_us() - start) / GETS);
}

static void scan(struct keys *keys)
{
	struct srd_entry entry;
	uint64_t seen = 0;
	double start = now_us();
	srd_iter *iter;

	must_srd(srd_iter_new(keys->store, NULL, 0, 0, 0, 1, &iter), "iterate");
	while (seen < SCANNED && srd_iter_next(iter, &entry) == 1)
		seen++;
	srd_iter_free(iter);
	sample("scan", "us", "less", keys->label, (now_us() - start) / (double)seen);
}

/* Closes it and opens it again. */
static void reopen(struct keys *keys)
{
	srd_value value;
	char key[32];

	must_srd(srd_sync(keys->store), "sync");
	must_srd(srd_close(keys->store), "close");
	double start = now_us();
	keys->store = open_store(keys->path, SRD_NOSYNC);
	must_srd(srd_get(keys->store, key, make_key(key, "bench", keys->count / 2), &value), "get");
	sample("open and get", "ms", "less", keys->label, (now_us() - start) / 1e3);
	srd_value_release(&value);
}

/* Anonymous memory of this process for each key. */
static void memory(const struct keys *keys)
{
	sample("memory, anonymous", "B/key", "less", keys->label, memory_bytes("RssAnon") / (double)keys->count);
}

static uint64_t number(const char *text)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (*end || value < 1) {
		fprintf(stderr, "sizes: %s: not a number\n", text);
		exit(2);
	}
	return value;
}

static void run_keys(int argc, char **argv)
{
	struct keys keys = { .path = argv[0] };

	keys.store = open_store(keys.path, SRD_NOSYNC);
	for (int i = 1; i < argc; i++) {
		keys.label = argv[i];
		grow(&keys, number(argv[i]));
		memory(&keys);
		gets(&keys);
		scan(&keys);
		puts_one_by_one(&keys);
		deletes(&keys);
		reopen(&keys);
	}
	must_srd(srd_close(keys.store), "close");
}

/* ---- Files ---- */

struct file {
	char path[4096];
	const char *label;
	uint64_t len;
	char page[PAGE];
};

static void check(bool good, const struct file *file, const char *what)
{
	if (!good)
		die("%s: %s: %m", file->path, what);
}

/* One piece, then that as often as it takes. */
static void make_file(struct file *file)
{
	uint64_t first = file->len < PIECE ? file->len : PIECE, done = 0;
	int fd = open(file->path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0644);

	check(fd >= 0, file, "create");
	while (done < first) {
		size_t take = first - done < PAGE ? first - done : PAGE;
		check(write(fd, file->page, take) == (ssize_t)take, file, "write");
		done += take;
	}
	check(fsync(fd) == 0, file, "sync");
	while (done < file->len) {
		off_t from = 0, to = (off_t)done;
		ssize_t copied = copy_file_range(fd, &from, fd, &to, file->len - done < PIECE ? file->len - done : PIECE, 0);
		check(copied > 0, file, "copy");
		done += (uint64_t)copied;
	}
	check(close(fd) == 0, file, "close");
}

typedef bool file_op(struct file *file, int fd, uint64_t pos);

static bool read_page(struct file *file, int fd, uint64_t pos)
{
	return pread(fd, file->page, PAGE, (off_t)pos) > 0;
}

static bool write_page(struct file *file, int fd, uint64_t pos)
{
	size_t len = file->len - pos < PAGE ? file->len - pos : PAGE;

	return pwrite(fd, file->page, len, (off_t)pos) == (ssize_t)len;
}

static bool look(struct file *file, int fd, uint64_t pos)
{
	struct stat st;
	(void)pos;
	(void)fd;

	return stat(file->path, &st) == 0;
}

static bool append(struct file *file, int fd, uint64_t pos)
{
	int own = open(file->path, O_WRONLY | O_APPEND | O_CLOEXEC);
	(void)fd;
	(void)pos;

	return own >= 0 && write(own, file->page, VALUE_LEN) == VALUE_LEN && close(own) == 0;
}

static void measure(struct file *file, const char *row, int flags, file_op *op)
{
	int fd = open(file->path, flags | O_CLOEXEC);
	uint64_t random = 88172645463325252U, pages = (file->len + PAGE - 1) / PAGE;

	check(fd >= 0, file, "open");
	double start = now_us();
	for (int i = 0; i < OPS; i++)
		check(op(file, fd, next_random(&random) % pages * PAGE), file, row);
	check(close(fd) == 0, file, "close");
	sample(row, "us", "less", file->label, (now_us() - start) / OPS);
}

static void time_once(struct file *file, const char *row, int (*op)(struct file *file))
{
	double start = now_us();

	check(op(file) == 0, file, row);
	sample(row, "us", "less", file->label, now_us() - start);
}

static int copy_whole(struct file *file)
{
	int from = open(file->path, O_RDONLY | O_CLOEXEC), to = open("copy", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	while (from >= 0 && to >= 0 && copy_file_range(from, NULL, to, NULL, SIZE_MAX >> 2, 0) > 0)
		continue;
	return close(from) == 0 && close(to) == 0 ? unlink("copy") : -1;
}

static int cut(struct file *file)
{
	return truncate(file->path, (off_t)(file->len / 2));
}

static int remove_file(struct file *file)
{
	return unlink(file->path);
}

static void run_files(int argc, char **argv)
{
	static struct file file;

	must(chdir(argv[0]) == 0, argv[0]);
	for (int i = 1; i < argc; i++) {
		file.label = argv[i];
		file.len = number(argv[i]);
		snprintf(file.path, sizeof file.path, "file-%s", argv[i]);
		memset(file.page, 'x', sizeof file.page);
		make_file(&file);
		measure(&file, "stat", O_RDONLY, look);
		measure(&file, "4 KiB read, O_DIRECT", O_RDONLY | O_DIRECT, read_page);
		measure(&file, "append 100 B", O_RDONLY, append);
		measure(&file, "4 KiB rewrite", O_WRONLY, write_page);
		time_once(&file, "copy of all", copy_whole);
		time_once(&file, "truncate to half", cut);
		time_once(&file, "unlink", remove_file);
	}
}

int main(int argc, char **argv)
{
	give_help(argc, argv, help);
	if (argc > 3 && strcmp(argv[1], "keys") == 0)
		run_keys(argc - 2, argv + 2);
	else if (argc > 3 && strcmp(argv[1], "file") == 0)
		run_files(argc - 2, argv + 2);
	else
		give_usage(help);
	return 0;
}
