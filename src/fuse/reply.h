/* SPDX-License-Identifier: Apache-2.0 */
/* reply.h - results of the file system as answers to the kernel.  Each function
 * replies exactly once. */
#ifndef SRD_FUSE_REPLY_H
#define SRD_FUSE_REPLY_H

#include "fuse/mount.h"

static inline struct srd_mount *srd_mount_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static inline struct srd_fs *srd_fs_of(fuse_req_t req)
{
	return srd_mount_of(req)->fs;
}

/* 0 or a negative code, nothing else to tell. */
void srd_reply_status(fuse_req_t req, int error);
void srd_reply_attr(fuse_req_t req, int error, const struct stat *st);
/* The answer to STATX: with the time of birth. */
void srd_reply_statx(fuse_req_t req, int error, const struct stat *st, const struct timespec *birth);
/* The same for what the kernel may believe for TIMEOUT seconds. */
void srd_reply_attr_for(fuse_req_t req, int error, const struct stat *st, double timeout);
void srd_reply_statx_for(fuse_req_t req, int error, const struct stat *st, const struct timespec *birth, double timeout);
/* An inode that was handed out: its lookup count is one more if the kernel takes
 * the answer, and the pin is undone if it does not. */
void srd_reply_entry(fuse_req_t req, int error, const struct stat *st);
/* As a lookup's answer: a name that is not there may be remembered, too. */
void srd_reply_lookup(fuse_req_t req, int error, const struct stat *st);
void srd_reply_create(fuse_req_t req, int error, const struct stat *st, struct srd_file *file,
                      struct fuse_file_info *fi);
void srd_reply_open(fuse_req_t req, int error, struct srd_file *file, struct fuse_file_info *fi);
/* LEN bytes, or a negative code. */
void srd_reply_bytes(fuse_req_t req, ssize_t len, const void *buffer);
void srd_reply_target(fuse_req_t req, int error, const char *target);

/* An answer to READDIR or READDIRPLUS being put together. */
struct srd_listing {
	fuse_req_t req;
	bool plus;
	char *buffer;
	size_t used, size;
};
/* False if there is no room. */
bool srd_listing_add(struct srd_listing *listing, const char *name, const struct fuse_entry_param *entry, uint64_t next);
void srd_reply_listing(int error, const struct srd_listing *listing);

/* ENTRY for an inode, without a lookup if it is not WHOLE. */
void srd_mount_entry(const struct srd_mount *mount, const struct stat *st, bool whole,
                     struct fuse_entry_param *entry);

#endif
