/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place.c - where the log lies: on what kind of file system, and whether its name
 * still leads to it.
 *
 * What another host (or a daemon) appends shows in no memory of ours and rings no
 * bell here: on such a file system there is no shm, the lock is taken and the file
 * looked at each time, and who follows has to look now and then.
 */
#include "config.h"

#include "log/internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "base/check.h"

bool srd_log_is_remote(int fd)
{
	static const uint32_t remote[] = {
		0x6969,                               /* NFS */
		0x517B, 0xFF534D42, 0xFE534D42,       /* SMB, CIFS, SMB2 */
		0x65735546,                           /* FUSE: sshfs, virtiofs, ourselves */
		0x01021997, 0x00C36400, 0x5346414F,   /* 9P, Ceph, AFS */
		0x01161970, 0x7461636F, 0x0BD00BD0,   /* GFS2, OCFS2, Lustre */
		0x47504653, 0x73757245, 0x564C,       /* GPFS, Coda, NCP */
	};
	struct statfs fs;

	/* For tests: any file system is as if it were one of these. */
	if (secure_getenv("SRD_REMOTE"))
		return true;
	if (fstatfs(fd, &fs) != 0)
		return false;
	for (size_t i = 0; i < SRD_LEN(remote); i++)
		if ((uint32_t)fs.f_type == remote[i])
			return true;
	return false;
}

int64_t srd_log_size(const struct srd_log *log)
{
	struct statx st;
	/* The kernel may believe for a minute what a file server said of a size. */
	int flags = AT_EMPTY_PATH | (log->remote ? AT_STATX_FORCE_SYNC : 0);

	return statx(log->fd, "", flags, STATX_SIZE, &st) != 0 ? srd_errno() : (int64_t)st.stx_size;
}

bool srd_log_is_only_writer(const struct srd_log *log)
{
	return log->overlay || (log->flags & (SRD_LOG_EXCLUSIVE | SRD_LOG_SINGLE_WRITER)) || srd_log_is_alone(log);
}

bool srd_log_is_replaced(const struct srd_log *log)
{
	struct stat st;

	/* One that was only renamed or removed is nobody else's. */
	return fstatat(log->dir_fd, log->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       (st.st_dev != log->dev || st.st_ino != log->ino);
}
