/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fuse/folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/io.h"
#include "base/le.h"

/* The files that belong to a store, by what their names have more than its own. */
static const struct rule {
	const char *suffix;
	bool make, remove;
	const char *from;             /* suffix of what may be renamed to it; NULL: nothing */
} rules[] = {
	{ "", false, false, ".new" },
	{ ".new", true, true, NULL },
	{ ".shm", true, true, NULL },
	{ ".idx", false, true, ".idx.tmp" },
	{ ".idx.tmp", true, true, NULL },
}, kept_rule = { ".idx.N", false, true, ".idx" };

/* ".idx.0" to ".idx.15", written in this way alone. */
static bool is_kept(const char *suffix)
{
	const char *digits = suffix + strlen(".idx.");

	if (strncmp(suffix, ".idx.", strlen(".idx.")) != 0 || digits[0] < '0' || digits[0] > '9')
		return false;
	return digits[1] == 0 || (digits[0] == '1' && digits[1] >= '0' && digits[1] <= '5' && digits[2] == 0);
}

static const struct rule *rule_of(const struct srd_folder *folder, const char name[SRD_WIRE_NAME])
{
	size_t len = strlen(folder->name);

	if (!memchr(name, 0, SRD_WIRE_NAME) || strncmp(name, folder->name, len) != 0)
		return NULL;
	for (size_t i = 0; i < SRD_LEN(rules); i++)
		if (strcmp(name + len, rules[i].suffix) == 0)
			return &rules[i];
	return is_kept(name + len) ? &kept_rule : NULL;
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

/* True for what is to be the store itself. */
static bool is_next(const struct rule *rule)
{
	return strcmp(rule->suffix, ".new") == 0;
}

/* As the store is, for whoever may use that: the worker has no right to see to it.  Of what is to be
 * the store itself nothing may differ. */
static int share(const struct srd_folder *folder, const struct rule *rule, int fd)
{
	struct stat store, st;

	if (fstatat(folder->fd, folder->name, &store, AT_SYMLINK_NOFOLLOW) != 0)
		return srd_errno();
	int error = srd_io_share(fd, &store);
	if (error || !is_next(rule))
		return error;
	if (fstat(fd, &st) != 0)
		return srd_errno();
	return st.st_uid == store.st_uid && st.st_gid == store.st_gid ? 0 : -EPERM;
}

/* What a file says that it is: of a store only if it begins like one, which is for the worker
 * to see. */
struct identity {
	uint8_t magic[8], uuid[16];
	uint64_t generation;
};

static int identify(int fd, struct identity *identity)
{
	uint8_t bytes[64];
	ssize_t got = pread(fd, bytes, sizeof bytes, 0);

	if (got < 0)
		return srd_errno();
	memset(bytes + got, 0, sizeof bytes - (size_t)got);
	memcpy(identity->magic, bytes, sizeof identity->magic);
	memcpy(identity->uuid, bytes + 40, sizeof identity->uuid);
	identity->generation = srd_get64(bytes + 56);
	return 0;
}

/* True if FD is of what compaction put in the place of FIRST. */
static bool is_successor(int first, int fd)
{
	struct identity old, new;

	return identify(first, &old) == 0 && identify(fd, &new) == 0 &&
	       memcmp(old.magic, new.magic, sizeof old.magic) == 0 &&
	       memcmp(old.uuid, new.uuid, sizeof old.uuid) == 0 && new.generation > old.generation;
}

static int open_store(const struct srd_folder *folder)
{
	return openat(folder->fd, folder->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static bool is_same_file(int a, int b)
{
	struct stat of_a, of_b;

	return fstat(a, &of_a) == 0 && fstat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

/* What the kernel knows of a mount is of one store: a worker must not go on with another
 * that has its name by now, unless that is the same, compacted.  Kept, so that its number
 * is not another's, either. */
static int check_same(struct srd_folder *folder, int fd)
{
	if (folder->store < 0)
		folder->store = open_store(folder);
	if (folder->store < 0)
		return srd_errno();
	if (is_same_file(folder->store, fd))
		return 0;
	if (!is_successor(folder->store, fd))
		return SRD_EREPLACED;
	/* Not a copy of the worker's: its locks are to go with it. */
	int kept = open_store(folder);
	if (kept < 0)
		return srd_errno();
	if (!is_same_file(kept, fd)) {
		close(kept);
		return -EAGAIN;
	}
	close(folder->store);
	folder->store = kept;
	return 0;
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
		error = share(folder, rule, fd);
	if (error)
		close(fd);
	else
		*descriptor = fd;
	return error;
}

/* NAME, which is to be the store, is what the worker has as that, compacted; and that has the
 * store's name still.  *FD: of NAME. */
static int check_next(const struct srd_folder *folder, const char *name, const struct rule *rule, int *fd)
{
	SRD_AUTO_CLOSE int now = open_store(folder);
	struct stat st;

	if (folder->store < 0 || now < 0 || !is_same_file(folder->store, now))
		return SRD_EREPLACED;
	*fd = openat(folder->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (*fd < 0)
		return srd_errno();
	int error = check_owner(folder, *fd, rule);
	if (!error && (fstat(now, &st) != 0 || st.st_nlink > 1 || !is_successor(now, *fd)))
		error = -EACCES;
	if (error)
		close(*fd);
	return error;
}

static int rename_next(struct srd_folder *folder, const struct rule *rule, const struct srd_wire *request)
{
	int fd;
	int error = check_next(folder, request->names[0], rule, &fd);

	if (error)
		return error;
	if (renameat(folder->fd, request->names[0], folder->fd, request->names[1]) != 0) {
		error = srd_errno();
		close(fd);
		return error;
	}
	close(folder->store);
	folder->store = fd;
	return 0;
}

static int rename_file(struct srd_folder *folder, const struct rule *from, const struct rule *to,
                       const struct srd_wire *request)
{
	if (!to->from || strcmp(from->suffix, to->from) != 0 || request->flags != 0)
		return -EACCES;
	if (is_next(from))
		return rename_next(folder, from, request);
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
	if (request->kind == SRD_WIRE_OPEN || (request->kind == SRD_WIRE_OPEN_KEPT && rule == &rules[0]))
		return open_file(folder, rule, request, descriptor);
	if (folder->read_only)
		return -EROFS;
	if (request->kind == SRD_WIRE_UNLINK && rule->remove)
		return unlinkat(folder->fd, request->names[0], 0) == 0 ? 0 : srd_errno();
	const struct rule *to = request->kind == SRD_WIRE_RENAME ? rule_of(folder, request->names[1]) : NULL;
	return to ? rename_file(folder, rule, to, request) : -EACCES;
}

void srd_folder_close(const struct srd_folder *folder)
{
	if (folder->store >= 0)
		close(folder->store);
	if (folder->fd >= 0)
		close(folder->fd);
}
