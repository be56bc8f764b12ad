/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tool.h"

static int run(struct tool *tool)
{
	struct tool_store store;

	while (tool_option_next(tool) != -1)
		;
	tool_arguments(tool, 1, 1);
	if (tool_store_open(tool, tool->args[0], SRD_CREATE | SRD_EXCL, &store))
		tool_store_close(&store);
	return tool->status;
}

const struct tool_command tool_create = {
	.name = "create",
	.synopsis = "create STORE",
	.summary = "Make an empty store; an existing file is left alone.",
	.run = run,
};
