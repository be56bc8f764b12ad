/* SPDX-License-Identifier: Apache-2.0 */
/*
 * space.h - where a file has bytes: reserving, making holes, seeking to data,
 * and sharing with another file.
 *
 * Reserved space reads as zeros and counts in st_blocks.  It is no promise: an
 * append needs space wherever it goes, so the disk may still be full.
 */
#ifndef SRD_FS_SPACE_H
#define SRD_FS_SPACE_H

#include "fs/fs.h"

/* MODE as for fallocate(2): -EOPNOTSUPP for what is not done.  CALLER: as for
 * srd_fs_write(). */
int srd_fs_allocate(struct srd_fs *fs, struct srd_file *file, int mode, uint64_t pos, uint64_t len, const struct srd_caller *caller);
/* WHENCE: SEEK_DATA or SEEK_HOLE; -ENXIO as for lseek(2). */
int srd_fs_seek(struct srd_fs *fs, struct srd_file *file, uint64_t pos, int whence, uint64_t *found);
/* Makes [to_pos, +len) of TO share the bytes at FROM_POS of FROM; *DONE may be less
 * than LEN, as at the end of FROM. */
int srd_fs_copy_range(struct srd_fs *fs, struct srd_file *from, uint64_t from_pos, struct srd_file *to,
                      uint64_t to_pos, uint64_t len, const struct srd_caller *caller, uint64_t *done);

#endif
