/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fs/whereabouts.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/le.h"

#define PREFIX "user.srd."
enum { HEADER_SEARCH_MAX = 1 << 20 };   /* bytes of one commit's ops to look through */

bool srd_whereabouts_is(const char *name)
{
	return strncmp(name, PREFIX, strlen(PREFIX)) == 0;
}

static int commit(struct srd_fs *fs, uint64_t ino)
{
	if (!srd_open_is_changed(fs, ino))
		return 0;
	struct srd_open_inode *open = srd_open_get(fs, ino);
	if (!open)
		return -ENOMEM;
	pthread_mutex_lock(&open->mutex);
	int error = srd_open_commit(fs, open, NULL, NULL);
	pthread_mutex_unlock(&open->mutex);
	srd_open_put(fs, open);
	return error;
}

/* The number of the commit that the op at OFFSET tells of. */
static int find_sequence(const struct srd_log *log, uint64_t offset, uint64_t *sequence)
{
	struct srd_record record;

	if (srd_log_restated(log, offset, sequence))
		return 0;
	if (!srd_log_record_of(log, offset, HEADER_SEARCH_MAX, &record))
		return -ENODATA;
	*sequence = record.sequence;
	return 0;
}

/* Where it lies, as text, with the read side held. */
static int tell_place(const struct srd_fs *fs, const struct srd_inode *inode, const char *what, char *text, size_t size)
{
	struct srd_ref ref;
	struct srd_run run;

	if (!S_ISREG(inode->mode) || !srd_state_extent(&fs->store->state, inode, 0, &ref) || ref.pos != 0 ||
	    ref.run == 0 || !srd_log_run(fs->store->log, ref.run, &run))
		return -ENODATA;
	if (strcmp(what, "offset") == 0)
		snprintf(text, size, "%llu", (unsigned long long)(run.offset + run.distance + ref.skip));
	else if (strcmp(what, "length") == 0)
		snprintf(text, size, "%llu", (unsigned long long)SRD_MIN((uint64_t)ref.len, inode->size));
	else if (strcmp(what, "checksum") == 0 && ref.skip == 0 && run.len > 0)
		snprintf(text, size, "%016llx", (unsigned long long)srd_get64(run.checks));
	else
		return -ENODATA;
	return 0;
}

static int tell_sequence(const struct srd_fs *fs, const struct srd_inode *inode, char *text, size_t size)
{
	uint64_t sequence;
	int error = inode->last_op ? find_sequence(fs->store->log, inode->last_op, &sequence) : -ENODATA;

	if (!error)
		snprintf(text, size, "%llu", (unsigned long long)sequence);
	return error;
}

ssize_t srd_whereabouts_get(struct srd_fs *fs, uint64_t ino, const char *name, void *value, size_t size)
{
	const char *what = name + strlen(PREFIX);
	struct srd_inode *inode;
	unsigned stripe;
	char text[32];
	int error = commit(fs, ino);

	if (!error)
		error = srd_fs_read_inode(fs, ino, &stripe, &inode);
	if (error)
		return error;
	error = strcmp(what, "sequence") == 0 ? tell_sequence(fs, inode, text, sizeof text)
	                                      : tell_place(fs, inode, what, text, sizeof text);
	int bad = srd_store_done(fs->store, stripe);
	if (bad || error)
		return bad ? bad : error;
	size_t len = strlen(text);
	if (size > 0 && len > size)
		return -ERANGE;
	if (size > 0)
		memcpy(value, text, len);
	return (ssize_t)len;
}
