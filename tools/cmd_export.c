/* SPDX-License-Identifier: Apache-2.0 */
/*
 * export - keys become a directory tree: the reverse of import.  Nothing is
 * written outside of DIR, whatever keys and symlinks the store holds: every
 * directory is entered without following symlinks, every file is made anew.
 * Attributes of directories come last, the deepest first: what is made in
 * them changes their times, and a mode may forbid to enter them.
 */
#include "config.h"

#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

struct export {
	struct tool *tool;
	struct tool_store store;
	const char *dir;
	char prefix[SRD_KEY_MAX + 2];   /* with its slash; empty: all */
	size_t prefix_len;
	bool force;
	int root;
	struct tool_tree tree, links_tree;
	struct tool_links links;
	struct tool_keys dirs;
};

/* What is to be made: NAME in directory DIR of the file system. */
struct item {
	const char *key;                /* in the store */
	const char *path;               /* below the root */
	int dir;
	const char *name;
	struct srd_stat st;
};

static void fail_target(struct export *export, const char *path, int error)
{
	tool_complain_below(export->tool, export->dir, path, error);
}

static void fail_key(struct export *export, const char *key, int error)
{
	tool_store_fail(&export->store, key, strlen(key), error);
}

static struct timespec to_timespec(int64_t ns)
{
	int64_t seconds = ns / 1000000000, rest = ns % 1000000000;

	if (rest < 0) {
		rest += 1000000000;
		seconds--;
	}
	return (struct timespec){ .tv_sec = (time_t)seconds, .tv_nsec = (long)rest };
}

/* A mode without the bits that would lend the caller's identity to a file
 * whose owner is another. */
static mode_t mode_of(const struct srd_stat *st)
{
	mode_t mode = st->mode & 07777;

	return geteuid() == 0 || st->uid == geteuid() ? mode : mode & ~(mode_t)(S_ISUID | S_ISGID);
}

/* Owner first (chown drops set-id bits and capabilities), then what a mode may forbid,
 * times last. */
static int set_attr(struct export *export, const char *key, int dir, const char *name, const struct srd_stat *st)
{
	struct timespec times[] = { to_timespec(st->atime_ns), to_timespec(st->mtime_ns) };

	if (geteuid() == 0 && fchownat(dir, name, st->uid, st->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	int error = tool_xattr_restore(&export->store, key, dir, name);
	if (error)
		return error;
	if (st->kind != SRD_SYMLINK && fchmodat(dir, name, mode_of(st), AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int write_file(struct export *export, const struct item *item, const srd_value *value)
{
	int fd = openat(item->dir, item->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	int error = item->st.stored_bytes < item->st.size
	            ? tool_write_sparse(fd, value, &export->tool->progress)
	            : tool_write_iov(fd, value->iov, value->iov_count, &export->tool->progress);
	if (!error)
		error = srd_value_check(value);
	if (close(fd) < 0 && !error)
		error = -errno;
	return error ? error : set_attr(export, item->key, item->dir, item->name, &item->st);
}

static void make_file(struct export *export, const struct item *item)
{
	srd_value value;

	int error = srd_get(export->store.handle, item->key, strlen(item->key), &value);
	if (error) {
		fail_key(export, item->key, error);
		return;
	}
	error = write_file(export, item, &value);
	srd_value_release(&value);
	if (error)
		fail_target(export, item->path, error);
}

static void make_symlink(struct export *export, const struct item *item)
{
	char target[TOOL_TARGET_MAX];

	int error = tool_store_read_link(&export->store, item->key, strlen(item->key), target);
	if (error) {
		fail_key(export, item->key, error);
		return;
	}
	error = symlinkat(target, item->dir, item->name) < 0 ? -errno
	                                                     : set_attr(export, item->key, item->dir, item->name, &item->st);
	if (error)
		fail_target(export, item->path, error);
}

static void make_node(struct export *export, const struct item *item)
{
	int error = mknodat(item->dir, item->name, (item->st.mode & S_IFMT) | 0600, item->st.rdev) < 0
	            ? -errno : set_attr(export, item->key, item->dir, item->name, &item->st);
	if (error)
		fail_target(export, item->path, error);
}

/* True if ITEM is a further name of what was made before, and has been made. */
static bool make_link(struct export *export, const struct item *item)
{
	const char *first = item->st.nlink > 1
	                    ? tool_links_seen(&export->links, 0, item->st.ino, item->path) : NULL;
	const char *name;

	if (!first)
		return false;
	int dir = tool_tree_parent(&export->links_tree, first, false, &name);
	return dir >= 0 && linkat(dir, name, item->dir, item->name, 0) == 0;
}

/* With --force: takes away what stands in the way, but the store. */
static bool make_way(struct export *export, const struct item *item)
{
	struct stat st;

	if (fstatat(item->dir, item->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    tool_store_is_file(&export->store, &st))
		return false;
	if (unlinkat(item->dir, item->name, 0) == 0 || errno == ENOENT)
		return true;
	fail_target(export, item->path, -errno);
	return false;
}

static void make(struct export *export, const struct item *item)
{
	if ((export->force && !make_way(export, item)) || make_link(export, item))
		return;
	if (item->st.kind == SRD_FILE)
		make_file(export, item);
	else if (item->st.kind == SRD_SYMLINK)
		make_symlink(export, item);
	else
		make_node(export, item);
}

static void make_directory(struct export *export, const char *path)
{
	int fd = tool_tree_enter(&export->tree, path, strlen(path), true);
	if (fd < 0)
		fail_target(export, path, fd);
	else
		tool_keys_add(&export->dirs, path, strlen(path), SRD_DIRECTORY);
}

static void visit(struct export *export, const struct srd_entry *entry)
{
	struct item item = { .key = entry->key, .path = entry->key + export->prefix_len };

	int error = srd_stat(export->store.handle, entry->key, entry->key_len, &item.st);
	if (error == -ENOENT)   /* removed meanwhile */
		return;
	if (error) {
		fail_key(export, entry->key, error);
	} else if (item.st.kind == SRD_DIRECTORY) {
		make_directory(export, item.path);
	} else {
		item.dir = tool_tree_parent(&export->tree, item.path, true, &item.name);
		if (item.dir < 0)
			fail_target(export, item.path, item.dir);
		else
			make(export, &item);
	}
	tool_progress_add(&export->tool->progress, 0, 1);
}

static uint64_t work_of(struct export *export, const struct srd_entry *entry)
{
	struct srd_stat st;
	bool has_bytes = entry->kind == SRD_FILE &&
	                 srd_stat(export->store.handle, entry->key, entry->key_len, &st) == 0;

	return TOOL_ITEM_WORK + (has_bytes ? st.stored_bytes : 0);
}

/* Makes all there is, or (WORK not NULL) only adds up what that would take. */
static int each(struct export *export, uint64_t *work)
{
	struct srd_entry entry;
	srd_iter *iter;

	int error = srd_iter_new(export->store.handle, export->prefix, export->prefix_len,
	                         SRD_ITER_ALL_KINDS | SRD_ITER_KEYS, 0, 1, &iter);
	if (error)
		return error;
	while ((error = srd_iter_next(iter, &entry)) > 0) {
		if (work)
			*work += work_of(export, &entry);
		else
			visit(export, &entry);
	}
	srd_iter_free(iter);
	return error;
}

/* KEY's attributes become those of directory PATH. */
static void finish_directory(struct export *export, const char *key, const char *path)
{
	struct srd_stat st;

	int error = srd_stat(export->store.handle, key, strlen(key), &st);
	if (error)
		return;   /* removed meanwhile */
	int fd = tool_tree_enter(&export->tree, path, strlen(path), false);
	error = fd < 0 ? fd : set_attr(export, key, fd, ".", &st);
	if (error)
		fail_target(export, path, error);
}

static void finish_directories(struct export *export)
{
	char key[2 * SRD_KEY_MAX + 2];

	tool_keys_sort(&export->dirs);
	for (size_t i = export->dirs.count; i-- > 0;) {
		const char *path = tool_keys_at(&export->dirs, i);
		snprintf(key, sizeof key, "%s%s", export->prefix, path);
		finish_directory(export, key, path);
	}
	if (export->prefix_len > 0) {
		export->prefix[export->prefix_len - 1] = '\0';
		finish_directory(export, export->prefix, "");
	}
}

static void export_tree(struct export *export)
{
	uint64_t work = 0;
	int error = tool_progress_wanted(export->tool) ? each(export, &work) : 0;

	tool_progress_start(export->tool, "export", work);
	tool_tree_init(&export->tree, export->root);
	tool_tree_init(&export->links_tree, export->root);
	if (!error)
		error = each(export, NULL);
	if (error)
		tool_store_fail(&export->store, NULL, 0, error);
	finish_directories(export);
	tool_progress_end(&export->tool->progress);
	tool_tree_release(&export->tree);
	tool_tree_release(&export->links_tree);
	tool_links_release(&export->links);
	tool_keys_release(&export->dirs);
}

static bool is_empty(int fd)
{
	DIR *stream = fdopendir(openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	int count = 0;

	if (!stream)
		return false;
	while (count < 3 && readdir(stream))
		count++;
	closedir(stream);
	return count < 3;   /* . and .. */
}

/* Opens DIR, making it if there is none. */
static bool open_root(struct export *export)
{
	if (mkdir(export->dir, 0777) < 0 && errno != EEXIST) {
		tool_complain_file(export->tool, export->dir, -errno);
		return false;
	}
	export->root = open(export->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (export->root < 0) {
		tool_complain_file(export->tool, export->dir, -errno);
		return false;
	}
	if (export->force || is_empty(export->root))
		return true;
	tool_complain(export->tool, export->dir, NULL, 0, "the directory is not empty",
	              "name a new one, or use --force to overwrite");
	close(export->root);
	return false;
}

/* Takes PREFIX, which must be a directory of the store. */
static bool set_prefix(struct export *export, const char *prefix)
{
	struct srd_stat st;
	size_t len = strlen(prefix);

	int error = srd_stat(export->store.handle, prefix, len, &st);
	if (!error && st.kind != SRD_DIRECTORY)
		tool_complain(export->tool, export->store.path, prefix, len, "is not a directory",
		              "srd get writes a single value");
	else if (error)
		fail_key(export, prefix, error);
	else
		export->prefix_len = (size_t)snprintf(export->prefix, sizeof export->prefix, "%s/", prefix);
	return export->prefix_len > 0;
}

static int run(struct tool *tool)
{
	struct export export = { .tool = tool };

	while (tool_option_next(tool) != -1)
		export.force = true;
	tool_arguments(tool, 2, 3);
	export.dir = tool->args[1];
	const char *prefix = tool->arg_count > 2 ? tool->args[2] : NULL;
	if (prefix && !tool_key_check(tool, tool->args[0], prefix))
		return tool->status;
	if (!tool_store_open(tool, tool->args[0], SRD_RDONLY, &export.store))
		return tool->status;
	if ((!prefix || set_prefix(&export, prefix)) && open_root(&export)) {
		export_tree(&export);
		close(export.root);
	}
	tool_store_close(&export.store);
	return tool->status;
}

static const struct tool_option options[] = {
	{ 'f', "force", NULL, "into a directory that is not empty, replacing files" },
	{ 0 },
};

const struct tool_command tool_export = {
	.name = "export",
	.synopsis = "export [--at=POINT] [-fq] STORE DIR [PREFIX]",
	.summary = "Write what is in the store, or below PREFIX, to the new directory DIR.",
	.detail = "Keeps what import keeps.",
	.options = options,
	.common = TOOL_HAS_AT | TOOL_HAS_STORE | TOOL_HAS_PROGRESS,
	.run = run,
};
