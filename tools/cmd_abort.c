/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tool.h"

static int run(struct tool *tool)
{
	while (tool_option_next(tool) != -1)
		;
	tool_arguments(tool, 1, 1);
	tool_mount_tell(tool, tool->args[0], SRD_IOC_ABORT, NULL);
	return tool->status;
}

const struct tool_command tool_abort = {
	.name = "abort",
	.synopsis = "abort MOUNTPOINT",
	.summary = "Unmount a transaction's mount, and drop all that was done in it.",
	.detail = "So does unmounting it in any other way.",
	.run = run,
};
