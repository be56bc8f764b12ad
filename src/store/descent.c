/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/descent.h"

#include <stdlib.h>

#include "base/array.h"
#include "srd.h"

struct srd_descent_level {
	uint64_t cookie;          /* of the last child */
	uint32_t dir, child;
	uint32_t dentry;          /* the directory's own; 0: the root */
};

static void enter(struct srd_descent *descent, uint32_t dir, uint32_t dentry)
{
	descent->error = srd_array_reserve(&descent->levels, &descent->cap, descent->depth + 1, sizeof *descent->levels);
	if (!descent->error)
		descent->levels[descent->depth++] = (struct srd_descent_level){ .dir = dir, .dentry = dentry };
}

void srd_descent_init(struct srd_descent *descent, const struct srd_state *state)
{
	*descent = (struct srd_descent){ .state = state };
	enter(descent, srd_state_inode_of(state, SRD_ROOT_INO), 0);
}

void srd_descent_release(struct srd_descent *descent)
{
	free(descent->levels);
}

uint32_t srd_descent_next(struct srd_descent *descent, bool *leaving)
{
	const struct srd_state *state = descent->state;

	if (descent->depth == 0 || descent->error)
		return 0;
	struct srd_descent_level *top = &descent->levels[descent->depth - 1];
	uint32_t child = srd_state_next_child(state, top->dir, top->cookie, top->child);
	*leaving = child == 0;
	if (child == 0) {
		descent->depth--;
		return top->dentry;
	}
	/* A name lies in one directory, but in a forged image, where few may be met without end. */
	if (++descent->met >= state->dentries.count) {
		descent->error = SRD_ECORRUPT;
		return 0;
	}
	top->child = child;
	top->cookie = srd_dentry_at(state, child)->cookie;
	uint32_t inode = srd_dentry_at(state, child)->inode;
	if (srd_inode_is_dir(srd_inode_at(state, inode)))
		enter(descent, inode, child);
	return descent->error ? 0 : child;
}
