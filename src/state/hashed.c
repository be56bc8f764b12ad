/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hashed.c - the tagged hash over table indexes (table.h has the picture).
 *
 * An entry lies in the first group with room, from its home group on and
 * around within its segment.  So a search may stop at the first group that has
 * an empty place: when the entry came, that group was full or it would lie there.
 * For the same reason a place given up in a full group must be marked dead, and
 * one in a group with an empty place need not be.
 */
#include "config.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "state/group.h"
#include "state/table.h"

enum {
	SEGMENT_FULL = SRD_SEGMENT_LEN / 16 * 15,   /* places taken or dead: make room */
	DEAD_MANY = SRD_SEGMENT_LEN / 8,            /* worth a rehash in place */
	SPARSE = 64,                                /* references a segment, at most */
	GROUP_MASK = SRD_SEGMENT_GROUPS - 1,
	ALL_PLACES = (1 << SRD_GROUP_LEN) - 1,
};
_Static_assert(sizeof(struct srd_segment) % 64 == 0, "groups of places are cache lines");

static inline uint32_t *directory_at(const struct srd_hashed *hashed, uint32_t i)
{
	return (uint32_t *)hashed->directory.base + srd_table_vet(&hashed->directory, i);
}

/* The top BITS of HASH, of which there may be none. */
static inline uint32_t prefix(uint32_t hash, uint32_t bits)
{
	return (uint32_t)((uint64_t)hash >> (32 - bits));
}

static inline struct srd_segment *segment_of(const struct srd_hashed *hashed, uint32_t hash)
{
	uint32_t number = *directory_at(hashed, prefix(hash, hashed->depth));

	return (struct srd_segment *)hashed->segments.base + srd_table_vet(&hashed->segments, number);
}

static inline uint32_t group_of(uint32_t hash)
{
	return hash & GROUP_MASK;
}

static inline uint8_t tag_of(uint32_t hash)
{
	return (uint8_t)(SRD_TAG_TAKEN | hash >> SRD_HASH_GROUP_BITS);
}

void srd_hashed_init(struct srd_hashed *hashed, struct srd_addresses *addresses, uint64_t len)
{
	/* More than can_split() lets it become where there are so many segments. */
	uint64_t directory = SRD_MIN(len / 8, (uint64_t)sizeof(uint32_t) << SRD_HASH_DIRECTORY_BITS);

	*hashed = (struct srd_hashed){ 0 };
	srd_table_init(&hashed->segments, sizeof(struct srd_segment), addresses, len);
	srd_table_init(&hashed->directory, sizeof(uint32_t), addresses, directory);
}

int srd_hashed_begin(struct srd_hashed *hashed)
{
	int error = srd_table_reserve(&hashed->segments, 1);

	if (!error)
		error = srd_table_reserve(&hashed->directory, 1);
	if (error)
		return error;
	*directory_at(hashed, 0) = srd_table_alloc(&hashed->segments);
	return *directory_at(hashed, 0) == 0 ? -ENOMEM : 0;
}

/* Puts INDEX into the first place that is not taken; there is one, unless an image
 * lied: then the entry is not found, and nothing worse. */
static void place(struct srd_segment *segment, uint32_t hash, uint32_t index)
{
	uint32_t group = group_of(hash);
	uint32_t free = ~srd_group_taken(&segment->tags[group * SRD_GROUP_LEN]) & ALL_PLACES;

	for (uint32_t i = 1; free == 0 && i < SRD_SEGMENT_GROUPS; i++) {
		group = (group + 1) & GROUP_MASK;
		free = ~srd_group_taken(&segment->tags[group * SRD_GROUP_LEN]) & ALL_PLACES;
	}
	if (free == 0)
		return;
	uint32_t at = group * SRD_GROUP_LEN + (uint32_t)__builtin_ctz(free);
	segment->dead -= segment->tags[at] == SRD_TAG_DEAD;
	segment->used++;
	segment->tags[at] = tag_of(hash);
	segment->index[at] = index;
}

/* Empties SEGMENT and puts its entries anew: those whose hash has BIT (if any)
 * into UPPER, the others back. */
static void redistribute(struct srd_segment *segment, struct srd_segment *upper, uint32_t bit,
                         srd_hash_of *hash_of, const void *user)
{
	uint32_t index[SRD_SEGMENT_LEN], hash[SRD_SEGMENT_LEN], count = 0;

	for (uint32_t i = 0; i < SRD_SEGMENT_LEN; i++) {
		index[count] = segment->index[i];
		count += (segment->tags[i] & SRD_TAG_TAKEN) != 0;
	}
	/* A loop of its own: the entries are anywhere, and their cache misses overlap. */
	for (uint32_t i = 0; i < count; i++)
		hash[i] = hash_of(user, index[i]);
	segment->used = segment->dead = 0;
	memset(segment->tags, SRD_TAG_EMPTY, sizeof segment->tags);
	for (uint32_t i = 0; i < count; i++)
		place(hash[i] & bit ? upper : segment, hash[i], index[i]);
}

/* Each reference twice, from the end on so that none is lost. */
static int double_directory(struct srd_hashed *hashed)
{
	uint32_t count = UINT32_C(1) << hashed->depth;
	int error = srd_table_reserve(&hashed->directory, 2 * count);

	if (error)
		return error;
	hashed->directory.count = 2 * count;
	for (uint32_t i = count; i-- > 0;) {
		uint32_t segment = *directory_at(hashed, i);
		*directory_at(hashed, 2 * i) = *directory_at(hashed, 2 * i + 1) = segment;
	}
	hashed->depth++;
	return 0;
}

static int split(struct srd_hashed *hashed, struct srd_segment *segment, uint32_t hash,
                 srd_hash_of *hash_of, const void *user)
{
	int error = segment->depth > hashed->depth ? SRD_ECORRUPT
	            : segment->depth == hashed->depth ? double_directory(hashed) : 0;
	uint32_t number = error ? 0 : srd_table_alloc(&hashed->segments);

	if (number == 0)
		return error ? error : srd_table_error(&hashed->segments);
	struct srd_segment *upper = srd_table_at(&hashed->segments, number);
	uint32_t depth = ++segment->depth;
	upper->depth = depth;
	/* The upper half of the references that SEGMENT had. */
	uint32_t span = UINT32_C(1) << (hashed->depth - depth);
	uint32_t first = (prefix(hash, depth) | 1) * span;
	for (uint32_t i = 0; i < span; i++)
		*directory_at(hashed, first + i) = number;
	redistribute(segment, upper, UINT32_C(1) << (32 - depth), hash_of, user);
	return 0;
}

/* A directory far larger than its segments is the work of equal hashes: it would
 * take memory without end and part nothing. */
static bool can_split(const struct srd_hashed *hashed, const struct srd_segment *segment)
{
	if (segment->depth < hashed->depth)
		return true;
	return hashed->depth < SRD_HASH_DIRECTORY_BITS &&
	       UINT64_C(1) << hashed->depth <= SPARSE * (uint64_t)hashed->segments.live;
}

int srd_hashed_make_room(struct srd_hashed *hashed, uint64_t count)
{
	/* As large as can_split() lets it become. */
	uint64_t references = 2 * SPARSE * (hashed->segments.live + count);
	int error = srd_table_make_room(&hashed->segments, count);

	if (error)
		return error;
	return srd_table_reserve(&hashed->directory,
	                         (uint32_t)SRD_MIN(references, UINT64_C(1) << SRD_HASH_DIRECTORY_BITS));
}

int srd_hashed_insert(struct srd_hashed *hashed, uint32_t hash, uint32_t index,
                      srd_hash_of *hash_of, const void *user)
{
	struct srd_segment *segment = segment_of(hashed, hash);

	/* Ends: each turn clears dead places or uses up a bit of the hash. */
	while (segment->used + segment->dead >= SEGMENT_FULL) {
		if (segment->dead >= DEAD_MANY) {
			redistribute(segment, NULL, 0, hash_of, user);
			continue;
		}
		if (!can_split(hashed, segment))
			break;
		int error = split(hashed, segment, hash, hash_of, user);
		if (error)
			return error;
		segment = segment_of(hashed, hash);
	}
	if (segment->used == SRD_SEGMENT_LEN)
		return SRD_EFULL;
	place(segment, hash, index);
	return 0;
}

void srd_hashed_remove(struct srd_hashed *hashed, uint32_t hash, uint32_t index)
{
	struct srd_segment *segment = segment_of(hashed, hash);
	uint32_t group = group_of(hash);

	for (uint32_t i = 0; i < SRD_SEGMENT_GROUPS; i++, group = (group + 1) & GROUP_MASK) {
		uint8_t *tags = &segment->tags[group * SRD_GROUP_LEN];
		uint32_t matches = srd_group_match(tags, tag_of(hash));
		for (; matches; matches &= matches - 1) {
			uint32_t at = (uint32_t)__builtin_ctz(matches);
			if (segment->index[group * SRD_GROUP_LEN + at] != index)
				continue;
			bool full = srd_group_match(tags, SRD_TAG_EMPTY) == 0;
			tags[at] = full ? SRD_TAG_DEAD : SRD_TAG_EMPTY;
			segment->dead += full;
			segment->used--;
			return;
		}
	}
}

void srd_hashed_prefetch(const struct srd_hashed *hashed, uint32_t hash)
{
	const struct srd_segment *segment = segment_of(hashed, hash);
	uint32_t at = group_of(hash) * SRD_GROUP_LEN;

	__builtin_prefetch(&segment->tags[at]);
	__builtin_prefetch(&segment->index[at]);
}

void srd_hashed_prefetch_change(const struct srd_hashed *hashed, uint32_t hash)
{
	struct srd_segment *segment = segment_of(hashed, hash);
	uint32_t at = group_of(hash) * SRD_GROUP_LEN;

	/* The counts lie in a line of their own. */
	__builtin_prefetch(segment, 1);
	__builtin_prefetch(&segment->tags[at], 1);
	__builtin_prefetch(&segment->index[at], 1);
}

static void load_group(struct srd_probe *probe)
{
	const uint8_t *tags = &probe->segment->tags[probe->group * SRD_GROUP_LEN];

	probe->matches = srd_group_match(tags, probe->tag);
	probe->last = probe->groups_left == 0 || srd_group_match(tags, SRD_TAG_EMPTY) != 0;
}

void srd_probe_start(struct srd_probe *probe, const struct srd_hashed *hashed, uint32_t hash)
{
	probe->segment = segment_of(hashed, hash);
	probe->group = group_of(hash);
	probe->groups_left = SRD_SEGMENT_GROUPS - 1;
	probe->tag = tag_of(hash);
	/* Most likely needed, and not known to be so before the tags have come. */
	__builtin_prefetch(&probe->segment->index[probe->group * SRD_GROUP_LEN]);
	load_group(probe);
}

uint32_t srd_probe_next(struct srd_probe *probe)
{
	while (probe->matches == 0) {
		if (probe->last)
			return 0;
		probe->group = (probe->group + 1) & GROUP_MASK;
		probe->groups_left--;
		load_group(probe);
	}
	uint32_t bit = (uint32_t)__builtin_ctz(probe->matches);
	probe->matches &= probe->matches - 1;
	return probe->segment->index[probe->group * SRD_GROUP_LEN + bit];
}
