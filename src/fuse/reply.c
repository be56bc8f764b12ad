/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fuse/reply.h"

#include <string.h>

/* Inode numbers are never used twice, so one generation does. */
enum { GENERATION = 1 };

void srd_reply_status(fuse_req_t req, int error)
{
	fuse_reply_err(req, error ? srd_error_errno(error) : 0);
}

struct stat srd_mount_shown(const struct srd_mount *mount, const struct stat *st)
{
	struct stat shown = *st;

	if (mount->options->set_uid)
		shown.st_uid = mount->options->uid;
	if (mount->options->set_gid)
		shown.st_gid = mount->options->gid;
	return shown;
}

/* How long attributes may be believed.  A write takes set-id bits away, and the
 * kernel does not look whether it did. */
static double timeout_of(const struct srd_mount *mount, const struct stat *st)
{
	return S_ISREG(st->st_mode) && (st->st_mode & (S_ISUID | S_ISGID)) ? 0 : mount->options->timeout;
}

void srd_mount_entry(const struct srd_mount *mount, const struct stat *st, bool whole,
                     struct fuse_entry_param *entry)
{
	*entry = (struct fuse_entry_param){
		.ino = whole ? st->st_ino : 0, .generation = GENERATION, .attr = srd_mount_shown(mount, st),
		.attr_timeout = timeout_of(mount, st), .entry_timeout = mount->options->timeout,
	};
}

void srd_reply_attr(fuse_req_t req, int error, const struct stat *st)
{
	const struct srd_mount *mount = srd_mount_of(req);

	if (error) {
		srd_reply_status(req, error);
		return;
	}
	struct stat shown = srd_mount_shown(mount, st);
	fuse_reply_attr(req, &shown, timeout_of(mount, st));
}

void srd_reply_entry(fuse_req_t req, int error, const struct stat *st)
{
	struct srd_mount *mount = srd_mount_of(req);
	struct fuse_entry_param entry;

	if (error) {
		srd_reply_status(req, error);
		return;
	}
	srd_mount_entry(mount, st, true, &entry);
	if (fuse_reply_entry(req, &entry) != 0)
		srd_fs_forget(mount->fs, st->st_ino, 1);
}

void srd_reply_lookup(fuse_req_t req, int error, const struct stat *st)
{
	const struct srd_mount *mount = srd_mount_of(req);

	if (error == -ENOENT) {
		struct fuse_entry_param none = { .ino = 0, .entry_timeout = mount->options->timeout };
		fuse_reply_entry(req, &none);
	} else {
		srd_reply_entry(req, error, st);
	}
}

static void set_handle(const struct srd_file *file, struct fuse_file_info *fi)
{
	fi->fh = (uintptr_t)file;
	fi->keep_cache = file->keep_cache;
#ifdef HAVE_STRUCT_FUSE_FILE_INFO_NOFLUSH
	/* Who only reads has nothing to commit when closing. */
	fi->noflush = !file->writes;
#endif
}

void srd_reply_create(fuse_req_t req, int error, const struct stat *st, struct srd_file *file,
                      struct fuse_file_info *fi)
{
	struct srd_mount *mount = srd_mount_of(req);
	struct fuse_entry_param entry;

	if (error) {
		srd_reply_status(req, error);
		return;
	}
	srd_mount_entry(mount, st, true, &entry);
	set_handle(file, fi);
	if (fuse_reply_create(req, &entry, fi) != 0) {
		srd_fs_close(mount->fs, file);
		srd_fs_forget(mount->fs, st->st_ino, 1);
	}
}

void srd_reply_open(fuse_req_t req, int error, struct srd_file *file, struct fuse_file_info *fi)
{
	struct srd_mount *mount = srd_mount_of(req);

	if (error) {
		srd_reply_status(req, error);
		return;
	}
	set_handle(file, fi);
	if (fuse_reply_open(req, fi) != 0)
		srd_fs_close(mount->fs, file);
}
