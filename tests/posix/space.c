/* SPDX-License-Identifier: Apache-2.0 */
/* space.c - calls about where in a file there are bytes. */
#include "config.h"

#include "posix.h"

#include <linux/falloc.h>

enum { BLOCK = 4096, MIB = 1 << 20 };

static int open_new(const char *name)
{
	return open(name, O_RDWR | O_CREAT | O_EXCL, 0644);
}

/* Writes COUNT blocks of BYTE at block AT. */
static void fill(int fd, int at, int count, char byte)
{
	char block[BLOCK];

	memset(block, byte, sizeof block);
	for (int i = at; i < at + count; i++)
		if (pwrite(fd, block, sizeof block, (off_t)i * BLOCK) != BLOCK)
			posix_check(false, "a block is written");
}

/* The first byte of each of COUNT blocks; '.' for a block of zeros. */
static const char *blocks(int fd, int count)
{
	static char text[65];
	char block[BLOCK], zeros[BLOCK] = { 0 };

	memset(text, 0, sizeof text);
	for (int i = 0; i < count && i < 64; i++) {
		if (pread(fd, block, BLOCK, (off_t)i * BLOCK) != BLOCK)
			break;
		text[i] = memcmp(block, zeros, BLOCK) == 0 ? '.' : block[0];
	}
	return text;
}

#define BLOCKS(fd, expected) \
	posix_check(strcmp(blocks(fd, (int)strlen(expected)), expected) == 0, "blocks are " expected)

static long long stored(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_blocks * 512LL : -1;
}

static long long size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? (long long)st.st_size : -1;
}

static void subject_fallocate(void)
{
	int fd = open_new("f");

	OK(fallocate(fd, 0, 0, MIB));
	CHECK(size_of(fd) == MIB && stored(fd) >= MIB);
	BLOCKS(fd, "....");
	fill(fd, 1, 2, 'a');
	BLOCKS(fd, ".aa.");
	OK(fallocate(fd, 0, 0, MIB));
	BLOCKS(fd, ".aa.");
	CHANGES("f", "cm", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, BLOCK, BLOCK));
	BLOCKS(fd, "..a.");
	CHECK(stored(fd) == MIB - BLOCK);
	OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2 * BLOCK + 10, 10));
	char bytes[30];
	CHECK(pread(fd, bytes, 30, 2 * BLOCK) == 30 && bytes[9] == 'a' && bytes[10] == 0 && bytes[19] == 0 &&
	      bytes[20] == 'a');
	OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 2 * MIB));
	CHECK(size_of(fd) == MIB && stored(fd) == 0);
	fill(fd, 0, 4, 'b');
	OK(fallocate(fd, FALLOC_FL_ZERO_RANGE, BLOCK, BLOCK));
	BLOCKS(fd, "b.bb");
	OK(fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, MIB - BLOCK, 2 * BLOCK));
	CHECK(size_of(fd) == MIB);
	OK(fallocate(fd, FALLOC_FL_ZERO_RANGE, MIB - BLOCK, 2 * BLOCK));
	CHECK(size_of(fd) == MIB + BLOCK);
	OK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 2 * MIB));
	CHECK(size_of(fd) == MIB + BLOCK);
	FAILS(EINVAL, fallocate(fd, 0, 0, 0));
	FAILS(EINVAL, fallocate(fd, 0, -1, 10));
	FAILS(EOPNOTSUPP, fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, BLOCK));
	OK(posix_fallocate(fd, 0, 3 * MIB));
	CHECK(size_of(fd) == 3 * MIB);
	OK(close(fd));
	fd = open("f", O_RDONLY);
	FAILS(EBADF, fallocate(fd, 0, 0, BLOCK));
	OK(close(fd));
}

static void subject_lseek(void)
{
	int fd = open_new("f");

	FAILS(ENXIO, lseek(fd, 0, SEEK_DATA));
	FAILS(ENXIO, lseek(fd, 0, SEEK_HOLE));
	fill(fd, 16, 16, 'a');
	fill(fd, 64, 16, 'b');
	OK(ftruncate(fd, 128 * BLOCK));
	CHECK(lseek(fd, 0, SEEK_HOLE) == 0);
	CHECK(lseek(fd, 0, SEEK_DATA) == 16 * BLOCK);
	CHECK(lseek(fd, 16 * BLOCK + 7, SEEK_DATA) == 16 * BLOCK + 7);
	CHECK(lseek(fd, 16 * BLOCK, SEEK_HOLE) == 32 * BLOCK);
	CHECK(lseek(fd, 40 * BLOCK, SEEK_DATA) == 64 * BLOCK);
	CHECK(lseek(fd, 64 * BLOCK, SEEK_HOLE) == 80 * BLOCK);
	FAILS(ENXIO, lseek(fd, 80 * BLOCK, SEEK_DATA));
	CHECK(lseek(fd, 127 * BLOCK, SEEK_HOLE) == 127 * BLOCK);
	FAILS(ENXIO, lseek(fd, 128 * BLOCK, SEEK_HOLE));
	fill(fd, 127, 1, 'c');
	CHECK(lseek(fd, 127 * BLOCK, SEEK_HOLE) == 128 * BLOCK);
	/* Reserved is not written. */
	OK(fallocate(fd, 0, 0, 128 * BLOCK));
	CHECK(lseek(fd, 0, SEEK_DATA) == 16 * BLOCK);
	OK(fsync(fd));
	OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 20 * BLOCK, 4 * BLOCK));
	CHECK(lseek(fd, 16 * BLOCK, SEEK_HOLE) == 20 * BLOCK && lseek(fd, 20 * BLOCK, SEEK_DATA) == 24 * BLOCK);
	OK(close(fd));
}

/* All of LEN, as the caller of a call that may do less. */
static int copy(int from, off_t from_pos, int to, off_t to_pos, size_t len)
{
	while (len > 0) {
		ssize_t done = copy_file_range(from, &from_pos, to, &to_pos, len, 0);
		if (done <= 0)
			return done < 0 ? -1 : 0;
		len -= (size_t)done;
	}
	return 0;
}

static void subject_copy_file_range(void)
{
	int a = open_new("a"), b = open_new("b");

	fill(a, 0, 2, 'x');
	fill(a, 4, 2, 'y');
	OK(ftruncate(a, 8 * BLOCK));
	fill(b, 0, 10, 'b');
	CHANGES("b", "cm", copy(a, 0, b, BLOCK, 8 * BLOCK));
	BLOCKS(b, "bxx..yy..b");
	fill(a, 0, 8, 'z');
	BLOCKS(b, "bxx..yy..b");
	fill(b, 5, 1, 'w');
	BLOCKS(a, "zzzzzzzz");
	BLOCKS(b, "bxx..wy..b");
	/* Not on the edges of blocks, and past the end. */
	OK(copy(a, BLOCK / 2, b, 10 * BLOCK, 100 * BLOCK));
	CHECK(size_of(b) == 10 * BLOCK + 8 * BLOCK - BLOCK / 2);
	CHECK(copy_file_range(a, &(off_t){ 8 * BLOCK }, b, &(off_t){ 0 }, BLOCK, 0) == 0);
	/* Within one file. */
	OK(copy(b, 0, b, 6 * BLOCK, 2 * BLOCK));
	BLOCKS(b, "bxx..wbx.b");
	FAILS(EINVAL, copy_file_range(b, &(off_t){ 0 }, b, &(off_t){ BLOCK }, 2 * BLOCK, 0));
	OK(ftruncate(a, 1LL << 40));
	OK(ftruncate(b, 0));
	OK(copy(a, 1LL << 39, b, 0, 1 << 30));
	CHECK(size_of(b) == 1 << 30);
	OK(close(a));
	a = open("a", O_RDONLY);
	FAILS(EBADF, copy_file_range(b, &(off_t){ 0 }, a, &(off_t){ 0 }, BLOCK, 0));
	OK(close(a));
	OK(close(b));
	OK(unlink("a"));
}

const struct posix_subject posix_space[] = {
	{ "fallocate", subject_fallocate }, { "lseek", subject_lseek },
	{ "copy_file_range", subject_copy_file_range }, { NULL, NULL },
};
