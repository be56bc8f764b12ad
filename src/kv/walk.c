/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk.c - the keys under a prefix: down from the directory that it names, with
 * a stack of our own, a bounded number of steps at a time.
 *
 * A directory is remembered by number and its last child by cookie, so the walk
 * goes on where it was whatever happens in between.
 */
#include "config.h"

#include "kv/iter.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

enum { STEPS_MAX = 4 * SRD_CHUNK_LEN };   /* under one hold of the read side */

static int push(struct srd_iter *iter, uint64_t ino)
{
	if (iter->depth == iter->depth_cap) {
		size_t cap = SRD_MAX(iter->depth_cap * 2, (size_t)16);
		struct srd_level *levels = realloc(iter->levels, cap * sizeof *levels);
		if (!levels)
			return -ENOMEM;
		iter->levels = levels;
		iter->depth_cap = cap;
	}
	iter->levels[iter->depth++] = (struct srd_level){ .ino = ino };
	return 0;
}

/* The directory that PATH, all of it, names: its number, 0 if there is none. */
static uint64_t directory_of(const struct srd_state *state, const char *path, size_t len, int *error)
{
	struct srd_path at;
	uint32_t dentry;

	*error = srd_path_start(&at, path, len);
	dentry = *error ? 0 : srd_path_find(state, &at);
	if (dentry == 0)
		return 0;
	const struct srd_inode *inode = srd_inode_at(state, srd_dentry_at(state, dentry)->inode);
	return srd_inode_is_dir(inode) ? inode->ino : 0;
}

int srd_walk_start(struct srd_iter *iter, const char *prefix, size_t prefix_len)
{
	const struct srd_state *state = &iter->store->state;
	const char *slash = memrchr(prefix, '/', prefix_len);
	size_t path_len = slash ? (size_t)(slash - prefix) : 0;
	size_t rest_len = prefix_len - path_len - (slash ? 1 : 0);
	uint64_t dir = SRD_ROOT_INO;
	int error = 0;

	if (slash)
		dir = directory_of(state, prefix, path_len, &error);
	if (error)
		return error;
	/* Of the root, as in no other directory names have higher ones. */
	iter->cookie_end = srd_state_cookie_end(state, srd_state_inode_of(state, SRD_ROOT_INO));
	/* What no name begins with, nothing is under. */
	if (dir == 0 || rest_len > SRD_NAME_MAX)
		return 0;
	if (rest_len > 0)
		memcpy(iter->prefix, prefix + prefix_len - rest_len, rest_len);
	iter->prefix_len = rest_len;
	return push(iter, dir);
}

/* True if DENTRY lies below the prefix: only names in the first directory can
 * fail to. */
static bool matches(const struct srd_iter *iter, const struct srd_dentry *dentry)
{
	if (iter->depth > 1 || iter->prefix_len == 0)
		return true;
	const char *name = srd_dentry_name(&iter->store->state, dentry);
	return name && dentry->name_len >= iter->prefix_len &&
	       memcmp(name, iter->prefix, iter->prefix_len) == 0;
}

/* The next child of DIR, which is on top; 0: it has no more. */
static uint32_t next_child(struct srd_iter *iter, uint32_t dir)
{
	const struct srd_state *state = &iter->store->state;
	struct srd_level *top = &iter->levels[iter->depth - 1];
	uint32_t child = dir ? srd_state_next_child(state, dir, top->cookie, top->hint) : 0;

	if (child == 0 || srd_dentry_at(state, child)->cookie >= iter->cookie_end)
		return 0;
	top->cookie = srd_dentry_at(state, child)->cookie;
	top->hint = child;
	return child;
}

int srd_walk_fill(struct srd_iter *iter)
{
	const struct srd_state *state = &iter->store->state;
	int error = 0;

	for (int steps = 0; iter->depth > 0 && steps < STEPS_MAX && srd_iter_has_room(iter) && !error; steps++) {
		uint32_t dir = srd_state_inode_of(state, iter->levels[iter->depth - 1].ino);
		uint32_t child = next_child(iter, dir);
		if (child == 0) {
			iter->depth--;
			continue;
		}
		const struct srd_dentry *dentry = srd_dentry_at(state, child);
		if (!matches(iter, dentry))
			continue;
		srd_iter_take(iter, child);
		if (srd_state_leads_down(state, dir, child))
			error = push(iter, srd_inode_at(state, dentry->inode)->ino);
	}
	iter->ended = iter->depth == 0;
	return error;
}
