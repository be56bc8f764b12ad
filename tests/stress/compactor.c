/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "compactor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TOOL_REFUSED = 1 };

int compact_open(srd_store *store, atomic_ulong *compacted)
{
	const struct srd_compact_options options = { 0 };
	struct srd_compacted result;
	int error = srd_compact(store, &options, &result);

	if (!error)
		atomic_fetch_add(compacted, 1);
	return error == -EBUSY ? 0 : error;
}

/* What it refuses is that others are at it: said on its standard error, which is not looked at. */
int compact_by_tool(const char *tool, const char *path, atomic_ulong *compacted)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		int null = open("/dev/null", O_RDWR);
		dup2(null, 1);
		dup2(null, 2);
		execl(tool, tool, "compact", "-q", path, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -ECHILD;
	if (WIFSIGNALED(status)) {
		printf("# %s: signal %d\n", tool, WTERMSIG(status));
		return -ECHILD;
	}
	atomic_fetch_add(compacted, WEXITSTATUS(status) == 0);
	return WEXITSTATUS(status) <= TOOL_REFUSED ? 0 : -ENOEXEC;
}

static int compact_by_library(const char *path, atomic_ulong *compacted)
{
	srd_store *store;
	int error = srd_open(path, 0, &store);

	if (error)
		return error;
	error = compact_open(store, compacted);
	srd_close(store);
	return error;
}

int run_compactor(const char *tool, const char *path, const atomic_bool *done, atomic_ulong *compacted)
{
	int error = 0;

	for (unsigned i = 0; !error && !atomic_load(done); i++)
		error = tool && i % 2 ? compact_by_tool(tool, path, compacted) : compact_by_library(path, compacted);
	if (error)
		printf("# who compacts: %s\n", srd_strerror(error));
	return error != 0;
}
