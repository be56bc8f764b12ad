/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tool.h"

#include <errno.h>

struct rm {
	struct tool_store store;
	bool recursive, force;
};

/* Empties a directory, the deepest first; nothing to do for other kinds. */
static int empty(struct rm *rm, const char *key)
{
	struct tool_keys keys = { 0 };

	int error = tool_keys_below(&keys, rm->store.handle, key);
	tool_keys_sort(&keys);
	for (size_t i = keys.count; i-- > 0 && !error;) {
		error = srd_delete(rm->store.handle, tool_keys_at(&keys, i), keys.items[i].len);
		if (error == -ENOENT)   /* somebody else was faster */
			error = 0;
	}
	tool_keys_release(&keys);
	return error;
}

static void remove_key(struct rm *rm, const char *key)
{
	size_t len = strlen(key);

	if (!tool_key_check(rm->store.tool, rm->store.path, key))
		return;
	int error = srd_delete(rm->store.handle, key, len);
	if (error == -ENOTEMPTY && rm->recursive) {
		error = empty(rm, key);
		if (!error)
			error = srd_delete(rm->store.handle, key, len);
	}
	if (error && !(rm->force && error == -ENOENT))
		tool_store_fail(&rm->store, key, len, error);
}

static int run(struct tool *tool)
{
	struct rm rm = { .recursive = false };

	for (int code; (code = tool_option_next(tool)) != -1;) {
		rm.recursive |= code == 'r';
		rm.force |= code == 'f';
	}
	tool_arguments(tool, 2, tool->argc);
	if (!tool_store_open(tool, tool->args[0], 0, &rm.store))
		return tool->status;
	for (int i = 1; i < tool->arg_count; i++)
		remove_key(&rm, tool->args[i]);
	tool_store_close(&rm.store);
	return tool->status;
}

static const struct tool_option options[] = {
	{ 'r', "recursive", NULL, "directories with all that is in them" },
	{ 'f', "force", NULL, "a key that is not there is no error" },
	{ 0 },
};

const struct tool_command tool_rm = {
	.name = "rm",
	.synopsis = "rm [-rf] [--no-sync] STORE KEY...",
	.summary = "Remove keys, and empty directories.",
	.options = options,
	.common = TOOL_HAS_STORE | TOOL_HAS_SYNC,
	.run = run,
};
