/* SPDX-License-Identifier: Apache-2.0 */
/* ops_space.c - requests about where a file has bytes. */
#include "config.h"

#include "fuse/ops.h"

#include "fs/space.h"

void srd_op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t pos, off_t len, struct fuse_file_info *fi)
{
	struct srd_caller caller;
	(void)ino;
	srd_reply_status(req, srd_fs_allocate(srd_fs_of(req), srd_file_of(fi), mode, (uint64_t)pos, (uint64_t)len,
	                                      srd_caller_of(req, &caller)));
}

void srd_op_lseek(fuse_req_t req, fuse_ino_t ino, off_t pos, int whence, struct fuse_file_info *fi)
{
	uint64_t found;
	(void)ino;
	int error = srd_fs_seek(srd_fs_of(req), srd_file_of(fi), (uint64_t)pos, whence, &found);

	if (error)
		srd_reply_status(req, error);
	else
		fuse_reply_lseek(req, (off_t)found);
}

void srd_op_copy_file_range(fuse_req_t req, fuse_ino_t from, off_t from_pos, struct fuse_file_info *from_fi,
                            fuse_ino_t to, off_t to_pos, struct fuse_file_info *to_fi, size_t len, int flags)
{
	struct srd_caller caller;
	uint64_t done;
	(void)from, (void)to, (void)flags;
	int error = srd_fs_copy_range(srd_fs_of(req), srd_file_of(from_fi), (uint64_t)from_pos, srd_file_of(to_fi),
	                              (uint64_t)to_pos, len, srd_caller_of(req, &caller), &done);

	if (error)
		srd_reply_status(req, error);
	else
		fuse_reply_write(req, (size_t)done);
}
