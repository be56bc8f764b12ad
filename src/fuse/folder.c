/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fuse/folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"
#include "base/io.h"

/* The files that belong to a store, by what their names have more than its own. */
static const struct rule {
	const char *suffix;
	bool make, remove, replace;   /* replace: by the one whose suffix has ".tmp" more */
} rules[] = {
	{ "", false, false, false },
	{ ".shm", true, true, false },
	{ ".idx", false, true, true },
	{ ".idx.tmp", true, true, false },
};

static const struct rule *rule_of(const struct srd_folder *folder, const char name[SRD_WIRE_NAME])
{
	size_t len = strlen(folder->name);

	if (!memchr(name, 0, SRD_WIRE_NAME) || strncmp(name, folder->name, len) != 0)
		return NULL;
	for (size_t i = 0; i < SRD_LEN(rules); i++)
		if (strcmp(name + len, rules[i].suffix) == 0)
			return &rules[i];
	return NULL;
}

/* A file beside the store that somebody else put there is none of the store's. */
static int check_owner(const struct srd_folder *folder, int fd, const struct rule *rule)
{
	struct stat st, store;

	if (fstat(fd, &st) != 0 || fstatat(folder->fd, folder->name, &store, AT_SYMLINK_NOFOLLOW) != 0)
		return srd_errno();
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (rule->suffix[0] == 0)
		return 0;
	if (!S_ISREG(st.st_mode) || st.st_nlink > 1)
		return -EACCES;
	return st.st_uid == store.st_uid || st.st_uid == 0 || st.st_uid == geteuid() ? 0 : -EACCES;
}

/* As the store is, for whoever may use that: the worker has no right to see to it. */
static int share(const struct srd_folder *folder, int fd)
{
	struct stat store;

	if (fstatat(folder->fd, folder->name, &store, AT_SYMLINK_NOFOLLOW) != 0)
		return srd_errno();
	return srd_io_share(fd, &store);
}

/* What the kernel knows of a mount is of one store: the next worker must not go on with
 * another that has its name by now.  Kept, so that its number is not another's, either. */
static int check_same(struct srd_folder *folder, int fd)
{
	struct stat st, first;

	if (folder->store < 0)
		folder->store = openat(folder->fd, folder->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (folder->store < 0 || fstat(folder->store, &first) != 0 || fstat(fd, &st) != 0)
		return srd_errno();
	return st.st_dev == first.st_dev && st.st_ino == first.st_ino ? 0 : SRD_EREPLACED;
}

static int open_file(struct srd_folder *folder, const struct rule *rule, const struct srd_wire *request,
                     int *descriptor)
{
	const int harmless = O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC | O_LARGEFILE;
	int flags = (int)request->flags & ~harmless;

	if (flags & ~(O_ACCMODE | (rule->make ? O_CREAT | O_EXCL : 0)) || (request->mode & ~0666U))
		return -EACCES;
	if (folder->read_only && flags != O_RDONLY)
		return -EROFS;
	int fd = openat(folder->fd, request->names[0], flags | harmless, request->mode);
	if (fd < 0)
		return srd_errno();
	int error = check_owner(folder, fd, rule);
	if (!error && rule == &rules[0])
		error = check_same(folder, fd);
	if (!error && (flags & O_CREAT))
		error = share(folder, fd);
	if (error)
		close(fd);
	else
		*descriptor = fd;
	return error;
}

static int rename_file(const struct srd_folder *folder, const struct rule *to, const struct srd_wire *request)
{
	char from[SRD_WIRE_NAME + 8];

	snprintf(from, sizeof from, "%s.tmp", request->names[1]);
	if (!to->replace || strcmp(request->names[0], from) != 0 || request->flags != 0)
		return -EACCES;
	return renameat(folder->fd, request->names[0], folder->fd, request->names[1]) == 0 ? 0 : srd_errno();
}

int srd_folder_run(struct srd_folder *folder, const struct srd_wire *request, int *descriptor)
{
	const struct rule *rule = rule_of(folder, request->names[0]);

	*descriptor = -1;
	if (request->kind == SRD_WIRE_SYNC)
		return fsync(folder->fd) == 0 ? 0 : srd_errno();
	if (!rule)
		return -EACCES;
	if (request->kind == SRD_WIRE_OPEN)
		return open_file(folder, rule, request, descriptor);
	if (folder->read_only)
		return -EROFS;
	if (request->kind == SRD_WIRE_UNLINK && rule->remove)
		return unlinkat(folder->fd, request->names[0], 0) == 0 ? 0 : srd_errno();
	const struct rule *to = request->kind == SRD_WIRE_RENAME ? rule_of(folder, request->names[1]) : NULL;
	return to ? rename_file(folder, to, request) : -EACCES;
}

void srd_folder_close(const struct srd_folder *folder)
{
	if (folder->store >= 0)
		close(folder->store);
	if (folder->fd >= 0)
		close(folder->fd);
}
