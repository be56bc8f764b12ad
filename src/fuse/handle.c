/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handle.c - what the kernel calls an open file or directory: our address of it, and in
 * the high bits how many workers there were before.
 *
 * So a handle of a worker that has died is told from our own, and never followed.  It
 * stands for its inode alone; if something was lost of that, whoever has it open is to
 * know, and gets EIO.  So does the 0 of a file that the kernel opened by itself.
 */
#include "config.h"

#include "fuse/ops.h"

#include <stdint.h>

enum { LIFE_SHIFT = 48 };   /* addresses are below, unless one asks for higher ones */

uint64_t srd_handle_of(const struct srd_mount *mount, const void *address)
{
	return (uintptr_t)address | (uint64_t)mount->legacy.life << LIFE_SHIFT;
}

void *srd_handle_address(const struct srd_mount *mount, uint64_t handle)
{
	if (handle >> LIFE_SHIFT != (mount->legacy.life & 0xffff))
		return NULL;
	return (void *)(uintptr_t)(handle & ((UINT64_C(1) << LIFE_SHIFT) - 1));
}

struct srd_file *srd_file_of(fuse_req_t req, fuse_ino_t ino, const struct fuse_file_info *fi, struct srd_file *spare)
{
	struct srd_mount *mount = srd_mount_of(req);
	struct srd_file *file = srd_handle_address(mount, fi->fh);

	if (file)
		return file;
	if (srd_numberset_has(&mount->legacy.lost, ino))
		return NULL;
	*spare = (struct srd_file){ .inode = srd_open_get(mount->fs, ino), .writes = true };
	return spare->inode ? spare : NULL;
}

void srd_file_done(fuse_req_t req, const struct srd_file *file, const struct srd_file *spare)
{
	if (file == spare)
		srd_open_put(srd_fs_of(req), spare->inode);
}

struct srd_dir *srd_dir_of(fuse_req_t req, fuse_ino_t ino, const struct fuse_file_info *fi, struct srd_dir *spare)
{
	struct srd_dir *dir = srd_handle_address(srd_mount_of(req), fi->fh);

	if (dir)
		return dir;
	*spare = (struct srd_dir){ .ino = ino };
	return spare;
}

void srd_file_release(fuse_req_t req, const struct fuse_file_info *fi)
{
	struct srd_mount *mount = srd_mount_of(req);
	struct srd_file *file = srd_handle_address(mount, fi->fh);

	if (file)
		srd_fs_close(mount->fs, file);
}

void srd_dir_release(fuse_req_t req, fuse_ino_t ino, const struct fuse_file_info *fi)
{
	struct srd_mount *mount = srd_mount_of(req);
	struct srd_dir *dir = srd_handle_address(mount, fi->fh);

	if (dir)
		srd_fs_close_dir(mount->fs, dir);
	else
		srd_fs_stale(mount->fs, ino, 0);
}
