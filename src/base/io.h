/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io.h - the seam between a log and the operating system.  All that changes a
 * file goes through here, so that tests can count, record, tear and fail it; and
 * all that goes by name, so that a process that may not open files can ask one
 * that may.
 *
 * Every function returns 0 (or a count) or a negative errno.
 */
#ifndef SRD_BASE_IO_H
#define SRD_BASE_IO_H

#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

struct srd_io {
	ssize_t (*pread)(const struct srd_io *io, int fd, void *data, size_t len, uint64_t offset);
	/* May write less than asked; COUNT is at most IOV_MAX. */
	ssize_t (*pwritev)(const struct srd_io *io, int fd, const struct iovec *iov, int count, uint64_t offset);
	int (*fdatasync)(const struct srd_io *io, int fd);
	int (*ftruncate)(const struct srd_io *io, int fd, uint64_t size);
	/* The directory of PATH, symbolic links followed to the end, and the name in it
	 * (the caller's to free). */
	int (*find)(const struct srd_io *io, const char *path, int *dir_fd, char **name);
	/* A descriptor; FLAGS get O_CLOEXEC.  MODE as for open(2). */
	int (*open)(const struct srd_io *io, int dir_fd, const char *name, int flags, unsigned mode);
	/* A second descriptor of a file, to read, whose locks outlive this process: another that sees
	 * to its successor has it, too, until the next is asked for.  May be NULL: there is none. */
	int (*open_kept)(const struct srd_io *io, int dir_fd, const char *name);
	int (*unlink)(const struct srd_io *io, int dir_fd, const char *name);
	/* Gives the file blocks for [offset, offset + len); its size stays.  May be NULL, as
	 * if it were -EOPNOTSUPP. */
	int (*allocate)(const struct srd_io *io, int fd, uint64_t offset, uint64_t len);
	int (*rename)(const struct srd_io *io, int dir_fd, const char *from, const char *to, unsigned flags);
	/* Up to LEN bytes of FROM at OFFSET to the same place of TO, as few of them moved as the
	 * file system can.  May be NULL, as if it were -EOPNOTSUPP. */
	ssize_t (*copy)(const struct srd_io *io, int from, int to, uint64_t offset, uint64_t len);
	/* Takes the blocks of [offset, offset + len), which then reads as zeros; the size stays.  May
	 * be NULL, as if it were -EOPNOTSUPP. */
	int (*punch)(const struct srd_io *io, int fd, uint64_t offset, uint64_t len);
	void *user;
};

/* The real thing. */
extern const struct srd_io srd_io_posix;

/* All LEN bytes, or as many as there are before the end of the file; EINTR and
 * short reads are taken care of.  The count, or a negative errno. */
ssize_t srd_io_read_full(const struct srd_io *io, int fd, void *data, size_t len, uint64_t offset);
/* All bytes of IOV (which is used up) or an error; *WRITTEN (may be NULL) is
 * what did arrive in either case. */
int srd_io_write_full(const struct srd_io *io, int fd, struct iovec *iov, int count,
                      uint64_t offset, uint64_t *written);

/* Gives the file FD the owner and the mode (to read and write) that OF tells; where it cannot
 * be given the group, nobody gets in by that.  Changes nothing where all is so. */
int srd_io_share(int fd, const struct stat *of);

#endif
