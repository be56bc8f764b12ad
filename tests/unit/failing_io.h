/* SPDX-License-Identifier: Apache-2.0 */
/* failing_io.h - the real io, but for writes and syncs that fail when told to. */
#ifndef SRD_TESTS_FAILING_IO_H
#define SRD_TESTS_FAILING_IO_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/io.h"

struct failing_io {
	struct srd_io io;
	int writes_left;          /* writes until one fails; below 0: none does */
	bool half;                /* the failing write leaves half its bytes */
	int syncs_left;
};

static ssize_t failing_pwritev(const struct srd_io *io, int fd, const struct iovec *iov, int count, uint64_t offset)
{
	struct failing_io *failing = io->user;

	if (failing->writes_left == 0) {
		if (!failing->half)
			return -ENOSPC;
		failing->half = false;
		struct iovec first = { .iov_base = iov[0].iov_base, .iov_len = iov[0].iov_len / 2 };
		return srd_io_posix.pwritev(&srd_io_posix, fd, &first, 1, offset);
	}
	failing->writes_left--;
	return srd_io_posix.pwritev(&srd_io_posix, fd, iov, count, offset);
}

static int failing_fdatasync(const struct srd_io *io, int fd)
{
	struct failing_io *failing = io->user;

	if (failing->syncs_left == 0)
		return -EIO;
	failing->syncs_left--;
	return srd_io_posix.fdatasync(&srd_io_posix, fd);
}

static void failing_io_init(struct failing_io *failing)
{
	*failing = (struct failing_io){ .io = srd_io_posix, .writes_left = -1, .syncs_left = -1 };
	failing->io.pwritev = failing_pwritev;
	failing->io.fdatasync = failing_fdatasync;
	failing->io.user = failing;
}

#endif
