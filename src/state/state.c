/* SPDX-License-Identifier: Apache-2.0 */
/* state.c - the tables as a whole: set up with the root directory, given back,
 * weighed. */
#include "config.h"

#include "state/state.h"

#include "base/check.h"
#include "base/hash.h"
#include "state/chunks.h"
#include "state/inodes.h"
#include "state/tree.h"

static int init_tables(struct srd_state *state, uint64_t reserve_bytes)
{
	struct { struct srd_table *table; size_t entry_len; } const tables[] = {
		{ &state->inodes, sizeof(struct srd_inode) },
		{ &state->dentries, sizeof(struct srd_dentry) },
		{ &state->xattrs, sizeof(struct srd_xattr) },
		{ &state->nodes, sizeof(struct srd_tree_node) },
		{ &state->snapshots, sizeof(struct srd_snap) },
	};
	int error = 0;

	for (size_t i = 0; !error && i < SRD_LEN(tables); i++)
		error = srd_table_init(tables[i].table, (uint32_t)tables[i].entry_len, reserve_bytes);
	if (!error)
		error = srd_hashed_init(&state->names, reserve_bytes);
	if (!error)
		error = srd_numbers_init(&state->numbers, state->hash_seed, reserve_bytes);
	return error;
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
	*state = (struct srd_state){
		/* Secret, so that nobody can choose names that collide. */
		.hash_seed = srd_hash(sb->salt, sizeof sb->salt, 0),
		.next_cookie = 1,
		.source = source,
	};
	int error = init_tables(state, reserve_bytes);
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
	srd_table_release(&state->inodes);
	srd_table_release(&state->dentries);
	srd_table_release(&state->xattrs);
	srd_table_release(&state->nodes);
	srd_table_release(&state->snapshots);
	if (state->made_up.entry_len != 0)
		srd_table_release(&state->made_up);
	srd_hashed_release(&state->names);
	srd_numbers_release(&state->numbers);
}

uint64_t srd_state_memory_bytes(const struct srd_state *state)
{
	return srd_table_memory_bytes(&state->inodes) + srd_table_memory_bytes(&state->dentries) +
	       srd_table_memory_bytes(&state->xattrs) + srd_table_memory_bytes(&state->nodes) + srd_table_memory_bytes(&state->snapshots) +
	       srd_table_memory_bytes(&state->names.segments) +
	       srd_table_memory_bytes(&state->names.directory) +
	       srd_numbers_memory_bytes(&state->numbers);
}
