/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files.c - what tools/bench/mount does in a folder of one file system.
 *
 *     files PEER DIR [--count N] [--mib N] [--appends N]
 *
 * Prints samples for tools/bench/report.  Small files first, then one large one,
 * then one that grows by appending.  Before what is to be cold the kernel is asked
 * to drop its caches (root only; otherwise these rows are left out).  What is read
 * is compared with what was written.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SMALL = 1024, PIECE = 1 << 20, PAGE = 4096, APPENDED = 100 };

struct bench {
	const char *peer;
	long count, mib, appends;
	bool cold;                /* caches can be dropped */
	char *buffer;             /* PIECE bytes, aligned */
};

static _Noreturn void die(const char *format, ...)
{
	va_list args;
	int error = errno;

	va_start(args, format);
	fputs("files: ", stderr);
	vfprintf(stderr, format, args);
	fprintf(stderr, ": %s\n", strerror(error));
	va_end(args);
	exit(1);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void sample(const struct bench *bench, const char *row, const char *unit, const char *better, double figure)
{
	printf("%s\t%s\t%s\t%s\t%.9g\n", row, unit, better, bench->peer, figure);
	fflush(stdout);
}

/* TIMES things took since START. */
static void rate(const struct bench *bench, const char *row, const char *unit, double times, double start)
{
	sample(bench, row, unit, "more", times / (now() - start));
}

/* Everything written reaches the disk, and the caches are emptied. */
static bool make_cold(const struct bench *bench)
{
	if (!bench->cold)
		return false;
	sync();
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, "3", 1) == 1;
	if (fd >= 0)
		close(fd);
	return done;
}

static int open_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0644);

	if (fd < 0)
		die("%s", path);
	return fd;
}

static void write_all(int fd, const void *data, size_t len)
{
	if (write(fd, data, len) != (ssize_t)len)
		die("write");
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* ---- Small files ---- */

static const char *small_path(char path[64], const char *prefix, long i)
{
	snprintf(path, 64, "small/%ld/%s%ld", i / 100, prefix, i);
	return path;
}

static void write_small(const struct bench *bench, int flags)
{
	char path[64];

	for (long i = 0; i < bench->count; i++) {
		int fd = open_file(small_path(path, "f", i), flags);
		memcpy(bench->buffer, &i, sizeof i);
		write_all(fd, bench->buffer, SMALL);
		if (close(fd) != 0)
			die("close");
	}
}

static void read_small(const struct bench *bench)
{
	char path[64], got[SMALL];

	for (long i = 0; i < bench->count; i++) {
		int fd = open_file(small_path(path, "f", i), O_RDONLY);
		if (read(fd, got, sizeof got) != SMALL || memcmp(got, &i, sizeof i) != 0)
			die("%s is not what was written", path);
		close(fd);
	}
}

static void stat_small(const struct bench *bench)
{
	struct stat st;
	char path[64];

	for (long i = 0; i < bench->count; i++)
		if (stat(small_path(path, "f", i), &st) != 0 || st.st_size != SMALL)
			die("%s", path);
}

static long list_small(const struct bench *bench, bool with_stat)
{
	long entries = 0;
	struct stat st;
	char path[64];

	for (long dir = 0; dir * 100 < bench->count; dir++) {
		snprintf(path, sizeof path, "small/%ld", dir);
		DIR *stream = opendir(path);
		if (!stream)
			die("%s", path);
		for (struct dirent *entry; (entry = readdir(stream));)
			if (entry->d_name[0] != '.') {
				entries++;
				if (with_stat && fstatat(dirfd(stream), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
					die("%s", entry->d_name);
			}
		closedir(stream);
	}
	if (entries != bench->count)
		die("%ld entries instead of %ld", entries, bench->count);
	return entries;
}

static void make_dirs(const struct bench *bench)
{
	char path[64];

	if (mkdir("small", 0755) != 0)
		die("small");
	for (long dir = 0; dir * 100 < bench->count; dir++) {
		snprintf(path, sizeof path, "small/%ld", dir);
		if (mkdir(path, 0755) != 0)
			die("%s", path);
	}
}

static void rename_small(const struct bench *bench)
{
	char from[64], to[64];

	for (long i = 0; i < bench->count; i++)
		if (rename(small_path(from, "f", i), small_path(to, "g", i)) != 0)
			die("%s", from);
}

static void unlink_small(const struct bench *bench)
{
	char path[64];

	for (long i = 0; i < bench->count; i++)
		if (unlink(small_path(path, "g", i)) != 0)
			die("%s", path);
}

static void fsync_small(const struct bench *bench)
{
	long count = bench->count / 50 + 1;
	double start = now();
	char path[64];

	for (long i = 0; i < count; i++) {
		int fd = open_file(small_path(path, "s", i), O_CREAT | O_EXCL | O_WRONLY);
		write_all(fd, bench->buffer, SMALL);
		if (fsync(fd) != 0 || close(fd) != 0)
			die("%s", path);
	}
	rate(bench, "create and fsync", "files/s", (double)count, start);
}

#define TIMED(row, unit, times, call) \
	do { \
		double start_ = now(); \
		call; \
		rate(bench, row, unit, times, start_); \
	} while (0)

static void small_files(const struct bench *bench)
{
	double count = (double)bench->count;

	make_dirs(bench);
	TIMED("create", "files/s", count, write_small(bench, O_CREAT | O_EXCL | O_WRONLY));
	TIMED("overwrite", "files/s", count, write_small(bench, O_TRUNC | O_WRONLY));
	if (make_cold(bench))
		TIMED("read, cold", "files/s", count, read_small(bench));
	TIMED("read, warm", "files/s", count, read_small(bench));
	if (make_cold(bench))
		TIMED("stat, cold", "files/s", count, stat_small(bench));
	TIMED("stat, warm", "files/s", count, stat_small(bench));
	if (make_cold(bench))
		TIMED("list and stat, cold", "files/s", count, list_small(bench, true));
	TIMED("list, warm", "files/s", count, list_small(bench, false));
	TIMED("rename", "files/s", count, rename_small(bench));
	TIMED("unlink", "files/s", count, unlink_small(bench));
	fsync_small(bench);
}

/* ---- A large file ---- */

static void read_through(const struct bench *bench)
{
	int fd = open_file("large", O_RDONLY);

	for (long i = 0; i < bench->mib; i++)
		if (read(fd, bench->buffer, PIECE) != PIECE)
			die("large");
	close(fd);
}

static void write_through(const struct bench *bench, const char *name, size_t piece, bool durable)
{
	int fd = open_file(name, O_CREAT | O_EXCL | O_WRONLY);

	for (long i = 0; i < bench->mib * (PIECE / (long)piece); i++)
		write_all(fd, bench->buffer, piece);
	if ((durable && fsync(fd) != 0) || close(fd) != 0)
		die("%s", name);
}

/* COUNT pages at random places; FLAGS beside the access mode. */
static void random_pages(const struct bench *bench, long count, int flags, bool writing)
{
	int fd = open_file("large", flags | (writing ? O_WRONLY : O_RDONLY));
	uint64_t state = 88172645463325252U;

	for (long i = 0; i < count; i++) {
		off_t at = (off_t)(next_random(&state) % ((uint64_t)bench->mib * (PIECE / PAGE))) * PAGE;
		ssize_t done = writing ? pwrite(fd, bench->buffer, PAGE, at) : pread(fd, bench->buffer, PAGE, at);
		if (done != PAGE)
			die("large");
	}
	if (close(fd) != 0)
		die("large");
}

/* As cp does it: by copy_file_range() where that works. */
static void copy_large(const struct bench *bench)
{
	int from = open_file("large", O_RDONLY), to = open_file("copy", O_CREAT | O_EXCL | O_WRONLY);
	off_t left = (off_t)bench->mib * PIECE;

	while (left > 0) {
		ssize_t done = copy_file_range(from, NULL, to, NULL, (size_t)left, 0);
		if (done <= 0) {
			done = read(from, bench->buffer, PIECE);
			if (done <= 0)
				die("copy");
			write_all(to, bench->buffer, (size_t)done);
		}
		left -= done;
	}
	if (close(from) != 0 || close(to) != 0)
		die("copy");
}

static void large_file(const struct bench *bench)
{
	double mib = (double)bench->mib;
	long pages = bench->mib * 20;

	TIMED("write and fsync", "MiB/s", mib, write_through(bench, "large", PIECE, true));
	if (make_cold(bench))
		TIMED("read through, cold", "MiB/s", mib, read_through(bench));
	TIMED("read through, warm", "MiB/s", mib, read_through(bench));
	if (make_cold(bench))
		TIMED("4 KiB reads, cold", "1/s", (double)pages, random_pages(bench, pages, 0, false));
	TIMED("4 KiB reads, warm", "1/s", (double)pages, random_pages(bench, pages, 0, false));
	TIMED("4 KiB reads, O_DIRECT", "1/s", (double)pages, random_pages(bench, pages, O_DIRECT, false));
	TIMED("4 KiB rewrites", "1/s", (double)pages, random_pages(bench, pages, 0, true));
	double start = now();
	copy_large(bench);
	sample(bench, "copy inside", "ms", "less", (now() - start) * 1000);
	if (unlink("copy") != 0 || unlink("large") != 0)
		die("large");
	TIMED("4 KiB writes in a row", "MiB/s", mib, write_through(bench, "pieces", PAGE, false));
	if (unlink("pieces") != 0)
		die("pieces");
}

/* ---- A file that grows ---- */

/* Opens, appends, closes, COUNT times; appends a second. */
static double append_some(const struct bench *bench, long count)
{
	double start = now();

	for (long i = 0; i < count; i++) {
		int fd = open_file("grown", O_CREAT | O_APPEND | O_WRONLY);
		write_all(fd, bench->buffer, APPENDED);
		if (close(fd) != 0)
			die("grown");
	}
	return (double)count / (now() - start);
}

static void growing_file(const struct bench *bench)
{
	long tenth = bench->appends / 10;
	double start = now(), first = append_some(bench, tenth);

	append_some(bench, bench->appends - 2 * tenth);
	double last = append_some(bench, tenth);
	rate(bench, "append 100 B", "1/s", (double)(tenth * 2 + bench->appends - 2 * tenth), start);
	sample(bench, "last tenth : first", "", "more", last / first);
	if (unlink("grown") != 0)
		die("grown");
}

/* ---- */

static long number(const char *text)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (*end || value < 1 || value > 100000000) {
		fprintf(stderr, "files: %s: not a number from 1 to 100000000\n", text);
		exit(2);
	}
	return value;
}

int main(int argc, char **argv)
{
	struct bench bench = { .count = 10000, .mib = 1024, .appends = 20000, .cold = geteuid() == 0 };

	for (int i = 3; i + 1 < argc; i += 2) {
		long *to = strcmp(argv[i], "--count") == 0 ? &bench.count : strcmp(argv[i], "--mib") == 0 ? &bench.mib :
		           strcmp(argv[i], "--appends") == 0 ? &bench.appends : NULL;
		if (!to)
			argc = 0;
		else
			*to = number(argv[i + 1]);
	}
	if (argc < 3 || argc % 2 == 0) {
		fputs("usage: files PEER DIR [--count N] [--mib N] [--appends N]\n", stderr);
		return 2;
	}
	bench.peer = argv[1];
	bench.buffer = aligned_alloc(PAGE, PIECE);
	if (!bench.buffer || chdir(argv[2]) != 0)
		die("%s", argv[2]);
	memset(bench.buffer, 'x', PIECE);
	small_files(&bench);
	large_file(&bench);
	growing_file(&bench);
	free(bench.buffer);
	return 0;
}
