/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "state/chunks.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/check.h"
#include "base/hash.h"

struct chunk {
	const struct srd_table *table;
	uint64_t check;            /* as saved */
	uint32_t number;
	char *entries;
	size_t len;                /* bytes: what the image has of it */
};

uint64_t srd_chunk_check(const void *entries, size_t len)
{
	return srd_hash(entries, len, 0);
}

static uint32_t chunk_count(const struct srd_table *table)
{
	return (uint32_t)(((uint64_t)table->saved + (1u << table->chunk_shift) - 1) >> table->chunk_shift);
}

/* In the signal handler: the file was cut short, or the disk fails. */
static void lose(struct srd_guard *guard, size_t offset, size_t len)
{
	struct srd_chunks *chunks = guard->user;

	(void)offset;
	(void)len;
	atomic_store(chunks->bad, SRD_ECORRUPT);
}

static void watch(struct srd_chunks *chunks, unsigned i)
{
	const struct srd_table *table = chunks->tables[i];
	size_t len = SRD_ALIGN_UP((size_t)table->saved * table->entry_len, SRD_IMAGE_ALIGN);

	chunks->guards[i] = (struct srd_guard){ .start = table->base, .len = len, .prot = PROT_READ | PROT_WRITE,
	                                        .fd = -1, .lost = lose, .user = chunks };
	srd_guard_add(&chunks->guards[i]);
}

struct srd_chunks *srd_chunks_new(const struct srd_image *image, struct srd_table *const *tables,
                                  uint64_t *checks, struct srd_chunks_source source, atomic_int *bad)
{
	struct srd_chunks *chunks = calloc(1, sizeof *chunks);
	uint64_t words = 0, at = 0;

	for (unsigned i = 0; i < SRD_IMAGE_TABLES; i++)
		words += SRD_DIV_UP(srd_image_chunks(&image->tables[i]), 64);
	atomic_ulong *sound = calloc(words, sizeof *sound);
	if (!chunks || !sound) {
		free(sound);
		free(chunks);
		free(checks);
		return NULL;
	}
	pthread_mutex_init(&chunks->mutex, NULL);
	chunks->source = source;
	chunks->bad = bad;
	chunks->checks_all = checks;
	chunks->sound_all = sound;
	for (unsigned i = 0; i < SRD_IMAGE_TABLES; i++) {
		uint64_t count = srd_image_chunks(&image->tables[i]);
		chunks->tables[i] = tables[i];
		chunks->checks[i] = checks + at;
		tables[i]->sound = sound;
		tables[i]->saved = image->tables[i].count;
		tables[i]->chunk_shift = (uint32_t)__builtin_ctz(image->tables[i].chunk_len);
		tables[i]->chunks = chunks;
		watch(chunks, i);
		at += count;
		sound += SRD_DIV_UP(count, 64);
	}
	return chunks;
}

void srd_chunks_free(struct srd_chunks *chunks)
{
	if (!chunks)
		return;
	for (unsigned i = 0; i < SRD_IMAGE_TABLES; i++)
		srd_guard_remove(&chunks->guards[i]);
	pthread_mutex_destroy(&chunks->mutex);
	free(chunks->checks_all);
	free(chunks->sound_all);
	if (chunks->source.release)
		chunks->source.release(chunks->source.user);
	free(chunks);
}

static struct chunk chunk_of(const struct srd_chunks *chunks, unsigned table_number, uint32_t number)
{
	const struct srd_table *table = chunks->tables[table_number];
	uint64_t first = (uint64_t)number << table->chunk_shift;
	uint64_t end = SRD_MIN(first + (UINT64_C(1) << table->chunk_shift), (uint64_t)table->saved);

	return (struct chunk){ .table = table, .check = chunks->checks[table_number][number], .number = number,
	                       .entries = (char *)table->base + first * table->entry_len,
	                       .len = (end - first) * table->entry_len };
}

static bool is_right(const struct chunk *chunk)
{
	return srd_chunk_check(chunk->entries, chunk->len) == chunk->check;
}

static void set_sound(const struct chunk *chunk)
{
	/* Release: partner of the acquire in srd_table_is_sound(). */
	atomic_fetch_or_explicit(&chunk->table->sound[chunk->number / 64], 1UL << (chunk->number % 64),
	                         memory_order_release);
}

/* Copies the chunk from REBUILT, the same table made anew. */
static bool mend(const struct chunk *chunk, const struct srd_table *rebuilt)
{
	size_t at = (size_t)(chunk->entries - (char *)chunk->table->base);

	if (rebuilt->count != chunk->table->saved || rebuilt->entry_len != chunk->table->entry_len)
		return false;
	memcpy(chunk->entries, (char *)rebuilt->base + at, chunk->len);
	return is_right(chunk);
}

/* Checks all chunks that have not been, and mends those of them that are not right. */
static int mend_all(struct srd_chunks *chunks, struct srd_table *const *rebuilt)
{
	for (unsigned i = 0; i < SRD_IMAGE_TABLES; i++) {
		const struct srd_table *table = chunks->tables[i];
		for (uint32_t number = 0; number < chunk_count(table); number++) {
			struct chunk chunk = chunk_of(chunks, i, number);
			if (srd_table_is_sound(table, number << table->chunk_shift))
				continue;
			if (!is_right(&chunk) && !mend(&chunk, rebuilt[i]))
				return SRD_ECORRUPT;
			set_sound(&chunk);
		}
	}
	return 0;
}

static int repair(struct srd_chunks *chunks)
{
	struct srd_table *const *rebuilt;

	if (!chunks->source.rebuild || atomic_load(chunks->bad))
		return SRD_ECORRUPT;
	int error = chunks->source.rebuild(chunks->source.user, &rebuilt);
	if (error)
		return error;
	error = mend_all(chunks, rebuilt);
	chunks->source.forget(chunks->source.user);
	return error;
}

void srd_table_check(const struct srd_table *table, uint32_t index)
{
	struct srd_chunks *chunks = table->chunks;
	unsigned i = 0;

	while (chunks->tables[i] != table)
		i++;
	struct chunk chunk = chunk_of(chunks, i, index >> table->chunk_shift);
	pthread_mutex_lock(&chunks->mutex);
	/* Who came first may have written there by now. */
	if (!srd_table_is_sound(table, index)) {
		int error = is_right(&chunk) ? 0 : repair(chunks);
		if (error)
			atomic_store_explicit(chunks->bad, error, memory_order_relaxed);
		/* Bad or not, it is not looked at again. */
		set_sound(&chunk);
	}
	pthread_mutex_unlock(&chunks->mutex);
}

uint32_t srd_table_stray(const struct srd_table *table)
{
	if (table->chunks)
		atomic_store_explicit(table->chunks->bad, SRD_ECORRUPT, memory_order_relaxed);
	return 0;
}
