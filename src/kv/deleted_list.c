/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deleted_list.c - all keys that were there, the last deleted first.
 *
 * What lay below a directory that went is not listed: it comes back with that.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "kv/backwards.h"
#include "kv/growset.h"
#include "kv/kv.h"
#include "kv/versions.h"

enum { TOLD = 64 };

/* What was done to a file up to where one of its names was taken away: up to another that was before, too. */
struct told {
	uint64_t ino;
	struct srd_version *versions;
	ssize_t count;
};

struct listing {
	struct srd_store *store;
	int (*call)(void *user, const struct srd_deleted *deleted);
	void *user;
	struct srd_growset gone;     /* inodes that lost a name: what lay below goes with them */
	struct srd_growset listed;   /* hashes of keys */
	struct told told[TOLD];      /* by number */
	char key[2 * SRD_KEY_MAX + 2];
	size_t key_len;
};

/* The key that OP took away, as its directory is called now; false: that is not there, or the
 * key is again. */
static bool name_it(struct listing *listing, const struct srd_op *op)
{
	const struct srd_state *state = &listing->store->state;
	char buffer[SRD_KEY_MAX + 1];
	const char *path = "";
	int len = 0;
	unsigned stripe;

	if (srd_store_read(listing->store, &stripe) != 0)
		return false;
	uint32_t dir = srd_state_inode_of(state, op->parent);
	uint32_t dentry = dir ? srd_inode_at(state, dir)->dentry : 0;
	bool there = dir && srd_inode_is_dir(srd_inode_at(state, dir)) && (dentry || op->parent == SRD_ROOT_INO) &&
	             srd_state_lookup(state, dir, op->name, op->name_len) == 0;
	if (there && dentry)
		len = srd_state_path(state, dentry, buffer, &path);
	there = there && len >= 0;
	if (there)
		listing->key_len = (size_t)snprintf(listing->key, sizeof listing->key, "%s%s%.*s", path, *path ? "/" : "",
		                                    (int)op->name_len, op->name);
	return srd_store_done(listing->store, stripe) == 0 && there && listing->key_len <= SRD_KEY_MAX;
}

/* That of OP's file; what it has of others makes room. */
static const struct told *tell(struct listing *listing, const struct srd_log *log, const struct srd_op *op)
{
	struct told *told = &listing->told[op->ino % TOLD];

	if (told->ino == op->ino)
		return told;
	free(told->versions);
	*told = (struct told){ .ino = op->ino };
	told->count = srd_versions_from(log, op->ino, op->offset, &told->versions);
	return told;
}

/* What it was, at the end. */
static void describe(const struct told *told, struct srd_deleted *deleted)
{
	ssize_t low = 0, high = told->count;

	while (low < high) {
		ssize_t middle = low + (high - low) / 2;
		if (told->versions[middle].sequence <= deleted->sequence)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return;
	deleted->size = told->versions[low - 1].size;
	deleted->kind = srd_kind_of(told->versions[low - 1].mode);
}

static int list_op(struct listing *listing, const struct srd_log *log, const struct srd_record *record,
                   const struct srd_op *op)
{
	struct srd_deleted deleted = { .key = listing->key, .sequence = record->sequence, .time_ns = record->time_ns };
	bool below = srd_growset_has(&listing->gone, op->parent);
	int error = srd_growset_add(&listing->gone, op->ino);

	if (error || below || !name_it(listing, op))
		return error;
	uint64_t hash = srd_hash(listing->key, listing->key_len, 0) | 1;
	if (srd_growset_has(&listing->listed, hash))
		return 0;
	error = srd_growset_add(&listing->listed, hash);
	if (error)
		return error;
	describe(tell(listing, log, op), &deleted);
	return listing->call(listing->user, &deleted);
}

int srd_list_deleted(struct srd_store *store, int (*call)(void *user, const struct srd_deleted *deleted), void *user)
{
	struct listing listing = { .store = store, .call = call, .user = user };
	struct srd_op op;
	int error = srd_store_follow(store), more = 1;

	if (error)
		return error;
	srd_mutex_lock(&store->commit_mutex);
	struct srd_hold hold = srd_store_hold(store);
	uint64_t offset = srd_store_here(store).last;
	srd_mutex_unlock(&store->commit_mutex);
	struct srd_backwards walk = { .log = hold.log };
	while (!error && (more = srd_backwards_go(&walk, offset)) > 0) {
		while (!error && srd_backwards_op(&walk, &op))
			if (op.kind == SRD_OP_UNLINK)
				error = list_op(&listing, hold.log, &walk.record, &op);
		offset = walk.record.prev;
	}
	srd_hold_drop(&hold);
	srd_backwards_release(&walk);
	for (int i = 0; i < TOLD; i++)
		free(listing.told[i].versions);
	srd_growset_release(&listing.gone);
	srd_growset_release(&listing.listed);
	return error ? error : SRD_MIN(more, 0);
}
