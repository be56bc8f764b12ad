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
	struct srd_hold hold;         /* of the log that it lies in */
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

/* Gives FOUND up, and the log that it lies in. */
static void drop(struct found *found)
{
	if (!found->one_run)
		srd_extents_release(&found->extents);
	srd_hold_drop(&found->hold);
}

/* Uses up FOUND. */
static int resolve(struct found *found, srd_value *value)
{
	int error = found->one_run ? srd_value_resolve_run(&found->hold, found->run, found->size, value)
	                           : srd_value_resolve(&found->hold, &found->extents, value);

	if (error)
		drop(found);
	else if (!found->one_run)
		srd_extents_release(&found->extents);
	return error;
}

/* What DENTRY, if any, has to say, if it is of TYPE. */
static int take(struct srd_store *store, uint32_t dentry, uint32_t type, struct found *found)
{
	if (dentry == 0)
		return srd_store_absence(store, -ENOENT);
	uint32_t inode = srd_dentry_at(&store->state, dentry)->inode;
	uint32_t mode = srd_inode_at(&store->state, inode)->mode;
	if ((mode & S_IFMT) == type)
		return take_inode(store, inode, found);
	return type == S_IFREG ? srd_value_kind_error(mode) : -EINVAL;
}

/* Finds the value of KEY, if TYPE is what stands there, and holds its log. */
static int find(struct srd_store *store, const void *key, size_t key_len, uint32_t type, struct found *found)
{
	struct srd_path path;
	unsigned stripe;
	int error = srd_path_start(&path, key, key_len);

	if (!error)
		error = srd_store_read(store, &stripe);
	if (error)
		return error;
	error = take(store, srd_path_find(&store->state, &path), type, found);
	if (!error)
		found->hold = srd_store_hold_read(store, stripe);
	int bad = srd_store_done(store, stripe);
	if (bad && !error)
		drop(found);
	return bad ? bad : error;
}

static int get(struct srd_store *store, const void *key, size_t key_len, uint32_t type, srd_value *value)
{
	struct found found;
	int error = find(store, key, key_len, type, &found);

	return error ? error : resolve(&found, value);
}

int srd_get(struct srd_store *store, const void *key, size_t key_len, srd_value *value)
{
	return get(store, key, key_len, S_IFREG, value);
}

int srd_read_link(struct srd_store *store, const void *key, size_t key_len, srd_value *value)
{
	return get(store, key, key_len, S_IFLNK, value);
}

/* ---- Many ---- */

enum { GROUP = 16 };

/* Keys looked up side by side, so that what one waits for comes with the others. */
struct group {
	struct srd_store *store;
	const srd_key *keys;
	srd_value *values;
	int *errors;
	size_t count;
	struct srd_path paths[GROUP];
	uint32_t hashes[GROUP];
	struct found found[GROUP];
};

/* Calls stage after stage for the lines that look-ups in the root will touch. */
static void prefetch(struct group *group)
{
	const struct srd_state *state = &group->store->state;
	static void (*const stages[])(const struct srd_state *state, uint32_t hash) = {
		srd_state_prefetch_name, srd_state_prefetch_dentry, srd_state_prefetch_target };

	for (size_t i = 0; i < group->count; i++)
		if (!group->errors[i])
			group->hashes[i] = srd_state_name_hash(state, SRD_ROOT_INO, group->paths[i].name,
			                                       group->paths[i].name_len);
	for (size_t stage = 0; stage < SRD_LEN(stages); stage++)
		for (size_t i = 0; i < group->count; i++)
			if (!group->errors[i])
				stages[stage](state, group->hashes[i]);
}

/* Read side held. */
static uint32_t look_up(const struct srd_state *state, uint32_t root, struct srd_path *path, uint32_t hash)
{
	if (path->rest_len > 0)
		return srd_path_find(state, path);
	return srd_state_lookup_hashed(state, root, hash, path->name, path->name_len);
}

/* Finds the group's values and holds their log for each; 0 or why nothing can be read. */
static int find_group(struct group *group)
{
	struct srd_store *store = group->store;
	unsigned long holds = 0;
	unsigned stripe;
	int error = srd_store_read(store, &stripe);

	if (error)
		return error;
	prefetch(group);
	uint32_t root = srd_state_inode_of(&store->state, SRD_ROOT_INO);
	for (size_t i = 0; i < group->count; i++) {
		if (group->errors[i])
			continue;
		uint32_t dentry = look_up(&store->state, root, &group->paths[i], group->hashes[i]);
		group->errors[i] = take(store, dentry, S_IFREG, &group->found[i]);
		if (group->errors[i])
			continue;
		holds++;
		group->found[i].hold = (struct srd_hold){ .log = store->log, .stripe = stripe };
		if (group->found[i].one_run)
			srd_log_prefetch(store->log, group->found[i].run);
	}
	srd_log_hold(store->log, stripe, holds);
	int bad = srd_store_done(store, stripe);
	for (size_t i = 0; bad && i < group->count; i++)
		if (!group->errors[i])
			drop(&group->found[i]);
	return bad;
}

/* The number of values got, or a negative code. */
static ssize_t get_group(struct group *group)
{
	ssize_t got = 0;

	for (size_t i = 0; i < group->count; i++)
		group->errors[i] = srd_path_start(&group->paths[i], group->keys[i].data, group->keys[i].len);
	int error = find_group(group);
	if (error)
		return error;
	for (size_t i = 0; i < group->count; i++) {
		if (group->errors[i])
			continue;
		group->errors[i] = resolve(&group->found[i], &group->values[i]);
		got += !group->errors[i];
	}
	return got;
}

ssize_t srd_get_many(struct srd_store *store, const srd_key *keys, size_t count,
                     srd_value *values, int *errors)
{
	struct group group;
	ssize_t found = 0;

	group.store = store;
	for (size_t at = 0; at < count; at += GROUP) {
		group.keys = keys + at;
		group.values = values + at;
		group.errors = errors + at;
		group.count = SRD_MIN(count - at, (size_t)GROUP);
		ssize_t got = get_group(&group);
		if (got < 0) {
			for (size_t i = 0; i < at; i++)
				if (!errors[i])
					srd_value_release(&values[i]);
			return got;
		}
		found += got;
	}
	return found;
}
