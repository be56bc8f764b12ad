/* SPDX-License-Identifier: Apache-2.0 */
/* transaction.c - private views as srd.h shows them. */
#include "config.h"

#include "kv/kv.h"

#include <stdio.h>

#include "store/private.h"

int srd_transaction_begin(struct srd_store *store, struct srd_store **view)
{
	return srd_private_open(store, view);
}

int srd_transaction_commit(struct srd_store *view, char *conflict, size_t size)
{
	struct srd_conflict found;
	int error = srd_private_commit(view, &found);

	if (error == -EBUSY && conflict && size > 0)
		snprintf(conflict, size, "%s", found.key);
	return error;
}

/* Every name on the way to KEY, as far as there are any; and what is there.  Read side held. */
static int expect(struct srd_store *view, struct srd_path *path)
{
	const struct srd_state *state = &view->state;
	uint32_t dir = srd_state_inode_of(state, SRD_ROOT_INO);

	for (;;) {
		uint64_t ino = srd_inode_at(state, dir)->ino;
		int error = srd_private_expect_name(view, ino, path->name, path->name_len);
		uint32_t dentry = error ? 0 : srd_state_lookup(state, dir, path->name, path->name_len);
		if (!dentry)
			return error;
		dir = srd_dentry_at(state, dentry)->inode;
		if (!srd_path_step(path) || !srd_inode_is_dir(srd_inode_at(state, dir)))
			return srd_private_expect(view, srd_inode_at(state, dir)->ino);
	}
}

int srd_transaction_expect(struct srd_store *view, const void *key, size_t key_len)
{
	struct srd_path path;
	unsigned stripe;
	int error = view->private ? srd_path_start(&path, key, key_len) : -EINVAL;

	if (!error)
		error = srd_store_read(view, &stripe);
	if (error)
		return error;
	error = expect(view, &path);
	int bad = srd_store_done(view, stripe);
	return bad ? bad : error;
}
