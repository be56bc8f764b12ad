/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/txn.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/check.h"
#include "base/hash.h"

enum { SLOTS_FIRST = 64 };

void srd_pending_clear(struct srd_txn *txn)
{
	txn->inode_count = txn->made_count = txn->name_count = txn->text_len = 0;
	txn->inode_slots.count = txn->name_slots.count = 0;
	if (++txn->number == 0) {
		/* Once in 2^32 transactions the numbers start anew. */
		txn->number = 1;
		free(txn->inode_slots.slots);
		free(txn->name_slots.slots);
		txn->inode_slots = txn->name_slots = (struct srd_pending_slots){ 0 };
	}
}

void srd_pending_release(struct srd_txn *txn)
{
	free(txn->inode_slots.slots);
	free(txn->name_slots.slots);
	free(txn->inodes);
	free(txn->made);
	free(txn->names);
	free(txn->text);
	free(txn->refs);
}

static bool slot_is_used(const struct srd_txn *txn, uint64_t slot)
{
	return slot >> 32 == txn->number;
}

static uint32_t slot_position(uint64_t slot)
{
	return (uint32_t)slot - 1;
}

static void place(const struct srd_txn *txn, struct srd_pending_slots *slots, uint64_t hash, uint32_t position)
{
	uint32_t at = (uint32_t)hash & (slots->cap - 1);

	while (slot_is_used(txn, slots->slots[at]))
		at = (at + 1) & (slots->cap - 1);
	slots->slots[at] = (uint64_t)txn->number << 32 | (position + 1);
}

static uint64_t inode_hash(uint64_t ino)
{
	return srd_mix(ino);
}

static uint64_t name_hash(const struct srd_pending_name *name)
{
	return srd_mix(name->hash);
}

static bool is_made_here(const struct srd_txn *txn, uint64_t ino)
{
	return ino - txn->first_ino < txn->made_count;
}

static void place_inodes(const struct srd_txn *txn, struct srd_pending_slots *slots)
{
	for (uint32_t i = 0; i < txn->inode_count; i++)
		if (!is_made_here(txn, txn->inodes[i].ino))
			place(txn, slots, inode_hash(txn->inodes[i].ino), i);
}

static void place_names(const struct srd_txn *txn, struct srd_pending_slots *slots)
{
	for (uint32_t i = 0; i < txn->name_count; i++)
		place(txn, slots, name_hash(&txn->names[i]), i);
}

/* Room for one more slot; at most half of them are used. */
static int grow_slots(struct srd_txn *txn, struct srd_pending_slots *slots)
{
	if ((slots->count + 1) * 2 <= slots->cap)
		return 0;
	struct srd_pending_slots grown = { .cap = SRD_MAX(slots->cap * 2, (uint32_t)SLOTS_FIRST),
	                                   .count = slots->count };
	grown.slots = calloc(grown.cap, sizeof *grown.slots);
	if (!grown.slots)
		return -ENOMEM;
	if (slots == &txn->inode_slots)
		place_inodes(txn, &grown);
	else
		place_names(txn, &grown);
	free(slots->slots);
	*slots = grown;
	return 0;
}

/* The inode at the position that comes next, which is INO's, is to be found there. */
static int note_inode(struct srd_txn *txn, uint64_t ino)
{
	bool is_next = ino == txn->first_ino + txn->made_count;
	int error = is_next ? srd_array_reserve(&txn->made, &txn->made_cap, txn->made_count + 1, sizeof *txn->made)
	                    : grow_slots(txn, &txn->inode_slots);

	if (error)
		return error;
	if (is_next) {
		txn->made[txn->made_count++] = (uint32_t)txn->inode_count;
		return 0;
	}
	place(txn, &txn->inode_slots, inode_hash(ino), (uint32_t)txn->inode_count);
	txn->inode_slots.count++;
	return 0;
}

int srd_pending_add(struct srd_txn *txn, const struct srd_pending_inode *inode)
{
	int error = srd_array_reserve(&txn->inodes, &txn->inode_cap, txn->inode_count + 1, sizeof *txn->inodes);

	if (!error)
		error = note_inode(txn, inode->ino);
	if (!error)
		txn->inodes[txn->inode_count++] = *inode;
	return error;
}

static bool find_inode(const struct srd_txn *txn, uint64_t ino, uint32_t *position)
{
	const struct srd_pending_slots *slots = &txn->inode_slots;

	if (is_made_here(txn, ino)) {
		*position = txn->made[ino - txn->first_ino];
		return true;
	}
	if (slots->count == 0)
		return false;
	for (uint32_t at = (uint32_t)inode_hash(ino) & (slots->cap - 1); slot_is_used(txn, slots->slots[at]);
	     at = (at + 1) & (slots->cap - 1)) {
		uint32_t i = slot_position(slots->slots[at]);
		if (txn->inodes[i].ino == ino) {
			*position = i;
			return true;
		}
	}
	return false;
}

int srd_pending_touch(struct srd_txn *txn, uint64_t ino, uint32_t *position)
{
	const struct srd_state *state = &txn->store->state;

	if (find_inode(txn, ino, position))
		return 0;
	uint32_t index = srd_state_inode_of(state, ino);
	if (!index)
		return -ENOENT;
	const struct srd_inode *inode = srd_inode_at(state, index);
	int error = srd_pending_add(txn, &(struct srd_pending_inode){
		.ino = ino, .inode = index, .mode = inode->mode, .nlink = inode->nlink, .gone = inode->gone,
		.entries = srd_inode_is_dir(inode) ? inode->size : 0, .last_op = inode->last_op });
	if (!error)
		*position = (uint32_t)txn->inode_count - 1;
	return error;
}

struct srd_pending_name *srd_pending_find(const struct srd_txn *txn, uint64_t dir, uint32_t hash,
                                          const char *name, size_t len)
{
	const struct srd_pending_slots *slots = &txn->name_slots;

	if (slots->count == 0)
		return NULL;
	for (uint32_t at = (uint32_t)srd_mix(hash) & (slots->cap - 1); slot_is_used(txn, slots->slots[at]);
	     at = (at + 1) & (slots->cap - 1)) {
		struct srd_pending_name *found = &txn->names[slot_position(slots->slots[at])];
		if (found->hash == hash && found->dir == dir && found->len == len &&
		    memcmp(txn->text + found->text, name, len) == 0)
			return found;
	}
	return NULL;
}

int srd_pending_set(struct srd_txn *txn, uint64_t dir, uint32_t hash, const char *name, size_t len, uint64_t ino)
{
	struct srd_pending_name *found = srd_pending_find(txn, dir, hash, name, len);

	if (found) {
		found->ino = ino;
		return 0;
	}
	int error = srd_array_reserve(&txn->names, &txn->name_cap, txn->name_count + 1, sizeof *txn->names);
	if (!error)
		error = srd_array_reserve(&txn->text, &txn->text_cap, txn->text_len + len, 1);
	if (!error)
		error = grow_slots(txn, &txn->name_slots);
	if (error)
		return error;
	memcpy(txn->text + txn->text_len, name, len);
	txn->names[txn->name_count] = (struct srd_pending_name){
		.dir = dir, .ino = ino, .hash = hash, .text = (uint32_t)txn->text_len, .len = (uint32_t)len };
	place(txn, &txn->name_slots, name_hash(&txn->names[txn->name_count]), (uint32_t)txn->name_count);
	txn->text_len += len;
	txn->name_count++;
	txn->name_slots.count++;
	return 0;
}
