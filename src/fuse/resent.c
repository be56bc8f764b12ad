/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resent.c - requests that a worker took and did not live to answer.
 *
 * The kernel sends them again.  Most can be carried out once more.  Of those about names and
 * attributes that have names, each one commit, the receipt tells whether they were: what then
 * was made is there, unless somebody else has changed that since.
 */
#include "config.h"

#include "fuse/ops.h"

#include <string.h>

#include "fuse/loop.h"
#include "fuse/receipts.h"
#include "store/store.h"

bool srd_resent_is_done(fuse_req_t req)
{
	const struct srd_mount *mount = srd_mount_of(req);
	const struct srd_hints *hints = srd_loop_hints();

	/* Of a private view nothing was left to be carried out upon. */
	if (!hints->resent || mount->live || srd_store_begin(mount->store) != 0)
		return false;
	bool done = srd_receipts_have(mount->legacy.receipts, hints->request, mount->store->log);
	srd_store_end(mount->store);
	return done;
}

int srd_resent_made(fuse_req_t req, fuse_ino_t parent, const char *name, struct stat *st)
{
	int error = srd_fs_lookup(srd_fs_of(req), parent, name, st);

	/* The kernel asks anew. */
	return error == -ENOENT ? -ESTALE : error;
}

/* Nobody else's bytes are there: while it waits, the kernel lets nobody append.  But of a store that others
 * write to the kernel does not know the true end: what was put behind an append of another mount is not
 * looked for, and comes twice.  What is appended is committed later, with more, so there is no receipt,
 * and bytes that are the same may be somebody else's: better twice than never. */
bool srd_resent_appended(fuse_req_t req, struct srd_file *file, uint64_t pos, const void *data, size_t len)
{
	void *there = srd_loop_hints()->resent ? srd_loop_buffer(len) : NULL;

	return there && srd_fs_read(srd_fs_of(req), file, pos, there, len) == (ssize_t)len &&
	       memcmp(there, data, len) == 0;
}
