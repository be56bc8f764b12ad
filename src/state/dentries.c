/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dentries.c - names: found through the tagged hash, compared in full in the
 * log, so that no collision is ever mistaken.
 */
#include "config.h"

#include "state/dentries.h"

#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "state/lost.h"

uint32_t srd_state_name_hash(const struct srd_state *state, uint64_t dir_ino,
                             const char *name, size_t len)
{
	return srd_hash_fold(XXH3_64bits_withSeed(name, len, state->hash_seed ^ srd_mix(dir_ino)));
}

void srd_state_prefetch_name(const struct srd_state *state, uint32_t hash)
{
	srd_hashed_prefetch(&state->names, hash);
}

void srd_state_prefetch_dentry(const struct srd_state *state, uint32_t hash)
{
	struct srd_probe probe;

	srd_probe_start(&probe, &state->names, hash);
	for (uint32_t index; (index = srd_probe_next(&probe)) != 0;) {
		const char *dentry = (const char *)srd_dentry_at(state, index);
		__builtin_prefetch(dentry);
		__builtin_prefetch(dentry + sizeof(struct srd_dentry) - 1);
	}
}

void srd_state_prefetch_target(const struct srd_state *state, uint32_t hash)
{
	struct srd_probe probe;

	srd_probe_start(&probe, &state->names, hash);
	for (uint32_t index; (index = srd_probe_next(&probe)) != 0;) {
		const struct srd_dentry *dentry = srd_dentry_at(state, index);
		if (dentry->hash != hash)
			continue;
		const char *inode = (const char *)srd_inode_at(state, dentry->inode);
		__builtin_prefetch(inode);
		__builtin_prefetch(inode + sizeof(struct srd_inode) - 1);
		__builtin_prefetch(srd_dentry_name_place(state, dentry));
	}
}

const char *srd_dentry_name_place(const struct srd_state *state, const struct srd_dentry *dentry)
{
	if (__builtin_expect(dentry->name >= SRD_MADE_UP, 0))
		return srd_lost_name(state, dentry->name);
	return (const char *)srd_source_at(&state->source, dentry->name, dentry->name_len);
}

/* False if NAME, which is DENTRY's, is not what it was when the hash was made. */
static bool is_as_it_was(const struct srd_state *state, const struct srd_dentry *dentry, const char *name)
{
	uint64_t dir = srd_inode_at(state, dentry->parent)->ino;

	if (srd_state_name_hash(state, dir, name, dentry->name_len) == dentry->hash)
		return true;
	/* Relaxed: see srd_state_error(). */
	atomic_store_explicit(state->bad, SRD_ECORRUPT, memory_order_relaxed);
	return false;
}

const char *srd_dentry_name(const struct srd_state *state, const struct srd_dentry *dentry)
{
	const char *name = srd_dentry_name_place(state, dentry);

	return name && is_as_it_was(state, dentry, name) ? name : NULL;
}

static bool name_is(const struct srd_state *state, const struct srd_dentry *dentry,
                    const char *name, size_t len)
{
	const char *own = dentry->name_len == len ? srd_dentry_name_place(state, dentry) : NULL;

	if (own && memcmp(own, name, len) == 0)
		return true;
	/* The same hash and another name: hardly ever, unless that has been damaged. */
	if (own)
		is_as_it_was(state, dentry, own);
	return false;
}

uint32_t srd_state_lookup_hashed(const struct srd_state *state, uint32_t dir, uint32_t hash,
                                 const char *name, size_t len)
{
	struct srd_probe probe;

	srd_probe_start(&probe, &state->names, hash);
	for (uint32_t index; (index = srd_probe_next(&probe)) != 0;) {
		const struct srd_dentry *dentry = srd_dentry_at(state, index);
		if (dentry->hash != hash || dentry->parent != dir)
			continue;
		/* The caller will want it; it comes while the name does. */
		__builtin_prefetch(srd_inode_at(state, dentry->inode));
		if (name_is(state, dentry, name, len))
			return index;
	}
	return 0;
}

uint32_t srd_state_lookup(const struct srd_state *state, uint32_t dir,
                          const char *name, size_t len)
{
	uint32_t hash = srd_state_name_hash(state, srd_inode_at(state, dir)->ino, name, len);

	return srd_state_lookup_hashed(state, dir, hash, name, len);
}

static uint32_t hash_of_dentry(const void *user, uint32_t index)
{
	return srd_dentry_at(user, index)->hash;
}

/* A subdirectory's `..` counts as a link to its parent. */
static uint32_t links_up(const struct srd_state *state, uint32_t inode)
{
	return srd_inode_is_dir(srd_inode_at(state, inode));
}

/* Puts an entry that is in no list and no hash where NAMING says. */
static int attach(struct srd_state *state, uint32_t index, const struct srd_naming *naming)
{
	struct srd_dentry *dentry = srd_dentry_at(state, index);

	dentry->name = naming->name;
	dentry->name_len = naming->name_len;
	dentry->hash = naming->hash;
	srd_children_append(state, naming->dir, index);
	srd_inode_at(state, naming->dir)->nlink += links_up(state, dentry->inode);
	return srd_hashed_insert(&state->names, naming->hash, index, hash_of_dentry, state);
}

static void detach(struct srd_state *state, uint32_t index)
{
	const struct srd_dentry *dentry = srd_dentry_at(state, index);

	srd_hashed_remove(&state->names, dentry->hash, index);
	srd_inode_at(state, dentry->parent)->nlink -= links_up(state, dentry->inode);
	srd_children_remove(state, index);
}

int srd_dentry_add(struct srd_state *state, const struct srd_naming *naming, uint32_t inode)
{
	uint32_t index = srd_table_alloc(&state->dentries);

	if (index == 0)
		return srd_table_error(&state->dentries);
	srd_dentry_at(state, index)->inode = inode;
	srd_inode_at(state, inode)->dentry = index;
	return attach(state, index, naming);
}

/* INODE, if any, is known by this name no longer. */
static void forget(struct srd_state *state, uint32_t inode, uint32_t dentry)
{
	if (srd_inode_at(state, inode)->dentry == dentry)
		srd_inode_at(state, inode)->dentry = 0;
}

void srd_dentry_remove(struct srd_state *state, uint32_t index)
{
	detach(state, index);
	forget(state, srd_dentry_at(state, index)->inode, index);
	srd_table_free(&state->dentries, index);
}

int srd_dentry_move(struct srd_state *state, uint32_t index, const struct srd_naming *naming)
{
	detach(state, index);
	return attach(state, index, naming);
}

void srd_dentry_repoint(struct srd_state *state, uint32_t index, uint32_t inode)
{
	struct srd_dentry *dentry = srd_dentry_at(state, index);
	struct srd_inode *parent = srd_inode_at(state, dentry->parent);

	forget(state, dentry->inode, index);
	parent->nlink += links_up(state, inode) - links_up(state, dentry->inode);
	dentry->inode = inode;
	srd_inode_at(state, inode)->dentry = index;
}

bool srd_state_leads_down(const struct srd_state *state, uint32_t dir, uint32_t dentry)
{
	const struct srd_dentry *entry = srd_dentry_at(state, dentry);
	const struct srd_inode *inode = srd_inode_at(state, entry->inode);

	if (!srd_inode_is_dir(inode))
		return false;
	/* Each has one name and each name one parent, so there is one way up to each. */
	if (entry->parent == dir && inode->dentry == dentry && srd_state_inode_of(state, inode->ino) == entry->inode)
		return true;
	srd_table_stray(&state->dentries);
	return false;
}

/* The directory that DIR lies in; 0 for the root and for what has no name. */
static uint32_t parent_of(const struct srd_state *state, uint32_t dir)
{
	uint32_t dentry = srd_inode_at(state, dir)->dentry;

	return dentry ? srd_dentry_at(state, dentry)->parent : 0;
}

bool srd_state_is_below(const struct srd_state *state, uint32_t dir, uint32_t ancestor)
{
	for (unsigned steps = SRD_DEPTH_MAX; dir != 0 && dir != ancestor && steps > 0; steps--)
		dir = parent_of(state, dir);
	return dir != 0;
}

int srd_state_path(const struct srd_state *state, uint32_t dentry, char *buffer, const char **key)
{
	char *end = buffer + SRD_KEY_MAX, *at = end;

	*end = 0;
	while (dentry != 0) {
		const struct srd_dentry *entry = srd_dentry_at(state, dentry);
		const char *name = srd_dentry_name(state, entry);
		if (!name || entry->name_len == 0)
			return -EIO;
		if (at - buffer < entry->name_len + (at < end))
			return -ENAMETOOLONG;
		if (at < end)
			*--at = '/';
		at -= entry->name_len;
		memcpy(at, name, entry->name_len);
		/* Zeros lie where the file has lost it. */
		if (memchr(at, 0, entry->name_len))
			return -EIO;
		dentry = srd_inode_at(state, entry->parent)->dentry;
	}
	*key = at;
	return (int)(end - at);
}
