/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fs/dirty.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "format/op.h"

enum {
	MEMORY_MIN = 256,          /* bytes of a piece's first allocation */
	MEMORY_MAX = 4 << 20,      /* a piece that is larger is not continued */
	MERGE_MAX = 64 << 10,      /* a following piece up to this is drawn in */
};

void srd_dirty_init(struct srd_dirty *dirty)
{
	*dirty = (struct srd_dirty){ 0 };
}

void srd_dirty_clear(struct srd_dirty *dirty)
{
	for (size_t i = 0; i < dirty->count; i++)
		free(dirty->pieces[i].memory);
	free(dirty->pieces);
	srd_dirty_init(dirty);
}

size_t srd_dirty_find(const struct srd_dirty *dirty, uint64_t pos)
{
	size_t low = 0, high = dirty->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (srd_piece_end(&dirty->pieces[middle]) > pos)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Room for MORE pieces. */
static int reserve(struct srd_dirty *dirty, size_t more)
{
	if (dirty->count + more <= dirty->cap)
		return 0;
	size_t cap = SRD_MAX(2 * dirty->cap, (size_t)4);
	struct srd_piece *pieces = realloc(dirty->pieces, cap * sizeof *pieces);
	if (!pieces)
		return -ENOMEM;
	dirty->pieces = pieces;
	dirty->cap = cap;
	return 0;
}

static void count_bytes(struct srd_dirty *dirty, const struct srd_piece *piece, int64_t change)
{
	dirty->bytes += (uint64_t)change;
	if (piece->memory)
		dirty->memory_bytes += (uint64_t)change;
}

/* Call with room reserved. */
static void insert(struct srd_dirty *dirty, size_t i, const struct srd_piece *piece)
{
	memmove(&dirty->pieces[i + 1], &dirty->pieces[i], (dirty->count - i) * sizeof *piece);
	dirty->pieces[i] = *piece;
	dirty->count++;
	count_bytes(dirty, piece, piece->len);
}

static void erase(struct srd_dirty *dirty, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		count_bytes(dirty, &dirty->pieces[i], -(int64_t)dirty->pieces[i].len);
		free(dirty->pieces[i].memory);
	}
	memmove(&dirty->pieces[from], &dirty->pieces[to], (dirty->count - to) * sizeof *dirty->pieces);
	dirty->count -= to - from;
}

static void cut_tail(struct srd_dirty *dirty, struct srd_piece *piece, uint64_t pos)
{
	uint32_t len = (uint32_t)(pos - piece->pos);

	count_bytes(dirty, piece, (int64_t)len - piece->len);
	piece->len = len;
}

static void cut_head(struct srd_dirty *dirty, struct srd_piece *piece, uint64_t pos)
{
	uint32_t len = (uint32_t)(pos - piece->pos);

	count_bytes(dirty, piece, -(int64_t)len);
	piece->pos = pos;
	piece->skip += len;
	piece->len -= len;
}

/* Cuts [from, to) out of the middle of piece I. */
static int split(struct srd_dirty *dirty, size_t i, uint64_t from, uint64_t to)
{
	if (reserve(dirty, 1))
		return -ENOMEM;
	struct srd_piece *left = &dirty->pieces[i];
	struct srd_piece right = *left;
	uint32_t len = (uint32_t)(srd_piece_end(left) - to);

	right.skip += (uint32_t)(to - left->pos);
	if (left->memory) {
		right.memory = malloc(len);
		if (!right.memory)
			return -ENOMEM;
		memcpy(right.memory, srd_piece_bytes(left) + (to - left->pos), len);
		right.skip = 0;
		right.cap = len;
	}
	right.pos = to;
	right.len = len;
	cut_tail(dirty, left, from);
	insert(dirty, i + 1, &right);
	return 0;
}

int srd_dirty_cut(struct srd_dirty *dirty, uint64_t from, uint64_t to)
{
	size_t i = srd_dirty_find(dirty, from);

	if (i == dirty->count || from >= to)
		return 0;
	if (dirty->pieces[i].pos < from) {
		if (srd_piece_end(&dirty->pieces[i]) > to)
			return split(dirty, i, from, to);
		cut_tail(dirty, &dirty->pieces[i++], from);
	}
	size_t behind = srd_dirty_find(dirty, to);
	erase(dirty, i, behind);
	if (i < dirty->count && dirty->pieces[i].pos < to)
		cut_head(dirty, &dirty->pieces[i], to);
	return 0;
}

/* Makes room for LEN bytes from the start of a memory piece. */
static int grow(struct srd_piece *piece, uint64_t len)
{
	uint64_t cap = SRD_MAX(piece->cap, (uint32_t)MEMORY_MIN);

	if (piece->skip + len <= piece->cap)
		return 0;
	while (cap < piece->skip + len)
		cap *= 2;
	uint8_t *memory = realloc(piece->memory, cap);
	if (!memory)
		return -ENOMEM;
	piece->memory = memory;
	piece->cap = (uint32_t)cap;
	return 0;
}

/* Draws a small memory piece that follows piece I directly into it, so that
 * writing backwards does not leave a piece for each write.  Need not succeed. */
static void merge_next(struct srd_dirty *dirty, size_t i)
{
	if (i + 1 >= dirty->count)
		return;
	struct srd_piece *piece = &dirty->pieces[i], *next = piece + 1;

	if (!next->memory || next->pos != srd_piece_end(piece) || next->len > MERGE_MAX ||
	    piece->len > MEMORY_MAX || grow(piece, (uint64_t)piece->len + next->len))
		return;
	memcpy(piece->memory + piece->skip + piece->len, srd_piece_bytes(next), next->len);
	count_bytes(dirty, piece, next->len);
	piece->len += next->len;
	erase(dirty, i + 1, i + 2);
}

/* Writes into and behind the memory piece I. */
static int continue_piece(struct srd_dirty *dirty, size_t i, uint64_t pos, const void *data, uint32_t len)
{
	uint64_t end = pos + len, old_end = srd_piece_end(&dirty->pieces[i]);

	if (end > old_end) {
		if (grow(&dirty->pieces[i], end - dirty->pieces[i].pos) ||
		    srd_dirty_cut(dirty, old_end, end))
			return -ENOMEM;
	}
	struct srd_piece *piece = &dirty->pieces[i];
	memcpy(piece->memory + piece->skip + (pos - piece->pos), data, len);
	if (end > old_end) {
		count_bytes(dirty, piece, (int64_t)(end - old_end));
		piece->len += (uint32_t)(end - old_end);
		merge_next(dirty, i);
	}
	return 0;
}

/* The memory piece that a write at POS may continue; dirty->count: none. */
static size_t find_continued(const struct srd_dirty *dirty, uint64_t pos)
{
	size_t i = srd_dirty_find(dirty, pos > 0 ? pos - 1 : 0);

	if (i < dirty->count && dirty->pieces[i].memory && dirty->pieces[i].pos <= pos &&
	    (dirty->pieces[i].len < MEMORY_MAX || srd_piece_end(&dirty->pieces[i]) > pos))
		return i;
	return dirty->count;
}

static int place(struct srd_dirty *dirty, const struct srd_piece *piece)
{
	if (reserve(dirty, 2) || srd_dirty_cut(dirty, piece->pos, srd_piece_end(piece)))
		return -ENOMEM;
	size_t i = srd_dirty_find(dirty, piece->pos);
	insert(dirty, i, piece);
	if (piece->memory)
		merge_next(dirty, i);
	return 0;
}

int srd_dirty_write(struct srd_dirty *dirty, uint64_t pos, const void *data, uint32_t len)
{
	size_t i = find_continued(dirty, pos);

	if (len == 0)
		return 0;
	if (i < dirty->count)
		return continue_piece(dirty, i, pos, data, len);
	struct srd_piece piece = { .pos = pos };
	if (grow(&piece, len))
		return -ENOMEM;
	memcpy(piece.memory, data, len);
	piece.len = len;
	if (place(dirty, &piece)) {
		free(piece.memory);
		return -ENOMEM;
	}
	return 0;
}

int srd_dirty_write_run(struct srd_dirty *dirty, uint64_t pos, uint64_t run, uint32_t len)
{
	struct srd_piece piece = { .pos = pos, .run = run, .len = len };

	return place(dirty, &piece);
}

void srd_dirty_spilled(struct srd_dirty *dirty, size_t i, uint64_t run)
{
	struct srd_piece *piece = &dirty->pieces[i];

	dirty->memory_bytes -= piece->len;
	free(piece->memory);
	piece->memory = NULL;
	piece->run = run;
	piece->skip = piece->cap = 0;
}

size_t srd_dirty_refs(const struct srd_dirty *dirty, struct srd_ref *refs)
{
	size_t count = 0;

	for (size_t i = 0; i < dirty->count; i++) {
		const struct srd_piece *piece = &dirty->pieces[i];
		if (!piece->memory)
			refs[count++] = (struct srd_ref){ .pos = piece->pos, .run = piece->run, .skip = piece->skip,
			                                  .len = piece->len };
	}
	return count;
}

int srd_dirty_move(struct srd_dirty *dirty, uint64_t from, uint64_t to)
{
	size_t first = srd_dirty_find(dirty, from);

	if (first < dirty->count && dirty->pieces[first].pos < from) {
		int error = split(dirty, first, from, from);
		if (error)
			return error;
		first++;
	}
	for (size_t i = first; i < dirty->count; i++)
		dirty->pieces[i].pos = dirty->pieces[i].pos - from + to;
	return 0;
}
