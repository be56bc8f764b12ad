/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attr.c - attributes of inodes and of the file system.
 *
 * Access times are set by who sets them and when a file is made; by reading only on
 * mounts that want it (access.h).
 */
#include "config.h"

#include "fs/fs.h"

#include "base/check.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "fs/privileges.h"

enum { DIRECTORY_BYTES = 4096, STAT_UNIT = 512, IO_BYTES = 4096 };

static struct timespec timespec_of(int64_t ns)
{
	int64_t seconds = ns / 1000000000, rest = ns % 1000000000;

	/* Times before 1970 have their nanoseconds counted forward, too. */
	if (rest < 0) {
		seconds--;
		rest += 1000000000;
	}
	return (struct timespec){ .tv_sec = seconds, .tv_nsec = rest };
}

void srd_fs_stat(const struct srd_state *state, const struct srd_inode *inode, struct stat *st)
{
	*st = (struct stat){
		.st_ino = inode->ino, .st_mode = inode->mode, .st_nlink = inode->nlink,
		.st_uid = inode->uid, .st_gid = inode->gid, .st_blksize = IO_BYTES,
		.st_atim = timespec_of(inode->atime_ns), .st_mtim = timespec_of(inode->mtime_ns),
		.st_ctim = timespec_of(inode->ctime_ns),
	};
	if (S_ISDIR(inode->mode)) {
		st->st_size = DIRECTORY_BYTES;
		st->st_blocks = DIRECTORY_BYTES / STAT_UNIT;
	} else if (S_ISCHR(inode->mode) || S_ISBLK(inode->mode)) {
		st->st_rdev = inode->rdev;
	} else {
		st->st_size = (off_t)inode->size;
		if (S_ISREG(inode->mode))
			st->st_blocks = (blkcnt_t)SRD_DIV_UP(srd_state_stored_bytes(state, inode), STAT_UNIT);
	}
}

/* Turns what the state says of an inode into what is to be seen of it; its mutex held. */
static void overlay(struct srd_open_inode *inode, struct stat *st)
{
	if (!atomic_load_explicit(&inode->changed, memory_order_relaxed))
		return;
	if (S_ISREG(st->st_mode)) {
		uint64_t stored = inode->base == 0 ? 0 : SRD_MIN((uint64_t)st->st_blocks, SRD_DIV_UP(inode->base, STAT_UNIT));
		st->st_size = (off_t)srd_open_size(inode, (uint64_t)st->st_size);
		/* Rewritten bytes would count twice: no file has more than its size, but for
		 * what is reserved behind. */
		st->st_blocks = (blkcnt_t)SRD_MIN(stored + SRD_DIV_UP(inode->dirty.bytes, STAT_UNIT),
		                                  SRD_MAX(stored, SRD_DIV_UP((uint64_t)st->st_size, STAT_UNIT)));
	}
	if (inode->accessed)
		st->st_atim = timespec_of(inode->atime_ns);
	if (inode->written) {
		st->st_mtim = st->st_ctim = timespec_of(inode->mtime_ns);
		inode->mtime_shown = true;
	}
}

/* Call with the inode's mutex held. */
static int stat_open(struct srd_fs *fs, struct srd_open_inode *open, struct stat *st)
{
	struct srd_inode *inode;
	unsigned stripe;
	int error = srd_fs_read_inode(fs, open->ino, &stripe, &inode);

	if (error)
		return error;
	srd_fs_stat(&fs->store->state, inode, st);
	error = srd_store_done(fs->store, stripe);
	overlay(open, st);
	return error;
}

static int stat_changed(struct srd_fs *fs, uint64_t ino, struct stat *st)
{
	struct srd_open_inode *open = srd_open_get(fs, ino);

	if (!open)
		return -ENOMEM;
	pthread_mutex_lock(&open->mutex);
	int error = stat_open(fs, open, st);
	pthread_mutex_unlock(&open->mutex);
	srd_open_put(fs, open);
	return error;
}

/* Attributes of INO, which gets PINS more. */
static int stat_inode(struct srd_fs *fs, uint64_t ino, uint32_t pins, struct stat *st)
{
	struct srd_inode *inode;
	unsigned stripe;
	int error = srd_fs_read_inode(fs, ino, &stripe, &inode);

	if (error)
		return error;
	bool changed = srd_open_is_changed(fs, ino);
	if (pins > 0)
		srd_state_pin(&fs->store->state, srd_state_inode_of(&fs->store->state, ino), pins);
	if (!changed)
		srd_fs_stat(&fs->store->state, inode, st);
	error = srd_store_done(fs->store, stripe);
	if (error || !changed)
		return error;
	error = stat_changed(fs, ino, st);
	if (error && pins > 0)
		srd_store_unpin(fs->store, ino, pins);
	return error;
}

int srd_fs_get_attr(struct srd_fs *fs, uint64_t ino, struct stat *st)
{
	return stat_inode(fs, ino, 0, st);
}

int srd_fs_birth(struct srd_fs *fs, uint64_t ino, struct timespec *birth)
{
	struct srd_inode *inode;
	unsigned stripe;
	int error = srd_fs_read_inode(fs, ino, &stripe, &inode);

	if (error)
		return error;
	*birth = timespec_of(inode->btime_ns);
	return srd_store_done(fs->store, stripe);
}

int srd_fs_hand_out(struct srd_fs *fs, uint64_t ino, struct stat *st)
{
	return stat_inode(fs, ino, 1, st);
}

struct change {
	struct srd_attr attr;
	const struct srd_caller *caller;
};

static int add_change(struct srd_fs *fs, struct srd_txn *txn, const struct srd_node *node, const void *user)
{
	const struct change *change = user;
	const struct srd_attr *attr = &change->attr;
	int error = srd_txn_set_attr(txn, node->ino, attr);

	if (!error && (attr->mask & SRD_ATTR_MODE))
		error = srd_privileges_follow_mode(fs, txn, node, attr->mode);
	if (!error && !S_ISDIR(node->mode) && (attr->mask & (SRD_ATTR_SIZE | SRD_ATTR_UID | SRD_ATTR_GID)))
		error = srd_privileges_drop(fs, txn, node, change->caller);
	return error;
}

/* What makes the file OPEN smaller is never refused; other changes need room. */
static int check_room(struct srd_fs *fs, const struct srd_open_inode *open, const struct srd_attr *attr)
{
	struct srd_inode *inode;
	unsigned stripe;

	if (fs->limit.max_bytes == 0)
		return 0;
	int error = srd_fs_read_inode(fs, open->ino, &stripe, &inode);
	if (error)
		return error;
	bool smaller = attr->mask & SRD_ATTR_SIZE && attr->size < srd_open_size(open, inode->size);
	srd_store_done(fs->store, stripe);
	return smaller ? 0 : srd_limit_change(fs);
}

int srd_fs_set_attr(struct srd_fs *fs, uint64_t ino, const struct srd_attr *attr, const struct srd_caller *caller, struct stat *st)
{
	struct change change = { .attr = *attr, .caller = caller };
	struct srd_open_inode *open;

	if (fs->store->flags & SRD_RDONLY)
		return -EROFS;
	/* A size that is set is a change of content. */
	if ((attr->mask & SRD_ATTR_SIZE) && !(attr->mask & SRD_ATTR_MTIME)) {
		change.attr.mask |= SRD_ATTR_MTIME;
		change.attr.mtime_ns = srd_wall_ns();
	}
	/* chown() to what it was: only its time is to be seen. */
	if (attr->mask == 0) {
		change.attr.mask = SRD_ATTR_CTIME;
		change.attr.ctime_ns = srd_wall_ns();
	}
	open = srd_open_get(fs, ino);
	if (!open)
		return -ENOMEM;
	pthread_mutex_lock(&open->mutex);
	int error = check_room(fs, open, attr);
	if (!error)
		error = srd_open_commit(fs, open, add_change, &change);
	if (!error)
		error = stat_open(fs, open, st);
	pthread_mutex_unlock(&open->mutex);
	srd_open_put(fs, open);
	return error;
}

/* Shows the limit as if the disk were that big. */
static void limit_space(const struct srd_fs *fs, struct statvfs *st)
{
	fsblkcnt_t left = srd_limit_left(fs) / st->f_frsize;

	st->f_blocks = fs->limit.max_bytes / st->f_frsize;
	st->f_bfree = SRD_MIN(st->f_bfree, left);
	st->f_bavail = SRD_MIN(st->f_bavail, left);
}

int srd_fs_statvfs(struct srd_fs *fs, struct statvfs *st)
{
	struct srd_hold hold = srd_store_hold(fs->store);
	unsigned stripe;
	int error = srd_log_statvfs(hold.log, st);

	srd_hold_drop(&hold);
	if (!error && fs->limit.max_bytes)
		limit_space(fs, st);
	if (!error)
		error = srd_store_read(fs->store, &stripe);
	if (error)
		return error;
	const struct srd_state *state = &fs->store->state;
	st->f_files = UINT32_MAX;
	st->f_ffree = st->f_favail = UINT32_MAX - (state->files + state->directories + state->others);
	srd_store_done(fs->store, stripe);
	st->f_namemax = SRD_NAME_MAX;
	return 0;
}
