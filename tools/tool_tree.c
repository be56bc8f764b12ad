/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directory trees on the file system.  A path is always walked component by
 * component with O_NOFOLLOW, so that neither a hostile store nor somebody who
 * plants symlinks meanwhile leads outside of the root.
 */
#include "config.h"

#include "tool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

void tool_tree_init(struct tool_tree *tree, int root)
{
	*tree = (struct tool_tree){ .root = root, .fd = -1 };
}

static void leave(struct tool_tree *tree)
{
	if (tree->fd >= 0)
		close(tree->fd);
	tree->fd = -1;
}

void tool_tree_release(struct tool_tree *tree)
{
	leave(tree);
	free(tree->path);
	tree->path = NULL;
}

static int open_component(int dir, const char *name, bool make)
{
	static const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

	/* No path of ours has these; a store that does not come from us might. */
	if (strcmp(name, "..") == 0 || strcmp(name, ".") == 0 || name[0] == '\0')
		return -EINVAL;
	int fd = openat(dir, name, flags);
	if (fd < 0 && errno == ENOENT && make && (mkdirat(dir, name, 0700) == 0 || errno == EEXIST))
		fd = openat(dir, name, flags);
	/* What is not a directory may be a symlink to one: say the same. */
	return fd >= 0 ? fd : errno == ELOOP ? -ENOTDIR : -errno;
}

static int walk_path(int root, char *path, bool make)
{
	int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (char *name = path, *slash; name && *name; name = slash ? slash + 1 : NULL) {
		slash = strchr(name, '/');
		if (slash)
			*slash = '\0';
		int next = open_component(fd, name, make);
		if (slash)
			*slash = '/';
		close(fd);
		if (next < 0)
			return next;
		fd = next;
	}
	return fd;
}

int tool_tree_enter(struct tool_tree *tree, const char *path, size_t len, bool make)
{
	if (tree->fd >= 0 && tree->path_len == len && memcmp(tree->path, path, len) == 0)
		return tree->fd;
	leave(tree);
	free(tree->path);
	tree->path = strndup(path, len);
	if (!tree->path)
		tool_no_memory();
	tree->path_len = len;
	int fd = walk_path(tree->root, tree->path, make);
	if (fd >= 0)
		tree->fd = fd;
	return fd;
}

int tool_tree_parent(struct tool_tree *tree, const char *path, bool make, const char **name)
{
	const char *slash = strrchr(path, '/');
	const char *last = slash ? slash + 1 : path;

	if (strcmp(last, "..") == 0 || strcmp(last, ".") == 0 || last[0] == '\0')
		return -EINVAL;
	*name = last;
	return tool_tree_enter(tree, path, slash ? (size_t)(slash - path) : 0, make);
}

/* A walk: the directories still to be entered, and the path at hand. */
struct walk {
	struct tool_tree tree;
	struct tool_keys pending;
	char *path;
	bool (*visit)(void *user, const struct tool_found *found);
	void *user;
};

static const char *join(struct walk *walk, const char *dir, const char *name)
{
	free(walk->path);
	if (asprintf(&walk->path, *dir ? "%s/%s" : "%s%s", dir, name) < 0)
		tool_no_memory();
	return walk->path;
}

static void visit_entry(struct walk *walk, int fd, const char *dir, const char *name)
{
	struct tool_found found = { .dir = fd, .name = name, .path = join(walk, dir, name) };

	if (fstatat(fd, name, &found.st, AT_SYMLINK_NOFOLLOW) < 0)
		found.error = -errno;
	if (walk->visit(walk->user, &found) && !found.error && S_ISDIR(found.st.st_mode))
		tool_keys_add(&walk->pending, found.path, strlen(found.path), SRD_DIRECTORY);
}

static int visit_directory(struct walk *walk, const char *dir)
{
	int fd = tool_tree_enter(&walk->tree, dir, strlen(dir), false);
	if (fd < 0)
		return fd;
	int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = own < 0 ? NULL : fdopendir(own);
	if (!stream) {
		int failed = -errno;
		if (own >= 0)
			close(own);
		return failed;
	}
	for (struct dirent *entry; errno = 0, (entry = readdir(stream)) != NULL;)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			visit_entry(walk, fd, dir, entry->d_name);
	int error = -errno;
	closedir(stream);
	return error;
}

void tool_tree_walk(int root, bool (*visit)(void *user, const struct tool_found *found), void *user)
{
	struct walk walk = { .visit = visit, .user = user };
	struct tool_found failed = { .dir = -1 };

	tool_tree_init(&walk.tree, root);
	tool_keys_add(&walk.pending, "", 0, SRD_DIRECTORY);
	for (const char *next; (next = tool_keys_pop(&walk.pending)) != NULL;) {
		char *dir = strdup(next);
		if (!dir)
			tool_no_memory();
		failed.error = visit_directory(&walk, dir);
		failed.path = dir;
		if (failed.error)
			visit(user, &failed);
		free(dir);
	}
	tool_keys_release(&walk.pending);
	tool_tree_release(&walk.tree);
	free(walk.path);
}
