/* SPDX-License-Identifier: Apache-2.0 */
/*
 * legacy.h - what a worker leaves to the next one when it dies at any moment: memory
 * that the keeper shares with each of its workers, and does not look into.
 *
 *     orphans   files without a name that the kernel still has in use: their content is
 *               kept when the log is read again
 *     unsaved   files with content that no commit has: of these something is lost when
 *               the worker dies
 *     lost      such files of earlier workers: what was opened by then answers EIO
 *     receipts  which commits the requests became that nobody may have answered
 *     past      what the kernel knows of the past (fs/past_nodes.h)
 */
#ifndef SRD_FUSE_LEGACY_H
#define SRD_FUSE_LEGACY_H

#include "base/numberset.h"
#include "fuse/receipts.h"

struct srd_legacy {
	unsigned life;            /* workers that there were before */
	struct srd_numberset orphans, unsaved, lost;
	struct srd_receipt *receipts;   /* NULL: nobody goes on */
	void *past;               /* likewise */
};

/* 0 or -ENOMEM. */
int srd_legacy_init(struct srd_legacy *legacy);
/* A new worker begins: what the last one had not saved is lost. */
void srd_legacy_enter(struct srd_legacy *legacy);

#endif
