/* SPDX-License-Identifier: Apache-2.0 */
/* restore - keys, and all below them, become what they were at some point. */
#include "config.h"

#include "tool.h"

static void restore_all(struct tool_store *store, srd_store *past)
{
	struct tool *tool = store->tool;
	struct tool_restore restore = { .store = store, .past = past };

	for (int i = 1; i < tool->arg_count; i++)
		if (tool_key_check(tool, store->path, tool->args[i]))
			tool_restore_key(&restore, tool->args[i]);
	tool_restore_end(&restore);
}

static int run(struct tool *tool)
{
	struct tool_store store;
	srd_store *past;

	while (tool_option_next(tool) != -1)
		;
	tool_arguments(tool, 2, tool->argc);
	if (!tool->at)
		tool_usage(tool, "--at says as of when");
	/* The store that is opened is the one of now. */
	const char *at = tool->at;
	tool->at = NULL;
	if (!tool_store_open(tool, tool->args[0], 0, &store))
		return tool->status;
	int error = srd_view(store.handle, at, &past);
	if (error) {
		tool_store_fail_at(&store, at, error);
	} else {
		restore_all(&store, past);
		srd_close(past);
	}
	tool_store_close(&store);
	return tool->status;
}

const struct tool_command tool_restore = {
	.name = "restore",
	.synopsis = "restore --at=POINT STORE KEY...",
	.summary = "Make keys, and all below them, what they were.",
	.detail = "Nothing is copied.  What came since below a directory is left alone.  srd undelete\n"
	          "finds the point by itself.",
	.common = TOOL_HAS_AT | TOOL_HAS_STORE | TOOL_HAS_SYNC,
	.run = run,
};
