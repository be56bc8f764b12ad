/* SPDX-License-Identifier: Apache-2.0 */
/*
 * extents.c - where the bytes of one file lie, as a copy of our own: taken out
 * of the state to be read at leisure, or collected to be committed.
 */
#include "config.h"

#include "kv/kv.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

void srd_extents_init(struct srd_extents *extents)
{
	extents->size = 0;
	extents->count = 0;
	extents->cap = SRD_EXTENTS_FEW;
	extents->refs = extents->few;
	extents->home.log = NULL;
}

void srd_extents_release(struct srd_extents *extents)
{
	if (extents->refs != extents->few)
		free(extents->refs);
	srd_hold_drop(&extents->home);
	srd_extents_init(extents);
}

static int grow(struct srd_extents *extents)
{
	size_t cap = extents->cap * 2;
	bool is_few = extents->refs == extents->few;
	struct srd_ref *refs = realloc(is_few ? NULL : extents->refs, cap * sizeof *refs);

	if (!refs)
		return -ENOMEM;
	if (is_few)
		memcpy(refs, extents->few, sizeof extents->few);
	extents->refs = refs;
	extents->cap = cap;
	return 0;
}

int srd_extents_add(struct srd_extents *extents, const struct srd_ref *ref)
{
	int error = extents->count == extents->cap ? grow(extents) : 0;

	if (error)
		return error;
	extents->refs[extents->count++] = *ref;
	extents->size = SRD_MAX(extents->size, ref->pos + ref->len);
	return 0;
}

int srd_extents_copy(const struct srd_state *state, const struct srd_inode *inode,
                     struct srd_extents *extents)
{
	struct srd_ref ref;

	for (uint64_t pos = 0; pos < inode->size && srd_state_extent(state, inode, pos, &ref);
	     pos = ref.pos + ref.len) {
		/* Space that is reserved behind the end is no content. */
		if (ref.pos >= inode->size)
			break;
		ref.len = (uint32_t)SRD_MIN(ref.len, inode->size - ref.pos);
		int error = srd_extents_add(extents, &ref);
		if (error)
			return error;
	}
	extents->size = inode->size;
	return 0;
}

/* Where the store went, there goes what was appended ahead. */
static int append_piece(struct srd_extents *extents, struct srd_store *store, const struct iovec *iov, uint64_t *run)
{
	for (;;) {
		int error = srd_store_append_data(store, iov, 1, run, &extents->home);
		if (error == SRD_EMOVED)
			error = srd_store_bring_data(store, extents->refs, extents->count, &extents->home);
		else
			return error;
		if (error)
			return error;
	}
}

int srd_extents_begin(struct srd_extents *extents, struct srd_store *store, struct srd_txn **txn)
{
	int error = srd_txn_begin_at(store, &extents->home, txn);

	while (error == SRD_EMOVED) {
		error = srd_store_bring_data(store, extents->refs, extents->count, &extents->home);
		if (!error)
			error = srd_txn_begin_at(store, &extents->home, txn);
	}
	return error;
}

int srd_extents_append(struct srd_extents *extents, struct srd_store *store, uint64_t pos,
                       const void *data, size_t len)
{
	for (size_t done = 0; done < len;) {
		size_t piece = SRD_MIN(len - done, (size_t)SRD_RUN_LEN_MAX);
		struct iovec iov = { .iov_base = (char *)data + done, .iov_len = piece };
		struct srd_ref ref = { .pos = pos + done, .len = (uint32_t)piece };
		int error = append_piece(extents, store, &iov, &ref.run);
		if (!error)
			error = srd_extents_add(extents, &ref);
		if (error)
			return error;
		done += piece;
	}
	return 0;
}
