/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tool.h"

#include <inttypes.h>
#include <stdlib.h>

static void uuid_text(const uint8_t uuid[16], char text[37])
{
	for (unsigned i = 0, at = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			text[at++] = '-';
		at += (unsigned)sprintf(text + at, "%02x", uuid[i]);
	}
}

static void print_bytes(const char *name, uint64_t bytes)
{
	char text[16];

	printf("%-12s %" PRIu64 " (%s)\n", name, bytes, tool_text_bytes(bytes, text));
}

static void print_image(const struct srd_info *info)
{
	char saved[48], size[16];

	if (info->image_bytes == 0) {
		printf("image        none: opening replays the log\n");
		return;
	}
	printf("image        %" PRIu64 " (%s), saved %s\n", info->image_bytes, tool_text_bytes(info->image_bytes, size),
	       tool_text_time(info->image_saved_ns, false, saved));
	printf("behind it    %" PRIu64 " operations from %" PRIu64 " on\n", info->image_tail, info->image_offset);
}

/* The images that opening the past begins from. */
static void print_past(const struct tool_store *store)
{
	struct srd_past_image *list;
	ssize_t count = srd_past_images(store->handle, &list);
	char size[16], when[48];

	for (ssize_t i = 0; i < count; i++)
		printf("%-12s commit %" PRIu64 " of %s, %s\n", i ? "" : "the past", list[i].sequence,
		       tool_text_time(list[i].time_ns, false, when), tool_text_bytes(list[i].bytes, size));
	if (count >= 0)
		free(list);
}

static void print_past_json(const struct tool_store *store, struct tool_json *json)
{
	struct srd_past_image *list;
	ssize_t count = srd_past_images(store->handle, &list);

	tool_json_open(json, "past_images", '[');
	for (ssize_t i = 0; i < count; i++) {
		tool_json_open(json, NULL, '{');
		tool_json_number(json, "sequence", list[i].sequence);
		tool_json_signed(json, "time_ns", list[i].time_ns);
		tool_json_number(json, "offset", list[i].offset);
		tool_json_number(json, "bytes", list[i].bytes);
		tool_json_close(json);
	}
	tool_json_close(json);
	if (count >= 0)
		free(list);
}

static void print_text(const struct tool_store *store, const struct srd_info *info, const char *uuid)
{
	char created[48], last[48];

	printf("uuid         %s\n", uuid);
	printf("version      %" PRIu32 ", generation %" PRIu64 "\n", info->version, info->generation);
	printf("created      %s\n", tool_text_time(info->created_ns, false, created));
	printf("commits      %" PRIu64, info->sequence);
	printf(info->sequence ? ", the last %s\n" : "\n",
	       tool_text_time(info->last_commit_ns, false, last));
	printf("files        %" PRIu64 "\n", info->files);
	printf("directories  %" PRIu64 "\n", info->directories);
	printf("others       %" PRIu64 "\n", info->others);
	print_bytes("live bytes", info->live_bytes);
	print_bytes("store bytes", info->file_bytes);
	print_bytes("end", info->end);
	print_bytes("durable to", info->durable);
	print_bytes("memory", info->memory_bytes);
	print_image(info);
	print_past(store);
	if (info->dropped_bytes)
		print_bytes("torn tail", info->dropped_bytes);
	if (info->damaged_records)
		printf("damaged      %" PRIu64 " records; srd verify says where\n", info->damaged_records);
	if (info->misfits)
		printf("misfits      %" PRIu64 " operations that did not fit\n", info->misfits);
}

static void print_json(const struct tool_store *store, const struct srd_info *info, const char *uuid)
{
	struct tool_json json;

	tool_json_start(&json, stdout);
	tool_json_open(&json, NULL, '{');
	tool_json_text(&json, "uuid", uuid, strlen(uuid));
	tool_json_number(&json, "version", info->version);
	tool_json_number(&json, "generation", info->generation);
	tool_json_signed(&json, "created_ns", info->created_ns);
	tool_json_number(&json, "commits", info->sequence);
	tool_json_signed(&json, "last_commit_ns", info->last_commit_ns);
	tool_json_number(&json, "files", info->files);
	tool_json_number(&json, "directories", info->directories);
	tool_json_number(&json, "others", info->others);
	tool_json_number(&json, "live_bytes", info->live_bytes);
	tool_json_number(&json, "file_bytes", info->file_bytes);
	tool_json_number(&json, "end", info->end);
	tool_json_number(&json, "durable", info->durable);
	tool_json_number(&json, "memory_bytes", info->memory_bytes);
	tool_json_number(&json, "image_bytes", info->image_bytes);
	tool_json_number(&json, "image_offset", info->image_offset);
	tool_json_number(&json, "image_tail", info->image_tail);
	tool_json_signed(&json, "image_saved_ns", info->image_saved_ns);
	print_past_json(store, &json);
	tool_json_number(&json, "dropped_bytes", info->dropped_bytes);
	tool_json_number(&json, "damaged_records", info->damaged_records);
	tool_json_number(&json, "misfits", info->misfits);
	tool_json_close(&json);
}

static void print(const struct tool_store *store)
{
	struct srd_info info;
	char uuid[37];

	int error = srd_info(store->handle, &info);
	if (error) {
		tool_store_fail(store, NULL, 0, error);
		return;
	}
	uuid_text(info.uuid, uuid);
	if (store->tool->json)
		print_json(store, &info, uuid);
	else
		print_text(store, &info, uuid);
}

static int run(struct tool *tool)
{
	struct tool_store store;

	while (tool_option_next(tool) != -1)
		;
	tool_arguments(tool, 1, 1);
	if (!tool_store_open(tool, tool->args[0], SRD_RDONLY, &store))
		return tool->status;
	print(&store);
	tool_store_close(&store);
	return tool->status;
}

const struct tool_command tool_info = {
	.name = "info",
	.synopsis = "info [--json] STORE",
	.summary = "Show what the store holds and how it is.",
	.common = TOOL_HAS_STORE | TOOL_HAS_JSON,
	.run = run,
};
