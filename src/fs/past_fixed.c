/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fs/past_fixed.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"

enum { POS_DOT = 0, POS_DOT_DOT = 1, POS_ENTRIES = 2 };

int srd_past_fixed_stat(struct srd_past *past, const struct srd_past_node *node, struct stat *st)
{
	int error = srd_fs_get_attr(past->fs, SRD_ROOT_INO, st);

	st->st_ino = srd_past_number(node);
	st->st_mode = S_IFDIR | (node->kind == SRD_PAST_SNAPSHOTS ? 0755 : 0555);
	st->st_nlink = 1;   /* how many are in it is not counted */
	return error;
}

bool srd_past_fill_dots(const struct srd_past_node *node, uint64_t pos, srd_past_fill *fill, void *user)
{
	struct srd_past_node top = { .kind = SRD_PAST_TOP, .ino = SRD_ROOT_INO };
	struct stat st = { .st_ino = srd_past_number(node), .st_mode = S_IFDIR };

	if (pos == POS_DOT && !fill(user, ".", 0, &st, POS_DOT_DOT))
		return false;
	st.st_ino = node->kind == SRD_PAST_TOP ? SRD_ROOT_INO : srd_past_number(&top);
	return pos > POS_DOT_DOT || fill(user, "..", 0, &st, POS_ENTRIES);
}

static const struct { enum srd_past_kind kind; const char *name; } in_top[] = {
	{ SRD_PAST_AT, "at" }, { SRD_PAST_DELETED, "deleted" }, { SRD_PAST_SNAPSHOTS, "snapshots" },
	{ SRD_PAST_VERSIONS, "versions" },
};

int srd_past_fixed_find(const char *name, struct srd_past_node *found)
{
	for (size_t i = 0; i < SRD_LEN(in_top); i++) {
		if (strcmp(in_top[i].name, name) == 0) {
			*found = (struct srd_past_node){ .kind = in_top[i].kind, .ino = SRD_ROOT_INO };
			return 0;
		}
	}
	return -ENOENT;
}

static void list_top(uint64_t pos, srd_past_fill *fill, void *user)
{
	for (uint64_t i = pos - POS_ENTRIES; i < SRD_LEN(in_top); i++) {
		struct srd_past_node node = { .kind = in_top[i].kind, .ino = SRD_ROOT_INO };
		struct stat st = { .st_ino = srd_past_number(&node), .st_mode = S_IFDIR };
		if (!fill(user, in_top[i].name, 0, &st, i + 1 + POS_ENTRIES))
			return;
	}
}

/* In the order of the table, which they keep. */
static int list_snapshots(struct srd_past *past, uint64_t pos, srd_past_fill *fill, void *user)
{
	const struct srd_state *state = &past->store->state;
	unsigned stripe;
	bool room = true;
	int error = srd_store_read(past->store, &stripe);

	for (uint64_t i = pos - POS_ENTRIES + 1; !error && room && i < state->snapshots.count; i++) {
		const struct srd_snap *snap = srd_snap_at(state, (uint32_t)i);
		const uint8_t *text = snap->name_len ? srd_source_at(&state->source, snap->name, snap->name_len) : NULL;
		struct srd_past_node node = { .kind = SRD_PAST_VIEW, .sequence = snap->sequence - 1, .ino = SRD_ROOT_INO };
		struct stat st = { .st_ino = srd_past_number(&node), .st_mode = S_IFDIR };
		char name[SRD_NAME_MAX + 1];
		if (!text)
			continue;
		snprintf(name, sizeof name, "%.*s", snap->name_len, (const char *)text);
		room = fill(user, name, 0, &st, i + POS_ENTRIES);
	}
	return error ? error : srd_store_done(past->store, stripe);
}

int srd_past_fixed_list(struct srd_past *past, const struct srd_past_node *node, uint64_t pos, srd_past_fill *fill,
                        void *user)
{
	if (pos < POS_ENTRIES && !srd_past_fill_dots(node, pos, fill, user))
		return 0;
	pos = SRD_MAX(pos, (uint64_t)POS_ENTRIES);
	if (node->kind == SRD_PAST_TOP)
		list_top(pos, fill, user);
	return node->kind == SRD_PAST_SNAPSHOTS ? list_snapshots(past, pos, fill, user) : 0;
}

/* ---- Snapshots ---- */

static int check_snapshots(struct srd_past *past, uint64_t dir)
{
	/* One of a transaction would not be of what it shows. */
	if (dir != (SRD_PAST_BIT | SRD_PAST_SNAPSHOTS) || past->store != past->fs->store)
		return -EROFS;
	return 0;
}

int srd_past_make(struct srd_past *past, uint64_t dir, const char *name, struct srd_past_entry *entry)
{
	int error = check_snapshots(past, dir);

	if (!error)
		error = srd_committer_flush(past->fs);
	if (!error)
		error = srd_store_snapshot(past->store, name);
	return error ? error : srd_past_lookup(past, dir, name, entry);
}

int srd_past_remove(struct srd_past *past, uint64_t dir, const char *name)
{
	int error = check_snapshots(past, dir);

	return error ? error : srd_store_snapshot_delete(past->store, name);
}

int srd_past_rename(struct srd_past *past, uint64_t dir, const char *name, uint64_t new_dir, const char *new_name,
                    unsigned flags)
{
	if (dir != new_dir)
		return -EXDEV;
	int error = check_snapshots(past, dir);
	if (!error && flags & ~(unsigned)RENAME_NOREPLACE)
		error = -EINVAL;
	if (!error)
		error = srd_store_snapshot_rename(past->store, name, new_name);
	return error;
}
