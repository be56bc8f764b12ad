/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fs/unnamed.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "fs/fs.h"

void srd_unnamed_init(struct srd_unnamed *unnamed)
{
	pthread_mutex_init(&unnamed->mutex, NULL);
}

void srd_unnamed_add(struct srd_unnamed *unnamed, uint64_t ino)
{
	SRD_LOCK_GUARD(&unnamed->mutex);
	size_t count = atomic_load(&unnamed->count);

	if (count == unnamed->cap) {
		size_t cap = unnamed->cap ? unnamed->cap * 2 : 16;
		uint64_t *grown = realloc(unnamed->inos, cap * sizeof *grown);
		if (!grown)
			return;
		unnamed->inos = grown;
		unnamed->cap = cap;
	}
	unnamed->inos[count] = ino;
	atomic_store(&unnamed->count, count + 1);
}

static bool find(struct srd_unnamed *unnamed, uint64_t ino, bool take)
{
	SRD_LOCK_GUARD(&unnamed->mutex);
	size_t count = atomic_load(&unnamed->count);

	for (size_t i = 0; i < count; i++) {
		if (unnamed->inos[i] != ino)
			continue;
		if (take) {
			unnamed->inos[i] = unnamed->inos[count - 1];
			atomic_store(&unnamed->count, count - 1);
		}
		return true;
	}
	return false;
}

/* Gives INO up if it has no name; *USED: it is pinned, so it has to wait. */
static int give_up(struct srd_fs *fs, struct srd_txn *txn, uint64_t ino, bool *used)
{
	struct srd_node node;
	int error = srd_txn_node(txn, ino, &node);

	if (error)
		return error;
	struct srd_inode *inode = srd_inode_at(&fs->store->state, node.inode);
	*used = srd_inode_pins(&fs->store->state, inode) > 0;
	return *used || inode->nlink > 0 ? -EBUSY : srd_txn_free(txn, ino);
}

static void look_at(struct srd_fs *fs, uint64_t ino)
{
	struct srd_txn *txn;
	bool used = false;

	if (srd_txn_begin(fs->store, &txn) != 0)
		return;
	if (give_up(fs, txn, ino, &used) == 0)
		srd_txn_commit(txn, NULL);
	else
		srd_txn_abort(txn);
	if (!used)
		find(&fs->unnamed, ino, true);
}

void srd_unnamed_forget(struct srd_fs *fs, uint64_t ino)
{
	if (atomic_load(&fs->unnamed.count) > 0 && find(&fs->unnamed, ino, false))
		look_at(fs, ino);
}

static bool may_be_left(struct srd_fs *fs)
{
	unsigned stripe;

	if (fs->store->flags & SRD_RDONLY || srd_store_read(fs->store, &stripe) != 0)
		return false;
	bool unnamed = fs->store->state.unnamed > 0;
	srd_store_done(fs->store, stripe);
	return unnamed;
}

/* Whoever opens the store from here on finds them freed before it can make any. */
static int free_all(struct srd_txn *txn, const struct srd_state *state)
{
	uint64_t left = state->unnamed;
	int error = 0;

	for (uint32_t i = 1; i < state->inodes.count && left > 0 && !error; i++) {
		const struct srd_inode *inode = srd_inode_at(state, i);
		if (inode->mode == 0 || inode->nlink > 0 || inode->gone || srd_inode_pins(state, inode) > 0)
			continue;
		error = srd_txn_free(txn, inode->ino);
		left--;
	}
	return error;
}

void srd_unnamed_sweep(struct srd_fs *fs)
{
	struct srd_txn *txn;

	if (!may_be_left(fs) || srd_txn_begin(fs->store, &txn) != 0)
		return;
	if (srd_log_is_alone(fs->store->log) && free_all(txn, &fs->store->state) == 0)
		srd_txn_commit(txn, NULL);
	else
		srd_txn_abort(txn);
}

void srd_unnamed_adopt(struct srd_fs *fs)
{
	const struct srd_state *state = &fs->store->state;
	unsigned stripe;

	if (srd_store_read(fs->store, &stripe) != 0)
		return;
	for (uint32_t i = 1; i < state->inodes.count && state->unnamed > 0; i++) {
		const struct srd_inode *inode = srd_inode_at(state, i);
		if (inode->mode != 0 && inode->nlink == 0 && !inode->gone)
			srd_unnamed_add(&fs->unnamed, inode->ino);
	}
	srd_store_done(fs->store, stripe);
}

/* Nobody uses any of them any more, whatever the pins say: a kernel does not
 * forget one by one when it unmounts. */
void srd_unnamed_release(struct srd_fs *fs)
{
	struct srd_unnamed *unnamed = &fs->unnamed;
	struct srd_node node;
	struct srd_txn *txn;

	for (size_t i = 0; i < atomic_load(&unnamed->count); i++) {
		if (srd_txn_begin(fs->store, &txn) != 0)
			break;
		int error = srd_txn_node(txn, unnamed->inos[i], &node);
		if (!error)
			error = srd_txn_free(txn, unnamed->inos[i]);   /* -EINVAL: it has a name by now */
		if (error)
			srd_txn_abort(txn);
		else
			srd_txn_commit(txn, NULL);
	}
	free(unnamed->inos);
	pthread_mutex_destroy(&unnamed->mutex);
}
