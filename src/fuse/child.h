/* SPDX-License-Identifier: Apache-2.0 */
/* child.h - a worker as a process: begun with what is its business, and nothing else. */
#ifndef SRD_FUSE_CHILD_H
#define SRD_FUSE_CHILD_H

#include "fuse/folder.h"
#include "fuse/mount.h"

struct srd_child {
	pid_t pid;                /* 0: none, or dead */
	int orders, errands;      /* our ends of the wire; -1: none */
};

/* Starts one on MOUNT's store, which lies in FOLDER.  It has no place for words of its own, or it could
 * write to our terminal or log what it likes; with `debug` it has ours.  0 or a negative errno. */
int srd_child_start(struct srd_child *child, struct srd_mount *mount, const struct srd_folder *folder);
/* Of a new process: closes all descriptors from FIRST on. */
int srd_child_close_from(unsigned first);
/* SIGKILL, unless it is dead already: it has no number of its own then. */
void srd_child_kill(const struct srd_child *child);
/* Gives back our ends, after its death. */
void srd_child_end(struct srd_child *child);

#endif
