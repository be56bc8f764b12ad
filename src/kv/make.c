/* SPDX-License-Identifier: Apache-2.0 */
/* make.c - by key what is no value: directories, symlinks, nodes, further names. */
#include "config.h"

#include "kv/kv.h"

#include <string.h>

/* Makes what MODE says at PATH, in directories made as needed. */
static int make(struct srd_store *store, const void *key, size_t key_len, uint32_t mode,
                uint32_t rdev, const char *target)
{
	struct srd_path path;
	struct srd_txn *txn;
	uint64_t dir, ino;
	int error = srd_path_start(&path, key, key_len);

	if (!error)
		error = srd_txn_begin(store, &txn);
	if (error)
		return error;
	error = srd_path_enter(store, txn, &path, &dir);
	if (!error)
		error = srd_txn_make(txn, dir, path.name, path.name_len, mode, store->uid, store->gid,
		                     rdev, target, target ? strlen(target) : 0, &ino);
	return srd_txn_end(txn, error);
}

static bool is_directory(struct srd_store *store, const void *key, size_t key_len)
{
	struct srd_stat st;

	return srd_stat(store, key, key_len, &st) == 0 && st.kind == SRD_DIRECTORY;
}

int srd_make_dir(struct srd_store *store, const void *key, size_t key_len)
{
	if (is_directory(store, key, key_len))
		return 0;
	int error = make(store, key, key_len, S_IFDIR | 0755, 0, NULL);
	/* Another thread may have been first. */
	return error == -EEXIST && is_directory(store, key, key_len) ? 0 : error;
}

int srd_make_symlink(struct srd_store *store, const void *key, size_t key_len, const char *target)
{
	size_t len = strlen(target);

	if (len == 0)
		return -ENOENT;
	if (len > SRD_KEY_MAX)
		return -ENAMETOOLONG;
	return make(store, key, key_len, S_IFLNK | 0777, 0, target);
}

int srd_make_node(struct srd_store *store, const void *key, size_t key_len, uint32_t mode, uint32_t rdev)
{
	switch (mode & S_IFMT) {
	case S_IFIFO:
	case S_IFSOCK:
		rdev = 0;
		break;
	case S_IFCHR:
	case S_IFBLK:
		break;
	default:
		return -EINVAL;
	}
	return make(store, key, key_len, mode & (S_IFMT | 07777), rdev, NULL);
}

static int link_within(struct srd_store *store, struct srd_txn *txn, struct srd_path *from,
                       struct srd_path *to)
{
	struct srd_node node;
	uint64_t dir;
	int error = srd_path_node(txn, from, &node);

	if (!error)
		error = srd_path_enter(store, txn, to, &dir);
	if (!error)
		error = srd_txn_link(txn, node.ino, dir, to->name, to->name_len);
	return error;
}

int srd_link(struct srd_store *store, const void *from, size_t from_len, const void *to, size_t to_len)
{
	return srd_path_pair(store, from, from_len, to, to_len, link_within);
}
