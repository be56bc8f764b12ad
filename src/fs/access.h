/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access.h - access times, on mounts that want them (relatime, strictatime); by
 * default reading writes nothing.
 *
 * A time that is due is kept with the open inode, where whoever asks for attributes
 * sees it, and goes into the log with the next commit of the inode or, some time
 * later, of many: never one by one as files are read.  A crash may lose it.
 *
 * Only reads that reach us are seen, so a file whose time is due is opened without
 * the pages that the kernel has of it.
 */
#ifndef SRD_FS_ACCESS_H
#define SRD_FS_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

struct srd_fs;

enum srd_access {
	SRD_ACCESS_NEVER,
	SRD_ACCESS_RELATIVE,     /* if the time is not behind the last change, or a day old */
	SRD_ACCESS_STRICT,
};

/* INO is read; nothing of it fails. */
void srd_access_note(struct srd_fs *fs, uint64_t ino);
/* The same for a directory, whose time may be none of the mount's business. */
void srd_access_note_dir(struct srd_fs *fs, uint64_t ino);
/* True if reading INO would change its access time. */
bool srd_access_is_due(struct srd_fs *fs, uint64_t ino);

#endif
