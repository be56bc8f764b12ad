/* SPDX-License-Identifier: Apache-2.0 */
/* dump - the records of a store, and the operations in them, for people. */
#include "config.h"

#include "tool.h"

#include <inttypes.h>

struct dump {
	struct tool *tool;
	struct tool_json json;
};

static void print_text(const struct srd_event *event)
{
	char when[48] = "";
	bool op = event->type == SRD_EVENT_OP;

	if (event->type == SRD_EVENT_RECORD)
		tool_text_time(event->time_ns, false, when);
	printf("%12" PRIu64 " %9" PRIu64 " ", event->offset, event->len);
	if (event->type == SRD_EVENT_RECORD)
		printf("%7" PRIu64 " %19s %s", event->sequence, when, event->what);
	else
		printf("%27s   %s", "", op ? event->what : "DAMAGED");
	if (!op && event->type != SRD_EVENT_RECORD)
		printf(" %s", event->what);
	if (event->text && *event->text) {
		putchar(' ');
		tool_text_say(stdout, event->text);
	}
	if (event->key) {
		fputs("  ", stdout);
		tool_text_put(stdout, event->key, strlen(event->key));
	}
	putchar('\n');
}

static void print_json(struct tool_json *json, const struct srd_event *event)
{
	const char *type = event->type == SRD_EVENT_RECORD ? "record"
	                 : event->type == SRD_EVENT_OP ? "op"
	                 : event->type == SRD_EVENT_REPAIRED ? "repaired" : "damage";

	tool_json_open(json, NULL, '{');
	tool_json_text(json, "type", type, strlen(type));
	tool_json_number(json, "offset", event->offset);
	tool_json_number(json, "len", event->len);
	tool_json_number(json, "sequence", event->sequence);
	tool_json_signed(json, "time_ns", event->time_ns);
	tool_json_text(json, "what", event->what, strlen(event->what));
	if (event->text)
		tool_json_text(json, "text", event->text, strlen(event->text));
	if (event->key)
		tool_json_text(json, "key", event->key, strlen(event->key));
	tool_json_close(json);
}

static int on_event(void *user, const struct srd_event *event)
{
	struct dump *dump = user;

	if (event->type == SRD_EVENT_PROGRESS)
		return 0;
	if (event->type == SRD_EVENT_DAMAGE)
		dump->tool->status = 1;
	if (dump->tool->json)
		print_json(&dump->json, event);
	else
		print_text(event);
	return ferror(stdout) ? 1 : 0;   /* nobody listens any more */
}

static int run(struct tool *tool)
{
	struct dump dump = { .tool = tool };
	struct tool_store store;
	int flags = 0;

	while (tool_option_next(tool) != -1)
		flags = SRD_SCAN_OPS;
	tool_arguments(tool, 1, 1);
	if (!tool_store_open(tool, tool->args[0], SRD_RDONLY, &store))
		return tool->status;
	tool_json_start(&dump.json, stdout);
	if (tool->json)
		tool_json_open(&dump.json, NULL, '[');
	else
		printf("%12s %9s %7s %-19s %s\n", "offset", "bytes", "commit", "time", "what");
	int error = srd_scan(store.handle, flags, on_event, &dump);
	if (tool->json)
		tool_json_close(&dump.json);
	if (error < 0)
		tool_store_fail(&store, NULL, 0, error);
	tool_store_close(&store);
	return tool->status;
}

static const struct tool_option options[] = {
	{ 'o', "ops", NULL, "the operations in each record too" },
	{ 0 },
};

const struct tool_command tool_dump = {
	.name = "dump",
	.synopsis = "dump [-o] [--json] STORE",
	.summary = "Show the records of the store.",
	.options = options,
	.common = TOOL_HAS_STORE | TOOL_HAS_JSON,
	.run = run,
};
