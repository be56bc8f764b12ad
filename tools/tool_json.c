/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON: what is written is valid whatever the bytes of a key are.  The
 * outermost members stand on a line each, so that line tools can be used too.
 */
#include "config.h"

#include "tool.h"

#include <inttypes.h>
#include <stdlib.h>

void tool_json_start(struct tool_json *json, FILE *out)
{
	*json = (struct tool_json){ .out = out };
}

static void put_string(FILE *out, const uint8_t *text, size_t len)
{
	fputc('"', out);
	for (size_t i = 0; i < len;) {
		uint32_t rune = text[i];
		size_t n = tool_utf8(text + i, len - i, &rune);
		if (n == 0 || rune < 0x20 || rune == 0x7f)
			fprintf(out, "\\u%04x", (unsigned)rune);
		else if (rune == '"' || rune == '\\')
			fprintf(out, "\\%c", (char)rune);
		else
			fwrite(text + i, 1, n, out);
		i += n ? n : 1;
	}
	fputc('"', out);
}

/* What goes before each member: comma, line, name. */
static void start_member(struct tool_json *json, const char *name)
{
	if (json->depth > 0)
		fputs(!json->comma ? "" : json->depth == 1 ? "," : ", ", json->out);
	if (json->depth == 1)
		fputs("\n ", json->out);
	json->comma = true;
	if (name)
		fprintf(json->out, "\"%s\": ", name);
}

void tool_json_open(struct tool_json *json, const char *name, char bracket)
{
	if (json->depth == (int)TOOL_LEN(json->closers))
		abort();
	start_member(json, name);
	fputc(bracket, json->out);
	json->closers[json->depth++] = bracket == '{' ? '}' : ']';
	json->comma = false;
}

void tool_json_close(struct tool_json *json)
{
	json->depth--;
	if (json->depth == 0)
		fputc('\n', json->out);
	fputc(json->closers[json->depth], json->out);
	if (json->depth == 0)
		fputc('\n', json->out);
	json->comma = true;
}

void tool_json_number(struct tool_json *json, const char *name, uint64_t value)
{
	start_member(json, name);
	fprintf(json->out, "%" PRIu64, value);
}

void tool_json_signed(struct tool_json *json, const char *name, int64_t value)
{
	start_member(json, name);
	fprintf(json->out, "%" PRId64, value);
}

void tool_json_bool(struct tool_json *json, const char *name, bool value)
{
	start_member(json, name);
	fputs(value ? "true" : "false", json->out);
}

static bool is_utf8(const uint8_t *text, size_t len)
{
	uint32_t rune;

	for (size_t i = 0, n; i < len; i += n)
		if ((n = tool_utf8(text + i, len - i, &rune)) == 0)
			return false;
	return true;
}

void tool_json_text(struct tool_json *json, const char *name, const void *text, size_t len)
{
	const uint8_t *bytes = text;

	start_member(json, name);
	put_string(json->out, bytes, len);
	if (!name || is_utf8(bytes, len))
		return;
	fprintf(json->out, json->depth == 1 ? ",\n \"%s_hex\": \"" : ", \"%s_hex\": \"", name);
	for (size_t i = 0; i < len; i++)
		fprintf(json->out, "%02x", bytes[i]);
	fputc('"', json->out);
}

void tool_json_stat(struct tool_json *json, const struct srd_stat *st)
{
	const char *kind = tool_text_kind(st->kind);
	char text[20];

	tool_json_text(json, "kind", kind, strlen(kind));
	tool_json_number(json, "size", st->size);
	tool_json_number(json, "stored_bytes", st->stored_bytes);
	tool_json_number(json, "ino", st->ino);
	tool_json_number(json, "nlink", st->nlink);
	tool_json_number(json, "mode", st->mode);
	tool_json_number(json, "uid", st->uid);
	tool_json_number(json, "gid", st->gid);
	tool_json_number(json, "rdev", st->rdev);
	tool_json_signed(json, "atime_ns", st->atime_ns);
	tool_json_signed(json, "mtime_ns", st->mtime_ns);
	tool_json_signed(json, "ctime_ns", st->ctime_ns);
	tool_json_signed(json, "btime_ns", st->btime_ns);
	tool_json_number(json, "offset", st->offset);
	tool_json_number(json, "extents", st->extents);
	/* 64 random bits do not survive a reader that has doubles only. */
	snprintf(text, sizeof text, "%016" PRIx64, st->checksum);
	tool_json_text(json, "checksum", text, strlen(text));
	tool_json_number(json, "last_change", st->last_change);
}
