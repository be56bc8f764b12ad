/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tool.h"

#include <errno.h>

static void move(struct tool_store *store, const char *from, const char *to)
{
	size_t from_len = strlen(from), to_len = strlen(to);

	int error = srd_rename(store->handle, from, from_len, to, to_len);
	if (error == -EINVAL)
		tool_complain(store->tool, store->path, to, to_len, "lies below what is to be moved",
		              "choose another place");
	else if (error == -ENOENT)
		tool_store_fail(store, from, from_len, error);
	else if (error)
		tool_store_fail(store, to, to_len, error);
}

static int run(struct tool *tool)
{
	struct tool_store store;

	while (tool_option_next(tool) != -1)
		;
	tool_arguments(tool, 3, 3);
	const char *path = tool->args[0], *from = tool->args[1], *to = tool->args[2];
	if (tool_key_check(tool, path, from) && tool_key_check(tool, path, to) &&
	    tool_store_open(tool, path, 0, &store)) {
		move(&store, from, to);
		tool_store_close(&store);
	}
	return tool->status;
}

const struct tool_command tool_mv = {
	.name = "mv",
	.synopsis = "mv [--no-sync] STORE FROM TO",
	.summary = "Rename a key or a directory, in one step; a file at TO is replaced.",
	.common = TOOL_HAS_STORE | TOOL_HAS_SYNC,
	.run = run,
};
