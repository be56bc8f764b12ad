/* SPDX-License-Identifier: Apache-2.0 */
/* undelete - what was deleted is there again, with all below it, as it was before. */
#include "config.h"

#include "tool.h"

#include <errno.h>
#include <inttypes.h>

struct undelete {
	struct tool_store store;
	bool force;
};

static void complain(const struct undelete *undelete, const char *key, const char *text, const char *hint)
{
	tool_complain(undelete->store.tool, undelete->store.path, key, strlen(key), text, hint);
}

/* Where KEY was last whole. */
static bool find(struct undelete *undelete, const char *key, struct srd_deleted *found)
{
	struct tool_store *store = &undelete->store;

	if (!undelete->force && srd_exists(store->handle, key, strlen(key)) == 1) {
		complain(undelete, key, "there is such a key", "--force puts what was deleted in its place");
		return false;
	}
	int error = srd_find_deleted(store->handle, key, strlen(key), found);
	if (error == -ENOENT)
		complain(undelete, key, "no such key was deleted, as far as the store knows",
		         "srd log --deleted lists what was; compaction forgets it");
	else if (error)
		tool_store_fail(store, key, strlen(key), error);
	return error == 0;
}

static void undelete_key(struct undelete *undelete, const char *key)
{
	struct tool_restore restore = { .store = &undelete->store };
	struct srd_deleted found;
	char at[24];

	if (!tool_key_check(undelete->store.tool, undelete->store.path, key) || !find(undelete, key, &found))
		return;
	snprintf(at, sizeof at, "%" PRIu64, found.whole);
	int error = srd_view(undelete->store.handle, at, &restore.past);
	if (error) {
		tool_store_fail_at(&undelete->store, at, error);
		return;
	}
	tool_restore_key(&restore, key);
	tool_restore_end(&restore);
	srd_close(restore.past);
}

static int run(struct tool *tool)
{
	struct undelete undelete = { .force = false };

	for (int code; (code = tool_option_next(tool)) != -1;)
		undelete.force |= code == 'f';
	tool_arguments(tool, 2, tool->argc);
	if (!tool_store_open(tool, tool->args[0], 0, &undelete.store))
		return tool->status;
	for (int i = 1; i < tool->arg_count; i++)
		undelete_key(&undelete, tool->args[i]);
	tool_store_close(&undelete.store);
	return tool->status;
}

static const struct tool_option options[] = {
	{ 'f', "force", NULL, "replace what has the key now" },
	{ 0 },
};

const struct tool_command tool_undelete = {
	.name = "undelete",
	.synopsis = "undelete [-f] [--no-sync] STORE KEY...",
	.summary = "Make deleted keys be there again, with all below them, as they were.",
	.detail = "Nothing is copied.  Of a directory all is had again that went together with it: with\n"
	          "pauses of a minute at most.  srd log --deleted lists what can be had.",
	.options = options,
	.common = TOOL_HAS_STORE | TOOL_HAS_SYNC,
	.run = run,
};
