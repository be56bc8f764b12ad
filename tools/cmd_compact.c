/* SPDX-License-Identifier: Apache-2.0 */
/* compact - writes a store anew without what nothing refers to any more. */
#include "config.h"

#include "tool.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

enum { DRY_RUN = 'n', RATE = 'r', KEEP_SINCE = 'k', KEEP_VERSIONS = 'v' };

struct compact {
	struct tool *tool;
	uint64_t seen;            /* bytes counted as progress */
};

static int on_event(void *user, const struct srd_event *event)
{
	struct compact *compact = user;
	struct tool_progress *progress = &compact->tool->progress;

	if (event->type == SRD_EVENT_DAMAGE) {
		tool_progress_hide(progress);
		tool_damage_print(event);
	} else if (event->type == SRD_EVENT_PROGRESS) {
		progress->total = event->end;
		tool_progress_add(progress, event->offset - compact->seen, 0);
		compact->seen = event->offset;
	}
	return 0;
}

static void summarize(const struct tool_store *store, const struct srd_compacted *result, bool dry)
{
	char before[16], after[16], saved[16];
	uint64_t less = result->old_bytes > result->new_bytes ? result->old_bytes - result->new_bytes : 0;

	if (store->tool->quiet)
		return;
	tool_text_put(stdout, store->path, strlen(store->path));
	printf(dry ? ": would go from %s to about %s, which saves %s\n" : ": compacted from %s to %s, which saves %s\n",
	       tool_text_bytes(result->old_bytes, before), tool_text_bytes(result->new_bytes, after),
	       tool_text_bytes(less, saved));
	if (result->damaged_blocks > 0)
		printf("damaged content in %" PRIu64 " places was carried over as it is; srd verify names the files\n",
		       result->damaged_blocks);
	if (result->damaged_records > 0)
		printf("damaged records at %" PRIu64 " places were carried over as they are; srd repair accepts what is lost\n",
		       result->damaged_records);
	if (result->misfits > 0)
		printf("%" PRIu64 " operations that did not fit what was there, and so did nothing, %s left out, and the history with them\n",
		       result->misfits, dry ? "would be" : "were");
}

static void fail(const struct tool_store *store, int error)
{
	if (error == -EINVAL)
		tool_complain(store->tool, store->path, NULL, 0, "no such point to keep all since",
		              "give a time, or the number of a commit");
	else if (error == -EBUSY)
		tool_complain(store->tool, store->path, NULL, 0, "another process is compacting it", "wait for it to end");
	else if (error == -EMLINK)
		tool_complain(store->tool, store->path, NULL, 0, "the store file has several hard links",
		              "the others would not follow; remove them first");
	else if (error == -ENOSPC || error == -EDQUOT)
		tool_complain(store->tool, store->path, NULL, 0, "no room beside it for what will be left of it",
		              "srd compact --dry-run says how much that is; srd trim needs none");
	else
		tool_store_fail(store, NULL, 0, error);
}

/* False: it cannot be opened. */
static bool open_and_compact(struct compact *compact, const struct srd_compact_options *options,
                             struct tool_store *store, struct srd_compacted *result, int *error)
{
	struct tool *tool = compact->tool;

	if (!tool_store_open(tool, tool->args[0], options->flags & SRD_COMPACT_DRY_RUN ? SRD_RDONLY : 0, store))
		return false;
	compact->seen = 0;
	tool_progress_start(tool, "compact", 0);
	*error = srd_compact(store->handle, options, result);
	tool_progress_end(&tool->progress);
	return true;
}

static unsigned take_versions(struct tool *tool, const char *text)
{
	char *end;

	errno = 0;
	unsigned long count = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || errno || *end || count == 0 || count > UINT_MAX)
		tool_usage(tool, "--keep-versions: '%s' is not a number of versions", text);
	return (unsigned)count;
}

static int run(struct tool *tool)
{
	struct compact compact = { .tool = tool };
	struct srd_compact_options options = { .call = on_event, .user = &compact };
	struct srd_compacted result;
	struct tool_store store;
	int option, error;

	while ((option = tool_option_next(tool)) != -1) {
		if (option == DRY_RUN)
			options.flags |= SRD_COMPACT_DRY_RUN;
		else if (option == RATE)
			options.rate_bytes = tool_option_bytes(tool, "rate", optarg);
		else if (option == KEEP_SINCE)
			options.keep_since = optarg;
		else if (option == KEEP_VERSIONS)
			options.keep_versions = take_versions(tool, optarg);
	}
	tool_arguments(tool, 1, 1);
	if (!open_and_compact(&compact, &options, &store, &result, &error))
		return tool->status;
	/* Rot that the index hid is seen now that it is gone. */
	if (error == SRD_ECORRUPT || error == SRD_EDAMAGED) {
		tool_store_close(&store);
		if (!open_and_compact(&compact, &options, &store, &result, &error))
			return tool->status;
	}
	if (error)
		fail(&store, error);
	else
		summarize(&store, &result, options.flags & SRD_COMPACT_DRY_RUN);
	tool_store_close(&store);
	return tool->status;
}

static const struct tool_option options[] = {
	{ DRY_RUN, "dry-run", NULL, "say what would be saved, and change nothing" },
	{ KEEP_SINCE, "keep-since", "POINT", "keep what was done since then, as it was done" },
	{ KEEP_VERSIONS, "keep-versions", "COUNT", "keep so many versions of each file, that of now included" },
	{ RATE, "rate", "BYTES", "copy no more than so many bytes a second" },
	{ 0 },
};

const struct tool_command tool_compact = {
	.name = "compact",
	.synopsis = "compact [-nq] [-k POINT] [-v COUNT] [-r BYTES] STORE",
	.summary = "Give the space of what was removed or replaced back.",
	.detail = "Writes the store anew beside it, files next to each other in the order of their\n"
	          "directories, then puts that in its place.  Others may use the store meanwhile, and\n"
	          "go on in the new one.  Older versions of files are gone afterwards, but for what\n"
	          "--keep-since and --keep-versions keep, and snapshots.",
	.options = options,
	.common = TOOL_HAS_PROGRESS | TOOL_HAS_STORE,
	.run = run,
};
