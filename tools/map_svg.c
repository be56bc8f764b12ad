/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map_svg.c - the map as plain SVG that any browser shows, on light paper or dark as the reader
 * likes it.
 *
 *     title
 *     cells, line by line from the beginning of the log    what is what, and how much of it
 *     growth over time
 *     largest keys             those most often written to
 */
#include "config.h"

#include "tool_map.h"

#include <inttypes.h>

enum {
	MARGIN = 24, CELL = 11, GAP = 1, LEGEND = 230, BAR = 64, LINE = 18, NAME_MAX_SIGNS = 40,
	GRID_TOP = 64, GRID_WIDTH = MAP_COLUMNS * CELL, GRID_HEIGHT = MAP_ROWS * CELL,
	GROWTH_TOP = GRID_TOP + GRID_HEIGHT + 40, KEYS_TOP = GROWTH_TOP + BAR + 56,
	WIDTH = MARGIN + GRID_WIDTH + LEGEND + MARGIN,
};

static void put_style(FILE *out)
{
	fputs("<style>\n.paper{fill:#fff}.ink{fill:#24292f}.pale{fill:#57606a}.none{fill:#f0f2f4}.bar{fill:#0072b2}\n", out);
	for (size_t i = 0; i < MAP_KINDS; i++)
		fprintf(out, ".%s{fill:%s}", map_kinds[i].name, map_kinds[i].light);
	fputs("\n@media (prefers-color-scheme: dark) {\n"
	      ".paper{fill:#0d1117}.ink{fill:#e6edf3}.pale{fill:#9198a1}.none{fill:#161b22}.bar{fill:#4a9eda}\n", out);
	for (size_t i = 0; i < MAP_KINDS; i++)
		fprintf(out, ".%s{fill:%s}", map_kinds[i].name, map_kinds[i].dark);
	fputs("\n}\n</style>\n", out);
}

static void put_sign(FILE *out, const uint8_t *at, size_t len)
{
	if (*at == '&')
		fputs("&amp;", out);
	else if (*at == '<')
		fputs("&lt;", out);
	else if (len == 0 || *at < ' ' || *at == 127)
		putc('?', out);
	else
		fwrite(at, 1, len, out);
}

/* At most MAX signs of TEXT, its end if it has more; controls and bytes that are no characters become "?". */
static void put_words(FILE *out, const char *text, size_t max)
{
	const uint8_t *bytes = (const uint8_t *)text;
	size_t len = strlen(text), signs = 0, from = len;
	uint32_t rune;

	while (from > 0 && signs < max)
		signs += (bytes[--from] & 0xC0) != 0x80;
	if (from > 0)
		fputs("\u2026", out);
	while (from < len) {
		size_t sign = tool_utf8(bytes + from, len - from, &rune);
		put_sign(out, bytes + from, sign);
		from += sign ? sign : 1;
	}
}

static void put_text(FILE *out, int x, int y, const char *class, const char *anchor, const char *text, size_t max)
{
	fprintf(out, "<text x=\"%d\" y=\"%d\" class=\"%s\" text-anchor=\"%s\">", x, y, class, anchor);
	put_words(out, text, max);
	fputs("</text>\n", out);
}

static void put_box(FILE *out, int x, int y, int width, int height, const char *class)
{
	fprintf(out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" class=\"%s\"/>\n", x, y, width, height, class);
}

static void draw_title(FILE *out, const char *path, const struct srd_map *map)
{
	char line[200], bytes[16], span[16];

	fprintf(out, "<text x=\"%d\" y=\"%d\" class=\"ink\" font-size=\"17\" font-weight=\"600\">", MARGIN, 32);
	put_words(out, path, 80);
	fputs("</text>\n", out);
	snprintf(line, sizeof line, "%s, %" PRIu64 " commits; a square is %s of the log", tool_text_bytes(map->end, bytes),
	         map->sequence, tool_text_bytes(map->cell_bytes, span));
	put_text(out, MARGIN, 51, "pale", "start", line, sizeof line);
}

static void draw_cells(FILE *out, const struct srd_map *map)
{
	for (size_t i = 0; i < map->cell_count; i++) {
		const struct map_kind *kind = map_kind_of(&map->cells[i]);
		put_box(out, MARGIN + (int)(i % MAP_COLUMNS) * CELL, GRID_TOP + (int)(i / MAP_COLUMNS) * CELL, CELL - GAP,
		        CELL - GAP, kind ? kind->name : "none");
	}
}

static void draw_legend(FILE *out, const struct srd_map *map)
{
	int x = MARGIN + GRID_WIDTH + 20;
	char line[64], bytes[16];

	for (int i = 1; i <= MAP_KINDS; i++) {
		const struct map_kind *kind = &map_kinds[i % MAP_KINDS];
		uint64_t amount = map_bytes_of(&map->total, kind);
		int y = GRID_TOP + (i - 1) * 21;
		put_box(out, x, y, CELL, CELL, kind->name);
		put_text(out, x + 18, y + 10, "ink", "start", kind->name, 20);
		put_text(out, WIDTH - MARGIN - 52, y + 10, "pale", "end", tool_text_bytes(amount, bytes), sizeof bytes);
		snprintf(line, sizeof line, "%.1f %%", map->end ? 100.0 * (double)amount / (double)map->end : 0);
		put_text(out, WIDTH - MARGIN, y + 10, "pale", "end", line, sizeof line);
	}
	if (map->compacted_bytes == 0 || map->compacted_bytes >= map->end)
		return;
	snprintf(line, sizeof line, "compaction saves %s", tool_text_bytes(map->end - map->compacted_bytes, bytes));
	put_text(out, x, GRID_TOP + GRID_HEIGHT - 4, "ink", "start", line, sizeof line);
}

static void draw_growth(FILE *out, const struct srd_map *map)
{
	uint64_t most = map_most(map);
	char from[48], to[48], line[80], bytes[16];
	int bottom = GROWTH_TOP + BAR;

	snprintf(line, sizeof line, "growth, up to %s at a time", tool_text_bytes(most, bytes));
	put_text(out, MARGIN, GROWTH_TOP - 10, "ink", "start", line, sizeof line);
	for (int i = 0; i < SRD_MAP_TIMES; i++) {
		int height = (int)(map->growth[i] * BAR / most);
		/* What there is is seen. */
		height = height == 0 && map->growth[i] > 0 ? 1 : height;
		put_box(out, MARGIN + i * GRID_WIDTH / SRD_MAP_TIMES, bottom - height, GRID_WIDTH / SRD_MAP_TIMES - GAP, height,
		        "bar");
	}
	put_box(out, MARGIN, bottom + 1, GRID_WIDTH - GAP, 1, "pale");
	put_text(out, MARGIN, bottom + 16, "pale", "start", tool_text_time(map->first_ns, false, from), sizeof from);
	put_text(out, MARGIN + GRID_WIDTH, bottom + 16, "pale", "end", tool_text_time(map->last_ns, false, to), sizeof to);
}

/* WRITES: how often each was written to, else how large it is.  The bars behind the names are
 * as long, beside the first one's. */
static void draw_keys(FILE *out, int x, const char *title, const struct srd_map_key *keys, bool writes)
{
	int width = WIDTH / 2 - MARGIN - 12;
	char line[64], number[24];

	if (keys[0].ino == 0)
		return;
	put_text(out, x, KEYS_TOP, "ink", "start", title, 40);
	for (int i = 0; i < SRD_MAP_KEYS && keys[i].ino != 0; i++) {
		uint64_t figure = writes ? keys[i].writes : keys[i].size, first = writes ? keys[0].writes : keys[0].size;
		int y = KEYS_TOP + 8 + i * LINE;
		put_box(out, x, y, width, LINE - 3, "none");
		fprintf(out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" class=\"bar\" opacity=\"0.3\"/>\n", x, y,
		        first ? (int)((double)figure / (double)first * width) : 0, LINE - 3);
		snprintf(line, sizeof line, "(no name, inode %" PRIu64 ")", keys[i].ino);
		put_text(out, x + 6, y + 12, "ink", "start", keys[i].key ? keys[i].key : line, NAME_MAX_SIGNS);
		snprintf(number, sizeof number, "%" PRIu64 " times", figure);
		put_text(out, x + width - 6, y + 12, "ink", "end", writes ? number : tool_text_bytes(figure, number),
		         sizeof number);
	}
}

void map_draw(FILE *out, const char *path, const struct srd_map *map)
{
	int keys = 0, height;

	while (keys < SRD_MAP_KEYS && map->largest[keys].ino != 0)
		keys++;
	height = KEYS_TOP + keys * LINE + MARGIN;
	fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
	        "font-family=\"system-ui, sans-serif\" font-size=\"12\">\n", WIDTH, height, WIDTH, height);
	put_style(out);
	put_box(out, 0, 0, WIDTH, height, "paper");
	draw_title(out, path, map);
	draw_cells(out, map);
	draw_legend(out, map);
	draw_growth(out, map);
	draw_keys(out, MARGIN, "largest", map->largest, false);
	draw_keys(out, WIDTH / 2 + 12, "most often written to", map->rewritten, true);
	fputs("</svg>\n", out);
}
