/* SPDX-License-Identifier: Apache-2.0 */
/* numbers.c - leaves of sixteen numbers, found by the tagged hash. */
#include "config.h"

#include "state/numbers.h"

#include "base/hash.h"

static struct srd_leaf *leaf_at(const struct srd_numbers *numbers, uint32_t index)
{
	return (struct srd_leaf *)numbers->leaves.base + srd_table_vet(&numbers->leaves, index);
}

static uint32_t hash_of(const struct srd_numbers *numbers, uint64_t number)
{
	return srd_hash_fold(srd_mix(number ^ numbers->seed));
}

static uint32_t hash_of_leaf(const void *user, uint32_t index)
{
	return hash_of(user, leaf_at(user, index)->number);
}

void srd_numbers_init(struct srd_numbers *numbers, uint64_t seed, struct srd_addresses *addresses, uint64_t len)
{
	numbers->seed = seed;
	srd_table_init(&numbers->leaves, sizeof(struct srd_leaf), addresses, len);
	srd_hashed_init(&numbers->hashed, addresses, len);
}

int srd_numbers_begin(struct srd_numbers *numbers)
{
	int error = srd_table_reserve(&numbers->leaves, 1);

	return error ? error : srd_hashed_begin(&numbers->hashed);
}

uint64_t srd_numbers_memory_bytes(const struct srd_numbers *numbers)
{
	return srd_table_memory_bytes(&numbers->leaves) +
	       srd_table_memory_bytes(&numbers->hashed.segments) +
	       srd_table_memory_bytes(&numbers->hashed.directory);
}

/* Relaxed: what it says is looked at before it is believed. */
static uint32_t hint(const struct srd_numbers *numbers, uint64_t number)
{
	return number == 0 ? atomic_load_explicit(&numbers->first, memory_order_relaxed) : numbers->last;
}

static uint32_t probe_leaf(const struct srd_numbers *numbers, uint64_t number)
{
	struct srd_probe probe;
	uint32_t index;

	srd_probe_start(&probe, &numbers->hashed, hash_of(numbers, number));
	do {
		index = srd_probe_next(&probe);
	} while (index != 0 && leaf_at(numbers, index)->number != number);
	return index;
}

static uint32_t find_leaf(const struct srd_numbers *numbers, uint64_t number)
{
	uint32_t leaf = hint(numbers, number);

	if (leaf != 0 && leaf_at(numbers, leaf)->number == number)
		return leaf;
	leaf = probe_leaf(numbers, number);
	/* The one thing that changes while it is read. */
	if (number == 0)
		atomic_store_explicit(&((struct srd_numbers *)numbers)->first, leaf, memory_order_relaxed);
	return leaf;
}

uint32_t srd_numbers_find(const struct srd_numbers *numbers, uint64_t ino)
{
	uint32_t leaf = find_leaf(numbers, ino >> SRD_LEAF_BITS);

	return leaf ? leaf_at(numbers, leaf)->inode[ino % SRD_LEAF_LEN] : 0;
}

int srd_numbers_set(struct srd_numbers *numbers, uint64_t ino, uint32_t inode)
{
	uint64_t number = ino >> SRD_LEAF_BITS;
	uint32_t leaf = find_leaf(numbers, number);

	if (leaf == 0) {
		leaf = srd_table_alloc(&numbers->leaves);
		if (leaf == 0)
			return srd_table_error(&numbers->leaves);
		leaf_at(numbers, leaf)->number = number;
		int error = srd_hashed_insert(&numbers->hashed, hash_of(numbers, number), leaf,
		                              hash_of_leaf, numbers);
		if (error)
			return error;
	}
	leaf_at(numbers, leaf)->inode[ino % SRD_LEAF_LEN] = inode;
	numbers->last = leaf;
	return 0;
}

static bool is_empty(const struct srd_leaf *leaf)
{
	uint32_t any = 0;

	for (unsigned i = 0; i < SRD_LEAF_LEN; i++)
		any |= leaf->inode[i];
	return any == 0;
}

void srd_numbers_forget_hints(struct srd_numbers *numbers)
{
	numbers->last = 0;
	atomic_store_explicit(&numbers->first, 0, memory_order_relaxed);
}

void srd_numbers_clear(struct srd_numbers *numbers, uint64_t ino)
{
	uint64_t number = ino >> SRD_LEAF_BITS;
	uint32_t leaf = find_leaf(numbers, number);

	if (leaf == 0)
		return;
	leaf_at(numbers, leaf)->inode[ino % SRD_LEAF_LEN] = 0;
	if (!is_empty(leaf_at(numbers, leaf)))
		return;
	/* One given back may look like another's. */
	srd_numbers_forget_hints(numbers);
	srd_hashed_remove(&numbers->hashed, hash_of(numbers, number), leaf);
	srd_table_free(&numbers->leaves, leaf);
}

void srd_numbers_prefetch(const struct srd_numbers *numbers, uint64_t ino)
{
	srd_hashed_prefetch(&numbers->hashed, hash_of(numbers, ino >> SRD_LEAF_BITS));
}
