/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path.c - from keys to dentries and directories.
 *
 * Symlinks are not followed: a key names one place whatever else is in the
 * store.  Where nothing is to be made, a component that is no directory has
 * nothing below it, so the key is not there (-ENOENT).
 */
#include "config.h"

#include "kv/kv.h"

uint32_t srd_path_find(const struct srd_state *state, struct srd_path *path)
{
	uint32_t dir = srd_state_inode_of(state, SRD_ROOT_INO);

	for (;;) {
		uint32_t dentry = srd_state_lookup(state, dir, path->name, path->name_len);
		if (dentry == 0 || !srd_path_step(path))
			return dentry;
		dir = srd_dentry_at(state, dentry)->inode;
		if (!srd_inode_is_dir(srd_inode_at(state, dir)))
			return 0;
	}
}

int srd_key_enter(struct srd_store *store, const void *key, size_t len, unsigned *stripe, uint32_t *inode)
{
	struct srd_path path;
	int error = srd_path_start(&path, key, len);

	if (!error)
		error = srd_store_read(store, stripe);
	if (error)
		return error;
	uint32_t dentry = srd_path_find(&store->state, &path);
	if (dentry) {
		*inode = srd_dentry_at(&store->state, dentry)->inode;
		return 0;
	}
	int absence = srd_store_absence(store, -ENOENT);
	error = srd_store_done(store, *stripe);
	return error ? error : absence;
}

int srd_path_parent(struct srd_txn *txn, struct srd_path *path, uint64_t *dir)
{
	uint64_t ino = SRD_ROOT_INO;

	while (path->rest_len > 0) {
		struct srd_node node;
		int error = srd_txn_lookup(txn, ino, path->name, path->name_len, &node);
		if (error)
			return error == -ENOTDIR ? -ENOENT : error;
		if (!S_ISDIR(node.mode))
			return -ENOENT;
		ino = node.ino;
		srd_path_step(path);
	}
	*dir = ino;
	return 0;
}

int srd_path_enter(struct srd_store *store, struct srd_txn *txn, struct srd_path *path, uint64_t *dir)
{
	uint64_t ino = SRD_ROOT_INO;

	while (path->rest_len > 0) {
		struct srd_node node;
		int error = srd_txn_lookup(txn, ino, path->name, path->name_len, &node);
		if (error == -ENOENT)
			error = srd_txn_make(txn, ino, path->name, path->name_len, S_IFDIR | 0755,
			                     store->uid, store->gid, 0, NULL, 0, &node.ino);
		else if (!error && !S_ISDIR(node.mode))
			error = -ENOTDIR;
		if (error)
			return error;
		ino = node.ino;
		srd_path_step(path);
	}
	*dir = ino;
	return 0;
}

int srd_path_node(struct srd_txn *txn, struct srd_path *path, struct srd_node *node)
{
	uint64_t dir;
	int error = srd_path_parent(txn, path, &dir);

	return error ? error : srd_txn_lookup(txn, dir, path->name, path->name_len, node);
}

int srd_path_pair(struct srd_store *store, const void *from, size_t from_len, const void *to, size_t to_len,
                  int (*within)(struct srd_store *store, struct srd_txn *txn, struct srd_path *from, struct srd_path *to))
{
	struct srd_path from_path, to_path;
	struct srd_txn *txn;
	int error = srd_path_start(&from_path, from, from_len);

	if (!error)
		error = srd_path_start(&to_path, to, to_len);
	if (!error)
		error = srd_txn_begin(store, &txn);
	if (error)
		return error;
	return srd_txn_end(txn, within(store, txn, &from_path, &to_path));
}
