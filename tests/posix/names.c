/* SPDX-License-Identifier: Apache-2.0 */
/* names.c - calls that make, find, move and remove names. */
#include "config.h"

#include "posix.h"

#include <dirent.h>
#include <limits.h>
#include <sys/sysmacros.h>

/* A name of LEN bytes, in static memory. */
static const char *name_of(size_t len)
{
	static char name[PATH_MAX + 2];

	memset(name, 'n', len);
	name[len] = 0;
	return name;
}

/* Every byte but those that mean something is a name. */
static void subject_bytes(void)
{
	char name[2] = "";
	unsigned wrong = 0;

	for (unsigned c = 1; c < 256; c++) {
		if (c == '/' || c == '.')
			continue;
		name[0] = (char)c;
		posix_put(name, name);
		wrong += !posix_holds(name, name) || unlink(name) != 0;
	}
	CHECK(wrong == 0);
	FAILS(ENOENT, mkdir("", 0755));
	FAILS(EEXIST, mkdir(".", 0755));
	FAILS(EINVAL, rmdir("."));
}

static void subject_mkdir(void)
{
	OK(mkdir("d", 0777));
	CHECK(posix_mode("d") == 0755 && posix_stat("d").st_nlink == 2);
	FAILS(EEXIST, mkdir("d", 0755));
	FAILS(ENOENT, mkdir("none/d", 0755));
	posix_put("f", "");
	FAILS(EEXIST, mkdir("f", 0755));
	FAILS(ENOTDIR, mkdir("f/d", 0755));
	FAILS(ENAMETOOLONG, mkdir(name_of(NAME_MAX + 1), 0755));
	OK(mkdir(name_of(NAME_MAX), 0755));
	OK(rmdir(name_of(NAME_MAX)));
	FAILS(ENAMETOOLONG, mkdir(name_of(PATH_MAX), 0755));
	OK(symlink("nowhere", "l"));
	FAILS(EEXIST, mkdir("l", 0755));
	umask(0);
	OK(mkdir("all", 01777));
	CHECK(posix_mode("all") == 01777);
	CHANGES(".", "cm", mkdir("e", 0700));
	CHECK(posix_stat(".").st_nlink == 5);
}

static void subject_rmdir(void)
{
	OK(mkdir("d", 0755));
	OK(mkdir("d/e", 0755));
	FAILS(ENOTEMPTY, rmdir("d"));
	FAILS(EINVAL, rmdir("d/e/."));
	FAILS(ENOTEMPTY, rmdir("d/e/.."));
	CHANGES("d", "cm", rmdir("d/e"));
	FAILS(ENOENT, rmdir("d/e"));
	posix_put("f", "");
	FAILS(ENOTDIR, rmdir("f"));
	FAILS(ENOTDIR, rmdir("f/x"));
	OK(symlink("d", "l"));
	FAILS(ENOTDIR, rmdir("l"));
	int fd = open("d", O_RDONLY | O_DIRECTORY);
	OK(rmdir("d"));
	FAILS(ENOENT, mkdirat(fd, "x", 0755));
	FAILS(ENOENT, openat(fd, "x", O_CREAT | O_WRONLY, 0644));
	FAILS(ENOENT, symlinkat("x", fd, "x"));
	FAILS(ENOENT, linkat(AT_FDCWD, "f", fd, "x", 0));
	FAILS(ENOENT, renameat(AT_FDCWD, "f", fd, "x"));
	struct stat st;
	OK(fstat(fd, &st));
	CHECK(st.st_nlink == 0);
	OK(close(fd));
}

static void subject_open(void)
{
	FAILS(ENOENT, open("f", O_RDWR));
	FAILS(ENOENT, open("d/f", O_RDWR | O_CREAT, 0644));
	CHANGES(".", "cm", close(open("f", O_RDWR | O_CREAT, 0777)));
	CHECK(posix_mode("f") == 0755);
	FAILS(EEXIST, open("f", O_RDWR | O_CREAT | O_EXCL, 0644));
	FAILS(ENOTDIR, open("f", O_RDONLY | O_DIRECTORY));
	FAILS(ENOTDIR, open("f/x", O_RDONLY));
	FAILS(EISDIR, open(".", O_WRONLY));
	FAILS(EISDIR, open(".", O_RDWR));
	FAILS(EISDIR, open(".", O_RDONLY | O_CREAT, 0644));
	OK(symlink("f", "l"));
	FAILS(ELOOP, open("l", O_RDONLY | O_NOFOLLOW));
	FAILS(EEXIST, open("l", O_WRONLY | O_CREAT | O_EXCL, 0644));
	OK(symlink("later", "dangling"));
	OK(close(open("dangling", O_WRONLY | O_CREAT, 0600)));
	CHECK(posix_mode("later") == 0600);
	FAILS(ENAMETOOLONG, open(name_of(NAME_MAX + 1), O_WRONLY | O_CREAT, 0644));
	posix_put("t", "text");
	CHANGES("t", "cm", close(open("t", O_WRONLY | O_TRUNC)));
	CHECK(posix_stat("t").st_size == 0);
	int fd = open("zero", O_RDWR | O_CREAT, 0);
	CHECK(write(fd, "x", 1) == 1 && posix_mode("zero") == 0);
	OK(close(fd));
	fd = open("f", O_PATH);
	char byte;
	FAILS(EBADF, read(fd, &byte, 1));
	OK(close(fd));
}

static void subject_link(void)
{
	posix_put("a", "text");
	CHANGES("a", "c", link("a", "b"));
	CHECK(posix_stat("a").st_nlink == 2 && posix_stat("a").st_ino == posix_stat("b").st_ino);
	FAILS(EEXIST, link("a", "b"));
	FAILS(ENOENT, link("none", "c"));
	FAILS(ENOENT, link("a", "none/c"));
	FAILS(ENOTDIR, link("a", "b/c"));
	FAILS(ENAMETOOLONG, link("a", name_of(NAME_MAX + 1)));
	OK(mkdir("d", 0755));
	FAILS(EPERM, link("d", "e"));
	OK(symlink("a", "l"));
	OK(link("l", "m"));
	CHECK(S_ISLNK(posix_stat("m").st_mode) && posix_stat("l").st_nlink == 2);
	OK(linkat(AT_FDCWD, "l", AT_FDCWD, "n", AT_SYMLINK_FOLLOW));
	CHECK(posix_stat("a").st_nlink == 3);
	OK(mkfifo("p", 0644));
	OK(link("p", "q"));
	OK(chmod("b", 0600));
	CHECK(posix_mode("n") == 0600);
	CHANGES("b", "c", unlink("a"));
	CHECK(posix_stat("b").st_nlink == 2 && posix_holds("b", "text"));
	int fd = open("b", O_RDONLY);
	OK(unlink("b"));
	OK(unlink("n"));
	char path[64];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	FAILS(ENOENT, linkat(AT_FDCWD, path, AT_FDCWD, "again", AT_SYMLINK_FOLLOW));
	OK(close(fd));
}

static void subject_unlink(void)
{
	FAILS(ENOENT, unlink("f"));
	posix_put("f", "text");
	FAILS(ENOTDIR, unlink("f/x"));
	OK(mkdir("d", 0755));
	FAILS(EISDIR, unlink("d"));
	CHANGES(".", "cm", unlink("f"));
	posix_put("f", "text");
	int fd = open("f", O_RDWR);
	OK(unlink("f"));
	struct stat st;
	OK(fstat(fd, &st));
	CHECK(st.st_nlink == 0 && st.st_size == 4);
	char buffer[8];
	CHECK(pwrite(fd, "more", 4, 4) == 4 && pread(fd, buffer, 8, 0) == 8 && memcmp(buffer, "textmore", 8) == 0);
	OK(ftruncate(fd, 6));
	OK(fchmod(fd, 0400));
	OK(fchown(fd, (uid_t)-1, getegid()));
	OK(futimens(fd, (struct timespec[2]){ { 1, 1 }, { 2, 2 } }));
	OK(fstat(fd, &st));
	CHECK(st.st_size == 6 && (st.st_mode & 07777) == 0400 && posix_ns(st.st_mtim) == 2000000002);
	OK(fsync(fd));
	posix_put("f", "new");
	CHECK(pread(fd, buffer, 8, 0) == 6 && memcmp(buffer, "textmo", 6) == 0);
	OK(close(fd));
	/* Nothing is left in its stead. */
	OK(unlink("f"));
	OK(rmdir("d"));
	DIR *dir = opendir(".");
	int count = 0;
	while (readdir(dir))
		count++;
	CHECK(count == 2);
	closedir(dir);
}

static void subject_symlink(void)
{
	char target[PATH_MAX], got[PATH_MAX];

	OK(symlink("to nowhere", "l"));
	struct stat st = posix_stat("l");
	CHECK(S_ISLNK(st.st_mode) && st.st_size == 10 && (st.st_mode & 07777) == 0777 && st.st_nlink == 1);
	CHECK(readlink("l", got, sizeof got) == 10 && memcmp(got, "to nowhere", 10) == 0);
	CHECK(readlink("l", got, 4) == 4);
	FAILS(ENOENT, open("l", O_RDONLY));
	FAILS(EEXIST, symlink("x", "l"));
	FAILS(ENOENT, symlink("", "empty"));
	FAILS(ENAMETOOLONG, symlink("x", name_of(NAME_MAX + 1)));
	FAILS(EINVAL, readlink(".", got, sizeof got));
	memset(target, 't', sizeof target);
	target[PATH_MAX - 1] = 0;
	OK(symlink(target, "long"));
	CHECK(readlink("long", got, sizeof got) == PATH_MAX - 1 && memcmp(got, target, PATH_MAX - 1) == 0);
	CHECK(posix_stat("long").st_size == PATH_MAX - 1);
	OK(symlink("b", "a"));
	OK(symlink("a", "b"));
	FAILS(ELOOP, open("a", O_RDONLY));
	FAILS(ELOOP, chmod("a", 0644));
	struct timespec times[2] = { { 1, 2 }, { 3, 4 } };
	OK(utimensat(AT_FDCWD, "a", times, AT_SYMLINK_NOFOLLOW));
	CHECK(posix_ns(posix_stat("a").st_mtim) == 3000000004);
}

static void subject_rename(void)
{
	posix_put("a", "a");
	posix_put("b", "b");
	CHANGES("a", "c", rename("a", "c") < 0 ? -1 : rename("c", "a"));
	OK(rename("a", "b"));
	CHECK(posix_holds("b", "a"));
	FAILS(ENOENT, rename("a", "b"));
	FAILS(ENOENT, rename("b", "none/b"));
	FAILS(ENAMETOOLONG, rename("b", name_of(NAME_MAX + 1)));
	OK(mkdir("d", 0755));
	OK(mkdir("e", 0755));
	FAILS(EISDIR, rename("b", "d"));
	FAILS(ENOTDIR, rename("d", "b"));
	FAILS(ENOTDIR, rename("b/x", "c"));
	FAILS(EBUSY, rename("d", "."));
	OK(rename("d", "e"));
	OK(mkdir("e/below", 0755));
	FAILS(EINVAL, rename("e", "e/below/x"));
	OK(mkdir("d", 0755));
	FAILS(ENOTEMPTY, rename("d", "e"));
	CHANGES("e", "cm", rename("e/below", "d/below"));
	CHECK(posix_stat("e").st_nlink == 2 && posix_stat("d").st_nlink == 3);
	CHECK(posix_stat("d/below/..").st_ino == posix_stat("d").st_ino);
	posix_put("one", "1");
	OK(link("one", "two"));
	OK(rename("one", "two"));
	CHECK(posix_stat("one").st_nlink == 2);
	FAILS(EEXIST, renameat2(AT_FDCWD, "one", AT_FDCWD, "b", RENAME_NOREPLACE));
	OK(renameat2(AT_FDCWD, "one", AT_FDCWD, "new", RENAME_NOREPLACE));
	OK(renameat2(AT_FDCWD, "new", AT_FDCWD, "d", RENAME_EXCHANGE));
	CHECK(posix_holds("d", "1") && S_ISDIR(posix_stat("new").st_mode));
	FAILS(ENOENT, renameat2(AT_FDCWD, "new", AT_FDCWD, "nothing", RENAME_EXCHANGE));
	FAILS(EINVAL, renameat2(AT_FDCWD, "new", AT_FDCWD, "x", RENAME_EXCHANGE | RENAME_NOREPLACE));
	FAILS(EINVAL, renameat2(AT_FDCWD, "new", AT_FDCWD, "new/below/x", RENAME_NOREPLACE));
	/* What overlayfs needs of the file system that it writes to. */
	posix_put("lower", "text");
	OK(renameat2(AT_FDCWD, "lower", AT_FDCWD, "upper", RENAME_WHITEOUT));
	CHECK(posix_holds("upper", "text") && S_ISCHR(posix_stat("lower").st_mode) && posix_mode("lower") == 0);
	CHECK(posix_stat("lower").st_rdev == 0 && posix_stat("lower").st_uid == geteuid());
	FAILS(EEXIST, renameat2(AT_FDCWD, "upper", AT_FDCWD, "lower", RENAME_WHITEOUT | RENAME_NOREPLACE));
	FAILS(EINVAL, renameat2(AT_FDCWD, "upper", AT_FDCWD, "lower", RENAME_WHITEOUT | RENAME_EXCHANGE));
	OK(symlink("b", "l"));
	OK(rename("l", "m"));
	CHECK(S_ISLNK(posix_stat("m").st_mode));
	posix_put("victim", "victim");
	int fd = open("victim", O_RDONLY);
	OK(rename("b", "victim"));
	char buffer[8];
	CHECK(pread(fd, buffer, 8, 0) == 6);
	OK(close(fd));
}

/* PATH is LEN bytes of directories "n.../" that are made on the way, ended by a name. */
static void make_path(char *path, size_t len)
{
	enum { PART = 200 };
	size_t at = 0;

	while (len - at > PART + 1) {
		memset(path + at, 'n', PART - 1);
		path[at + PART - 1] = 0;
		if (mkdir(path, 0755) != 0)
			posix_check(false, "a directory on the way");
		path[at + PART - 1] = '/';
		at += PART;
	}
	memset(path + at, 'n', len - at);
	path[len] = 0;
}

static void subject_long_paths(void)
{
	char path[PATH_MAX + 1], got[PATH_MAX];

	make_path(path, PATH_MAX - 1);
	posix_put(path, "at the end of the way");
	CHECK(posix_holds(path, "at the end of the way") && posix_stat(path).st_nlink == 1);
	CHECK(realpath(path, got) == NULL && errno == ENAMETOOLONG);
	OK(rename(path, "near"));
	OK(rename("near", path));
	OK(link(path, "near"));
	OK(unlink(path));
	path[PATH_MAX - 1] = 'n';
	path[PATH_MAX] = 0;
	FAILS(ENAMETOOLONG, open(path, O_RDONLY));
	FAILS(ENAMETOOLONG, open(path, O_WRONLY | O_CREAT, 0644));
	/* The way back, from the deepest directory on. */
	path[PATH_MAX - 1] = 0;
	for (char *slash; (slash = strrchr(path, '/'));) {
		*slash = 0;
		if (rmdir(path) != 0)
			posix_check(false, "a directory on the way back");
	}
	CHECK(posix_stat(".").st_nlink == 2);
}

static void subject_mknod(void)
{
	umask(0);
	OK(mkfifo("fifo", 0640));
	CHECK(S_ISFIFO(posix_stat("fifo").st_mode) && posix_mode("fifo") == 0640);
	FAILS(EEXIST, mkfifo("fifo", 0640));
	FAILS(ENOENT, mkfifo("none/fifo", 0640));
	FAILS(ENXIO, open("fifo", O_WRONLY | O_NONBLOCK));
	OK(mknod("socket", S_IFSOCK | 0600, 0));
	CHECK(S_ISSOCK(posix_stat("socket").st_mode));
	FAILS(ENXIO, open("socket", O_RDONLY));
	OK(mknod("plain", S_IFREG | 0604, 0));
	CHECK(S_ISREG(posix_stat("plain").st_mode) && posix_mode("plain") == 0604);
	FAILS(EEXIST, mknod("plain", S_IFREG | 0604, 0));
	FAILS(EPERM, mknod("dir", S_IFDIR | 0755, 0));
	if (!posix_is_root())
		return;
	OK(mknod("block", S_IFBLK | 0600, makedev(259, 70000)));
	OK(mknod("char", S_IFCHR | 0600, makedev(5, 1)));
	CHECK(S_ISBLK(posix_stat("block").st_mode) && posix_stat("block").st_rdev == makedev(259, 70000));
	CHECK(S_ISCHR(posix_stat("char").st_mode) && posix_stat("char").st_rdev == makedev(5, 1));
	OK(chmod("char", 0644));
	CHECK(posix_mode("char") == 0644);
}

static void subject_readdir(void)
{
	enum { FILES = 700 };
	char name[32], behind[256] = "";
	unsigned count = 0, wrong = 0;
	struct dirent *entry;
	long middle = 0;

	for (unsigned i = 0; i < FILES; i++) {
		snprintf(name, sizeof name, "%u", i);
		posix_put(name, "");
	}
	DIR *dir = opendir(".");
	while ((entry = readdir(dir))) {
		struct stat st;
		wrong += fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
		         (strcmp(entry->d_name, "..") != 0 && st.st_ino != entry->d_ino) ||
		         entry->d_type != IFTODT(st.st_mode);
		if (++count == 300)
			middle = telldir(dir);
		if (count == 301)
			snprintf(behind, sizeof behind, "%s", entry->d_name);
	}
	CHECK(count == FILES + 2);
	CHECK(wrong == 0);
	seekdir(dir, middle);
	entry = readdir(dir);
	CHECK(entry && strcmp(entry->d_name, behind) == 0);
	rewinddir(dir);
	posix_put("new", "");
	rewinddir(dir);
	for (count = 0; (entry = readdir(dir)); count++)
		;
	CHECK(count == FILES + 3);
	/* Entries are renamed while they are read: that must come to an end. */
	rewinddir(dir);
	for (count = 0; (entry = readdir(dir)) && count < 20 * FILES; count++) {
		snprintf(name, sizeof name, "renamed-%u", count);
		if (entry->d_name[0] != '.')
			rename(entry->d_name, name);
	}
	CHECK(count < 20 * FILES);
	/* Entries go while they are read. */
	rewinddir(dir);
	for (count = 0; (entry = readdir(dir)); count++)
		unlinkat(dirfd(dir), entry->d_name, 0);
	CHECK(count == FILES + 3);
	rewinddir(dir);
	for (count = 0; (entry = readdir(dir)); count++)
		;
	CHECK(count == 2);
	closedir(dir);
}

const struct posix_subject posix_names[] = {
	{ "bytes", subject_bytes }, { "mkdir", subject_mkdir }, { "rmdir", subject_rmdir },
	{ "open", subject_open }, { "link", subject_link }, { "unlink", subject_unlink },
	{ "symlink", subject_symlink }, { "rename", subject_rename }, { "long-paths", subject_long_paths },
	{ "mknod", subject_mknod }, { "readdir", subject_readdir }, { NULL, NULL },
};
