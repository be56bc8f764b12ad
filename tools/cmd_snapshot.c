/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot - names for what a store is now, by which it can be had later. */
#include "config.h"

#include "tool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static void fail(const struct tool_store *store, const char *name, int error)
{
	const char *text = error == -ENOENT ? "no such snapshot" : error == -EEXIST ? "there is such a snapshot already"
	                   : error == -EINVAL ? "no name for a snapshot" : srd_strerror(error);
	const char *hint = error == -ENOENT ? "srd snapshot list lists them" : error == -EEXIST ? "choose another name"
	                   : error == -EINVAL ? "one without a slash, that is no number or time" : NULL;

	tool_complain(store->tool, store->path, name, strlen(name), text, hint);
}

static void print(const struct tool_store *store, struct tool_json *json, const struct srd_snapshot *snapshot)
{
	char when[48];

	if (store->tool->json) {
		tool_json_open(json, NULL, '{');
		tool_json_text(json, "name", snapshot->name, strlen(snapshot->name));
		tool_json_number(json, "sequence", snapshot->sequence);
		tool_json_signed(json, "time_ns", snapshot->time_ns);
		tool_json_close(json);
		return;
	}
	printf("%12" PRIu64 "  %s  ", snapshot->sequence, tool_text_time(snapshot->time_ns, false, when));
	tool_text_put(stdout, snapshot->name, strlen(snapshot->name));
	putchar('\n');
}

static void list(const struct tool_store *store)
{
	struct tool_json json;
	struct srd_snapshot *list;
	ssize_t count = srd_snapshots(store->handle, &list);

	if (count < 0) {
		tool_store_fail(store, NULL, 0, (int)count);
		return;
	}
	if (store->tool->json) {
		tool_json_start(&json, stdout);
		tool_json_open(&json, NULL, '[');
	}
	for (ssize_t i = 0; i < count && !ferror(stdout); i++)
		print(store, &json, &list[i]);
	if (store->tool->json)
		tool_json_close(&json);
	free(list);
}

static int create(const struct tool_store *store, char **names)
{
	return srd_snapshot_create(store->handle, names[0]);
}

static int delete(const struct tool_store *store, char **names)
{
	return srd_snapshot_delete(store->handle, names[0]);
}

static int rename_it(const struct tool_store *store, char **names)
{
	int error = srd_snapshot_rename(store->handle, names[0], names[1]);

	/* Which of the names is meant. */
	if (error == -EEXIST)
		names[0] = names[1];
	return error;
}

static const struct verb {
	const char *name;
	int names;
	int (*run)(const struct tool_store *store, char **names);   /* NULL: list */
} verbs[] = {
	{ "create", 1, create }, { "list", 0, NULL }, { "delete", 1, delete }, { "rename", 2, rename_it },
};

static const struct verb *find(struct tool *tool)
{
	for (size_t i = 0; i < TOOL_LEN(verbs); i++) {
		if (strcmp(verbs[i].name, tool->args[0]) != 0)
			continue;
		if (tool->arg_count < 2 + verbs[i].names)
			tool_usage(tool, "too few arguments");
		if (tool->arg_count > 2 + verbs[i].names)
			tool_usage(tool, "too many arguments");
		return &verbs[i];
	}
	tool_usage(tool, "'%s' is none of create, list, delete, rename", tool->args[0]);
}

static int run(struct tool *tool)
{
	struct tool_store store;

	while (tool_option_next(tool) != -1)
		;
	tool_arguments(tool, 2, 4);
	const struct verb *verb = find(tool);
	if (!tool_store_open(tool, tool->args[1], verb->run ? 0 : SRD_RDONLY, &store))
		return tool->status;
	int error = 0;
	if (verb->run)
		error = verb->run(&store, tool->args + 2);
	else
		list(&store);
	if (error)
		fail(&store, tool->args[2], error);
	tool_store_close(&store);
	return tool->status;
}

const struct tool_command tool_snapshot = {
	.name = "snapshot",
	.synopsis = "snapshot create|delete|rename|list [--json] STORE [NAME [NEW]]",
	.summary = "Name what the store is now, to have it later.",
	.detail = "It is instant, and what has a name is kept: --at=NAME and srdfs -o at=NAME show it.",
	.common = TOOL_HAS_STORE | TOOL_HAS_SYNC | TOOL_HAS_JSON,
	.run = run,
};
