/* SPDX-License-Identifier: Apache-2.0 */
/* tool_damage.c - a damaged place as a line or as JSON, the same for all commands. */
#include "config.h"

#include "tool.h"

#include <inttypes.h>

/* "; written by commit 7 of TIME; an older version, of commit 5 of TIME, is sound" */
static void print_history(const struct srd_event *event)
{
	char time[48];

	if (event->time_ns)
		printf("; written by commit %" PRIu64 " of %s", event->sequence, tool_text_time(event->time_ns, false, time));
	if (event->older_sequence)
		printf("; an older version, of commit %" PRIu64 " of %s, is sound", event->older_sequence,
		       tool_text_time(event->older_time_ns, false, time));
}

static bool has_pos(const struct srd_event *event)
{
	return strcmp(event->what, "payload") == 0 && event->key && event->pos != UINT64_MAX;
}

void tool_damage_print(const struct srd_event *event)
{
	printf("damaged: offset %" PRIu64 ", %" PRIu64 " bytes: ", event->offset, event->len);
	if (event->key) {
		tool_text_put(stdout, event->key, strlen(event->key));
		fputs(": ", stdout);
	}
	printf("%s: ", event->what);
	if (has_pos(event))
		printf("from byte %" PRIu64 " of the file: ", event->pos);
	tool_text_say(stdout, event->text);
	print_history(event);
	putchar('\n');
	fflush(stdout);
}

void tool_damage_json(struct tool_json *json, const struct srd_event *event)
{
	tool_json_open(json, NULL, '{');
	tool_json_number(json, "offset", event->offset);
	tool_json_number(json, "len", event->len);
	tool_json_text(json, "what", event->what, strlen(event->what));
	tool_json_text(json, "text", event->text, strlen(event->text));
	if (event->key)
		tool_json_text(json, "key", event->key, strlen(event->key));
	if (has_pos(event))
		tool_json_number(json, "pos", event->pos);
	if (event->time_ns) {
		tool_json_number(json, "sequence", event->sequence);
		tool_json_signed(json, "time_ns", event->time_ns);
	}
	if (event->older_sequence) {
		tool_json_number(json, "older_sequence", event->older_sequence);
		tool_json_signed(json, "older_time_ns", event->older_time_ns);
	}
	tool_json_close(json);
}
