/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops.c - what each request of the kernel does: decode, call the file system,
 * reply exactly once.
 *
 * "+1" in an op's comment: its answer raises the inode's lookup count, which
 * FORGET lowers; the file system's pins are these counts.  All others leave it.
 * Permissions are checked by the kernel (default_permissions).  It asks us to apply
 * the umask (DONT_MASK), which a directory's default access list takes the place
 * of, and to take set-id bits and capabilities away from what is written
 * (HANDLE_KILLPRIV_V2, see kernel.h), so that it need not ask for attributes before
 * each write.
 */
#include "config.h"

#include "fuse/ops.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "fuse/loop.h"
#include "fuse/transaction.h"

/* ---- Names ---- */

/* +1 if the name is there. */
static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct stat st;

	if (parent == FUSE_ROOT_ID && srd_mount_of(req)->past && strcmp(name, SRD_PAST_NAME) == 0) {
		srd_op_enter_past(req);
		return;
	}
	int error = srd_fs_lookup(srd_fs_of(req), parent, name, &st);
	srd_reply_lookup(req, error, &st);
}

/* -COUNT */
static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
	srd_fs_forget(srd_fs_of(req), ino, count);
	fuse_reply_none(req);
}

/* -count of each */
static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++) {
		if (srd_past_is(forgets[i].ino) && srd_mount_of(req)->past)
			srd_past_forget(srd_mount_of(req)->past, forgets[i].ino, forgets[i].nlookup);
		else
			srd_fs_forget(srd_fs_of(req), forgets[i].ino, forgets[i].nlookup);
	}
	fuse_reply_none(req);
}

static struct srd_fs_node node_of(fuse_req_t req, mode_t mode)
{
	const struct fuse_ctx *caller = fuse_req_ctx(req);

	return (struct srd_fs_node){ .mode = mode, .umask = caller->umask, .uid = caller->uid, .gid = caller->gid };
}

static void make(fuse_req_t req, fuse_ino_t parent, const char *name, const struct srd_fs_node *node)
{
	struct stat st;
	int error = srd_resent_is_done(req) ? srd_resent_made(req, parent, name, &st)
	            : srd_fs_make(srd_fs_of(req), parent, name, node, &st);

	srd_reply_entry(req, error, &st);
}

/* +1 */
static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	struct srd_fs_node node = node_of(req, mode);

	node.rdev = (uint32_t)rdev;
	make(req, parent, name, &node);
}

/* +1 */
static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct srd_fs_node node = node_of(req, S_IFDIR | (mode & 07777));

	make(req, parent, name, &node);
}

/* +1 */
static void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct srd_fs_node node = node_of(req, S_IFLNK | 0777);

	node.target = target;
	make(req, parent, name, &node);
}

/* +1 */
static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t new_parent, const char *new_name)
{
	struct stat st;
	int error = srd_past_is(ino) ? -EXDEV
	            : srd_resent_is_done(req) ? srd_resent_made(req, new_parent, new_name, &st)
	            : srd_fs_link(srd_fs_of(req), ino, new_parent, new_name, &st);

	srd_reply_entry(req, error, &st);
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	srd_reply_status(req, srd_resent_is_done(req) ? 0 : srd_fs_unlink(srd_fs_of(req), parent, name, false));
}

static void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	srd_reply_status(req, srd_resent_is_done(req) ? 0 : srd_fs_unlink(srd_fs_of(req), parent, name, true));
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
                      const char *new_name, unsigned flags)
{
	/* What overlayfs takes for "nothing here, whatever is below". */
	struct srd_fs_node whiteout = node_of(req, S_IFCHR);
	bool leave = flags & RENAME_WHITEOUT;

	int error = srd_past_is(new_parent) ? -EXDEV
	            : srd_resent_is_done(req) ? 0
	            : srd_fs_rename(srd_fs_of(req), parent, name, new_parent, new_name,
	                            flags & ~(unsigned)RENAME_WHITEOUT, leave ? &whiteout : NULL);
	srd_reply_status(req, error);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	char target[PATH_MAX + 1];

	srd_reply_target(req, srd_fs_read_link(srd_fs_of(req), ino, target, sizeof target), target);
}

/* ---- Attributes ---- */

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct timespec birth;
	struct stat st;
	(void)fi;
	int error = srd_fs_get_attr(srd_fs_of(req), ino, &st);

	if (!srd_loop_hints()->births) {
		srd_reply_attr(req, error, &st);
		return;
	}
	if (!error)
		error = srd_fs_birth(srd_fs_of(req), ino, &birth);
	srd_reply_statx(req, error, &st, &birth);
}

static int64_t ns_of(const struct timespec *time)
{
	return time->tv_sec * INT64_C(1000000000) + time->tv_nsec;
}

static struct srd_attr attr_of(const struct stat *st, int to_set)
{
	static const struct { int theirs; uint32_t ours; } bits[] = {
		{ FUSE_SET_ATTR_MODE, SRD_ATTR_MODE }, { FUSE_SET_ATTR_UID, SRD_ATTR_UID },
		{ FUSE_SET_ATTR_GID, SRD_ATTR_GID }, { FUSE_SET_ATTR_SIZE, SRD_ATTR_SIZE },
		{ FUSE_SET_ATTR_ATIME, SRD_ATTR_ATIME }, { FUSE_SET_ATTR_MTIME, SRD_ATTR_MTIME },
		{ FUSE_SET_ATTR_CTIME, SRD_ATTR_CTIME }, { FUSE_SET_ATTR_ATIME_NOW, SRD_ATTR_ATIME },
		{ FUSE_SET_ATTR_MTIME_NOW, SRD_ATTR_MTIME },
	};
	int64_t now = srd_wall_ns();
	struct srd_attr attr = {
		.mode = st->st_mode & 07777, .uid = st->st_uid, .gid = st->st_gid, .size = (uint64_t)st->st_size,
		.atime_ns = to_set & FUSE_SET_ATTR_ATIME_NOW ? now : ns_of(&st->st_atim),
		.mtime_ns = to_set & FUSE_SET_ATTR_MTIME_NOW ? now : ns_of(&st->st_mtim),
		.ctime_ns = ns_of(&st->st_ctim),
	};

	for (size_t i = 0; i < SRD_LEN(bits); i++)
		if (to_set & bits[i].theirs)
			attr.mask |= bits[i].ours;
	return attr;
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *wanted, int to_set,
                       struct fuse_file_info *fi)
{
	struct srd_attr attr = attr_of(wanted, to_set);
	struct srd_caller caller;
	struct stat st;
	(void)fi;
	int error = srd_fs_set_attr(srd_fs_of(req), ino, &attr, srd_caller_of(req, &caller), &st);

	srd_reply_attr(req, error, &st);
}

void srd_op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st;
	(void)ino;
	int error = srd_fs_statvfs(srd_fs_of(req), &st);

	if (error)
		srd_reply_status(req, error);
	else
		fuse_reply_statfs(req, &st);
}

/* ---- Files ---- */

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct srd_file *file = NULL;
	struct srd_caller caller;

	if (srd_mount_of(req)->no_open) {
		/* The kernel then opens and closes by itself, and never asks again. */
		fuse_reply_err(req, ENOSYS);
		return;
	}
	int error = srd_fs_open(srd_fs_of(req), ino, fi->flags, srd_caller_of(req, &caller), &file);
	srd_reply_open(req, error, file, fi);
}

static int open_made(fuse_req_t req, fuse_ino_t parent, const char *name, int flags, struct stat *st,
                     struct srd_file **file)
{
	int error = srd_resent_made(req, parent, name, st);

	return error ? error : srd_fs_open_made(srd_fs_of(req), st->st_ino, flags, file);
}

/* +1 */
static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
                      struct fuse_file_info *fi)
{
	struct srd_fs_node node = node_of(req, S_IFREG | (mode & 07777));
	struct srd_file *file = NULL;
	struct stat st;

	if (srd_loop_hints()->unnamed)
		name = NULL;
	int error = name && srd_resent_is_done(req) ? open_made(req, parent, name, fi->flags, &st, &file)
	            : srd_fs_create(srd_fs_of(req), parent, name, &node, fi->flags, &st, &file);
	/* Somebody else made it since the kernel looked: it is to look again, and open it. */
	if (error == -EEXIST && !(fi->flags & O_EXCL))
		error = -ESTALE;
	srd_reply_create(req, error, &st, file, fi);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t pos, struct fuse_file_info *fi)
{
	void *buffer = srd_loop_buffer(size);
	struct srd_file spare, *file = srd_file_of(req, ino, fi, &spare);
	ssize_t len = !file ? -EIO : !buffer ? -ENOMEM : srd_fs_read(srd_fs_of(req), file, (uint64_t)pos, buffer, size);

	srd_file_done(req, file, &spare);
	srd_reply_bytes(req, len, buffer);
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t pos,
                     struct fuse_file_info *fi)
{
	struct srd_file spare, *file = srd_file_of(req, ino, fi, &spare);
	struct srd_caller caller;
	/* With the kernel's writeback cache its idea of the end is the true one. */
	bool appends = (fi->flags & O_APPEND) && !srd_mount_of(req)->options->writeback;
	int error = !file ? -EIO
	            : appends && srd_resent_appended(req, file, (uint64_t)pos, data, size) ? 0
	            : (appends ? srd_fs_append : srd_fs_write)(srd_fs_of(req), file, (uint64_t)pos, data, size,
	                                                       srd_caller_of(req, &caller));

	srd_file_done(req, file, &spare);
	if (error)
		srd_reply_status(req, error);
	else
		fuse_reply_write(req, size);
}

static void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	if (srd_mount_of(req)->no_open) {
		fuse_reply_err(req, ENOSYS);   /* likewise: there is never anything to commit */
		return;
	}
	struct srd_file spare, *file = srd_file_of(req, ino, fi, &spare);
	int error = file ? srd_fs_flush(srd_fs_of(req), file) : -EIO;

	srd_file_done(req, file, &spare);
	srd_reply_status(req, error);
}

static void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct srd_file spare, *file = srd_file_of(req, ino, fi, &spare);
	(void)datasync;
	srd_loop_hold_up();
	int error = file ? srd_fs_sync(srd_fs_of(req), file) : -EIO;
	srd_loop_go_on();
	srd_file_done(req, file, &spare);
	srd_reply_status(req, error);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	srd_file_release(req, fi);
	srd_reply_status(req, 0);
}

const struct fuse_lowlevel_ops srd_mount_ops = {
	.init = srd_op_init,
	.lookup = op_lookup, .forget = op_forget, .forget_multi = op_forget_multi,
	.getattr = op_getattr, .setattr = op_setattr, .statfs = srd_op_statfs,
	.readlink = op_readlink, .symlink = op_symlink, .mknod = op_mknod, .mkdir = op_mkdir,
	.link = op_link, .unlink = op_unlink, .rmdir = op_rmdir, .rename = op_rename,
	.open = op_open, .create = op_create, .read = op_read, .write = op_write,
	.flush = op_flush, .fsync = op_fsync, .release = op_release,
	.opendir = srd_op_opendir, .readdir = srd_op_readdir, .readdirplus = srd_op_readdirplus,
	.releasedir = srd_op_releasedir, .fsyncdir = srd_op_fsyncdir,
	.getxattr = srd_op_getxattr, .listxattr = srd_op_listxattr,
	.setxattr = srd_op_setxattr, .removexattr = srd_op_removexattr,
	.fallocate = srd_op_fallocate, .lseek = srd_op_lseek, .copy_file_range = srd_op_copy_file_range,
	.ioctl = srd_op_ioctl,
};
