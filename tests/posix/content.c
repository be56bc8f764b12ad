/* SPDX-License-Identifier: Apache-2.0 */
/* content.c - calls that change what files hold, and show it in other ways. */
#include "config.h"

#include "posix.h"

#include <sys/mman.h>
#include <sys/uio.h>

enum { MIB = 1 << 20 };

/* True if LEN bytes at POS are all BYTE. */
static bool is_all(int fd, off_t pos, size_t len, char byte)
{
	char *buffer = malloc(len);
	bool same = pread(fd, buffer, len, pos) == (ssize_t)len;

	for (size_t i = 0; i < len && same; i++)
		same = buffer[i] == byte;
	free(buffer);
	return same;
}

static off_t size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_size : -1;
}

static void subject_truncate(void)
{
	posix_put("f", "0123456789");
	CHANGES("f", "cm", truncate("f", 5));
	CHECK(posix_holds("f", "01234"));
	CHANGES("f", "cm", truncate("f", 5));
	OK(truncate("f", 8));
	int fd = open("f", O_RDWR);
	CHECK(is_all(fd, 5, 3, 0));
	CHANGES("f", "cm", ftruncate(fd, 3));
	CHECK(size_of(fd) == 3);
	CHECK(pwrite(fd, "x", 1, MIB) == 1 && size_of(fd) == MIB + 1 && is_all(fd, 3, MIB - 3, 0));
	OK(ftruncate(fd, 4096));
	OK(ftruncate(fd, 3 * 4096));
	CHECK(is_all(fd, 3, 3 * 4096 - 3, 0));
	FAILS(EINVAL, ftruncate(fd, -1));
	OK(ftruncate(fd, 1LL << 43));
	CHECK(size_of(fd) == 1LL << 43 && posix_stat("f").st_blocks < 100);
	CHECK(pwrite(fd, "end", 3, (1LL << 43) - 3) == 3 && is_all(fd, (1LL << 43) - 4, 1, 0));
	OK(close(fd));
	fd = open("f", O_RDONLY);
	FAILS(EINVAL, ftruncate(fd, 0));
	OK(close(fd));
	FAILS(ENOENT, truncate("none", 0));
	FAILS(EISDIR, truncate(".", 0));
	FAILS(ENOTDIR, truncate("f/x", 0));
	OK(unlink("f"));
}

static void subject_write(void)
{
	struct iovec iov[2] = { { (void *)"hello ", 6 }, { (void *)"world", 5 } };
	int fd = open("f", O_RDWR | O_CREAT | O_DSYNC, 0644);
	char buffer[16];

	CHANGES("f", "cm", writev(fd, iov, 2) == 11 ? 0 : -1);
	CHECK(posix_holds("f", "hello world"));
	CHECK(pwrite(fd, "W", 1, 6) == 1 && lseek(fd, 0, SEEK_CUR) == 11);
	CHECK(read(fd, buffer, 16) == 0 && pread(fd, buffer, 16, 100) == 0);
	CHANGES("f", "", write(fd, "", 0));
	OK(fdatasync(fd));
	OK(fsync(fd));
	OK(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE));
	OK(syncfs(fd));
	CHECK(lseek(fd, -5, SEEK_END) == 6);
	FAILS(EINVAL, lseek(fd, -100, SEEK_CUR));
	OK(close(fd));
	fd = open("f", O_RDONLY);
	FAILS(EBADF, write(fd, "x", 1));
	OK(close(fd));
	fd = open("f", O_WRONLY);
	FAILS(EBADF, read(fd, buffer, 1));
	OK(close(fd));
	fd = open(".", O_RDONLY);
	FAILS(EISDIR, read(fd, buffer, 1));
	OK(fsync(fd));
	OK(close(fd));
}

static void subject_sync(void)
{
	static const int flags[] = { O_SYNC, O_DSYNC, 0 };

	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		int fd = open("f", O_RDWR | O_CREAT | O_TRUNC | flags[i], 0644);
		CHECK(write(fd, "text", 4) == 4 && posix_holds("f", "text"));
		OK(fdatasync(fd));
		OK(sync_file_range(fd, 0, 4, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
		                   SYNC_FILE_RANGE_WAIT_AFTER));
		OK(fsync(fd));
		OK(unlink("f"));
		CHECK(pwrite(fd, "more", 4, 4) == 4);
		OK(fsync(fd));
		OK(close(fd));
	}
	int pipe_ends[2];
	OK(pipe(pipe_ends));
	FAILS(EINVAL, fsync(pipe_ends[0]));
	OK(close(pipe_ends[0]));
	OK(close(pipe_ends[1]));
}

static void subject_o_append(void)
{
	int a = open("f", O_RDWR | O_CREAT | O_APPEND, 0644), b = open("f", O_WRONLY | O_APPEND);

	for (int i = 0; i < 4; i++)
		CHECK(write(a, "a", 1) == 1 && write(b, "b", 1) == 1);
	CHECK(posix_holds("f", "abababab"));
	CHECK(lseek(a, 0, SEEK_SET) == 0 && write(a, "c", 1) == 1 && lseek(a, 0, SEEK_CUR) == 9);
	OK(ftruncate(b, 2));
	CHECK(write(a, "z", 1) == 1);
	CHECK(posix_holds("f", "abz"));
	OK(close(a));
	OK(close(b));
}

static void subject_o_direct(void)
{
	enum { LEN = 64 << 10 };
	int fd = open("f", O_RDWR | O_CREAT | O_DIRECT, 0644), plain = open("f", O_RDWR);
	char *buffer = aligned_alloc(4096, LEN);

	if (fd < 0 || plain < 0 || !posix_check(buffer, "open with O_DIRECT"))
		return;
	memset(buffer, 'd', LEN);
	CHECK(pwrite(fd, buffer, LEN, 0) == LEN);
	CHECK(is_all(plain, 0, LEN, 'd'));
	memset(buffer, 'p', LEN);
	CHECK(pwrite(plain, buffer, 4096, 8192) == 4096);
	CHECK(pread(fd, buffer, 4096, 8192) == 4096 && buffer[0] == 'p' && buffer[4095] == 'p');
	memset(buffer, 'q', LEN);
	CHECK(pwrite(fd, buffer, 4096, LEN + 4096) == 4096 && size_of(fd) == LEN + 8192);
	CHECK(is_all(plain, LEN, 4096, 0) && is_all(plain, LEN + 4096, 4096, 'q'));
	CHECK(pread(fd, buffer, LEN, LEN) == 8192);
	CHECK(pread(fd, buffer, LEN, LEN + 8192) == 0);
	OK(close(plain));
	OK(close(fd));
	free(buffer);
}

static void subject_o_tmpfile(void)
{
	char path[64];
	int fd = open(".", O_TMPFILE | O_RDWR, 0640);

	OK(fd);
	CHECK(write(fd, "text", 4) == 4);
	struct stat st;
	OK(fstat(fd, &st));
	CHECK(st.st_nlink == 0 && st.st_size == 4 && (st.st_mode & 07777) == 0640 && S_ISREG(st.st_mode));
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	OK(linkat(AT_FDCWD, path, AT_FDCWD, "f", AT_SYMLINK_FOLLOW));
	CHECK(posix_stat("f").st_nlink == 1 && posix_stat("f").st_ino == st.st_ino && posix_holds("f", "text"));
	CHECK(write(fd, " more", 5) == 5 && posix_holds("f", "text more"));
	FAILS(EEXIST, linkat(AT_FDCWD, path, AT_FDCWD, "f", AT_SYMLINK_FOLLOW));
	OK(unlink("f"));
	FAILS(ENOENT, linkat(AT_FDCWD, path, AT_FDCWD, "f", AT_SYMLINK_FOLLOW));
	OK(close(fd));
	fd = open(".", O_TMPFILE | O_WRONLY | O_EXCL, 0600);
	OK(fd);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	FAILS(ENOENT, linkat(AT_FDCWD, path, AT_FDCWD, "f", AT_SYMLINK_FOLLOW));
	OK(close(fd));
	FAILS(EINVAL, open(".", O_TMPFILE | O_RDONLY, 0600));
}

static void subject_mmap(void)
{
	int fd = open("f", O_RDWR | O_CREAT, 0644);
	char buffer[16];

	OK(ftruncate(fd, 20000));
	char *map = mmap(NULL, 20000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (!CHECK(map != MAP_FAILED))
		return;
	memcpy(map + 8190, "over the edge", 13);
	OK(msync(map, 20000, MS_SYNC));
	CHECK(pread(fd, buffer, 13, 8190) == 13 && memcmp(buffer, "over the edge", 13) == 0);
	CHECK(pwrite(fd, "written", 7, 100) == 7 && memcmp(map + 100, "written", 7) == 0);
	map[19999] = 'z';
	/* What lies behind the end is not the file's. */
	map[20001] = 'y';
	OK(munmap(map, 20000));
	OK(ftruncate(fd, 20010));
	CHECK(is_all(fd, 20000, 10, 0));
	OK(close(fd));
	fd = open("f", O_RDONLY);
	CHECK(pread(fd, buffer, 1, 19999) == 1 && buffer[0] == 'z');
	map = mmap(NULL, 20000, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(map != MAP_FAILED && map[100] == 'w');
	map[100] = 'P';
	CHECK(pread(fd, buffer, 1, 100) == 1 && buffer[0] == 'w');
	OK(munmap(map, 20000));
	FAILS(EACCES, mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
	OK(close(fd));
	fd = open("g", O_RDWR | O_CREAT, 0644);
	OK(ftruncate(fd, 4096));
	map = mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, fd, 0);
	struct stat before = posix_stat("g");
	posix_tick();
	map[0] = 'm';
	OK(msync(map, 4096, MS_SYNC));
	CHECK(strchr(posix_changes("g", &before), 'm'));
	/* What was mapped is seen by who reads past the cache, and the other way round. */
	int direct = open("g", O_RDWR | O_DIRECT);
	char *page = aligned_alloc(4096, 4096);
	map[1] = 'n';
	CHECK(pread(direct, page, 4096, 0) == 4096 && page[0] == 'm' && page[1] == 'n');
	page[2] = 'o';
	CHECK(pwrite(direct, page, 4096, 0) == 4096);
	OK(munmap(map, 4096));
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(map[0] == 'm' && map[1] == 'n' && map[2] == 'o');
	OK(munmap(map, 4096));
	free(page);
	OK(close(direct));
	OK(close(fd));
}

const struct posix_subject posix_content[] = {
	{ "truncate", subject_truncate }, { "write", subject_write }, { "sync", subject_sync }, { "o_append", subject_o_append },
	{ "o_direct", subject_o_direct }, { "o_tmpfile", subject_o_tmpfile }, { "mmap", subject_mmap },
	{ NULL, NULL },
};
