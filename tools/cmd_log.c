/* SPDX-License-Identifier: Apache-2.0 */
/* log - the history of a store, the versions of what has a key, or what was deleted. */
#include "config.h"

#include "tool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

enum { DELETED = 'd', NEWEST = 'r', COUNT = 'n' };

struct line {
	uint64_t sequence;
	int64_t time_ns;
	char *what, *text, *key;  /* text and key may be NULL */
};

struct log {
	struct tool *tool;
	struct tool_json json;
	bool newest, deleted, escape;
	uint64_t limit;           /* lines, the newest; 0: all */
	uint64_t sequence;        /* of the record that the next ops are in */
	int64_t time_ns;
	struct line *lines;       /* kept until all are known; a ring if there is a limit */
	size_t count, cap, next;
};

/* ---- One line ---- */

static void begin_text(uint64_t sequence, int64_t time_ns)
{
	char when[48];

	printf("%12" PRIu64 "  %s  ", sequence, tool_text_time(time_ns, false, when));
}

static void put_key(const struct log *log, const char *key)
{
	if (log->escape)
		tool_text_put(stdout, key, strlen(key));
	else
		fputs(key, stdout);
}

static void begin_json(struct log *log, uint64_t sequence, int64_t time_ns)
{
	tool_json_open(&log->json, NULL, '{');
	tool_json_number(&log->json, "sequence", sequence);
	tool_json_signed(&log->json, "time_ns", time_ns);
}

/* ---- All of the store ---- */

static void print_json(struct log *log, const struct line *line)
{
	begin_json(log, line->sequence, line->time_ns);
	tool_json_text(&log->json, "what", line->what, strlen(line->what));
	if (line->text)
		tool_json_text(&log->json, "text", line->text, strlen(line->text));
	if (line->key)
		tool_json_text(&log->json, "key", line->key, strlen(line->key));
	tool_json_close(&log->json);
}

static void print_text(const struct log *log, const struct line *line)
{
	begin_text(line->sequence, line->time_ns);
	printf("%-8s ", line->what);
	if (line->key)
		put_key(log, line->key);
	if (line->text && *line->text) {
		fputs(line->key ? ": " : "", stdout);
		tool_text_say(stdout, line->text);
	}
	putchar('\n');
}

static void print(struct log *log, const struct line *line)
{
	if (log->tool->json)
		print_json(log, line);
	else
		print_text(log, line);
}

static char *copy_of(const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		tool_no_memory();
	return copy;
}

static void release(struct line *line)
{
	free(line->what);
	free(line->text);
	free(line->key);
}

static void keep(struct log *log, const struct line *line)
{
	struct line kept = { line->sequence, line->time_ns, copy_of(line->what), copy_of(line->text), copy_of(line->key) };

	if (log->limit && log->count == log->limit) {
		release(&log->lines[log->next]);
		log->lines[log->next] = kept;
		log->next = (log->next + 1) % log->count;
		return;
	}
	if (log->count == log->cap) {
		log->cap = log->cap ? 2 * log->cap : 64;
		log->lines = reallocarray(log->lines, log->cap, sizeof *log->lines);
		if (!log->lines)
			tool_no_memory();
	}
	log->lines[log->count++] = kept;
}

static void print_kept(struct log *log)
{
	for (size_t i = 0; i < log->count; i++) {
		size_t at = log->newest ? log->count - 1 - i : i;
		struct line *line = &log->lines[(log->next + at) % log->count];
		print(log, line);
		release(line);
	}
	free(log->lines);
}

static int on_event(void *user, const struct srd_event *event)
{
	struct log *log = user;

	if (event->type == SRD_EVENT_RECORD) {
		log->sequence = event->sequence;
		log->time_ns = event->time_ns;
	}
	/* What carries content ahead of its commit is no change. */
	if (event->type != SRD_EVENT_OP || strcmp(event->what, "run") == 0)
		return 0;
	struct line line = { log->sequence, log->time_ns, (char *)event->what, (char *)event->text, (char *)event->key };
	if (log->newest || log->limit)
		keep(log, &line);
	else
		print(log, &line);
	return ferror(stdout) ? 1 : 0;
}

static int list_all(struct log *log, srd_store *store)
{
	int error = srd_scan(store, SRD_SCAN_OPS, on_event, log);

	print_kept(log);
	return error < 0 ? error : 0;
}

/* ---- One key ---- */

static void add(char *text, size_t size, bool is, const char *what)
{
	size_t len = strlen(text);

	if (is)
		snprintf(text + len, size - len, "%s%s", len ? ", " : "", what);
}

static void describe(const struct srd_version *version, char *text, size_t size)
{
	unsigned changes = version->changes;
	char bytes[16], written[40];

	text[0] = 0;
	snprintf(written, sizeof written, "%s written", tool_text_bytes(version->written_bytes, bytes));
	add(text, size, changes & SRD_CHANGED_RESTATED, "compacted, with all before");
	add(text, size, changes & SRD_CHANGED_MADE, "made");
	add(text, size, changes & SRD_CHANGED_CONTENT, version->written_bytes ? written : "content cut");
	add(text, size, changes & SRD_CHANGED_GIVEN_UP, "which is trimmed");
	add(text, size, changes & SRD_CHANGED_ATTRIBUTES, "attributes");
	add(text, size, changes & SRD_CHANGED_XATTRS, "extended attributes");
	add(text, size, changes & SRD_CHANGED_NAMES, "name");
	add(text, size, changes & SRD_CHANGED_ENTRIES, "entries");
	add(text, size, changes & SRD_CHANGED_REMOVED, "removed");
}

static void print_version_json(struct log *log, const struct srd_version *version)
{
	static const struct { unsigned bit; const char *name; } names[] = {
		{ SRD_CHANGED_MADE, "made" }, { SRD_CHANGED_CONTENT, "content" }, { SRD_CHANGED_ATTRIBUTES, "attributes" },
		{ SRD_CHANGED_XATTRS, "xattrs" }, { SRD_CHANGED_NAMES, "names" }, { SRD_CHANGED_ENTRIES, "entries" },
		{ SRD_CHANGED_REMOVED, "removed" }, { SRD_CHANGED_RESTATED, "restated" },
		{ SRD_CHANGED_GIVEN_UP, "given_up" },
	};

	begin_json(log, version->sequence, version->time_ns);
	tool_json_number(&log->json, "size", version->size);
	tool_json_number(&log->json, "written_bytes", version->written_bytes);
	tool_json_number(&log->json, "mode", version->mode);
	tool_json_number(&log->json, "uid", version->uid);
	tool_json_number(&log->json, "gid", version->gid);
	tool_json_open(&log->json, "changes", '[');
	for (size_t i = 0; i < TOOL_LEN(names); i++)
		if (version->changes & names[i].bit)
			tool_json_text(&log->json, NULL, names[i].name, strlen(names[i].name));
	tool_json_close(&log->json);
	tool_json_close(&log->json);
}

static void print_version(struct log *log, const struct srd_version *version)
{
	char text[200], mode[12];

	if (log->tool->json) {
		print_version_json(log, version);
		return;
	}
	describe(version, text, sizeof text);
	begin_text(version->sequence, version->time_ns);
	printf("%s %" PRIu32 ":%" PRIu32 " %10" PRIu64 "  %s\n", tool_text_mode(version->mode, mode), version->uid,
	       version->gid, version->size, text);
}

static void print_versions(struct log *log, const struct srd_version *list, size_t count)
{
	size_t shown = log->limit && log->limit < count ? (size_t)log->limit : count;

	for (size_t i = 0; i < shown && !ferror(stdout); i++)
		print_version(log, &list[log->newest ? count - 1 - i : count - shown + i]);
}

/* Those of one that was deleted, and the end of it. */
static ssize_t versions_of_deleted(srd_store *store, const char *key, struct srd_version **list)
{
	struct srd_deleted found;
	srd_store *past;
	char at[24];
	int error = srd_find_deleted(store, key, strlen(key), &found);

	if (error)
		return error;
	snprintf(at, sizeof at, "%" PRIu64, found.whole);
	error = srd_view(store, at, &past);
	if (error)
		return error;
	ssize_t count = srd_versions(past, key, strlen(key), list);
	srd_close(past);
	if (count <= 0)
		return count;
	*list = reallocarray(*list, (size_t)count + 1, sizeof **list);
	if (!*list)
		tool_no_memory();
	(*list)[count] = (*list)[count - 1];
	(*list)[count].sequence = found.sequence;
	(*list)[count].time_ns = found.time_ns;
	(*list)[count].changes = SRD_CHANGED_REMOVED;
	return count + 1;
}

static int list_key(struct log *log, srd_store *store, const char *key)
{
	struct srd_version *list;
	ssize_t count = srd_versions(store, key, strlen(key), &list);

	if (count == -ENOENT)
		count = versions_of_deleted(store, key, &list);
	if (count < 0)
		return (int)count;
	print_versions(log, list, (size_t)count);
	free(list);
	return 0;
}

/* ---- What was deleted ---- */

static int on_deleted(void *user, const struct srd_deleted *deleted)
{
	struct log *log = user;
	const char *kind = deleted->kind ? tool_text_kind(deleted->kind) : "unknown";

	if (log->tool->json) {
		begin_json(log, deleted->sequence, deleted->time_ns);
		tool_json_text(&log->json, "kind", kind, strlen(kind));
		tool_json_number(&log->json, "size", deleted->size);
		tool_json_text(&log->json, "key", deleted->key, strlen(deleted->key));
		tool_json_close(&log->json);
	} else {
		begin_text(deleted->sequence, deleted->time_ns);
		printf("%-9s %10" PRIu64 "  ", kind, deleted->size);
		put_key(log, deleted->key);
		putchar('\n');
	}
	return ferror(stdout) || ++log->count == log->limit ? 1 : 0;
}

static int list_deleted(struct log *log, srd_store *store)
{
	int error = srd_list_deleted(store, on_deleted, log);

	return error < 0 ? error : 0;
}

/* ---- ---- */

static void list(const struct tool_store *store, struct log *log, const char *key)
{
	tool_json_start(&log->json, stdout);
	if (log->tool->json)
		tool_json_open(&log->json, NULL, '[');
	int error = log->deleted ? list_deleted(log, store->handle)
	            : key ? list_key(log, store->handle, key) : list_all(log, store->handle);
	if (log->tool->json)
		tool_json_close(&log->json);
	if (error)
		tool_store_fail(store, key, key ? strlen(key) : 0, error);
}

static uint64_t take_count(struct tool *tool, const char *text)
{
	char *end;

	errno = 0;
	unsigned long long count = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || errno || *end || count == 0)
		tool_usage(tool, "--count: '%s' is not a number of lines", text);
	return count;
}

static int run(struct tool *tool)
{
	struct log log = { .tool = tool, .escape = isatty(STDOUT_FILENO) };
	struct tool_store store;

	for (int code; (code = tool_option_next(tool)) != -1;) {
		log.deleted |= code == DELETED;
		log.newest |= code == NEWEST;
		if (code == COUNT)
			log.limit = take_count(tool, optarg);
	}
	tool_arguments(tool, 1, log.deleted ? 1 : 2);
	const char *key = tool->arg_count > 1 ? tool->args[1] : NULL;
	if ((key && !tool_key_check(tool, tool->args[0], key)) ||
	    !tool_store_open(tool, tool->args[0], SRD_RDONLY, &store))
		return tool->status;
	list(&store, &log, key);
	tool_store_close(&store);
	return tool->status;
}

static const struct tool_option options[] = {
	{ DELETED, "deleted", NULL, "list what was deleted and is not there now, the newest first" },
	{ COUNT, "count", "COUNT", "no more than so many lines, of the newest" },
	{ NEWEST, "reverse", NULL, "the newest first" },
	{ 0 },
};

const struct tool_command tool_log = {
	.name = "log",
	.synopsis = "log [-dr] [-n COUNT] [--at=POINT] [--json] STORE [KEY]",
	.summary = "List what was changed, when, in which commit: of all the store, or of KEY.",
	.detail = "The number is what --at takes.  Of KEY, which may have been deleted, each version: its\n"
	          "mode, owner, size, and what came to it.  srd undelete brings back what --deleted lists.",
	.options = options,
	.common = TOOL_HAS_AT | TOOL_HAS_STORE | TOOL_HAS_JSON,
	.run = run,
};
