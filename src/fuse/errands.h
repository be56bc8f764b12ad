/* SPDX-License-Identifier: Apache-2.0 */
/*
 * errands.h - what goes by name, done by the keeper for a worker that may not: the
 * seam of base/io.h, with opening, removing, renaming and what is done to the folder sent
 * over the wire.
 */
#ifndef SRD_FUSE_ERRANDS_H
#define SRD_FUSE_ERRANDS_H

#include <pthread.h>

#include "base/io.h"

struct srd_errands {
	struct srd_io io;
	pthread_mutex_t mutex;    /* one errand at a time; protects the socket */
	int socket;
	int dir_fd;               /* of the store's directory; only to name it (O_PATH) */
	const char *name;         /* of the store in it */
	int store, next;          /* the store's file, and what may take its place, as opened last: the log
	                             has them; -1: none.  By one thread at a time, who opens or compacts */
};

/* SOCKET and DIR_FD stay the caller's, as does NAME. */
void srd_errands_init(struct srd_errands *errands, int socket, int dir_fd, const char *name);

/* Has the keeper take the mount away, which is gone on return.  For a mount that is a
 * transaction. */
int srd_errand_end(struct srd_errands *errands);

#endif
