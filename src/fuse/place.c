/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fuse/place.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"

/* The latter to who was asking as it went. */
bool srd_place_is_dead(int error)
{
	return abs(error) == ENOTCONN || abs(error) == ECONNABORTED;
}

int srd_place_resolve(const char *path, char **absolute)
{
	SRD_AUTO_FREE char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	for (size_t len = strlen(copy); len > 1 && copy[len - 1] == '/'; len--)
		copy[len - 1] = 0;
	char *whole = realpath(copy, NULL);
	if (whole || !srd_place_is_dead(errno)) {
		if (!whole)
			return srd_errno();
		*absolute = whole;
		return 0;
	}
	/* All but the last component answer. */
	char *slash = strrchr(copy, '/');
	const char *name = slash ? slash + 1 : copy;
	if (slash)
		*slash = 0;
	SRD_AUTO_FREE char *dir = realpath(!slash ? "." : slash == copy ? "/" : copy, NULL);
	if (!dir)
		return srd_errno();
	if (asprintf(absolute, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, name) < 0)
		return -ENOMEM;
	return 0;
}

bool srd_place_is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	if (strcmp(dir, "/") == 0)
		return true;
	return strncmp(path, dir, len) == 0 && (path[len] == 0 || path[len] == '/');
}

/* Undoes mountinfo's escapes (\040 for a space) in place. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		unsigned value;
		if (*from == '\\' && sscanf(from + 1, "%3o", &value) == 1 && value < 256) {
			*to = (char)value;
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = 0;
}

/* The device of the mount that is seen at MOUNTPOINT, and whether it is one of ours;
 * -ENOENT: none is.  The file system itself is not asked: it may not answer. */
static int find(const char *mountpoint, dev_t *dev, bool *ours)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	SRD_AUTO_FREE char *line = NULL;
	size_t size = 0;
	int error = -ENOENT;

	if (!file)
		return srd_errno();
	/* ID PARENT DEVICE ROOT PLACE OPTIONS [TAGS...] - TYPE SOURCE ...; the last
	 * one at a place is on top. */
	while (getline(&line, &size, file) > 0) {
		char place[PATH_MAX + 1];
		unsigned major, minor;
		const char *type = strstr(line, " - ");
		if (!type || sscanf(line, "%*s %*s %u:%u %*s %4096s", &major, &minor, place) != 3)
			continue;
		unescape(place);
		if (strcmp(place, mountpoint) != 0)
			continue;
		*ours = strncmp(type + 3, "fuse.srdfs ", 11) == 0;
		*dev = makedev(major, minor);
		error = 0;
	}
	fclose(file);
	return error;
}

int srd_place_device(const char *mountpoint, dev_t *dev)
{
	bool ours;

	return find(mountpoint, dev, &ours);
}

/* An ordinary user's way to unmount. */
static int run_fusermount(const char *mountpoint)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return srd_errno();
	if (pid == 0) {
		execlp("fusermount3", "fusermount3", "-u", "-z", "-q", "--", mountpoint, (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return srd_errno();
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPERM;
}

static int detach(const char *mountpoint)
{
	if (umount2(mountpoint, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		return 0;
	return errno == EPERM ? run_fusermount(mountpoint) : srd_errno();
}

int srd_place_clear(const char *mountpoint)
{
	struct statvfs st;
	dev_t dev;
	bool ours;

	/* Not stat(): that may be answered from what the kernel remembers. */
	if (statvfs(mountpoint, &st) == 0 || !srd_place_is_dead(errno))
		return 0;
	return find(mountpoint, &dev, &ours) == 0 && ours ? detach(mountpoint) : 0;
}

int srd_place_detach(const char *mountpoint, dev_t dev)
{
	dev_t seen;
	bool ours;
	int error = find(mountpoint, &seen, &ours);

	/* Something else may have been mounted over it. */
	if (error)
		return error;
	return seen == dev ? detach(mountpoint) : -EBUSY;
}
