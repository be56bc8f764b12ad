/* SPDX-License-Identifier: Apache-2.0 */
/* attributes.c - times, extended attributes, access lists, the file system's own. */
#include "config.h"

#include "posix.h"

#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <time.h>

static void subject_utimensat(void)
{
	static const int64_t seconds[] = { -100000, -1, 0, 1, 1LL << 31, (1LL << 32) + 5, 1LL << 33 };
	struct timespec some[2] = { { 0, UTIME_OMIT }, { 55, 66 } };

	posix_put("f", "text");
	for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
		struct timespec times[2] = { { seconds[i], 999999999 }, { seconds[i], 1 } };
		OK(utimensat(AT_FDCWD, "f", times, 0));
		CHECK(posix_ns(posix_stat("f").st_atim) == posix_ns(times[0]) &&
		      posix_ns(posix_stat("f").st_mtim) == posix_ns(times[1]));
	}
	CHANGES("f", "cm", utimensat(AT_FDCWD, "f", some, 0));
	CHECK(posix_ns(posix_stat("f").st_mtim) == 55000000066);
	some[0] = (struct timespec){ 77, 88 };
	some[1].tv_nsec = UTIME_OMIT;
	CHANGES("f", "ac", utimensat(AT_FDCWD, "f", some, 0));
	OK(utimensat(AT_FDCWD, "f", NULL, 0));
	CHECK(llabs(posix_stat("f").st_mtim.tv_sec - (long long)time(NULL)) <= 1);
	some[0].tv_nsec = some[1].tv_nsec = UTIME_NOW;
	CHANGES("f", "acm", utimensat(AT_FDCWD, "f", some, 0));
	int fd = open("f", O_RDWR);
	struct timespec old[2] = { { 3, 4 }, { 5, 6 } };
	OK(write(fd, "later", 5));
	OK(futimens(fd, old));
	OK(close(fd));
	CHECK(posix_ns(posix_stat("f").st_mtim) == 5000000006);
	FAILS(ENOENT, utimensat(AT_FDCWD, "none", NULL, 0));
	old[0].tv_nsec = 1000000000;
	FAILS(EINVAL, utimensat(AT_FDCWD, "f", old, 0));
}

static bool value_is(const char *path, const char *name, const char *value)
{
	char got[256];

	return getxattr(path, name, got, sizeof got) == (ssize_t)strlen(value) && memcmp(got, value, strlen(value)) == 0;
}

static void xattr_as_nobody(void)
{
	char list[256];

	FAILS(EACCES, setxattr("f", "user.x", "x", 1, 0));
	CHECK(value_is("f", "user.keep", "kept"));
	CHECK(listxattr("f", list, sizeof list) == 10);
	FAILS(EPERM, setxattr("f", "trusted.x", "x", 1, 0));
	FAILS(ENODATA, getxattr("f", "trusted.t", list, sizeof list));
	FAILS(EPERM, setxattr("f", "security.x", "x", 1, 0));
}

static void subject_xattr(void)
{
	char list[256], name[300] = "user.", small[2];

	posix_put("f", "text");
	CHECK(listxattr("f", list, sizeof list) == 0);
	FAILS(ENODATA, getxattr("f", "user.a", list, sizeof list));
	CHANGES("f", "c", setxattr("f", "user.a", "value", 5, 0));
	CHECK(value_is("f", "user.a", "value"));
	CHECK(getxattr("f", "user.a", NULL, 0) == 5);
	FAILS(ERANGE, getxattr("f", "user.a", small, sizeof small));
	FAILS(EEXIST, setxattr("f", "user.a", "x", 1, XATTR_CREATE));
	FAILS(ENODATA, setxattr("f", "user.b", "x", 1, XATTR_REPLACE));
	OK(setxattr("f", "user.b", "", 0, XATTR_CREATE));
	OK(setxattr("f", "user.a", "other", 5, XATTR_REPLACE));
	CHECK(value_is("f", "user.a", "other") && value_is("f", "user.b", ""));
	CHECK(listxattr("f", NULL, 0) == 14 && listxattr("f", list, sizeof list) == 14);
	CHECK(memmem(list, 14, "user.a", 7) && memmem(list, 14, "user.b", 7));
	FAILS(ERANGE, listxattr("f", small, sizeof small));
	CHANGES("f", "c", removexattr("f", "user.a"));
	FAILS(ENODATA, removexattr("f", "user.a"));
	FAILS(EOPNOTSUPP, setxattr("f", "nonsense", "x", 1, 0));
	FAILS(EOPNOTSUPP, setxattr("f", "system.nonsense", "x", 1, 0));
	memset(name + 5, 'n', 250);
	OK(setxattr("f", name, "long", 4, 0));
	CHECK(value_is("f", name, "long"));
	name[255] = 'n';
	FAILS(ERANGE, setxattr("f", name, "long", 4, 0));
	OK(mkdir("d", 0755));
	OK(setxattr("d", "user.d", "dir", 3, 0));
	CHECK(value_is("d", "user.d", "dir"));
	OK(symlink("f", "l"));
	FAILS(EPERM, lsetxattr("l", "user.l", "x", 1, 0));
	OK(mkfifo("p", 0644));
	FAILS(EPERM, setxattr("p", "user.p", "x", 1, 0));
	OK(rename("f", "g"));
	CHECK(value_is("g", "user.b", ""));
	OK(rename("g", "f"));
	int fd = open("f", O_RDWR);
	OK(fsetxattr(fd, "user.keep", "kept", 4, 0));
	OK(removexattr("f", "user.b"));
	name[255] = 0;
	OK(removexattr("f", name));
	if (posix_is_root()) {
		OK(lsetxattr("l", "trusted.l", "x", 1, 0));
		OK(setxattr("f", "trusted.t", "secret", 6, 0));
		posix_as(NOBODY, NOBODY, xattr_as_nobody);
	}
	OK(unlink("f"));
	OK(fsetxattr(fd, "user.gone", "g", 1, 0));
	CHECK(fgetxattr(fd, "user.keep", list, sizeof list) == 4 && fgetxattr(fd, "user.gone", list, 5) == 1);
	OK(close(fd));
}

/* ---- Access lists ---- */

#define ACCESS "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"
enum { USER_OBJ = 1, USER = 2, GROUP_OBJ = 4, GROUP = 8, MASK = 16, OTHER = 32, NO_ID = -1 };

struct entry {
	uint16_t tag, permissions;
	uint32_t id;
};

static int set_list(const char *path, const char *name, const struct entry *entries, size_t count)
{
	struct { uint32_t version; struct entry entries[8]; } list = { .version = 2 };

	memcpy(list.entries, entries, count * sizeof *entries);
	return setxattr(path, name, &list, 4 + count * sizeof *entries, 0);
}

/* The entries of a list as text: "u7" for USER_OBJ with 7. */
static const char *list_of(const char *path, const char *name)
{
	static char text[128];
	struct { uint32_t version; struct entry entries[8]; } list;
	ssize_t len = getxattr(path, name, &list, sizeof list);
	char *at = text;

	*at = 0;
	for (ssize_t i = 0; i < (len - 4) / (ssize_t)sizeof(struct entry); i++) {
		const struct entry *entry = &list.entries[i];
		const char *tag = entry->tag == USER_OBJ ? "u" : entry->tag == USER ? "U" : entry->tag == GROUP_OBJ ? "g"
		                  : entry->tag == GROUP ? "G" : entry->tag == MASK ? "m" : "o";
		at += sprintf(at, "%s%u", tag, entry->permissions);
	}
	return text;
}

/* Who sets a list and is not in the file's group takes setgid away, as by chmod(). */
static void set_list_on_own(void)
{
	static const struct entry list[] = {
		{ USER_OBJ, 7, NO_ID }, { USER, 7, SOMEBODY }, { GROUP_OBJ, 5, NO_ID }, { MASK, 7, NO_ID }, { OTHER, 5, NO_ID },
	};

	OK(set_list("own", ACCESS, list, 5));
	CHECK(posix_mode("own") == 0775);
	FAILS(EPERM, set_list("f", ACCESS, list, 5));
	FAILS(EPERM, removexattr("f", ACCESS));
}

static const struct entry nobody_may[] = {
	{ USER_OBJ, 7, NO_ID }, { USER, 6, NOBODY }, { GROUP_OBJ, 0, NO_ID }, { MASK, 7, NO_ID }, { OTHER, 0, NO_ID },
};

static void allowed_by_list(void)
{
	OK(close(open("f", O_RDWR)));
}

static void bounded_by_mask(void)
{
	OK(close(open("f", O_RDONLY)));
	FAILS(EACCES, open("f", O_RDWR));
	FAILS(EPERM, set_list("f", ACCESS, nobody_may, 5));
}

static void not_in_list(void)
{
	FAILS(EACCES, open("f", O_RDONLY));
}

static void subject_acl(void)
{
	static const struct entry minimal[] = { { USER_OBJ, 6, NO_ID }, { GROUP_OBJ, 4, NO_ID }, { OTHER, 4, NO_ID } };

	posix_put("f", "x");
	CHANGES("f", "c", set_list("f", ACCESS, nobody_may, 5));
	CHECK(posix_mode("f") == 0770);
	CHECK(strcmp(list_of("f", ACCESS), "u7U6g0m7o0") == 0);
	if (posix_is_root()) {
		posix_as(NOBODY, NOBODY, allowed_by_list);
		posix_as(SOMEBODY, SOMEBODY, not_in_list);
	}
	OK(chmod("f", 0744));
	CHECK(strcmp(list_of("f", ACCESS), "u7U6g0m4o4") == 0 && posix_mode("f") == 0744);
	OK(chmod("f", 0740));
	if (posix_is_root())
		posix_as(NOBODY, NOBODY, bounded_by_mask);
	OK(set_list("f", ACCESS, minimal, 3));
	CHECK(posix_mode("f") == 0644);
	FAILS(ENODATA, getxattr("f", ACCESS, NULL, 0));
	OK(removexattr("f", ACCESS));
	FAILS(EINVAL, set_list("f", ACCESS, nobody_may, 4));
	FAILS(EACCES, set_list("f", DEFAULT, nobody_may, 5));
	OK(set_list("f", ACCESS, nobody_may, 5));
	OK(removexattr("f", ACCESS));
	CHECK(posix_mode("f") == 0770);
	if (!posix_is_root())
		return;
	posix_put("own", "x");
	OK(chown("own", NOBODY, SOMEBODY));
	OK(chmod("own", 02755));
	posix_as(NOBODY, NOBODY, set_list_on_own);
}

static void subject_acl_default(void)
{
	static const struct entry wide[] = {
		{ USER_OBJ, 7, NO_ID }, { USER, 7, NOBODY }, { GROUP_OBJ, 5, NO_ID }, { MASK, 7, NO_ID }, { OTHER, 5, NO_ID },
	};
	static const struct entry minimal[] = { { USER_OBJ, 7, NO_ID }, { GROUP_OBJ, 7, NO_ID }, { OTHER, 0, NO_ID } };

	OK(mkdir("d", 0755));
	OK(set_list("d", DEFAULT, wide, 5));
	CHECK(posix_mode("d") == 0755);
	/* The umask has no say here. */
	umask(077);
	OK(close(open("d/f", O_CREAT | O_WRONLY, 0666)));
	CHECK(posix_mode("d/f") == 0664 && strcmp(list_of("d/f", ACCESS), "u6U7g5m6o4") == 0);
	FAILS(ENODATA, getxattr("d/f", DEFAULT, NULL, 0));
	OK(mkdir("d/e", 0777));
	CHECK(posix_mode("d/e") == 0775 && strcmp(list_of("d/e", ACCESS), "u7U7g5m7o5") == 0);
	CHECK(strcmp(list_of("d/e", DEFAULT), "u7U7g5m7o5") == 0);
	OK(mkdir("d/e/deeper", 0700));
	CHECK(posix_mode("d/e/deeper") == 0700 && strcmp(list_of("d/e/deeper", ACCESS), "u7U7g5m0o0") == 0);
	OK(mkfifo("d/p", 0666));
	CHECK(strcmp(list_of("d/p", ACCESS), "u6U7g5m6o4") == 0);
	int fd = open("d", O_TMPFILE | O_WRONLY, 0666);
	CHECK(fgetxattr(fd, ACCESS, NULL, 0) == 44);
	OK(close(fd));
	OK(symlink("x", "d/l"));
	CHECK(posix_mode("d/l") == 0777);
	OK(set_list("d", DEFAULT, minimal, 3));
	OK(mkdir("d/m", 0777));
	CHECK(posix_mode("d/m") == 0770 && strcmp(list_of("d/m", DEFAULT), "u7g7o0") == 0);
	FAILS(ENODATA, getxattr("d/m", ACCESS, NULL, 0));
	OK(removexattr("d", DEFAULT));
	OK(mkdir("d/n", 0777));
	CHECK(posix_mode("d/n") == 0700);
}

static void subject_statvfs(void)
{
	struct statvfs fs;

	OK(statvfs(".", &fs));
	CHECK(fs.f_namemax == 255);
	CHECK(fs.f_blocks > 0 && fs.f_bavail <= fs.f_bfree && fs.f_bfree <= fs.f_blocks);
	CHECK(fs.f_files > 0 && fs.f_ffree <= fs.f_files);
	CHECK(fs.f_bsize >= 512 && fs.f_frsize >= 512);
}

/* A handle opens its file whatever the kernel has forgotten, until it is removed. */
static void subject_handles(void)
{
	struct { struct file_handle handle; unsigned char bytes[MAX_HANDLE_SZ]; } f, d;
	int mount_id, root;
	char text[8];

	if (!posix_is_root())
		return;
	posix_put("f", "text");
	OK(mkdir("d", 0755));
	f.handle.handle_bytes = d.handle.handle_bytes = MAX_HANDLE_SZ;
	OK(name_to_handle_at(AT_FDCWD, "f", &f.handle, &mount_id, 0));
	OK(name_to_handle_at(AT_FDCWD, "d", &d.handle, &mount_id, 0));
	root = open(".", O_RDONLY);
	OK(rename("f", "d/g"));
	int caches = open("/proc/sys/vm/drop_caches", O_WRONLY);
	if (caches >= 0 && write(caches, "2", 1) == 1)
		close(caches);
	int fd = open_by_handle_at(root, &f.handle, O_RDONLY);
	CHECK(read(fd, text, sizeof text) == 4);
	OK(close(fd));
	fd = open_by_handle_at(root, &d.handle, O_RDONLY);
	OK(faccessat(fd, "g", R_OK, 0));
	OK(faccessat(fd, "../d/g", R_OK, 0));
	OK(close(fd));
	OK(unlink("d/g"));
	/* A FUSE kernel keeps the inode until the daemon has answered RELEASE. */
	for (int tries = 0; tries < 100 && (fd = open_by_handle_at(root, &f.handle, O_RDONLY)) >= 0; tries++) {
		close(fd);
		posix_tick();
	}
	CHECK(fd < 0 && errno == ESTALE);
	OK(close(root));
}

static void subject_stat(void)
{
	char bytes[10000];

	memset(bytes, 'x', sizeof bytes);
	int fd = open("f", O_WRONLY | O_CREAT, 0644);
	CHECK(write(fd, bytes, sizeof bytes) == sizeof bytes);
	OK(close(fd));
	struct stat st = posix_stat("f");
	CHECK(st.st_size == 10000 && st.st_blocks >= 20 && st.st_blocks <= 24 && st.st_nlink == 1);
	CHECK(st.st_uid == geteuid() && st.st_gid == getegid());
	struct stat again = posix_stat("f");
	CHECK(st.st_ino == again.st_ino && st.st_dev == again.st_dev);
	CHECK(st.st_dev == posix_stat(".").st_dev);
}

/* The time of birth; 0 where the kernel does not ask its file system for it. */
static int64_t birth_of(const char *path)
{
	struct statx st;

	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &st) != 0)
		return -1;
	return st.stx_mask & STATX_BTIME ? st.stx_btime.tv_sec * INT64_C(1000000000) + st.stx_btime.tv_nsec : 0;
}

static void subject_statx(void)
{
	struct timespec times[2] = { { 1, 2 }, { 3, 4 } };
	struct statx st;

	posix_put("f", "text");
	int64_t birth = birth_of("f");
	CHECK(birth == 0 || llabs(birth / 1000000000 - (long long)time(NULL)) <= 2);
	posix_tick();
	posix_put("f", "later");
	OK(utimensat(AT_FDCWD, "f", times, 0));
	OK(chmod("f", 0600));
	OK(rename("f", "g"));
	CHECK(birth_of("g") == birth);
	OK(mkdir("d", 0755));
	OK(symlink("x", "l"));
	CHECK((birth_of("d") > birth && birth_of("l") > birth) || birth == 0);
	/* With the time of birth or without, the rest is the same. */
	OK(statx(AT_FDCWD, "g", 0, STATX_BASIC_STATS | STATX_BTIME, &st));
	struct stat old = posix_stat("g");
	CHECK(st.stx_ino == old.st_ino && st.stx_size == 5 && st.stx_mode == old.st_mode && st.stx_nlink == 1 &&
	      st.stx_blocks == (uint64_t)old.st_blocks && st.stx_uid == old.st_uid && st.stx_gid == old.st_gid);
	CHECK(st.stx_mtime.tv_sec == 3 && st.stx_mtime.tv_nsec == 4 && st.stx_atime.tv_sec == 1 &&
	      st.stx_ctime.tv_sec == old.st_ctim.tv_sec && st.stx_ctime.tv_nsec == old.st_ctim.tv_nsec);
	int fd = open("g", O_RDWR);
	OK(unlink("g"));
	OK(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &st));
	CHECK(st.stx_nlink == 0 && st.stx_size == 5);
	OK(close(fd));
	FAILS(ENOENT, statx(AT_FDCWD, "g", 0, STATX_BTIME, &st));
	if (!posix_is_root())
		return;
	OK(mknod("device", S_IFCHR | 0600, 0x501));
	OK(statx(AT_FDCWD, "device", 0, STATX_BASIC_STATS | STATX_BTIME, &st));
	CHECK(st.stx_rdev_major == 5 && st.stx_rdev_minor == 1);
}

/* Many attributes, and as large ones as ext4 takes. */
static void subject_many_xattrs(void)
{
	char name[32], value[3000], got[3000], list[4096];
	int wrong = 0;

	posix_put("f", "x");
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof name, "user.number-%d", i);
		wrong += setxattr("f", name, name, strlen(name), XATTR_CREATE) != 0;
	}
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof name, "user.number-%d", i);
		wrong += !value_is("f", name, name);
	}
	ssize_t len = listxattr("f", list, sizeof list), count = 0;
	for (ssize_t at = 0; at < len; at += (ssize_t)strlen(list + at) + 1)
		count++;
	CHECK(wrong == 0 && count == 40);
	posix_put("g", "x");
	memset(value, 'v', sizeof value);
	OK(setxattr("g", "user.large", value, sizeof value, 0));
	CHECK(getxattr("g", "user.large", got, sizeof got) == 3000 && memcmp(got, value, 3000) == 0);
	FAILS(ERANGE, getxattr("g", "user.large", got, 2999));
	char *huge = calloc(1, 65537);
	FAILS(E2BIG, setxattr("g", "user.huge", huge, 65537, 0));
	free(huge);
	OK(removexattr("g", "user.large"));
	CHECK(listxattr("g", list, sizeof list) == 0);
}

const struct posix_subject posix_attributes[] = {
	{ "utimensat", subject_utimensat }, { "xattr", subject_xattr }, { "acl", subject_acl },
	{ "acl-default", subject_acl_default }, { "statvfs", subject_statvfs }, { "handles", subject_handles }, { "stat", subject_stat }, { "statx", subject_statx },
	{ "many-xattrs", subject_many_xattrs },
	{ NULL, NULL },
};
