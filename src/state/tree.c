/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree.c - the B+tree of a file's extents.
 *
 * A split at the right edge of a node leaves the left one full, so that a file
 * that is only appended to has full nodes.  Nodes are given up when empty, not
 * merged when sparse.  The root grows by moving its content one level down, and
 * shrinks the other way round, so its index and its sums stay.
 *
 * Levels are few whatever the input: a level's nodes come from splits, a split
 * needs a full node, and that needs twenty new nodes of the level below.
 */
#include "config.h"

#include "state/tree.h"

#include <string.h>

#include "state/tree_path.h"

static inline uint64_t end_of(const struct srd_ref *ref)
{
	return ref->pos + ref->len;
}

/* Keeps the sums in the root true.  SIGN: 1 an extent comes, -1 one goes, 0 its
 * length changes; BYTES as a two's complement difference. */
static void account(const struct srd_tree_path *path, const struct srd_ref *ref, int sign, uint64_t bytes)
{
	struct srd_tree_node *root = srd_tree_at(path->state, path->root);

	root->extents += (uint32_t)sign;
	if (ref->run == 0) {
		root->reserved_bytes += bytes;
	} else {
		root->payload_bytes += bytes;
		path->state->live_bytes += bytes;
	}
}

static void resize(const struct srd_tree_path *path, struct srd_ref *ref, uint32_t len)
{
	account(path, ref, 0, (uint64_t)len - ref->len);
	ref->len = len;
}

uint32_t srd_tree_new(struct srd_state *state)
{
	return srd_table_alloc(&state->nodes);
}

void srd_tree_free(struct srd_state *state, uint32_t root)
{
	struct srd_tree_path path = { .state = state, .root = root, .top = srd_tree_at(state, root)->level };
	uint32_t level = path.top;

	if (!srd_tree_is_sound_root(srd_tree_at(state, root)))
		return;
	state->live_bytes -= srd_tree_at(state, root)->payload_bytes;
	path.at[level].node = root;
	for (;;) {
		struct srd_tree_node *node = srd_tree_path_at(&path, level);
		if (level > 0 && node->count > 0) {
			uint32_t child = node->child[--node->count];
			if (srd_tree_is_sound(srd_tree_at(state, child), level - 1))
				path.at[--level].node = child;
			continue;
		}
		srd_table_free(&state->nodes, path.at[level].node);
		if (level == path.top)
			return;
		level++;
	}
}

bool srd_tree_find(const struct srd_state *state, uint32_t root, uint64_t pos, struct srd_ref *ref)
{
	struct srd_tree_path path;

	/* Nothing is changed through this path. */
	if (!srd_tree_descend(&path, (struct srd_state *)state, root, pos))
		return false;
	const struct srd_ref *found = srd_tree_before(&path);
	if (!found || end_of(found) <= pos) {
		if (!srd_tree_settle(&path))
			return false;
		found = &srd_tree_path_at(&path, 0)->extent[path.at[0].slot];
	}
	/* Who goes on behind it must come forward. */
	if (found->pos > SRD_FILE_LEN_MAX || end_of(found) <= pos)
		return false;
	*ref = *found;
	return true;
}

/* ---- Inserting ---- */

static void put_child(struct srd_tree_node *node, uint32_t slot, uint64_t from, uint32_t child)
{
	memmove(&node->from[slot + 1], &node->from[slot], (node->count - slot) * sizeof node->from[0]);
	memmove(&node->child[slot + 1], &node->child[slot],
	        (node->count - slot) * sizeof node->child[0]);
	node->from[slot] = from;
	node->child[slot] = child;
	node->count++;
}

static bool is_full(const struct srd_tree_node *node)
{
	return node->count == (node->level ? SRD_TREE_INNER_MAX : SRD_TREE_LEAF_MAX);
}

/* Moves the root's content one level down; the path follows. */
static int deepen(struct srd_tree_path *path)
{
	struct srd_tree_node *root = srd_tree_at(path->state, path->root);

	if (path->top + 1 == SRD_TREE_LEVELS_MAX)
		return SRD_EFULL;
	uint32_t below = srd_tree_new(path->state);
	if (below == 0)
		return srd_table_error(&path->state->nodes);
	*srd_tree_at(path->state, below) = *root;
	root->level++;
	root->count = 0;
	put_child(root, 0, 0, below);
	path->at[path->top].node = below;
	path->top++;
	path->at[path->top].node = path->root;
	path->at[path->top].slot = 0;
	return 0;
}

/* Moves what NODE has from slot KEEP on to RIGHT, which is empty. */
static void move_upper(struct srd_tree_node *node, struct srd_tree_node *right, uint32_t keep)
{
	uint32_t moved = node->count - keep;

	right->level = node->level;
	right->count = (uint16_t)moved;
	node->count = (uint16_t)keep;
	if (node->level == 0) {
		memcpy(right->extent, &node->extent[keep], moved * sizeof node->extent[0]);
		return;
	}
	memcpy(right->from, &node->from[keep], moved * sizeof node->from[0]);
	memcpy(right->child, &node->child[keep], moved * sizeof node->child[0]);
}

/* Splits the full node at LEVEL, whose parent has room; the path follows. */
static int split(struct srd_tree_path *path, uint32_t level)
{
	struct srd_tree_node *node = srd_tree_path_at(path, level);
	uint32_t slot = path->at[level].slot;
	bool edge = level == 0 ? slot == node->count : slot + 1 == node->count;
	/* At the edge the left one stays full (an inner node gives its last child
	 * away: the new one needs one). */
	uint32_t keep = !edge ? node->count / 2 : level == 0 ? node->count : node->count - 1u;
	uint32_t number = srd_tree_new(path->state);

	if (number == 0)
		return srd_table_error(&path->state->nodes);
	/* An image may say that it is free though it is in use. */
	if (number == path->at[level].node || number == path->at[level + 1].node)
		return SRD_ECORRUPT;
	struct srd_tree_node *right = srd_tree_at(path->state, number);
	move_upper(node, right, keep);
	uint64_t from = right->level ? right->from[0] : right->count ? right->extent[0].pos : path->pos;
	put_child(srd_tree_path_at(path, level + 1), path->at[level + 1].slot + 1, from, number);
	/* A place between the halves of a leaf stays left: it is below FROM. */
	if (edge || slot > keep || (level > 0 && slot == keep)) {
		path->at[level].node = number;
		path->at[level].slot = slot - keep;
		path->at[level + 1].slot++;
	}
	return 0;
}

/* Makes the leaf of the path have room for one more. */
static int make_room(struct srd_tree_path *path)
{
	uint32_t level = 0;
	int error = 0;

	while (level <= path->top && is_full(srd_tree_path_at(path, level)))
		level++;
	if (level > path->top)
		error = deepen(path);
	while (!error && level-- > 0)
		error = split(path, level);
	return error;
}

/* True if REF continues EXTENT, which is then longer. */
static bool extend(const struct srd_tree_path *path, struct srd_ref *extent, const struct srd_ref *ref)
{
	if (end_of(extent) != ref->pos || extent->run != ref->run ||
	    extent->len > UINT32_MAX - ref->len)
		return false;
	if (ref->run != 0 && extent->skip + extent->len != ref->skip)
		return false;
	resize(path, extent, extent->len + ref->len);
	return true;
}

/* Puts REF where nothing lies. */
static int insert(struct srd_state *state, uint32_t root, const struct srd_ref *ref)
{
	struct srd_tree_path path;
	int error;

	if (!srd_tree_descend(&path, state, root, ref->pos))
		return SRD_ECORRUPT;
	struct srd_ref *last = srd_tree_before(&path);
	if (last && extend(&path, last, ref))
		return 0;
	error = make_room(&path);
	if (error)
		return error;
	struct srd_tree_node *leaf = srd_tree_path_at(&path, 0);
	struct srd_ref *place = &leaf->extent[path.at[0].slot];
	memmove(place + 1, place, (leaf->count - path.at[0].slot) * sizeof *place);
	*place = *ref;
	leaf->count++;
	account(&path, ref, 1, ref->len);
	return 0;
}

/* ---- Removing ---- */

/* While the root has but one child, takes its place. */
static void shrink_root(struct srd_tree_path *path)
{
	struct srd_tree_node *root = srd_tree_at(path->state, path->root);

	while (root->level > 0 && root->count == 1) {
		uint32_t number = root->child[0];
		const struct srd_tree_node *child = srd_tree_at(path->state, number);
		if (!srd_tree_is_sound(child, root->level - 1u))
			return;
		root->level = child->level;
		root->count = child->count;
		memcpy(root->extent, child->extent, sizeof root->extent);
		srd_table_free(&path->state->nodes, number);
	}
	if (root->count == 0)
		root->level = 0;
}

/* Gives up the nodes of the path that have become empty, from the leaf up. */
static void drop_empty(struct srd_tree_path *path)
{
	for (uint32_t level = 0; level < path->top && srd_tree_path_at(path, level)->count == 0; level++) {
		struct srd_tree_node *parent = srd_tree_path_at(path, level + 1);
		uint32_t slot = path->at[level + 1].slot;
		uint32_t behind = parent->count - slot - 1;
		srd_table_free(&path->state->nodes, path->at[level].node);
		memmove(&parent->from[slot], &parent->from[slot + 1], behind * sizeof parent->from[0]);
		memmove(&parent->child[slot], &parent->child[slot + 1], behind * sizeof parent->child[0]);
		parent->count--;
	}
	shrink_root(path);
}

/* What of REF lies at END or behind; length 0: nothing. */
static struct srd_ref rest_of(const struct srd_ref *ref, uint64_t end)
{
	if (end_of(ref) <= end)
		return (struct srd_ref){ 0 };
	uint32_t cut = (uint32_t)(end - ref->pos);
	return (struct srd_ref){ .pos = end, .run = ref->run, .len = ref->len - cut,
	                         .skip = ref->run ? ref->skip + cut : 0 };
}

/* Removes the extents of the path's leaf from the place on that begin before END;
 * *REST is what of the last one lies behind END.  True if the leaf had no others
 * there: the next leaf may have more. */
static bool remove_from_leaf(struct srd_tree_path *path, uint64_t end, struct srd_ref *rest)
{
	struct srd_tree_node *leaf = srd_tree_path_at(path, 0);
	uint32_t first = path->at[0].slot, last = first;

	for (; last < leaf->count && leaf->extent[last].pos < end; last++) {
		account(path, &leaf->extent[last], -1, -(uint64_t)leaf->extent[last].len);
		*rest = rest_of(&leaf->extent[last], end);
	}
	bool more = last == leaf->count;
	memmove(&leaf->extent[first], &leaf->extent[last],
	        (leaf->count - last) * sizeof leaf->extent[0]);
	leaf->count -= (uint16_t)(last - first);
	if (leaf->count == 0)
		drop_empty(path);
	return more;
}

/* What is cut off at the front is put in anew: it may belong in the next leaf now. */
int srd_tree_punch(struct srd_state *state, uint32_t root, uint64_t pos, uint64_t end)
{
	struct srd_ref rest = { 0 };
	struct srd_tree_path path;

	if (!srd_tree_descend(&path, state, root, pos))
		return SRD_ECORRUPT;
	struct srd_ref *cut = srd_tree_before(&path);
	if (cut && end_of(cut) > pos) {
		rest = rest_of(cut, end);
		resize(&path, cut, (uint32_t)(pos - cut->pos));
	}
	/* Each turn empties the rest of a leaf. */
	while (srd_tree_settle(&path) && remove_from_leaf(&path, end, &rest))
		if (!srd_tree_descend(&path, state, root, pos))
			return SRD_ECORRUPT;
	return rest.len > 0 ? insert(state, root, &rest) : 0;
}

int srd_tree_put(struct srd_state *state, uint32_t root, const struct srd_ref *ref)
{
	int error = srd_tree_punch(state, root, ref->pos, end_of(ref));

	return error ? error : insert(state, root, ref);
}
