/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fsx.c - random operations on two files, each compared with a model in memory.
 *
 *     fsx [-s SEED] [-n OPERATIONS] [-t SECONDS] [-r COMMAND] FILE
 *
 * The second file is FILE.2: ranges are copied between the two, so that what they
 * share must part when one changes.  Each is open several times over, and mapped
 * all the while: what one descriptor does the others must show.  COMMAND unmounts
 * and mounts again; it is called now and then, and before the end, with all closed.
 *
 * The seed is printed first and makes the same operations again.  Where file and
 * model differ, the last operations are told.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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

enum {
	FILES = 2,
	FILE_MAX = 3 << 20,
	PIECE_MAX = 300 << 10,
	DIRECT_UNIT = 4096,
	HISTORY = 60,
	REMOUNT_ONE_IN = 6000,
};

struct file {
	char path[PATH_MAX];
	int fd, other, append;
	int direct;                  /* -1 if O_DIRECT cannot be had */
	uint8_t *map;                /* of FILE_MAX bytes, shared, whatever the size */
	uint8_t *model;
	size_t size;
};

static struct {
	struct file files[FILES];
	const char *remount;
	uint8_t *scratch;
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

static void note(const struct file *f, const char *what, size_t pos, size_t len)
{
	snprintf(fsx.history[fsx.count++ % HISTORY], sizeof *fsx.history, "%d: %s %zu +%zu, size %zu",
	         (int)(f - fsx.files) + 1, what, pos, len, f->size);
}

static _Noreturn void fail(const char *what)
{
	printf("not ok - %s (%s)\n", what, strerror(errno));
	for (uint64_t i = fsx.count > HISTORY ? fsx.count - HISTORY : 0; i < fsx.count; i++)
		printf("# %llu: %s\n", (unsigned long long)i, fsx.history[i % HISTORY]);
	exit(1);
}

/* ---- The file as it is ---- */

static void compare(const struct file *f, const uint8_t *got, size_t pos, size_t len)
{
	char text[128];

	if (len == 0 || memcmp(got, f->model + pos, len) == 0)
		return;
	size_t i = 0;
	while (i + 1 < len && got[i] == f->model[pos + i])
		i++;
	snprintf(text, sizeof text, "byte %zu is %02x, not %02x", pos + i, got[i], f->model[pos + i]);
	fail(text);
}

/* One of the descriptors, for what they must agree on. */
static int any_fd(const struct file *f)
{
	return below(2) ? f->fd : f->other;
}

static void check_size(const struct file *f)
{
	struct stat st;
	char text[128];

	if (fstat(any_fd(f), &st) != 0)
		fail("fstat");
	if ((size_t)st.st_size == f->size)
		return;
	snprintf(text, sizeof text, "size is %lld, not %zu", (long long)st.st_size, f->size);
	fail(text);
}

static void open_file(struct file *f)
{
	f->fd = open(f->path, O_RDWR | O_CREAT, 0644);
	f->other = open(f->path, O_RDWR);
	f->append = open(f->path, O_WRONLY | O_APPEND);
	f->direct = open(f->path, O_RDWR | O_DIRECT);
	if (f->fd < 0 || f->other < 0 || f->append < 0)
		fail("open");
	f->map = mmap(NULL, FILE_MAX, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
	if (f->map == MAP_FAILED)
		fail("mmap");
	check_size(f);
}

static void close_file(struct file *f)
{
	munmap(f->map, FILE_MAX);
	if (f->direct >= 0)
		close(f->direct);
	if (close(f->other) != 0 || close(f->append) != 0 || close(f->fd) != 0)
		fail("close");
}

static void compare_all(const struct file *f)
{
	if (pread(f->fd, fsx.scratch, FILE_MAX, 0) != (ssize_t)f->size)
		fail("read all");
	compare(f, fsx.scratch, 0, f->size);
}

/* ---- Changing the model ---- */

/* A range to be changed; may lie behind the end. */
static size_t range(const struct file *f, size_t *len)
{
	/* Mostly small, and mostly not far from what is there. */
	*len = 1 + below(below(8) ? 9000 : PIECE_MAX);
	size_t limit = below(16) ? f->size + 4096 : (size_t)FILE_MAX;
	if (limit > FILE_MAX - *len)
		limit = FILE_MAX - *len;
	return below(limit + 1);
}

/* Likewise, of what is there; its length may be 0. */
static size_t inner_range(const struct file *f, size_t *len)
{
	size_t pos = range(f, len);

	pos = pos < f->size ? pos : f->size;
	*len = *len < f->size - pos ? *len : f->size - pos;
	return pos;
}

static void grow_to(struct file *f, size_t size)
{
	if (size <= f->size)
		return;
	memset(f->model + f->size, 0, size - f->size);
	f->size = size;
}

static void make_bytes(struct file *f, size_t pos, size_t len)
{
	uint64_t word = next_random();

	grow_to(f, pos + len);
	for (size_t i = 0; i < len; i++) {
		if (i % 8 == 0)
			word = word * UINT64_C(6364136223846793005) + 1442695040888963407;
		f->model[pos + i] = (uint8_t)(word >> (8 * (i % 8)));
	}
}

/* ---- Operations ---- */

static void op_write(struct file *f)
{
	size_t len, pos = range(f, &len);

	note(f, "write", pos, len);
	make_bytes(f, pos, len);
	if (pwrite(any_fd(f), f->model + pos, len, (off_t)pos) != (ssize_t)len)
		fail("write");
}

static void op_append(struct file *f)
{
	size_t len = 1 + below(5000);

	if (f->size + len > FILE_MAX)
		return;
	note(f, "append", f->size, len);
	make_bytes(f, f->size, len);
	if (write(f->append, f->model + f->size - len, len) != (ssize_t)len)
		fail("append");
}

static size_t direct_range(const struct file *f, size_t *len)
{
	size_t pos = range(f, len) / DIRECT_UNIT * DIRECT_UNIT;

	*len = (*len + DIRECT_UNIT - 1) / DIRECT_UNIT * DIRECT_UNIT;
	if (pos > FILE_MAX - *len)
		pos = FILE_MAX - *len;
	return pos;
}

static void op_write_direct(struct file *f)
{
	size_t len, pos = direct_range(f, &len);

	if (f->direct < 0)
		return;
	note(f, "write directly", pos, len);
	make_bytes(f, pos, len);
	memcpy(fsx.scratch, f->model + pos, len);
	if (pwrite(f->direct, fsx.scratch, len, (off_t)pos) != (ssize_t)len)
		fail("write directly");
}

static void read_from(struct file *f, int fd, size_t pos, size_t len)
{
	size_t there = pos >= f->size ? 0 : len < f->size - pos ? len : f->size - pos;

	if (pread(fd, fsx.scratch, len, (off_t)pos) != (ssize_t)there)
		fail("read: length");
	compare(f, fsx.scratch, pos, there);
}

static void op_read(struct file *f)
{
	size_t len, pos = range(f, &len);

	note(f, "read", pos, len);
	read_from(f, any_fd(f), pos, len);
}

static void op_read_direct(struct file *f)
{
	size_t len, pos = direct_range(f, &len);

	if (f->direct < 0)
		return;
	note(f, "read directly", pos, len);
	read_from(f, f->direct, pos, len);
}

static void op_map_read(struct file *f)
{
	size_t len, pos = inner_range(f, &len);

	note(f, "read mapped", pos, len);
	compare(f, f->map + pos, pos, len);
}

static void op_map_write(struct file *f)
{
	size_t len, pos = inner_range(f, &len), start = pos / DIRECT_UNIT * DIRECT_UNIT;

	if (len == 0)
		return;
	note(f, "write mapped", pos, len);
	make_bytes(f, pos, len);
	memcpy(f->map + pos, f->model + pos, len);
	if (below(4) == 0 && msync(f->map + start, pos + len - start, MS_SYNC) != 0)
		fail("msync");
}

/* Changes of a private mapping are nobody else's. */
static void op_map_private(struct file *f)
{
	size_t len, pos = inner_range(f, &len), start = pos / DIRECT_UNIT * DIRECT_UNIT;

	if (len == 0)
		return;
	note(f, "map privately", pos, len);
	uint8_t *map = mmap(NULL, pos + len - start, PROT_READ | PROT_WRITE, MAP_PRIVATE, f->fd,
	                    (off_t)start);
	if (map == MAP_FAILED)
		fail("mmap");
	compare(f, map + (pos - start), pos, len);
	memset(map + (pos - start), 0x55, len);
	munmap(map, pos + len - start);
}

static void op_truncate(struct file *f)
{
	size_t size = below(8) ? below(f->size + 5000) : below(FILE_MAX);

	size = size < FILE_MAX ? size : FILE_MAX;
	note(f, "truncate", size, 0);
	if (below(4) == 0 ? truncate(f->path, (off_t)size) : ftruncate(any_fd(f), (off_t)size))
		fail("truncate");
	grow_to(f, size);
	f->size = size;
}

/* What open() with O_TRUNC does, while others have it open. */
static void op_empty(struct file *f)
{
	if (below(8) != 0)
		return;
	note(f, "empty", 0, 0);
	int fd = open(f->path, O_WRONLY | O_TRUNC);
	if (fd < 0 || close(fd) != 0)
		fail("open with O_TRUNC");
	f->size = 0;
}

static void allocate(struct file *f, const char *what, int mode, bool zero)
{
	size_t len, pos = range(f, &len);

	note(f, what, pos, len);
	if (fallocate(any_fd(f), mode, (off_t)pos, (off_t)len) != 0) {
		if (errno == EOPNOTSUPP)
			return;
		fail(what);
	}
	if (!(mode & FALLOC_FL_KEEP_SIZE))
		grow_to(f, pos + len);
	if (zero && pos < f->size)
		memset(f->model + pos, 0, len < f->size - pos ? len : f->size - pos);
}

static void op_allocate(struct file *f)
{
	switch (below(5)) {
	case 0: allocate(f, "allocate", 0, false); break;
	case 1: allocate(f, "allocate, size kept", FALLOC_FL_KEEP_SIZE, false); break;
	case 2: allocate(f, "punch", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, true); break;
	case 3: allocate(f, "zero", FALLOC_FL_ZERO_RANGE, true); break;
	default: allocate(f, "zero, size kept", FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, true);
	}
}

/* From either file. */
static void op_copy(struct file *f)
{
	struct file *source = &fsx.files[below(FILES)];
	size_t len, from_len, to = range(f, &len), from = inner_range(source, &from_len);
	off_t from_pos = (off_t)from, to_pos = (off_t)to;

	len = len < from_len ? len : from_len;
	if (len == 0 || (source == f && from < to + len && to < from + len))
		return;
	note(source, "copy from", from, len);
	note(f, "copy to", to, len);
	for (size_t left = len; left > 0;) {
		ssize_t done = copy_file_range(any_fd(source), &from_pos, any_fd(f), &to_pos, left, 0);
		if (done <= 0)
			fail("copy");
		left -= (size_t)done;
	}
	grow_to(f, to + len);
	memmove(f->model + to, source->model + from, len);
}

/* What is no hole must be found, and holes must read as zeros.  Mapped pages come
 * first: the kernel asks a FUSE daemon for holes without writing them back. */
static void op_seek(struct file *f)
{
	off_t pos = (off_t)below(f->size + 1);

	note(f, "seek", (size_t)pos, 0);
	if (msync(f->map, FILE_MAX, MS_SYNC) != 0)
		fail("msync");
	off_t data = lseek(any_fd(f), pos, SEEK_DATA);
	if (data < 0 && errno != ENXIO)
		fail("SEEK_DATA");
	size_t end = data < 0 ? f->size : (size_t)data;
	for (size_t i = (size_t)pos; i < end; i++)
		if (f->model[i] != 0)
			fail("SEEK_DATA passes over data");
	off_t hole = lseek(any_fd(f), pos, SEEK_HOLE);
	if ((size_t)pos < f->size && (hole < pos || (size_t)hole > f->size))
		fail("SEEK_HOLE");
}

static void op_sync(struct file *f)
{
	note(f, "sync", 0, 0);
	if ((below(2) ? fsync : fdatasync)(any_fd(f)) != 0)
		fail("sync");
}

static void op_reopen(struct file *f)
{
	note(f, "reopen", 0, 0);
	close_file(f);
	open_file(f);
}

static void remount(void)
{
	note(fsx.files, "remount", 0, 0);
	for (int i = 0; i < FILES; i++)
		close_file(&fsx.files[i]);
	if (fsx.remount && system(fsx.remount) != 0)
		fail("remount");
	for (int i = 0; i < FILES; i++) {
		open_file(&fsx.files[i]);
		compare_all(&fsx.files[i]);
	}
}

static void step(void)
{
	static void (*const ops[])(struct file *) = {
		op_write, op_write, op_write, op_append, op_append, op_write_direct, op_read, op_read,
		op_read, op_read_direct, op_map_read, op_map_write, op_map_write, op_map_private,
		op_truncate, op_empty, op_allocate, op_allocate, op_copy, op_copy, op_seek,
	};
	struct file *f = &fsx.files[below(FILES)];

	if (below(REMOUNT_ONE_IN) == 0)
		remount();
	else if (below(50) == 0)
		op_reopen(f);
	else if (below(50) == 0)
		op_sync(f);
	else
		ops[below(sizeof ops / sizeof *ops)](f);
	check_size(f);
}

/* ---- The program ---- */

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool begin(const char *path)
{
	fsx.scratch = aligned_alloc(DIRECT_UNIT, FILE_MAX);
	for (int i = 0; i < FILES; i++) {
		struct file *f = &fsx.files[i];
		snprintf(f->path, sizeof f->path, i == 0 ? "%s" : "%s.%d", path, i + 1);
		unlink(f->path);
		f->model = calloc(1, FILE_MAX);
		if (!f->model || !fsx.scratch)
			return false;
		open_file(f);
	}
	return true;
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
	fsx.random = seed;
	printf("# seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	if (!begin(argv[optind]))
		return 1;
	for (; steps < limit && (seconds == 0 || seconds_now() - start < seconds); steps++)
		step();
	remount();
	printf("ok - %llu operations\n", (unsigned long long)steps);
	return 0;
}
