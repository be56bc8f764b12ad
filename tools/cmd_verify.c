/* SPDX-License-Identifier: Apache-2.0 */
/* verify - reads the whole store, checks every checksum, and says what is damaged. */
#include "config.h"

#include "tool.h"

#include <inttypes.h>

struct verify {
	struct tool *tool;
	struct tool_json json;
	uint64_t records, damages, repaired, trimmed_bytes;
	uint64_t seen;            /* offset up to which progress was counted */
};

static void print_damage(struct verify *verify, const struct srd_event *event)
{
	tool_progress_hide(&verify->tool->progress);
	tool_damage_print(event);
}

static int on_event(void *user, const struct srd_event *event)
{
	struct verify *verify = user;

	if (event->type == SRD_EVENT_RECORD) {
		verify->records++;
	} else if (event->type == SRD_EVENT_DAMAGE) {
		verify->damages++;
		if (verify->tool->json)
			tool_damage_json(&verify->json, event);
		else
			print_damage(verify, event);
	} else if (event->type == SRD_EVENT_REPAIRED) {
		verify->repaired++;
	} else if (event->type == SRD_EVENT_TRIMMED) {
		verify->trimmed_bytes += event->len;
	} else if (event->type == SRD_EVENT_PROGRESS && event->offset > verify->seen) {
		verify->tool->progress.total = event->end;
		tool_progress_add(&verify->tool->progress, event->offset - verify->seen, 0);
		verify->seen = event->offset;
	}
	return 0;
}

static void summarize(const struct verify *verify, const char *path, const struct srd_info *info,
                      int64_t took_ns)
{
	char size[16], torn[16], trimmed[16];
	bool sound = verify->damages == 0 && info->misfits == 0;

	if (info->misfits)
		printf("damaged: %" PRIu64 " operations do not fit what was there before\n", info->misfits);
	if (info->dropped_bytes)
		printf("note: %s of an append that was never finished lie behind the end\n",
		       tool_text_bytes(info->dropped_bytes, torn));
	if (verify->repaired)
		printf("note: %" PRIu64 " damaged place%s srd repair took account of\n", verify->repaired,
		       verify->repaired == 1 ? "" : "s");
	if (verify->trimmed_bytes)
		printf("note: %s of the past were trimmed\n", tool_text_bytes(verify->trimmed_bytes, trimmed));
	tool_text_put(stdout, path, strlen(path));
	printf(": %s: ", sound ? "sound" : "damaged");
	if (verify->damages)
		printf("%" PRIu64 " place%s, ", verify->damages, verify->damages == 1 ? "" : "s");
	printf("%" PRIu64 " records, %" PRIu64 " commits, %s, in %.1f s\n", verify->records,
	       info->sequence, tool_text_bytes(info->end, size), (double)took_ns / 1e9);
}

static void summarize_json(struct verify *verify, const struct srd_info *info)
{
	struct tool_json *json = &verify->json;

	tool_json_close(json);
	tool_json_number(json, "damages", verify->damages);
	tool_json_number(json, "repaired", verify->repaired);
	tool_json_number(json, "trimmed_bytes", verify->trimmed_bytes);
	tool_json_number(json, "misfits", info->misfits);
	tool_json_number(json, "dropped_bytes", info->dropped_bytes);
	tool_json_number(json, "records", verify->records);
	tool_json_number(json, "commits", info->sequence);
	tool_json_number(json, "bytes", info->end);
	tool_json_bool(json, "sound", verify->damages == 0 && info->misfits == 0);
	tool_json_close(json);
}

static void verify_store(struct tool_store *store)
{
	struct verify verify = { .tool = store->tool };
	struct srd_info info = { 0 };
	int64_t start = tool_clock_ns();

	tool_json_start(&verify.json, stdout);
	if (store->tool->json) {
		tool_json_open(&verify.json, NULL, '{');
		tool_json_text(&verify.json, "store", store->path, strlen(store->path));
		tool_json_open(&verify.json, "damage", '[');
	}
	tool_progress_start(store->tool, "verify", 0);
	int error = srd_scan(store->handle, SRD_SCAN_PAYLOAD, on_event, &verify);
	tool_progress_end(&store->tool->progress);
	if (!error)
		error = srd_info(store->handle, &info);
	if (store->tool->json)
		summarize_json(&verify, &info);
	else if (!error)
		summarize(&verify, store->path, &info, tool_clock_ns() - start);
	if (error)
		tool_store_fail(store, NULL, 0, error);
	if (verify.damages || info.misfits)
		store->tool->status = 1;
}

static int run(struct tool *tool)
{
	struct tool_store store;

	while (tool_option_next(tool) != -1)
		;
	tool_arguments(tool, 1, 1);
	if (!tool_store_open(tool, tool->args[0], SRD_RDONLY, &store))
		return tool->status;
	verify_store(&store);
	tool_store_close(&store);
	return tool->status;
}

const struct tool_command tool_verify = {
	.name = "verify",
	.synopsis = "verify [-q] [--json] STORE",
	.summary = "Check every checksum in the store, and say what is damaged.",
	.detail = "Exit status 1 if anything is.",
	.common = TOOL_HAS_STORE | TOOL_HAS_JSON | TOOL_HAS_PROGRESS,
	.run = run,
};
