/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "kv/owners.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/check.h"

enum { INODES_AT_ONCE = 1024 };   /* under one hold of the read side */

static int add(struct srd_owners *owners, const struct srd_owner *owner)
{
	int error = srd_array_reserve(&owners->list, &owners->cap, owners->count + 1, sizeof *owners->list);

	if (!error)
		owners->list[owners->count++] = *owner;
	return error;
}

static int add_ref(struct srd_owners *owners, const struct srd_ref *ref, uint64_t ino)
{
	return add(owners, &(struct srd_owner){ .run = ref->run, .skip = ref->skip, .len = ref->len, .ino = ino,
	                                        .pos = ref->pos });
}

static int add_inode(struct srd_owners *owners, const struct srd_state *state, const struct srd_inode *inode)
{
	struct srd_extents extents;
	int error = 0;

	srd_extents_init(&extents);
	if (inode->content != SRD_CONTENT_NONE)
		error = srd_extents_copy(state, inode, &extents);
	for (size_t i = 0; i < extents.count && !error; i++)
		if (extents.refs[i].run != 0)
			error = add_ref(owners, &extents.refs[i], inode->ino);
	srd_extents_release(&extents);
	for (const struct srd_xattr *xattr = srd_state_next_xattr(state, inode, NULL); xattr && !error;
	     xattr = srd_state_next_xattr(state, inode, xattr))
		error = add(owners, &(struct srd_owner){ .run = xattr->run, .len = SRD_RUN_LEN_MAX, .ino = inode->ino,
		                                         .is_xattr = true });
	return error;
}

/* Some inodes from *INDEX on; false in *MORE at the end of the table. */
static int add_some(struct srd_owners *owners, const struct srd_era *era, uint32_t *index, bool *more)
{
	struct srd_store *store;
	unsigned stripe;
	int error = srd_era_read(era, &store, &stripe);

	if (error)
		return error;
	const struct srd_state *state = &store->state;
	uint32_t count = state->inodes.count;
	uint32_t end = SRD_MIN(count, *index + (uint32_t)INODES_AT_ONCE);
	for (; *index < end && !error; ++*index)
		if (srd_inode_at(state, *index)->mode != 0 && !srd_inode_at(state, *index)->gone)
			error = add_inode(owners, state, srd_inode_at(state, *index));
	*more = *index < count;
	int bad = srd_store_done(store, stripe);
	return bad ? bad : error;
}

static int compare(const void *a, const void *b)
{
	uint64_t left = ((const struct srd_owner *)a)->run, right = ((const struct srd_owner *)b)->run;

	return (left > right) - (left < right);
}

int srd_owners_collect(struct srd_owners *owners, const struct srd_era *era)
{
	uint32_t index = 1;
	bool more = true;
	int error = 0;

	while (more && !error)
		error = add_some(owners, era, &index, &more);
	if (owners->count > 0)
		qsort(owners->list, owners->count, sizeof *owners->list, compare);
	return error;
}

void srd_owners_release(struct srd_owners *owners)
{
	free(owners->list);
	*owners = (struct srd_owners){ 0 };
}

/* The first whose run is at OFFSET or behind; count: none. */
static size_t first_at(const struct srd_owners *owners, uint64_t offset)
{
	size_t low = 0, high = owners->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (owners->list[middle].run < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct srd_owner *srd_owners_of_run(const struct srd_owners *owners, uint64_t run, uint32_t skip, uint32_t len)
{
	for (size_t i = first_at(owners, run); i < owners->count && owners->list[i].run == run; i++) {
		const struct srd_owner *owner = &owners->list[i];
		if (owner->skip < skip + len && skip < owner->skip + owner->len)
			return owner;
	}
	return NULL;
}

uint64_t srd_owners_of_range(const struct srd_owners *owners, uint64_t offset, uint64_t end)
{
	size_t i = first_at(owners, offset);

	return i < owners->count && owners->list[i].run < end ? owners->list[i].ino : 0;
}
