/* SPDX-License-Identifier: Apache-2.0 */
/* A bar on standard error for work that takes long; nothing where that is no terminal. */
#include "config.h"

#include "tool.h"

#include <inttypes.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BAR_LEN = 24, DRAW_EVERY_NS = 100000000, FIRST_DRAW_NS = 300000000 };

int64_t tool_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

bool tool_progress_wanted(const struct tool *tool)
{
	return tool->force_progress || (!tool->quiet && isatty(STDERR_FILENO));
}

void tool_progress_start(struct tool *tool, const char *verb, uint64_t total)
{
	int64_t now = tool_clock_ns();

	tool->progress = (struct tool_progress){
		.on = tool_progress_wanted(tool), .verb = verb, .total = total, .start_ns = now,
		/* Work that is done at once never shows a bar. */
		.drawn_ns = now + FIRST_DRAW_NS - DRAW_EVERY_NS,
	};
}

static int terminal_columns(void)
{
	struct winsize size;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static int print_bar(char *line, size_t size, const struct tool_progress *progress, double seconds)
{
	uint64_t done = progress->done < progress->total ? progress->done : progress->total;
	double share = (double)done / (double)progress->total;
	int filled = (int)(share * BAR_LEN);
	double left = share > 0 ? seconds / share - seconds : 0;
	char bar[BAR_LEN + 1];

	memset(bar, '#', sizeof bar);
	memset(bar + filled, '.', (size_t)(BAR_LEN - filled));
	bar[BAR_LEN] = '\0';
	return snprintf(line, size, " [%s] %3d%%  %d:%02d left", bar, (int)(share * 100),
	                (int)(left / 60), (int)left % 60);
}

/* verb [####....]  50%  0:03 left  1234 items  12.3 MiB/s */
static void draw(struct tool_progress *progress, int64_t now)
{
	double seconds = (double)(now - progress->start_ns) / 1e9;
	uint64_t bytes = progress->done - progress->items * TOOL_ITEM_WORK;
	char line[256], rate[16];
	int len = snprintf(line, sizeof line, "%s", progress->verb);

	if (progress->total)
		len += print_bar(line + len, sizeof line - (size_t)len, progress, seconds);
	if (progress->items)
		len += snprintf(line + len, sizeof line - (size_t)len, "  %" PRIu64 " items", progress->items);
	len += snprintf(line + len, sizeof line - (size_t)len, "  %s/s",
	                tool_text_bytes(seconds > 0 ? (uint64_t)((double)bytes / seconds) : 0, rate));
	int columns = terminal_columns() - 1;
	fprintf(stderr, "\r%.*s\033[K", len < columns ? len : columns, line);
	fflush(stderr);
	progress->shown = true;
	progress->drawn_ns = now;
}

void tool_progress_add(struct tool_progress *progress, uint64_t work, uint64_t items)
{
	if (!progress || !progress->on)
		return;
	progress->done += work + items * TOOL_ITEM_WORK;
	progress->items += items;
	int64_t now = tool_clock_ns();
	if (now - progress->drawn_ns >= DRAW_EVERY_NS)
		draw(progress, now);
}

void tool_progress_hide(struct tool_progress *progress)
{
	if (!progress->shown)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	progress->shown = false;
}

void tool_progress_end(struct tool_progress *progress)
{
	tool_progress_hide(progress);
	progress->on = false;
}
