/* SPDX-License-Identifier: Apache-2.0 */
/* file.c - open files: each is a handle on an inode that is open on this mount. */
#include "config.h"

#include "fs/fs.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/cleanup.h"
#include "fs/privileges.h"
#include "store/private.h"

/* Notes that INO is opened: -ESTALE; *KEPT if the kernel's pages of it are true. */
static int look(struct srd_fs *fs, uint64_t ino, bool *kept)
{
	struct srd_inode *inode;
	unsigned stripe;
	int error = srd_fs_read_inode(fs, ino, &stripe, &inode);

	if (error)
		return error;
	struct srd_seen_file seen = { .ino = ino, .last_op = inode->last_op, .foreign = fs->store->foreign,
	                              .generation = fs->store->log->sb.generation };
	error = srd_store_done(fs->store, stripe);
	*kept = !error && srd_seen_again(&fs->seen, &seen);
	return error;
}

static int empty(struct srd_fs *fs, struct srd_open_inode *inode, const struct srd_caller *caller)
{
	SRD_LOCK_GUARD(&inode->mutex);
	int error = srd_privileges_before_write(fs, inode, caller);

	if (!error)
		srd_open_empty(fs, inode);
	return error;
}

int srd_fs_open(struct srd_fs *fs, uint64_t ino, int flags, const struct srd_caller *caller, struct srd_file **out)
{
	bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC), kept;

	if (writes && (fs->store->flags & SRD_RDONLY))
		return -EROFS;
	int error = look(fs, ino, &kept);
	if (!error && writes)
		error = srd_private_expect(fs->store, ino);
	if (error)
		return error;
	struct srd_file *file = malloc(sizeof *file);
	if (!file)
		return -ENOMEM;
	*file = (struct srd_file){ .inode = srd_open_get(fs, ino), .writes = writes, .keep_cache = kept };
	if (!file->inode) {
		free(file);
		return -ENOMEM;
	}
	if (file->keep_cache && (flags & O_ACCMODE) != O_WRONLY && srd_access_is_due(fs, ino))
		file->keep_cache = false;
	if (flags & O_TRUNC)
		error = empty(fs, file->inode, caller);
	if (error)
		srd_fs_close(fs, file);
	else
		*out = file;
	return error;
}

int srd_fs_open_made(struct srd_fs *fs, uint64_t ino, int flags, struct srd_file **file)
{
	int error = srd_fs_open(fs, ino, flags & ~O_TRUNC, NULL, file);

	if (error)
		srd_fs_forget(fs, ino, 1);
	return error;
}

int srd_fs_create(struct srd_fs *fs, uint64_t dir, const char *name, const struct srd_fs_node *node,
                  int flags, struct stat *st, struct srd_file **file)
{
	int error = srd_fs_make(fs, dir, name, node, st);

	return error ? error : srd_fs_open_made(fs, st->st_ino, flags, file);
}

ssize_t srd_fs_read(struct srd_fs *fs, struct srd_file *file, uint64_t pos, void *data, size_t len)
{
	if (fs->access != SRD_ACCESS_NEVER)
		srd_access_note(fs, file->inode->ino);
	return srd_fs_read_content(fs, file->inode->ino, file->inode, pos, data, len);
}

/* What cannot be committed is refused now, not when the file is closed: few look
 * whether that worked.  INODE's mutex held. */
static int before_write(struct srd_fs *fs, struct srd_open_inode *inode, const struct srd_caller *caller)
{
	if (fs->store->flags & SRD_RDONLY)   /* open() may not have come by */
		return -EROFS;
	return srd_store_is_lost(fs->store) ? SRD_EDAMAGED : srd_privileges_before_write(fs, inode, caller);
}

int srd_fs_write(struct srd_fs *fs, struct srd_file *file, uint64_t pos, const void *data, size_t len,
                 const struct srd_caller *caller)
{
	SRD_LOCK_GUARD(&file->inode->mutex);
	int error = before_write(fs, file->inode, caller);

	while (len > 0 && !error) {
		uint32_t piece = (uint32_t)SRD_MIN(len, (size_t)SRD_RUN_LEN_MAX);
		error = srd_open_write(fs, file->inode, pos, data, piece);
		pos += piece;
		data = (const char *)data + piece;
		len -= piece;
	}
	return error;
}

static int append(struct srd_fs *fs, struct srd_open_inode *inode, uint64_t guess, const void *data, size_t len)
{
	int error = 0;

	while (len > 0 && !error) {
		uint32_t piece = (uint32_t)SRD_MIN(len, (size_t)SRD_RUN_LEN_MAX);
		uint64_t pos;
		error = srd_open_append(fs, inode, data, piece, &pos);
		if (!error && pos != guess)
			srd_fs_stale(fs, inode->ino, SRD_MIN(pos, guess));
		guess += piece;
		data = (const char *)data + piece;
		len -= piece;
	}
	return error;
}

int srd_fs_append(struct srd_fs *fs, struct srd_file *file, uint64_t guess, const void *data, size_t len,
                  const struct srd_caller *caller)
{
	SRD_LOCK_GUARD(&file->inode->mutex);
	int error = before_write(fs, file->inode, caller);

	if (!error)
		error = append(fs, file->inode, guess, data, len);
	/* Alone, nobody can tell when it is committed; somebody who comes by then is
	 * not overwritten all the same. */
	if (!error && !srd_store_is_only_writer(fs->store))
		error = srd_open_commit(fs, file->inode, NULL, NULL);
	return error;
}

int srd_fs_flush(struct srd_fs *fs, struct srd_file *file)
{
	SRD_LOCK_GUARD(&file->inode->mutex);

	return srd_open_commit(fs, file->inode, NULL, NULL);
}

int srd_fs_sync_all(struct srd_fs *fs)
{
	int error = srd_committer_flush(fs), sync_error = srd_store_sync(fs->store);

	return error ? error : sync_error;
}

int srd_fs_sync(struct srd_fs *fs, struct srd_file *file)
{
	int error = srd_fs_flush(fs, file);

	return error ? error : srd_store_sync(fs->store);
}

void srd_fs_close(struct srd_fs *fs, struct srd_file *file)
{
	/* An error was told at flush; the committer goes on trying. */
	if (file->writes)
		srd_fs_flush(fs, file);
	srd_open_put(fs, file->inode);
	free(file);
}
