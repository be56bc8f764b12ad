/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options: one table per command feeds getopt_long and --help.  Those that
 * several commands have are defined and handled here.
 */
#include "config.h"

#include "tool.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

static const struct {
	unsigned common;          /* the command has it if it has this; 0: always */
	struct tool_option option;
} common_options[] = {
	{ TOOL_HAS_AT, { TOOL_AT, "at", "POINT", "as it was at a time, sequence number or snapshot" } },
	{ TOOL_HAS_JSON, { TOOL_JSON, "json", NULL, "print JSON" } },
	{ TOOL_HAS_PROGRESS, { 'q', "quiet", NULL, "show no progress" } },
	{ TOOL_HAS_PROGRESS, { TOOL_PROGRESS, "progress", NULL,
	                       "show progress, also where there is no terminal" } },
	{ TOOL_HAS_SYNC, { TOOL_NO_SYNC, "no-sync", NULL,
	                   "do not wait for the disk: a power cut may undo it" } },
	{ TOOL_HAS_STORE, { TOOL_EXCLUSIVE, "exclusive", NULL, "hold the store alone meanwhile" } },
	{ 0, { TOOL_HELP, "help", NULL, "print this" } },
	{ 0, { TOOL_VERSION, "version", NULL, "print the version" } },
};

static bool has_common(const struct tool_command *command, size_t i)
{
	unsigned need = common_options[i].common;

	return (command->common & need) == need;
}

/* Calls CALL for each option of COMMAND. */
static void each_option(const struct tool_command *command,
                        void (*call)(void *user, const struct tool_option *option), void *user)
{
	for (const struct tool_option *o = command->options; o && o->name; o++)
		call(user, o);
	for (size_t i = 0; i < TOOL_LEN(common_options); i++)
		if (has_common(command, i))
			call(user, &common_options[i].option);
}

static void add_option(void *user, const struct tool_option *option)
{
	struct tool *tool = user;
	size_t n = 0;

	while (tool->long_options[n].name)
		n++;
	if (n + 1 >= TOOL_OPTIONS_MAX)
		abort();
	tool->long_options[n] = (struct option){ option->name, option->arg != NULL, NULL, option->code };
	if (option->code < TOOL_HELP) {
		char letter[] = { (char)option->code, option->arg ? ':' : '\0', '\0' };
		strcat(tool->short_options, letter);
	}
}

void tool_option_init(struct tool *tool, const struct tool_command *command, int argc, char **argv)
{
	*tool = (struct tool){ .command = command, .argc = argc, .argv = argv };
	strcpy(tool->short_options, ":");
	each_option(command, add_option, tool);
	opterr = 0;   /* we say it ourselves, in one line */
}

static void print_option(void *user, const struct tool_option *option)
{
	char text[64];

	snprintf(text, sizeof text, "--%s%s%s", option->name, option->arg ? "=" : "",
	         option->arg ? option->arg : "");
	if (option->code < TOOL_HELP)
		fprintf(user, "  -%c, %-16s  %s\n", option->code, text, option->help);
	else
		fprintf(user, "      %-16s  %s\n", text, option->help);
}

void tool_help_print(const struct tool_command *command, FILE *out)
{
	fprintf(out, "usage: srd %s\n\n%s\n", command->synopsis, command->summary);
	if (command->detail)
		fprintf(out, "%s\n", command->detail);
	fputc('\n', out);
	each_option(command, print_option, out);
}

void tool_usage(struct tool *tool, const char *format, ...)
{
	char *text;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		tool_no_memory();
	va_end(args);
	fprintf(stderr, "srd %s: ", tool->command->name);
	tool_text_say(stderr, text);
	free(text);
	fprintf(stderr, "; see srd %s --help\n", tool->command->name);
	exit(2);
}

_Noreturn static void print_and_exit(struct tool *tool, int code)
{
	if (code == TOOL_HELP)
		tool_help_print(tool->command, stdout);
	else
		printf("srd %s\n", srd_version());
	tool_output_close(tool);
	exit(tool->status);
}

/* True if CODE was a common option. */
static bool take_common(struct tool *tool, int code)
{
	switch (code) {
	case TOOL_HELP:
	case TOOL_VERSION: print_and_exit(tool, code);
	case TOOL_EXCLUSIVE: tool->exclusive = true; return true;
	case TOOL_NO_SYNC: tool->no_sync = true; return true;
	case TOOL_AT: tool->at = optarg; return true;
	case TOOL_JSON: tool->json = true; return true;
	case TOOL_PROGRESS: tool->force_progress = true; return true;
	case 'q':
		if (tool->command->common & TOOL_HAS_PROGRESS)
			return tool->quiet = true;
	}
	return false;
}

_Noreturn static void reject(struct tool *tool, int code)
{
	const char *word = tool->argv[optind - 1];
	bool is_long = strncmp(word, "--", 2) == 0 && (optopt == 0 || optopt >= TOOL_HELP);

	if (code == ':' && is_long)
		tool_usage(tool, "option '%s' needs an argument", word);
	if (code == ':')
		tool_usage(tool, "option '-%c' needs an argument", optopt);
	/* A long option given an argument that it does not take sets optopt too. */
	if (is_long)
		tool_usage(tool, optopt ? "option '%s' takes no argument" : "unknown option '%s'", word);
	tool_usage(tool, "unknown option '-%c'", optopt);
}

int tool_option_next(struct tool *tool)
{
	for (;;) {
		int code = getopt_long(tool->argc, tool->argv, tool->short_options,
		                       tool->long_options, NULL);
		if (code == '?' || code == ':')
			reject(tool, code);
		if (code == -1 || !take_common(tool, code))
			return code;
	}
}

void tool_arguments(struct tool *tool, int min, int max)
{
	tool->args = tool->argv + optind;
	tool->arg_count = tool->argc - optind;
	if (tool->arg_count < min)
		tool_usage(tool, "too few arguments");
	if (tool->arg_count > max)
		tool_usage(tool, "too many arguments");
}

uint64_t tool_option_bytes(struct tool *tool, const char *name, const char *text)
{
	static const char units[] = "KMGT";
	char *end;

	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	const char *unit = *end ? strchr(units, *end) : NULL;
	unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;

	if (text[0] < '0' || text[0] > '9' || errno || end[unit != NULL] != '\0' ||
	    value > UINT64_MAX >> shift)
		tool_usage(tool, "--%s: '%s' is not a number of bytes", name, text);
	return (uint64_t)value << shift;
}
