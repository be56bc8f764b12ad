/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "verbs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Stands on the last component of KEY, its directories made. */
static int enter(struct srd_store *store, struct srd_txn *txn, const char *key, struct srd_path *path, uint64_t *dir)
{
	int error = srd_path_start(path, key, strlen(key));

	return error ? error : srd_path_enter(store, txn, path, dir);
}

int verb_name(struct srd_store *store, const char *key, struct srd_extents *extents)
{
	struct srd_body body = { .extents = extents };
	struct srd_placed placed;
	struct srd_txn *txn;
	struct srd_path path;
	uint64_t dir;
	int error = srd_extents_begin(extents, store, &txn);

	if (error)
		return error;
	error = enter(store, txn, key, &path, &dir);
	if (!error)
		error = srd_body_place(store, txn, dir, path.name, path.name_len, &body, &placed);
	return srd_txn_end(txn, error);
}

static int exchange(struct srd_store *store, struct srd_txn *txn, const struct step *step)
{
	struct srd_path from, to;
	uint64_t from_dir, to_dir;
	int error = enter(store, txn, step->key, &from, &from_dir);

	if (!error)
		error = enter(store, txn, step->other, &to, &to_dir);
	return error ? error : srd_txn_rename(txn, from_dir, from.name, from.name_len,
	                                      to_dir, to.name, to.name_len, RENAME_EXCHANGE);
}

static int change(struct srd_store *store, struct srd_txn *txn, const struct step *step, const struct image *bytes)
{
	struct srd_attr size = { .mask = SRD_ATTR_SIZE, .size = step->pos };
	struct srd_path path;
	struct srd_node node;
	uint64_t dir;
	int error = enter(store, txn, step->key, &path, &dir);

	if (!error)
		error = srd_txn_lookup(txn, dir, path.name, path.name_len, &node);
	if (error)
		return error;
	switch (step->verb) {
	case STEP_APPEND:
		return srd_txn_write(txn, node.ino, srd_inode_at(&store->state, node.inode)->size,
		                     bytes->bytes, bytes->len, false);
	case STEP_WRITE:
		return srd_txn_write(txn, node.ino, step->pos, bytes->bytes, bytes->len, false);
	case STEP_TRUNCATE:
		return srd_txn_set_attr(txn, node.ino, &size);
	case STEP_HOLE:
		return srd_txn_hole(txn, node.ino, step->pos, step->len);
	default:
		return srd_txn_xattr(txn, node.ino, step->other, strlen(step->other), bytes->bytes, bytes->len);
	}
}

static int in_transaction(struct srd_store *store, const struct step *step, const struct image *bytes)
{
	struct srd_txn *txn;
	int error = srd_txn_begin(store, &txn);

	if (error)
		return error;
	error = step->verb == STEP_EXCHANGE ? exchange(store, txn, step) : change(store, txn, step, bytes);
	return srd_txn_end(txn, error);
}

/* KEY is what it was behind the commit of that number. */
static int bring_back(struct srd_store *store, const char *key, uint64_t sequence)
{
	char at[24];
	srd_store *view;

	snprintf(at, sizeof at, "%llu", (unsigned long long)sequence);
	int error = srd_view(store, at, &view);
	if (error)
		return error;
	error = srd_copy(view, key, strlen(key), store, key, strlen(key));
	srd_close(view);
	return error;
}

static int undelete(struct srd_store *store, const char *key)
{
	struct srd_deleted found;
	int error = srd_find_deleted(store, key, strlen(key), &found);

	return error ? error : bring_back(store, key, found.whole);
}

/* Of those that changed what it holds, the one that many before the last. */
static int restore(struct srd_store *store, const char *key, uint64_t ago)
{
	struct srd_version *list;
	uint64_t sequence = 0;
	ssize_t count = srd_versions(store, key, strlen(key), &list);

	if (count < 0)
		return (int)count;
	for (ssize_t i = count; i-- > 0 && !sequence;)
		if (list[i].changes & SRD_CHANGED_CONTENT && ago-- == 0)
			sequence = list[i].sequence;
	free(list);
	return sequence ? bring_back(store, key, sequence) : -ENOENT;
}

int verb_run(struct srd_store *store, const struct step *step, const struct image *bytes)
{
	size_t key_len = strlen(step->key), other_len = step->other ? strlen(step->other) : 0;

	switch (step->verb) {
	case STEP_SNAPSHOT: return srd_snapshot_create(store, step->key);
	case STEP_SNAPSHOT_RENAME: return srd_snapshot_rename(store, step->key, step->other);
	case STEP_SNAPSHOT_DELETE: return srd_snapshot_delete(store, step->key);
	case STEP_UNDELETE: return undelete(store, step->key);
	case STEP_RESTORE: return restore(store, step->key, step->pos);
	case STEP_PUT: return srd_put(store, step->key, key_len, bytes->bytes, bytes->len);
	case STEP_DELETE: return srd_delete(store, step->key, key_len);
	case STEP_RENAME: return srd_rename(store, step->key, key_len, step->other, other_len);
	case STEP_COPY: return srd_copy(store, step->key, key_len, store, step->other, other_len);
	case STEP_LINK: return srd_link(store, step->key, key_len, step->other, other_len);
	case STEP_MKDIR: return srd_make_dir(store, step->key, key_len);
	case STEP_SYMLINK: return srd_make_symlink(store, step->key, key_len, step->other);
	default: return in_transaction(store, step, bytes);
	}
}
