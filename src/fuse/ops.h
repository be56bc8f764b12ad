/* SPDX-License-Identifier: Apache-2.0 */
/* ops.h - requests that are not answered in ops.c itself.  None of them changes a
 * lookup count unless it says so. */
#ifndef SRD_FUSE_OPS_H
#define SRD_FUSE_OPS_H

#include "fuse/reply.h"

/* ---- handle.c ---- */

/* What the kernel is to call an open file or directory. */
uint64_t srd_handle_of(const struct srd_mount *mount, const void *address);
/* What that is the HANDLE of; NULL: it is none of ours, but of a worker that has died. */
void *srd_handle_address(const struct srd_mount *mount, uint64_t handle);
/* The open file that FI names, of the inode INO; SPARE is used if a worker that has died
 * made it.  NULL: something is lost of it (EIO).  Goes back to srd_file_done(). */
struct srd_file *srd_file_of(fuse_req_t req, fuse_ino_t ino, const struct fuse_file_info *fi, struct srd_file *spare);
void srd_file_done(fuse_req_t req, const struct srd_file *file, const struct srd_file *spare);
struct srd_dir *srd_dir_of(fuse_req_t req, fuse_ino_t ino, const struct fuse_file_info *fi, struct srd_dir *spare);
/* Closes what FI names, if it is ours. */
void srd_file_release(fuse_req_t req, const struct fuse_file_info *fi);
void srd_dir_release(fuse_req_t req, fuse_ino_t ino, const struct fuse_file_info *fi);

/* ---- resent.c ---- */

/* True if REQ, which is one commit at most, was carried out by a worker that could not answer any more. */
bool srd_resent_is_done(fuse_req_t req);
/* Of such a request: *ST is that of NAME, which it made, pinned.  -ESTALE: it is gone since. */
int srd_resent_made(fuse_req_t req, fuse_ino_t parent, const char *name, struct stat *st);
/* True if what was to be appended where the kernel saw the end is there. */
bool srd_resent_appended(fuse_req_t req, struct srd_file *file, uint64_t pos, const void *data, size_t len);

/* ---- caller.c ---- */
bool srd_caller_in_group(fuse_req_t req, gid_t gid);
/* Who makes a request that takes set-id bits away, in CALLER; NULL: it does not. */
const struct srd_caller *srd_caller_of(fuse_req_t req, struct srd_caller *caller);

/* ---- ops_init.c ---- */
void srd_op_init(void *user, struct fuse_conn_info *conn);

/* ---- ops.c, for both tables ---- */
void srd_op_statfs(fuse_req_t req, fuse_ino_t ino);

/* ---- ops_dir.c ---- */
void srd_op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void srd_op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t pos, struct fuse_file_info *fi);
/* +1 for each entry with an inode number in it. */
void srd_op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t pos, struct fuse_file_info *fi);
void srd_op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void srd_op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);

/* ---- ops_past.c ---- */
/* Answers a look-up of .srd in the root: +1. */
void srd_op_enter_past(fuse_req_t req);

/* ---- ops_xattr.c ---- */
/* With SIZE 0 the caller asks for the length only. */
void srd_reply_xattr(fuse_req_t req, size_t size, const char *buffer, ssize_t len);
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
