/* SPDX-License-Identifier: Apache-2.0 */
/* Hard links: the name under which each inode was met first. */
#include "config.h"

#include "tool.h"

#include <search.h>
#include <stdlib.h>

struct seen {
	uint64_t dev, ino;
	char name[];
};

static int compare(const void *left, const void *right)
{
	const struct seen *a = left, *b = right;

	if (a->dev != b->dev)
		return a->dev < b->dev ? -1 : 1;
	return a->ino < b->ino ? -1 : a->ino > b->ino;
}

const char *tool_links_seen(struct tool_links *links, uint64_t dev, uint64_t ino, const char *name)
{
	size_t len = strlen(name) + 1;
	struct seen *seen = malloc(sizeof *seen + len);

	if (!seen)
		tool_no_memory();
	seen->dev = dev;
	seen->ino = ino;
	memcpy(seen->name, name, len);
	struct seen **node = tsearch(seen, &links->tree, compare);
	if (!node)
		tool_no_memory();
	if (*node == seen)
		return NULL;
	free(seen);
	return (*node)->name;
}

void tool_links_forget(struct tool_links *links, uint64_t dev, uint64_t ino)
{
	struct seen key = { .dev = dev, .ino = ino };
	struct seen **node = tfind(&key, &links->tree, compare);
	struct seen *seen = node ? *node : NULL;

	if (seen)
		tdelete(seen, &links->tree, compare);
	free(seen);
}

void tool_links_release(struct tool_links *links)
{
	tdestroy(links->tree, free);
	links->tree = NULL;
}
