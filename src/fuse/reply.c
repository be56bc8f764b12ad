/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fuse/reply.h"

#include "fuse/ops.h"

#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>

/* Inode numbers are never used twice, so one generation does. */
enum { GENERATION = 1 };

void srd_reply_status(fuse_req_t req, int error)
{
	fuse_reply_err(req, error ? srd_error_errno(error) : 0);
}

/* ST as the options want it shown. */
static struct stat shown_of(const struct srd_mount *mount, const struct stat *st)
{
	struct stat shown = *st;

	if (mount->options->set_uid)
		shown.st_uid = mount->options->uid;
	if (mount->options->set_gid)
		shown.st_gid = mount->options->gid;
	return shown;
}

/* How long attributes may be believed.  A write takes set-id bits away, and the
 * kernel does not look whether it did; and how much space a file takes is not sure
 * before its content is committed. */
static double timeout_of(const struct srd_mount *mount, const struct stat *st)
{
	if (S_ISREG(st->st_mode) &&
	    ((st->st_mode & (S_ISUID | S_ISGID)) || srd_open_is_changed(mount->fs, st->st_ino)))
		return 0;
	return mount->timeout;
}

void srd_mount_entry(const struct srd_mount *mount, const struct stat *st, bool whole,
                     struct fuse_entry_param *entry)
{
	*entry = (struct fuse_entry_param){
		.ino = whole ? st->st_ino : 0, .generation = GENERATION, .attr = shown_of(mount, st),
		.attr_timeout = timeout_of(mount, st), .entry_timeout = mount->timeout,
	};
}

void srd_reply_attr(fuse_req_t req, int error, const struct stat *st)
{
	srd_reply_attr_for(req, error, st, error ? 0 : timeout_of(srd_mount_of(req), st));
}

void srd_reply_attr_for(fuse_req_t req, int error, const struct stat *st, double timeout)
{
	if (error) {
		srd_reply_status(req, error);
		return;
	}
	struct stat shown = shown_of(srd_mount_of(req), st);
	fuse_reply_attr(req, &shown, timeout);
}

/* Older headers lack the kernel's fuse_statx_out; its fuse_statx is what statx(2) has. */
struct statx_answer {
	uint64_t valid_seconds;
	uint32_t valid_ns, flags;
	uint64_t spare[2];
	struct statx stat;
};
_Static_assert(sizeof(struct statx_answer) == 288, "as in the kernel's protocol");

static struct statx_timestamp timestamp_of(const struct timespec *time)
{
	return (struct statx_timestamp){ .tv_sec = time->tv_sec, .tv_nsec = (uint32_t)time->tv_nsec };
}

void srd_reply_statx(fuse_req_t req, int error, const struct stat *st, const struct timespec *birth)
{
	srd_reply_statx_for(req, error, st, birth, error ? 0 : timeout_of(srd_mount_of(req), st));
}

void srd_reply_statx_for(fuse_req_t req, int error, const struct stat *st, const struct timespec *birth, double timeout)
{
	if (error) {
		srd_reply_status(req, error);
		return;
	}
	struct stat shown = shown_of(srd_mount_of(req), st);
	struct statx_answer answer = {
		.valid_seconds = (uint64_t)timeout,
		.valid_ns = (uint32_t)((timeout - (double)(uint64_t)timeout) * 1e9),
		.stat = {
			.stx_mask = STATX_BASIC_STATS | STATX_BTIME, .stx_blksize = (uint32_t)shown.st_blksize,
			.stx_nlink = (uint32_t)shown.st_nlink, .stx_uid = shown.st_uid, .stx_gid = shown.st_gid,
			.stx_mode = (uint16_t)shown.st_mode, .stx_ino = shown.st_ino,
			.stx_size = (uint64_t)shown.st_size, .stx_blocks = (uint64_t)shown.st_blocks,
			.stx_atime = timestamp_of(&shown.st_atim), .stx_btime = timestamp_of(birth),
			.stx_ctime = timestamp_of(&shown.st_ctim), .stx_mtime = timestamp_of(&shown.st_mtim),
			.stx_rdev_major = major(shown.st_rdev), .stx_rdev_minor = minor(shown.st_rdev),
		},
	};
	fuse_reply_buf(req, (const char *)&answer, sizeof answer);
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
		struct fuse_entry_param none = { .ino = 0, .entry_timeout = mount->timeout };
		fuse_reply_entry(req, &none);
	} else {
		srd_reply_entry(req, error, st);
	}
}

/* Where the end is, only the daemon can tell while others append, too: then nothing
 * that is appended must be kept where the kernel thinks it is. */
static bool is_uncached(const struct srd_mount *mount, const struct fuse_file_info *fi)
{
	return mount->options->strict ||
	       ((fi->flags & O_APPEND) && (fi->flags & O_ACCMODE) != O_RDONLY && !srd_store_is_only_writer(mount->store));
}

static void set_handle(const struct srd_mount *mount, const struct srd_file *file, struct fuse_file_info *fi)
{
	fi->fh = srd_handle_of(mount, file);
	fi->direct_io = is_uncached(mount, fi);
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
	set_handle(mount, file, fi);
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
	set_handle(mount, file, fi);
	if (fuse_reply_open(req, fi) != 0)
		srd_fs_close(mount->fs, file);
}

void srd_reply_bytes(fuse_req_t req, ssize_t len, const void *buffer)
{
	if (len < 0)
		srd_reply_status(req, (int)len);
	else
		fuse_reply_buf(req, buffer, (size_t)len);
}

void srd_reply_target(fuse_req_t req, int error, const char *target)
{
	if (error)
		srd_reply_status(req, error);
	else
		fuse_reply_readlink(req, target);
}

bool srd_listing_add(struct srd_listing *listing, const char *name, const struct fuse_entry_param *entry, uint64_t next)
{
	char *at = listing->buffer + listing->used;
	size_t room = listing->size - listing->used;
	size_t need = listing->plus ? fuse_add_direntry_plus(listing->req, at, room, name, entry, (off_t)next)
	                            : fuse_add_direntry(listing->req, at, room, name, &entry->attr, (off_t)next);

	if (need > room)
		return false;
	listing->used += need;
	return true;
}

void srd_reply_listing(int error, const struct srd_listing *listing)
{
	srd_reply_bytes(listing->req, error ? error : (ssize_t)listing->used, listing->buffer);
}
