/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_svg.c - charts, in plain SVG that any browser shows, on paper of their own so that
 * they can be read on a dark page.
 *
 *     peers    create     .   o |  x   o          one line a row, one dot a peer, by how many
 *              unlink        x  |       o         times the base does better; right: ahead
 *
 *     curves   one line a row over the sizes; a line that stays level does not bend
 *
 * Both scales are logarithmic: twice and half lie as far from level.
 */
#include "config.h"

#include "report.h"

#include <math.h>

static const char *const colours[] = { "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6a3d9a",
                                       "#444444", "#a6761d", "#1b9e77" };
static const char *const ink = "#24292f", *const pale = "#57606a", *const rule = "#d8dee4";

static const char *colour(size_t i)
{
	return colours[i % (sizeof colours / sizeof *colours)];
}

/* From a figure to a place on the page. */
struct scale {
	double low, high;         /* figures */
	double start, len;        /* of LOW, and from there to HIGH; backwards if negative */
};

static double place(const struct scale *scale, double figure)
{
	double kept = fmin(fmax(figure, scale->low), scale->high);

	return scale->start + scale->len * log(kept / scale->low) / log(scale->high / scale->low);
}

/* The next of 1, 2, 5, 10, 20, ... that is not below FIGURE. */
static double round_up(double figure)
{
	double ten = pow(10, floor(log10(figure) + 1e-9));
	double lead = figure / ten;

	return ten * (lead <= 1.001 ? 1 : lead <= 2.001 ? 2 : lead <= 5.001 ? 5 : 10);
}

static double next_tick(double tick)
{
	return round_up(tick * 1.01);
}

/* The least and the most that any row has for any peer but the base. */
static void find_range(const struct report *report, double *low, double *high)
{
	for (size_t r = 0; r < report->row_count; r++)
		for (size_t p = 0; p < report->peer_count; p++) {
			double ratio = p == report->base ? 0 : row_ratio(report, &report->rows[r], p);
			if (ratio > 0) {
				*low = fmin(*low, ratio);
				*high = fmax(*high, ratio);
			}
		}
}

static void open_page(FILE *out, double width, double height)
{
	fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" "
	        "font-family=\"system-ui, sans-serif\" font-size=\"12\" fill=\"%s\">\n"
	        "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n", width, height, width, height, ink);
}

static void text(FILE *out, double x, double y, const char *anchor, const char *fill, const char *words)
{
	fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" fill=\"%s\">", x, y, anchor, fill);
	for (; *words; words++)
		switch (*words) {
		case '&': fputs("&amp;", out); break;
		case '<': fputs("&lt;", out); break;
		default: fputc(*words, out);
		}
	fputs("</text>\n", out);
}

static void line(FILE *out, double x1, double y1, double x2, double y2, const char *stroke, const char *more)
{
	fprintf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" %s/>\n", x1, y1, x2, y2, stroke, more);
}

static void dot(FILE *out, double x, double y, const char *fill)
{
	fprintf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5\" fill=\"%s\" stroke=\"#fff\"/>\n", x, y, fill);
}

/* ---- Peers ---- */

enum { ROW = 24, LABELS = 150, PLOT = 520, FIGURES = 130, MARGIN = 14, HEAD = 84, FOOT = 34 };

/* The base has none, and takes none. */
static const char *colour_of(const struct report *report, size_t peer)
{
	return colour(peer > report->base ? peer - 1 : peer);
}

static void draw_grid(FILE *out, const struct scale *scale, double bottom)
{
	bool wide = scale->high / scale->low > 200;
	double level = place(scale, 1), end = scale->start + scale->len;

	fprintf(out, "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%.1f\" fill=\"#fff4ee\"/>\n", scale->start, HEAD,
	        level - scale->start, bottom - HEAD);
	fprintf(out, "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%.1f\" fill=\"#eef8f1\"/>\n", level, HEAD, end - level,
	        bottom - HEAD);
	for (double tick = scale->low; tick <= scale->high * 1.001; tick = next_tick(tick)) {
		char words[32];
		if (wide && fabs(log10(tick) - round(log10(tick))) > 0.01)
			continue;
		line(out, place(scale, tick), HEAD, place(scale, tick), bottom, rule, "");
		snprintf(words, sizeof words, "%g", tick);
		text(out, place(scale, tick), bottom + 16, "middle", pale, words);
	}
	line(out, level, HEAD - 4, level, bottom, ink, "stroke-width=\"1.5\"");
}

static void draw_legend(FILE *out, const struct report *report, const struct scale *scale)
{
	char words[160];
	double x = scale->start;

	snprintf(words, sizeof words, "How many times better %s does than", report->peers[report->base]);
	text(out, x, 22, "start", ink, words);
	for (size_t p = 0; p < report->peer_count; p++) {
		if (p == report->base)
			continue;
		double width = 32 + 6.8 * (double)snprintf(words, sizeof words, "%s", report->peers[p]);
		dot(out, x + 5, 42, colour_of(report, p));
		text(out, x + 15, 46, "start", ink, words);
		x += width;
	}
	text(out, place(scale, 1) - 8, HEAD - 8, "end", pale, "behind");
	text(out, place(scale, 1) + 8, HEAD - 8, "start", pale, "ahead");
	text(out, scale->start + scale->len + FIGURES, HEAD - 8, "end", pale, report->peers[report->base]);
}

static void draw_row(FILE *out, const struct report *report, const struct row *row, const struct scale *scale, double y)
{
	double low = scale->high, high = scale->low, end = scale->start + scale->len;
	char words[160], figure[32];
	bool lone = report->peer_count == 2;

	text(out, scale->start - 10, y + 4, "end", ink, row->name);
	snprintf(words, sizeof words, "%s %s", show(cell_median(&row->cells[report->base]), figure), row->unit);
	text(out, end + FIGURES, y + 4, "end", ink, words);
	for (size_t p = 0; p < report->peer_count; p++) {
		double ratio = p == report->base ? 0 : row_ratio(report, row, p);
		if (ratio > 0) {
			low = fmin(low, ratio);
			high = fmax(high, ratio);
		}
	}
	if (low <= high)
		line(out, place(scale, lone ? 1 : low), y, place(scale, high), y, "#8c959f", lone ? "stroke-width=\"3\"" : "");
	for (size_t p = 0; p < report->peer_count; p++) {
		double ratio = p == report->base ? 0 : row_ratio(report, row, p);
		if (ratio <= 0)
			continue;
		dot(out, place(scale, ratio), y, colour_of(report, p));
		snprintf(words, sizeof words, ratio < 0.1 ? "%.1g" : ratio < 10 ? "%.2f" : "%.0f", ratio);
		if (lone && ratio < scale->low)
			text(out, place(scale, ratio) + 9, y - 4, "start", ink, words);
		else if (lone)
			text(out, place(scale, ratio) + (ratio < 1 ? -9 : 9), y + 4, ratio < 1 ? "end" : "start", ink, words);
	}
}

void draw_peers(const struct report *report, const char *path)
{
	double low = 0.5, high = 2;

	find_range(report, &low, &high);
	/* Room for a figure beside the outermost dots; what is further out stands at the edge. */
	struct scale scale = { .low = fmax(0.02, 1 / round_up(1 / low * 1.5)), .high = round_up(high * 1.5),
	                       .start = MARGIN + LABELS, .len = PLOT };
	double bottom = HEAD + ROW * (double)report->row_count;
	FILE *out = start(path);

	open_page(out, MARGIN + LABELS + PLOT + FIGURES + MARGIN, bottom + FOOT);
	draw_legend(out, report, &scale);
	draw_grid(out, &scale, bottom);
	for (size_t r = 0; r < report->row_count; r++)
		draw_row(out, report, &report->rows[r], &scale, HEAD + ROW * ((double)r + 0.5));
	fputs("</svg>\n", out);
	finish(out, path);
}

/* ---- Curves ---- */

enum { TOP = 44, HEIGHT = 380, AXIS = 60, ACROSS = 520, NAMES = 290, NAME = 19 };
static const double aim = 1.5;

static double column(const struct report *report, size_t peer)
{
	return AXIS + 20 + (ACROSS - 40) * (double)peer / (double)(report->peer_count > 1 ? report->peer_count - 1 : 1);
}

/* What ROW costs at PEER, of what it costs at the base; 0: not known. */
static double cost(const struct report *report, const struct row *row, size_t peer)
{
	return peer == report->base ? cell_median(&row->cells[peer]) > 0 : row_ratio(report, row, peer);
}

static void draw_axes(FILE *out, const struct report *report, const struct scale *scale)
{
	char words[160];

	for (double tick = scale->low; tick <= scale->high * 1.001; tick *= 2) {
		line(out, AXIS, place(scale, tick), AXIS + ACROSS, place(scale, tick), rule, "");
		snprintf(words, sizeof words, "%g", tick);
		text(out, AXIS - 8, place(scale, tick) + 4, "end", pale, words);
	}
	line(out, AXIS, place(scale, aim), AXIS + ACROSS, place(scale, aim), "#cf222e", "stroke-dasharray=\"5 4\"");
	text(out, AXIS - 8, place(scale, aim) + 4, "end", "#cf222e", "1.5");
	for (size_t p = 0; p < report->peer_count; p++)
		text(out, column(report, p), TOP + HEIGHT + 20, "middle", ink, report->peers[p]);
	snprintf(words, sizeof words, "Cost of an operation beside its cost at %s", report->peers[report->base]);
	text(out, MARGIN, 24, "start", ink, words);
}

static void draw_curve(FILE *out, const struct report *report, const struct row *row, const struct scale *scale,
                       const char *stroke)
{
	fputs("<polyline fill=\"none\" stroke-width=\"2\" points=\"", out);
	for (size_t p = 0; p < report->peer_count; p++)
		if (cost(report, row, p) > 0)
			fprintf(out, "%.1f,%.1f ", column(report, p), place(scale, cost(report, row, p)));
	fprintf(out, "\" stroke=\"%s\"/>\n", stroke);
	for (size_t p = 0; p < report->peer_count; p++)
		if (cost(report, row, p) > 0)
			fprintf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", column(report, p),
			        place(scale, cost(report, row, p)), stroke);
}

/* The names stand beside their lines' ends, as far as there is room: those above go first. */
static void name_curves(FILE *out, const struct report *report, const struct scale *scale)
{
	bool named[ROWS_MAX] = { false };
	size_t last = report->peer_count - 1;
	double y = TOP - NAME;

	for (size_t n = 0; n < report->row_count; n++) {
		size_t most = ROWS_MAX;
		for (size_t r = 0; r < report->row_count; r++)
			if (!named[r] && (most == ROWS_MAX || cost(report, &report->rows[r], last) > cost(report, &report->rows[most], last)))
				most = r;
		const struct row *row = &report->rows[most];
		char words[160], figure[32];
		named[most] = true;
		double at = place(scale, cost(report, row, last)), left = (double)(report->row_count - n - 1) * NAME;
		y = fmin(fmax(y + NAME, at), TOP + HEIGHT - left);
		line(out, column(report, last) + 5, at, AXIS + ACROSS + 6, y, colour(most), "");
		snprintf(words, sizeof words, "%.2f  %s (%s %s)", cost(report, row, last), row->name,
		         show(cell_median(&row->cells[last]), figure), row->unit);
		text(out, AXIS + ACROSS + 10, y + 4, "start", colour(most), words);
	}
}

void draw_curves(const struct report *report, const char *path)
{
	double low = 0.5, high = 2;

	find_range(report, &low, &high);
	struct scale scale = { .low = exp2(floor(log2(fmax(low, 1.0 / 16)))), .high = exp2(ceil(log2(fmin(high, 64)))),
	                       .start = TOP + HEIGHT, .len = -HEIGHT };
	FILE *out = start(path);

	open_page(out, AXIS + ACROSS + NAMES, TOP + HEIGHT + 40);
	draw_axes(out, report, &scale);
	for (size_t r = 0; r < report->row_count; r++)
		draw_curve(out, report, &report->rows[r], &scale, colour(r));
	name_curves(out, report, &scale);
	fputs("</svg>\n", out);
	finish(out, path);
}
