/* SPDX-License-Identifier: Apache-2.0 */
/*
 * put - one value, streamed: it may be larger than memory, nothing of it is
 * visible before it is whole, and nothing is left behind when reading fails.
 */
#include "config.h"

#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int open_source(struct tool *tool, const char *path)
{
	if (strcmp(path, "-") == 0)
		return STDIN_FILENO;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		tool_complain_file(tool, path, -errno);
	return fd;
}

/* What grows by being read would never end. */
static bool is_store(struct tool_store *store, int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && tool_store_is_file(store, &st);
}

static void put(struct tool_store *store, const char *key, int fd, const char *source)
{
	size_t len = strlen(key);
	srd_writer *writer;
	bool reading = false;

	int error = srd_writer_new(store->handle, key, len, &writer);
	if (!error) {
		error = tool_feed(fd, writer, NULL, &reading);
		if (error)
			srd_writer_abort(writer);
		else
			error = srd_writer_commit(writer);
	}
	if (error && reading)
		tool_complain_file(store->tool, source, error);
	else if (error)
		tool_store_fail(store, key, len, error);
}

static int run(struct tool *tool)
{
	struct tool_store store;

	while (tool_option_next(tool) != -1)
		;
	tool_arguments(tool, 2, 3);
	const char *path = tool->args[0], *key = tool->args[1];
	const char *source = tool->arg_count > 2 ? tool->args[2] : "-";
	if (!tool_key_check(tool, path, key))
		return tool->status;
	int fd = open_source(tool, source);
	if (fd >= 0 && tool_store_open(tool, path, 0, &store)) {
		if (!is_store(&store, fd))
			put(&store, key, fd, strcmp(source, "-") == 0 ? "standard input" : source);
		tool_store_close(&store);
	}
	if (fd > STDERR_FILENO)
		close(fd);
	return tool->status;
}

const struct tool_command tool_put = {
	.name = "put",
	.synopsis = "put [--no-sync] STORE KEY [FILE]",
	.summary = "Store the content of FILE (standard input if none, or -) under KEY.",
	.detail = "A value of any size is stored whole or not at all, and is durable on return.",
	.common = TOOL_HAS_STORE | TOOL_HAS_SYNC,
	.run = run,
};
