/* SPDX-License-Identifier: Apache-2.0 */
/* diff - which keys differ between two points of a store's history. */
#include "config.h"

#include "tool.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct diff {
	struct tool_store store;
	const char *prefix;
	srd_store *view[2];
	struct tool_keys keys[2];
	bool escape;
};

/* As of POINT, which may be "now". */
static bool open_side(struct diff *diff, int side, const char *point)
{
	int error = srd_view(diff->store.handle, point, &diff->view[side]);
	struct srd_entry entry;
	srd_iter *iter;

	if (error) {
		tool_complain(diff->store.tool, diff->store.path, point, strlen(point), srd_strerror(error),
		              "srd log lists what there is");
		return false;
	}
	error = srd_iter_new(diff->view[side], diff->prefix, strlen(diff->prefix), SRD_ITER_ALL_KINDS | SRD_ITER_KEYS, 0,
	                     1, &iter);
	while (!error && (error = srd_iter_next(iter, &entry)) > 0) {
		tool_keys_add(&diff->keys[side], entry.key, entry.key_len, entry.kind);
		error = 0;
	}
	if (error)
		tool_store_fail(&diff->store, NULL, 0, error);
	else
		srd_iter_free(iter);
	tool_keys_sort(&diff->keys[side]);
	return error == 0;
}

static void print(const struct diff *diff, char change, const char *key)
{
	printf("%c ", change);
	if (diff->escape)
		tool_text_put(stdout, key, strlen(key));
	else
		fputs(key, stdout);
	putchar('\n');
}

/* The last op on it is another: M; or it is another file by now: R. */
static char change_of(const struct diff *diff, const char *key)
{
	struct srd_stat a, b;

	if (srd_stat(diff->view[0], key, strlen(key), &a) || srd_stat(diff->view[1], key, strlen(key), &b))
		return 'M';
	/* Of a directory what lies in it tells. */
	bool touched = a.kind == SRD_DIRECTORY && b.kind == SRD_DIRECTORY
	               ? a.mode != b.mode || a.uid != b.uid || a.gid != b.gid : a.last_change != b.last_change;
	return a.ino != b.ino ? 'R' : touched ? 'M' : 0;
}

static void compare(struct diff *diff)
{
	struct tool_keys *a = &diff->keys[0], *b = &diff->keys[1];

	for (size_t i = 0, j = 0; i < a->count || j < b->count;) {
		int order = i == a->count ? 1 : j == b->count ? -1 : strcmp(tool_keys_at(a, i), tool_keys_at(b, j));
		const char *key = order <= 0 ? tool_keys_at(a, i) : tool_keys_at(b, j);
		char change = order < 0 ? 'D' : order > 0 ? 'A' : change_of(diff, key);
		if (change)
			print(diff, change, key);
		i += order <= 0;
		j += order >= 0;
	}
}

static int run(struct tool *tool)
{
	struct diff diff = { .prefix = "", .escape = false };

	while (tool_option_next(tool) != -1)
		;
	tool_arguments(tool, 3, 4);
	if (tool->arg_count == 4)
		diff.prefix = tool->args[3];
	diff.escape = isatty(STDOUT_FILENO);
	if (!tool_store_open(tool, tool->args[0], SRD_RDONLY, &diff.store))
		return tool->status;
	if (open_side(&diff, 0, tool->args[1]) && open_side(&diff, 1, tool->args[2]))
		compare(&diff);
	for (int side = 0; side < 2; side++) {
		srd_close(diff.view[side]);
		tool_keys_release(&diff.keys[side]);
	}
	tool_store_close(&diff.store);
	return tool->status;
}

const struct tool_command tool_diff = {
	.name = "diff",
	.synopsis = "diff STORE POINT POINT [PREFIX]",
	.summary = "List the keys that differ between two points of the history.",
	.detail = "A: added, D: deleted, M: modified, R: replaced by another file.  A point is what --at takes.",
	.common = TOOL_HAS_STORE,
	.run = run,
};
