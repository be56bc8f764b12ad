/* SPDX-License-Identifier: Apache-2.0 */
/*
 * privileges.h - what follows when content, owner or mode of a file change:
 * setuid, setgid and file capabilities go, and access lists keep in step.
 *
 * Capabilities go at any write.  The set-id bits go if there is a CALLER; the
 * kernel knows whether one may keep them, which NULL stands for.
 */
#ifndef SRD_FS_PRIVILEGES_H
#define SRD_FS_PRIVILEGES_H

#include "fs/fs.h"

/* Adds to TXN that NODE loses its capabilities and, with CALLER, setuid and setgid. */
int srd_privileges_drop(struct srd_fs *fs, struct srd_txn *txn, const struct srd_node *node, const struct srd_caller *caller);
/* Adds to TXN that the access list of NODE, if there is one, shows MODE. */
int srd_privileges_follow_mode(struct srd_fs *fs, struct srd_txn *txn, const struct srd_node *node,
                               uint32_t mode);
/* What a write to INODE is to take away goes, in a commit.  Call with the
 * inode's mutex held. */
int srd_privileges_before_write(struct srd_fs *fs, struct srd_open_inode *inode, const struct srd_caller *caller);

#endif
