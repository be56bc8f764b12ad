/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extended attributes, from files to keys and back.  Those of a file system of its own
 * ("system.nfs4_acl", "btrfs.compression") have no meaning elsewhere and are left alone,
 * and so are those that only root may set, where we are not root.
 */
#include "config.h"

#include "tool.h"

#include <errno.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { LIST_MAX = 64 << 10, VALUE_MAX = 64 << 10 };

/* Where NAME in directory DIR can be named by path, for there are no calls by descriptor
 * and name. */
static void place_of(char path[TOOL_PLACE_MAX], int dir, const char *name)
{
	snprintf(path, TOOL_PLACE_MAX, "/proc/self/fd/%d/%s", dir, name);
}

static bool is_ours_to_set(const char *name)
{
	return geteuid() == 0 || (strncmp(name, "trusted.", 8) != 0 && strncmp(name, "security.", 9) != 0);
}

int tool_xattr_each(int dir, const char *name, int (*take)(void *user, const char *name, const void *data, size_t len),
                    void *user)
{
	char path[TOOL_PLACE_MAX], list[LIST_MAX + 1], value[VALUE_MAX];

	place_of(path, dir, name);
	ssize_t len = llistxattr(path, list, LIST_MAX);
	if (len < 0)
		return errno == ENOTSUP || errno == ENOENT ? 0 : -errno;
	list[len] = '\0';
	for (const char *at = list; at < list + len; at += strlen(at) + 1) {
		ssize_t got = is_ours_to_set(at) ? lgetxattr(path, at, value, sizeof value) : -1;
		int error = got < 0 ? 0 : take(user, at, value, (size_t)got);
		if (error && error != -EOPNOTSUPP)
			return error;
	}
	return 0;
}

/* Sets attribute ATTRIBUTE of KEY at PATH. */
static int restore(const struct tool_store *store, const char *key, const char *attribute, const char *path)
{
	srd_value value;
	int error = srd_get_xattr(store->handle, key, strlen(key), attribute, &value);

	if (error)
		return error;
	if (lsetxattr(path, attribute, value.data, value.len, 0) != 0)
		error = -errno;
	srd_value_release(&value);
	return error;
}

int tool_xattr_restore(const struct tool_store *store, const char *key, int dir, const char *name)
{
	char path[TOOL_PLACE_MAX], list[LIST_MAX + 1];
	ssize_t len = srd_list_xattrs(store->handle, key, strlen(key), list, LIST_MAX);
	int error = len < 0 ? (int)len : 0;

	place_of(path, dir, name);
	for (const char *at = list; !error && at < list + len; at += strlen(at) + 1)
		error = is_ours_to_set(at) ? restore(store, key, at, path) : 0;
	return error;
}
