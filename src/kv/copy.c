/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy.c - a file, symlink or node under a second key, in this store or in
 * another: content, mode, owner, times and extended attributes, in one commit.
 *
 * Inside a store, and from a view of its past, the copy names the same bytes of the log.
 * Across stores they are appended to the target first.  What stood at the target key is taken
 * away, not written into: its other names keep what they had.
 */
#include "config.h"

#include "kv/original.h"

static int put_times(struct srd_txn *txn, uint64_t ino, const struct srd_original *original)
{
	unsigned mask = SRD_SET_ATIME | SRD_SET_MTIME;
	struct srd_attr attr = srd_attr_from(&original->st, mask, original->st.mode);

	return srd_txn_set_attr(txn, ino, &attr);
}

/* Takes away what stands at PATH.  *SAME: it is the inode INO, and stays. */
static int clear(struct srd_txn *txn, uint64_t dir, const struct srd_path *path, uint64_t ino, bool *same)
{
	struct srd_node node;
	int error = srd_txn_lookup(txn, dir, path->name, path->name_len, &node);

	*same = false;
	if (error)
		return error == -ENOENT ? 0 : error;
	if (S_ISDIR(node.mode))
		return -EISDIR;
	*same = node.ino == ino;
	return *same ? 0 : srd_txn_unlink(txn, dir, path->name, path->name_len, 0);
}

/* Makes the copy at PATH; INO: the original if it is of the same store, else 0. */
static int place(struct srd_store *store, struct srd_txn *txn, struct srd_path *path,
                 const struct srd_original *original, const struct srd_extents *content, uint64_t ino)
{
	const struct srd_stat *st = &original->st;
	const uint8_t *target = NULL;
	uint64_t dir, copy;
	bool same = false;
	int error = srd_path_enter(store, txn, path, &dir);

	if (!error)
		error = clear(txn, dir, path, ino, &same);
	if (error || same)
		return error;
	if (st->kind == SRD_SYMLINK && original->extents.count > 0)
		error = srd_value_bytes(original->log, original->extents.refs[0].run, 0,
		                        (uint32_t)st->size, &target);
	if (!error)
		error = srd_txn_make(txn, dir, path->name, path->name_len, st->mode, st->uid, st->gid,
		                     st->rdev, target, target ? st->size : 0, &copy);
	if (!error && st->kind == SRD_FILE)
		error = srd_body_refer(txn, copy, content, false);
	if (!error)
		error = srd_original_put_attributes(original, txn, copy);
	return error ? error : put_times(txn, copy, original);
}

static int copy_within(struct srd_store *store, struct srd_path *from, struct srd_path *to,
                       struct srd_original *original)
{
	struct srd_node node;
	struct srd_txn *txn;
	int error = srd_txn_begin(store, &txn);

	if (error)
		return error;
	error = srd_path_node(txn, from, &node);
	if (!error && S_ISDIR(node.mode))
		error = -EISDIR;
	if (!error)
		error = srd_original_take(original, store, node.inode);
	if (!error)
		error = place(store, txn, to, original, &original->extents, node.ino);
	return srd_txn_end(txn, error);
}

/* Makes the copy of what lies in another store, all of which was there to be read: what was gone before is
 * not believed by who reads it, what went meanwhile may have been zeros. */
static int place_whole(struct srd_store *target, struct srd_txn *txn, struct srd_path *to,
                       const struct srd_original *original, const struct srd_extents *content)
{
	unsigned long faults = srd_log_faults(original->log);
	int error = place(target, txn, to, original, content, 0);

	return !error && srd_log_faults(original->log) != faults ? SRD_ELOST : error;
}

/* What a view of the past has is there to be named again: -EXDEV if it is of another log. */
static int copy_shared(struct srd_store *target, struct srd_path *to, const struct srd_original *original)
{
	struct srd_txn *txn;
	/* Nothing of it is trimmed later: the view may still use it. */
	int error = original->salvaged ? -EXDEV : srd_original_check_untrimmed(original);

	if (!error)
		error = srd_txn_begin(target, &txn);
	if (error)
		return error;
	if (target->log != original->log) {
		srd_txn_abort(txn);
		return -EXDEV;
	}
	return srd_txn_end(txn, place_whole(target, txn, to, original, &original->extents));
}

int srd_copy_original(struct srd_store *target, struct srd_path *to, const struct srd_original *original)
{
	struct srd_extents content;
	struct srd_txn *txn;
	int error = copy_shared(target, to, original);

	if (error != -EXDEV)
		return error;
	error = 0;
	srd_extents_init(&content);
	if (original->st.kind == SRD_FILE)
		error = srd_original_append(original, target, &content);
	if (!error)
		error = srd_extents_begin(&content, target, &txn);
	if (!error)
		error = srd_txn_end(txn, place_whole(target, txn, to, original, &content));
	srd_extents_release(&content);
	return error;
}

static int copy_across(struct srd_store *source, struct srd_path *from,
                       struct srd_store *target, struct srd_path *to, struct srd_original *original)
{
	struct srd_hold hold;
	int error = srd_original_hold(original, source, from, false, &hold);

	if (error)
		return error;
	error = srd_copy_original(target, to, original);
	srd_hold_drop(&hold);
	return error;
}

int srd_copy(struct srd_store *source, const void *from, size_t from_len,
             struct srd_store *target, const void *to, size_t to_len)
{
	struct srd_original original;
	struct srd_path from_path, to_path;
	int error = srd_path_start(&from_path, from, from_len);

	if (!error)
		error = srd_path_start(&to_path, to, to_len);
	if (error)
		return error;
	srd_original_init(&original, NULL);
	if (source == target)
		error = copy_within(source, &from_path, &to_path, &original);
	else
		error = copy_across(source, &from_path, target, &to_path, &original);
	srd_original_release(&original);
	return error;
}
