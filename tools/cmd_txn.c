/* SPDX-License-Identifier: Apache-2.0 */
/* Only the daemon knows how to mount: this finds it, and becomes it. */
#include "config.h"

#include "tool.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

static const struct tool_option options[] = {
	{ 'o', "options", "LIST", "mount options, as for srdfs(1)" },
	{ 0 },
};

/* The daemon that was installed together with us, or else the one in PATH. */
static void become_daemon(char *const argv[])
{
	char path[PATH_MAX + 8];
	ssize_t len = readlink("/proc/self/exe", path, PATH_MAX);
	char *slash = len > 0 ? memrchr(path, '/', (size_t)len) : NULL;

	if (slash) {
		strcpy(slash + 1, "srdfs");
		execv(path, argv);
	}
	execvp("srdfs", argv);
}

static int run(struct tool *tool)
{
	char *list = NULL;

	while (tool_option_next(tool) != -1) {
		char *longer;
		if (asprintf(&longer, "%s,%s", list ? list : "txn", optarg) < 0)
			tool_no_memory();
		free(list);
		list = longer;
	}
	tool_arguments(tool, 2, 2);
	char *const argv[] = { "srdfs", "-o", list ? list : "txn", "--", tool->args[0], tool->args[1], NULL };
	fflush(stdout);
	become_daemon(argv);
	tool_complain_file(tool, argv[0], -errno);
	free(list);
	return tool->status;
}

const struct tool_command tool_txn = {
	.name = "txn",
	.synopsis = "txn [-o LIST] STORE MOUNTPOINT",
	.summary = "Mount a private view of a store, to be committed as a whole or not at all.",
	.detail = "What is done in the mount nobody else sees before 'srd commit MOUNTPOINT'; 'srd\n"
	          "abort MOUNTPOINT', unmounting and a crash drop it.  fsync in it promises nothing.",
	.options = options,
	.run = run,
};
