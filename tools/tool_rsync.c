/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tool_rsync.c - one file to another host by rsync, always by content: what it may leave
 * alone for its size and time could be another history.  It writes beside the old copy
 * and renames, so that no half of one is ever there; what arrives is checked by it.
 */
#include "config.h"

#include "tool.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

bool tool_rsync_is_remote(const char *dest)
{
	const char *colon = strchr(dest, ':'), *slash = strchr(dest, '/');

	return colon && colon != dest && (!slash || colon < slash);
}

/* The digits of TEXT as a number, whatever stands between them. */
static uint64_t number_in(const char *text)
{
	uint64_t number = 0;

	for (; *text && *text != '('; text++)
		if (*text >= '0' && *text <= '9')
			number = 10 * number + (uint64_t)(*text - '0');
	return number;
}

static void read_report(int fd, struct tool_rsync *done)
{
	FILE *in = fdopen(fd, "r");
	char line[4096];

	if (!in)
		tool_no_memory();
	while (fgets(line, sizeof line, in)) {
		if (strncmp(line, "Total bytes sent:", 17) == 0)
			done->sent = number_in(line + 17);
		else if (strncmp(line, "Matched data:", 13) == 0)
			done->matched = number_in(line + 13);
		else if (strncmp(line, "differs ", 8) == 0)
			done->differs = true;
	}
	fclose(in);
}

/* Starts ARGS, whose output comes to *OUTPUT: 0 or a negative errno. */
static int start(const char *const *args, pid_t *child, int *output)
{
	posix_spawn_file_actions_t actions;
	int pipe_fds[2];

	if (pipe(pipe_fds) != 0)
		return -errno;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
	posix_spawn_file_actions_addclose(&actions, pipe_fds[0]);
	posix_spawn_file_actions_addclose(&actions, pipe_fds[1]);
	int error = posix_spawnp(child, args[0], &actions, NULL, (char *const *)args, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(pipe_fds[1]);
	if (error)
		close(pipe_fds[0]);
	*output = pipe_fds[0];
	return -error;
}

static bool run(struct tool *tool, const char *const *args, const char *dest, struct tool_rsync *done)
{
	int output = -1, status;
	char text[64];
	pid_t child;
	int error = start(args, &child, &output);

	if (error) {
		tool_complain(tool, dest, NULL, 0, error == -ENOENT ? "rsync is needed for this" : srd_strerror(error),
		              "install it here and there");
		return false;
	}
	read_report(output, done);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	snprintf(text, sizeof text, "rsync failed with status %d", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	tool_complain(tool, dest, NULL, 0, text, "it said why; 3.2.4 or later is needed here and there");
	return false;
}

bool tool_rsync(struct tool *tool, const char *path, const char *dest, bool check, struct tool_rsync *done)
{
	const char *send[] = { "rsync", "-LIS", "--no-whole-file", "--fsync", "--stats", "--no-human-readable", "--",
	                       NULL, dest, NULL };
	const char *compare[] = { "rsync", "-nLc", "--out-format=differs %n", "--", NULL, dest, NULL };
	const char **args = check ? compare : send;
	char *local;

	/* No host, and no option. */
	if (asprintf(&local, "%s%s", path[0] == '/' ? "" : "./", path) < 0)
		tool_no_memory();
	args[check ? 4 : 7] = local;
	*done = (struct tool_rsync){ 0 };
	bool worked = run(tool, args, dest, done);
	free(local);
	return worked;
}
