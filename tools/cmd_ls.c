/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ls - the keys that begin with a prefix.  A terminal gets them escaped, so
 * that a key cannot play with it; a pipe gets the bytes as they are.
 */
#include "config.h"

#include "tool.h"

#include <inttypes.h>
#include <unistd.h>

struct ls {
	struct tool_store store;
	bool details, nul, unsorted, directories, escape;
	struct tool_json json;
	struct tool_keys keys;
};

/* False after a complaint, and for a key that went away since it was listed. */
static bool look(struct ls *ls, const char *key, size_t len, struct srd_stat *st)
{
	int error = srd_stat(ls->store.handle, key, len, st);

	if (error && srd_exists(ls->store.handle, key, len) != 0)
		tool_store_fail(&ls->store, key, len, error);
	return error == 0;
}

static void print_details(const struct srd_stat *st)
{
	char mode[12], when[48];

	printf("%s %3" PRIu32 " %5" PRIu32 " %5" PRIu32 " %12" PRIu64 " %s ",
	       tool_text_mode(st->mode, mode), st->nlink, st->uid, st->gid, st->size,
	       tool_text_time(st->mtime_ns, false, when));
}

static bool is_link(const struct ls *ls, const char *key, size_t len, const struct srd_stat *st,
                    char target[TOOL_TARGET_MAX])
{
	return st->kind == SRD_SYMLINK && tool_store_read_link(&ls->store, key, len, target) == 0;
}

static void print_json(struct ls *ls, const char *key, size_t len, const struct srd_stat *st)
{
	char target[TOOL_TARGET_MAX];

	tool_json_open(&ls->json, NULL, '{');
	tool_json_text(&ls->json, "key", key, len);
	tool_json_stat(&ls->json, st);
	if (is_link(ls, key, len, st, target))
		tool_json_text(&ls->json, "target", target, strlen(target));
	tool_json_close(&ls->json);
}

static void print_bytes(const struct ls *ls, const char *bytes, size_t len)
{
	if (ls->escape)
		tool_text_put(stdout, bytes, len);
	else
		fwrite(bytes, 1, len, stdout);
}

static void print(struct ls *ls, const char *key, size_t len)
{
	char target[TOOL_TARGET_MAX];
	struct srd_stat st;

	if ((ls->details || ls->store.tool->json) && !look(ls, key, len, &st))
		return;
	if (ls->store.tool->json) {
		print_json(ls, key, len, &st);
		return;
	}
	if (ls->details)
		print_details(&st);
	print_bytes(ls, key, len);
	if (ls->details && is_link(ls, key, len, &st, target)) {
		fputs(" -> ", stdout);
		print_bytes(ls, target, strlen(target));
	}
	putchar(ls->nul ? '\0' : '\n');
}

/* Prints, or keeps to be sorted, each key; the iterator's last word. */
static int each(struct ls *ls, srd_iter *iter)
{
	struct srd_entry entry;
	int more;

	while ((more = srd_iter_next(iter, &entry)) > 0 && !ferror(stdout)) {
		if (entry.kind == SRD_DIRECTORY && !ls->directories)
			continue;
		if (ls->unsorted)
			print(ls, entry.key, entry.key_len);
		else
			tool_keys_add(&ls->keys, entry.key, entry.key_len, entry.kind);
	}
	return more < 0 ? more : 0;
}

static void list(struct ls *ls, const char *prefix)
{
	srd_iter *iter;

	int error = srd_iter_new(ls->store.handle, prefix, strlen(prefix),
	                         SRD_ITER_ALL_KINDS | SRD_ITER_KEYS, 0, 1, &iter);
	if (!error) {
		error = each(ls, iter);
		srd_iter_free(iter);
	}
	tool_keys_sort(&ls->keys);
	for (size_t i = 0; i < ls->keys.count && !ferror(stdout); i++)
		print(ls, tool_keys_at(&ls->keys, i), ls->keys.items[i].len);
	tool_keys_release(&ls->keys);
	if (error)
		tool_store_fail(&ls->store, NULL, 0, error);
}

static void parse(struct tool *tool, struct ls *ls)
{
	for (int code; (code = tool_option_next(tool)) != -1;) {
		switch (code) {
		case 'l': ls->details = true; break;
		case '0': ls->nul = true; break;
		case 'U': ls->unsorted = true; break;
		case 'd': ls->directories = true; break;
		}
	}
	tool_arguments(tool, 1, 2);
	ls->escape = !ls->nul && isatty(STDOUT_FILENO);
}

static int run(struct tool *tool)
{
	struct ls ls = { .details = false };

	parse(tool, &ls);
	if (!tool_store_open(tool, tool->args[0], SRD_RDONLY, &ls.store))
		return tool->status;
	if (tool->json) {
		tool_json_start(&ls.json, stdout);
		tool_json_open(&ls.json, NULL, '[');
	}
	list(&ls, tool->arg_count > 1 ? tool->args[1] : "");
	if (tool->json)
		tool_json_close(&ls.json);
	tool_store_close(&ls.store);
	return tool->status;
}

static const struct tool_option options[] = {
	{ 'l', "long", NULL, "mode, links, owner, group, size and time of change too" },
	{ 'd', "directories", NULL, "directories too" },
	{ '0', "null", NULL, "end each key with a NUL byte" },
	{ 'U', "unsorted", NULL, "in no order, at once, however many they are" },
	{ 0 },
};

const struct tool_command tool_ls = {
	.name = "ls",
	.synopsis = "ls [--at=POINT] [-ld0U] [--json] STORE [PREFIX]",
	.summary = "List the keys that begin with PREFIX, or all.",
	.detail = "On a terminal special characters are escaped; elsewhere keys are written as they are.",
	.options = options,
	.common = TOOL_HAS_AT | TOOL_HAS_STORE | TOOL_HAS_JSON,
	.run = run,
};
