/* SPDX-License-Identifier: Apache-2.0 */
/*
 * children.c - a directory's entries as a list.  Entries come at its end with a
 * cookie above all before (whatever a NEXT op says), so the list is in order of cookies, and a reader that
 * remembers a cookie misses nothing that stays.
 */
#include "config.h"

#include "state/dentries.h"

#include "base/check.h"

/* In the root there may be names with cookies above the next one: compaction had put others before them
 * for a while (store/difference.h). */
uint64_t srd_state_cookie_end(const struct srd_state *state, uint32_t dir)
{
	uint32_t last = srd_inode_at(state, dir)->children.last;

	return last ? SRD_MAX(state->next_cookie, srd_dentry_at(state, last)->cookie + 1) : state->next_cookie;
}

void srd_children_append(struct srd_state *state, uint32_t dir, uint32_t dentry)
{
	struct srd_inode *parent = srd_inode_at(state, dir);
	struct srd_dentry *child = srd_dentry_at(state, dentry);

	child->parent = dir;
	child->next = 0;
	child->prev = parent->children.last;
	child->cookie = srd_state_cookie_end(state, dir);
	state->next_cookie = child->cookie + 1;
	if (child->prev)
		srd_dentry_at(state, child->prev)->next = dentry;
	else
		parent->children.first = dentry;
	parent->children.last = dentry;
	parent->size++;
}

void srd_children_remove(struct srd_state *state, uint32_t dentry)
{
	struct srd_dentry *child = srd_dentry_at(state, dentry);
	struct srd_inode *parent = srd_inode_at(state, child->parent);

	if (child->prev)
		srd_dentry_at(state, child->prev)->next = child->next;
	else
		parent->children.first = child->next;
	if (child->next)
		srd_dentry_at(state, child->next)->prev = child->prev;
	else
		parent->children.last = child->prev;
	parent->size--;
}

/* A live entry of DIR. */
static bool is_child(const struct srd_state *state, uint32_t dir, uint32_t dentry)
{
	return dentry != 0 && dentry < state->dentries.count &&
	       srd_dentry_at(state, dentry)->name_len != 0 &&
	       srd_dentry_at(state, dentry)->parent == dir;
}

static uint64_t distance(const struct srd_state *state, uint32_t dentry, uint64_t cookie)
{
	uint64_t own = srd_dentry_at(state, dentry)->cookie;

	return own > cookie ? own - cookie : cookie - own;
}

/* No more entries lie between two than their cookies differ by. */
uint32_t srd_state_nearer_child(const struct srd_state *state, uint32_t dir, uint64_t cookie,
                                uint32_t a, uint32_t b)
{
	if (!is_child(state, dir, a))
		return is_child(state, dir, b) ? b : 0;
	if (!is_child(state, dir, b))
		return a;
	return distance(state, b, cookie) < distance(state, a, cookie) ? b : a;
}

uint32_t srd_state_next_child(const struct srd_state *state, uint32_t dir, uint64_t cookie,
                              uint32_t hint)
{
	const struct srd_inode *parent = srd_inode_at(state, dir);
	uint32_t at = srd_state_nearer_child(state, dir, cookie, hint, parent->children.first);
	uint32_t steps = state->dentries.count;   /* an image might have a circle */

	at = srd_state_nearer_child(state, dir, cookie, at, parent->children.last);
	/* From wherever that is, back and then on to the place. */
	for (; at != 0 && srd_dentry_at(state, at)->cookie > cookie && steps > 0; steps--)
		at = srd_dentry_at(state, at)->prev;
	if (at == 0)
		at = parent->children.first;
	for (; at != 0 && srd_dentry_at(state, at)->cookie <= cookie && steps > 0; steps--)
		at = srd_dentry_at(state, at)->next;
	return steps > 0 ? at : 0;
}
