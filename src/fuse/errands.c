/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fuse/errands.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "fuse/wire.h"

/* Sends REQUEST, with WITH if that is not -1, and waits for what comes of it; *DESCRIPTOR (may be
 * NULL) as srd_wire_receive() has it. */
static int run_with(struct srd_errands *errands, const struct srd_wire *request, int with, int *descriptor)
{
	struct srd_wire answer;
	SRD_LOCK_GUARD(&errands->mutex);
	int error = srd_wire_send(errands->socket, request, with, true);

	if (!error)
		error = srd_wire_receive(errands->socket, &answer, descriptor, true);
	if (error)
		return error;
	return answer.kind == SRD_WIRE_ANSWER ? answer.value : -EBADMSG;
}

static int run(struct srd_errands *errands, const struct srd_wire *request, int *descriptor)
{
	return run_with(errands, request, -1, descriptor);
}

static int set_name(struct srd_wire *request, int which, const char *name)
{
	size_t len = strlen(name);

	if (len >= SRD_WIRE_NAME)
		return -ENAMETOOLONG;
	memcpy(request->names[which], name, len + 1);
	return 0;
}

static bool is_next(const struct srd_errands *errands, const char *name)
{
	size_t len = strlen(errands->name);

	return strncmp(name, errands->name, len) == 0 && strcmp(name + len, ".new") == 0;
}

/* The store's directory is the only one there is. */
static int errand_find(const struct srd_io *io, const char *path, int *dir_fd, char **name)
{
	const struct srd_errands *errands = io->user;
	char *copy = strdup(errands->name);
	(void)path;

	if (!copy)
		return -ENOMEM;
	int fd = fcntl(errands->dir_fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0) {
		int error = srd_errno();
		free(copy);
		return error;
	}
	*dir_fd = fd;
	*name = copy;
	return 0;
}

/* What REQUEST, which lacks but the name, has opened. */
static int open_by(const struct srd_io *io, struct srd_wire *request, const char *name)
{
	int error = set_name(request, 0, name), fd = -1;

	if (!error)
		error = run(io->user, request, &fd);
	if (!error && fd < 0)
		error = -EBADMSG;
	if (error && fd >= 0)
		close(fd);
	return error ? error : fd;
}

static int errand_open(const struct srd_io *io, int dir_fd, const char *name, int flags, unsigned mode)
{
	struct srd_wire request = { .kind = SRD_WIRE_OPEN, .flags = (uint32_t)flags, .mode = mode };
	struct srd_errands *errands = io->user;
	int fd = open_by(io, &request, name);
	(void)dir_fd;

	if (fd >= 0 && (flags & O_ACCMODE) == O_RDWR && strcmp(name, errands->name) == 0)
		errands->store = fd;
	else if (fd >= 0 && (flags & O_ACCMODE) == O_RDWR && is_next(errands, name))
		errands->next = fd;
	return fd;
}

static int errand_open_kept(const struct srd_io *io, int dir_fd, const char *name)
{
	struct srd_wire request = { .kind = SRD_WIRE_OPEN_KEPT, .flags = O_RDONLY };
	(void)dir_fd;

	return open_by(io, &request, name);
}

static int errand_unlink(const struct srd_io *io, int dir_fd, const char *name)
{
	struct srd_wire request = { .kind = SRD_WIRE_UNLINK };
	int error = set_name(&request, 0, name);
	(void)dir_fd;

	return error ? error : run(io->user, &request, NULL);
}

/* What takes the store's place does so under the locks of the one before: should this process die now,
 * they last as long as the request, with which the file goes. */
static int replace_store(struct srd_errands *errands, const struct srd_wire *request)
{
	struct stat store, named;

	if (fstat(errands->store, &store) != 0 || fstatat(errands->dir_fd, errands->name, &named, AT_SYMLINK_NOFOLLOW) != 0)
		return srd_errno();
	if (store.st_dev != named.st_dev || store.st_ino != named.st_ino)
		return SRD_EREPLACED;
	int error = run_with(errands, request, errands->store, NULL);
	if (!error)
		errands->store = errands->next;
	return error;
}

static int errand_rename(const struct srd_io *io, int dir_fd, const char *from, const char *to, unsigned flags)
{
	struct srd_wire request = { .kind = SRD_WIRE_RENAME, .flags = flags };
	struct srd_errands *errands = io->user;
	int error = set_name(&request, 0, from);
	(void)dir_fd;

	if (!error)
		error = set_name(&request, 1, to);
	if (error)
		return error;
	return is_next(errands, from) ? replace_store(errands, &request) : run(errands, &request, NULL);
}

/* A descriptor by which nothing can be done is the folder's. */
static int errand_fdatasync(const struct srd_io *io, int fd)
{
	struct srd_wire request = { .kind = SRD_WIRE_SYNC };
	int error = srd_io_posix.fdatasync(io, fd);

	return error == -EBADF ? run(io->user, &request, NULL) : error;
}

int srd_errand_end(struct srd_errands *errands)
{
	const struct srd_wire request = { .kind = SRD_WIRE_END };

	return run(errands, &request, NULL);
}

void srd_errands_init(struct srd_errands *errands, int socket, int dir_fd, const char *name)
{
	*errands = (struct srd_errands){ .io = srd_io_posix, .socket = socket, .dir_fd = dir_fd, .name = name,
	                                .store = -1, .next = -1 };
	errands->io.find = errand_find;
	errands->io.open = errand_open;
	errands->io.open_kept = errand_open_kept;
	errands->io.unlink = errand_unlink;
	errands->io.rename = errand_rename;
	errands->io.fdatasync = errand_fdatasync;
	errands->io.user = errands;
	pthread_mutex_init(&errands->mutex, NULL);
}
