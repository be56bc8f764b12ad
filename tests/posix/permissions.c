/* SPDX-License-Identifier: Apache-2.0 */
/* permissions.c - who may do what, and what is taken away from whom.  Only root can
 * try to be others. */
#include "config.h"

#include "posix.h"

#include <linux/falloc.h>
#include <sys/xattr.h>

static void subject_chmod(void)
{
	posix_put("f", "x");
	CHANGES("f", "c", chmod("f", 07777));
	CHECK(posix_mode("f") == 07777);
	OK(chmod("f", 0));
	CHECK(posix_mode("f") == 0);
	FAILS(ENOENT, chmod("none", 0644));
	FAILS(ENOTDIR, chmod("f/x", 0644));
	OK(mkdir("d", 0700));
	OK(chmod("d", 03755));
	CHECK(posix_mode("d") == 03755);
	OK(symlink("d", "l"));
	OK(chmod("l", 0700));
	CHECK(posix_mode("d") == 0700 && posix_mode("l") == 0777);
}

static void chown_as_nobody(void)
{
	FAILS(EPERM, chown("f", NOBODY, (gid_t)-1));
	FAILS(EPERM, chmod("f", 0777));
	OK(chown("mine", NOBODY, NOBODY));
	FAILS(EPERM, chown("mine", 0, (gid_t)-1));
	FAILS(EPERM, chown("mine", (uid_t)-1, 0));
	OK(chmod("mine", 02755));
	/* Not in the group: no setgid. */
	OK(chmod("theirs", 02755));
	CHECK(posix_mode("theirs") == 0755);
	OK(chmod("mine", 06755));
	OK(chown("mine", (uid_t)-1, NOBODY));
	CHECK(posix_mode("mine") == 0755);
}

static void subject_chown(void)
{
	if (!posix_is_root())
		return;
	posix_put("f", "x");
	CHANGES("f", "c", chown("f", 1, 2));
	CHECK(posix_stat("f").st_uid == 1 && posix_stat("f").st_gid == 2);
	OK(chown("f", (uid_t)-1, 3000000000U));
	CHECK(posix_stat("f").st_uid == 1 && posix_stat("f").st_gid == 3000000000U);
	CHANGES("f", "c", chown("f", (uid_t)-1, (gid_t)-1));
	OK(chmod("f", 06755));
	OK(chown("f", 5, (gid_t)-1));
	CHECK(posix_mode("f") == 0755);
	OK(chmod("f", 06744));
	OK(chown("f", 6, 6));
	CHECK(posix_mode("f") == 02744);
	OK(mkdir("d", 0755));
	OK(chmod("d", 06755));
	OK(chown("d", 5, 5));
	CHECK(posix_mode("d") == 06755);
	OK(symlink("f", "l"));
	OK(lchown("l", 7, 8));
	CHECK(posix_stat("l").st_uid == 7 && posix_stat("f").st_uid == 6);
	FAILS(ENOENT, chown("none", 0, 0));
	posix_put("mine", "x");
	OK(chown("mine", NOBODY, NOBODY));
	posix_put("theirs", "x");
	OK(chown("theirs", NOBODY, SOMEBODY));
	OK(chown("f", 0, 0));
	posix_as(NOBODY, NOBODY, chown_as_nobody);
}

static void write_to_set_id(void)
{
	int fd = open("written", O_WRONLY);
	CHECK(write(fd, "x", 1) == 1);
	CHECK(posix_mode("written") == 0777);
	OK(close(fd));
	OK(truncate("cut", 0));
	CHECK(posix_mode("cut") == 0777);
	OK(close(open("emptied", O_WRONLY | O_TRUNC)));
	CHECK(posix_mode("emptied") == 0777);
	fd = open("shared", O_WRONLY);
	CHECK(write(fd, "x", 1) == 1);
	CHECK(posix_mode("shared") == 0767);
	OK(close(fd));
	fd = open("own", O_WRONLY);
	CHECK(write(fd, "x", 1) == 1);
	CHECK(posix_mode("own") == 02767);
	OK(close(fd));
}

/* Calls that change content without writing it. */
static void allocate_and_copy(void)
{
	int fd = open("allocated", O_RDWR), from = open("written", O_RDONLY);

	OK(fallocate(fd, 0, 0, 10000));
	CHECK(posix_mode("allocated") == 0777);
	OK(close(fd));
	fd = open("punched", O_RDWR);
	OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 2));
	CHECK(posix_mode("punched") == 0777);
	OK(close(fd));
	fd = open("copied", O_WRONLY);
	CHECK(copy_file_range(from, NULL, fd, NULL, 2, 0) == 2);
	CHECK(posix_mode("copied") == 0777);
	OK(close(fd));
	OK(close(from));
}

static void subject_set_id(void)
{
	static const char *const files[] = {
		"written", "cut", "emptied", "root", "shared", "own", "allocated", "punched", "copied",
	};

	if (!posix_is_root())
		return;
	umask(0);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		posix_put(files[i], "text");
		OK(chown(files[i], SOMEBODY, SOMEBODY));
		OK(chmod(files[i], 06777));
	}
	/* Without group execute, members of the group keep it. */
	OK(chmod("shared", 02767));
	OK(chown("own", 0, NOBODY));
	OK(chmod("own", 02767));
	posix_as(NOBODY, NOBODY, write_to_set_id);
	posix_as(NOBODY, NOBODY, allocate_and_copy);
	int fd = open("root", O_WRONLY);
	CHECK(write(fd, "x", 1) == 1);
	CHECK(posix_mode("root") == 06777);
	OK(close(fd));
	OK(truncate("root", 1));
	CHECK(posix_mode("root") == 06777);
}

static void subject_capability(void)
{
	/* cap_net_raw, permitted and effective */
	static const unsigned char value[20] = { 1, 0, 0, 2, 0, 0x20 };
	char got[64];

	if (!posix_is_root())
		return;
	posix_put("f", "x");
	OK(setxattr("f", "security.capability", value, sizeof value, 0));
	CHECK(getxattr("f", "security.capability", got, sizeof got) == 20);
	int fd = open("f", O_WRONLY);
	CHECK(write(fd, "y", 1) == 1);
	FAILS(ENODATA, getxattr("f", "security.capability", got, sizeof got));
	OK(setxattr("f", "security.capability", value, sizeof value, 0));
	OK(ftruncate(fd, 0));
	FAILS(ENODATA, getxattr("f", "security.capability", got, sizeof got));
	OK(setxattr("f", "security.capability", value, sizeof value, 0));
	OK(fchown(fd, 1, 1));
	FAILS(ENODATA, getxattr("f", "security.capability", got, sizeof got));
	OK(setxattr("f", "security.capability", value, sizeof value, 0));
	OK(fchmod(fd, 0755));
	CHECK(getxattr("f", "security.capability", got, sizeof got) == 20);
	OK(fallocate(fd, 0, 0, 10000));
	FAILS(ENODATA, getxattr("f", "security.capability", got, sizeof got));
	OK(setxattr("f", "security.capability", value, sizeof value, 0));
	OK(rename("f", "g"));
	OK(link("g", "f"));
	CHECK(getxattr("f", "security.capability", got, sizeof got) == 20);
	OK(close(open("f", O_WRONLY | O_TRUNC)));
	FAILS(ENODATA, getxattr("f", "security.capability", got, sizeof got));
	OK(close(fd));
}

static void forbidden(void)
{
	FAILS(EACCES, open("private/f", O_RDONLY));
	FAILS(EACCES, open("f", O_WRONLY));
	FAILS(EACCES, open("new", O_WRONLY | O_CREAT, 0644));
	FAILS(EACCES, mkdir("x", 0755));
	FAILS(EACCES, symlink("x", "x"));
	FAILS(EACCES, rename("f", "x"));
	FAILS(EACCES, unlink("f"));
	FAILS(EACCES, rmdir("private"));
	FAILS(EACCES, utimensat(AT_FDCWD, "f", NULL, 0));
	FAILS(EPERM, utimensat(AT_FDCWD, "f", (struct timespec[2]){ { 1, 1 }, { 2, 2 } }, 0));
	FAILS(EACCES, truncate("f", 0));
	FAILS(EACCES, access("f", W_OK));
	OK(access("f", R_OK));
	FAILS(EPERM, unlink("sticky/f"));
	FAILS(EPERM, rename("sticky/f", "sticky/g"));
	FAILS(EPERM, rmdir("sticky/d"));
	posix_put("sticky/mine", "x");
	FAILS(EPERM, rename("sticky/mine", "sticky/f"));
	CHECK(posix_stat("sticky/mine").st_uid == NOBODY && posix_stat("sticky/mine").st_gid == NOBODY);
	OK(rename("sticky/mine", "sticky/own"));
	OK(unlink("sticky/own"));
	FAILS(EPERM, mknod("sticky/device", S_IFCHR | 0600, 0x501));
}

static void subject_access(void)
{
	if (!posix_is_root())
		return;
	OK(mkdir("private", 0700));
	posix_put("private/f", "x");
	posix_put("f", "x");
	OK(mkdir("sticky", 0755));
	OK(chmod("sticky", 01777));
	OK(mkdir("sticky/d", 0777));
	posix_put("sticky/f", "x");
	posix_as(NOBODY, NOBODY, forbidden);
}

static void make_in_group_directory(void)
{
	posix_put("d/f", "x");
	CHECK(posix_stat("d/f").st_gid == SOMEBODY && posix_stat("d/f").st_uid == NOBODY);
	OK(mkdir("d/e", 0755));
	CHECK(posix_stat("d/e").st_gid == SOMEBODY && posix_mode("d/e") == 02755);
	OK(symlink("x", "d/l"));
	CHECK(posix_stat("d/l").st_gid == SOMEBODY);
	/* Not in the group, so no setgid file of it. */
	OK(close(open("d/set", O_WRONLY | O_CREAT, 02755)));
	CHECK(posix_mode("d/set") == 0755);
}

static void subject_setgid_directory(void)
{
	if (!posix_is_root())
		return;
	OK(mkdir("d", 0755));
	OK(chown("d", 0, SOMEBODY));
	OK(chmod("d", 02777));
	posix_as(NOBODY, NOBODY, make_in_group_directory);
}

const struct posix_subject posix_permissions[] = {
	{ "chmod", subject_chmod }, { "chown", subject_chown }, { "set-id", subject_set_id },
	{ "capability", subject_capability }, { "access", subject_access },
	{ "setgid-directory", subject_setgid_directory }, { NULL, NULL },
};
