/* SPDX-License-Identifier: Apache-2.0 */
/* ops_space.c - requests about where a file has bytes. */
#include "config.h"

#include "fuse/ops.h"

#include "fs/space.h"

void srd_op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t pos, off_t len, struct fuse_file_info *fi)
{
	struct srd_file spare, *file = srd_file_of(req, ino, fi, &spare);
	struct srd_caller caller;
	int error = file ? srd_fs_allocate(srd_fs_of(req), file, mode, (uint64_t)pos, (uint64_t)len,
	                                   srd_caller_of(req, &caller))
	                 : -EIO;

	srd_file_done(req, file, &spare);
	srd_reply_status(req, error);
}

void srd_op_lseek(fuse_req_t req, fuse_ino_t ino, off_t pos, int whence, struct fuse_file_info *fi)
{
	struct srd_file spare, *file = srd_file_of(req, ino, fi, &spare);
	uint64_t found;
	int error = file ? srd_fs_seek(srd_fs_of(req), file, (uint64_t)pos, whence, &found) : -EIO;

	srd_file_done(req, file, &spare);
	if (error)
		srd_reply_status(req, error);
	else
		fuse_reply_lseek(req, (off_t)found);
}

void srd_op_copy_file_range(fuse_req_t req, fuse_ino_t from, off_t from_pos, struct fuse_file_info *from_fi,
                            fuse_ino_t to, off_t to_pos, struct fuse_file_info *to_fi, size_t len, int flags)
{
	struct srd_file from_spare, *from_file = srd_file_of(req, from, from_fi, &from_spare);
	struct srd_file to_spare, *to_file = srd_file_of(req, to, to_fi, &to_spare);
	struct srd_caller caller;
	uint64_t done;
	(void)flags;
	int error = !from_file || !to_file ? -EIO
	            : srd_fs_copy_range(srd_fs_of(req), from_file, (uint64_t)from_pos, to_file, (uint64_t)to_pos, len,
	                                srd_caller_of(req, &caller), &done);

	srd_file_done(req, from_file, &from_spare);
	srd_file_done(req, to_file, &to_spare);
	if (error)
		srd_reply_status(req, error);
	else
		fuse_reply_write(req, (size_t)done);
}
