/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seen.h - whether the pages that the kernel kept of a file are still true when
 * it is opened again.
 *
 * What this mount writes goes through the kernel, so its pages follow.  They are
 * stale only if another process committed to the file since it was last opened
 * here: then its last op is another one, and commits of others were applied
 * meanwhile.  Either being as it was is enough; but last ops of different logs
 * (compaction) tell nothing.
 *
 * A fixed number of files is remembered, the latest of each place; one that was
 * pushed out costs reading it again, never a stale byte.
 */
#ifndef SRD_FS_SEEN_H
#define SRD_FS_SEEN_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct srd_seen_file {
	uint64_t ino;            /* 0: none */
	uint64_t last_op;        /* of the inode, when it was opened */
	uint64_t foreign;        /* commits of others that were applied by then */
	uint64_t generation;     /* of the log that last_op is a place of */
};

struct srd_seen {
	pthread_mutex_t mutex;   /* a leaf */
	struct srd_seen_file *files;   /* NULL: none was opened yet, as on views of the past */
};

void srd_seen_init(struct srd_seen *seen);
void srd_seen_release(struct srd_seen *seen);
/* True if FILE was seen before and nobody else has changed it since.  It is now
 * seen as it is. */
bool srd_seen_again(struct srd_seen *seen, const struct srd_seen_file *file);

#endif
