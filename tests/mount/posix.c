/* SPDX-License-Identifier: Apache-2.0 */
/*
 * posix.c - what system calls promise, tried in the current directory, which must
 * be empty.  Run on a native file system it is its own control.
 *
 * Each group of checks is about one subject and makes a directory of its own.  A
 * check that fails is told with its line; all are run, the exit status tells.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static int failures;

static void check(bool truth, const char *what, int line)
{
	if (truth)
		return;
	fprintf(stderr, "line %d: %s (errno: %s)\n", line, what, strerror(errno));
	failures++;
}

#define CHECK(truth) check((truth), #truth, __LINE__)
/* The call must succeed. */
#define OK(call) check((call) >= 0, #call, __LINE__)
/* The call must fail with this errno. */
#define FAILS(error, call) (errno = 0, check((call) < 0 && errno == (error), #call ": " #error, __LINE__))

/* ---- Shorthands ---- */

static struct stat stat_of(const char *path)
{
	struct stat st = { 0 };

	if (lstat(path, &st) != 0)
		check(false, path, __LINE__);
	return st;
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	OK(close(fd));
}

static bool holds(const char *path, const char *text)
{
	char buffer[256];
	int fd = open(path, O_RDONLY);
	ssize_t len = read(fd, buffer, sizeof buffer);

	close(fd);
	return len == (ssize_t)strlen(text) && memcmp(buffer, text, (size_t)len) == 0;
}

static long long ns_of(struct timespec time)
{
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* Lets the clock pass a tick, so that a changed time differs. */
static void tick(void)
{
	struct timespec start, now;

	clock_gettime(CLOCK_REALTIME_COARSE, &start);
	do {
		clock_gettime(CLOCK_REALTIME_COARSE, &now);
	} while (ns_of(now) - ns_of(start) < 20000000);
}

/* What a call changes of PATH's times: letters of "acm". */
static const char *changes(const char *path, const struct stat *before)
{
	static char text[4];
	struct stat now = stat_of(path);
	char *at = text;

	if (ns_of(now.st_atim) != ns_of(before->st_atim))
		*at++ = 'a';
	if (ns_of(now.st_ctim) != ns_of(before->st_ctim))
		*at++ = 'c';
	if (ns_of(now.st_mtim) != ns_of(before->st_mtim))
		*at++ = 'm';
	*at = 0;
	return text;
}

#define CHANGES(path, expected, call) do { \
	struct stat before_ = stat_of(path); \
	tick(); \
	OK(call); \
	check(strcmp(changes(path, &before_), (expected)) == 0, path " after " #call ": not " expected, __LINE__); \
} while (0)

/* ---- Subjects ---- */

static void names(void)
{
	char name[NAME_MAX + 2], path[PATH_MAX];

	memset(name, 'x', sizeof name);
	name[NAME_MAX + 1] = 0;
	FAILS(ENAMETOOLONG, mkdir(name, 0755));
	FAILS(ENAMETOOLONG, open(name, O_CREAT | O_WRONLY, 0644));
	FAILS(ENAMETOOLONG, symlink("x", name));
	put("something", "");
	FAILS(ENAMETOOLONG, rename("something", name));
	FAILS(ENAMETOOLONG, unlink(name));
	name[NAME_MAX] = 0;
	OK(mkdir(name, 0755));
	OK(rmdir(name));
	for (unsigned c = 1; c < 256; c++) {
		if (c == '/' || c == '.')
			continue;
		snprintf(path, sizeof path, "%c", (int)c);
		put(path, "c");
		CHECK(holds(path, "c"));
		OK(unlink(path));
	}
	FAILS(ENOENT, mkdir("", 0755));
	FAILS(EEXIST, mkdir(".", 0755));
	FAILS(EINVAL, rmdir("."));
	put("file", "x");
	FAILS(ENOTDIR, mkdir("file/x", 0755));
	FAILS(ENOTDIR, unlink("file/x"));
	FAILS(ENOTDIR, open("file/", O_RDONLY));
	OK(unlink("file"));
}

static void kinds(void)
{
	struct stat st;

	umask(0);
	OK(mkfifo("fifo", 0640));
	st = stat_of("fifo");
	CHECK(S_ISFIFO(st.st_mode) && (st.st_mode & 07777) == 0640 && st.st_nlink == 1);
	OK(mknod("socket", S_IFSOCK | 0600, 0));
	CHECK(S_ISSOCK(stat_of("socket").st_mode));
	OK(mknod("plain", S_IFREG | 0604, 0));
	CHECK(S_ISREG(stat_of("plain").st_mode) && stat_of("plain").st_size == 0);
	if (geteuid() == 0) {
		OK(mknod("block", S_IFBLK | 0600, makedev(259, 70000)));
		OK(mknod("char", S_IFCHR | 0600, makedev(5, 1)));
		st = stat_of("block");
		CHECK(S_ISBLK(st.st_mode) && major(st.st_rdev) == 259 && minor(st.st_rdev) == 70000);
		CHECK(S_ISCHR(stat_of("char").st_mode) && stat_of("char").st_rdev == makedev(5, 1));
	}
	FAILS(EEXIST, mkfifo("fifo", 0640));
	FAILS(EEXIST, mknod("fifo", S_IFREG | 0640, 0));
	FAILS(ENXIO, open("fifo", O_WRONLY | O_NONBLOCK));
	umask(022);
}

static void directories(void)
{
	OK(mkdir("a", 0777));
	CHECK((stat_of("a").st_mode & 07777) == 0755 && stat_of("a").st_nlink == 2);
	OK(mkdir("a/b", 0700));
	CHECK(stat_of("a").st_nlink == 3);
	FAILS(EEXIST, mkdir("a/b", 0700));
	FAILS(ENOTEMPTY, rmdir("a"));
	FAILS(EISDIR, unlink("a/b"));
	FAILS(ENOENT, rmdir("a/c"));
	put("a/file", "x");
	FAILS(ENOTDIR, rmdir("a/file"));
	FAILS(EISDIR, open("a", O_WRONLY));
	CHANGES("a", "cm", unlink("a/file"));
	CHANGES("a", "cm", rmdir("a/b"));
	CHECK(stat_of("a").st_nlink == 2);
	CHANGES("a", "cm", mkdir("a/b", 0755));
	int fd = open("a/b", O_RDONLY | O_DIRECTORY);
	OK(rmdir("a/b"));
	FAILS(ENOENT, openat(fd, "x", O_CREAT | O_WRONLY, 0644));
	FAILS(ENOENT, mkdirat(fd, "x", 0755));
	struct stat st;
	OK(fstat(fd, &st));
	CHECK(st.st_nlink == 0);
	OK(close(fd));
	OK(rmdir("a"));
}

static void listing(void)
{
	char name[32];
	unsigned count = 0;

	OK(mkdir("d", 0755));
	for (unsigned i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "d/%u", i);
		put(name, "");
	}
	DIR *dir = opendir("d");
	long middle = 0;
	struct dirent *entry;
	char behind[256] = "";
	while ((entry = readdir(dir))) {
		struct stat st;
		CHECK(fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0);
		if (strcmp(entry->d_name, "..") != 0)
			CHECK(st.st_ino == entry->d_ino);
		CHECK(entry->d_type == IFTODT(st.st_mode));
		if (++count == 100)
			middle = telldir(dir);
		if (count == 101)
			strcpy(behind, entry->d_name);
	}
	CHECK(count == 302);
	seekdir(dir, middle);
	entry = readdir(dir);
	CHECK(entry && strcmp(entry->d_name, behind) == 0);
	rewinddir(dir);
	for (count = 0; (entry = readdir(dir));) {
		count++;
		unlinkat(dirfd(dir), entry->d_name, 0);
	}
	CHECK(count == 302);
	closedir(dir);
	OK(rmdir("d"));
}

static void links(void)
{
	put("a", "text");
	CHANGES("a", "c", link("a", "b"));
	CHECK(stat_of("a").st_nlink == 2 && stat_of("a").st_ino == stat_of("b").st_ino);
	FAILS(EEXIST, link("a", "b"));
	FAILS(ENOENT, link("nothing", "c"));
	OK(mkdir("d", 0755));
	FAILS(EPERM, link("d", "c"));
	OK(chmod("b", 0600));
	CHECK((stat_of("a").st_mode & 07777) == 0600);
	CHANGES("b", "c", unlink("a"));
	CHECK(stat_of("b").st_nlink == 1 && holds("b", "text"));
	int fd = open("b", O_RDWR);
	OK(unlink("b"));
	struct stat st;
	OK(fstat(fd, &st));
	CHECK(st.st_nlink == 0);
	CHECK(pwrite(fd, "more", 4, 4) == 4);
	char buffer[16];
	CHECK(pread(fd, buffer, sizeof buffer, 0) == 8 && memcmp(buffer, "textmore", 8) == 0);
	OK(ftruncate(fd, 2));
	OK(fchmod(fd, 0444));
	OK(fstat(fd, &st));
	CHECK(st.st_size == 2 && (st.st_mode & 07777) == 0444);
	OK(fsync(fd));
	OK(close(fd));
	FAILS(ENOENT, open("b", O_RDONLY));
}

static void symlinks(void)
{
	char target[PATH_MAX], read[PATH_MAX];

	OK(symlink("to nowhere", "l"));
	struct stat st = stat_of("l");
	CHECK(S_ISLNK(st.st_mode) && st.st_size == 10 && (st.st_mode & 07777) == 0777);
	CHECK(readlink("l", read, sizeof read) == 10 && memcmp(read, "to nowhere", 10) == 0);
	FAILS(ENOENT, open("l", O_RDONLY));
	FAILS(EEXIST, symlink("x", "l"));
	FAILS(EINVAL, readlink(".", read, sizeof read));
	memset(target, 't', sizeof target);
	target[PATH_MAX - 1] = 0;
	OK(symlink(target, "long"));
	CHECK(readlink("long", read, sizeof read) == PATH_MAX - 1 && memcmp(read, target, PATH_MAX - 1) == 0);
	OK(symlink("loop2", "loop1"));
	OK(symlink("loop1", "loop2"));
	FAILS(ELOOP, open("loop1", O_RDONLY));
	put("to nowhere", "found");
	CHECK(holds("l", "found"));
	struct timespec times[2] = { { 1, 2 }, { 3, 4 } };
	OK(utimensat(AT_FDCWD, "l", times, AT_SYMLINK_NOFOLLOW));
	CHECK(ns_of(stat_of("l").st_mtim) == 3000000004);
	CHECK(ns_of(stat_of("to nowhere").st_mtim) != 3000000004);
}

static void renames(void)
{
	put("a", "a");
	put("b", "b");
	CHANGES("a", "c", rename("a", "c") ? -1 : rename("c", "a"));
	OK(rename("a", "b"));
	CHECK(holds("b", "a"));
	FAILS(ENOENT, rename("a", "b"));
	OK(mkdir("d", 0755));
	OK(mkdir("e", 0755));
	FAILS(EISDIR, rename("b", "d"));
	FAILS(ENOTDIR, rename("d", "b"));
	OK(rename("d", "e"));
	OK(mkdir("e/below", 0755));
	FAILS(EINVAL, rename("e", "e/below/x"));
	OK(mkdir("d", 0755));
	FAILS(ENOTEMPTY, rename("d", "e"));
	OK(rename("e/below", "d/below"));
	CHECK(stat_of("e").st_nlink == 2 && stat_of("d").st_nlink == 3);
	OK(chdir("d/below"));
	struct stat up = stat_of("..");
	OK(chdir("../.."));
	CHECK(up.st_ino == stat_of("d").st_ino);
	/* Two names of one file: nothing happens. */
	put("one", "1");
	OK(link("one", "two"));
	OK(rename("one", "two"));
	CHECK(stat_of("one").st_nlink == 2);
	FAILS(EEXIST, renameat2(AT_FDCWD, "one", AT_FDCWD, "b", RENAME_NOREPLACE));
	OK(renameat2(AT_FDCWD, "one", AT_FDCWD, "new", RENAME_NOREPLACE));
	OK(renameat2(AT_FDCWD, "new", AT_FDCWD, "d", RENAME_EXCHANGE));
	CHECK(holds("d", "1") && S_ISDIR(stat_of("new").st_mode));
	OK(renameat2(AT_FDCWD, "new", AT_FDCWD, "d", RENAME_EXCHANGE));
	FAILS(ENOENT, renameat2(AT_FDCWD, "new", AT_FDCWD, "nothing", RENAME_EXCHANGE));
	FAILS(EINVAL, renameat2(AT_FDCWD, "new", AT_FDCWD, "x", RENAME_EXCHANGE | RENAME_NOREPLACE));
	/* What was replaced lives on for who has it open. */
	put("victim", "victim");
	int fd = open("victim", O_RDONLY);
	OK(rename("new", "victim"));
	char buffer[16];
	CHECK(pread(fd, buffer, sizeof buffer, 0) == 6);
	OK(close(fd));
}

static void attributes(void)
{
	struct timespec past[2] = { { -100, 5 }, { -1, 999999999 } };
	struct timespec far[2] = { { 1LL << 33, 7 }, { 1LL << 33, 8 } };
	struct timespec some[2] = { { 0, UTIME_OMIT }, { 55, 66 } };

	put("f", "text");
	CHANGES("f", "c", chmod("f", 07777));
	CHECK((stat_of("f").st_mode & 07777) == 07777);
	OK(chmod("f", 0));
	CHECK((stat_of("f").st_mode & 07777) == 0);
	OK(utimensat(AT_FDCWD, "f", past, 0));
	CHECK(ns_of(stat_of("f").st_atim) == ns_of(past[0]) && ns_of(stat_of("f").st_mtim) == ns_of(past[1]));
	OK(utimensat(AT_FDCWD, "f", far, 0));
	CHECK(ns_of(stat_of("f").st_atim) == ns_of(far[0]) && ns_of(stat_of("f").st_mtim) == ns_of(far[1]));
	CHANGES("f", "cm", utimensat(AT_FDCWD, "f", some, 0));
	CHECK(ns_of(stat_of("f").st_mtim) == 55000000066);
	OK(utimensat(AT_FDCWD, "f", NULL, 0));
	CHECK(llabs(ns_of(stat_of("f").st_mtim) / 1000000000 - time(NULL)) <= 1);
	if (geteuid() == 0) {
		OK(chmod("f", 06755));
		OK(chown("f", 100000, 3000000000U));
		CHECK(stat_of("f").st_uid == 100000 && stat_of("f").st_gid == 3000000000U);
		CHECK((stat_of("f").st_mode & 06000) == 0);
		OK(mkdir("sgid", 0755));
		OK(chown("sgid", 1, 77));
		OK(chmod("sgid", 02755));
		put("sgid/f", "");
		OK(mkdir("sgid/d", 0755));
		CHECK(stat_of("sgid/f").st_gid == 77 && stat_of("sgid/d").st_gid == 77);
		CHECK(stat_of("sgid/d").st_mode & S_ISGID);
	}
	struct statvfs fs;
	OK(statvfs("f", &fs));
	CHECK(fs.f_namemax == NAME_MAX && fs.f_blocks > 0 && fs.f_bavail <= fs.f_bfree);
}

/* The child's exit status says how many of its checks failed. */
static void as_user(void (*call)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		failures = 0;
		if (setgid(65534) != 0 || setuid(65534) != 0)
			_exit(1);
		call();
		_exit(failures);
	}
	int status;
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void forbidden(void)
{
	FAILS(EACCES, open("private/f", O_RDONLY));
	FAILS(EACCES, open("f", O_WRONLY));
	FAILS(EACCES, mkdir("x", 0755));
	FAILS(EPERM, chmod("f", 0666));
	FAILS(EPERM, chown("f", 65534, 65534));
	FAILS(EACCES, utimensat(AT_FDCWD, "f", NULL, 0));
	FAILS(EACCES, unlink("f"));
	FAILS(EPERM, unlink("sticky/f"));
	FAILS(EPERM, rename("sticky/f", "sticky/g"));
	FAILS(EACCES, access("f", W_OK));
	OK(access("f", R_OK));
	int fd = open("open", O_WRONLY);
	OK(fd);
	CHECK(write(fd, "x", 1) == 1);   /* clears setuid */
	OK(close(fd));
	CHECK((stat_of("open").st_mode & 07777) == 0777);
	put("sticky/mine", "x");
	CHECK(stat_of("sticky/mine").st_uid == 65534 && stat_of("sticky/mine").st_gid == 65534);
	OK(unlink("sticky/mine"));
}

static void permissions(void)
{
	if (geteuid() != 0)
		return;
	OK(mkdir("private", 0700));
	put("private/f", "x");
	put("f", "x");
	put("open", "xyz");
	OK(chmod("open", 06777));
	OK(mkdir("sticky", 0755));
	OK(chmod("sticky", 01777));
	put("sticky/f", "x");
	OK(chmod(".", 0755));
	as_user(forbidden);
}

static void opening(void)
{
	FAILS(ENOENT, open("f", O_RDWR));
	int fd = open("f", O_RDWR | O_CREAT | O_EXCL, 0444);
	OK(fd);
	CHECK(write(fd, "0123456789", 10) == 10);
	OK(close(fd));
	FAILS(EEXIST, open("f", O_RDWR | O_CREAT | O_EXCL, 0644));
	CHECK((stat_of("f").st_mode & 07777) == 0444);
	OK(chmod("f", 0644));
	CHANGES("f", "cm", close(open("f", O_WRONLY | O_TRUNC)));
	CHECK(stat_of("f").st_size == 0);
	fd = open("f", O_WRONLY | O_APPEND);
	int other = open("f", O_WRONLY | O_APPEND);
	for (int i = 0; i < 10; i++) {
		CHECK(write(fd, "a", 1) == 1);
		CHECK(write(other, "b", 1) == 1);
	}
	OK(close(fd));
	OK(close(other));
	CHECK(holds("f", "abababababababababab"));
	FAILS(EBADF, read(open("f", O_WRONLY), &fd, 1));
	FAILS(ENOTDIR, open("f", O_RDONLY | O_DIRECTORY));
}

static void truncation(void)
{
	char buffer[16];

	put("f", "0123456789");
	CHANGES("f", "cm", truncate("f", 5));
	CHECK(holds("f", "01234"));
	OK(truncate("f", 8));
	int fd = open("f", O_RDWR);
	CHECK(read(fd, buffer, sizeof buffer) == 8 && memcmp(buffer, "01234\0\0\0", 8) == 0);
	CHANGES("f", "cm", ftruncate(fd, 3));
	CHECK(pread(fd, buffer, sizeof buffer, 0) == 3);
	CHECK(pread(fd, buffer, sizeof buffer, 100) == 0);
	CHECK(pwrite(fd, "x", 1, 1 << 20) == 1);
	struct stat st;
	OK(fstat(fd, &st));
	CHECK(st.st_size == (1 << 20) + 1);
	CHECK(pread(fd, buffer, 4, 5000) == 4 && memcmp(buffer, "\0\0\0\0", 4) == 0);
	FAILS(EINVAL, ftruncate(fd, -1));
	OK(ftruncate(fd, 1LL << 41));
	OK(fstat(fd, &st));
	CHECK(st.st_size == 1LL << 41 && st.st_blocks < 100);
	OK(close(fd));
	FAILS(ENOENT, truncate("nothing", 0));
	FAILS(EISDIR, truncate(".", 0));
}

static void mapping(void)
{
	int fd = open("f", O_RDWR | O_CREAT | O_TRUNC, 0644);

	OK(ftruncate(fd, 20000));
	char *map = mmap(NULL, 20000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED);
	if (map == MAP_FAILED)
		return;
	memcpy(map + 8190, "over the edge", 13);
	OK(msync(map, 20000, MS_SYNC));
	char buffer[16];
	CHECK(pread(fd, buffer, 13, 8190) == 13 && memcmp(buffer, "over the edge", 13) == 0);
	CHECK(pwrite(fd, "written", 7, 100) == 7);
	CHECK(memcmp(map + 100, "written", 7) == 0);
	map[19999] = 'z';
	OK(munmap(map, 20000));
	OK(close(fd));
	fd = open("f", O_RDONLY);
	CHECK(pread(fd, buffer, 16, 19999) == 1 && buffer[0] == 'z');
	map = mmap(NULL, 20000, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(map != MAP_FAILED && map[100] == 'w');
	OK(munmap(map, 20000));
	OK(close(fd));
}

static void vectors(void)
{
	struct iovec iov[2] = { { (void *)"hello ", 6 }, { (void *)"world", 5 } };
	int fd = open("f", O_RDWR | O_CREAT | O_TRUNC | O_DSYNC, 0644);

	CHECK(writev(fd, iov, 2) == 11);
	OK(fdatasync(fd));
	OK(fsync(fd));
	CHECK(holds("f", "hello world"));
	CHECK(lseek(fd, -5, SEEK_END) == 6);
	OK(close(fd));
	fd = open(".", O_RDONLY | O_DIRECTORY);
	OK(fsync(fd));
	OK(close(fd));
}

static void holes(void)
{
	char buffer[16];
	struct stat st;
	int fd = open("f", O_RDWR | O_CREAT | O_TRUNC, 0644);

	OK(ftruncate(fd, 1 << 20));
	CHECK(pwrite(fd, "data", 4, 512 << 10) == 4);
	OK(fsync(fd));
	CHECK(lseek(fd, 0, SEEK_DATA) <= 512 << 10 && lseek(fd, 0, SEEK_DATA) >= 0);
	CHECK(lseek(fd, 0, SEEK_HOLE) <= 512 << 10);
	CHECK(lseek(fd, 600 << 10, SEEK_HOLE) == 600 << 10);
	FAILS(ENXIO, lseek(fd, 1 << 20, SEEK_DATA));
	FAILS(ENXIO, lseek(fd, 1 << 20, SEEK_HOLE));
	OK(fallocate(fd, 0, 1 << 20, 1 << 20));
	OK(fstat(fd, &st));
	CHECK(st.st_size == 2 << 20);
	CHECK(pread(fd, buffer, 4, 512 << 10) == 4 && memcmp(buffer, "data", 4) == 0);
	CHECK(pread(fd, buffer, 4, 1500 << 10) == 4 && memcmp(buffer, "\0\0\0\0", 4) == 0);
	OK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 2 << 20, 1 << 20));
	OK(fstat(fd, &st));
	CHECK(st.st_size == 2 << 20);
	OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (512 << 10) + 1, 2));
	CHECK(pread(fd, buffer, 4, 512 << 10) == 4 && memcmp(buffer, "d\0\0a", 4) == 0);
	OK(fallocate(fd, FALLOC_FL_ZERO_RANGE, (512 << 10) + 3, 4 << 20));
	CHECK(pread(fd, buffer, 4, 512 << 10) == 4 && memcmp(buffer, "d\0\0\0", 4) == 0);
	OK(fstat(fd, &st));
	CHECK(st.st_size == (4 << 20) + (512 << 10) + 3);
	FAILS(EINVAL, fallocate(fd, 0, 0, 0));
	FAILS(EOPNOTSUPP, fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 4096));
	OK(close(fd));
	fd = open("f", O_RDONLY);
	FAILS(EBADF, fallocate(fd, 0, 0, 4096));
	OK(close(fd));
}

static void copying(void)
{
	char buffer[64];
	loff_t from_pos = 2, to_pos = 1;
	int from = open("from", O_RDWR | O_CREAT | O_TRUNC, 0644);
	int to = open("to", O_RDWR | O_CREAT | O_TRUNC, 0644);

	CHECK(write(from, "0123456789", 10) == 10);
	CHECK(write(to, "abcdefghijklmnop", 16) == 16);
	CHECK(copy_file_range(from, &from_pos, to, &to_pos, 5, 0) == 5);
	CHECK(from_pos == 7 && to_pos == 6);
	CHECK(pread(to, buffer, sizeof buffer, 0) == 16 && memcmp(buffer, "a23456ghijklmnop", 16) == 0);
	CHECK(copy_file_range(from, &from_pos, to, &to_pos, 1000, 0) == 3);
	CHECK(copy_file_range(from, &from_pos, to, &to_pos, 1000, 0) == 0);
	CHECK(pread(to, buffer, sizeof buffer, 0) == 16 && memcmp(buffer, "a23456789jklmnop", 16) == 0);
	/* Holes, and behind the end. */
	OK(ftruncate(from, 100000));
	from_pos = 8;
	to_pos = 20;
	CHECK(copy_file_range(from, &from_pos, to, &to_pos, 99992, 0) == 99992);
	CHECK(stat_of("to").st_size == 20 + 99992);
	CHECK(pread(to, buffer, 10, 14) == 10 && memcmp(buffer, "op\0\0\0\0" "89\0\0", 10) == 0);
	/* Within one file. */
	from_pos = 0;
	to_pos = 50;
	CHECK(copy_file_range(from, &from_pos, from, &to_pos, 10, 0) == 10);
	CHECK(pread(from, buffer, 12, 49) == 12 && memcmp(buffer, "\0" "0123456789\0", 12) == 0);
	/* The copy is its own. */
	CHECK(pwrite(from, "X", 1, 2) == 1);
	CHECK(pread(to, buffer, 2, 0) == 2 && memcmp(buffer, "a2", 2) == 0);
	/* From and to files without names. */
	OK(unlink("from"));
	from_pos = to_pos = 0;
	CHECK(pwrite(from, "gone", 4, 0) == 4);
	CHECK(copy_file_range(from, &from_pos, to, &to_pos, 4, 0) == 4);
	CHECK(pread(to, buffer, 4, 0) == 4 && memcmp(buffer, "gone", 4) == 0);
	OK(close(from));
	OK(close(to));
}

static void unnamed(void)
{
	char path[64], buffer[8];
	struct stat st;
	int fd = open(".", O_TMPFILE | O_RDWR, 0640);

	OK(fd);
	CHECK(write(fd, "text", 4) == 4);
	OK(fstat(fd, &st));
	CHECK(st.st_nlink == 0 && st.st_size == 4 && (st.st_mode & 07777) == 0640);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	OK(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
	CHECK(stat_of("named").st_nlink == 1 && stat_of("named").st_ino == st.st_ino);
	OK(close(fd));
	CHECK(holds("named", "text"));
	fd = open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600);
	CHECK(pwrite(fd, "x", 1, 1 << 20) == 1);
	CHECK(pread(fd, buffer, 1, 1 << 20) == 1 && buffer[0] == 'x');
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	FAILS(ENOENT, linkat(AT_FDCWD, path, AT_FDCWD, "never", AT_SYMLINK_FOLLOW));
	OK(close(fd));
}

static void extended(void)
{
	char value[64], list[256], *large = malloc(40000);

	put("f", "x");
	CHANGES("f", "c", setxattr("f", "user.a", "one", 3, 0));
	CHECK(getxattr("f", "user.a", value, sizeof value) == 3 && memcmp(value, "one", 3) == 0);
	CHECK(getxattr("f", "user.a", NULL, 0) == 3);
	FAILS(ERANGE, getxattr("f", "user.a", value, 2));
	FAILS(ENODATA, getxattr("f", "user.b", value, sizeof value));
	FAILS(EEXIST, setxattr("f", "user.a", "two", 3, XATTR_CREATE));
	FAILS(ENODATA, setxattr("f", "user.b", "two", 3, XATTR_REPLACE));
	OK(setxattr("f", "user.a", "", 0, XATTR_REPLACE));
	CHECK(getxattr("f", "user.a", value, sizeof value) == 0);
	OK(setxattr("f", "user.b", "two", 3, XATTR_CREATE));
	CHECK(listxattr("f", NULL, 0) == 14);
	CHECK(listxattr("f", list, sizeof list) == 14);
	FAILS(ERANGE, listxattr("f", list, 13));
	OK(removexattr("f", "user.a"));
	FAILS(ENODATA, removexattr("f", "user.a"));
	memset(large, 'v', 3000);
	OK(setxattr("f", "user.large", large, 3000, 0));
	CHECK(getxattr("f", "user.large", large, 40000) == 3000 && large[2999] == 'v');
	if (geteuid() == 0) {
		OK(setxattr("f", "trusted.t", "t", 1, 0));
		CHECK(getxattr("f", "trusted.t", value, sizeof value) == 1);
	}
	free(large);
}

/* ---- The run ---- */

static const struct {
	const char *name;
	void (*run)(void);
} subjects[] = {
	{ "names", names }, { "kinds", kinds }, { "directories", directories }, { "listing", listing },
	{ "links", links }, { "symlinks", symlinks }, { "renames", renames }, { "attributes", attributes },
	{ "permissions", permissions }, { "opening", opening }, { "truncation", truncation },
	{ "mapping", mapping }, { "vectors", vectors }, { "holes", holes }, { "copying", copying },
	{ "unnamed", unnamed }, { "extended", extended },
};

int main(void)
{
	umask(022);
	for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
		int before = failures;
		if (mkdir(subjects[i].name, 0755) != 0 || chdir(subjects[i].name) != 0) {
			perror(subjects[i].name);
			return 1;
		}
		subjects[i].run();
		if (failures > before)
			fprintf(stderr, "%s: %d failed\n", subjects[i].name, failures - before);
		if (chdir("..") != 0)
			return 1;
	}
	return failures != 0;
}
