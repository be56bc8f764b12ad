/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xattr.c - extended attributes of what a key stands for.
 *
 * Names are those that the mount shows, so that what a program sets a file system
 * can give; those below `user.srd.` are made up by the mount and lie nowhere.
 */
#include "config.h"

#include "kv/kv.h"

#include <string.h>

#include "state/xattrs.h"

enum { VALUE_BYTES_MAX = 64 << 10 };

int srd_xattr_check(const char *name, size_t len)
{
	if (!srd_xattr_name_is_known(name) || strncmp(name, "user.srd.", 9) == 0)
		return -EOPNOTSUPP;
	if (strlen(name) > SRD_NAME_MAX)
		return -ERANGE;
	return len > VALUE_BYTES_MAX ? -E2BIG : 0;
}

int srd_get_xattr(struct srd_store *store, const void *key, size_t key_len, const char *name, srd_value *value)
{
	struct srd_run run;
	unsigned stripe;
	uint32_t index;
	int error = srd_xattr_check(name, 0);

	if (!error)
		error = srd_key_enter(store, key, key_len, &stripe, &index);
	if (error)
		return error;
	const struct srd_xattr *xattr = srd_state_xattr(&store->state, srd_inode_at(&store->state, index),
	                                                name, strlen(name));
	if (!xattr)
		error = srd_store_absence(store, -ENODATA);
	else if (!srd_log_run(store->log, xattr->run, &run))
		error = SRD_ECORRUPT;
	struct srd_hold hold = srd_store_hold_read(store, stripe);
	int bad = srd_store_done(store, stripe);
	if (bad)
		error = bad;
	if (!error)
		error = srd_value_resolve_run(&hold, run.offset, run.len, value);
	if (error)
		srd_hold_drop(&hold);
	return error;
}

/* Copies the names, a NUL behind each, as far as SIZE allows; read side held. */
static ssize_t list_names(struct srd_store *store, const struct srd_inode *inode, char *list, size_t size)
{
	const struct srd_state *state = &store->state;
	size_t used = 0;

	for (const struct srd_xattr *xattr = NULL; (xattr = srd_state_next_xattr(state, inode, xattr));) {
		const char *name = srd_xattr_name(&state->source, xattr);
		size_t len = xattr->name_len;
		if (!name)
			return srd_store_absence(store, SRD_ECORRUPT);
		if (size > 0 && len + 1 > size - used)
			return -ERANGE;
		if (size > 0) {
			memcpy(list + used, name, len);
			list[used + len] = 0;
		}
		used += len + 1;
	}
	return srd_store_absence(store, 0) ? SRD_ELOST : (ssize_t)used;
}

ssize_t srd_list_xattrs(struct srd_store *store, const void *key, size_t key_len, char *list, size_t size)
{
	unsigned stripe;
	uint32_t index;
	int error = srd_key_enter(store, key, key_len, &stripe, &index);

	if (error)
		return error;
	ssize_t used = list_names(store, srd_inode_at(&store->state, index), list, size);
	error = srd_store_done(store, stripe);
	return error ? error : used;
}

int srd_set_xattr(struct srd_store *store, const void *key, size_t key_len, const char *name,
                  const void *data, size_t len)
{
	struct srd_path path;
	struct srd_node node;
	struct srd_txn *txn;
	int error = srd_xattr_check(name, len);

	if (!error)
		error = srd_path_start(&path, key, key_len);
	if (!error)
		error = srd_txn_begin(store, &txn);
	if (error)
		return error;
	error = srd_path_node(txn, &path, &node);
	if (!error)
		error = srd_txn_xattr(txn, node.ino, name, strlen(name), data, len);
	return srd_txn_end(txn, error);
}
