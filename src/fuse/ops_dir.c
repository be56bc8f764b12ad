/* SPDX-License-Identifier: Apache-2.0 */
/* ops_dir.c - requests on open directories.  "+1" as in ops.c. */
#include "config.h"

#include "fuse/loop.h"
#include "fuse/ops.h"

void srd_op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct srd_mount *mount = srd_mount_of(req);
	struct srd_dir *dir;
	int error = srd_fs_open_dir(mount->fs, ino, &dir);

	if (error) {
		srd_reply_status(req, error);
		return;
	}
	fi->fh = srd_handle_of(mount, dir);
	/* Where names are lost, whoever reads is to hear of it.  A listing is kept from the first, which
	 * makes the entries known, and good while they are. */
	fi->cache_readdir = mount->keeps_listings && !srd_store_is_lost(mount->store);
	fi->keep_cache = fi->cache_readdir && dir->known;
	if (fuse_reply_open(req, fi) != 0)
		srd_fs_close_dir(mount->fs, dir);
}

static bool list_entry(void *user, const char *name, const struct stat *st, uint64_t next, bool whole)
{
	struct srd_listing *listing = user;
	struct fuse_entry_param entry = { .attr = *st };

	if (listing->plus)
		srd_mount_entry(srd_mount_of(listing->req), st, whole, &entry);
	return srd_listing_add(listing, name, &entry, next);
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t pos, const struct fuse_file_info *fi, bool plus)
{
	struct srd_dir spare, *dir = srd_dir_of(req, ino, fi, &spare);
	struct srd_listing listing = { .req = req, .plus = plus, .buffer = srd_loop_buffer(size), .size = size };
	int error = listing.buffer ? srd_fs_read_dir(srd_fs_of(req), dir, (uint64_t)pos, plus, list_entry, &listing)
	                           : -ENOMEM;

	srd_reply_listing(error, &listing);
}

void srd_op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t pos, struct fuse_file_info *fi)
{
	list(req, ino, size, pos, fi, false);
}

/* +1 for each entry with an inode number in it. */
void srd_op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t pos, struct fuse_file_info *fi)
{
	list(req, ino, size, pos, fi, true);
}

void srd_op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	srd_dir_release(req, ino, fi);
	srd_reply_status(req, 0);
}

void srd_op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	(void)ino;
	(void)datasync;
	(void)fi;
	srd_loop_hold_up();
	int error = srd_fs_sync_all(srd_fs_of(req));
	srd_loop_go_on();
	srd_reply_status(req, error);
}
