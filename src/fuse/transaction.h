/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transaction.h - a mount that is a private view of its store (-o txn), and how it is
 * told to commit.
 *
 *     srd commit -- ioctl --> kernel -- request --> worker: writes what is dirty into the
 *                                                     view, commits that to the store
 *                                        errand --> keeper: takes the mount away
 *               <-------------------------- answer -- worker
 *
 * An ioctl, since it reaches the process that has the view by the mount itself, brings an
 * answer, and cannot be mistaken for a file; on any file or directory of the mount.  It
 * is heard by the worker, which alone may look at the store.  Root may give it, and who
 * mounted.  With the answer the mount is gone; where the commit failed it stays as it was.
 *
 * A view lives in the memory of one process: if that dies the mount ends.
 */
#ifndef SRD_FUSE_TRANSACTION_H
#define SRD_FUSE_TRANSACTION_H

#include "fuse/mount.h"

/* Has MOUNT, whose store is open, serve a private view of it. */
int srd_mount_begin_transaction(struct srd_mount *mount);
void srd_op_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned cmd, void *arg, struct fuse_file_info *fi,
                  unsigned flags, const void *in, size_t in_size, size_t out_size);

#endif
