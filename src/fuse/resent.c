/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resent.c - requests that a worker took and did not live to answer.
 *
 * The kernel sends them again, and nobody knows whether they were carried out.  Most
 * can be once more.  Of names, what a request was to make may be there by now, and what
 * it was to take away may be gone: then it was done.
 */
#include "config.h"

#include "fuse/ops.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "fuse/loop.h"

int srd_resent_removed(int error)
{
	return error == -ENOENT && srd_loop_hints()->resent ? 0 : error;
}

int srd_resent_renamed(fuse_req_t req, int error, fuse_ino_t new_parent, const char *new_name, unsigned flags)
{
	struct stat st;

	/* An exchange undoes itself; whether it was made cannot be told. */
	if (error != -ENOENT || flags & RENAME_EXCHANGE || !srd_loop_hints()->resent ||
	    srd_fs_lookup(srd_fs_of(req), new_parent, new_name, &st) != 0)
		return error;
	srd_fs_forget(srd_fs_of(req), st.st_ino, 1);
	return 0;
}

/* Nobody moves a whiteout and leaves another. */
bool srd_resent_left(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct stat st;

	if (!srd_loop_hints()->resent || srd_fs_lookup(srd_fs_of(req), parent, name, &st) != 0)
		return false;
	srd_fs_forget(srd_fs_of(req), st.st_ino, 1);
	return S_ISCHR(st.st_mode) && st.st_rdev == 0;
}

/* True if THERE is as NODE was when it was made: who used it since may be somebody else,
 * whose it is. */
static bool is_as_made(struct srd_fs *fs, const struct stat *there, const struct srd_fs_node *node)
{
	char target[PATH_MAX];

	if ((there->st_mode & S_IFMT) != (node->mode & S_IFMT) || there->st_uid != node->uid)
		return false;
	if (S_ISLNK(node->mode))
		return srd_fs_read_link(fs, there->st_ino, target, sizeof target) == 0 && strcmp(target, node->target) == 0;
	if (S_ISDIR(node->mode))
		return there->st_nlink == 2;
	return there->st_nlink == 1 && there->st_size == 0;
}

int srd_resent_made(fuse_req_t req, int error, fuse_ino_t parent, const char *name, const struct srd_fs_node *node,
                    struct stat *st)
{
	struct stat there;

	if (error != -EEXIST || !name || !srd_loop_hints()->resent ||
	    srd_fs_lookup(srd_fs_of(req), parent, name, &there) != 0)
		return error;
	if (is_as_made(srd_fs_of(req), &there, node)) {
		*st = there;
		return 0;
	}
	srd_fs_forget(srd_fs_of(req), there.st_ino, 1);
	return error;
}

int srd_resent_linked(fuse_req_t req, int error, fuse_ino_t ino, fuse_ino_t parent, const char *name, struct stat *st)
{
	struct stat there;

	if (error != -EEXIST || !srd_loop_hints()->resent ||
	    srd_fs_lookup(srd_fs_of(req), parent, name, &there) != 0)
		return error;
	if (there.st_ino == ino) {
		*st = there;
		return 0;
	}
	srd_fs_forget(srd_fs_of(req), there.st_ino, 1);
	return error;
}

/* Nobody else's bytes are there: while it waits, the kernel lets nobody append.  But of a store that others
 * write to the kernel does not know the true end: what was put behind an append of another mount is not
 * looked for, and comes twice.  Nothing that is committed tells whose request it was, and bytes that
 * are the same may be somebody else's: better twice than never. */
bool srd_resent_appended(fuse_req_t req, struct srd_file *file, uint64_t pos, const void *data, size_t len)
{
	void *there = srd_loop_hints()->resent ? srd_loop_buffer(len) : NULL;

	return there && srd_fs_read(srd_fs_of(req), file, pos, there, len) == (ssize_t)len &&
	       memcmp(there, data, len) == 0;
}
