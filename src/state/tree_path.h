/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_path.h - a place in a tree of extents, and the way there: the nodes from the root
 * down to the leaf in which a position belongs, and where in each.
 *
 *     level 2          [ root ]                  at[2].slot: which child
 *     level 1      [    ] [    ] [    ]          at[1].slot: which child
 *     level 0    [leaf] [leaf] [leaf] ...        at[0].slot: first extent at or
 *                                                behind the position
 *
 * Nodes may come from an image that lies: one that is not of the level at which
 * it hangs, or holds more than it can, ends the walk.  So a path is sound or is
 * not gone along.
 */
#ifndef SRD_STATE_TREE_PATH_H
#define SRD_STATE_TREE_PATH_H

#include "state/tree.h"

struct srd_tree_path {
	struct srd_state *state;
	uint32_t root;
	uint32_t top;                  /* level of the root */
	uint64_t pos;
	struct { uint32_t node, slot; } at[SRD_TREE_LEVELS_MAX];
};

static inline struct srd_tree_node *srd_tree_path_at(const struct srd_tree_path *path, uint32_t level)
{
	return srd_tree_at(path->state, path->at[level].node);
}

/* True if NODE may be met at LEVEL below another. */
static inline bool srd_tree_is_sound(const struct srd_tree_node *node, uint32_t level)
{
	return node->level == level && node->count > 0 &&
	       node->count <= (level ? SRD_TREE_INNER_MAX : SRD_TREE_LEAF_MAX);
}

/* A root alone may be empty, and then is a leaf. */
static inline bool srd_tree_is_sound_root(const struct srd_tree_node *root)
{
	return (root->level == 0 && root->count == 0) ||
	       (root->level < SRD_TREE_LEVELS_MAX && srd_tree_is_sound(root, root->level));
}

/* Sets PATH to where POS belongs.  False: there is no sound way there. */
bool srd_tree_descend(struct srd_tree_path *path, struct srd_state *state, uint32_t root, uint64_t pos);
/* The last extent before the place, NULL: none.  It may lie in the leaf before. */
struct srd_ref *srd_tree_before(const struct srd_tree_path *path);
/* Moves a place at the end of a leaf to the start of the next; false: none. */
bool srd_tree_settle(struct srd_tree_path *path);

#endif
