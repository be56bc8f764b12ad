/* SPDX-License-Identifier: Apache-2.0 */
/* state.c - the tables as a whole: set up with the root directory, given back,
 * weighed. */
#include "config.h"

#include "state/state.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/hash.h"
#include "state/chunks.h"
#include "state/inodes.h"
#include "state/lost.h"
#include "state/tree.h"

/* More entries than the hashes can refer to; each table may take so much, and the last share
 * is for the hashes' directories and for what is lost between tables. */
#define RESERVE_DEFAULT (UINT64_C(64) << 30)
#define RESERVE_MIN (UINT64_C(1) << 20)
enum { SHARES = 10, OF_HOLE = 8 };

static int take_addresses(struct srd_state *state, uint64_t reserve_bytes)
{
	uint64_t asked_for = srd_addresses_asked_for(), wanted = reserve_bytes ? reserve_bytes : RESERVE_DEFAULT;

	if (asked_for)
		wanted = SRD_MIN(wanted, asked_for);
	return srd_addresses_take(&state->addresses, SHARES * SRD_MAX(wanted, RESERVE_MIN), SHARES * RESERVE_MIN,
	                          OF_HOLE);
}

int srd_state_place(struct srd_state *state, const struct srd_superblock *sb, struct srd_source source,
                    uint64_t reserve_bytes)
{
	struct srd_addresses *addresses = &state->addresses;

	*state = (struct srd_state){
		/* Secret, so that nobody can choose names that collide. */
		.hash_seed = srd_hash(sb->salt, sizeof sb->salt, 0),
		.next_cookie = 1,
		.source = source,
	};
	state->bad = calloc(1, sizeof *state->bad);
	int error = state->bad ? take_addresses(state, reserve_bytes) : -ENOMEM;
	if (error) {
		free(state->bad);
		state->bad = NULL;
		return error;
	}
	uint64_t share = addresses->len / SHARES;
	srd_table_init(&state->inodes, sizeof(struct srd_inode), addresses, share);
	srd_table_init(&state->dentries, sizeof(struct srd_dentry), addresses, share);
	srd_table_init(&state->xattrs, sizeof(struct srd_xattr), addresses, share);
	srd_table_init(&state->nodes, sizeof(struct srd_tree_node), addresses, share);
	srd_table_init(&state->snapshots, sizeof(struct srd_snap), addresses, share);
	srd_lost_place(state, share);
	srd_hashed_init(&state->names, addresses, share);
	srd_numbers_init(&state->numbers, state->hash_seed, addresses, share);
	return 0;
}

/* Makes the tables usable, and empty. */
static int begin(struct srd_state *state)
{
	struct srd_table *const tables[] = { &state->inodes, &state->dentries, &state->xattrs, &state->nodes,
	                                     &state->snapshots };
	int error = 0;

	for (size_t i = 0; !error && i < SRD_LEN(tables); i++)
		error = srd_table_reserve(tables[i], 1);
	if (!error)
		error = srd_hashed_begin(&state->names);
	return error ? error : srd_numbers_begin(&state->numbers);
}

static int make_root(struct srd_state *state, const struct srd_superblock *sb)
{
	uint32_t index;
	int error = srd_inode_add(state, SRD_ROOT_INO, 040755, &index);

	if (error)
		return error;
	struct srd_inode *root = srd_inode_at(state, index);
	root->nlink = 2;
	root->uid = sb->root_uid;
	root->gid = sb->root_gid;
	root->atime_ns = root->mtime_ns = root->ctime_ns = root->btime_ns = sb->created_ns;
	return 0;
}

int srd_state_init(struct srd_state *state, const struct srd_superblock *sb,
                   struct srd_source source, uint64_t reserve_bytes)
{
	int error = srd_state_place(state, sb, source, reserve_bytes);

	if (!error)
		error = begin(state);
	if (!error)
		error = make_root(state, sb);
	if (error)
		srd_state_release(state);
	return error;
}

/* The shortest op with a name, or reference of one: each makes at most one entry
 * in each table; a node's split goes up a level at worst every twenty. */
enum { ENTRY_LEN_MIN = 24, SPARE_ENTRIES = 4096 };

static uint64_t entries_of(uint64_t meta_len)
{
	return meta_len / ENTRY_LEN_MIN + 64;
}

static uint64_t segments_of(uint64_t entries)
{
	return entries / 64 + 64;
}

static int make_room(struct srd_state *state, uint64_t entries)
{
	int error = srd_table_make_room(&state->inodes, entries);

	if (!error)
		error = srd_table_make_room(&state->dentries, entries);
	if (!error)
		error = srd_table_make_room(&state->xattrs, entries);
	if (!error)
		error = srd_table_make_room(&state->nodes, 3 * entries);
	if (!error)
		error = srd_table_make_room(&state->snapshots, 1);
	if (!error)
		error = srd_hashed_make_room(&state->names, segments_of(entries));
	if (!error)
		error = srd_table_make_room(&state->numbers.leaves, entries);
	if (!error)
		error = srd_hashed_make_room(&state->numbers.hashed, segments_of(entries));
	return error;
}

/* For many at a time: of a row of puts hardly one has to look. */
int srd_state_make_room(struct srd_state *state, uint64_t meta_len)
{
	uint64_t entries = entries_of(meta_len);

	if (state->spare_entries < entries) {
		int error = make_room(state, entries + SPARE_ENTRIES);
		if (error)
			return error;
		state->spare_entries = entries + SPARE_ENTRIES;
	}
	state->spare_entries -= entries;
	return 0;
}

void srd_state_frontiers(struct srd_state *state, uint64_t count, struct srd_frontier frontiers[SRD_FRONTIERS])
{
	/* Segments are half full when they come, and are more where they are. */
	uint64_t segments = SRD_DIV_UP(count, (uint64_t)SRD_SEGMENT_LEN / 2);

	frontiers[0] = srd_table_frontier(&state->inodes, count * sizeof(struct srd_inode));
	frontiers[1] = srd_table_frontier(&state->dentries, count * sizeof(struct srd_dentry));
	frontiers[2] = srd_table_frontier(&state->names.segments, segments * sizeof(struct srd_segment));
	frontiers[3] = srd_table_frontier(&state->numbers.leaves, count / SRD_LEAF_LEN * sizeof(struct srd_leaf));
}

bool srd_state_has_room(const struct srd_state *state, uint64_t meta_len)
{
	uint64_t entries = entries_of(meta_len);
	uint64_t segments = segments_of(entries);

	return srd_table_has_room(&state->inodes, entries) &&
	       srd_table_has_room(&state->dentries, entries) &&
	       srd_table_has_room(&state->xattrs, entries) &&
	       srd_table_has_room(&state->nodes, 3 * entries) &&
	       srd_table_has_room(&state->names.segments, segments) &&
	       srd_table_has_room(&state->numbers.leaves, entries) &&
	       srd_table_has_room(&state->numbers.hashed.segments, segments);
}

void srd_state_release(struct srd_state *state)
{
	srd_chunks_free(state->chunks);
	state->chunks = NULL;
	free(state->bad);
	state->bad = NULL;
	srd_addresses_give_back(&state->addresses);
}

uint64_t srd_state_memory_bytes(const struct srd_state *state)
{
	return srd_table_memory_bytes(&state->inodes) + srd_table_memory_bytes(&state->dentries) +
	       srd_table_memory_bytes(&state->xattrs) + srd_table_memory_bytes(&state->nodes) + srd_table_memory_bytes(&state->snapshots) +
	       srd_table_memory_bytes(&state->names.segments) +
	       srd_table_memory_bytes(&state->names.directory) +
	       srd_numbers_memory_bytes(&state->numbers);
}
