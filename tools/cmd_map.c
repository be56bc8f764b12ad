/* SPDX-License-Identifier: Apache-2.0 */
/* map - what the bytes of a store are, as a picture. */
#include "config.h"

#include "tool_map.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

enum { SVG = 's' };

const struct map_kind map_kinds[MAP_KINDS] = {
	{ "damaged", "\033[31m", "#d1242f", "#f85149", '!', offsetof(struct srd_map_cell, damaged) },
	{ "live", "\033[32m", "#1a9e5c", "#3fb950", '#', offsetof(struct srd_map_cell, live) },
	{ "dead", "\033[33m", "#b8bec5", "#59616b", '.', offsetof(struct srd_map_cell, dead) },
	{ "trimmed", "\033[36m", "#d3ecf3", "#1f3a44", '~', offsetof(struct srd_map_cell, trimmed) },
	{ "records", "\033[34m", "#0072b2", "#4a9eda", '=', offsetof(struct srd_map_cell, records) },
};

uint64_t map_bytes_of(const struct srd_map_cell *cell, const struct map_kind *kind)
{
	uint64_t bytes;

	memcpy(&bytes, (const char *)cell + kind->at, sizeof bytes);
	return bytes;
}

const struct map_kind *map_kind_of(const struct srd_map_cell *cell)
{
	const struct map_kind *most = NULL;

	if (cell->damaged > 0)
		return &map_kinds[0];
	for (size_t i = 1; i < MAP_KINDS; i++)
		if (map_bytes_of(cell, &map_kinds[i]) > (most ? map_bytes_of(cell, most) : 0))
			most = &map_kinds[i];
	return most;
}

uint64_t map_most(const struct srd_map *map)
{
	uint64_t most = 1;

	for (size_t i = 0; i < SRD_MAP_TIMES; i++)
		most = map->growth[i] > most ? map->growth[i] : most;
	return most;
}

/* ---- On the terminal ---- */

static void print_cells(const struct srd_map *map, bool colors)
{
	char span[16];

	for (size_t i = 0; i < map->cell_count; i++) {
		const struct map_kind *kind = map_kind_of(&map->cells[i]);
		if (colors && kind)
			printf("%s%c\033[0m", kind->color, kind->sign);
		else
			putchar(kind ? kind->sign : ' ');
		if (i % MAP_COLUMNS == MAP_COLUMNS - 1)
			putchar('\n');
	}
	printf("each sign is %s of the log\n\n", tool_text_bytes(map->cell_bytes, span));
}

static void print_totals(const struct srd_map *map, bool colors)
{
	char text[16], less[16];

	for (size_t i = 1; i <= MAP_KINDS; i++) {
		const struct map_kind *kind = &map_kinds[i % MAP_KINDS];
		uint64_t bytes = map_bytes_of(&map->total, kind);
		printf("%s%c%s %-8s %10s %5.1f %%\n", colors ? kind->color : "", kind->sign, colors ? "\033[0m" : "", kind->name,
		       tool_text_bytes(bytes, text), map->end ? 100.0 * (double)bytes / (double)map->end : 0);
	}
	if (map->compacted_bytes > 0 && map->compacted_bytes < map->end)
		printf("\ncompaction would leave about %s, which saves %s\n", tool_text_bytes(map->compacted_bytes, text),
		       tool_text_bytes(map->end - map->compacted_bytes, less));
}

static void print_growth(const struct srd_map *map)
{
	static const char *const heights[] = { " ", "\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586", "\u2587", "\u2588" };
	uint64_t most = map_most(map);
	char from[48], to[48];

	printf("\ngrowth, %s to %s\n", tool_text_time(map->first_ns, false, from), tool_text_time(map->last_ns, false, to));
	for (size_t i = 0; i < SRD_MAP_TIMES; i++)
		fputs(heights[(map->growth[i] * 8 + most - 1) / most], stdout);
	putchar('\n');
}

static void print_keys(const char *title, const struct srd_map_key *keys)
{
	char size[16], written[16];

	if (keys[0].ino == 0)
		return;
	printf("\n%s\n", title);
	for (size_t i = 0; i < SRD_MAP_KEYS && keys[i].ino != 0; i++) {
		printf("%10s  written %" PRIu64 " times, %s  ", tool_text_bytes(keys[i].size, size), keys[i].writes,
		       tool_text_bytes(keys[i].written_bytes, written));
		if (keys[i].key)
			tool_text_put(stdout, keys[i].key, strlen(keys[i].key));
		else
			printf("(no name, inode %" PRIu64 ")", keys[i].ino);
		putchar('\n');
	}
}

static void print_map(const struct srd_map *map)
{
	bool colors = isatty(STDOUT_FILENO);

	print_cells(map, colors);
	print_totals(map, colors);
	print_growth(map);
	print_keys("largest", map->largest);
	print_keys("most often written to", map->rewritten);
}

/* ---- As a file ---- */

static void json_keys(struct tool_json *json, const char *name, const struct srd_map_key *keys)
{
	tool_json_open(json, name, '[');
	for (size_t i = 0; i < SRD_MAP_KEYS && keys[i].ino != 0; i++) {
		tool_json_open(json, NULL, '{');
		if (keys[i].key)
			tool_json_text(json, "key", keys[i].key, strlen(keys[i].key));
		tool_json_number(json, "ino", keys[i].ino);
		tool_json_number(json, "stored_bytes", keys[i].size);
		tool_json_number(json, "writes", keys[i].writes);
		tool_json_number(json, "written_bytes", keys[i].written_bytes);
		tool_json_close(json);
	}
	tool_json_close(json);
}

static void json_cell(struct tool_json *json, const char *name, const struct srd_map_cell *cell)
{
	tool_json_open(json, name, '{');
	for (size_t i = 0; i < MAP_KINDS; i++)
		tool_json_number(json, map_kinds[i].name, map_bytes_of(cell, &map_kinds[i]));
	tool_json_close(json);
}

static void print_json(const struct srd_map *map)
{
	struct tool_json json;

	tool_json_start(&json, stdout);
	tool_json_open(&json, NULL, '{');
	tool_json_number(&json, "end", map->end);
	tool_json_number(&json, "sequence", map->sequence);
	json_cell(&json, "total", &map->total);
	tool_json_number(&json, "compacted_bytes", map->compacted_bytes);
	tool_json_number(&json, "cell_bytes", map->cell_bytes);
	tool_json_open(&json, "cells", '[');
	for (size_t i = 0; i < map->cell_count; i++)
		json_cell(&json, NULL, &map->cells[i]);
	tool_json_close(&json);
	tool_json_signed(&json, "first_ns", map->first_ns);
	tool_json_signed(&json, "last_ns", map->last_ns);
	tool_json_open(&json, "growth", '[');
	for (size_t i = 0; i < SRD_MAP_TIMES; i++)
		tool_json_number(&json, NULL, map->growth[i]);
	tool_json_close(&json);
	json_keys(&json, "largest", map->largest);
	json_keys(&json, "rewritten", map->rewritten);
	tool_json_close(&json);
}

static void write_svg(struct tool *tool, const char *path, const struct srd_map *map)
{
	FILE *out = fopen(path, "w");

	if (!out) {
		tool_complain_file(tool, path, -errno);
		return;
	}
	map_draw(out, tool->args[0], map);
	bool bad = ferror(out);
	if (fclose(out) != 0 || bad)
		tool_complain_file(tool, path, -errno);
}

static int run(struct tool *tool)
{
	const char *svg = NULL;
	struct tool_store store;
	struct srd_map map;
	int option;

	while ((option = tool_option_next(tool)) != -1)
		if (option == SVG)
			svg = optarg;
	tool_arguments(tool, 1, 1);
	if (!tool_store_open(tool, tool->args[0], SRD_RDONLY, &store))
		return tool->status;
	int error = srd_map(store.handle, MAP_COLUMNS * MAP_ROWS, &map);
	if (error)
		tool_store_fail(&store, NULL, 0, error);
	else if (svg)
		write_svg(tool, svg, &map);
	else if (tool->json)
		print_json(&map);
	else
		print_map(&map);
	if (!error)
		srd_map_release(&map);
	tool_store_close(&store);
	return tool->status;
}

static const struct tool_option options[] = {
	{ SVG, "svg", "FILE", "draw it into a file instead" },
	{ 0 },
};

const struct tool_command tool_map = {
	.name = "map",
	.synopsis = "map [--json] [-s FILE] STORE",
	.summary = "Show what the bytes of the store are.",
	.detail = "Content that files have, that they had, that was given up, and records; how the store\n"
	          "grew; which keys are the largest, and written to most often; what compaction would\n"
	          "save.  Content is not read: srd verify does.",
	.options = options,
	.common = TOOL_HAS_JSON,
	.run = run,
};
