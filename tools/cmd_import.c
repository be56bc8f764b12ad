/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import - a directory tree becomes keys: content, holes, modes, times, owners
 * (as root), extended attributes, symlinks, hard links, fifos, sockets and devices.
 * Each file is one commit, with its attributes.  What cannot be taken is said, and the rest
 * taken.  Times of directories come last: taking what they hold changes them.
 */
#include "config.h"

#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

struct import {
	struct tool *tool;
	struct tool_store store;
	const char *dir, *prefix;
	int root;
	struct tool_links links;
	struct tool_keys dirs;
	struct srd_stat *dir_times;     /* one for each of dirs */
	size_t dir_cap;
	struct stat own[3];             /* the store itself and its companions */
	int own_count;
	uint64_t work, items;
};

/* What was met at hand: its key, and what to make of it. */
struct item {
	const struct tool_found *found;
	char key[SRD_KEY_MAX + 2];      /* one too long if the key would be longer */
	size_t key_len;
	struct srd_stat attr;
};

static void fail_source(struct import *import, const char *path, int error)
{
	tool_complain_below(import->tool, import->dir, path, error);
}

static unsigned attr_mask(void)
{
	unsigned mask = SRD_SET_MODE | SRD_SET_ATIME | SRD_SET_MTIME;

	return geteuid() == 0 ? mask | SRD_SET_UID | SRD_SET_GID : mask;
}

static int64_t to_ns(struct timespec time)
{
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void item_init(struct item *item, const struct import *import, const struct tool_found *found)
{
	const struct stat *st = &found->st;
	int len = snprintf(item->key, sizeof item->key, *import->prefix ? "%s/%s" : "%s%s",
	                   import->prefix, found->path);

	item->found = found;
	item->key_len = (size_t)len < sizeof item->key ? (size_t)len : sizeof item->key - 1;
	item->attr = (struct srd_stat){
		.mode = st->st_mode & 07777, .uid = st->st_uid, .gid = st->st_gid,
		.atime_ns = to_ns(st->st_atim), .mtime_ns = to_ns(st->st_mtim),
	};
}

/* Removes what stands where ITEM goes.  Where both are plain files with one name
 * it stays: the new content replaces it in one step; but not with attributes that
 * the new one may not have. */
static int make_way(struct import *import, const struct item *item)
{
	struct srd_stat st;

	int error = srd_stat(import->store.handle, item->key, item->key_len, &st);
	if (error)
		return error == -ENOENT ? 0 : error;
	if (st.kind == SRD_DIRECTORY)
		return -EISDIR;
	const struct stat *new = &item->found->st;
	if (st.kind == SRD_FILE && st.nlink == 1 && S_ISREG(new->st_mode) && new->st_nlink == 1 &&
	    srd_list_xattrs(import->store.handle, item->key, item->key_len, NULL, 0) == 0)
		return 0;
	return srd_delete(import->store.handle, item->key, item->key_len);
}

/* A key that takes extended attributes; or a writer does. */
struct bearer {
	srd_store *store;
	const char *key;
	size_t key_len;
};

static int give_key(void *user, const char *name, const void *data, size_t len)
{
	const struct bearer *bearer = user;

	return srd_set_xattr(bearer->store, bearer->key, bearer->key_len, name, data, len);
}

static int give_writer(void *user, const char *name, const void *data, size_t len)
{
	return srd_writer_set_xattr(user, name, data, len);
}

static int take_xattrs(struct import *import, const struct tool_found *found, const char *key, size_t key_len)
{
	struct bearer bearer = { .store = import->store.handle, .key = key, .key_len = key_len };

	return tool_xattr_each(found->dir, found->name, give_key, &bearer);
}

static int take_content(struct import *import, const struct item *item, int fd, bool *reading)
{
	srd_writer *writer;

	int error = srd_writer_new(import->store.handle, item->key, item->key_len, &writer);
	if (error)
		return error;
	error = srd_writer_set_attr(writer, &item->attr, attr_mask());
	if (!error)
		error = tool_xattr_each(item->found->dir, item->found->name, give_writer, writer);
	if (!error)
		error = tool_feed(fd, writer, &import->tool->progress, reading);
	if (!error)
		return srd_writer_commit(writer);
	srd_writer_abort(writer);
	return error;
}

static int take_file(struct import *import, const struct item *item, bool *reading)
{
	struct stat now;

	/* Not to be held up by a fifo that took the file's place. */
	int fd = openat(item->found->dir, item->found->name,
	                O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &now) < 0 || !S_ISREG(now.st_mode)) {
		*reading = true;
		int error = fd < 0 ? -errno : -ESTALE;
		if (fd >= 0)
			close(fd);
		return error;
	}
	int error = take_content(import, item, fd, reading);
	close(fd);
	return error;
}

static int take_symlink(struct import *import, const struct item *item, bool *reading)
{
	char target[PATH_MAX];

	ssize_t len = readlinkat(item->found->dir, item->found->name, target, sizeof target - 1);
	if (len < 0) {
		*reading = true;
		return -errno;
	}
	target[len] = '\0';
	int error = srd_make_symlink(import->store.handle, item->key, item->key_len, target);
	return error ? error : srd_set_attr(import->store.handle, item->key, item->key_len, &item->attr,
	                                    attr_mask() & ~(unsigned)SRD_SET_MODE);
}

static int take_node(struct import *import, const struct item *item)
{
	const struct stat *st = &item->found->st;

	int error = srd_make_node(import->store.handle, item->key, item->key_len, st->st_mode,
	                          (uint32_t)st->st_rdev);
	return error ? error : srd_set_attr(import->store.handle, item->key, item->key_len, &item->attr,
	                                    attr_mask());
}

/* A further name of a file taken before.  -ENOENT: that one could not be taken. */
static int take_link(struct import *import, const struct item *item)
{
	const struct stat *st = &item->found->st;
	const char *first = tool_links_seen(&import->links, st->st_dev, st->st_ino, item->key);

	return first ? srd_link(import->store.handle, first, strlen(first), item->key, item->key_len)
	             : -ENOENT;
}

static void take(struct import *import, const struct item *item)
{
	mode_t mode = item->found->st.st_mode;
	bool reading = false;

	int error = make_way(import, item);
	bool linked = !error && item->found->st.st_nlink > 1 && take_link(import, item) == 0;
	if (!error && !linked)
		error = S_ISREG(mode) ? take_file(import, item, &reading)
		      : S_ISLNK(mode) ? take_symlink(import, item, &reading)
		                      : take_node(import, item);
	if (!error && !linked && !S_ISREG(mode))
		error = take_xattrs(import, item->found, item->key, item->key_len);
	if (error && reading)
		fail_source(import, item->found->path, error);
	else if (error)
		tool_store_fail(&import->store, item->key, item->key_len, error);
}

static void remember_directory(struct import *import, const char *key, size_t len,
                               const struct srd_stat *attr)
{
	size_t n = import->dirs.count;

	if (n == import->dir_cap) {
		import->dir_cap = n ? 2 * n : 64;
		import->dir_times = reallocarray(import->dir_times, import->dir_cap, sizeof *attr);
		if (!import->dir_times)
			tool_no_memory();
	}
	import->dir_times[n] = *attr;
	tool_keys_add(&import->dirs, key, len, SRD_DIRECTORY);
}

/* True if what it holds can be taken too. */
static bool take_directory(struct import *import, const char *key, size_t len,
                           const struct tool_found *found, const struct srd_stat *attr)
{
	int error = srd_make_dir(import->store.handle, key, len);
	if (!error)   /* at once: what is private must not be open until the end */
		error = srd_set_attr(import->store.handle, key, len, attr, attr_mask());
	if (!error)
		error = take_xattrs(import, found, key, len);
	if (error)
		tool_store_fail(&import->store, key, len, error);
	else
		remember_directory(import, key, len, attr);
	return error == 0;
}

static bool is_own(const struct import *import, const struct stat *st)
{
	for (int i = 0; i < import->own_count; i++)
		if (import->own[i].st_dev == st->st_dev && import->own[i].st_ino == st->st_ino)
			return true;
	return false;
}

static bool visit(void *user, const struct tool_found *found)
{
	struct import *import = user;
	struct item item;
	bool enter = false;

	if (found->error) {
		fail_source(import, found->path, found->error);
		return false;
	}
	if (is_own(import, &found->st))
		return false;
	item_init(&item, import, found);
	if (!tool_key_check(import->tool, import->store.path, item.key))
		return false;
	if (S_ISDIR(found->st.st_mode))
		enter = take_directory(import, item.key, item.key_len, found, &item.attr);
	else
		take(import, &item);
	import->items++;
	tool_progress_add(&import->tool->progress, 0, 1);
	return enter;
}

static bool count(void *user, const struct tool_found *found)
{
	struct import *import = user;

	if (!found->error)
		import->work += TOOL_ITEM_WORK + (S_ISREG(found->st.st_mode) ? (uint64_t)found->st.st_size : 0);
	return true;
}

/* The store's own files, should they lie in the tree: reading what grows by
 * being read would never end. */
static void know_own_files(struct import *import, const char *path)
{
	static const char *const suffixes[] = { "", ".idx", ".shm" };

	for (size_t i = 0; i < TOOL_LEN(suffixes); i++) {
		char *name;
		if (asprintf(&name, "%s%s", path, suffixes[i]) < 0)
			tool_no_memory();
		import->own_count += stat(name, &import->own[import->own_count]) == 0;
		free(name);
	}
}

/* PREFIX takes the attributes of DIR itself. */
static bool take_top(struct import *import)
{
	struct tool_found found = { .dir = import->root, .name = ".", .path = import->prefix };
	struct import plain = { .prefix = "" };
	struct item item;

	if (!*import->prefix)
		return true;
	if (fstat(import->root, &found.st) < 0) {
		fail_source(import, "", -errno);
		return false;
	}
	item_init(&item, &plain, &found);
	return take_directory(import, item.key, item.key_len, &found, &item.attr);
}

static void finish_directories(struct import *import)
{
	for (size_t i = 0; i < import->dirs.count; i++) {
		const char *key = tool_keys_at(&import->dirs, i);
		size_t len = import->dirs.items[i].len;
		int error = srd_set_attr(import->store.handle, key, len, &import->dir_times[i],
		                         SRD_SET_ATIME | SRD_SET_MTIME);
		if (error)
			tool_store_fail(&import->store, key, len, error);
	}
}

static void import_tree(struct import *import)
{
	know_own_files(import, import->store.path);
	if (tool_progress_wanted(import->tool))
		tool_tree_walk(import->root, count, import);
	tool_progress_start(import->tool, "import", import->work);
	if (take_top(import))
		tool_tree_walk(import->root, visit, import);
	finish_directories(import);
	tool_progress_end(&import->tool->progress);
	tool_keys_release(&import->dirs);
	tool_links_release(&import->links);
	free(import->dir_times);
}

static int run(struct tool *tool)
{
	struct import import = { .tool = tool, .prefix = "" };

	while (tool_option_next(tool) != -1)
		;
	tool_arguments(tool, 2, 3);
	import.dir = tool->args[1];
	if (tool->arg_count > 2)
		import.prefix = tool->args[2];
	if (*import.prefix && !tool_key_check(tool, tool->args[0], import.prefix))
		return tool->status;
	import.root = open(import.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (import.root < 0) {
		tool_complain_file(tool, import.dir, -errno);
		return tool->status;
	}
	if (tool_store_open(tool, tool->args[0], 0, &import.store)) {
		import_tree(&import);
		tool_store_close(&import.store);
	}
	close(import.root);
	return tool->status;
}

const struct tool_command tool_import = {
	.name = "import",
	.synopsis = "import [-q] [--no-sync] STORE DIR [PREFIX]",
	.summary = "Take all that is in DIR into the store, below PREFIX.",
	.detail = "Keeps times, modes, owners (as root), extended attributes and access control lists, symlinks,\n"
	          "hard links, holes, fifos and devices.\n"
	          "What cannot be taken is reported, and the exit status is 1.",
	.common = TOOL_HAS_STORE | TOOL_HAS_SYNC | TOOL_HAS_PROGRESS,
	.run = run,
};
