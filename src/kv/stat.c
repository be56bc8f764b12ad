/* SPDX-License-Identifier: Apache-2.0 */
/* stat.c - attributes of what a key stands for. */
#include "config.h"

#include "kv/kv.h"

#include "base/le.h"

enum srd_kind srd_kind_of(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR: return SRD_DIRECTORY;
	case S_IFLNK: return SRD_SYMLINK;
	case S_IFIFO: return SRD_FIFO;
	case S_IFSOCK: return SRD_SOCKET;
	case S_IFCHR: return SRD_CHARDEV;
	case S_IFBLK: return SRD_BLOCKDEV;
	default: return SRD_FILE;
	}
}

/* Where the first byte lies, and the check of its block. */
static void fill_place(const struct srd_store *store, const struct srd_inode *inode, struct srd_stat *st)
{
	struct srd_ref ref;
	struct srd_run run;

	if (!srd_state_extent(&store->state, inode, 0, &ref) || ref.pos != 0 || ref.run == 0 ||
	    !srd_log_run(store->log, ref.run, &run))
		return;
	st->offset = run.offset + run.distance + ref.skip;
	if (ref.skip == 0 && run.len > 0)
		st->checksum = srd_get64(run.checks);
}

void srd_stat_fill(const struct srd_store *store, const struct srd_inode *inode, struct srd_stat *st)
{
	*st = (struct srd_stat){
		.ino = inode->ino, .size = inode->size, .mode = inode->mode, .uid = inode->uid,
		.gid = inode->gid, .nlink = inode->nlink, .kind = srd_kind_of(inode->mode),
		.atime_ns = inode->atime_ns, .mtime_ns = inode->mtime_ns, .ctime_ns = inode->ctime_ns,
		.btime_ns = inode->btime_ns, .last_change = inode->last_op,
	};
	if (st->kind == SRD_CHARDEV || st->kind == SRD_BLOCKDEV)
		st->rdev = inode->rdev;
	if (st->kind != SRD_FILE && st->kind != SRD_SYMLINK)
		return;
	st->stored_bytes = srd_state_stored_bytes(&store->state, inode);
	st->extents = srd_state_extent_count(&store->state, inode);
	fill_place(store, inode, st);
}

int srd_stat(struct srd_store *store, const void *key, size_t key_len, struct srd_stat *st)
{
	unsigned stripe;
	uint32_t inode;
	int error = srd_key_enter(store, key, key_len, &stripe, &inode);

	if (error)
		return error;
	srd_stat_fill(store, srd_inode_at(&store->state, inode), st);
	return srd_store_done(store, stripe);
}

int srd_exists(struct srd_store *store, const void *key, size_t key_len)
{
	unsigned stripe;
	uint32_t inode;
	int error = srd_key_enter(store, key, key_len, &stripe, &inode);

	if (error)
		return error == -ENOENT ? 0 : error;
	error = srd_store_done(store, stripe);
	return error ? error : 1;
}

struct srd_attr srd_attr_from(const struct srd_stat *st, unsigned mask, uint32_t mode)
{
	/* The bits are the same but for size, which keys do not set. */
	_Static_assert((int)SRD_SET_MODE == (int)SRD_ATTR_MODE && (int)SRD_SET_UID == (int)SRD_ATTR_UID &&
	               (int)SRD_SET_GID == (int)SRD_ATTR_GID && 2 * (int)SRD_SET_ATIME == (int)SRD_ATTR_ATIME &&
	               2 * (int)SRD_SET_MTIME == (int)SRD_ATTR_MTIME, "masks");
	unsigned low = SRD_SET_MODE | SRD_SET_UID | SRD_SET_GID;
	unsigned high = SRD_SET_ATIME | SRD_SET_MTIME;

	return (struct srd_attr){ .mask = (mask & low) | (mask & high) << 1,
	                          .mode = (mode & S_IFMT) | (st->mode & 07777),
	                          .uid = st->uid, .gid = st->gid,
	                          .atime_ns = st->atime_ns, .mtime_ns = st->mtime_ns };
}

int srd_set_attr(struct srd_store *store, const void *key, size_t key_len,
                 const struct srd_stat *st, unsigned mask)
{
	struct srd_path path;
	struct srd_node node;
	struct srd_txn *txn;
	int error = srd_path_start(&path, key, key_len);

	if (!error)
		error = srd_txn_begin(store, &txn);
	if (error)
		return error;
	error = srd_path_node(txn, &path, &node);
	struct srd_attr attr = srd_attr_from(st, mask, error ? 0 : node.mode);
	if (!error && attr.mask)
		error = srd_txn_set_attr(txn, node.ino, &attr);
	return srd_txn_end(txn, error);
}
