/* SPDX-License-Identifier: Apache-2.0 */
/*
 * create.c - an empty log, there whole or not at all: a temporary in the same
 * directory, fsync, rename, fsync of the directory.
 */
#include "config.h"

#include "log/log.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "format/spare.h"
#include "log/internal.h"

enum { EMPTY_LEN = SRD_SUPERBLOCK_LEN + SRD_SPARE_LEN };

static int fill(uint8_t bytes[EMPTY_LEN])
{
	struct srd_superblock sb = { .version = SRD_FORMAT_VERSION, .generation = 1,
	                             .created_ns = srd_wall_ns(),
	                             /* else only root could use it as a file system */
	                             .root_uid = geteuid(), .root_gid = getegid() };

	if (getrandom(sb.uuid, sizeof sb.uuid, 0) != sizeof sb.uuid ||
	    getrandom(sb.salt, sizeof sb.salt, 0) != sizeof sb.salt ||
	    getrandom(&sb.epoch, sizeof sb.epoch, 0) != sizeof sb.epoch)
		return srd_errno();
	/* RFC 9562: version 4, variant 10. */
	sb.uuid[6] = (uint8_t)((sb.uuid[6] & 0x0f) | 0x40);
	sb.uuid[8] = (uint8_t)((sb.uuid[8] & 0x3f) | 0x80);
	srd_superblock_encode(&sb, bytes);
	srd_spare_encode(&sb, bytes + SRD_SUPERBLOCK_LEN);
	return 0;
}

/* Splits PATH, whose last component need not exist, into directory and name. */
static int open_parent(const char *path, int *dir_fd, const char **name)
{
	const char *slash = strrchr(path, '/');
	SRD_AUTO_FREE char *dir = slash ? strndup(path, (size_t)(slash - path + 1)) : strdup(".");

	if (!dir)
		return -ENOMEM;
	*name = slash ? slash + 1 : path;
	if (**name == 0)
		return -EISDIR;
	*dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *dir_fd < 0 ? srd_errno() : 0;
}

static int write_whole(const struct srd_io *io, int fd, const uint8_t *bytes)
{
	struct iovec iov = { .iov_base = (void *)bytes, .iov_len = EMPTY_LEN };
	int error = srd_io_write_full(io, fd, &iov, 1, 0, NULL);

	return error ? error : io->fdatasync(io, fd);
}

/* Gives the finished temporary its name, which must be free. */
static int publish(const struct srd_io *io, int dir_fd, const char *temporary, const char *name)
{
	int error = io->rename(io, dir_fd, temporary, name, RENAME_NOREPLACE);

	if (error != -EINVAL && error != -ENOSYS)
		return error;
	/* NFS and others know no RENAME_NOREPLACE: link refuses as well. */
	if (linkat(dir_fd, temporary, dir_fd, name, 0) != 0)
		return srd_errno();
	io->unlink(io, dir_fd, temporary);
	return 0;
}

int srd_log_create(const char *path, unsigned mode, const struct srd_io *io)
{
	uint8_t bytes[EMPTY_LEN];
	SRD_AUTO_CLOSE int dir_fd = -1;
	SRD_AUTO_CLOSE int fd = -1;
	const char *name;
	char temporary[40];
	uint64_t number;
	int error = open_parent(path, &dir_fd, &name);

	if (!error)
		error = fill(bytes);
	if (error)
		return error;
	if (faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	if (getrandom(&number, sizeof number, 0) != sizeof number)
		return srd_errno();
	snprintf(temporary, sizeof temporary, ".srd-%016" PRIx64 ".tmp", number);
	fd = io->open(io, dir_fd, temporary, O_RDWR | O_CREAT | O_EXCL, mode);
	if (fd < 0)
		return fd;
	error = write_whole(io, fd, bytes);
	if (!error)
		error = publish(io, dir_fd, temporary, name);
	if (error) {
		io->unlink(io, dir_fd, temporary);
		return error;
	}
	return io->fdatasync(io, dir_fd);
}
