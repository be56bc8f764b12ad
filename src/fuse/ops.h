/* SPDX-License-Identifier: Apache-2.0 */
/* ops.h - requests that are not answered in ops.c itself.  None of them changes a
 * lookup count. */
#ifndef SRD_FUSE_OPS_H
#define SRD_FUSE_OPS_H

#include "fuse/reply.h"

static inline struct srd_file *srd_file_of(const struct fuse_file_info *fi)
{
	return (struct srd_file *)(uintptr_t)fi->fh;
}

/* ---- caller.c ---- */
bool srd_caller_in_group(fuse_req_t req, gid_t gid);
/* Who makes a request that takes set-id bits away, in CALLER; NULL: it does not. */
const struct srd_caller *srd_caller_of(fuse_req_t req, struct srd_caller *caller);

/* ---- ops_xattr.c ---- */
void srd_op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void srd_op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void srd_op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t len,
                     int flags);
void srd_op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);

/* ---- ops_space.c ---- */
void srd_op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t pos, off_t len,
                      struct fuse_file_info *fi);
void srd_op_lseek(fuse_req_t req, fuse_ino_t ino, off_t pos, int whence, struct fuse_file_info *fi);
void srd_op_copy_file_range(fuse_req_t req, fuse_ino_t from, off_t from_pos, struct fuse_file_info *from_fi,
                            fuse_ino_t to, off_t to_pos, struct fuse_file_info *to_fi, size_t len, int flags);

#endif
