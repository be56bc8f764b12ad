/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/relocate.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"

/* One run of the record being put together. */
struct srd_relocate_run {
	size_t start;             /* in the buffer */
	uint32_t len;
};

enum { BUFFER_LEN = SRD_RUN_LEN_MAX, RUNS_MAX = 1 << 16 };

/* A piece in the buffer is known by the number of its run, plus one, until that has a place. */
#define PENDING (UINT64_C(1) << 63)

int srd_relocate_init(struct srd_relocate *relocate, struct srd_log *from, struct srd_log *to,
                      const struct srd_relocate_watch *watch)
{
	*relocate = (struct srd_relocate){ .from = from, .to = to, .watch = *watch, .buffer = malloc(BUFFER_LEN) };
	return relocate->buffer ? 0 : -ENOMEM;
}

void srd_relocate_release(struct srd_relocate *relocate)
{
	srd_moved_release(&relocate->moved);
	free(relocate->buffer);
	free(relocate->runs);
	free(relocate->moving);
	free(relocate->bad);
}

/* ---- What is asked for ---- */

enum fate { SOUND, TRIMMED, DAMAGED };

static enum fate fate_of(const struct srd_relocate *relocate, const struct srd_run *run, uint64_t skip)
{
	uint8_t unused[SRD_BLOCK_LEN];
	uint32_t len = (uint32_t)SRD_MIN(run->len - skip, (uint64_t)SRD_BLOCK_LEN);

	if (srd_log_copy_anew(relocate->from, run, (uint32_t)skip, len, unused) == 0)
		return SOUND;
	return srd_log_is_trimmed(relocate->from, run->offset + run->distance + skip, len) > 0 ? TRIMMED : DAMAGED;
}

/* Trim takes blocks out of a run: what the past refers to as one is no single piece then, and
 * what is left of it may be somebody's content now. */
static int want_parts(struct srd_relocate *relocate, const struct srd_run *run, const struct srd_ref *ref)
{
	uint64_t payload = run->offset + run->distance, end = (uint64_t)ref->skip + ref->len;
	int error = 0;

	for (uint64_t from = ref->skip, to; !error && from < end; from = to) {
		to = from / SRD_BLOCK_LEN * SRD_BLOCK_LEN;
		enum fate fate = fate_of(relocate, run, to);
		do
			to += SRD_BLOCK_LEN;
		while (to < end && fate_of(relocate, run, to) == fate);
		to = SRD_MIN(to, end);
		error = srd_moved_want(&relocate->moved, payload + from, (uint32_t)(to - from));
	}
	return error;
}

/* 1 if REF leads to RUN, and some of that was trimmed; 0 if not; -ENOMEM. */
static int is_holed(const struct srd_relocate *relocate, const struct srd_ref *ref, struct srd_run *run)
{
	if (atomic_load(&relocate->from->trim) == 0 || !srd_log_run(relocate->from, ref->run, run) ||
	    !srd_within(ref->skip, ref->len, run->len))
		return 0;
	return srd_log_is_trimmed(relocate->from, run->offset + run->distance + ref->skip, ref->len);
}

/* REF lies in one stretch, or nowhere. */
static int want_stretch(struct srd_relocate *relocate, const struct srd_ref *ref, uint64_t at)
{
	struct srd_run run;
	int holed = is_holed(relocate, ref, &run);

	if (holed < 0)
		return holed;
	return holed ? want_parts(relocate, &run, ref) : srd_moved_want(&relocate->moved, at, ref->len);
}

int srd_relocate_want(struct srd_relocate *relocate, const struct srd_ref *ref)
{
	struct srd_ref part = *ref;
	int error = 0;

	if (!srd_ref_has_run(ref))
		return 0;
	for (uint32_t into = 0; !error && into < ref->len; into += part.len) {
		uint64_t at = srd_moved_place(relocate->from, ref, into, &part.len);
		part.skip = ref->skip + into;
		error = want_stretch(relocate, &part, at);
	}
	return error;
}

int srd_relocate_want_holed(struct srd_relocate *relocate, const struct srd_ref *ref)
{
	struct srd_run run;
	int holed = is_holed(relocate, ref, &run);

	return holed <= 0 ? holed : want_parts(relocate, &run, ref);
}

void srd_relocate_revive(struct srd_relocate *relocate, const struct srd_ref *ref)
{
	uint32_t len;

	if (!srd_ref_has_run(ref))
		return;
	/* What lies nowhere was not given up. */
	uint64_t at = srd_moved_place(relocate->from, ref, 0, &len);
	srd_moved_revive(&relocate->moved, at, len);
}

int srd_relocate_settle(struct srd_relocate *relocate)
{
	return srd_moved_settle(&relocate->moved);
}

/* ---- Into the buffer ---- */

static int note_bad(struct srd_relocate *relocate, size_t to, uint64_t at, uint32_t len)
{
	int error = srd_array_reserve(&relocate->bad, &relocate->bad_cap, relocate->bad_count + 1, sizeof *relocate->bad);

	if (error)
		return error;
	relocate->bad[relocate->bad_count++] = (struct srd_range){ .offset = to, .len = len };
	if (relocate->watch.damaged)
		relocate->watch.damaged(relocate->watch.user, at < SRD_MOVED_NOWHERE ? at : at - SRD_MOVED_NOWHERE, len);
	return 0;
}

/* Copies LEN bytes of RUN from SKIP on to place TO of the buffer, block by block, as they are. */
static int copy_damaged(struct srd_relocate *relocate, const struct srd_run *run, uint32_t skip, uint32_t len, size_t to)
{
	uint64_t payload = run->offset + run->distance;
	int error = 0;

	for (uint32_t done = 0, take; !error && done < len; done += take) {
		take = SRD_MIN(len - done, SRD_BLOCK_LEN - (skip + done) % SRD_BLOCK_LEN);
		error = srd_log_copy_anew(relocate->from, run, skip + done, take, relocate->buffer + to + done);
		if (error != SRD_ECORRUPT)
			continue;
		const uint8_t *bytes = srd_log_at(relocate->from, payload + skip + done, take);
		if (!bytes)
			return SRD_ELOST;
		memcpy(relocate->buffer + to + done, bytes, take);
		error = note_bad(relocate, to + done, payload + skip + done, take);
	}
	return error;
}

/* The run that LEN bytes more go into, one after the last byte of the buffer. */
static int open_run(struct srd_relocate *relocate, uint32_t len, bool fresh)
{
	/* No run is longer; who made the store may say so all the same. */
	int error = len > BUFFER_LEN ? SRD_ECORRUPT : 0;

	if (error)
		return error;
	if (relocate->used + len > BUFFER_LEN || relocate->run_count == RUNS_MAX)
		error = srd_relocate_flush(relocate);
	if (error || (relocate->open && (!fresh || relocate->runs[relocate->run_count - 1].len == 0)))
		return error;
	error = srd_array_reserve(&relocate->runs, &relocate->run_cap, relocate->run_count + 1, sizeof *relocate->runs);
	if (error)
		return error;
	relocate->runs[relocate->run_count++] = (struct srd_relocate_run){ .start = relocate->used };
	relocate->open = true;
	return 0;
}

/* True if all of PIECE was given up, and so is among what is bad from BAD on.  If that was done since
 * the piece was asked for, some of it may be somebody's content. */
static bool is_gone(const struct srd_relocate *relocate, const struct srd_moved_piece *piece, size_t bad)
{
	uint64_t bytes = 0;

	for (size_t i = bad; i < relocate->bad_count; i++)
		bytes += relocate->bad[i].len;
	return bytes == piece->len && srd_log_is_trimmed(relocate->from, piece->at, piece->len) > 0;
}

/* PIECE is in the buffer, PHASE bytes behind the end of the last run, which ends with it now. */
static int take_place(struct srd_relocate *relocate, struct srd_moved_piece *piece, uint32_t phase)
{
	struct srd_relocate_run *run = &relocate->runs[relocate->run_count - 1];
	int error = srd_array_reserve(&relocate->moving, &relocate->moving_cap, relocate->moving_count + 1,
	                              sizeof *relocate->moving);

	if (error)
		return error;
	piece->run = PENDING | relocate->run_count;
	piece->skip = run->len + phase;
	relocate->moving[relocate->moving_count++] = (size_t)(piece - relocate->moved.pieces);
	run->len += phase + piece->len;
	relocate->used += phase + piece->len;
	return 0;
}

/* PIECE, from SKIP of RUN on (NULL: there is none, and zeros stand for it), gets a run of its own, whose
 * blocks begin where they did: what is damaged takes nothing else with it. */
static int move_damaged(struct srd_relocate *relocate, struct srd_moved_piece *piece, const struct srd_run *run,
                        uint32_t skip)
{
	uint32_t phase = skip % SRD_BLOCK_LEN;
	int error = open_run(relocate, phase + piece->len, true);
	size_t bad = relocate->bad_count, to = relocate->used + phase;

	if (error)
		return error;
	memset(relocate->buffer + relocate->used, 0, phase + piece->len);
	error = run ? copy_damaged(relocate, run, skip, piece->len, to) : note_bad(relocate, to, piece->at, piece->len);
	if (error)
		return error;
	/* Of the past, and given up: it is no damage in the new log either. */
	if (is_gone(relocate, piece, bad)) {
		relocate->bad_count = bad;
		piece->run = SRD_RUN_PRUNED;
		return 0;
	}
	error = take_place(relocate, piece, phase);
	relocate->open = false;
	return error;
}

/* Where PIECE, which REF leads into, lies in *RUN; -1: there is none. */
static int64_t place_in_run(const struct srd_relocate *relocate, const struct srd_moved_piece *piece,
                            const struct srd_ref *ref, struct srd_run *run)
{
	if (!srd_log_run(relocate->from, ref->run, run) || piece->at < run->offset + run->distance)
		return -1;
	uint64_t skip = piece->at - (run->offset + run->distance);
	return srd_within(skip, piece->len, run->len) ? (int64_t)skip : -1;
}

static int move(struct srd_relocate *relocate, struct srd_moved_piece *piece, const struct srd_ref *ref, bool fresh)
{
	struct srd_run run;
	int64_t skip = place_in_run(relocate, piece, ref, &run);

	if (skip < 0)
		return move_damaged(relocate, piece, NULL, 0);
	int error = open_run(relocate, piece->len, fresh);
	if (error)
		return error;
	error = srd_log_copy_anew(relocate->from, &run, (uint32_t)skip, piece->len, relocate->buffer + relocate->used);
	if (error == SRD_ECORRUPT)
		return move_damaged(relocate, piece, &run, (uint32_t)skip);
	return error ? error : take_place(relocate, piece, 0);
}

int srd_relocate_copy(struct srd_relocate *relocate, const struct srd_ref *ref, bool fresh)
{
	int error = 0;

	if (!srd_ref_has_run(ref))
		return 0;
	for (uint32_t into = 0, len; !error && into < ref->len; into += len) {
		uint64_t at = srd_moved_place(relocate->from, ref, into, &len);
		struct srd_moved_piece *piece = srd_moved_find(&relocate->moved, at);
		if (!piece || piece->at > at)
			return SRD_ECORRUPT;
		if (piece->run == 0)
			error = move(relocate, piece, ref, fresh);
		fresh = false;
		len = (uint32_t)SRD_MIN((uint64_t)len, piece->at + piece->len - at);
	}
	return error;
}

/* ---- Into the log ---- */

/* What was damaged is so in the new log, too. */
static void spoil_checks(struct srd_relocate *relocate, struct srd_draft *draft, const uint64_t *runs_at)
{
	size_t run = 0;

	for (size_t i = 0; i < relocate->bad_count; i++) {
		const struct srd_range *bad = &relocate->bad[i];
		while (bad->offset >= relocate->runs[run].start + relocate->runs[run].len)
			run++;
		uint64_t first = (bad->offset - relocate->runs[run].start) / SRD_BLOCK_LEN;
		uint64_t last = (bad->offset + bad->len - 1 - relocate->runs[run].start) / SRD_BLOCK_LEN;
		for (uint64_t block = first; block <= last; block++) {
			uint8_t *check = draft->bytes + runs_at[run] + SRD_RUN_FIXED_LEN + 8 * block;
			const uint8_t *bytes = relocate->buffer + relocate->runs[run].start + block * SRD_BLOCK_LEN;
			uint32_t len = SRD_MIN(relocate->runs[run].len - (uint32_t)block * SRD_BLOCK_LEN, (uint32_t)SRD_BLOCK_LEN);
			srd_put64(check, ~srd_hash(bytes, len, 0));
		}
	}
}

static int add_runs(struct srd_relocate *relocate, struct srd_draft *draft, uint64_t *runs_at)
{
	int error = 0;

	for (size_t i = 0; !error && i < relocate->run_count; i++) {
		struct srd_op op = { .kind = SRD_OP_RUN, .run.len = relocate->runs[i].len };
		error = srd_draft_add(draft, &op, relocate->buffer + relocate->runs[i].start, NULL, &runs_at[i]);
	}
	if (!error)
		spoil_checks(relocate, draft, runs_at);
	return error;
}

/* The pieces know their places. */
static void place(struct srd_relocate *relocate, uint64_t record, const uint64_t *runs_at)
{
	for (size_t i = 0; i < relocate->moving_count; i++) {
		struct srd_moved_piece *piece = &relocate->moved.pieces[relocate->moving[i]];
		piece->run = record + runs_at[(piece->run & ~PENDING) - 1];
	}
}

static int append(struct srd_relocate *relocate)
{
	uint64_t *runs_at = malloc(relocate->run_count * sizeof *runs_at);
	struct srd_draft draft;
	struct srd_record record;

	srd_draft_init(&draft);
	srd_draft_start(&draft, SRD_RECORD_DATA);
	int error = runs_at ? add_runs(relocate, &draft, runs_at) : -ENOMEM;
	if (!error)
		error = srd_log_append(relocate->to, &draft, &record);
	if (!error)
		place(relocate, record.offset, runs_at);
	srd_draft_release(&draft);
	free(runs_at);
	return error;
}

int srd_relocate_flush(struct srd_relocate *relocate)
{
	size_t len = relocate->used;

	/* The last may have been opened for what did not come. */
	if (relocate->run_count > 0 && relocate->runs[relocate->run_count - 1].len == 0)
		relocate->run_count--;
	int error = len > 0 ? append(relocate) : 0;

	relocate->used = relocate->run_count = relocate->moving_count = relocate->bad_count = 0;
	relocate->open = false;
	if (!error && len > 0 && relocate->watch.copied)
		error = relocate->watch.copied(relocate->watch.user, len);
	return error;
}

int srd_relocate_ref(const struct srd_relocate *relocate, const struct srd_ref *ref, uint32_t into, struct srd_ref *out)
{
	struct srd_ref part = { .pos = ref->pos + into, .run = ref->run, .len = ref->len - into };

	if (srd_ref_has_run(ref)) {
		uint64_t at = srd_moved_place(relocate->from, ref, into, &part.len);
		const struct srd_moved_piece *piece = srd_moved_find(&relocate->moved, at);
		/* The run says where its bytes lie: it may say so no more, if somebody writes over the file. */
		if (!piece || piece->at > at || piece->run == 0 || piece->run & PENDING)
			return SRD_ECORRUPT;
		part.run = piece->run;
		part.skip = piece->run == SRD_RUN_PRUNED ? 0 : piece->skip + (uint32_t)(at - piece->at);
		part.len = (uint32_t)SRD_MIN((uint64_t)part.len, piece->at + piece->len - at);
	}
	*out = part;
	return 0;
}
