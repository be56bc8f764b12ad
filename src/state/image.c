/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "state/image.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "state/tree.h"

enum { INODES, DENTRIES, XATTRS, NODES, NAMES, NAMES_DIRECTORY, LEAVES, NUMBERS, NUMBERS_DIRECTORY,
       SNAPSHOTS };

static const uint8_t chunk_shift[SRD_IMAGE_TABLES] = {
	[INODES] = SRD_CHUNK_INODES, [DENTRIES] = SRD_CHUNK_DENTRIES, [XATTRS] = SRD_CHUNK_XATTRS,
	[NODES] = SRD_CHUNK_NODES, [NAMES] = SRD_CHUNK_SEGMENTS, [NAMES_DIRECTORY] = SRD_CHUNK_DIRECTORY,
	[LEAVES] = SRD_CHUNK_LEAVES, [NUMBERS] = SRD_CHUNK_SEGMENTS, [NUMBERS_DIRECTORY] = SRD_CHUNK_DIRECTORY,
	[SNAPSHOTS] = SRD_CHUNK_SNAPSHOTS,
};

void srd_state_tables(struct srd_state *state, struct srd_table *tables[SRD_IMAGE_TABLES])
{
	tables[INODES] = &state->inodes;
	tables[DENTRIES] = &state->dentries;
	tables[XATTRS] = &state->xattrs;
	tables[NODES] = &state->nodes;
	tables[NAMES] = &state->names.segments;
	tables[NAMES_DIRECTORY] = &state->names.directory;
	tables[LEAVES] = &state->numbers.leaves;
	tables[NUMBERS] = &state->numbers.hashed.segments;
	tables[NUMBERS_DIRECTORY] = &state->numbers.hashed.directory;
	tables[SNAPSHOTS] = &state->snapshots;
}

/* Nothing is changed through these. */
static void tables_of(const struct srd_state *state, struct srd_table *tables[SRD_IMAGE_TABLES])
{
	srd_state_tables((struct srd_state *)state, tables);
}

void srd_state_describe(const struct srd_state *state, struct srd_image *image)
{
	struct srd_table *tables[SRD_IMAGE_TABLES];

	image->next_ino = state->next_ino;
	image->next_cookie = state->next_cookie;
	image->files = state->files;
	image->directories = state->directories;
	image->others = state->others;
	image->unnamed = state->unnamed;
	image->live_bytes = state->live_bytes;
	image->misfits = state->misfits;
	image->ops = state->ops;
	image->names_depth = state->names.depth;
	image->numbers_depth = state->numbers.hashed.depth;
	tables_of(state, tables);
	for (unsigned i = 0; i < SRD_IMAGE_TABLES; i++)
		image->tables[i] = (struct srd_image_table){
			.entry_len = tables[i]->entry_len, .chunk_len = 1u << chunk_shift[i],
			.count = tables[i]->count, .free_first = tables[i]->free_first, .live = tables[i]->live };
	srd_image_layout(image);
}

void srd_state_copy_entries(const struct srd_state *state, unsigned number, uint32_t first,
                            uint32_t count, void *to)
{
	struct srd_table *tables[SRD_IMAGE_TABLES];

	tables_of(state, tables);
	const struct srd_table *table = tables[number];
	memcpy(to, srd_table_at(table, first), (size_t)count * table->entry_len);
	if (number != INODES)
		return;
	/* Pins are this process's own. */
	struct srd_inode *inodes = to;
	for (uint32_t i = 0; i < count; i++)
		atomic_store_explicit(&inodes[i].pins, 0, memory_order_relaxed);
}

static bool depth_fits(uint32_t depth, const struct srd_image_table *directory)
{
	return depth <= SRD_HASH_DIRECTORY_BITS && directory->count == UINT32_C(1) << depth;
}

static bool geometry_fits(const struct srd_image *image, struct srd_table *const *tables)
{
	for (unsigned i = 0; i < SRD_IMAGE_TABLES; i++)
		if (image->tables[i].entry_len != tables[i]->entry_len ||
		    image->tables[i].chunk_len != 1u << chunk_shift[i])
			return false;
	return depth_fits(image->names_depth, &image->tables[NAMES_DIRECTORY]) &&
	       depth_fits(image->numbers_depth, &image->tables[NUMBERS_DIRECTORY]);
}

static void take_numbers(struct srd_state *state, const struct srd_image *image)
{
	state->next_ino = image->next_ino;
	state->next_cookie = image->next_cookie;
	state->files = image->files;
	state->directories = image->directories;
	state->others = image->others;
	state->unnamed = image->unnamed;
	state->live_bytes = image->live_bytes;
	state->misfits = image->misfits;
	state->ops = image->ops;
	state->names.depth = image->names_depth;
	state->numbers.hashed.depth = image->numbers_depth;
	srd_numbers_forget_hints(&state->numbers);
}

int srd_state_adopt(struct srd_state *state, const struct srd_superblock *sb, struct srd_source source,
                    const struct srd_image *image, uint64_t *checks, struct srd_chunks_source chunks_source)
{
	struct srd_table *tables[SRD_IMAGE_TABLES];
	int error = srd_state_place(state, sb, source, 0);

	if (error) {
		free(checks);
		return error;
	}
	srd_state_tables(state, tables);
	if (!geometry_fits(image, tables))
		error = SRD_EVERSION;
	for (unsigned i = 0; !error && i < SRD_IMAGE_TABLES; i++)
		error = srd_table_adopt(tables[i], image->tables[i].count, image->tables[i].free_first,
		                        image->tables[i].live);
	if (error) {
		free(checks);
		srd_state_release(state);
		return error;
	}
	take_numbers(state, image);
	state->chunks = srd_chunks_new(image, tables, checks, chunks_source, state->bad);
	if (!state->chunks) {
		srd_state_release(state);
		return -ENOMEM;
	}
	return 0;
}

void srd_state_moved(struct srd_state *state)
{
	struct srd_table *tables[SRD_IMAGE_TABLES];

	if (!state->chunks)
		return;
	srd_state_tables(state, tables);
	for (unsigned i = 0; i < SRD_IMAGE_TABLES; i++)
		state->chunks->tables[i] = tables[i];
}
