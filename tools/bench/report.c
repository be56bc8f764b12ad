/* SPDX-License-Identifier: Apache-2.0 */
/* report.c - figures of several runs and peers, as a table, JSON or a chart. */
#include "config.h"

#include "report.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static const char help[] =
"usage: report [--json FILE] [--svg FILE] [--against PEER] [--curves] <SAMPLES\n"
"\n"
"A sample is a line of five fields between tabs: row, unit, \"more\" or \"less\" (which is\n"
"better), peer, figure.  Rows and peers come out in the order in which they came first; the\n"
"others are held against the first peer, or PEER.  Other lines are comments, which the table\n"
"begins with.  --curves: the peers are sizes, and the chart has a line for each row.\n";

/* ---- Reading ---- */

static struct row *find_row(struct report *report, const char *name)
{
	for (size_t i = 0; i < report->row_count; i++)
		if (strcmp(report->rows[i].name, name) == 0)
			return &report->rows[i];
	if (report->row_count == ROWS_MAX)
		die("more than %d rows", ROWS_MAX);
	struct row *row = &report->rows[report->row_count++];
	snprintf(row->name, sizeof row->name, "%s", name);
	return row;
}

static size_t find_peer(struct report *report, const char *name)
{
	for (size_t i = 0; i < report->peer_count; i++)
		if (strcmp(report->peers[i], name) == 0)
			return i;
	if (report->peer_count == PEERS_MAX)
		die("more than %d peers", PEERS_MAX);
	snprintf(report->peers[report->peer_count], TEXT_MAX, "%s", name);
	return report->peer_count++;
}

static void take_note(struct report *report, const char *line)
{
	if (report->note_count < NOTES_MAX && *line)
		snprintf(report->notes[report->note_count++], sizeof *report->notes, "%s", line);
}

static void take(struct report *report, char *line)
{
	char *fields[5], *rest = line, copy[256];
	size_t count = 0;

	snprintf(copy, sizeof copy, "%s", line);
	while (count < 5 && (fields[count] = strsep(&rest, "\t")))
		count++;
	if (count < 5 || rest) {
		take_note(report, copy);
		return;
	}
	struct row *row = find_row(report, fields[0]);
	struct cell *cell = &row->cells[find_peer(report, fields[3])];
	snprintf(row->unit, sizeof row->unit, "%s", fields[1]);
	row->less_is_better = strcmp(fields[2], "less") == 0;
	if (cell->count < SAMPLES_MAX)
		cell->samples[cell->count++] = strtod(fields[4], NULL);
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void read_all(struct report *report)
{
	char *line = NULL;
	size_t cap = 0;

	while (getline(&line, &cap, stdin) > 0) {
		line[strcspn(line, "\n")] = 0;
		take(report, line);
	}
	free(line);
	for (size_t r = 0; r < report->row_count; r++)
		for (size_t p = 0; p < report->peer_count; p++) {
			struct cell *cell = &report->rows[r].cells[p];
			qsort(cell->samples, cell->count, sizeof *cell->samples, compare_doubles);
		}
}

double cell_median(const struct cell *cell)
{
	size_t n = cell->count;

	return n ? (cell->samples[(n - 1) / 2] + cell->samples[n / 2]) / 2 : 0;
}

double row_ratio(const struct report *report, const struct row *row, size_t peer)
{
	double ours = cell_median(&row->cells[report->base]), theirs = cell_median(&row->cells[peer]);

	if (ours <= 0 || theirs <= 0)
		return 0;
	return row->less_is_better ? theirs / ours : ours / theirs;
}

/* ---- Writing ---- */

const char *show(double figure, char text[32])
{
	if (figure < 1000) {
		snprintf(text, 32, "%.*f", figure < 1 ? 3 : figure < 10 ? 2 : figure < 100 ? 1 : 0, figure);
		return text;
	}
	char digits[32];
	int len = snprintf(digits, sizeof digits, "%.0f", figure), at = 0;
	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			text[at++] = ',';
		text[at++] = digits[i];
	}
	text[at] = 0;
	return text;
}

static void print_cell(const struct report *report, const struct row *row, size_t peer)
{
	const struct cell *cell = &row->cells[peer];
	char middle[32], low[32], high[32], range[72], times[32] = "";

	if (cell->count == 0) {
		printf("%15s %-17s%7s", "-", "", "");
		return;
	}
	snprintf(range, sizeof range, "(%s-%s)", show(cell->samples[0], low),
	         show(cell->samples[cell->count - 1], high));
	if (peer != report->base && row_ratio(report, row, peer) > 0)
		snprintf(times, sizeof times, "%.2f", row_ratio(report, row, peer));
	printf("%15s %-17s%7s", show(cell_median(cell), middle), range, times);
}

static void print_table(const struct report *report)
{
	for (size_t i = 0; i < report->note_count; i++)
		puts(report->notes[i]);
	printf("medians (lowest-highest); times: how often %s is that much better\n\n%-24s%-9s", report->peers[report->base], "", "");
	for (size_t p = 0; p < report->peer_count; p++)
		printf("%15s %-17s%7s", report->peers[p], "", p != report->base ? "times" : "");
	putchar('\n');
	for (size_t r = 0; r < report->row_count; r++) {
		printf("%-24s%-9s", report->rows[r].name, report->rows[r].unit);
		for (size_t p = 0; p < report->peer_count; p++)
			print_cell(report, &report->rows[r], p);
		putchar('\n');
	}
}

FILE *start(const char *path)
{
	FILE *out = fopen(path, "w");

	if (!out)
		die("cannot write %s", path);
	return out;
}

void finish(FILE *out, const char *path)
{
	if (ferror(out) || fclose(out) != 0)
		die("cannot write %s", path);
}

static void write_json(const struct report *report, const char *path)
{
	FILE *out = start(path);

	fputs("{\"notes\": [", out);
	for (size_t i = 0; i < report->note_count; i++)
		fprintf(out, "%s\"%s\"", i ? ", " : "", report->notes[i]);
	fputs("],\n\"rows\": [", out);
	for (size_t r = 0; r < report->row_count; r++) {
		const struct row *row = &report->rows[r];
		fprintf(out, "%s\n  {\"name\": \"%s\", \"unit\": \"%s\", \"less_is_better\": %s, \"samples\": {", r ? "," : "",
		        row->name, row->unit, row->less_is_better ? "true" : "false");
		for (size_t p = 0; p < report->peer_count; p++) {
			fprintf(out, "%s\"%s\": [", p ? ", " : "", report->peers[p]);
			for (size_t i = 0; i < row->cells[p].count; i++)
				fprintf(out, "%s%.9g", i ? ", " : "", row->cells[p].samples[i]);
			fputs("]", out);
		}
		fputs("}}", out);
	}
	fputs("\n]}\n", out);
	finish(out, path);
}

/* PEER, if it is there. */
static void hold_against(struct report *report, const char *peer)
{
	for (size_t p = 0; peer && p < report->peer_count; p++)
		if (strcmp(report->peers[p], peer) == 0)
			report->base = p;
}

int main(int argc, char **argv)
{
	static const struct option known[] = { { "json", required_argument, NULL, 'j' }, { "svg", required_argument, NULL, 's' },
	                                       { "against", required_argument, NULL, 'a' },
	                                       { "curves", no_argument, NULL, 'c' }, { 0 } };
	static struct report report;
	const char *figures = NULL, *chart = NULL, *against = NULL;
	bool curves = false;
	int option;

	give_help(argc, argv, help);
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case 'j': figures = optarg; break;
		case 's': chart = optarg; break;
		case 'a': against = optarg; break;
		case 'c': curves = true; break;
		default: give_usage(help);
		}
	}
	read_all(&report);
	if (report.row_count == 0)
		die("no samples");
	hold_against(&report, against);
	print_table(&report);
	if (figures)
		write_json(&report, figures);
	if (chart)
		(curves ? draw_curves : draw_peers)(&report, chart);
	return 0;
}
