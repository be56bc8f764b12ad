/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tool.h"

#include <errno.h>

static void report(struct tool *tool, const char *path, const struct srd_ioc_commit *answer)
{
	switch (answer->error) {
	case 0:
		break;
	case -EBUSY:
		tool_complain(tool, path, answer->conflict, strlen(answer->conflict),
		              "was changed by others meanwhile, nothing is committed",
		              "'srd abort' drops the transaction");
		break;
	case SRD_EREPLACED:
		tool_complain(tool, path, NULL, 0, "the store was replaced by another meanwhile, nothing is committed",
		              "copy what is needed elsewhere before 'srd abort'");
		break;
	default:
		tool_complain_file(tool, path, answer->error);
	}
}

static int run(struct tool *tool)
{
	struct srd_ioc_commit answer = { 0 };

	while (tool_option_next(tool) != -1)
		;
	tool_arguments(tool, 1, 1);
	if (tool_mount_tell(tool, tool->args[0], SRD_IOC_COMMIT, &answer))
		report(tool, tool->args[0], &answer);
	return tool->status;
}

const struct tool_command tool_commit = {
	.name = "commit",
	.synopsis = "commit MOUNTPOINT",
	.summary = "Commit all that was done in a transaction's mount, durably, and unmount it.",
	.detail = "All of it becomes true at once.  If others have changed meanwhile what the\n"
	          "transaction has changed, the first such file is named, nothing is committed, and the\n"
	          "mount stays as it is.",
	.run = run,
};
