/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ofd.h - locks on single bytes that belong to an open file description: they
 * die with it, and with nothing else (POSIX record locks die with any close of
 * the file; flock does not reach NFS).
 */
#ifndef SRD_LOG_OFD_H
#define SRD_LOG_OFD_H

#include <fcntl.h>
#include <stdbool.h>

#include "base/error.h"

/* Bytes of the log (FORMAT, section 7). */
#define SRD_BYTE_APPEND (INT64_C(1) << 62)
#define SRD_BYTE_PRESENCE (SRD_BYTE_APPEND + 1)
#define SRD_BYTE_KEPT (SRD_BYTE_APPEND + 2)
#define SRD_BYTE_IMAGE (SRD_BYTE_APPEND + 3)
#define SRD_BYTE_WRITERS (SRD_BYTE_APPEND + 4)
#define SRD_BYTE_COMPACT (SRD_BYTE_APPEND + 5)
#define SRD_BYTE_PINS (INT64_C(1) << 61)   /* the first of many: use.c */

/* TYPE: F_RDLCK, F_WRLCK, F_UNLCK.  0, -EAGAIN if held by another and not WAIT,
 * or another negative errno. */
static inline int srd_ofd_lock(int fd, short type, int64_t byte, bool wait)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

	while (fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &lock) != 0) {
		if (errno == EACCES)
			return -EAGAIN;
		if (errno != EINTR)
			return srd_errno();
	}
	return 0;
}

/* True if another description holds a lock that excludes an exclusive one. */
static inline bool srd_ofd_is_taken(int fd, int64_t byte)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

#endif
