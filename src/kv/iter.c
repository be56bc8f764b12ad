/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iter.c - all keys, or those under a prefix.
 *
 * A dentry keeps its index and its cookie as long as its key is there, also when a
 * rename puts another file under it: no key that stays is missed or seen twice.  Compaction
 * keeps cookies, but not indexes: so who scans the table ends in the era in which he
 * began, and parts are dealt by SRD_CHUNK_LEN cookies, so that those made at different times agree.
 */
#include "config.h"

#include "kv/iter.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

enum {
	AHEAD = 32,                      /* dentries whose lines are fetched before their turn */
	STEPS_MAX = 4 * SRD_CHUNK_LEN,   /* under one hold of the read side */
};

static bool is_mine(struct srd_iter *iter, const struct srd_dentry *entry)
{
	uint64_t chunk = entry->cookie / SRD_CHUNK_LEN;

	if (iter->parts == 1)
		return true;
	/* They mostly come in order: divided once for many. */
	if (chunk != iter->dealt) {
		iter->dealt = chunk;
		iter->mine = chunk % iter->parts == iter->part;
	}
	return iter->mine;
}

/* Puts the path of ENTRY's directory, with a slash behind it, at iter->parent_text. */
static bool take_parent(struct srd_iter *iter, const struct srd_state *state, const struct srd_dentry *entry)
{
	uint32_t dentry = srd_inode_at(state, entry->parent)->dentry;
	char buffer[SRD_KEY_MAX + 1];
	const char *path;
	int len = 0;

	if (dentry != 0) {
		len = srd_state_path(state, dentry, buffer, &path);
		if (len < 0)
			return false;
		memcpy(iter->text + iter->text_len, path, (size_t)len);
		iter->text[iter->text_len + (uint32_t)len++] = '/';
	}
	iter->parent = entry->parent;
	iter->parent_text = iter->text_len;
	iter->parent_len = (uint32_t)len;
	iter->text_len += (uint32_t)len;
	return true;
}

/* Appends ENTRY's key to the text; false if it is none (longer than a key may be). */
static bool take_key(struct srd_iter *iter, const struct srd_state *state,
                     const struct srd_dentry *entry, struct srd_found *found)
{
	const char *name = srd_dentry_name(state, entry);

	if (!name || (iter->parent != entry->parent && !take_parent(iter, state, entry)))
		return false;
	char *text = iter->text + iter->text_len;
	uint32_t len = iter->parent_len + entry->name_len;
	if (len > SRD_KEY_MAX)
		return false;
	if (iter->parent_len > 0)
		memcpy(text, iter->text + iter->parent_text, iter->parent_len);
	memcpy(text + iter->parent_len, name, entry->name_len);
	text[len] = 0;
	if (srd_log_is_lost(iter->store->log) && memchr(text, 0, len))
		return false;
	found->text = iter->text_len;
	found->text_len = len;
	iter->text_len += len + 1;
	return true;
}

static void take(struct srd_iter *iter, const struct srd_state *state, const struct srd_dentry *entry)
{
	struct srd_found *found = &iter->found[iter->count];

	if (!is_mine(iter, entry))
		return;
	const struct srd_inode *inode = srd_inode_at(state, entry->inode);
	if (!S_ISREG(inode->mode) && !(iter->flags & SRD_ITER_ALL_KINDS))
		return;
	if (!take_key(iter, state, entry, found))
		return;
	found->ino = inode->ino;
	found->kind = S_ISREG(inode->mode) ? SRD_FILE : srd_kind_of(inode->mode);
	found->one_run = srd_inode_is_one_run(inode);
	found->run = inode->run;
	found->size = inode->size;
	srd_log_prefetch(iter->store->log, inode->run);
	iter->count++;
}

void srd_iter_take(struct srd_iter *iter, uint32_t dentry)
{
	const struct srd_state *state = &iter->store->state;

	take(iter, state, srd_dentry_at(state, dentry));
}

/* Brings near what taking DENTRY will look at; and, as far ahead again, what this will: the
 * processor goes along a table by itself, but not from one page to the next. */
static void prefetch(struct srd_iter *iter, const struct srd_state *state, uint32_t dentry)
{
	const struct srd_dentry *entry = srd_dentry_at(state, dentry);

	__builtin_prefetch(entry + AHEAD);
	if (!is_mine(iter, entry))
		return;
	srd_inode_prefetch(state, entry->inode);
	srd_log_prefetch(iter->store->log, entry->name);
}

static void scan_fill(struct srd_iter *iter)
{
	const struct srd_state *state = &iter->store->state;

	for (int steps = 0; steps < STEPS_MAX && iter->dentry < iter->dentry_end && srd_iter_has_room(iter);
	     steps++) {
		uint32_t dentry = iter->dentry++;
		if (dentry + AHEAD < iter->dentry_end)
			prefetch(iter, state, dentry + AHEAD);
		const struct srd_dentry *entry = srd_dentry_at(state, dentry);
		if (entry->name_len > 0)
			take(iter, state, entry);
	}
	iter->ended = iter->dentry >= iter->dentry_end;
}

static int start(struct srd_iter *iter, const void *prefix, size_t prefix_len)
{
	unsigned stripe;
	int error = srd_store_read(iter->store, &stripe);

	if (error)
		return error;
	iter->walking = prefix_len > 0;
	if (iter->walking)
		error = srd_walk_start(iter, prefix, prefix_len);
	else
		iter->era = srd_era_join(iter->store);
	iter->losses = iter->store->state.losses;
	iter->dentry = 1;
	iter->dentry_end = iter->store->state.dentries.count;
	iter->hold = srd_store_hold_read(iter->store, stripe);
	int bad = srd_store_done(iter->store, stripe);
	return bad ? bad : error;
}

/* As srd_store_read(), of the store that has what ITER's place is in. */
static int read_again(struct srd_iter *iter, unsigned *stripe)
{
	return iter->era ? srd_era_read(iter->era, &iter->store, stripe) : srd_store_read(iter->store, stripe);
}

int srd_iter_new(struct srd_store *store, const void *prefix, size_t prefix_len, int flags,
                 unsigned part, unsigned parts, struct srd_iter **iter)
{
	struct srd_iter *made;
	int error;

	if (parts == 0 || part >= parts)
		return -EINVAL;
	made = calloc(1, sizeof *made);
	if (!made)
		return -ENOMEM;
	made->store = store;
	made->flags = flags;
	made->part = part;
	made->parts = parts;
	made->dealt = UINT64_MAX;
	made->text = malloc(SRD_CHUNK_TEXT + 2 * (SRD_KEY_MAX + 1));
	error = made->text ? start(made, prefix, prefix_len) : -ENOMEM;
	if (error) {
		srd_iter_free(made);
		return error;
	}
	*iter = made;
	return 0;
}

void srd_iter_free(struct srd_iter *iter)
{
	if (!iter)
		return;
	free(iter->many);
	srd_hold_drop(&iter->hold);
	srd_hold_drop(&iter->again);
	srd_era_leave(iter->era);
	free(iter->levels);
	free(iter->text);
	free(iter);
}

/* Read side held: what is taken from now on lies in the log as it is now. */
static void hold_log(struct srd_iter *iter, unsigned stripe)
{
	if (iter->hold.log == iter->store->log)
		return;
	srd_hold_drop(&iter->hold);
	iter->hold = srd_store_hold_read(iter->store, stripe);
}

static int fill(struct srd_iter *iter)
{
	unsigned stripe;
	int error = read_again(iter, &stripe);

	if (error)
		return error;
	hold_log(iter, stripe);
	iter->count = iter->next = 0;
	iter->text_len = 0;
	iter->parent = 0;
	/* Where we are would be anywhere. */
	if (iter->store->state.losses != iter->losses)
		error = SRD_ECORRUPT;
	else if (iter->walking)
		error = srd_walk_fill(iter);
	else
		scan_fill(iter);
	int bad = srd_store_done(iter->store, stripe);
	return bad ? bad : error;
}

/* The extents of what was found and is there still, else -ENOENT. */
static int look_again(struct srd_iter *iter, const struct srd_found *found, struct srd_extents *extents)
{
	unsigned stripe;
	int error = read_again(iter, &stripe);

	if (error)
		return error;
	const struct srd_state *state = &iter->store->state;
	iter->again = srd_store_hold_read(iter->store, stripe);
	uint32_t inode = srd_state_inode_of(state, found->ino);
	error = inode ? srd_extents_copy(state, srd_inode_at(state, inode), extents) : -ENOENT;
	int bad = srd_store_done(iter->store, stripe);
	return bad ? bad : error;
}

/* As srd_value_resolve(): of what is more than one run. */
static int resolve_again(struct srd_iter *iter, const struct srd_found *found, srd_value *value)
{
	struct srd_extents extents;

	srd_extents_init(&extents);
	srd_hold_drop(&iter->again);
	int error = look_again(iter, found, &extents);
	if (!error)
		error = srd_value_resolve(&iter->again, &extents, value);
	srd_extents_release(&extents);
	return error;
}

/* Points ENTRY at FOUND; false if it has gone meanwhile. */
static bool hand_out(struct srd_iter *iter, const struct srd_found *found, struct srd_entry *entry)
{
	srd_value *value = &entry->value;
	bool wanted = found->kind == SRD_FILE && !(iter->flags & SRD_ITER_KEYS);
	int error = 0;

	if (wanted)
		error = found->one_run ? srd_value_resolve_run(&iter->hold, found->run, found->size, value)
		                       : resolve_again(iter, found, value);
	if (error == -ENOENT)
		return false;
	if (error || !wanted)
		*value = (srd_value){ 0 };
	/* What the value holds is the iterator's: releasing it does nothing. */
	if (iter->many || value->own.many) {
		free(iter->many);
		iter->many = value->own.many;
		value->own.many = NULL;
	}
	value->own.pin = NULL;
	entry->value_error = error;
	entry->key = iter->text + found->text;
	entry->key_len = found->text_len;
	entry->kind = found->kind;
	return true;
}

int srd_iter_next(struct srd_iter *iter, struct srd_entry *entry)
{
	for (;;) {
		while (iter->next < iter->count)
			if (hand_out(iter, &iter->found[iter->next++], entry))
				return 1;
		if (iter->ended)
			return srd_log_is_lost(iter->hold.log) ? SRD_ELOST : 0;
		int error = fill(iter);
		if (error)
			return error;
	}
}
