/* SPDX-License-Identifier: Apache-2.0 */
/* salvage - copies all that is sound of a damaged store into a new one, and lists the
 * rest. */
#include "config.h"

#include "tool.h"

#include <inttypes.h>

enum { KEEP_DAMAGED = TOOL_OWN };

struct salvage {
	struct tool *tool;
	uint64_t left_out, zeroed, attributes, records;
};

static int on_event(void *user, const struct srd_event *event)
{
	struct salvage *salvage = user;
	struct tool_progress *progress = &salvage->tool->progress;

	if (event->type == SRD_EVENT_PROGRESS) {
		progress->total = event->end;
		tool_progress_add(progress, 1, 1);
		return 0;
	}
	salvage->left_out += strcmp(event->what, "left out") == 0;
	salvage->zeroed += strcmp(event->what, "zeros") == 0;
	salvage->attributes += strcmp(event->what, "extended attribute") == 0;
	tool_progress_hide(progress);
	salvage->records += strcmp(event->what, "record") == 0;
	if (strcmp(event->what, "record") == 0 || strcmp(event->what, "superblock") == 0) {
		tool_damage_print(event);
		return ferror(stdout) ? 1 : 0;   /* nobody listens any more */
	}
	tool_text_put(stdout, event->key ? event->key : "/", event->key ? strlen(event->key) : 1);
	printf(": %s: %s", event->what, event->text);
	if (event->len > 0)
		printf(": %" PRIu64 " bytes, the first at %" PRIu64, event->len, event->pos);
	putchar('\n');
	return ferror(stdout) ? 1 : 0;
}

static void summarize(const struct salvage *salvage, const char *path, const struct srd_info *info)
{
	tool_text_put(stdout, path, strlen(path));
	printf(": %" PRIu64 " files, %" PRIu64 " directories, %" PRIu64 " others", info->files, info->directories,
	       info->others);
	printf("; %" PRIu64 " left out, %" PRIu64 " with zeros, %" PRIu64 " without an extended attribute",
	       salvage->left_out, salvage->zeroed, salvage->attributes);
	if (salvage->records)
		printf("; what %" PRIu64 " damaged place%s of the log said is lost", salvage->records,
		       salvage->records == 1 ? "" : "s");
	putchar('\n');
}

static void salvage_into(struct tool_store *source, struct tool_store *target, int flags)
{
	struct salvage salvage = { .tool = source->tool };
	struct srd_info info;

	tool_progress_start(source->tool, "salvage", 0);
	int error = srd_salvage(source->handle, target->handle, flags, on_event, &salvage);
	tool_progress_end(&source->tool->progress);
	if (!error)
		error = srd_info(target->handle, &info);
	if (error < 0)
		tool_store_fail(target, NULL, 0, error);
	else if (!error)
		summarize(&salvage, target->path, &info);
	/* Of the superblock nothing is lost. */
	if (salvage.left_out || salvage.zeroed || salvage.attributes || salvage.records)
		source->tool->status = 1;
}

static int run(struct tool *tool)
{
	struct tool_store source, target;
	int flags = 0;

	while (tool_option_next(tool) != -1)
		flags = SRD_SALVAGE_KEEP_DAMAGED;
	tool_arguments(tool, 2, 2);
	if (!tool_store_open(tool, tool->args[0], SRD_RDONLY, &source))
		return tool->status;
	if (tool_store_open(tool, tool->args[1], SRD_CREATE | SRD_EXCL, &target)) {
		salvage_into(&source, &target, flags);
		tool_store_close(&target);
	}
	tool_store_close(&source);
	return tool->status;
}

static const struct tool_option options[] = {
	{ KEEP_DAMAGED, "keep-damaged", NULL, "files with damaged content too, zeros in its place" },
	{ 0 },
};

const struct tool_command tool_salvage = {
	.name = "salvage",
	.synopsis = "salvage [-q] [--keep-damaged] STORE NEW",
	.summary = "Copy all that is sound into a new store, and list what is not.",
	.detail = "Files with damaged content are left out.  Exit status 1 if anything is damaged.",
	.options = options,
	.common = TOOL_HAS_PROGRESS,
	.run = run,
};
