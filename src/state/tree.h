/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree.h - a B+tree of the extents of one file: struct srd_ref, ordered by pos,
 * never overlapping.  A tree is known by its root, whose index stays the same
 * whatever becomes of it.
 */
#ifndef SRD_STATE_TREE_H
#define SRD_STATE_TREE_H

#include "state/state.h"

enum { SRD_TREE_LEAF_MAX = 20, SRD_TREE_INNER_MAX = 40, SRD_TREE_LEVELS_MAX = 12 };

struct srd_tree_node {
	uint16_t count;                /* extents of a leaf, children of others */
	uint16_t level;                /* 0: leaf */
	uint32_t extents;              /* this and the two below: of the whole tree, in its root */
	uint64_t payload_bytes;        /* in the log */
	uint64_t reserved_bytes;       /* read as zeros */
	uint64_t unused;
	union {
		struct srd_ref extent[SRD_TREE_LEAF_MAX];
		struct {
			/* Every pos below child i is from[i] or more; from[0] is not looked at. */
			uint64_t from[SRD_TREE_INNER_MAX];
			uint32_t child[SRD_TREE_INNER_MAX];
		};
	};
};
_Static_assert(sizeof(struct srd_tree_node) == 512, "eight cache lines");

static inline struct srd_tree_node *srd_tree_at(const struct srd_state *state, uint32_t index)
{
	return (struct srd_tree_node *)state->nodes.base + srd_table_vet(&state->nodes, index);
}

/* An empty tree's root; 0: none, see srd_table_error(). */
uint32_t srd_tree_new(struct srd_state *state);
void srd_tree_free(struct srd_state *state, uint32_t root);
/* Lays REF over whatever is there.  0, -ENOMEM or SRD_EFULL. */
int srd_tree_put(struct srd_state *state, uint32_t root, const struct srd_ref *ref);
/* Takes away what lies in [POS, END).  0, -ENOMEM or SRD_EFULL. */
int srd_tree_punch(struct srd_state *state, uint32_t root, uint64_t pos, uint64_t end);
/* The extent that holds POS, or the first behind it; false: none. */
bool srd_tree_find(const struct srd_state *state, uint32_t root, uint64_t pos, struct srd_ref *ref);

#endif
