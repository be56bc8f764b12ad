/* SPDX-License-Identifier: Apache-2.0 */
/*
 * past.c - what the nodes of the past do, by their kind.
 *
 *     TOP  -'at'->         AT         -POINT->  VIEW (root)  -NAME->  VIEW ...
 *          -'snapshots'->  SNAPSHOTS  -NAME->   VIEW (root)
 *          -'versions'->   VERSIONS                            past_tree.c
 *          -'deleted'->    DELETED                             likewise
 */
#include "config.h"

#include "fs/past_tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "fs/space.h"
#include "fs/xattr.h"

enum { POS_DOT = 0, POS_DOT_DOT = 1, POS_ENTRIES = 2 };

/* ---- Inode numbers ---- */

uint64_t srd_past_number(const struct srd_past_node *node)
{
	/* A version that is alone is what it is in the view of that commit. */
	bool is_version = node->kind == SRD_PAST_VIEW || node->kind == SRD_PAST_ALONE;
	uint64_t mixed = node->sequence + (is_version ? 0 : ((uint64_t)node->kind << 56) + node->at);

	mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
	return SRD_PAST_BIT | ((mixed ^ mixed >> 31) + node->ino);
}

/* ---- Set-up ---- */

int srd_past_new(struct srd_fs *fs, struct srd_store *store, void *memory, struct srd_past **out)
{
	struct srd_past *past = calloc(1, sizeof *past);
	int error = past ? srd_past_nodes_init(&past->nodes, memory) : -ENOMEM;

	if (error) {
		free(past);
		return error;
	}
	past->fs = past->now = fs;
	past->store = store;
	srd_past_views_init(&past->views, store, fs->say, fs->user);
	srd_past_lists_init(&past->lists, store);
	if (store != fs->store)
		error = srd_fs_new(store, fs->say, fs->user, &past->now);
	if (error) {
		past->now = fs;
		srd_past_free(past);
		return error;
	}
	*out = past;
	return 0;
}

void srd_past_free(struct srd_past *past)
{
	if (!past)
		return;
	srd_past_lists_release(&past->lists);
	srd_past_views_release(&past->views);
	if (past->now != past->fs)
		srd_fs_free(past->now);
	srd_past_nodes_release(&past->nodes);
	free(past);
}

/* ---- Directories that are there always ---- */

/* As the root is, but for who may write. */
static int stat_fixed(struct srd_past *past, const struct srd_past_node *node, struct stat *st)
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

static int find_in_top(const char *name, struct srd_past_node *found)
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
		const uint8_t *text = snap->name_len ? state->source.at(state->source.user, snap->name, snap->name_len) : NULL;
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

/* ---- Views ---- */

static bool is_in_view(const struct srd_past_node *node)
{
	return node->kind == SRD_PAST_VIEW || node->kind == SRD_PAST_ALONE;
}

static bool is_in_tree(const struct srd_past_node *node)
{
	return node->kind == SRD_PAST_VERSIONS || node->kind == SRD_PAST_DELETED;
}

/* Attributes of a directory that is in no view. */
static int stat_directory(struct srd_past *past, const struct srd_past_node *node, struct stat *st)
{
	return is_in_tree(node) ? srd_past_tree_stat(past, node, st, NULL) : stat_fixed(past, node, st);
}

/* The view that NODE is in; -EISDIR: it is a directory that is in none. */
static int enter(struct srd_past *past, uint64_t id, struct srd_past_node *node, struct srd_past_view **view)
{
	int error = srd_past_nodes_get(&past->nodes, id, node);

	if (error)
		return error;
	return is_in_view(node) ? srd_past_view_get(&past->views, node, view) : -EISDIR;
}

static int stat_in(const struct srd_past_view *view, const struct srd_past_node *node, struct stat *st,
                   struct timespec *birth)
{
	int error = srd_fs_get_attr(view->fs, node->ino, st);

	if (!error && birth)
		error = srd_fs_birth(view->fs, node->ino, birth);
	st->st_ino = srd_past_number(node);
	return error;
}

/* What NAME leads to, and its attributes. */
static int find_in_view(struct srd_past *past, const struct srd_past_node *dir, const char *name,
                        struct srd_past_node *found, struct stat *st)
{
	struct srd_past_view *view;
	int error = srd_past_view_get(&past->views, dir, &view);

	if (error)
		return error;
	error = srd_fs_lookup(view->fs, dir->ino, name, st);
	if (!error) {
		srd_fs_forget(view->fs, st->st_ino, 1);   /* nothing in it goes */
		*found = *dir;
		found->ino = st->st_ino;
		st->st_ino = srd_past_number(found);
	}
	srd_past_view_put(&past->views, view);
	return error;
}

/* The root of the view behind SEQUENCE, if there is such a point. */
static int find_root(struct srd_past *past, uint64_t sequence, struct srd_past_node *found, struct stat *st)
{
	struct srd_past_view *view;

	*found = (struct srd_past_node){ .kind = SRD_PAST_VIEW, .sequence = sequence, .ino = SRD_ROOT_INO };
	int error = srd_past_view_get(&past->views, found, &view);
	if (error)
		return error == -ESTALE ? -ENOENT : error;
	error = stat_in(view, found, st, NULL);
	srd_past_view_put(&past->views, view);
	return error;
}

/* An entry of a view as one of ours. */
struct listing {
	struct srd_past *past;
	const struct srd_past_node *dir;
	srd_past_fill *fill;
	void *user;
};

static bool fill_from_view(void *user, const char *name, const struct stat *there, uint64_t next, bool whole)
{
	const struct listing *listing = user;
	struct srd_past_node node = *listing->dir;
	struct stat st = *there;
	uint64_t id = 0;

	node.ino = there->st_ino;
	st.st_ino = srd_past_number(&node);
	/* Where there are too many it is not told what it is. */
	if (whole && srd_past_nodes_pin(&listing->past->nodes, &node, &id) != 0)
		id = 0;
	if (listing->fill(listing->user, name, id, &st, next))
		return true;
	if (id)
		srd_past_forget(listing->past, id, 1);
	return false;
}

/* ---- By kind ---- */

static int find(struct srd_past *past, const struct srd_past_node *dir, const char *name,
                struct srd_past_node *found, struct srd_past_entry *entry)
{
	uint64_t sequence;
	int error = 0;

	entry->settled = true;
	switch (dir->kind) {
	case SRD_PAST_TOP:
		error = find_in_top(name, found);
		return error ? error : stat_directory(past, found, &entry->st);
	case SRD_PAST_AT:
		error = srd_past_views_find(&past->views, name, &sequence, &entry->settled);
		return error ? error : find_root(past, sequence, found, &entry->st);
	case SRD_PAST_SNAPSHOTS:
		entry->settled = false;
		return srd_past_snapshot(past->store, name, &sequence) ? find_root(past, sequence, found, &entry->st) : -ENOENT;
	case SRD_PAST_VIEW:
		return find_in_view(past, dir, name, found, &entry->st);
	case SRD_PAST_VERSIONS:
	case SRD_PAST_DELETED:
		entry->settled = false;
		return srd_past_tree_find(past, dir, name, found, &entry->st);
	default:
		return -ESTALE;
	}
}

int srd_past_enter(struct srd_past *past, struct srd_past_entry *entry)
{
	struct srd_past_node top = { .kind = SRD_PAST_TOP, .ino = SRD_ROOT_INO };
	int error = stat_fixed(past, &top, &entry->st);

	entry->settled = true;
	entry->lasts = false;
	return error ? error : srd_past_nodes_pin(&past->nodes, &top, &entry->id);
}

int srd_past_lookup(struct srd_past *past, uint64_t dir_id, const char *name, struct srd_past_entry *entry)
{
	struct srd_past_node dir, found;
	int error = srd_past_nodes_get(&past->nodes, dir_id, &dir);

	if (!error && dir.kind < SRD_PAST_FIXED_END && strcmp(name, ".") == 0) {
		found = dir;
		error = stat_fixed(past, &found, &entry->st);
	} else if (!error && dir.kind < SRD_PAST_FIXED_END && strcmp(name, "..") == 0) {
		return srd_past_enter(past, entry);
	} else if (!error) {
		error = find(past, &dir, name, &found, entry);
	}
	if (error)
		return error;
	entry->lasts = is_in_view(&found);
	return srd_past_nodes_pin(&past->nodes, &found, &entry->id);
}

void srd_past_forget(struct srd_past *past, uint64_t id, uint64_t count)
{
	struct srd_past_node node;

	/* What is below a root is forgotten before it, as a rule; else it is opened again. */
	if (srd_past_nodes_forget(&past->nodes, id, count, &node) &&
	    (node.at || (node.kind == SRD_PAST_VIEW && node.ino == SRD_ROOT_INO)))
		srd_past_view_drop(&past->views, &node);
}

int srd_past_get_attr(struct srd_past *past, uint64_t id, struct stat *st, struct timespec *birth, bool *lasts)
{
	struct srd_past_view *view;
	struct srd_past_node node;
	int error = enter(past, id, &node, &view);

	*lasts = !error;
	if (error == -EISDIR && is_in_tree(&node))
		return srd_past_tree_stat(past, &node, st, birth);
	if (error == -EISDIR) {
		error = stat_fixed(past, &node, st);
		if (!error && birth)
			error = srd_fs_birth(past->fs, SRD_ROOT_INO, birth);
		return error;
	}
	if (error)
		return error;
	error = stat_in(view, &node, st, birth);
	srd_past_view_put(&past->views, view);
	return error;
}

int srd_past_read_link(struct srd_past *past, uint64_t id, char *target, size_t size)
{
	struct srd_past_view *view;
	struct srd_past_node node;
	int error = enter(past, id, &node, &view);

	if (error)
		return error == -EISDIR ? -EINVAL : error;
	error = srd_fs_read_link(view->fs, node.ino, target, size);
	srd_past_view_put(&past->views, view);
	return error;
}

ssize_t srd_past_get_xattr(struct srd_past *past, uint64_t id, const char *name, void *value, size_t size)
{
	struct srd_past_view *view;
	struct srd_past_node node;
	int error = enter(past, id, &node, &view);

	if (error)
		return error != -EISDIR ? error : !is_in_tree(&node) ? -ENODATA
		       : srd_past_tree_get_xattr(past, &node, name, value, size);
	ssize_t len = srd_fs_get_xattr(view->fs, node.ino, name, value, size);
	srd_past_view_put(&past->views, view);
	return len;
}

ssize_t srd_past_list_xattr(struct srd_past *past, uint64_t id, bool privileged, char *list, size_t size)
{
	struct srd_past_view *view;
	struct srd_past_node node;
	int error = enter(past, id, &node, &view);

	if (error)
		return error != -EISDIR ? error : !is_in_tree(&node) ? 0
		       : srd_past_tree_list_xattr(past, &node, privileged, list, size);
	ssize_t len = srd_fs_list_xattr(view->fs, node.ino, privileged, list, size);
	srd_past_view_put(&past->views, view);
	return len;
}

/* ---- Files ---- */

int srd_past_open(struct srd_past *past, uint64_t id, int flags, struct srd_past_view **view)
{
	struct srd_past_node node;

	if ((flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC)
		return -EROFS;
	return enter(past, id, &node, view);
}

void srd_past_close(struct srd_past *past, struct srd_past_view *view)
{
	srd_past_view_put(&past->views, view);
}

ssize_t srd_past_read(struct srd_past *past, uint64_t id, uint64_t pos, void *data, size_t len)
{
	struct srd_past_view *view;
	struct srd_past_node node;
	int error = enter(past, id, &node, &view);

	if (error)
		return error;
	ssize_t got = srd_fs_read_content(view->fs, node.ino, NULL, pos, data, len);
	srd_past_view_put(&past->views, view);
	return got;
}

int srd_past_seek(struct srd_past *past, uint64_t id, uint64_t pos, int whence, uint64_t *found)
{
	struct srd_past_view *view;
	struct srd_past_node node;
	int error = enter(past, id, &node, &view);

	if (error)
		return error;
	struct srd_file file = { .inode = srd_open_get(view->fs, node.ino) };
	error = file.inode ? srd_fs_seek(view->fs, &file, pos, whence, found) : -ENOMEM;
	if (file.inode)
		srd_open_put(view->fs, file.inode);
	srd_past_view_put(&past->views, view);
	return error;
}

/* ---- Directories ---- */

int srd_past_open_dir(struct srd_past *past, uint64_t id, struct srd_past_dir **out)
{
	struct srd_past_dir *dir = calloc(1, sizeof *dir);
	struct srd_past_node node;
	struct stat st;
	int error = dir ? enter(past, id, &node, &dir->view) : -ENOMEM;

	/* What was there when the kernel looked may be there no more: it is to look again. */
	if (error == -EISDIR)
		error = stat_directory(past, &node, &st);
	if (error) {
		free(dir);
		return error;
	}
	dir->place.ino = node.ino;
	*out = dir;
	return 0;
}

void srd_past_close_dir(struct srd_past *past, struct srd_past_dir *dir)
{
	if (dir->view)
		srd_past_view_put(&past->views, dir->view);
	if (dir->list)
		srd_past_list_put(&past->lists, dir->list);
	free(dir);
}

static int list_view(struct srd_past *past, const struct srd_past_node *node, struct srd_past_dir *dir, uint64_t pos,
                     bool plus, srd_past_fill *fill, void *user)
{
	struct listing listing = { .past = past, .dir = node, .fill = fill, .user = user };
	struct srd_dir spare = { .ino = node->ino };
	struct srd_past_view *view;
	int error = srd_past_view_get(&past->views, node, &view);

	if (error)
		return error;
	error = srd_fs_read_dir(view->fs, dir ? &dir->place : &spare, pos, plus, fill_from_view, &listing);
	srd_past_view_put(&past->views, view);
	return error;
}

int srd_past_read_dir(struct srd_past *past, uint64_t id, struct srd_past_dir *dir, uint64_t pos, bool plus,
                      srd_past_fill *fill, void *user)
{
	struct srd_past_node node;
	int error = srd_past_nodes_get(&past->nodes, id, &node);

	if (error)
		return error;
	if (node.kind == SRD_PAST_VIEW)
		return list_view(past, &node, dir, pos, plus, fill, user);
	if (is_in_tree(&node))
		return srd_past_tree_list(past, &node, dir, pos, fill, user);
	if (pos < POS_ENTRIES && !srd_past_fill_dots(&node, pos, fill, user))
		return 0;
	pos = SRD_MAX(pos, (uint64_t)POS_ENTRIES);
	if (node.kind == SRD_PAST_TOP)
		list_top(pos, fill, user);
	return node.kind == SRD_PAST_SNAPSHOTS ? list_snapshots(past, pos, fill, user) : 0;
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
