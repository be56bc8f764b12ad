/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fsx.c - random operations on one file, each compared with a model in memory.
 *
 *     fsx [-s SEED] [-n OPERATIONS] [-t SECONDS] [-r COMMAND] FILE
 *
 * COMMAND unmounts and mounts again; it is called now and then with the file
 * closed.  The seed is printed first and makes the same operations again.  Where
 * file and model differ, the last operations are told.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FILE_MAX = 3 << 20, PIECE_MAX = 300 << 10, DIRECT_UNIT = 4096, HISTORY = 40, REMOUNT_EVERY = 4000 };

static struct {
	const char *path, *remount;
	int fd, direct;              /* direct: -1 if O_DIRECT cannot be had */
	uint8_t *model, *scratch;
	size_t size;
	uint64_t random, count;
	char history[HISTORY][96];
} fsx;

/* splitmix64 */
static uint64_t next_random(void)
{
	uint64_t x = fsx.random += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static size_t below(size_t limit)
{
	return limit ? (size_t)(next_random() % limit) : 0;
}

static void note(const char *what, size_t pos, size_t len)
{
	snprintf(fsx.history[fsx.count++ % HISTORY], sizeof *fsx.history, "%s %zu +%zu, size %zu", what, pos, len, fsx.size);
}

static _Noreturn void fail(const char *what)
{
	printf("not ok - %s (%s)\n", what, strerror(errno));
	for (uint64_t i = fsx.count > HISTORY ? fsx.count - HISTORY : 0; i < fsx.count; i++)
		printf("# %llu: %s\n", (unsigned long long)i, fsx.history[i % HISTORY]);
	exit(1);
}

/* ---- The file as it is ---- */

static void compare(const uint8_t *got, size_t pos, size_t len)
{
	char text[128];

	for (size_t i = 0; i < len; i++) {
		if (got[i] == fsx.model[pos + i])
			continue;
		snprintf(text, sizeof text, "byte %zu is %02x, not %02x", pos + i, got[i], fsx.model[pos + i]);
		fail(text);
	}
}

static void check_size(void)
{
	struct stat st;
	char text[128];

	if (fstat(fsx.fd, &st) != 0)
		fail("fstat");
	if ((size_t)st.st_size == fsx.size)
		return;
	snprintf(text, sizeof text, "size is %lld, not %zu", (long long)st.st_size, fsx.size);
	fail(text);
}

static void open_file(void)
{
	fsx.fd = open(fsx.path, O_RDWR | O_CREAT, 0644);
	if (fsx.fd < 0)
		fail("open");
	fsx.direct = open(fsx.path, O_RDWR | O_DIRECT);
}

static void close_file(void)
{
	if (fsx.direct >= 0)
		close(fsx.direct);
	if (close(fsx.fd) != 0)
		fail("close");
}

/* ---- Operations ---- */

/* A range to be changed; may lie behind the end. */
static size_t range(size_t *len)
{
	/* Mostly small, and mostly not far from what is there. */
	*len = 1 + below(below(8) ? 9000 : PIECE_MAX);
	size_t limit = below(16) ? fsx.size + 4096 : (size_t)FILE_MAX;
	if (limit > FILE_MAX - *len)
		limit = FILE_MAX - *len;
	return below(limit + 1);
}

static void grow_to(size_t size)
{
	if (size <= fsx.size)
		return;
	memset(fsx.model + fsx.size, 0, size - fsx.size);
	fsx.size = size;
}

static void make_bytes(size_t pos, size_t len)
{
	uint64_t word = next_random();

	grow_to(pos + len);
	for (size_t i = 0; i < len; i++) {
		if (i % 8 == 0)
			word = word * UINT64_C(6364136223846793005) + 1442695040888963407;
		fsx.model[pos + i] = (uint8_t)(word >> (8 * (i % 8)));
	}
}

static void op_write(void)
{
	size_t len, pos = range(&len);

	note("write", pos, len);
	make_bytes(pos, len);
	if (pwrite(fsx.fd, fsx.model + pos, len, (off_t)pos) != (ssize_t)len)
		fail("write");
}

static void op_append(void)
{
	size_t len = 1 + below(5000);
	int fd = open(fsx.path, O_WRONLY | O_APPEND);

	if (fsx.size + len <= FILE_MAX) {
		note("append", fsx.size, len);
		make_bytes(fsx.size, len);
		if (write(fd, fsx.model + fsx.size - len, len) != (ssize_t)len)
			fail("append");
	}
	close(fd);
}

static void op_direct(void)
{
	size_t len, pos = range(&len) / DIRECT_UNIT * DIRECT_UNIT;

	len = (len + DIRECT_UNIT - 1) / DIRECT_UNIT * DIRECT_UNIT;
	if (fsx.direct < 0 || pos + len > FILE_MAX)
		return;
	note("write directly", pos, len);
	make_bytes(pos, len);
	memcpy(fsx.scratch, fsx.model + pos, len);
	if (pwrite(fsx.direct, fsx.scratch, len, (off_t)pos) != (ssize_t)len)
		fail("write directly");
}

static void op_read(void)
{
	size_t len, pos = range(&len);
	bool direct = fsx.direct >= 0 && below(4) == 0;

	if (direct) {
		pos = pos / DIRECT_UNIT * DIRECT_UNIT;
		len = (len + DIRECT_UNIT - 1) / DIRECT_UNIT * DIRECT_UNIT;
	}
	note(direct ? "read directly" : "read", pos, len);
	size_t there = pos >= fsx.size ? 0 : len < fsx.size - pos ? len : fsx.size - pos;
	if (pread(direct ? fsx.direct : fsx.fd, fsx.scratch, len, (off_t)pos) != (ssize_t)there)
		fail("read: length");
	compare(fsx.scratch, pos, there);
}

static void op_map(void)
{
	size_t len, pos = range(&len);

	if (pos >= fsx.size)
		return;
	len = len < fsx.size - pos ? len : fsx.size - pos;
	size_t start = pos / 4096 * 4096;
	uint8_t *map = mmap(NULL, pos + len - start, PROT_READ | PROT_WRITE, MAP_SHARED, fsx.fd, (off_t)start);
	if (map == MAP_FAILED)
		fail("mmap");
	if (below(2)) {
		note("map and read", pos, len);
		compare(map + (pos - start), pos, len);
	} else {
		note("map and write", pos, len);
		make_bytes(pos, len);
		memcpy(map + (pos - start), fsx.model + pos, len);
		if (below(2) && msync(map, pos + len - start, MS_SYNC) != 0)
			fail("msync");
	}
	munmap(map, pos + len - start);
}

static void op_truncate(void)
{
	size_t size = below(8) ? below(fsx.size + 5000) : below(FILE_MAX);

	size = size < FILE_MAX ? size : FILE_MAX;
	note("truncate", size, 0);
	if (ftruncate(fsx.fd, (off_t)size) != 0)
		fail("truncate");
	grow_to(size);
	fsx.size = size;
}

static void allocate(const char *what, int mode, bool zero)
{
	size_t len, pos = range(&len);

	note(what, pos, len);
	if (fallocate(fsx.fd, mode, (off_t)pos, (off_t)len) != 0) {
		if (errno == EOPNOTSUPP)
			return;
		fail(what);
	}
	if (!(mode & FALLOC_FL_KEEP_SIZE))
		grow_to(pos + len);
	if (zero && pos < fsx.size)
		memset(fsx.model + pos, 0, len < fsx.size - pos ? len : fsx.size - pos);
}

static void op_allocate(void)
{
	switch (below(5)) {
	case 0: allocate("allocate", 0, false); break;
	case 1: allocate("allocate, size kept", FALLOC_FL_KEEP_SIZE, false); break;
	case 2: allocate("punch", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, true); break;
	case 3: allocate("zero", FALLOC_FL_ZERO_RANGE, true); break;
	default: allocate("zero, size kept", FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, true);
	}
}

static void op_copy(void)
{
	size_t len, to = range(&len), from = below(fsx.size + 1);
	off_t from_pos = (off_t)from, to_pos = (off_t)to;

	if (len > fsx.size - from)
		len = fsx.size - from;
	if (from < to + len && to < from + len)
		return;
	note("copy", to, len);
	for (size_t left = len; left > 0;) {
		ssize_t done = copy_file_range(fsx.fd, &from_pos, fsx.fd, &to_pos, left, 0);
		if (done <= 0)
			fail("copy");
		left -= (size_t)done;
	}
	if (len == 0)
		return;
	memcpy(fsx.scratch, fsx.model + from, len);
	grow_to(to + len);
	memcpy(fsx.model + to, fsx.scratch, len);
}

/* What is no hole must be found, and holes must read as zeros. */
static void op_seek(void)
{
	off_t pos = (off_t)below(fsx.size + 1), data = lseek(fsx.fd, pos, SEEK_DATA);

	note("seek", (size_t)pos, 0);
	size_t end = data < 0 ? fsx.size : (size_t)data;
	for (size_t i = (size_t)pos; i < end; i++)
		if (fsx.model[i] != 0)
			fail("SEEK_DATA passes over data");
}

static void op_sync(void)
{
	note("sync", 0, 0);
	if ((below(2) ? fsync : fdatasync)(fsx.fd) != 0)
		fail("sync");
}

static void op_reopen(void)
{
	bool remount = fsx.remount && fsx.count % REMOUNT_EVERY < REMOUNT_EVERY / 100;

	note(remount ? "remount" : "reopen", 0, 0);
	close_file();
	if (remount && system(fsx.remount) != 0)
		fail("remount");
	open_file();
	check_size();
	if (!remount)
		return;
	if (pread(fsx.fd, fsx.scratch, fsx.size, 0) != (ssize_t)fsx.size)
		fail("read all");
	compare(fsx.scratch, 0, fsx.size);
}

static void step(void)
{
	static void (*const ops[])(void) = {
		op_write, op_write, op_write, op_append, op_direct, op_read, op_read, op_read, op_map, op_map,
		op_truncate, op_allocate, op_allocate, op_copy, op_seek,
	};

	if (below(50) == 0)
		op_reopen();
	else if (below(50) == 0)
		op_sync();
	else
		ops[below(sizeof ops / sizeof *ops)]();
	check_size();
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	uint64_t seed = (uint64_t)time(NULL) << 20 | (uint64_t)getpid(), steps = 0, limit = UINT64_MAX;
	double seconds = 0, start = seconds_now();
	int option;

	while ((option = getopt(argc, argv, "s:n:t:r:")) != -1) {
		switch (option) {
		case 's': seed = strtoull(optarg, NULL, 10); break;
		case 'n': limit = strtoull(optarg, NULL, 10); break;
		case 't': seconds = atof(optarg); break;
		case 'r': fsx.remount = optarg; break;
		default: return 2;
		}
	}
	if (argc - optind != 1)
		return 2;
	fsx.path = argv[optind];
	fsx.random = seed;
	fsx.model = calloc(1, FILE_MAX + DIRECT_UNIT);
	fsx.scratch = aligned_alloc(DIRECT_UNIT, FILE_MAX + DIRECT_UNIT);
	if (!fsx.model || !fsx.scratch)
		return 1;
	printf("# seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	open_file();
	for (; steps < limit && (seconds == 0 || seconds_now() - start < seconds); steps++)
		step();
	close_file();
	printf("ok - %llu operations\n", (unsigned long long)steps);
	return 0;
}
