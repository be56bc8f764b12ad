/* SPDX-License-Identifier: Apache-2.0 */
/*
 * get.c - values by key.
 *
 * Under the read side only numbers are copied; payload is looked at after it,
 * so that a slow disk never keeps a writer waiting.
 */
#include "config.h"

#include "kv/kv.h"

#include "base/check.h"

/* What the read side has to say about a value. */
struct found {
	bool one_run;
	uint64_t run, size;           /* one_run */
	struct srd_extents extents;   /* else */
};

static int take_inode(struct srd_store *store, uint32_t index, struct found *found)
{
	const struct srd_inode *inode = srd_inode_at(&store->state, index);

	found->one_run = srd_inode_is_one_run(inode);
	found->run = inode->run;
	found->size = inode->size;
	if (found->one_run)
		return 0;
	srd_extents_init(&found->extents);
	int error = srd_extents_copy(&store->state, inode, &found->extents);
	if (error)
		srd_extents_release(&found->extents);
	return error;
}

/* Uses up FOUND. */
static int resolve(struct srd_store *store, struct found *found, unsigned stripe, srd_value *value)
{
	if (found->one_run)
		return srd_value_resolve_run(store, found->run, found->size, stripe, value);
	int error = srd_value_resolve(store, &found->extents, stripe, value);
	srd_extents_release(&found->extents);
	return error;
}

/* Finds the value of KEY, if TYPE is what stands there; a pin is taken. */
static int find(struct srd_store *store, const void *key, size_t key_len, uint32_t type,
                struct found *found, unsigned *stripe)
{
	struct srd_path path;
	int error = srd_path_start(&path, key, key_len);

	if (!error)
		error = srd_store_read(store, stripe);
	if (error)
		return error;
	uint32_t dentry = srd_path_find(&store->state, &path);
	if (dentry == 0) {
		error = -ENOENT;
	} else {
		uint32_t index = srd_dentry_at(&store->state, dentry)->inode;
		uint32_t mode = srd_inode_at(&store->state, index)->mode;
		if ((mode & S_IFMT) == type)
			error = take_inode(store, index, found);
		else
			error = type == S_IFREG ? srd_value_kind_error(mode) : -EINVAL;
	}
	if (!error)
		srd_pins_take(store->pins, *stripe, 1);
	srd_store_done(store, *stripe);
	return error;
}

static int get(struct srd_store *store, const void *key, size_t key_len, uint32_t type, srd_value *value)
{
	struct found found;
	unsigned stripe;
	int error = find(store, key, key_len, type, &found, &stripe);

	if (error)
		return error;
	error = resolve(store, &found, stripe, value);
	if (error)
		srd_pins_give(store->pins, stripe, 1);
	return error;
}

int srd_get(struct srd_store *store, const void *key, size_t key_len, srd_value *value)
{
	return get(store, key, key_len, S_IFREG, value);
}

int srd_read_link(struct srd_store *store, const void *key, size_t key_len, srd_value *value)
{
	return get(store, key, key_len, S_IFLNK, value);
}
