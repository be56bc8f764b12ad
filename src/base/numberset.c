/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/numberset.h"

#include "base/hash.h"

/* What another process left is not believed to end in an empty slot. */
static size_t home_of(const struct srd_numberset *set, uint64_t number)
{
	return srd_mix(number) & (set->count - 1);
}

static size_t next(const struct srd_numberset *set, size_t at)
{
	return (at + 1) & (set->count - 1);
}

/* Where NUMBER is, or the empty slot where it belongs; COUNT: neither. */
static size_t find(const struct srd_numberset *set, uint64_t number)
{
	size_t at = home_of(set, number);

	for (size_t i = 0; i < set->count; i++, at = next(set, at)) {
		uint64_t there = atomic_load_explicit(&set->slots[at], memory_order_relaxed);
		if (there == number || there == 0)
			return at;
	}
	return set->count;
}

bool srd_numberset_add(struct srd_numberset *set, uint64_t number)
{
	size_t at = find(set, number);

	if (at == set->count)
		return false;
	atomic_store(&set->slots[at], number);
	return true;
}

/* True if what belongs at HOME and lies at AT would be missed with a hole at HOLE. */
static bool needs_hole(const struct srd_numberset *set, size_t home, size_t hole, size_t at)
{
	size_t mask = set->count - 1;

	return ((at - home) & mask) >= ((at - hole) & mask);
}

void srd_numberset_remove(struct srd_numberset *set, uint64_t number)
{
	size_t hole = find(set, number);

	if (hole == set->count || atomic_load(&set->slots[hole]) == 0)
		return;
	/* What follows moves up into the hole: there twice for a moment, never missing. */
	size_t at = next(set, hole);
	for (size_t i = 0; i < set->count; i++, at = next(set, at)) {
		uint64_t there = atomic_load(&set->slots[at]);
		if (there == 0)
			break;
		if (needs_hole(set, home_of(set, there), hole, at)) {
			atomic_store(&set->slots[hole], there);
			hole = at;
		}
	}
	atomic_store(&set->slots[hole], 0);
}

bool srd_numberset_has(const struct srd_numberset *set, uint64_t number)
{
	size_t at = find(set, number);

	return at < set->count && atomic_load_explicit(&set->slots[at], memory_order_relaxed) == number;
}
