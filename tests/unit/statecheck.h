/* SPDX-License-Identifier: Apache-2.0 */
/* statecheck.h - whether all parts of a state agree with each other. */
#ifndef SRD_TESTS_STATECHECK_H
#define SRD_TESTS_STATECHECK_H

#include <sys/stat.h>

#include "state/state.h"
#include "unit.h"

struct statecheck {
	uint64_t files, directories, others, payload;
	uint32_t dentries, numbered;
	uint32_t *names;           /* of each inode: how many dentries name it */
};

/* The list of PARENT in its order, each entry found by its name too. */
static inline void check_children(const struct srd_state *state, uint32_t parent, struct statecheck *sums)
{
	const struct srd_inode *inode = srd_inode_at(state, parent);
	uint64_t cookie = 0, count = 0;
	uint32_t at = 0, prev = 0, subdirs = 0;

	while ((at = srd_state_next_child(state, parent, cookie, at)) != 0) {
		const struct srd_dentry *dentry = srd_dentry_at(state, at);
		const char *name = srd_dentry_name(state, dentry);
		EXPECT(dentry->cookie > cookie && dentry->prev == prev && dentry->parent == parent);
		EXPECT(name && srd_state_lookup(state, parent, name, dentry->name_len) == at);
		EXPECT(srd_inode_at(state, dentry->inode)->mode != 0);
		EXPECT(!srd_inode_at(state, dentry->inode)->gone);
		sums->names[dentry->inode]++;
		subdirs += srd_inode_is_dir(srd_inode_at(state, dentry->inode));
		cookie = dentry->cookie;
		prev = at;
		count++;
	}
	EXPECT(inode->children.last == prev);
	EXPECT(inode->size == count);
	EXPECT(inode->nlink == (inode->gone ? 0 : 2 + subdirs));
	sums->dentries += (uint32_t)count;
}

static inline void check_extents(const struct srd_state *state, const struct srd_inode *inode,
                                 struct statecheck *sums)
{
	uint64_t pos = 0, stored = 0;
	uint32_t count = 0;
	struct srd_ref ref;

	while (srd_state_extent(state, inode, pos, &ref)) {
		EXPECT(ref.pos >= pos && ref.len > 0);
		/* Behind the end there may be space kept, but no content. */
		EXPECT(ref.run == 0 || ref.pos + ref.len <= inode->size);
		pos = ref.pos + ref.len;
		stored += ref.len;
		sums->payload += ref.run ? ref.len : 0;
		count++;
	}
	EXPECT(srd_state_stored_bytes(state, inode) == stored);
	EXPECT(srd_state_extent_count(state, inode) == count);
}

static inline void check_inode(const struct srd_state *state, uint32_t index, struct statecheck *sums)
{
	const struct srd_inode *inode = srd_inode_at(state, index);

	if (inode->ino != 0) {
		EXPECT(srd_state_inode_of(state, inode->ino) == index);
		EXPECT(inode->ino < state->next_ino);
		sums->numbered++;
	}
	if (inode->dentry != 0)
		EXPECT(srd_dentry_at(state, inode->dentry)->inode == index);
	EXPECT(!inode->gone || inode->pins > 0);
	if (S_ISDIR(inode->mode)) {
		check_children(state, index, sums);
		EXPECT(inode->gone || srd_state_is_below(state, index, 1));
	} else {
		check_extents(state, inode, sums);
	}
	if (!inode->gone)
		++*(S_ISREG(inode->mode) ? &sums->files :
		    S_ISDIR(inode->mode) ? &sums->directories : &sums->others);
}

/* Inode numbers that stand for something. */
static inline uint32_t count_numbers(const struct srd_numbers *numbers)
{
	uint32_t count = 0;

	for (uint32_t i = 1; i < numbers->leaves.count; i++) {
		const struct srd_leaf *leaf = srd_table_at(&numbers->leaves, i);
		for (unsigned k = 0; k < SRD_LEAF_LEN; k++)
			count += leaf->inode[k] != 0;
	}
	return count;
}

static inline uint32_t used_places(const struct srd_hashed *hashed)
{
	uint32_t used = 0;

	for (uint32_t i = 1; i < hashed->segments.count; i++)
		used += ((struct srd_segment *)srd_table_at(&hashed->segments, i))->used;
	return used;
}

static inline void check_state(const struct srd_state *state)
{
	struct statecheck sums = { .names = calloc(state->inodes.count, sizeof(uint32_t)) };
	uint32_t live = 0;

	for (uint32_t i = 1; i < state->inodes.count; i++) {
		if (srd_inode_at(state, i)->mode == 0)
			continue;
		check_inode(state, i, &sums);
		live++;
	}
	for (uint32_t i = 1; i < state->inodes.count; i++) {
		const struct srd_inode *inode = srd_inode_at(state, i);
		if (!S_ISDIR(inode->mode))
			EXPECT(inode->mode == 0 || inode->nlink == sums.names[i]);
		else
			EXPECT(sums.names[i] == (i > 1 && !inode->gone));
	}
	EXPECT(live == state->inodes.live);
	EXPECT(sums.dentries == state->dentries.live);
	EXPECT(sums.numbered == count_numbers(&state->numbers));
	EXPECT(state->numbers.leaves.live == used_places(&state->numbers.hashed));
	EXPECT(sums.dentries == used_places(&state->names));
	EXPECT(sums.files == state->files && sums.directories == state->directories);
	EXPECT(sums.others == state->others && sums.payload == state->live_bytes);
	free(sums.names);
}

#endif
