/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fs/past_tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "fs/xattr.h"

enum { SKIPPED_MAX = 1024 };   /* entries under one hold of the state that are not shown */
#define POS_ITEMS (UINT64_C(3) << 61)   /* behind all that a directory has now */

static struct srd_past_node present_node(const struct srd_past_node *dir, uint64_t ino)
{
	return (struct srd_past_node){ .kind = dir->kind, .ino = ino };
}

/* What an item of a list of NODE's is. */
static struct srd_past_node item_node(const struct srd_past_node *dir, const struct srd_past_list *list,
                                      const struct srd_past_item *item)
{
	if (S_ISDIR(item->mode))
		return (struct srd_past_node){ .kind = dir->kind, .ino = item->ino, .at = item->at,
		                               .generation = list->of.generation };
	return (struct srd_past_node){ .kind = SRD_PAST_ALONE, .sequence = item->sequence, .ino = item->ino, .at = item->at,
	                               .generation = list->of.generation };
}

static bool is_shown(enum srd_past_kind kind, mode_t mode)
{
	return S_ISDIR(mode) || (kind == SRD_PAST_VERSIONS && S_ISREG(mode));
}

/* ---- Attributes ---- */

static int stat_gone(struct srd_past *past, const struct srd_past_node *node, struct stat *st, struct timespec *birth)
{
	struct srd_past_view *view;
	int error = srd_past_view_get(&past->views, node, &view);

	if (error)
		return error;
	error = srd_past_attr(view->fs, node->ino, st, birth);
	srd_past_view_put(&past->views, view);
	return error;
}

static int stat_present(struct srd_past *past, const struct srd_past_node *node, struct stat *st, struct timespec *birth)
{
	int error = srd_past_attr(past->now, node->ino, st, birth);

	/* It may be here only because somebody has it open. */
	return error ? error : st->st_nlink == 0 ? -ESTALE : 0;
}

/* What was here may have been kept from others by modes of directories that are not what they were:
 * so whoever owns the file, or directory, now has what was in it to himself. */
static void close_to_others(const struct srd_past_node *node, struct stat *st)
{
	if (!S_ISDIR(st->st_mode)) {
		st->st_mode = S_IFDIR | (st->st_mode & 0400) | (st->st_mode & 0400) >> 2;
		st->st_size = 0;
		st->st_blocks = 0;
	} else if (node->kind == SRD_PAST_DELETED && !node->at) {
		st->st_mode &= S_IFMT | 0700;
	}
}

int srd_past_tree_stat(struct srd_past *past, const struct srd_past_node *node, struct stat *st, struct timespec *birth)
{
	int error = node->at ? stat_gone(past, node, st, birth) : stat_present(past, node, st, birth);

	if (error)
		return error;
	if (!is_shown(node->kind, st->st_mode))
		return -ENOENT;
	close_to_others(node, st);
	st->st_nlink = 1;   /* how many are in it is not counted */
	st->st_ino = srd_past_number(node);
	return 0;
}

/* ---- Extended attributes: of directories, but where what others may do is not for lists to say ---- */

/* The file system that has those of NODE, and *VIEW, if that is to be given back; NULL: none has, or *ERROR. */
static struct srd_fs *enter(struct srd_past *past, const struct srd_past_node *node, struct srd_past_view **view, int *error)
{
	struct stat st;

	*view = NULL;
	*error = node->at ? srd_past_view_get(&past->views, node, view) : srd_fs_get_attr(past->now, node->ino, &st);
	if (*error || node->at)
		return *error ? NULL : (*view)->fs;
	return node->kind == SRD_PAST_VERSIONS && S_ISDIR(st.st_mode) ? past->now : NULL;
}

static void leave(struct srd_past *past, struct srd_past_view *view)
{
	if (view)
		srd_past_view_put(&past->views, view);
}

ssize_t srd_past_tree_get_xattr(struct srd_past *past, const struct srd_past_node *node, const char *name, void *value,
                                size_t size)
{
	struct srd_past_view *view;
	int error;
	struct srd_fs *fs = enter(past, node, &view, &error);
	ssize_t len = fs ? srd_fs_get_xattr(fs, node->ino, name, value, size) : error ? error : -ENODATA;

	leave(past, view);
	return len;
}

ssize_t srd_past_tree_list_xattr(struct srd_past *past, const struct srd_past_node *node, bool privileged, char *list,
                                 size_t size)
{
	struct srd_past_view *view;
	int error;
	struct srd_fs *fs = enter(past, node, &view, &error);
	ssize_t len = fs ? srd_fs_list_xattr(fs, node->ino, privileged, list, size) : error;

	leave(past, view);
	return len;
}

/* ---- Looking up ---- */

/* A number as it is listed. */
static bool parse_number(const char *text, uint64_t *number)
{
	char again[24];

	*number = strtoull(text, NULL, 10);
	snprintf(again, sizeof again, "%" PRIu64, *number);
	return strcmp(again, text) == 0;
}

/* A directory in whose place another was made counts as long as somebody is in it: who restores it
 * there is not to find himself in what he makes. */
static int find_item(struct srd_past *past, const struct srd_past_node *dir, const char *name, struct srd_past_node *found)
{
	struct srd_past_list *list;
	uint64_t number;
	int error = srd_past_list_get(&past->lists, dir, &list);

	if (error)
		return error;
	const struct srd_past_item *item = dir->kind == SRD_PAST_DELETED ? srd_past_list_deleted(list, name)
	                                   : parse_number(name, &number) ? srd_past_list_version(list, number) : NULL;
	if (item)
		*found = item_node(dir, list, item);
	if (item && item->is_covered && !srd_past_nodes_is_in_use(&past->nodes, found))
		item = NULL;
	srd_past_list_put(&past->lists, list);
	return item ? 0 : -ENOENT;
}

/* What NAME is now; -ENOENT also if it is none that is shown. */
static int find_present(struct srd_past *past, const struct srd_past_node *dir, const char *name,
                        struct srd_past_node *found)
{
	struct stat st;
	int error = srd_fs_lookup(past->now, dir->ino, name, &st);

	if (error)
		return error;
	srd_fs_forget(past->now, st.st_ino, 1);
	*found = present_node(dir, st.st_ino);
	return is_shown(dir->kind, st.st_mode) ? 0 : -ENOENT;
}

static int find(struct srd_past *past, const struct srd_past_node *dir, const char *name, struct srd_past_node *found)
{
	struct srd_past_node present;
	struct stat st;
	int error = dir->at ? 0 : stat_present(past, dir, &st, NULL);

	if (error)
		return error;
	if (dir->at || !S_ISDIR(st.st_mode))
		return find_item(past, dir, name, found);
	int here = find_present(past, dir, name, &present);
	error = dir->kind == SRD_PAST_DELETED && (here == 0 || here == -ENOENT) ? find_item(past, dir, name, found) : here;
	if (here == 0 && (error == -ENOENT || dir->kind != SRD_PAST_DELETED)) {
		*found = present;
		return 0;
	}
	return error;
}

int srd_past_tree_find(struct srd_past *past, const struct srd_past_node *dir, const char *name,
                       struct srd_past_node *found, struct stat *st)
{
	int error = 0;

	if (strcmp(name, ".") == 0)
		*found = *dir;
	else
		error = find(past, dir, name, found);
	if (error || found->kind != SRD_PAST_ALONE)
		return error ? error : srd_past_tree_stat(past, found, st, NULL);
	error = stat_gone(past, found, st, NULL);
	st->st_ino = srd_past_number(found);
	return error;
}

/* ---- Listing ---- */

/* Entries that are there now, those left out that are not shown. */
struct present {
	const struct srd_past_node *dir;
	srd_past_fill *fill;
	void *user;
	uint64_t pos;             /* behind the last one */
	unsigned skipped;
	bool full;                /* there is no more room */
};

static bool fill_present(void *user, const char *name, const struct stat *there, uint64_t next, bool whole)
{
	struct present *present = user;
	const struct srd_past_node node = present_node(present->dir, there->st_ino);
	struct stat st = { .st_ino = srd_past_number(&node), .st_mode = S_IFDIR };
	(void)whole;

	if (present->skipped == SKIPPED_MAX)
		return false;
	if (is_shown(present->dir->kind, there->st_mode))
		present->full = !present->fill(present->user, name, 0, &st, next);
	else
		present->skipped++;
	if (!present->full)
		present->pos = next;
	return !present->full;
}

/* *FULL: there is no more room. */
static int list_present(struct srd_past *past, const struct srd_past_node *node, struct srd_past_dir *dir, uint64_t pos,
                        srd_past_fill *fill, void *user, bool *full)
{
	struct present present = { .dir = node, .fill = fill, .user = user, .pos = pos };
	struct srd_dir spare = { .ino = node->ino };
	int error;

	do {
		present.skipped = 0;
		error = srd_fs_read_dir(past->now, dir ? &dir->place : &spare, present.pos, false, fill_present, &present);
	} while (!error && present.skipped == SKIPPED_MAX);
	*full = present.full;
	return error;
}

/* The list that DIR has, if it is read further, or a new one. */
static int take_list(struct srd_past *past, const struct srd_past_node *node, struct srd_past_dir *dir, uint64_t pos,
                     struct srd_past_list **list)
{
	if (dir && dir->list && pos != POS_ITEMS) {
		*list = dir->list;
		return 0;
	}
	int error = srd_past_list_get(&past->lists, node, list);
	if (error || !dir)
		return error;
	if (dir->list)
		srd_past_list_put(&past->lists, dir->list);
	dir->list = *list;
	return 0;
}

static int list_items(struct srd_past *past, const struct srd_past_node *node, struct srd_past_dir *dir, uint64_t pos,
                      srd_past_fill *fill, void *user)
{
	struct srd_past_list *list;
	char name[SRD_NAME_MAX + 1];
	bool room = true;
	int error = take_list(past, node, dir, pos, &list);

	for (uint64_t i = pos - POS_ITEMS; !error && room && i < list->count; i++) {
		const struct srd_past_item *item = &list->items[i];
		if (item->is_covered)
			continue;
		const struct srd_past_node found = item_node(node, list, item);
		struct stat st = { .st_ino = srd_past_number(&found), .st_mode = item->mode & S_IFMT };
		if (node->kind == SRD_PAST_VERSIONS)
			snprintf(name, sizeof name, "%" PRIu64, item->sequence);
		else
			snprintf(name, sizeof name, "%.*s", item->name_len, list->text + item->name);
		room = fill(user, name, 0, &st, POS_ITEMS + i + 1);
	}
	if (!error && !dir)
		srd_past_list_put(&past->lists, list);
	return error;
}

int srd_past_tree_list(struct srd_past *past, const struct srd_past_node *node, struct srd_past_dir *dir, uint64_t pos,
                       srd_past_fill *fill, void *user)
{
	bool full = false;
	struct stat st = { .st_mode = S_IFREG };
	int error = pos >= POS_ITEMS || node->at ? 0 : srd_fs_get_attr(past->now, node->ino, &st);

	if (!error && pos < POS_ITEMS && S_ISDIR(st.st_mode)) {
		error = list_present(past, node, dir, pos, fill, user, &full);
		if (error || full || node->kind == SRD_PAST_VERSIONS)
			return error;
	} else if (!error && pos < POS_ITEMS && !srd_past_fill_dots(node, pos, fill, user)) {
		return 0;
	}
	return error ? error : list_items(past, node, dir, SRD_MAX(pos, POS_ITEMS), fill, user);
}
