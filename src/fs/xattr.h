/* SPDX-License-Identifier: Apache-2.0 */
/* xattr.h - extended attributes of inodes, as the system calls have them. */
#ifndef SRD_FS_XATTR_H
#define SRD_FS_XATTR_H

#include "fs/fs.h"

/* The value's length, and if SIZE is not 0 the value: -ENODATA, -ERANGE. */
ssize_t srd_fs_get_xattr(struct srd_fs *fs, uint64_t ino, const char *name, void *value, size_t size);
/* The length of all names with a NUL behind each, and if SIZE is not 0 these;
 * those of trusted attributes for the PRIVILEGED only. */
ssize_t srd_fs_list_xattr(struct srd_fs *fs, uint64_t ino, bool privileged, char *list, size_t size);
/* FLAGS: XATTR_CREATE, XATTR_REPLACE.  Setting an access list takes the setgid bit
 * away unless the caller KEEPS_SGID: is in the file's group, or privileged. */
int srd_fs_set_xattr(struct srd_fs *fs, uint64_t ino, const char *name, const void *value, size_t len,
                     int flags, bool keeps_sgid);
int srd_fs_remove_xattr(struct srd_fs *fs, uint64_t ino, const char *name);

/* ---- Within the layer ---- */

/* A copy of a value, which lasts as long as TXN. */
int srd_fs_copy_xattr(struct srd_fs *fs, struct srd_txn *txn, const struct srd_inode *inode,
                      const char *name, uint8_t **value, size_t *len);

#endif
