/* SPDX-License-Identifier: Apache-2.0 */
/* past.c - a store as it was, as it might be, and as somebody named it. */
#include "config.h"

#include "fuzz.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static const char *pick_snapshot(srd_store *store, uint8_t choice, char text[SRD_NAME_MAX + 1])
{
	struct srd_snapshot *list;
	ssize_t count = srd_snapshots(store, &list);

	if (count < 0)
		return NULL;
	if (count > 0)
		snprintf(text, SRD_NAME_MAX + 1, "%s", list[choice % count].name);
	free(list);
	return count > 0 ? text : NULL;
}

const char *fuzz_point(struct fuzz_turn *turn, srd_store *store, char text[SRD_NAME_MAX + 1])
{
	uint8_t kind = fuzz_choose(turn), choice = fuzz_choose(turn);
	struct srd_info info = { 0 };

	srd_info(store, &info);
	switch (kind % 8) {
	case 0: return NULL;
	case 1: return "now";
	case 2: snprintf(text, SRD_NAME_MAX, "@%u.000%03u", choice, choice); return text;
	case 3: snprintf(text, SRD_NAME_MAX, "@%" PRId64, (int64_t)choice << 48); return text;
	case 4: return pick_snapshot(store, choice, text);
	default: snprintf(text, SRD_NAME_MAX, "%" PRIu64, info.sequence - SRD_MIN(info.sequence, (uint64_t)choice % 16)); return text;
	}
}

uint64_t fuzz_digest_at(srd_store *store, const char *point)
{
	srd_store *view;
	int error = srd_view(store, point, &view);

	if (error)
		return (uint64_t)error;
	uint64_t digest = fuzz_digest(view, true);
	srd_close(view);
	return digest;
}

/* ---- As it was ---- */

static void look_at(struct fuzz_turn *turn, srd_store *store, const char *point)
{
	srd_store *past;

	if (srd_open_at(fuzz_path(), SRD_RDONLY, point, &past) != 0)
		return;
	fuzz_read_all(turn, past);
	FUZZ_EXPECT_AGREES(turn, fuzz_digest(past, true) == fuzz_digest_at(store, point));
	/* What was is there again. */
	for (unsigned i = 0; i < turn->keys.count; i++)
		srd_copy(past, turn->keys.text[i], turn->keys.len[i], store, turn->keys.text[i], turn->keys.len[i]);
	srd_close(past);
}

static int note_nothing(void *user, const struct srd_deleted *deleted)
{
	(void)user;
	(void)deleted;
	return 0;
}

/* Where a key was when it was deleted, it is. */
static void look_for_deleted(struct fuzz_turn *turn, srd_store *store)
{
	struct srd_deleted found;
	srd_store *past;
	struct srd_stat st;
	char at[24];

	srd_list_deleted(store, note_nothing, NULL);
	for (unsigned i = 0; i < turn->keys.count; i++) {
		if (srd_find_deleted(store, turn->keys.text[i], turn->keys.len[i], &found) != 0)
			continue;
		snprintf(at, sizeof at, "%llu", (unsigned long long)found.whole);
		if (srd_view(store, at, &past) != 0)
			continue;
		int error = srd_stat(past, turn->keys.text[i], turn->keys.len[i], &st);
		FUZZ_EXPECT_AGREES(turn, error == 0 && st.kind == found.kind && st.size == found.size);
		srd_copy(past, turn->keys.text[i], turn->keys.len[i], store, turn->keys.text[i], turn->keys.len[i]);
		srd_close(past);
	}
}

void fuzz_past(struct fuzz_turn *turn)
{
	char text[SRD_NAME_MAX + 1];
	srd_store *store;

	if (srd_open(fuzz_path(), SRD_NOSYNC, &store) != 0)
		return;
	for (int i = 0; i < 3; i++) {
		const char *point = fuzz_point(turn, store, text);
		if (point)
			look_at(turn, store, point);
	}
	look_at(turn, store, "1");
	look_for_deleted(turn, store);
	srd_close(store);
}

/* ---- As it might be: nobody else sees that before it is committed ---- */

void fuzz_aside(struct fuzz_turn *turn)
{
	srd_store *store, *view;

	if (srd_open(fuzz_path(), SRD_NOSYNC, &store) != 0)
		return;
	if (srd_transaction_begin(store, &view) == 0) {
		fuzz_list(turn, view);
		uint64_t outside = fuzz_digest(store, true);
		fuzz_change_all(turn, view);
		FUZZ_EXPECT_AGREES(turn, fuzz_digest(store, true) == outside);
		/* All of it has the time of its commit. */
		uint64_t inside = fuzz_digest(view, false);
		if (srd_transaction_commit(view, NULL, 0) == 0)
			FUZZ_EXPECT_AGREES(turn, fuzz_digest(store, false) == inside);
		srd_close(view);
	}
	srd_close(store);
}

/* ---- As it was named ---- */

/* A name among those that the log has keeps what it stands for. */
static void rename_one(struct fuzz_turn *turn, srd_store *store)
{
	char text[SRD_NAME_MAX + 1];
	const char *name = pick_snapshot(store, fuzz_choose(turn), text);

	if (!name)
		return;
	uint64_t was = fuzz_digest_at(store, name);
	if (srd_snapshot_rename(store, name, "renamed") == 0)
		FUZZ_EXPECT_AGREES(turn, fuzz_digest_at(store, "renamed") == was);
	if (fuzz_choose(turn) & 1)
		srd_snapshot_delete(store, "renamed");
}

void fuzz_snapshots(struct fuzz_turn *turn)
{
	struct srd_compact_options options = { 0 };
	struct srd_compacted result;
	srd_store *store;

	if (srd_open(fuzz_path(), SRD_NOSYNC, &store) != 0)
		return;
	rename_one(turn, store);
	fuzz_list(turn, store);
	uint64_t was = fuzz_digest(store, true);
	bool made = srd_snapshot_create(store, "made") == 0;
	fuzz_change_all(turn, store);
	if (made)
		FUZZ_EXPECT_AGREES(turn, fuzz_digest_at(store, "made") == was);
	srd_compact(store, &options, &result);
	if (made)
		FUZZ_EXPECT_AGREES(turn, fuzz_digest_at(store, "made") == was);
	srd_close(store);
}
