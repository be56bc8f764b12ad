/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys become again what they were: files by naming the bytes that the log has anyway, so that
 * nothing is copied.  Attributes of directories come last: what is made in them changes their
 * times.
 */
#include "config.h"

#include "tool.h"

#include <errno.h>
#include <stdlib.h>

enum { XATTRS_MAX = 1 << 16 };

static void fail(struct tool_restore *restore, const char *key, int error)
{
	tool_store_fail(restore->store, key, strlen(key), error);
}

/* Another name of a file that is there already. */
static int link_to(struct tool_restore *restore, const char *first, const char *key, size_t len)
{
	int error = srd_delete(restore->store->handle, key, len);

	return error && error != -ENOENT ? error : srd_link(restore->store->handle, first, strlen(first), key, len);
}

static void restore_file(struct tool_restore *restore, const char *key)
{
	size_t len = strlen(key);
	struct srd_stat st = { 0 };
	int error = srd_stat(restore->past, key, len, &st);
	const char *first = !error && st.nlink > 1 ? tool_links_seen(&restore->links, 0, st.ino, key) : NULL;

	if (!error)
		error = first ? link_to(restore, first, key, len)
		              : srd_copy(restore->past, key, len, restore->store->handle, key, len);
	/* Names that come now must not lose what they have for the sake of this one. */
	if (error && st.nlink > 1 && !first)
		tool_links_forget(&restore->links, 0, st.ino);
	if (error)
		fail(restore, key, error);
}

static void restore_directory(struct tool_restore *restore, const char *key)
{
	int error = srd_make_dir(restore->store->handle, key, strlen(key));

	if (error)
		fail(restore, key, error);
	else
		tool_keys_add(&restore->dirs, key, strlen(key), SRD_DIRECTORY);
}

static int restore_xattr(struct tool_restore *restore, const char *key, const char *name)
{
	srd_value value;
	int error = srd_get_xattr(restore->past, key, strlen(key), name, &value);

	if (error)
		return error;
	error = srd_set_xattr(restore->store->handle, key, strlen(key), name, value.data, value.len);
	srd_value_release(&value);
	return error;
}

static int restore_attributes(struct tool_restore *restore, const char *key, char names[XATTRS_MAX])
{
	unsigned all = SRD_SET_MODE | SRD_SET_UID | SRD_SET_GID | SRD_SET_ATIME | SRD_SET_MTIME;
	ssize_t len = srd_list_xattrs(restore->past, key, strlen(key), names, XATTRS_MAX);
	struct srd_stat st;
	int error = len < 0 ? (int)len : srd_stat(restore->past, key, strlen(key), &st);

	for (ssize_t at = 0; at < len && !error; at += (ssize_t)strlen(names + at) + 1)
		error = restore_xattr(restore, key, names + at);
	return error ? error : srd_set_attr(restore->store->handle, key, strlen(key), &st, all);
}

/* Directories on the way to KEY that are not there become what they were, too. */
static void restore_way(struct tool_restore *restore, const char *key)
{
	char way[SRD_KEY_MAX + 1];

	for (const char *slash = strchr(key, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(way, sizeof way, "%.*s", (int)(slash - key), key);
		if (srd_exists(restore->store->handle, way, strlen(way)) == 0)
			restore_directory(restore, way);
	}
}

void tool_restore_key(struct tool_restore *restore, const char *key)
{
	struct tool_keys below = { 0 };
	struct srd_stat st;
	int error = srd_stat(restore->past, key, strlen(key), &st);

	if (error == -ENOENT) {
		tool_complain(restore->store->tool, restore->store->path, key, strlen(key), "no such key then",
		              "srd ls --at lists what there was");
		return;
	}
	restore_way(restore, key);
	if (error || st.kind != SRD_DIRECTORY) {
		restore_file(restore, key);
		return;
	}
	restore_directory(restore, key);
	error = tool_keys_below(&below, restore->past, key);
	if (error)
		fail(restore, key, error);
	tool_keys_sort(&below);
	for (size_t i = 0; i < below.count; i++) {
		if (below.items[i].kind == SRD_DIRECTORY)
			restore_directory(restore, tool_keys_at(&below, i));
		else
			restore_file(restore, tool_keys_at(&below, i));
	}
	tool_keys_release(&below);
}

void tool_restore_end(struct tool_restore *restore)
{
	char *names = malloc(XATTRS_MAX);
	const char *key;

	if (!names)
		tool_no_memory();
	while ((key = tool_keys_pop(&restore->dirs))) {
		int error = restore_attributes(restore, key, names);
		if (error)
			fail(restore, key, error);
	}
	free(names);
	tool_links_release(&restore->links);
	tool_keys_release(&restore->dirs);
}
