/* SPDX-License-Identifier: Apache-2.0 */
/* repair - has a damaged store take writes again, after saying what is lost. */
#include "config.h"

#include "tool.h"

#include <errno.h>
#include <inttypes.h>

enum { DRY_RUN = 'n', FORCE = 'f' };

struct repair {
	struct tool *tool;
	uint64_t kept;            /* places of content that files have */
	uint64_t seen;            /* offset up to which progress was counted */
};

static int on_event(void *user, const struct srd_event *event)
{
	struct repair *repair = user;
	struct tool_progress *progress = &repair->tool->progress;

	if (event->type == SRD_EVENT_DAMAGE) {
		repair->kept += strcmp(event->what, "payload") == 0 && event->key;
		tool_progress_hide(progress);
		tool_damage_print(event);
	} else if (event->type == SRD_EVENT_PROGRESS && event->offset > repair->seen) {
		progress->total = event->end;
		tool_progress_add(progress, event->offset - repair->seen, 0);
		repair->seen = event->offset;
	}
	return 0;
}

static const char *places(uint64_t count)
{
	return count == 1 ? "place" : "places";
}

static void summarize(const struct repair *repair, const char *path, uint64_t lost, bool damaged, bool dry)
{
	tool_text_put(stdout, path, strlen(path));
	if (!damaged && lost == 0)
		printf(": nothing to repair");
	else if (dry)
		printf(": would be repaired: %" PRIu64 " %s named as lost, and written to again", lost, places(lost));
	else
		printf(": repaired: %" PRIu64 " %s named as lost; the store takes writes", lost, places(lost));
	if (repair->kept > 0)
		printf("; content of files stays damaged in %" PRIu64 " %s until it is replaced or removed", repair->kept,
		       places(repair->kept));
	putchar('\n');
}

static void repair_store(struct tool_store *store, int flags)
{
	struct repair repair = { .tool = store->tool };
	struct srd_info info = { 0 };
	int error = srd_info(store->handle, &info);
	ssize_t lost = 0;

	tool_progress_start(store->tool, "repair", 0);
	if (!error)
		lost = srd_repair(store->handle, flags, on_event, &repair);
	tool_progress_end(&store->tool->progress);
	if (lost == -ECANCELED)
		tool_complain(store->tool, store->path, NULL, 0, "the index beside it still knows what damaged records said",
		              "srd salvage copies all of it; --force gives it up");
	else if (error || lost < 0)
		tool_store_fail(store, NULL, 0, error ? error : (int)lost);
	else
		summarize(&repair, store->path, (uint64_t)lost, info.damaged_records > 0,
		          flags & SRD_REPAIR_DRY_RUN);
	if (repair.kept > 0)
		store->tool->status = 1;
}

static int run(struct tool *tool)
{
	struct tool_store store;
	int flags = 0, option;

	while ((option = tool_option_next(tool)) != -1)
		flags |= option == FORCE ? SRD_REPAIR_FORCE : SRD_REPAIR_DRY_RUN;
	tool_arguments(tool, 1, 1);
	if (!tool_store_open(tool, tool->args[0], flags & SRD_REPAIR_DRY_RUN ? SRD_RDONLY : SRD_EXCLUSIVE, &store))
		return tool->status;
	repair_store(&store, flags);
	tool_store_close(&store);
	return tool->status;
}

static const struct tool_option options[] = {
	{ DRY_RUN, "dry-run", NULL, "say what would be done, and change nothing" },
	{ FORCE, "force", NULL, "give up what only the index still knows" },
	{ 0 },
};

const struct tool_command tool_repair = {
	.name = "repair",
	.synopsis = "repair [-fnq] STORE",
	.summary = "Have a store that is damaged take writes again.",
	.detail = "Says what is lost for good.  Nobody else may have the store open.  Exit status 1 if\n"
	          "content of files stays damaged.",
	.options = options,
	.common = TOOL_HAS_PROGRESS,
	.run = run,
};
