/* SPDX-License-Identifier: Apache-2.0 */
/* ops_xattr.c - requests about extended attributes. */
#include "config.h"

#include "fuse/ops.h"

#include <string.h>

#include "fs/acl.h"
#include "fs/xattr.h"
#include "fuse/loop.h"

void srd_reply_xattr(fuse_req_t req, size_t size, const char *buffer, ssize_t len)
{
	if (len < 0)
		srd_reply_status(req, (int)len);
	else if (size == 0)
		fuse_reply_xattr(req, (size_t)len);
	else
		fuse_reply_buf(req, buffer, (size_t)len);
}

void srd_op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	char *buffer = srd_loop_buffer(size + 1);

	srd_reply_xattr(req, size, buffer, buffer ? srd_fs_get_xattr(srd_fs_of(req), ino, name, buffer, size) : -ENOMEM);
}

void srd_op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	bool privileged = fuse_req_ctx(req)->uid == 0;
	char *buffer = srd_loop_buffer(size + 1);

	srd_reply_xattr(req, size, buffer, buffer ? srd_fs_list_xattr(srd_fs_of(req), ino, privileged, buffer, size) : -ENOMEM);
}

/* True if the caller is in the group of INO, or may do as if. */
static bool keeps_sgid(fuse_req_t req, fuse_ino_t ino)
{
	struct stat st;

	return fuse_req_ctx(req)->uid == 0 || srd_fs_get_attr(srd_fs_of(req), ino, &st) != 0 ||
	       srd_caller_in_group(req, st.st_gid);
}

void srd_op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t len, int flags)
{
	bool keeps = strcmp(name, SRD_ACL_ACCESS) != 0 || keeps_sgid(req, ino);

	srd_reply_status(req, srd_resent_is_done(req) ? 0
	                      : srd_fs_set_xattr(srd_fs_of(req), ino, name, value, len, flags, keeps));
}

void srd_op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	srd_reply_status(req, srd_resent_is_done(req) ? 0 : srd_fs_remove_xattr(srd_fs_of(req), ino, name));
}
