/* SPDX-License-Identifier: Apache-2.0 */
/*
 * difference_same.c - what was written is held against what it restates: all that can be seen
 * of it, names, their order, attributes, times, content.
 *
 * A fault of ours, or damage that was made up for in a way that cannot be told again (a number
 * that stands for another kind of thing since), is an error, then, and not a store that shows
 * something else from now on.  The other log's state came of applying what was written, so it is
 * what replaying that gives.
 */
#include "config.h"

#include "store/difference.h"

#include <string.h>
#include <sys/stat.h>

/* ---- Of one inode ---- */

static bool same_attributes(const struct srd_inode *a, const struct srd_inode *b)
{
	bool device = S_ISCHR(a->mode) || S_ISBLK(a->mode);

	return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid && a->nlink == b->nlink &&
	       a->size == b->size && a->atime_ns == b->atime_ns && a->mtime_ns == b->mtime_ns &&
	       a->ctime_ns == b->ctime_ns && a->btime_ns == b->btime_ns && (!device || a->rdev == b->rdev);
}

/* Their order may be another. */
static bool same_xattrs(const struct srd_state *old, const struct srd_inode *a, const struct srd_state *new,
                        const struct srd_inode *b)
{
	const struct srd_xattr *mine = NULL, *other = NULL;

	while ((mine = srd_state_next_xattr(old, a, mine)) != NULL) {
		const char *name = srd_xattr_name(&old->source, mine);
		other = srd_state_next_xattr(new, b, other);
		if (!name || !other || !srd_state_xattr(new, b, name, mine->name_len))
			return false;
	}
	return !srd_state_next_xattr(new, b, other);
}

/* True if B has PART, a piece in the new log. */
static bool has_part(const struct srd_state *new, const struct srd_inode *b, const struct srd_ref *part)
{
	uint64_t end = part->pos + part->len;
	struct srd_ref ref;

	for (uint64_t pos = part->pos; pos < end; pos = ref.pos + ref.len)
		if (!srd_state_extent(new, b, pos, &ref) || ref.pos > pos || ref.run != part->run ||
		    (srd_ref_has_run(&ref) && ref.skip + (pos - ref.pos) != part->skip + (pos - part->pos)))
			return false;
	return true;
}

static bool same_content(const struct srd_difference *difference, const struct srd_inode *a, const struct srd_inode *b)
{
	const struct srd_state *old = difference->to, *new = &difference->rewrite->state;
	struct srd_ref ref, part;

	if (!S_ISREG(a->mode))
		return true;
	for (uint64_t pos = 0; srd_state_extent(old, a, pos, &ref); pos = ref.pos + ref.len)
		for (uint32_t into = 0; into < ref.len; into += part.len) {
			if (srd_relocate_ref(difference->relocate, &ref, into, &part) != 0 || !has_part(new, b, &part))
				return false;
		}
	return srd_state_stored_bytes(old, a) == srd_state_stored_bytes(new, b);
}

static bool same_inode(const struct srd_difference *difference, const struct srd_inode *a)
{
	const struct srd_state *old = difference->to, *new = &difference->rewrite->state;
	const struct srd_inode *b = srd_inode_at(new, srd_state_inode_of(new, a->ino));

	return b->ino == a->ino && !b->gone && same_attributes(a, b) && same_xattrs(old, a, new, b) &&
	       same_content(difference, a, b);
}

/* ---- Names ---- */

static bool same_name(const struct srd_state *old, const struct srd_dentry *a, const struct srd_state *new,
                      const struct srd_dentry *b)
{
	const char *mine = srd_dentry_name(old, a), *other = srd_dentry_name(new, b);

	return mine && other && a->name_len == b->name_len && memcmp(mine, other, a->name_len) == 0 &&
	       srd_inode_at(old, a->inode)->ino == srd_inode_at(new, b->inode)->ino;
}

/* Those in directory A, in their order; *MET counts them. */
static bool same_names(const struct srd_state *old, const struct srd_inode *a, const struct srd_state *new, uint32_t *met)
{
	uint32_t dir = srd_state_inode_of(old, a->ino), there = srd_state_inode_of(new, a->ino);
	uint32_t mine = srd_state_next_child(old, dir, 0, 0), other = srd_state_next_child(new, there, 0, 0);

	/* By a forged image a few are met without end. */
	while (mine && other && ++*met < old->dentries.count &&
	       same_name(old, srd_dentry_at(old, mine), new, srd_dentry_at(new, other))) {
		mine = srd_state_next_child(old, dir, srd_dentry_at(old, mine)->cookie, mine);
		other = srd_state_next_child(new, there, srd_dentry_at(new, other)->cookie, other);
	}
	return !mine && !other;
}

/* ---- All of it ---- */

bool srd_difference_is_same(const struct srd_difference *difference)
{
	const struct srd_state *old = difference->to, *new = &difference->rewrite->state;
	uint32_t met = 0;

	for (uint32_t i = 1; i < old->inodes.count; i++) {
		const struct srd_inode *inode = srd_inode_at(old, i);
		if (inode->mode == 0 || inode->gone)
			continue;
		if (!same_inode(difference, inode) || (srd_inode_is_dir(inode) && !same_names(old, inode, new, &met)))
			return false;
	}
	return met == new->dentries.live && old->files == new->files && old->directories == new->directories &&
	       old->others == new->others && old->unnamed == new->unnamed;
}
