/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/txn.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "store/apply.h"

enum { ROOM_STEP = 64 << 10 };

int srd_txn_begin(struct srd_store *store, struct srd_txn **out)
{
	int error = srd_store_begin(store);

	if (error)
		return error;
	struct srd_txn *txn = store->txn;
	srd_pending_clear(txn);
	srd_draft_start(&txn->draft, SRD_RECORD_META);
	txn->draft.takes_away = true;
	txn->grows = false;
	txn->room_len = 0;
	txn->offset = srd_log_next(store->log);
	txn->next_ino = txn->first_ino = store->state.next_ino;
	*out = txn;
	return 0;
}

int srd_txn_begin_at(struct srd_store *store, const struct srd_hold *home, struct srd_txn **txn)
{
	int error = srd_txn_begin(store, txn);

	if (error || !home->log || home->log == store->log)
		return error;
	srd_txn_abort(*txn);
	return SRD_EMOVED;
}

void *srd_txn_alloc(struct srd_txn *txn, size_t len)
{
	struct srd_txn_memory *memory = malloc(sizeof *memory + len);

	if (!memory)
		return NULL;
	memory->next = txn->memory;
	txn->memory = memory;
	return memory->bytes;
}

static void end(struct srd_txn *txn)
{
	while (txn->memory) {
		struct srd_txn_memory *memory = txn->memory;
		txn->memory = memory->next;
		free(memory);
	}
	srd_store_end(txn->store);
}

int srd_txn_commit(struct srd_txn *txn, uint64_t *sequence)
{
	struct srd_store *store = txn->store;
	struct srd_record record;
	int error = 0;

	if (!srd_draft_is_empty(&txn->draft)) {
		/* Once it is in the log it has to be applied. */
		error = txn->grows ? srd_state_make_room(&store->state, txn->draft.len) : 0;
		/* What it was checked against must have been true. */
		if (!error)
			error = srd_state_error(&store->state);
		if (!error)
			error = srd_store_append(store, &txn->draft, &record);
		if (!error)
			error = srd_store_apply(store, &record, txn->draft.bytes + SRD_HEADER_LEN);
	}
	if (!error && sequence)
		*sequence = store->log->sequence;
	end(txn);
	return error;
}

void srd_txn_abort(struct srd_txn *txn)
{
	end(txn);
}

/* The dentry's inode number in the state, 0: no such name. */
static uint64_t lookup_state(const struct srd_state *state, uint32_t dir, uint32_t hash,
                             const char *name, size_t len)
{
	uint32_t dentry = srd_state_lookup_hashed(state, dir, hash, name, len);

	return dentry ? srd_inode_at(state, srd_dentry_at(state, dentry)->inode)->ino : 0;
}

int srd_txn_find(struct srd_txn *txn, const struct srd_pending_inode *dir, uint32_t hash,
                 const char *name, size_t len, uint64_t *ino)
{
	if ((dir->mode & S_IFMT) != S_IFDIR)
		return -ENOTDIR;
	const struct srd_pending_name *pending = srd_pending_find(txn, dir->ino, hash, name, len);
	uint64_t found = pending ? pending->ino
	                 : dir->inode ? lookup_state(&txn->store->state, dir->inode, hash, name, len) : 0;
	if (!found)
		return -ENOENT;
	*ino = found;
	return 0;
}

int srd_txn_node(struct srd_txn *txn, uint64_t ino, struct srd_node *node)
{
	uint32_t position;
	int error = srd_pending_touch(txn, ino, &position);

	if (error)
		return error;
	const struct srd_pending_inode *inode = &txn->inodes[position];
	*node = (struct srd_node){ .ino = ino, .mode = inode->mode, .inode = inode->inode };
	return 0;
}

int srd_txn_lookup(struct srd_txn *txn, uint64_t dir, const char *name, size_t len, struct srd_node *node)
{
	uint32_t position;
	uint64_t ino;
	int error = srd_pending_touch(txn, dir, &position);

	if (!error)
		error = srd_txn_find(txn, &txn->inodes[position],
		                     srd_state_name_hash(&txn->store->state, dir, name, len), name, len, &ino);
	return error ? error : srd_txn_node(txn, ino, node);
}

/* Done on a full disk, too: what removes, shortens, renames or sets attributes. */
static bool needs_no_space(const struct srd_op *op)
{
	switch (op->kind) {
	case SRD_OP_UNLINK:
	case SRD_OP_RENAME:
	case SRD_OP_SETATTR:
	case SRD_OP_HOLE:
	case SRD_OP_FREE: return true;
	case SRD_OP_WRITE: return op->run.len == 0;
	case SRD_OP_SNAPSHOT:
	case SRD_OP_XATTR: return op->flags & SRD_OP_REMOVE;
	default: return false;
	}
}

/* True if the metadata so far is sure to fit into the tables; asked for a step at a time. */
static bool has_room(struct srd_txn *txn)
{
	const struct srd_state *state = &txn->store->state;
	uint64_t len = txn->draft.len;

	if (len >= txn->room_len)
		txn->room_len = srd_state_has_room(state, len + ROOM_STEP) ? len + ROOM_STEP : 0;
	return txn->room_len > 0 || srd_state_has_room(state, len);
}

int srd_txn_add_op(struct srd_txn *txn, const struct srd_op *op, const void *data, uint64_t *offset)
{
	bool takes_away = op->kind == SRD_OP_UNLINK || op->kind == SRD_OP_FREE;
	uint64_t op_at;

	if (!takes_away && !has_room(txn))
		return SRD_EFULL;
	int error = srd_draft_add(&txn->draft, op, data, &op_at, NULL);
	if (error)
		return error;
	txn->grows |= !takes_away;
	txn->draft.takes_away &= needs_no_space(op);
	*offset = txn->offset + op_at;
	return 0;
}
