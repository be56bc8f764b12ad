/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blocklog - a disk that remembers what it was asked: a directory with the file
 * `disk`, to be used through a loop device, and the file `note`, into which the test
 * writes what it knows of the moment.  Both go to one log, in order.
 *
 *     blocklog LOG BYTES BACKING MOUNTPOINT [FUSE OPTION...]
 *
 *     file system -> loop device -> disk -> backing file
 *                                     \---> log: writes, flushes, notes
 */
#include "config.h"

#define FUSE_USE_VERSION 31

#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "blocklog.h"

static int log_fd, backing_fd;
static off_t disk_len;

static int record(enum block_kind kind, const void *data, size_t len, off_t offset)
{
	struct block_request request = { .kind = kind, .len = (uint32_t)len, .offset = (uint64_t)offset };
	struct iovec iov[2] = { { &request, sizeof request }, { (void *)data, len } };

	return writev(log_fd, iov, len ? 2 : 1) == (ssize_t)(sizeof request + len) ? 0 : -EIO;
}

static int disk_getattr(const char *path, struct stat *st, struct fuse_file_info *file)
{
	(void)file;
	memset(st, 0, sizeof *st);
	st->st_nlink = 1;
	if (strcmp(path, "/") == 0) {
		st->st_mode = S_IFDIR | 0700;
		return 0;
	}
	st->st_mode = S_IFREG | 0600;
	if (strcmp(path, "/disk") == 0)
		st->st_size = disk_len;
	else if (strcmp(path, "/note") != 0)
		return -ENOENT;
	return 0;
}

static int disk_open(const char *path, struct fuse_file_info *file)
{
	(void)path;
	/* Every request is to arrive, when it is made. */
	file->direct_io = 1;
	return 0;
}

static int disk_read(const char *path, char *data, size_t len, off_t offset, struct fuse_file_info *file)
{
	(void)file;
	if (strcmp(path, "/disk") != 0)
		return 0;
	ssize_t got = pread(backing_fd, data, len, offset);
	return got < 0 ? -errno : (int)got;
}

static int disk_write(const char *path, const char *data, size_t len, off_t offset, struct fuse_file_info *file)
{
	(void)file;
	if (strcmp(path, "/disk") != 0)
		return record(BLOCK_NOTE, data, len, 0) ? -EIO : (int)len;
	ssize_t put = pwrite(backing_fd, data, len, offset);
	if (put < 0)
		return -errno;
	return record(BLOCK_WRITE, data, (size_t)put, offset) ? -EIO : (int)put;
}

static int disk_fsync(const char *path, int data_only, struct fuse_file_info *file)
{
	(void)path;
	(void)data_only;
	(void)file;
	return record(BLOCK_FLUSH, NULL, 0, 0);
}

static int disk_truncate(const char *path, off_t size, struct fuse_file_info *file)
{
	(void)size;
	(void)file;
	return strcmp(path, "/note") == 0 ? 0 : -EPERM;
}

int main(int argc, char **argv)
{
	static const struct fuse_operations operations = {
		.getattr = disk_getattr, .open = disk_open, .read = disk_read, .write = disk_write,
		.fsync = disk_fsync, .truncate = disk_truncate,
	};
	char *arguments[32] = { argv[0] };
	int count = 1;

	if (argc < 5 || argc > 24) {
		fprintf(stderr, "usage: blocklog LOG BYTES BACKING MOUNTPOINT [FUSE OPTION...]\n");
		return 2;
	}
	disk_len = (off_t)strtoull(argv[2], NULL, 0);
	log_fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	backing_fd = open(argv[3], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (log_fd < 0 || backing_fd < 0 || ftruncate(backing_fd, disk_len) != 0) {
		fprintf(stderr, "blocklog: %s\n", strerror(errno));
		return 1;
	}
	for (int i = 4; i < argc; i++)
		arguments[count++] = argv[i];
	arguments[count++] = "-s";   /* one request at a time: the log's order is the disk's */
	return fuse_main(count, arguments, &operations, NULL);
}
