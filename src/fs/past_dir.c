/* SPDX-License-Identifier: Apache-2.0 */
/* past_dir.c - directories of the past, open and read, by what they are. */
#include "config.h"

#include "fs/past_fixed.h"

#include <stdlib.h>

#include "fs/past_tree.h"

int srd_past_open_dir(struct srd_past *past, uint64_t id, struct srd_past_dir **out)
{
	struct srd_past_dir *dir = calloc(1, sizeof *dir);
	struct srd_past_node node;
	struct stat st;
	int error = dir ? srd_past_view_of(past, id, &node, &dir->view) : -ENOMEM;

	/* What was there when the kernel looked may be there no more: it is to look again. */
	if (error == -EISDIR)
		error = srd_past_stat_directory(past, &node, &st);
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
	if (srd_past_tree_has(&node))
		return srd_past_tree_list(past, &node, dir, pos, fill, user);
	return srd_past_fixed_list(past, &node, pos, fill, user);
}
