/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tool.h"

static int run(struct tool *tool)
{
	struct tool_store store;

	while (tool_option_next(tool) != -1)
		;
	tool_arguments(tool, 1, 1);
	if (!tool_store_open(tool, tool->args[0], 0, &store))
		return tool->status;
	int error = srd_sync(store.handle);
	if (error)
		tool_store_fail(&store, NULL, 0, error);
	tool_store_close(&store);
	return tool->status;
}

const struct tool_command tool_sync = {
	.name = "sync",
	.synopsis = "sync STORE",
	.summary = "Make everything written so far survive a power cut.",
	.detail = "For use after commands that were given --no-sync.  Saves the image, too, if\n"
	          "the next opening would gain by it.",
	.common = TOOL_HAS_STORE,
	.run = run,
};
