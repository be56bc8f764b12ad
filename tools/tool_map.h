/* SPDX-License-Identifier: Apache-2.0 */
/* tool_map.h - what srd map draws with, on the terminal and into a picture. */
#ifndef SRD_TOOL_MAP_H
#define SRD_TOOL_MAP_H

#include "tool.h"

enum { MAP_COLUMNS = 64, MAP_ROWS = 12, MAP_KINDS = 5 };

/* Kinds of bytes, the rarest first: it must not be lost among the others of its cell. */
struct map_kind {
	const char *name, *color;    /* of the terminal */
	const char *light, *dark;    /* of the picture, on paper of either kind */
	char sign;
	size_t at;                   /* in a cell */
};
extern const struct map_kind map_kinds[MAP_KINDS];

uint64_t map_bytes_of(const struct srd_map_cell *cell, const struct map_kind *kind);
/* What most of the cell is; damage counts for all of it.  NULL: the cell is empty. */
const struct map_kind *map_kind_of(const struct srd_map_cell *cell);
/* The most that came in one span of time, or 1. */
uint64_t map_most(const struct srd_map *map);

/* The picture of MAP, which is of the store at PATH. */
void map_draw(FILE *out, const char *path, const struct srd_map *map);

#endif
