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

/* Space behind the end: seen in what is stored alone. */
static void subject_keep_size(void)
{
	int fd = open_new("f");

	fill(fd, 0, 2, 'a');
	CHANGES("f", "cm", fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, MIB));
	CHECK(size_of(fd) == 2 * BLOCK && stored(fd) == MIB);
	BLOCKS(fd, "aa");
	FAILS(ENXIO, lseek(fd, 2 * BLOCK, SEEK_DATA));
	/* Far enough behind that no file system fills what is between with zeros. */
	fill(fd, 100, 1, 'b');
	OK(fsync(fd));
	CHECK(size_of(fd) == 101 * BLOCK && stored(fd) == MIB);
	/* Before it is read: what ext4 has in its cache it calls data. */
	CHECK(lseek(fd, 50 * BLOCK, SEEK_HOLE) == 50 * BLOCK && lseek(fd, 50 * BLOCK, SEEK_DATA) == 100 * BLOCK);
	BLOCKS(fd, "aa...");
	OK(ftruncate(fd, 110 * BLOCK));
	CHECK(stored(fd) == MIB);
	OK(fallocate(fd, 0, 0, 116 * BLOCK));
	CHECK(size_of(fd) == 116 * BLOCK && stored(fd) == MIB);
	OK(fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, BLOCK, MIB));
	CHECK(size_of(fd) == 116 * BLOCK && stored(fd) == MIB + BLOCK);
	BLOCKS(fd, "a...............");
	/* Cut to the size that it has, a file loses what lies behind. */
	OK(ftruncate(fd, 116 * BLOCK));
	CHECK(stored(fd) == 116 * BLOCK);
	OK(ftruncate(fd, 0));
	CHECK(stored(fd) == 0);
	OK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 1LL << 40, BLOCK));
	CHECK(size_of(fd) == 0 && stored(fd) == BLOCK);
	OK(close(open("f", O_WRONLY | O_TRUNC)));
	CHECK(stored(fd) == 0);
	OK(close(fd));
}

/* Terabytes of nothing cost nothing, wherever the little is that is there. */
static void subject_sparse(void)
{
	static const off_t places[] = { 0, 5LL << 30, (1LL << 40) + 4095, (12LL << 40) - 1 };
	int fd = open_new("f");
	char byte;

	OK(ftruncate(fd, 13LL << 40));
	for (int i = 0; i < 4; i++)
		CHECK(pwrite(fd, "x", 1, places[i]) == 1);
	CHECK(size_of(fd) == 13LL << 40 && stored(fd) <= 64 * BLOCK);
	off_t at = 0;
	for (int i = 0; i < 4; i++) {
		at = lseek(fd, at, SEEK_DATA);
		CHECK(at == places[i] - places[i] % BLOCK);
		CHECK(pread(fd, &byte, 1, places[i]) == 1 && byte == 'x');
		CHECK(pread(fd, &byte, 1, places[i] + 1) == 1 && byte == 0);
		at = lseek(fd, at, SEEK_HOLE);
		CHECK(at == places[i] - places[i] % BLOCK + BLOCK);
	}
	FAILS(ENXIO, lseek(fd, at, SEEK_DATA));
	CHECK(lseek(fd, 0, SEEK_END) == 13LL << 40);
	OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 13LL << 40));
	FAILS(ENXIO, lseek(fd, 0, SEEK_DATA));
	CHECK(size_of(fd) == 13LL << 40 && stored(fd) == 0);
	OK(close(fd));
	OK(unlink("f"));
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
	{ "fallocate", subject_fallocate }, { "keep-size", subject_keep_size }, { "sparse", subject_sparse }, { "lseek", subject_lseek },
	{ "copy_file_range", subject_copy_file_range }, { NULL, NULL },
};
