/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cp - copies within a store share their bytes; between stores they are
 * copied.  TO is always the exact new key, also where a directory is there.
 */
#include "config.h"

#include "tool.h"

struct cp {
	struct tool_store source, target;
	const char *from, *to;
	bool recursive;
	struct tool_links links;
};

static void set_attr(struct cp *cp, const char *to, const struct srd_stat *st)
{
	int error = srd_set_attr(cp->target.handle, to, strlen(to), st, SRD_SET_MODE | SRD_SET_UID |
	                         SRD_SET_GID | SRD_SET_ATIME | SRD_SET_MTIME);
	if (error)
		tool_store_fail(&cp->target, to, strlen(to), error);
}

/* One key that is no directory; LINKED: it may be a further name of one copied before. */
static void copy_one(struct cp *cp, const char *from, const char *to, const struct srd_stat *st,
                     bool linked)
{
	const char *first = linked && st->nlink > 1 ? tool_links_seen(&cp->links, 0, st->ino, to) : NULL;
	size_t to_len = strlen(to);

	int error = first ? srd_link(cp->target.handle, first, strlen(first), to, to_len)
	                  : srd_copy(cp->source.handle, from, strlen(from), cp->target.handle, to, to_len);
	if (error)
		tool_store_fail(&cp->target, to, to_len, error);
}

/* FROM's place below cp->from, at cp->to; false: it would be too long. */
static bool target_key(struct cp *cp, const char *from, char to[SRD_KEY_MAX + 1])
{
	int len = snprintf(to, SRD_KEY_MAX + 1, "%s%s", cp->to, from + strlen(cp->from));

	if (len <= SRD_KEY_MAX)
		return true;
	tool_complain(cp->target.tool, cp->target.path, to, strlen(to), "the key would be too long",
	              "choose a shorter one");
	return false;
}

static void copy_entry(struct cp *cp, const char *from)
{
	char to[SRD_KEY_MAX + 1];
	struct srd_stat st;

	if (!target_key(cp, from, to))
		return;
	int error = srd_stat(cp->source.handle, from, strlen(from), &st);
	if (error)
		tool_store_fail(&cp->source, from, strlen(from), error);
	else if (st.kind != SRD_DIRECTORY)
		copy_one(cp, from, to, &st, true);
	else if ((error = srd_make_dir(cp->target.handle, to, strlen(to))) != 0)
		tool_store_fail(&cp->target, to, strlen(to), error);
}

/* Attributes of directories come last: what is made in them changes their times. */
static void finish_directory(struct cp *cp, const char *from)
{
	char to[SRD_KEY_MAX + 1];
	struct srd_stat st;

	if (target_key(cp, from, to) && srd_stat(cp->source.handle, from, strlen(from), &st) == 0)
		set_attr(cp, to, &st);
}

static void copy_directory(struct cp *cp)
{
	struct tool_keys keys = { 0 };

	int error = tool_keys_below(&keys, cp->source.handle, cp->from);
	if (error)
		tool_store_fail(&cp->source, cp->from, strlen(cp->from), error);
	tool_keys_sort(&keys);
	copy_entry(cp, cp->from);
	for (size_t i = 0; i < keys.count; i++)
		copy_entry(cp, tool_keys_at(&keys, i));
	for (size_t i = keys.count; i-- > 0;)
		if (keys.items[i].kind == SRD_DIRECTORY)
			finish_directory(cp, tool_keys_at(&keys, i));
	finish_directory(cp, cp->from);
	tool_keys_release(&keys);
	tool_links_release(&cp->links);
}

/* True if TO is FROM or lies below it, in the same store. */
static bool is_into_itself(const struct cp *cp)
{
	size_t len = strlen(cp->from);

	return cp->source.handle == cp->target.handle && strncmp(cp->from, cp->to, len) == 0 &&
	       (cp->to[len] == '/' || cp->to[len] == '\0');
}

static void copy(struct cp *cp)
{
	struct srd_stat st;

	int error = srd_stat(cp->source.handle, cp->from, strlen(cp->from), &st);
	if (error)
		tool_store_fail(&cp->source, cp->from, strlen(cp->from), error);
	else if (is_into_itself(cp))
		tool_complain(cp->target.tool, cp->target.path, cp->to, strlen(cp->to),
		              "is what is to be copied, or lies below it", "choose another place");
	else if (st.kind != SRD_DIRECTORY)
		copy_one(cp, cp->from, cp->to, &st, false);
	else if (!cp->recursive)
		tool_complain(cp->source.tool, cp->source.path, cp->from, strlen(cp->from),
		              "is a directory", "srd cp -r copies it");
	else
		copy_directory(cp);
}

/* Two names of one file must be one handle, so that bytes can be shared and a
 * store held alone does not exclude itself. */
static bool same_file(const char *a, const char *b)
{
	struct stat sa, sb;

	return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

static void parse(struct tool *tool, struct cp *cp)
{
	while (tool_option_next(tool) != -1)
		cp->recursive = true;
	tool_arguments(tool, 2, 3);
	if (tool->arg_count == 3) {
		cp->source.path = cp->target.path = tool->args[0];
		cp->from = tool->args[1];
		cp->to = tool->args[2];
	} else if (!tool_key_split(tool->args[0], &cp->source.path, &cp->from) ||
	           !tool_key_split(tool->args[1], &cp->target.path, &cp->to)) {
		tool_usage(tool, "name STORE FROM TO, or STORE:FROM STORE:TO");
	}
}

static int run(struct tool *tool)
{
	struct cp cp = { .recursive = false };

	parse(tool, &cp);
	if (!tool_key_check(tool, cp.source.path, cp.from) || !tool_key_check(tool, cp.target.path, cp.to))
		return tool->status;
	bool same = same_file(cp.source.path, cp.target.path);
	if (!tool_store_open(tool, cp.target.path, 0, &cp.target))
		return tool->status;
	cp.source = same ? cp.target : cp.source;
	if (same || tool_store_open(tool, cp.source.path, SRD_RDONLY, &cp.source)) {
		copy(&cp);
		if (!same)
			tool_store_close(&cp.source);
	}
	tool_store_close(&cp.target);
	return tool->status;
}

static const struct tool_option options[] = {
	{ 'r', "recursive", NULL, "directories with all that is in them" },
	{ 0 },
};

const struct tool_command tool_cp = {
	.name = "cp",
	.synopsis = "cp [-r] [--no-sync] STORE FROM TO",
	.summary = "Copy a key within a store (sharing its bytes) or between stores.",
	.detail = "Between stores: srd cp [-r] [--no-sync] STORE:FROM STORE:TO",
	.options = options,
	.common = TOOL_HAS_STORE | TOOL_HAS_SYNC,
	.run = run,
};
