/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/moved.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/check.h"

void srd_moved_release(struct srd_moved *moved)
{
	free(moved->pieces);
	free(moved->wanted);
	*moved = (struct srd_moved){ 0 };
}

static size_t position(const struct srd_moved *moved, uint64_t at)
{
	size_t low = 0, high = moved->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (moved->pieces[middle].at + moved->pieces[middle].len <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct srd_moved_piece *srd_moved_find(const struct srd_moved *moved, uint64_t at)
{
	size_t i = position(moved, at);

	return i < moved->count ? &moved->pieces[i] : NULL;
}

bool srd_moved_has(const struct srd_moved *moved, uint64_t at, uint32_t len)
{
	uint64_t end = at + len;

	for (size_t i = position(moved, at); at < end; at = moved->pieces[i].at + moved->pieces[i].len, i++)
		if (i == moved->count || moved->pieces[i].at > at)
			return false;
	return true;
}

uint64_t srd_moved_place(const struct srd_log *log, const struct srd_ref *ref, uint32_t into, uint32_t *len)
{
	uint64_t skip = (uint64_t)ref->skip + into;
	struct srd_run run;
	bool there = srd_log_run(log, ref->run, &run) && skip < run.len;

	*len = ref->len - into;
	if (!there)
		return SRD_MOVED_NOWHERE + ref->run + skip;
	*len = (uint32_t)SRD_MIN((uint64_t)*len, run.len - skip);
	return run.offset + run.distance + skip;
}

static int add(struct srd_moved *moved, uint64_t at, uint32_t len)
{
	int error = srd_array_reserve(&moved->wanted, &moved->wanted_cap, moved->wanted_count + 1, sizeof *moved->wanted);

	if (!error)
		moved->wanted[moved->wanted_count++] = (struct srd_moved_piece){ .at = at, .len = len };
	return error;
}

int srd_moved_want(struct srd_moved *moved, uint64_t at, uint32_t len)
{
	const struct srd_moved_piece *piece = srd_moved_find(moved, at);

	/* Nearly always all of it is there, or nothing. */
	if (piece && piece->at <= at && at + len <= piece->at + piece->len)
		return 0;
	return add(moved, at, len);
}

static int by_place(const void *a, const void *b)
{
	const struct srd_moved_piece *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

/* Adds what [FROM, TO) has that no piece has. */
static int add_gaps(const struct srd_moved *moved, struct srd_moved *fresh, uint64_t from, uint64_t to)
{
	int error = 0;

	for (size_t i = position(moved, from); !error && from < to; i++) {
		uint64_t end = i < moved->count ? SRD_MIN(SRD_MAX(moved->pieces[i].at, from), to) : to;
		if (end > from)
			error = add(fresh, from, (uint32_t)(end - from));
		from = i < moved->count ? SRD_MAX(from, moved->pieces[i].at + moved->pieces[i].len) : to;
	}
	return error;
}

/* Puts FRESH, sorted and disjoint from all pieces, among them. */
static int merge(struct srd_moved *moved, const struct srd_moved *fresh)
{
	size_t i = moved->count, k = fresh->wanted_count, to = i + k;
	int error = srd_array_reserve(&moved->pieces, &moved->cap, to, sizeof *moved->pieces);

	if (error)
		return error;
	moved->count = to;
	for (size_t n = 0; n < k; n++)
		moved->bytes += fresh->wanted[n].len;
	while (k > 0) {
		bool later = i == 0 || moved->pieces[i - 1].at < fresh->wanted[k - 1].at;
		moved->pieces[--to] = later ? fresh->wanted[--k] : moved->pieces[--i];
	}
	return 0;
}

int srd_moved_settle(struct srd_moved *moved)
{
	struct srd_moved fresh = { 0 };
	uint64_t covered = 0;
	int error = 0;

	if (moved->wanted_count == 0)
		return 0;
	qsort(moved->wanted, moved->wanted_count, sizeof *moved->wanted, by_place);
	for (size_t i = 0; !error && i < moved->wanted_count; i++) {
		const struct srd_moved_piece *want = &moved->wanted[i];
		uint64_t end = want->at + want->len;
		error = add_gaps(moved, &fresh, SRD_MAX(want->at, covered), end);
		covered = SRD_MAX(covered, end);
	}
	moved->wanted_count = 0;
	if (!error)
		error = merge(moved, &fresh);
	srd_moved_release(&fresh);
	return error;
}

void srd_moved_revive(struct srd_moved *moved, uint64_t at, uint32_t len)
{
	for (size_t i = position(moved, at); i < moved->count && moved->pieces[i].at < at + len; i++)
		if (moved->pieces[i].run == SRD_RUN_PRUNED)
			moved->pieces[i].run = 0;
}

int srd_moved_put(struct srd_moved *moved, uint64_t at, uint32_t len, uint64_t run)
{
	size_t i = position(moved, at);
	int error = srd_array_reserve(&moved->pieces, &moved->cap, moved->count + 1, sizeof *moved->pieces);

	/* An op of the same commit may have asked for it already. */
	if (error || len == 0 || (i < moved->count && moved->pieces[i].at < at + len))
		return error;
	/* Nearly always at the end: the log is followed. */
	memmove(&moved->pieces[i + 1], &moved->pieces[i], (moved->count - i) * sizeof *moved->pieces);
	moved->pieces[i] = (struct srd_moved_piece){ .at = at, .len = len, .run = run };
	moved->count++;
	return 0;
}
