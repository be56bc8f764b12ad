/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upkeep.c - what a store is put through now and then: repaired, salvaged, compacted,
 * trimmed, copied.  None of that changes what it says, nor what anybody has read.
 */
#include "config.h"

#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"

void fuzz_look(struct fuzz_turn *turn)
{
	struct srd_map map;
	srd_store *store;

	if (srd_open(fuzz_path(), SRD_RDONLY, &store) != 0)
		return;
	fuzz_read_all(turn, store);
	if (srd_map(store, 1 + fuzz_choose(turn), &map) == 0)
		srd_map_release(&map);
	srd_close(store);
}

/* What is damaged is given up, and writing goes on. */
void fuzz_repair(struct fuzz_turn *turn)
{
	uint64_t damages = 0;
	srd_store *store;

	if (srd_open(fuzz_path(), SRD_NOSYNC | SRD_EXCLUSIVE, &store) != 0)
		return;
	if (srd_repair(store, SRD_REPAIR_FORCE, fuzz_ignore, &damages) >= 0)
		FUZZ_EXPECT_AGREES(turn, srd_put(store, "repaired", 8, "x", 1) != SRD_EDAMAGED);
	srd_close(store);
}

/* What comes out of it is sound, whatever went in. */
void fuzz_salvage(struct fuzz_turn *turn)
{
	srd_store *source, *target;
	uint64_t damages = 0;
	char name[96];

	(void)turn;
	if (srd_open(fuzz_path(), SRD_RDONLY, &source) != 0)
		return;
	snprintf(name, sizeof name, "%s.saved", fuzz_path());
	FUZZ_EXPECT(srd_open(name, SRD_NOSYNC | SRD_CREATE, &target) == 0);
	srd_salvage(source, target, SRD_SALVAGE_KEEP_DAMAGED, fuzz_ignore, &damages);
	srd_close(source);
	damages = 0;
	FUZZ_EXPECT(srd_scan(target, SRD_SCAN_PAYLOAD, fuzz_ignore, &damages) == 0 && damages == 0);
	srd_close(target);
}

/* ---- A value that somebody holds ---- */

struct held {
	srd_value value;
	uint64_t hash;
	bool there;
};

static uint64_t hash_of(const srd_value *value)
{
	uint64_t hash = 0;

	for (int i = 0; i < value->iov_count; i++)
		hash = srd_hash(value->iov[i].iov_base, value->iov[i].iov_len, hash);
	return hash;
}

static void hold(struct fuzz_turn *turn, srd_store *store, struct held *held)
{
	struct srd_stat st;

	fuzz_list(turn, store);
	held->there = false;
	for (unsigned i = 0; i < turn->keys.count && !held->there; i++)
		held->there = srd_stat(store, turn->keys.text[i], turn->keys.len[i], &st) == 0 && st.size < 1 << 20 &&
		              srd_get(store, turn->keys.text[i], turn->keys.len[i], &held->value) == 0;
	if (held->there)
		held->hash = hash_of(&held->value);
}

static void let_go(const struct fuzz_turn *turn, struct held *held)
{
	if (!held->there)
		return;
	FUZZ_EXPECT_AGREES(turn, hash_of(&held->value) == held->hash);
	srd_value_release(&held->value);
}

/* ---- Compacted ---- */

enum { WITH_OTHER = 1, WITH_VIEW = 2, SINCE = 4, HELD = 63 };

static uint64_t durable(srd_store *store)
{
	struct srd_info info;

	return srd_info(store, &info) == 0 ? info.durable : 0;
}

static void copy(struct fuzz_turn *turn, srd_store *store, uint64_t before)
{
	uint64_t damages = 0;
	struct srd_backup backup;
	srd_store *copied;
	char name[96];

	snprintf(name, sizeof name, "%s.saved", fuzz_path());
	int error = srd_backup(store, name, 0, fuzz_ignore, &damages, &backup);
	/* Of what does not match a copy may know less: the mark below which that does not end the
	 * log may stand behind the end, and what is there is not copied. */
	if (error == 0 && damages == 0 && srd_open(name, SRD_RDONLY, &copied) == 0) {
		FUZZ_EXPECT_AGREES(turn, durable(copied) < durable(store) || fuzz_digest(copied, true) == before);
		srd_close(copied);
	}
}

/* What VIEW has changed comes true in the new log. */
static void commit_view(struct fuzz_turn *turn, srd_store *store, srd_store *view, uint64_t inside)
{
	FUZZ_EXPECT_AGREES(turn, fuzz_digest(view, false) == inside);
	if (srd_transaction_commit(view, NULL, 0) == 0)
		FUZZ_EXPECT_AGREES(turn, fuzz_digest(store, false) == inside);
	srd_close(view);
}

static bool has_snapshots(srd_store *store)
{
	struct srd_snapshot *list = NULL;
	ssize_t count = srd_snapshots(store, &list);

	free(list);
	return count > 0;
}

struct numbers {
	uint64_t last;
	bool rise;
};

static int note_number(void *user, const struct srd_event *event)
{
	struct numbers *numbers = user;

	if (event->type == SRD_EVENT_RECORD) {
		numbers->rise &= event->sequence >= numbers->last;
		numbers->last = event->sequence;
	}
	return 0;
}

/* False: commits have numbers that go back, as a forger's may, and a number says nothing. */
static bool numbers_rise(srd_store *store)
{
	struct numbers numbers = { .rise = true };

	srd_scan(store, 0, note_number, &numbers);
	return numbers.rise;
}

/* STORE is compacted, so many VERSIONS of each file kept (0: none); what it was at POINT (NULL: nobody asks)
 * it still was. */
static void compact_since(const struct fuzz_turn *turn, srd_store *store, const char *point, unsigned versions)
{
	uint64_t damages = 0, was = point ? fuzz_digest_at(store, point) : 0;
	bool rise = numbers_rise(store);
	struct srd_compact_options options = { .keep_since = point, .keep_versions = versions, .call = fuzz_ignore, .user = &damages };
	struct srd_compacted result;

	int error = srd_compact(store, &options, &result);
	/* What cannot be told again is left alone: a number that stands for another kind of thing since
	 * a snapshot.  There is nothing else of that sort. */
	FUZZ_EXPECT_AGREES(turn, error != SRD_EDIFFERS || has_snapshots(store));
	if (error || !point)
		return;
	uint64_t is = fuzz_digest_at(store, point);
	FUZZ_EXPECT_AGREES(turn, is == was || is == (uint64_t)SRD_ENOPAST || !rise);
}

/* What it holds now it holds then, as do others who have it open, and a copy. */
void fuzz_compact(struct fuzz_turn *turn)
{
	srd_store *store, *other = NULL, *view = NULL;
	char text[SRD_NAME_MAX + 1];
	uint64_t inside = 0;
	struct held held;

	if (srd_open(fuzz_path(), SRD_NOSYNC, &store) != 0)
		return;
	uint8_t with = fuzz_choose(turn);
	const char *point = with & SINCE ? fuzz_point(turn, store, text) : NULL;
	if (with & WITH_OTHER && srd_open(fuzz_path(), SRD_NOSYNC, &other) != 0)
		other = NULL;
	hold(turn, store, &held);
	if (with & WITH_VIEW && srd_transaction_begin(store, &view) == 0) {
		fuzz_change_all(turn, view);
		inside = fuzz_digest(view, false);
	} else {
		view = NULL;
	}
	uint64_t before = fuzz_digest(store, true);
	compact_since(turn, store, point, point ? 0 : with >> 6);
	let_go(turn, &held);
	if (other)
		FUZZ_EXPECT_AGREES(turn, fuzz_digest(other, true) == before);
	srd_close(other);
	FUZZ_EXPECT_AGREES(turn, fuzz_digest(store, true) == before);
	if (view)
		commit_view(turn, store, view, inside);
	before = fuzz_digest(store, true);
	srd_close(store);
	FUZZ_EXPECT(srd_open(fuzz_path(), SRD_RDONLY, &store) == 0);
	FUZZ_EXPECT_AGREES(turn, fuzz_digest(store, true) == before);
	copy(turn, store, before);
	srd_close(store);
}

/* ---- Trimmed ---- */

/* Only what was can be missing afterwards. */
void fuzz_trim(struct fuzz_turn *turn)
{
	struct srd_trim_result result;
	char text[SRD_NAME_MAX + 1];
	struct held held = { 0 };
	srd_store *store;

	if (srd_open(fuzz_path(), SRD_NOSYNC, &store) != 0)
		return;
	const char *point = fuzz_point(turn, store, text);
	uint8_t with = fuzz_choose(turn);
	/* Seldom: who trims waits for who might let go of something. */
	if (with % 64 == HELD)
		hold(turn, store, &held);
	else
		fuzz_list(turn, store);
	/* So that there is something of the past. */
	if (with & 1)
		fuzz_change_all(turn, store);
	uint64_t before = fuzz_digest(store, true), was = point ? fuzz_digest_at(store, point) : 0;
	int error = srd_trim(store, point, 0, NULL, NULL, &result);
	FUZZ_EXPECT_AGREES(turn, fuzz_digest(store, true) == before);
	if (!error && point)
		FUZZ_EXPECT_AGREES(turn, fuzz_digest_at(store, point) == was);
	let_go(turn, &held);
	srd_close(store);
	FUZZ_EXPECT(srd_open(fuzz_path(), SRD_RDONLY, &store) == 0);
	FUZZ_EXPECT_AGREES(turn, fuzz_digest(store, true) == before);
	srd_close(store);
}
