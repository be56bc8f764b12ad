/* SPDX-License-Identifier: Apache-2.0 */
/* commit.c - all that an open inode holds, as one transaction: alone or with others. */
#include "config.h"

#include "fs/fs.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/cleanup.h"

enum { COMMIT_LEN = 64 << 10 };   /* less than this goes into the commit itself */

/* Everything there was is committed, or of no more use. */
static void clean(struct srd_fs *fs, struct srd_open_inode *inode)
{
	srd_open_drop_dirty(fs, inode);
	inode->base = SRD_OPEN_ALL_COMMITTED;
	inode->tail = SRD_OPEN_NO_TAIL;
	inode->size = 0;
	inode->written = inode->mtime_shown = inode->plain = inode->accessed = false;
	inode->last_error = 0;
	srd_open_set_changed(fs, inode, false);
}

static int add_refs(struct srd_txn *txn, const struct srd_open_inode *inode, bool *replace)
{
	SRD_AUTO_FREE struct srd_ref *refs = malloc(inode->dirty.count * sizeof *refs + 1);

	if (!refs)
		return -ENOMEM;
	size_t count = srd_dirty_refs(&inode->dirty, refs);
	if (count == 0)
		return 0;
	int error = srd_txn_refs(txn, inode->ino, refs, count, *replace);
	*replace = false;
	return error;
}

static int add_content(struct srd_txn *txn, const struct srd_open_inode *inode)
{
	const struct srd_dirty *dirty = &inode->dirty;
	bool replace = inode->base == 0;
	int error = dirty->bytes > dirty->memory_bytes ? add_refs(txn, inode, &replace) : 0;

	for (size_t i = 0; i < dirty->count && !error; i++) {
		const struct srd_piece *piece = &dirty->pieces[i];
		if (!piece->memory)
			continue;
		error = srd_txn_write(txn, inode->ino, piece->pos, srd_piece_bytes(piece), piece->len, replace);
		replace = false;
	}
	if (!error && replace)
		error = srd_txn_write(txn, inode->ino, 0, "", 0, true);
	return error;
}

/* The time that was told of the content must stay as it was told; that of reading is
 * no change. */
static int add_times(struct srd_txn *txn, const struct srd_open_inode *inode, int64_t ctime_ns)
{
	struct srd_attr attr = { .mask = SRD_ATTR_CTIME, .ctime_ns = ctime_ns };

	if (inode->written) {
		attr.mask |= SRD_ATTR_MTIME;
		attr.mtime_ns = attr.ctime_ns = inode->mtime_ns;
	}
	if (inode->accessed) {
		attr.mask |= SRD_ATTR_ATIME;
		attr.atime_ns = inode->atime_ns;
	}
	return inode->mtime_shown || inode->accessed ? srd_txn_set_attr(txn, inode->ino, &attr) : 0;
}

/* What was appended goes to the end of what is committed by now, which is SIZE bytes
 * long: the kernel has it where we thought that was. */
static int move_tail(struct srd_fs *fs, struct srd_open_inode *inode, uint64_t size)
{
	uint64_t old = inode->tail, tail = SRD_MAX(SRD_MIN(inode->base, size), inode->tail_size);

	if (old == SRD_OPEN_NO_TAIL || old == tail)
		return 0;
	int error = srd_dirty_move(&inode->dirty, old, tail);
	if (error)
		return error;
	inode->size = SRD_MAX(inode->tail_size, inode->size - old + tail);
	inode->tail = tail;
	srd_fs_stale(fs, inode->ino, SRD_MIN(old, tail));
	return 0;
}

static void note_unlinked(struct srd_fs *fs, struct srd_open_inode *inode)
{
	SRD_LOCK_GUARD(&fs->opens.mutex);

	inode->unlinked = true;
	srd_committer_remove(&fs->opens, inode);
}

/* Puts it all into TXN; *UNLINKED: it has no names, and nothing more to change, so
 * nothing belongs in the log. */
static int fill(struct srd_fs *fs, struct srd_txn *txn, struct srd_open_inode *inode,
                srd_open_more *more, const void *user, bool *unlinked)
{
	struct srd_node node;
	int error = srd_txn_node(txn, inode->ino, &node);

	if (error)
		return error == -ENOENT ? -ESTALE : error;
	const struct srd_inode *committed = srd_inode_at(&fs->store->state, node.inode);
	*unlinked = committed->gone && !more;
	if (*unlinked)
		return 0;
	if (atomic_load_explicit(&inode->changed, memory_order_relaxed)) {
		error = move_tail(fs, inode, srd_inode_at(&fs->store->state, node.inode)->size);
		if (!error)
			error = add_content(txn, inode);
		if (!error)
			error = add_times(txn, inode, committed->ctime_ns);
	}
	return error || !more ? error : more(fs, txn, &node, user);
}

static int commit(struct srd_fs *fs, struct srd_open_inode *inode, srd_open_more *more, const void *user)
{
	struct srd_txn *txn;
	bool unlinked = false;
	int error = inode->dirty.memory_bytes >= COMMIT_LEN ? srd_open_spill(fs, inode) : 0;

	srd_open_count_pending(fs, inode);
	if (!error)
		error = srd_open_begin(fs, inode, &txn);
	if (error)
		return error;
	error = fill(fs, txn, inode, more, user, &unlinked);
	if (error || unlinked) {
		srd_txn_abort(txn);
		if (unlinked)
			note_unlinked(fs, inode);
		return error;
	}
	error = srd_txn_commit(txn, NULL);
	if (!error)
		clean(fs, inode);
	return error;
}

int srd_open_commit(struct srd_fs *fs, struct srd_open_inode *inode, srd_open_more *more, const void *user)
{
	bool changed = atomic_load_explicit(&inode->changed, memory_order_relaxed);

	return more || (changed && !inode->unlinked) ? commit(fs, inode, more, user) : 0;
}

bool srd_open_is_only_accessed(const struct srd_open_inode *inode)
{
	return inode->accessed && !inode->written;
}

int srd_open_commit_many(struct srd_fs *fs, struct srd_open_inode *const *inodes, size_t count)
{
	struct srd_txn *txn;
	int error = srd_txn_begin(fs->store, &txn);

	if (error)
		return error;
	for (size_t i = 0; i < count && !error; i++) {
		bool unlinked = false;
		error = fill(fs, txn, inodes[i], NULL, NULL, &unlinked);
		if (unlinked)
			note_unlinked(fs, inodes[i]);
	}
	if (error) {
		srd_txn_abort(txn);
		return error;
	}
	error = srd_txn_commit(txn, NULL);
	for (size_t i = 0; i < count && !error; i++)
		if (!inodes[i]->unlinked)
			clean(fs, inodes[i]);
	return error;
}

static int add_nothing(struct srd_fs *fs, struct srd_txn *txn, const struct srd_node *node, const void *user)
{
	(void)fs, (void)txn, (void)node, (void)user;
	return 0;
}

int srd_open_settle(struct srd_fs *fs, struct srd_open_inode *inode)
{
	return atomic_load_explicit(&inode->changed, memory_order_relaxed)
	       ? srd_open_commit(fs, inode, add_nothing, NULL) : 0;
}
