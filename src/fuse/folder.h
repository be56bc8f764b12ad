/* SPDX-License-Identifier: Apache-2.0 */
/*
 * folder.h - the keeper's side of errands: the directory that a store lies in, and
 * the few files there that a worker may have, by name and by what may be done to
 * them.  Who asks may be in an attacker's hands.
 */
#ifndef SRD_FUSE_FOLDER_H
#define SRD_FUSE_FOLDER_H

#include <stdbool.h>

#include "fuse/wire.h"

struct srd_folder {
	int fd;                   /* of the directory */
	int store;                /* the file that a worker had as the store, only named; -1: none yet */
	const char *name;         /* of the store */
	bool read_only;
};

/* Does what REQUEST asks for: 0 or a negative errno, -EACCES if it is nothing that a
 * worker may ask for.  *DESCRIPTOR is what was opened, or -1. */
int srd_folder_run(struct srd_folder *folder, const struct srd_wire *request, int *descriptor);
/* Gives both descriptors back. */
void srd_folder_close(const struct srd_folder *folder);

#endif
