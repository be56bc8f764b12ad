/* SPDX-License-Identifier: Apache-2.0 */
/* home.c - what was spilled lies in one log, and when the store goes over to another
 * (compaction), it is spilled there again. */
#include "config.h"

#include "fs/fs.h"

#include <stdlib.h>

#include "base/cleanup.h"

static void put_back(struct srd_dirty *dirty, const struct srd_ref *refs)
{
	for (size_t i = 0; i < dirty->count; i++) {
		struct srd_piece *piece = &dirty->pieces[i];
		if (piece->memory)
			continue;
		piece->run = refs->run;
		piece->skip = refs->skip;
		refs++;
	}
}

int srd_open_bring(struct srd_fs *fs, struct srd_open_inode *inode)
{
	struct srd_dirty *dirty = &inode->dirty;
	SRD_AUTO_FREE struct srd_ref *refs = malloc(dirty->count * sizeof *refs + 1);

	if (!refs)
		return -ENOMEM;
	int error = srd_store_bring_data(fs->store, refs, srd_dirty_refs(dirty, refs), &inode->home);
	if (!error)
		put_back(dirty, refs);
	return error;
}

int srd_open_append_data(struct srd_fs *fs, struct srd_open_inode *inode, const struct iovec *pieces, int count,
                         uint64_t *runs)
{
	int error;

	while ((error = srd_store_append_data(fs->store, pieces, count, runs, &inode->home)) == SRD_EMOVED) {
		error = srd_open_bring(fs, inode);
		if (error)
			break;
	}
	return error;
}

int srd_open_begin(struct srd_fs *fs, struct srd_open_inode *inode, struct srd_txn **txn)
{
	int error;

	while ((error = srd_txn_begin_at(fs->store, &inode->home, txn)) == SRD_EMOVED) {
		error = srd_open_bring(fs, inode);
		if (error)
			break;
	}
	return error;
}
