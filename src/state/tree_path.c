/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "state/tree_path.h"

static uint32_t slot_of_child(const struct srd_tree_node *node, uint64_t pos)
{
	uint32_t low = 0, high = node->count;

	while (high - low > 1) {
		uint32_t middle = (low + high) / 2;
		if (node->from[middle] <= pos)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static uint32_t slot_of_extent(const struct srd_tree_node *leaf, uint64_t pos)
{
	uint32_t low = 0, high = leaf->count;

	while (low < high) {
		uint32_t middle = (low + high) / 2;
		if (leaf->extent[middle].pos < pos)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool srd_tree_descend(struct srd_tree_path *path, struct srd_state *state, uint32_t root, uint64_t pos)
{
	uint32_t level = srd_tree_at(state, root)->level;

	if (!srd_tree_is_sound_root(srd_tree_at(state, root)))
		return false;
	path->state = state;
	path->root = root;
	path->top = level;
	path->pos = pos;
	path->at[level].node = root;
	for (; level > 0; level--) {
		const struct srd_tree_node *node = srd_tree_path_at(path, level);
		path->at[level].slot = slot_of_child(node, pos);
		path->at[level - 1].node = node->child[path->at[level].slot];
		if (!srd_tree_is_sound(srd_tree_path_at(path, level - 1), level - 1))
			return false;
	}
	path->at[0].slot = slot_of_extent(srd_tree_path_at(path, 0), pos);
	return true;
}

struct srd_ref *srd_tree_before(const struct srd_tree_path *path)
{
	if (path->at[0].slot > 0)
		return &srd_tree_path_at(path, 0)->extent[path->at[0].slot - 1];
	for (uint32_t level = 1; level <= path->top; level++) {
		if (path->at[level].slot == 0)
			continue;
		struct srd_tree_node *node = srd_tree_path_at(path, level);
		node = srd_tree_at(path->state, node->child[path->at[level].slot - 1]);
		while (level > 1 && srd_tree_is_sound(node, level - 1)) {
			node = srd_tree_at(path->state, node->child[node->count - 1]);
			level--;
		}
		return srd_tree_is_sound(node, level - 1) && level == 1 ? &node->extent[node->count - 1] : NULL;
	}
	return NULL;
}

bool srd_tree_settle(struct srd_tree_path *path)
{
	uint32_t level = 0;

	if (path->at[0].slot < srd_tree_path_at(path, 0)->count)
		return true;
	while (++level <= path->top) {
		struct srd_tree_node *node = srd_tree_path_at(path, level);
		if (path->at[level].slot + 1 == node->count)
			continue;
		path->at[level].slot++;
		while (level > 0) {
			node = srd_tree_path_at(path, level);
			path->at[level - 1].node = node->child[path->at[level].slot];
			path->at[--level].slot = 0;
			if (!srd_tree_is_sound(srd_tree_path_at(path, level), level))
				return false;
		}
		return true;
	}
	return false;
}
