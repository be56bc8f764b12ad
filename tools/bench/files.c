/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files.c - what tools/bench/mount does in a folder of one file system.  Small files first, then
 * one large one, then one that grows by appending.  What is read is compared with what was
 * written.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

static const char help[] =
"usage: files PEER DIR [--count N] [--mib N] [--appends N] [--limit SECONDS] [--part PART]\n"
"\n"
"Prints samples for tools/bench/report.  Before what is to be cold the kernel is asked to\n"
"drop its caches (root only; otherwise these rows are left out).\n"
"\n"
"No row takes much longer than the limit: what was done by then is its figure, and the\n"
"rows after it make do with what it left.  PART is `all', or `prepare' (makes what is read,\n"
"and leaves it) and `read' (the rows that write nothing): for file systems that cannot be\n"
"written.\n";

enum { SMALL = 1024, PIECE = 1 << 20, PAGE = 4096, APPENDED = 100 };

struct bench {
	const char *peer;
	long count, mib, appends;
	double limit, until;      /* seconds for each row; when this one is over */
	bool cold;                /* caches can be dropped */
	char *buffer;             /* PIECE bytes, aligned */
};

/* A row begins; the time of that. */
static double begin(struct bench *bench)
{
	double start = now_s();

	bench->until = start + bench->limit;
	return start;
}

/* Asked before each step: time is up. */
static bool is_over(const struct bench *bench)
{
	return now_s() > bench->until;
}

/* TIMES things took since START. */
static void rate(const struct bench *bench, const char *row, const char *unit, double times, double start)
{
	if (times > 0)
		sample(row, unit, "more", bench->peer, times / (now_s() - start));
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
		die("%s: %m", path);
	return fd;
}

static void write_all(int fd, const void *data, size_t len)
{
	if (write(fd, data, len) != (ssize_t)len)
		die("write: %m");
}

/* ---- Small files ---- */

static const char *small_path(char path[64], const char *prefix, long i)
{
	snprintf(path, 64, "small/%ld/%s%ld", i / 100, prefix, i);
	return path;
}

/* The following do it with all files, or until time is up; they return how many. */

static long write_small(const struct bench *bench, int flags)
{
	char path[64];
	long i;

	for (i = 0; i < bench->count && !is_over(bench); i++) {
		int fd = open_file(small_path(path, "f", i), flags);
		memcpy(bench->buffer, &i, sizeof i);
		write_all(fd, bench->buffer, SMALL);
		if (close(fd) != 0)
			die("close: %m");
	}
	return i;
}

static long read_small(const struct bench *bench)
{
	char path[64], got[SMALL];
	long i;

	for (i = 0; i < bench->count && !is_over(bench); i++) {
		int fd = open_file(small_path(path, "f", i), O_RDONLY);
		if (read(fd, got, sizeof got) != SMALL || memcmp(got, &i, sizeof i) != 0)
			die("%s is not what was written", path);
		close(fd);
	}
	return i;
}

static long stat_small(const struct bench *bench)
{
	struct stat st;
	char path[64];
	long i;

	for (i = 0; i < bench->count && !is_over(bench); i++)
		if (stat(small_path(path, "f", i), &st) != 0 || st.st_size != SMALL)
			die("%s: %m", path);
	return i;
}

static long list_dir(const char *path, bool with_stat)
{
	DIR *stream = opendir(path);
	struct stat st;
	long entries = 0;

	if (!stream)
		die("%s: %m", path);
	for (struct dirent *entry; (entry = readdir(stream));) {
		if (entry->d_name[0] == '.')
			continue;
		entries++;
		if (with_stat && fstatat(dirfd(stream), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			die("%s: %m", entry->d_name);
	}
	closedir(stream);
	return entries;
}

static long list_small(const struct bench *bench, bool with_stat)
{
	long entries = 0, dir;
	char path[64];

	for (dir = 0; dir * 100 < bench->count && !is_over(bench); dir++) {
		snprintf(path, sizeof path, "small/%ld", dir);
		entries += list_dir(path, with_stat);
	}
	if (entries != (dir * 100 < bench->count ? dir * 100 : bench->count))
		die("%ld entries instead of %ld", entries, bench->count);
	return entries;
}

static void make_dirs(const struct bench *bench)
{
	char path[64];

	if (mkdir("small", 0755) != 0)
		die("small: %m");
	for (long dir = 0; dir * 100 < bench->count; dir++) {
		snprintf(path, sizeof path, "small/%ld", dir);
		if (mkdir(path, 0755) != 0)
			die("%s: %m", path);
	}
}

static long rename_small(const struct bench *bench)
{
	char from[64], to[64];
	long i;

	for (i = 0; i < bench->count && !is_over(bench); i++)
		if (rename(small_path(from, "f", i), small_path(to, "g", i)) != 0)
			die("%s: %m", from);
	return i;
}

static long unlink_small(const struct bench *bench)
{
	char path[64];
	long i;

	for (i = 0; i < bench->count && !is_over(bench); i++)
		if (unlink(small_path(path, "g", i)) != 0)
			die("%s: %m", path);
	return i;
}

static long fsync_small(const struct bench *bench)
{
	long i, count = bench->count / 50 + 1;
	char path[64];

	for (i = 0; i < count && !is_over(bench); i++) {
		int fd = open_file(small_path(path, "s", i), O_CREAT | O_EXCL | O_WRONLY);
		write_all(fd, bench->buffer, SMALL);
		if (fsync(fd) != 0 || close(fd) != 0)
			die("%s: %m", path);
	}
	return i;
}

/* A row: CALL tells how often it did what. */
#define TIMED(row, unit, call) \
	do { \
		double start_ = begin(bench); \
		rate(bench, row, unit, (double)(call), start_); \
	} while (0)

static void read_small_files(struct bench *bench)
{
	if (make_cold(bench))
		TIMED("read, cold", "files/s", read_small(bench));
	TIMED("read, warm", "files/s", read_small(bench));
	if (make_cold(bench))
		TIMED("stat, cold", "files/s", stat_small(bench));
	TIMED("stat, warm", "files/s", stat_small(bench));
	if (make_cold(bench))
		TIMED("list and stat, cold", "files/s", list_small(bench, true));
	TIMED("list, warm", "files/s", list_small(bench, false));
}

/* Fewer from here on, if time was up. */
static void create_small(struct bench *bench)
{
	make_dirs(bench);
	TIMED("create", "files/s", bench->count = write_small(bench, O_CREAT | O_EXCL | O_WRONLY));
}

static void small_files(struct bench *bench)
{
	create_small(bench);
	TIMED("overwrite", "files/s", write_small(bench, O_TRUNC | O_WRONLY));
	read_small_files(bench);
	TIMED("rename", "files/s", bench->count = rename_small(bench));
	TIMED("unlink", "files/s", unlink_small(bench));
	TIMED("create and fsync", "files/s", fsync_small(bench));
}

/* ---- A large file ---- */

/* As far as time allows; MiB. */
static long read_through(const struct bench *bench)
{
	int fd = open_file("large", O_RDONLY);
	long i;

	for (i = 0; i < bench->mib && !is_over(bench); i++)
		if (read(fd, bench->buffer, PIECE) != PIECE)
			die("large: %m");
	close(fd);
	return i;
}

static long write_through(const struct bench *bench, const char *name, size_t piece, bool durable)
{
	int fd = open_file(name, O_CREAT | O_EXCL | O_WRONLY);
	long i;

	for (i = 0; i < bench->mib && !is_over(bench); i++)
		for (size_t done = 0; done < PIECE; done += piece)
			write_all(fd, bench->buffer, piece);
	if ((durable && fsync(fd) != 0) || close(fd) != 0)
		die("%s: %m", name);
	return i;
}

/* Pages at random places; FLAGS beside the access mode. */
static long random_pages(const struct bench *bench, int flags, bool writing)
{
	int fd = open_file("large", flags | (writing ? O_WRONLY : O_RDONLY));
	uint64_t state = 88172645463325252U;
	long i;

	for (i = 0; i < bench->mib * 20 && !is_over(bench); i++) {
		off_t at = (off_t)(next_random(&state) % ((uint64_t)bench->mib * (PIECE / PAGE))) * PAGE;
		ssize_t done = writing ? pwrite(fd, bench->buffer, PAGE, at) : pread(fd, bench->buffer, PAGE, at);
		if (done != PAGE)
			die("large: %m");
	}
	if (close(fd) != 0)
		die("large: %m");
	return i;
}

/* As cp does it: by copy_file_range() where that works.  MiB that it did. */
static double copy_some(const struct bench *bench)
{
	int from = open_file("large", O_RDONLY), to = open_file("copy", O_CREAT | O_EXCL | O_WRONLY);
	off_t all = (off_t)bench->mib * PIECE, left = all;

	while (left > 0 && !is_over(bench)) {
		ssize_t done = copy_file_range(from, NULL, to, NULL, (size_t)left, 0);
		if (done <= 0) {
			done = read(from, bench->buffer, PIECE);
			if (done <= 0)
				die("copy: %m");
			write_all(to, bench->buffer, (size_t)done);
		}
		left -= done;
	}
	if (close(from) != 0 || close(to) != 0)
		die("copy: %m");
	return (double)(all - left) / PIECE;
}

static void copy_large(struct bench *bench)
{
	double start = begin(bench), copied = copy_some(bench);

	sample("copy inside", "ms", "less", bench->peer, (now_s() - start) * 1000 * (double)bench->mib / copied);
	if (unlink("copy") != 0)
		die("copy: %m");
}

static void read_large_file(struct bench *bench)
{
	if (make_cold(bench))
		TIMED("read through, cold", "MiB/s", read_through(bench));
	TIMED("read through, warm", "MiB/s", read_through(bench));
	if (make_cold(bench))
		TIMED("4 KiB reads, cold", "1/s", random_pages(bench, 0, false));
	TIMED("4 KiB reads, warm", "1/s", random_pages(bench, 0, false));
	TIMED("4 KiB reads, O_DIRECT", "1/s", random_pages(bench, O_DIRECT, false));
}

static void create_large(struct bench *bench)
{
	TIMED("write and fsync", "MiB/s", bench->mib = write_through(bench, "large", PIECE, true));
}

static void large_file(struct bench *bench)
{
	create_large(bench);
	read_large_file(bench);
	TIMED("4 KiB rewrites", "1/s", random_pages(bench, 0, true));
	copy_large(bench);
	if (unlink("large") != 0)
		die("large: %m");
	TIMED("4 KiB writes in a row", "MiB/s", write_through(bench, "pieces", PAGE, false));
	if (unlink("pieces") != 0)
		die("pieces: %m");
}

/* ---- A file that grows ---- */

/* Opens, appends, closes, COUNT times, or until time is up; how often. */
static long append_some(const struct bench *bench, long count)
{
	long i;

	for (i = 0; i < count && !is_over(bench); i++) {
		int fd = open_file("grown", O_CREAT | O_APPEND | O_WRONLY);
		write_all(fd, bench->buffer, APPENDED);
		if (close(fd) != 0)
			die("grown: %m");
	}
	return i;
}

static void growing_file(struct bench *bench)
{
	long tenth = bench->appends / 10;
	double start = begin(bench), time = start;
	long done = append_some(bench, tenth);
	double first = (double)done / (now_s() - time);

	done += append_some(bench, bench->appends - 2 * tenth);
	time = now_s();
	long last = append_some(bench, tenth);
	if (last > 0)   /* else time was up before */
		sample("last tenth : first", "", "more", bench->peer, (double)last / (now_s() - time) / first);
	rate(bench, "append 100 B", "1/s", (double)(done + last), start);
	if (unlink("grown") != 0)
		die("grown: %m");
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

static void run(struct bench *bench, const char *part)
{
	if (strcmp(part, "prepare") == 0) {
		create_small(bench);
		create_large(bench);
	} else if (strcmp(part, "read") == 0) {
		read_small_files(bench);
		read_large_file(bench);
	} else {
		small_files(bench);
		large_file(bench);
		growing_file(bench);
	}
}

int main(int argc, char **argv)
{
	static const struct option known[] = {
		{ "count", required_argument, NULL, 'c' }, { "mib", required_argument, NULL, 'm' },
		{ "appends", required_argument, NULL, 'a' }, { "limit", required_argument, NULL, 'l' },
		{ "part", required_argument, NULL, 'p' }, { 0 },
	};
	struct bench bench = { .count = 10000, .mib = 1024, .appends = 20000, .limit = 1e9, .cold = geteuid() == 0 };
	const char *part = "all";
	int option;

	give_help(argc, argv, help);
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case 'c': bench.count = number(optarg); break;
		case 'm': bench.mib = number(optarg); break;
		case 'a': bench.appends = number(optarg); break;
		case 'l': bench.limit = (double)number(optarg); break;
		case 'p': part = optarg; break;
		default: return 2;
		}
	}
	if (argc - optind != 2)
		give_usage(help);
	bench.peer = argv[optind];
	bench.buffer = aligned_alloc(PAGE, PIECE);
	if (!bench.buffer || chdir(argv[optind + 1]) != 0)
		die("%s: %m", argv[optind + 1]);
	memset(bench.buffer, 'x', PIECE);
	run(&bench, part);
	free(bench.buffer);
	return 0;
}
