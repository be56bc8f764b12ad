/* SPDX-License-Identifier: Apache-2.0 */
/* trim - blocks that only the store's past needs go back to the file system. */
#include "config.h"

#include "tool.h"

#include <errno.h>

enum { DRY_RUN = 'n', KEEP_SINCE = TOOL_OWN };

struct trim {
	struct tool *tool;
	uint64_t seen;            /* offset up to which progress was counted */
};

static int on_event(void *user, const struct srd_event *event)
{
	struct trim *trim = user;

	if (event->type == SRD_EVENT_PROGRESS && event->offset > trim->seen) {
		trim->tool->progress.total = event->end;
		tool_progress_add(&trim->tool->progress, event->offset - trim->seen, 0);
		trim->seen = event->offset;
	}
	return 0;
}

static void summarize(const char *path, const struct srd_trim_result *result, bool dry)
{
	char bytes[16], left[16];
	struct stat st;

	tool_text_put(stdout, path, strlen(path));
	printf(": %s %s given back", tool_text_bytes(result->bytes, bytes), dry ? "would be" : "were");
	if (stat(path, &st) == 0)
		printf(", it takes %s", tool_text_bytes((uint64_t)st.st_blocks * 512, left));
	if (result->used)
		printf("; what others who have it open may still use stays");
	putchar('\n');
}

static void trim_store(struct tool_store *store, const char *keep_since, int flags)
{
	struct trim trim = { .tool = store->tool };
	struct srd_trim_result result = { 0 };

	tool_progress_start(store->tool, "trim", 0);
	int error = srd_trim(store->handle, keep_since, flags, on_event, &trim, &result);
	tool_progress_end(&store->tool->progress);
	if (error == -EOPNOTSUPP)
		tool_complain(store->tool, store->path, NULL, 0, "the file system knows no holes", NULL);
	else if (error)
		tool_store_fail(store, NULL, 0, error);
	else
		summarize(store->path, &result, flags & SRD_TRIM_DRY_RUN);
}

static int run(struct tool *tool)
{
	const char *keep_since = NULL;
	struct tool_store store;
	int flags = 0, option;

	while ((option = tool_option_next(tool)) != -1)
		if (option == KEEP_SINCE)
			keep_since = optarg;
		else
			flags |= SRD_TRIM_DRY_RUN;
	tool_arguments(tool, 1, 1);
	if (!tool_store_open(tool, tool->args[0], flags & SRD_TRIM_DRY_RUN ? SRD_RDONLY : 0, &store))
		return tool->status;
	trim_store(&store, keep_since, flags);
	tool_store_close(&store);
	return tool->status;
}

static const struct tool_option options[] = {
	{ DRY_RUN, "dry-run", NULL, "say what would be given back, and change nothing" },
	{ KEEP_SINCE, "keep-since", "TIME", "keep what was content then, or since" },
	{ 0 },
};

const struct tool_command tool_trim = {
	.name = "trim",
	.synopsis = "trim [-nq] [--keep-since TIME] STORE",
	.summary = "Give back the blocks that only the past of the store needs.",
	.detail = "The store may be mounted and written to.  History keeps all but the content.",
	.options = options,
	.common = TOOL_HAS_PROGRESS,
	.run = run,
};
