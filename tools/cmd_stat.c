/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tool.h"

#include <inttypes.h>
#include <sys/sysmacros.h>

static void print_time(const char *name, int64_t ns)
{
	char text[48];

	printf("  %-9s %s\n", name, tool_text_time(ns, true, text));
}

/* TARGET: of a symlink, else NULL. */
static void print_text(const char *key, const struct srd_stat *st, const char *target)
{
	char mode[12];

	tool_text_put(stdout, key, strlen(key));
	printf("\n  kind      %s", tool_text_kind(st->kind));
	if (target) {
		fputs(" to ", stdout);
		tool_text_put(stdout, target, strlen(target));
	}
	putchar('\n');
	printf("  size      %" PRIu64 " (%" PRIu64 " stored)\n", st->size, st->stored_bytes);
	printf("  mode      %s (%04o), owner %" PRIu32 ", group %" PRIu32 "\n",
	       tool_text_mode(st->mode, mode), st->mode & 07777, st->uid, st->gid);
	printf("  inode     %" PRIu64 ", %" PRIu32 " link%s\n", st->ino, st->nlink,
	       st->nlink == 1 ? "" : "s");
	if (st->kind == SRD_CHARDEV || st->kind == SRD_BLOCKDEV)
		printf("  device    %u:%u\n", major(st->rdev), minor(st->rdev));
	print_time("modified", st->mtime_ns);
	print_time("accessed", st->atime_ns);
	print_time("changed", st->ctime_ns);
	print_time("born", st->btime_ns);
	printf("  extents   %" PRIu32 "\n", st->extents);
	if (st->offset)
		printf("  offset    %" PRIu64 " in the store\n  checksum  %016" PRIx64
		       " (XXH3-64 of the first 4 KiB)\n", st->offset, st->checksum);
	printf("  change    at %" PRIu64 " in the store\n", st->last_change);
}

static void print_json(struct tool_json *json, const char *key, const struct srd_stat *st,
                       const char *target)
{
	tool_json_open(json, NULL, '{');
	tool_json_text(json, "key", key, strlen(key));
	tool_json_stat(json, st);
	if (target)
		tool_json_text(json, "target", target, strlen(target));
	tool_json_close(json);
}

static void stat_key(struct tool_store *store, struct tool_json *json, const char *key)
{
	char buffer[TOOL_TARGET_MAX];
	struct srd_stat st;

	if (!tool_key_check(store->tool, store->path, key))
		return;
	int error = srd_stat(store->handle, key, strlen(key), &st);
	bool link = !error && st.kind == SRD_SYMLINK;
	if (link)
		error = tool_store_read_link(store, key, strlen(key), buffer);
	if (error)
		tool_store_fail(store, key, strlen(key), error);
	else if (store->tool->json)
		print_json(json, key, &st, link ? buffer : NULL);
	else
		print_text(key, &st, link ? buffer : NULL);
}

static int run(struct tool *tool)
{
	struct tool_store store;
	struct tool_json json;

	while (tool_option_next(tool) != -1)
		;
	tool_arguments(tool, 2, tool->argc);
	if (!tool_store_open(tool, tool->args[0], SRD_RDONLY, &store))
		return tool->status;
	tool_json_start(&json, stdout);
	if (tool->json)
		tool_json_open(&json, NULL, '[');
	for (int i = 1; i < tool->arg_count; i++)
		stat_key(&store, &json, tool->args[i]);
	if (tool->json)
		tool_json_close(&json);
	tool_store_close(&store);
	return tool->status;
}

const struct tool_command tool_stat = {
	.name = "stat",
	.synopsis = "stat [--at=POINT] [--json] STORE KEY...",
	.summary = "Show what is known of each KEY.",
	.common = TOOL_HAS_AT | TOOL_HAS_STORE | TOOL_HAS_JSON,
	.run = run,
};
