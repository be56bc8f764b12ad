/* SPDX-License-Identifier: Apache-2.0 */
/* put.c - single changes by key: put, delete, rename.  One transaction each. */
#include "config.h"

#include "kv/kv.h"

static int put_body(struct srd_store *store, struct srd_path *path, const struct srd_body *body)
{
	struct srd_placed placed;
	struct srd_txn *txn;
	uint64_t dir;
	int error = srd_txn_begin(store, &txn);

	if (error)
		return error;
	error = srd_path_enter(store, txn, path, &dir);
	if (!error)
		error = srd_body_place(store, txn, dir, path->name, path->name_len, body, &placed);
	return srd_txn_end(txn, error);
}

/* Content too long for one record goes into the log before it counts. */
static int put_long(struct srd_store *store, struct srd_path *path, const void *data, size_t len)
{
	struct srd_extents extents;

	srd_extents_init(&extents);
	int error = srd_extents_append(&extents, store, 0, data, len);
	if (!error)
		error = put_body(store, path, &(struct srd_body){ .extents = &extents });
	srd_extents_release(&extents);
	return error;
}

int srd_put(struct srd_store *store, const void *key, size_t key_len, const void *data, size_t len)
{
	struct srd_path path;
	int error = srd_path_start(&path, key, key_len);

	if (error)
		return error;
	if (len > SRD_BODY_DIRECT_MAX)
		return put_long(store, &path, data, len);
	return put_body(store, &path, &(struct srd_body){ .data = data, .len = len });
}

int srd_delete(struct srd_store *store, const void *key, size_t key_len)
{
	struct srd_path path;
	struct srd_txn *txn;
	uint64_t dir;
	int error = srd_path_start(&path, key, key_len);

	if (!error)
		error = srd_txn_begin(store, &txn);
	if (error)
		return error;
	error = srd_path_parent(txn, &path, &dir);
	if (!error)
		error = srd_txn_unlink(txn, dir, path.name, path.name_len, -1);
	return srd_txn_end(txn, error);
}

static int rename_within(struct srd_store *store, struct srd_txn *txn, struct srd_path *from,
                         struct srd_path *to)
{
	struct srd_node node;
	uint64_t from_dir, to_dir;
	int error = srd_path_parent(txn, from, &from_dir);

	if (!error)
		error = srd_txn_lookup(txn, from_dir, from->name, from->name_len, &node);
	if (!error)
		error = srd_path_enter(store, txn, to, &to_dir);
	if (!error)
		error = srd_txn_rename(txn, from_dir, from->name, from->name_len,
		                       to_dir, to->name, to->name_len, 0);
	return error;
}

int srd_rename(struct srd_store *store, const void *from, size_t from_len,
               const void *to, size_t to_len)
{
	return srd_path_pair(store, from, from_len, to, to_len, rename_within);
}
