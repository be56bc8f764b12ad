/* SPDX-License-Identifier: Apache-2.0 */
/*
 * whereabouts.h - attributes that are not stored, but tell where in the store file a
 * file's content lies, for programs that read it there:
 *
 *     user.srd.offset      of the first byte, decimal
 *     user.srd.length      bytes that lie there in one piece
 *     user.srd.checksum    XXH3-64 of the first 4096 of them (or fewer), 16 hex digits
 *     user.srd.sequence    number of the last commit that changed the file
 *
 * No list has them, so that nobody copies them with the file.
 */
#ifndef SRD_FS_WHEREABOUTS_H
#define SRD_FS_WHEREABOUTS_H

#include "fs/fs.h"

/* True for all names that are set aside for this. */
bool srd_whereabouts_is(const char *name);
/* As srd_fs_get_xattr().  What is not committed yet is, so that it has a place. */
ssize_t srd_whereabouts_get(struct srd_fs *fs, uint64_t ino, const char *name, void *value, size_t size);

#endif
