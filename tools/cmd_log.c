/* SPDX-License-Identifier: Apache-2.0 */
/* log - the history of a store, or of what has a key: each change with its commit and time. */
#include "config.h"

#include "tool.h"

#include <inttypes.h>
#include <unistd.h>

struct log {
	struct tool *tool;
	const char *key;          /* NULL: all of the store */
	struct tool_json json;
	uint64_t sequence;        /* of the record that the next ops are in */
	int64_t time_ns;
	bool escape;
};

static void print_json(struct log *log, const struct srd_event *event)
{
	tool_json_open(&log->json, NULL, '{');
	tool_json_number(&log->json, "sequence", log->sequence);
	tool_json_signed(&log->json, "time_ns", log->time_ns);
	tool_json_text(&log->json, "what", event->what, strlen(event->what));
	if (event->text)
		tool_json_text(&log->json, "text", event->text, strlen(event->text));
	if (event->key)
		tool_json_text(&log->json, "key", event->key, strlen(event->key));
	tool_json_close(&log->json);
}

static void print_text(const struct log *log, const struct srd_event *event)
{
	char when[48];

	printf("%12" PRIu64 "  %s  %-8s ", log->sequence, tool_text_time(log->time_ns, false, when), event->what);
	if (event->key && log->escape)
		tool_text_put(stdout, event->key, strlen(event->key));
	else if (event->key)
		fputs(event->key, stdout);
	if (event->text && *event->text) {
		fputs(event->key ? ": " : "", stdout);
		tool_text_say(stdout, event->text);
	}
	putchar('\n');
}

static int on_event(void *user, const struct srd_event *event)
{
	struct log *log = user;

	if (event->type == SRD_EVENT_RECORD) {
		log->sequence = event->sequence;
		log->time_ns = event->time_ns;
	}
	/* What carries content ahead of its commit is no change. */
	if (event->type != SRD_EVENT_OP || strcmp(event->what, "run") == 0)
		return 0;
	if (log->key && (!event->key || strcmp(event->key, log->key) != 0))
		return 0;
	if (log->tool->json)
		print_json(log, event);
	else
		print_text(log, event);
	return ferror(stdout) ? 1 : 0;
}

static void list(const struct tool_store *store, struct log *log)
{
	tool_json_start(&log->json, stdout);
	if (log->tool->json)
		tool_json_open(&log->json, NULL, '[');
	int error = srd_scan(store->handle, SRD_SCAN_OPS, on_event, log);
	if (log->tool->json)
		tool_json_close(&log->json);
	if (error < 0)
		tool_store_fail(store, NULL, 0, error);
}

static int run(struct tool *tool)
{
	struct log log = { .tool = tool };
	struct tool_store store;

	while (tool_option_next(tool) != -1)
		;
	tool_arguments(tool, 1, 2);
	log.key = tool->arg_count > 1 ? tool->args[1] : NULL;
	log.escape = isatty(STDOUT_FILENO);
	if ((log.key && !tool_key_check(tool, tool->args[0], log.key)) ||
	    !tool_store_open(tool, tool->args[0], SRD_RDONLY, &store))
		return tool->status;
	struct srd_stat st;
	int error = log.key ? srd_stat(store.handle, log.key, strlen(log.key), &st) : 0;
	if (error)
		tool_store_fail(&store, log.key, strlen(log.key), error);
	else
		list(&store, &log);
	tool_store_close(&store);
	return tool->status;
}

const struct tool_command tool_log = {
	.name = "log",
	.synopsis = "log [--at=POINT] [--json] STORE [KEY]",
	.summary = "List what was changed, when, in which commit: of all the store, or of KEY.",
	.detail = "The number is what --at takes.  KEY is one that is there now, or was at POINT.",
	.common = TOOL_HAS_AT | TOOL_HAS_STORE | TOOL_HAS_JSON,
	.run = run,
};
