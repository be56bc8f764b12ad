/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inodes.c - inodes by number, their coming and going, and pins.
 *
 *     MAKE --> live --last name gone--> pinned? --no---> freed
 *                                          |               ^
 *                                          yes             |
 *                                          v               |
 *                                        gone --last unpin-+
 *
 * Pins differ from process to process, and the state must not: a gone inode is
 * to every op as if it were not there, except that writes to it still count.
 */
#include "config.h"

#include "state/inodes.h"

#include <sys/stat.h>

#include "base/check.h"
#include "state/extents.h"
#include "state/xattrs.h"

uint32_t srd_state_inode_of(const struct srd_state *state, uint64_t ino)
{
	return srd_numbers_find(&state->numbers, ino);
}

void srd_state_prefetch_inode(const struct srd_state *state, uint64_t ino)
{
	srd_numbers_prefetch(&state->numbers, ino);
}

static uint64_t *counter_of(struct srd_state *state, uint32_t mode)
{
	return S_ISREG(mode) ? &state->files : S_ISDIR(mode) ? &state->directories : &state->others;
}

int srd_inode_add(struct srd_state *state, uint64_t ino, uint32_t mode, uint32_t *inode)
{
	uint32_t index = srd_table_alloc(&state->inodes);

	if (index == 0)
		return srd_table_error(&state->inodes);
	struct srd_inode *fresh = srd_inode_at(state, index);
	fresh->ino = ino;
	fresh->mode = mode;
	++*counter_of(state, mode);
	if (ino >= state->next_ino)
		state->next_ino = ino + 1;
	*inode = index;
	return srd_numbers_set(&state->numbers, ino, index);
}

void srd_inode_unnumber(struct srd_state *state, uint32_t index)
{
	struct srd_inode *inode = srd_inode_at(state, index);

	if (inode->ino != 0)
		srd_numbers_clear(&state->numbers, inode->ino);
	inode->ino = 0;
}

static void free_inode(struct srd_state *state, uint32_t index)
{
	if (state->orphans && srd_inode_at(state, index)->ino != 0)
		srd_numberset_remove(state->orphans, srd_inode_at(state, index)->ino);
	state->gone -= srd_inode_at(state, index)->gone;
	srd_inode_unnumber(state, index);
	srd_extents_clear(state, srd_inode_at(state, index));
	srd_xattrs_clear(state, srd_inode_at(state, index));
	srd_table_free(&state->inodes, index);
}

void srd_inode_give_up(struct srd_state *state, uint32_t index)
{
	struct srd_inode *inode = srd_inode_at(state, index);

	--*counter_of(state, inode->mode);
	inode->nlink = 0;
	inode->gone = true;
	state->gone++;
	if (state->orphans && srd_numberset_has(state->orphans, inode->ino))
		atomic_fetch_add_explicit(&inode->pins, 1, memory_order_relaxed);
	if (srd_inode_pins(state, inode) == 0) {
		free_inode(state, index);
		return;
	}
	state->own_order = true;
	if (state->orphans)
		srd_numberset_add(state->orphans, inode->ino);
}

int srd_inode_keep_gone(struct srd_state *state, const struct srd_inode *from)
{
	uint32_t index = 0;
	int error = srd_state_inode_of(state, from->ino) ? -EEXIST : srd_inode_add(state, from->ino, from->mode, &index);

	if (error)
		return error == -EEXIST ? 0 : error;
	struct srd_inode *inode = srd_inode_at(state, index);
	--*counter_of(state, from->mode);
	inode->uid = from->uid;
	inode->gid = from->gid;
	inode->atime_ns = from->atime_ns;
	inode->mtime_ns = from->mtime_ns;
	inode->ctime_ns = from->ctime_ns;
	inode->btime_ns = from->btime_ns;
	inode->gone = true;
	state->gone++;
	state->own_order = true;
	return 0;
}

void srd_state_pin(struct srd_state *state, uint32_t inode, uint32_t count)
{
	if (state->still)
		return;
	/* Relaxed: the inode cannot go while the caller holds the read side. */
	atomic_fetch_add_explicit(&srd_inode_at(state, inode)->pins, count, memory_order_relaxed);
}

void srd_state_pin_all(struct srd_state *state)
{
	uint64_t left = state->gone;

	state->heirs = state->next_ino;
	/* The pin that has kept an orphan until now is that one. */
	for (uint32_t i = 1; i < state->inodes.count && left > 0; i++) {
		struct srd_inode *inode = srd_inode_at(state, i);
		if (inode->mode == 0 || !inode->gone)
			continue;
		atomic_store_explicit(&inode->pins, 0, memory_order_relaxed);
		left--;
	}
}

bool srd_state_unpin(struct srd_state *state, uint32_t index, uint32_t count, bool free_now)
{
	struct srd_inode *inode = srd_inode_at(state, index);
	unsigned pins = atomic_load_explicit(&inode->pins, memory_order_relaxed), had, taken;

	if (state->still)
		return false;
	/* Release: partner of the acquire in srd_inode_pins(). */
	do {
		/* More than there are: a process before us had handed it out. */
		had = pins + (inode->ino < state->heirs);
		taken = SRD_MIN(had, count);
		if (inode->gone && had == taken && !free_now)
			return true;
	} while (!atomic_compare_exchange_weak_explicit(&inode->pins, &pins, pins - taken,
	                                                memory_order_release, memory_order_relaxed));
	if (inode->gone && had == taken)
		free_inode(state, index);
	return false;
}
