/* SPDX-License-Identifier: Apache-2.0 */
/* report.h - figures of several runs and peers, and what is made of them: a table and JSON (report.c),
 * charts (report_svg.c). */
#ifndef SRD_TOOLS_BENCH_REPORT_H
#define SRD_TOOLS_BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { ROWS_MAX = 100, PEERS_MAX = 16, SAMPLES_MAX = 99, TEXT_MAX = 64, NOTES_MAX = 20 };

struct cell {
	double samples[SAMPLES_MAX];      /* sorted before they are used */
	size_t count;
};

struct row {
	char name[TEXT_MAX], unit[TEXT_MAX];
	bool less_is_better;
	struct cell cells[PEERS_MAX];
};

struct report {
	struct row rows[ROWS_MAX];
	size_t row_count;
	char peers[PEERS_MAX][TEXT_MAX];
	size_t peer_count;
	size_t base;                      /* the peer that the others are held against */
	char notes[NOTES_MAX][256];
	size_t note_count;
};

/* 0 where there are no samples. */
double cell_median(const struct cell *cell);
/* How many times better the base does than PEER; 0: not known. */
double row_ratio(const struct report *report, const struct row *row, size_t peer);
/* FIGURE with three digits that count, and commas. */
const char *show(double figure, char text[32]);

/* A new file; finish() looks whether all of it was written. */
FILE *start(const char *path);
void finish(FILE *out, const char *path);

/* Peers as dots, to the right where the base is ahead of them. */
void draw_peers(const struct report *report, const char *path);
/* Peers as sizes: a line for each row, of the costs beside those of the base. */
void draw_curves(const struct report *report, const char *path);

#endif
