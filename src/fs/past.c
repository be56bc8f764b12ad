/* SPDX-License-Identifier: Apache-2.0 */
/*
 * past.c - what the nodes of the past do, by their kind.
 *
 *     TOP  -'at'->         AT         -POINT->  VIEW (root)  -NAME->  VIEW ...
 *          -'snapshots'->  SNAPSHOTS  -NAME->   VIEW (root)
 *          -'versions'->   VERSIONS                            past_tree.c
 *          -'deleted'->    DELETED                             likewise
 *
 * The directories that are there always are in past_fixed.c, reading any in past_dir.c.
 */
#include "config.h"

#include "fs/past_fixed.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "fs/past_tree.h"
#include "fs/space.h"
#include "fs/xattr.h"

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

/* ---- Views ---- */

static bool is_in_view(const struct srd_past_node *node)
{
	return node->kind == SRD_PAST_VIEW || node->kind == SRD_PAST_ALONE;
}

int srd_past_stat_directory(struct srd_past *past, const struct srd_past_node *node, struct stat *st)
{
	return srd_past_tree_has(node) ? srd_past_tree_stat(past, node, st, NULL) : srd_past_fixed_stat(past, node, st);
}

int srd_past_view_of(struct srd_past *past, uint64_t id, struct srd_past_node *node, struct srd_past_view **view)
{
	int error = srd_past_nodes_get(&past->nodes, id, node);

	if (error)
		return error;
	return is_in_view(node) ? srd_past_view_get(&past->views, node, view) : -EISDIR;
}

int srd_past_attr(struct srd_fs *fs, uint64_t ino, struct stat *st, struct timespec *birth)
{
	int error = srd_fs_get_attr(fs, ino, st);

	if (!error && birth)
		error = srd_fs_birth(fs, ino, birth);
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
	error = srd_fs_get_attr(view->fs, found->ino, st);
	st->st_ino = srd_past_number(found);
	srd_past_view_put(&past->views, view);
	return error;
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
		error = srd_past_fixed_find(name, found);
		return error ? error : srd_past_stat_directory(past, found, &entry->st);
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
	int error = srd_past_fixed_stat(past, &top, &entry->st);

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
		error = srd_past_fixed_stat(past, &found, &entry->st);
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
	int error = srd_past_view_of(past, id, &node, &view);

	*lasts = !error;
	if (error == -EISDIR && srd_past_tree_has(&node))
		return srd_past_tree_stat(past, &node, st, birth);
	if (error == -EISDIR) {
		error = srd_past_fixed_stat(past, &node, st);
		if (!error && birth)
			error = srd_fs_birth(past->fs, SRD_ROOT_INO, birth);
		return error;
	}
	if (error)
		return error;
	error = srd_past_attr(view->fs, node.ino, st, birth);
	st->st_ino = srd_past_number(&node);
	srd_past_view_put(&past->views, view);
	return error;
}

int srd_past_read_link(struct srd_past *past, uint64_t id, char *target, size_t size)
{
	struct srd_past_view *view;
	struct srd_past_node node;
	int error = srd_past_view_of(past, id, &node, &view);

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
	int error = srd_past_view_of(past, id, &node, &view);

	if (error)
		return error != -EISDIR ? error : !srd_past_tree_has(&node) ? -ENODATA
		       : srd_past_tree_get_xattr(past, &node, name, value, size);
	ssize_t len = srd_fs_get_xattr(view->fs, node.ino, name, value, size);
	srd_past_view_put(&past->views, view);
	return len;
}

ssize_t srd_past_list_xattr(struct srd_past *past, uint64_t id, bool privileged, char *list, size_t size)
{
	struct srd_past_view *view;
	struct srd_past_node node;
	int error = srd_past_view_of(past, id, &node, &view);

	if (error)
		return error != -EISDIR ? error : !srd_past_tree_has(&node) ? 0
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
	return srd_past_view_of(past, id, &node, view);
}

void srd_past_close(struct srd_past *past, struct srd_past_view *view)
{
	srd_past_view_put(&past->views, view);
}

ssize_t srd_past_read(struct srd_past *past, uint64_t id, uint64_t pos, void *data, size_t len)
{
	struct srd_past_view *view;
	struct srd_past_node node;
	int error = srd_past_view_of(past, id, &node, &view);

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
	int error = srd_past_view_of(past, id, &node, &view);

	if (error)
		return error;
	struct srd_file file = { .inode = srd_open_get(view->fs, node.ino) };
	error = file.inode ? srd_fs_seek(view->fs, &file, pos, whence, found) : -ENOMEM;
	if (file.inode)
		srd_open_put(view->fs, file.inode);
	srd_past_view_put(&past->views, view);
	return error;
}
