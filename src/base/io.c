/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/io.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/cleanup.h"
#include "base/error.h"

enum { LINKS_MAX = 40 };   /* as the kernel has it */

static ssize_t posix_pread(const struct srd_io *io, int fd, void *data, size_t len, uint64_t offset)
{
	(void)io;
	ssize_t got = pread(fd, data, len, (off_t)offset);
	return got < 0 ? srd_errno() : got;
}

static ssize_t posix_pwritev(const struct srd_io *io, int fd, const struct iovec *iov, int count,
                             uint64_t offset)
{
	(void)io;
	/* One buffer is the common case, and pwrite the cheaper call. */
	ssize_t put = count == 1 ? pwrite(fd, iov->iov_base, iov->iov_len, (off_t)offset)
	                         : pwritev(fd, iov, count, (off_t)offset);
	return put < 0 ? srd_errno() : put;
}

static int posix_fdatasync(const struct srd_io *io, int fd)
{
	(void)io;
	return fdatasync(fd) ? srd_errno() : 0;
}

static int posix_ftruncate(const struct srd_io *io, int fd, uint64_t size)
{
	(void)io;
	return ftruncate(fd, (off_t)size) ? srd_errno() : 0;
}

/* *AT becomes the directory that PATH, seen from there, is in, opened with FLAGS; *NAME, within
 * PATH, is what it is there. */
static int go_to_parent(int *at, char *path, int flags, char **name)
{
	char *slash = strrchr(path, '/');
	const char *dir = !slash ? "." : slash == path ? "/" : path;

	if (slash)
		*slash = 0;
	*name = slash ? slash + 1 : path;
	int fd = openat(*at, dir, flags | O_DIRECTORY | O_CLOEXEC), error = fd < 0 ? srd_errno() : 0;
	if (*at >= 0)
		close(*at);
	*at = fd;
	return error;
}

/* Follows one link in PATH, of PATH_MAX bytes, as seen from *AT: 1 there was one, 0 it is none. */
static int follow_link(int *at, char *path)
{
	char target[PATH_MAX], *name;
	ssize_t len = readlinkat(*at, path, target, sizeof target - 1);

	if (len < 0)
		return errno == EINVAL ? 0 : srd_errno();
	/* O_PATH: who follows a link need not be allowed to list what is beside it. */
	int error = go_to_parent(at, path, O_PATH, &name);
	if (error)
		return error;
	memcpy(path, target, (size_t)len);
	path[len] = 0;
	return 1;
}

/* Fewer calls than realpath() makes, which asks of each directory of the path. */
static int posix_find(const struct srd_io *io, const char *path, int *dir_fd, char **name)
{
	char rest[PATH_MAX], *last, *copy = NULL;
	size_t len = strlen(path);
	int at = AT_FDCWD, links = 0, got;
	(void)io;

	if (len == 0 || len >= sizeof rest)
		return len ? -ENAMETOOLONG : -ENOENT;
	memcpy(rest, path, len + 1);
	while ((got = follow_link(&at, rest)) == 1 && links < LINKS_MAX)
		links++;
	int error = got == 1 ? -ELOOP : got == 0 ? go_to_parent(&at, rest, O_RDONLY, &last) : got;
	/* No name: the directory itself, for who opens it to be told so. */
	if (!error && !(copy = strdup(*last ? last : ".")))
		error = -ENOMEM;
	if (error) {
		if (at >= 0)
			close(at);
		return error;
	}
	*dir_fd = at;
	*name = copy;
	return 0;
}

static int posix_open(const struct srd_io *io, int dir_fd, const char *name, int flags, unsigned mode)
{
	(void)io;
	int fd = openat(dir_fd, name, flags | O_CLOEXEC, mode);
	return fd < 0 ? srd_errno() : fd;
}

static int posix_unlink(const struct srd_io *io, int dir_fd, const char *name)
{
	(void)io;
	return unlinkat(dir_fd, name, 0) ? srd_errno() : 0;
}

static int posix_allocate(const struct srd_io *io, int fd, uint64_t offset, uint64_t len)
{
	(void)io;
	return fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)len) ? srd_errno() : 0;
}

static int posix_rename(const struct srd_io *io, int dir_fd, const char *from, const char *to,
                        unsigned flags)
{
	(void)io;
	return renameat2(dir_fd, from, dir_fd, to, flags) ? srd_errno() : 0;
}

static ssize_t posix_copy(const struct srd_io *io, int from, int to, uint64_t offset, uint64_t len)
{
	off_t in = (off_t)offset, out = (off_t)offset;
	(void)io;

	ssize_t put = copy_file_range(from, &in, to, &out, SRD_MIN(len, UINT64_C(1) << 30), 0);
	return put < 0 ? srd_errno() : put;
}

static int posix_punch(const struct srd_io *io, int fd, uint64_t offset, uint64_t len)
{
	(void)io;
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)len) ? srd_errno() : 0;
}

const struct srd_io srd_io_posix = {
	.pread = posix_pread,
	.pwritev = posix_pwritev,
	.fdatasync = posix_fdatasync,
	.ftruncate = posix_ftruncate,
	.find = posix_find,
	.open = posix_open,
	.unlink = posix_unlink,
	.allocate = posix_allocate,
	.rename = posix_rename,
	.copy = posix_copy,
	.punch = posix_punch,
};

ssize_t srd_io_read_full(const struct srd_io *io, int fd, void *data, size_t len, uint64_t offset)
{
	size_t done = 0;

	while (done < len) {
		ssize_t got = io->pread(io, fd, (char *)data + done, len - done, offset + done);
		if (got == -EINTR)
			continue;
		if (got < 0)
			return got;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

/* Steps over DONE bytes at the front of the vector. */
static void advance(struct iovec **iov, int *count, size_t done)
{
	while (*count > 0 && done >= (*iov)->iov_len) {
		done -= (*iov)->iov_len;
		(*iov)++;
		(*count)--;
	}
	if (*count > 0) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + done;
		(*iov)->iov_len -= done;
	}
}

int srd_io_write_full(const struct srd_io *io, int fd, struct iovec *iov, int count,
                      uint64_t offset, uint64_t *written)
{
	uint64_t done = 0;
	int error = 0;

	advance(&iov, &count, 0);
	while (count > 0) {
		ssize_t put = io->pwritev(io, fd, iov, SRD_MIN(count, IOV_MAX), offset + done);
		if (put == -EINTR)
			continue;
		if (put <= 0) {
			error = put < 0 ? (int)put : -EIO;
			break;
		}
		done += (uint64_t)put;
		advance(&iov, &count, (size_t)put);
	}
	if (written)
		*written = done;
	return error;
}

int srd_io_share(int fd, const struct stat *of)
{
	unsigned mode = of->st_mode & 0666;
	struct stat st;

	if (fstat(fd, &st) != 0)
		return srd_errno();
	/* Only root can give it away; who made it has it otherwise. */
	if (st.st_uid != of->st_uid && fchown(fd, of->st_uid, of->st_gid) == 0)
		st.st_gid = of->st_gid;
	if (st.st_gid != of->st_gid && fchown(fd, (uid_t)-1, of->st_gid) != 0)
		mode &= ~0070U;
	return (st.st_mode & 07777) == mode || fchmod(fd, mode) == 0 ? 0 : srd_errno();
}
