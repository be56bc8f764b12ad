/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.h - fixed-size entries in addresses of their own, and a tagged hash
 * over their indexes.
 *
 * A table is given addresses without memory; they become usable in steps as
 * it grows, and its entries never move.
 *
 * A table may begin as what an image holds (chunks.h).  So every index comes by
 * srd_table_vet(): one that is out of bounds becomes 0, the entry that never is
 * used, and the chunk of any other is checked before its first use.
 */
#ifndef SRD_STATE_TABLE_H
#define SRD_STATE_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct srd_addresses;
struct srd_chunks;

struct srd_table {
	void *base;
	uint32_t entry_len;       /* bytes */
	uint32_t count;           /* entries used so far and entry 0, which never is */
	uint32_t free_first;      /* list of given-back entries, linked by their first 4 bytes */
	uint32_t live;
	uint64_t usable_bytes, reserved_bytes;
	/* Of an image (chunks.h); 0 and NULL where there is none. */
	uint32_t saved;           /* entries below are the image's */
	uint32_t chunk_shift;     /* a chunk is 2^shift entries */
	atomic_ulong *sound;      /* a bit for each chunk that has been checked */
	struct srd_chunks *chunks;
};

/* The next LEN bytes of ADDRESSES, or as many as are left, are the table's.  It is empty, and of
 * no use before srd_table_reserve() or srd_table_adopt(); its memory goes with the addresses. */
void srd_table_init(struct srd_table *table, uint32_t entry_len, struct srd_addresses *addresses, uint64_t len);
/* The table has COUNT entries, which the caller maps there, in whole pages: of the last one
 * what lies behind the entries is zeros.  0 or SRD_EFULL. */
int srd_table_adopt(struct srd_table *table, uint32_t count, uint32_t free_first, uint32_t live);
/* A zeroed entry's index; 0 if the reservation or memory is used up. */
uint32_t srd_table_alloc(struct srd_table *table);
/* The entry is zeros afterwards, but for the link in its first 4 bytes. */
void srd_table_free(struct srd_table *table, uint32_t index);
/* Makes entries [0, COUNT) usable.  0, -ENOMEM or SRD_EFULL. */
int srd_table_reserve(struct srd_table *table, uint32_t count);
/* Makes COUNT more entries usable, or as many as the reservation holds.  0 or -ENOMEM. */
int srd_table_make_room(struct srd_table *table, uint64_t count);
/* Where the next BYTES of new entries will lie: makes them usable as far as the reservation goes. */
struct srd_frontier {
	void *start;
	size_t len;
};
struct srd_frontier srd_table_frontier(struct srd_table *table, uint64_t bytes);
/* Why srd_table_alloc() failed: -ENOMEM or SRD_EFULL. */
int srd_table_error(const struct srd_table *table);
/* True if COUNT more entries fit into the reservation. */
static inline bool srd_table_has_room(const struct srd_table *table, uint64_t count)
{
	uint64_t needed = table->live + 1 + count;

	return needed < UINT32_MAX && needed * table->entry_len <= table->reserved_bytes;
}
/* Memory that the entries take; what is only reserved or usable takes none. */
uint64_t srd_table_memory_bytes(const struct srd_table *table);

/* What to do about an index that is out of bounds: 0.  An index of an entry of the
 * image whose chunk has not been checked: checks it. */
uint32_t srd_table_stray(const struct srd_table *table);
void srd_table_check(const struct srd_table *table, uint32_t index);

/* True if INDEX lies in a chunk that has been checked; it is below table->saved. */
static inline bool srd_table_is_sound(const struct srd_table *table, uint32_t index)
{
	uint32_t chunk = index >> table->chunk_shift;

	/* Acquire: partner of the release that set it, behind a repair of the chunk. */
	return atomic_load_explicit(&table->sound[chunk / 64], memory_order_acquire) >> (chunk % 64) & 1;
}

/* The index, safe to use. */
static inline uint32_t srd_table_vet(const struct srd_table *table, uint32_t index)
{
	if (__builtin_expect(index >= table->count, 0))
		return srd_table_stray(table);
	if (index < table->saved && !srd_table_is_sound(table, index))
		srd_table_check(table, index);
	return index;
}

static inline void *srd_table_at(const struct srd_table *table, uint32_t index)
{
	return (char *)table->base + (size_t)srd_table_vet(table, index) * table->entry_len;
}

/*
 * Extendible hashing: a directory of 2^depth references to segments of 1024
 * places.  A segment in which too many places are taken splits in two, so
 * growth costs one segment's worth at a time and never stalls.
 *
 *     hash (32 bits):  [ directory: top bits ... | tag: 7 bits | group: 6 bits ]
 *
 * Within a segment 64 groups of 16 places; a group's 16 tags are compared at
 * once.  A full group continues in the next one of the same segment.  Beyond some
 * 400 million entries the directory takes bits of the tag too, which then tells
 * fewer entries apart.
 */
enum {
	SRD_GROUP_LEN = 16, SRD_SEGMENT_GROUPS = 64, SRD_SEGMENT_LEN = 1024,
	SRD_HASH_GROUP_BITS = 6, SRD_HASH_TAG_BITS = 7, SRD_HASH_DIRECTORY_BITS = 25,
};

struct srd_segment {
	uint32_t depth;                    /* bits of hash that all entries share */
	uint32_t used, dead;               /* places taken, places given up */
	uint32_t unused[13];
	uint8_t tags[SRD_SEGMENT_LEN];     /* 0 empty, 1 given up, 0x80.. taken */
	uint32_t index[SRD_SEGMENT_LEN];
};

struct srd_hashed {
	struct srd_table segments;
	struct srd_table directory;        /* uint32_t entries: 2^depth segment numbers */
	uint32_t depth;
};

/* 32 bits of hash from 64.  The directory's bits are skewed on purpose, to a
 * density that falls from 1.5 to 0.75: so at any time some segments are about
 * to split and others have just split, and neither memory nor work comes in
 * bursts at powers of two. */
static inline uint32_t srd_hash_fold(uint64_t h)
{
	uint64_t x = h >> 33;
	uint64_t curve = (x * (x + (UINT64_C(1) << 32))) >> 32;   /* below 3/4 of 2^32 */
	uint64_t skewed = (curve * 0xaaaaaaab) >> 31;             /* times 4/3 */
	uint32_t low = (1u << (SRD_HASH_GROUP_BITS + SRD_HASH_TAG_BITS)) - 1;

	return ((uint32_t)skewed & ~low) | ((uint32_t)h & low);
}

/* The hash of entry INDEX, for when a segment splits. */
typedef uint32_t srd_hash_of(const void *user, uint32_t index);

/* As srd_table_init(), LEN for the segments and what these need beside them. */
void srd_hashed_init(struct srd_hashed *hashed, struct srd_addresses *addresses, uint64_t len);
/* Makes it an empty hash.  0 or -ENOMEM. */
int srd_hashed_begin(struct srd_hashed *hashed);
/* So that inserts which fill COUNT more segments find memory.  0 or -ENOMEM. */
int srd_hashed_make_room(struct srd_hashed *hashed, uint64_t count);
/* 0, -ENOMEM or SRD_EFULL. */
int srd_hashed_insert(struct srd_hashed *hashed, uint32_t hash, uint32_t index,
                      srd_hash_of *hash_of, const void *user);
/* INDEX must be there. */
void srd_hashed_remove(struct srd_hashed *hashed, uint32_t hash, uint32_t index);
void srd_hashed_prefetch(const struct srd_hashed *hashed, uint32_t hash);
/* Likewise, for an insert or removal. */
void srd_hashed_prefetch_change(const struct srd_hashed *hashed, uint32_t hash);

/* Walks the entries that may have this hash. */
struct srd_probe {
	const struct srd_segment *segment;
	uint32_t group, groups_left, matches;
	uint8_t tag;
	bool last;
};
void srd_probe_start(struct srd_probe *probe, const struct srd_hashed *hashed, uint32_t hash);
/* The next candidate's index, 0: no more. */
uint32_t srd_probe_next(struct srd_probe *probe);

#endif
