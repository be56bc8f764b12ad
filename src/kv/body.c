/* SPDX-License-Identifier: Apache-2.0 */
/* body.c - content on its way into a file: as bytes, or as places in the log. */
#include "config.h"

#include "kv/kv.h"

int srd_body_refer(struct srd_txn *txn, uint64_t ino, const struct srd_extents *extents, bool replace)
{
	const struct srd_ref *last = extents->count ? &extents->refs[extents->count - 1] : NULL;
	int error = 0;

	if (last)
		error = srd_txn_refs(txn, ino, extents->refs, extents->count, replace);
	else if (replace)
		error = srd_txn_write(txn, ino, 0, "", 0, true);
	/* A hole at the end is there by size alone. */
	if (!error && extents->size > (last ? last->pos + last->len : 0)) {
		struct srd_attr attr = { .mask = SRD_ATTR_SIZE, .size = extents->size };
		error = srd_txn_set_attr(txn, ino, &attr);
	}
	return error;
}

static int replace(struct srd_txn *txn, uint64_t dir, const char *name, size_t name_len,
                   const struct srd_body *body, struct srd_placed *placed)
{
	struct srd_node node;
	int error = srd_txn_lookup(txn, dir, name, name_len, &node);

	if (!error)
		error = srd_value_kind_error(node.mode);
	if (error)
		return error;
	*placed = (struct srd_placed){ .ino = node.ino, .replaced = true };
	if (body->extents)
		return srd_body_refer(txn, node.ino, body->extents, true);
	return srd_txn_write(txn, node.ino, 0, body->len ? body->data : "", body->len, true);
}

int srd_body_place(struct srd_store *store, struct srd_txn *txn, uint64_t dir, const char *name,
                   size_t name_len, const struct srd_body *body, struct srd_placed *placed)
{
	uint64_t ino;
	bool direct = !body->extents && body->len > 0;
	int error = srd_txn_make(txn, dir, name, name_len, S_IFREG | 0644, store->uid, store->gid, 0,
	                         direct ? body->data : NULL, direct ? body->len : 0, &ino);

	if (error == -EEXIST)
		return replace(txn, dir, name, name_len, body, placed);
	if (!error && body->extents)
		error = srd_body_refer(txn, ino, body->extents, false);
	if (!error)
		*placed = (struct srd_placed){ .ino = ino };
	return error;
}
