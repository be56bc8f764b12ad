/* SPDX-License-Identifier: Apache-2.0 */
/*
 * extents.c - a file's content: nothing, one run, or a tree of extents.
 *
 * Nearly all files are one run from its start and need no more than the inode.
 * A tree that is overwritten as a whole becomes one run again.
 */
#include "config.h"

#include "state/extents.h"

#include "base/check.h"
#include "state/tree.h"

static void set_run(struct srd_state *state, struct srd_inode *inode, uint64_t run, uint32_t len)
{
	inode->content = SRD_CONTENT_RUN;
	inode->run = run;
	inode->run_len = len;
	state->live_bytes += len;
}

void srd_extents_clear(struct srd_state *state, struct srd_inode *inode)
{
	if (inode->content == SRD_CONTENT_NONE)
		return;
	if (inode->content == SRD_CONTENT_TREE)
		srd_tree_free(state, inode->tree);
	else
		state->live_bytes -= inode->run_len;
	inode->content = SRD_CONTENT_NONE;
	inode->run = 0;
	inode->run_len = 0;
}

static struct srd_ref run_as_ref(const struct srd_inode *inode)
{
	return (struct srd_ref){ .run = inode->run, .len = inode->run_len };
}

/* Makes the content a tree, if it is not one. */
static int plant(struct srd_state *state, struct srd_inode *inode)
{
	struct srd_ref ref = run_as_ref(inode);
	bool had_run = inode->content == SRD_CONTENT_RUN;

	if (inode->content == SRD_CONTENT_TREE)
		return 0;
	uint32_t root = srd_tree_new(state);
	if (root == 0)
		return srd_table_error(&state->nodes);
	srd_extents_clear(state, inode);
	inode->content = SRD_CONTENT_TREE;
	inode->tree = root;
	return had_run ? srd_tree_put(state, root, &ref) : 0;
}

/* True if REF lies over all there is, what is reserved behind the end included. */
static bool covers(const struct srd_state *state, const struct srd_inode *inode, const struct srd_ref *ref)
{
	struct srd_ref behind;

	return ref->pos == 0 && ref->len >= inode->size && !srd_state_extent(state, inode, ref->len, &behind);
}

int srd_extents_put(struct srd_state *state, struct srd_inode *inode, const struct srd_ref *ref)
{
	int error;

	if (ref->len == 0)
		return 0;
	if (covers(state, inode, ref))
		srd_extents_clear(state, inode);
	if (inode->content == SRD_CONTENT_NONE && ref->pos == 0 && ref->skip == 0 && ref->run != 0) {
		set_run(state, inode, ref->run, ref->len);
		return 0;
	}
	error = plant(state, inode);
	return error ? error : srd_tree_put(state, inode->tree, ref);
}

int srd_extents_punch(struct srd_state *state, struct srd_inode *inode, uint64_t pos, uint64_t end)
{
	int error = 0;

	if (pos >= end)
		return 0;
	if (inode->content == SRD_CONTENT_RUN) {
		if (pos >= inode->run_len)
			return 0;
		if (end >= inode->run_len && pos > 0) {
			state->live_bytes -= inode->run_len - pos;
			inode->run_len = (uint32_t)pos;
			return 0;
		}
		if (end < inode->run_len)
			error = plant(state, inode);
		else
			srd_extents_clear(state, inode);
	}
	if (error || inode->content != SRD_CONTENT_TREE)
		return error;
	error = srd_tree_punch(state, inode->tree, pos, end);
	if (!error && srd_tree_at(state, inode->tree)->extents == 0)
		srd_extents_clear(state, inode);
	return error;
}

bool srd_state_extent(const struct srd_state *state, const struct srd_inode *inode,
                      uint64_t pos, struct srd_ref *ref)
{
	switch (inode->content) {
	case SRD_CONTENT_RUN:
		if (pos >= inode->run_len)
			return false;
		*ref = run_as_ref(inode);
		return true;
	case SRD_CONTENT_TREE:
		return srd_tree_find(state, inode->tree, pos, ref);
	default:
		return false;
	}
}

uint64_t srd_state_stored_bytes(const struct srd_state *state, const struct srd_inode *inode)
{
	if (inode->content != SRD_CONTENT_TREE)
		return inode->run_len;
	const struct srd_tree_node *root = srd_tree_at(state, inode->tree);
	return root->payload_bytes + root->reserved_bytes;
}

uint32_t srd_state_extent_count(const struct srd_state *state, const struct srd_inode *inode)
{
	if (inode->content != SRD_CONTENT_TREE)
		return inode->content == SRD_CONTENT_RUN;
	return srd_tree_at(state, inode->tree)->extents;
}
