/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops_past.c - requests about nodes of the past (fs/past.h): a table of its own, of a second
 * session on the same device, for which the loop sorts requests by their node's id.
 *
 * So nothing in the other table knows of the past, but where a request names a second node.
 * "+1" as in ops.c.  A request that is not answered here at all would be answered with ENOSYS,
 * and the kernel would not make it of any file again: so those that change something are all
 * here, to be refused.
 */
#include "config.h"

#include "fuse/loop.h"
#include "fuse/ops.h"
#include "fuse/transaction.h"

#include <limits.h>

#include "base/check.h"

enum { UNSETTLED_SECONDS = 1 };   /* what may change is to be asked for again then */

static struct srd_past *past_of(fuse_req_t req)
{
	return srd_mount_of(req)->past;
}

static double timeout_of(const struct srd_mount *mount, bool settled)
{
	return settled ? mount->timeout : SRD_MIN(mount->timeout, (double)UNSETTLED_SECONDS);
}

static void set_entry(const struct srd_mount *mount, const struct srd_past_entry *found, struct fuse_entry_param *entry)
{
	srd_mount_entry(mount, &found->st, true, entry);
	entry->ino = found->id;
	entry->entry_timeout = timeout_of(mount, found->settled);
	entry->attr_timeout = timeout_of(mount, found->lasts);
}

static void reply_entry(fuse_req_t req, int error, const struct srd_past_entry *found)
{
	struct fuse_entry_param entry;

	if (error) {
		srd_reply_status(req, error);
		return;
	}
	set_entry(srd_mount_of(req), found, &entry);
	if (fuse_reply_entry(req, &entry) != 0)
		srd_past_forget(past_of(req), found->id, 1);
}

/* ---- Names ---- */

/* +1 */
void srd_op_enter_past(fuse_req_t req)
{
	struct srd_past_entry found;

	reply_entry(req, srd_past_enter(past_of(req), &found), &found);
}

/* +1 if the name is there. */
static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct srd_past_entry found;

	reply_entry(req, srd_past_lookup(past_of(req), parent, name, &found), &found);
}

/* -COUNT */
static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
	srd_past_forget(past_of(req), ino, count);
	fuse_reply_none(req);
}

/* +1 */
static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct srd_past_entry found;
	(void)mode;
	int error = (srd_resent_is_done(req) ? srd_past_lookup : srd_past_make)(past_of(req), parent, name, &found);

	reply_entry(req, error, &found);
}

static void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	srd_reply_status(req, srd_resent_is_done(req) ? 0 : srd_past_remove(past_of(req), parent, name));
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
                      const char *new_name, unsigned flags)
{
	srd_reply_status(req, srd_resent_is_done(req) ? 0
	                      : srd_past_rename(past_of(req), parent, name, new_parent, new_name, flags));
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	char target[PATH_MAX + 1];

	srd_reply_target(req, srd_past_read_link(past_of(req), ino, target, sizeof target), target);
}

/* ---- Attributes ---- */

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	bool births = srd_loop_hints()->births, lasts = false;
	struct timespec birth;
	struct stat st;
	(void)fi;
	int error = srd_past_get_attr(past_of(req), ino, &st, births ? &birth : NULL, &lasts);
	double timeout = timeout_of(srd_mount_of(req), lasts);

	if (births)
		srd_reply_statx_for(req, error, &st, &birth, timeout);
	else
		srd_reply_attr_for(req, error, &st, timeout);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	char *buffer = srd_loop_buffer(size + 1);

	srd_reply_xattr(req, size, buffer, buffer ? srd_past_get_xattr(past_of(req), ino, name, buffer, size) : -ENOMEM);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	bool privileged = fuse_req_ctx(req)->uid == 0;
	char *buffer = srd_loop_buffer(size + 1);

	srd_reply_xattr(req, size, buffer,
	                buffer ? srd_past_list_xattr(past_of(req), ino, privileged, buffer, size) : -ENOMEM);
}

/* ---- Files ---- */

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct srd_past_view *view;
	int error = srd_past_open(past_of(req), ino, fi->flags, &view);

	if (error) {
		srd_reply_status(req, error);
		return;
	}
	fi->fh = srd_handle_of(srd_mount_of(req), view);
	fi->keep_cache = true;
	if (fuse_reply_open(req, fi) != 0)
		srd_past_close(past_of(req), view);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t pos, struct fuse_file_info *fi)
{
	void *buffer = srd_loop_buffer(size);
	(void)fi;
	ssize_t len = buffer ? srd_past_read(past_of(req), ino, (uint64_t)pos, buffer, size) : -ENOMEM;

	srd_reply_bytes(req, len, buffer);
}

static void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t pos, int whence, struct fuse_file_info *fi)
{
	uint64_t found;
	(void)fi;
	int error = srd_past_seek(past_of(req), ino, (uint64_t)pos, whence, &found);

	if (error)
		srd_reply_status(req, error);
	else
		fuse_reply_lseek(req, (off_t)found);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct srd_past_view *view = srd_handle_address(srd_mount_of(req), fi->fh);
	(void)ino;

	if (view)
		srd_past_close(past_of(req), view);
	srd_reply_status(req, 0);
}

/* There is nothing to be written. */
static void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino, (void)fi;
	srd_reply_status(req, 0);
}

static void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	(void)ino, (void)datasync, (void)fi;
	srd_reply_status(req, 0);
}

/* ---- Directories ---- */

static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct srd_past_dir *dir;
	int error = srd_past_open_dir(past_of(req), ino, &dir);

	if (error) {
		srd_reply_status(req, error);
		return;
	}
	fi->fh = srd_handle_of(srd_mount_of(req), dir);
	if (fuse_reply_open(req, fi) != 0)
		srd_past_close_dir(past_of(req), dir);
}

static bool list_entry(void *user, const char *name, uint64_t id, const struct stat *st, uint64_t next)
{
	struct srd_listing *listing = user;
	const struct srd_past_entry found = { .id = id, .st = *st, .settled = true, .lasts = true };
	struct fuse_entry_param entry;

	set_entry(srd_mount_of(listing->req), &found, &entry);
	return srd_listing_add(listing, name, &entry, next);
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t pos, const struct fuse_file_info *fi, bool plus)
{
	struct srd_listing listing = { .req = req, .plus = plus, .buffer = srd_loop_buffer(size), .size = size };
	struct srd_past_dir *dir = srd_handle_address(srd_mount_of(req), fi->fh);
	int error = listing.buffer ? srd_past_read_dir(past_of(req), ino, dir, (uint64_t)pos, plus, list_entry, &listing)
	                           : -ENOMEM;

	srd_reply_listing(error, &listing);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t pos, struct fuse_file_info *fi)
{
	list(req, ino, size, pos, fi, false);
}

/* +1 for each entry with an id in it. */
static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t pos, struct fuse_file_info *fi)
{
	list(req, ino, size, pos, fi, true);
}

static void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct srd_past_dir *dir = srd_handle_address(srd_mount_of(req), fi->fh);
	(void)ino;

	if (dir)
		srd_past_close_dir(past_of(req), dir);
	srd_reply_status(req, 0);
}

/* ---- What would change something ---- */

static void refuse(fuse_req_t req)
{
	srd_reply_status(req, -EROFS);
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *wanted, int to_set, struct fuse_file_info *fi)
{
	(void)ino, (void)wanted, (void)to_set, (void)fi;
	refuse(req);
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	(void)parent, (void)name, (void)mode, (void)rdev;
	refuse(req);
}

static void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	(void)target, (void)parent, (void)name;
	refuse(req);
}

/* What is, and what was, are in different file systems. */
static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t new_parent, const char *new_name)
{
	(void)new_parent, (void)new_name;
	srd_reply_status(req, srd_past_is(ino) ? -EROFS : -EXDEV);
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	(void)parent, (void)name;
	refuse(req);
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
	(void)parent, (void)name, (void)mode, (void)fi;
	refuse(req);
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t pos, struct fuse_file_info *fi)
{
	(void)ino, (void)data, (void)size, (void)pos, (void)fi;
	refuse(req);
}

static void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t len, int flags)
{
	(void)ino, (void)name, (void)value, (void)len, (void)flags;
	refuse(req);
}

static void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	(void)ino, (void)name;
	refuse(req);
}

static void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t pos, off_t len, struct fuse_file_info *fi)
{
	(void)ino, (void)mode, (void)pos, (void)len, (void)fi;
	refuse(req);
}

/* The caller then reads and writes. */
static void op_copy_file_range(fuse_req_t req, fuse_ino_t from, off_t from_pos, struct fuse_file_info *from_fi,
                               fuse_ino_t to, off_t to_pos, struct fuse_file_info *to_fi, size_t len, int flags)
{
	(void)from, (void)from_pos, (void)from_fi, (void)to, (void)to_pos, (void)to_fi, (void)len, (void)flags;
	srd_reply_status(req, -EXDEV);
}

const struct fuse_lowlevel_ops srd_past_ops = {
	.init = srd_op_init,
	.lookup = op_lookup, .forget = op_forget,
	.getattr = op_getattr, .setattr = op_setattr, .statfs = srd_op_statfs,
	.readlink = op_readlink, .symlink = op_symlink, .mknod = op_mknod, .mkdir = op_mkdir,
	.link = op_link, .unlink = op_unlink, .rmdir = op_rmdir, .rename = op_rename,
	.open = op_open, .create = op_create, .read = op_read, .write = op_write,
	.flush = op_flush, .fsync = op_fsync, .release = op_release,
	.opendir = op_opendir, .readdir = op_readdir, .readdirplus = op_readdirplus,
	.releasedir = op_releasedir, .fsyncdir = op_fsync,
	.getxattr = op_getxattr, .listxattr = op_listxattr,
	.setxattr = op_setxattr, .removexattr = op_removexattr,
	.fallocate = op_fallocate, .lseek = op_lseek, .copy_file_range = op_copy_file_range,
	.ioctl = srd_op_ioctl,
};
