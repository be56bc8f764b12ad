/* SPDX-License-Identifier: Apache-2.0 */
/* srd - the tool.  This file finds the subcommand and sees to the exit status. */
#include "config.h"

#include "tool.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static const struct tool_command *const commands[] = {
	&tool_create, &tool_put, &tool_get, &tool_ls, &tool_stat, &tool_rm, &tool_mv, &tool_cp,
	&tool_import, &tool_export, &tool_info, &tool_verify, &tool_repair, &tool_salvage,
	&tool_snapshot, &tool_log, &tool_restore, &tool_undelete, &tool_diff, &tool_compact, &tool_map,
	&tool_txn, &tool_commit, &tool_abort,
	&tool_dump, &tool_sync, &tool_backup, &tool_trim,
};

static const struct tool_command *find(const char *name)
{
	for (size_t i = 0; i < TOOL_LEN(commands); i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

static int help_run(struct tool *tool);

static const struct tool_command help = {
	.name = "help",
	.synopsis = "help [COMMAND]",
	.summary = "List the commands, or explain one.",
	.run = help_run,
};

static void list(FILE *out)
{
	fprintf(out, "usage: srd COMMAND [OPTION]... STORE [ARGUMENT]...\n\n"
	        "One append-only file as a key/value store and a file system.\n\n");
	for (size_t i = 0; i < TOOL_LEN(commands); i++)
		fprintf(out, "  %-8s %s\n", commands[i]->name, commands[i]->summary);
	fprintf(out, "  %-8s %s\n", help.name, help.summary);
	fprintf(out, "\nsrd COMMAND --help explains a command.  To mount a store: srdfs.\n"
	        "Exit status: 0, 1 (something failed), 2 (wrong usage).\n");
}

static int help_run(struct tool *tool)
{
	while (tool_option_next(tool) != -1)
		;
	tool_arguments(tool, 0, 1);
	if (tool->arg_count == 0) {
		list(stdout);
		return 0;
	}
	const struct tool_command *command = find(tool->args[0]);
	if (!command && strcmp(tool->args[0], help.name) != 0)
		tool_usage(tool, "no command '%s'", tool->args[0]);
	tool_help_print(command ? command : &help, stdout);
	return 0;
}

/* A store must never become standard output or error because the caller had
 * closed them: what is missing is opened so that using it fails. */
static void guard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
			abort();
}

/* What stands where a command should: "srd --help" is "srd help". */
static const struct tool_command *command_of(const char *word)
{
	if (strcmp(word, "--help") == 0 || strcmp(word, "--version") == 0 ||
	    strcmp(word, help.name) == 0)
		return &help;
	return find(word);
}

int main(int argc, char **argv)
{
	struct tool tool;

	guard_descriptors();
	srd_catch_faults();
	setvbuf(stderr, NULL, _IOLBF, 0);   /* a complaint is one write */
	if (argc < 2) {
		list(stderr);
		return 2;
	}
	const struct tool_command *command = command_of(argv[1]);
	if (!command) {
		fputs("srd: no command '", stderr);
		tool_text_say(stderr, argv[1]);
		fputs("'; srd help lists them\n", stderr);
		return 2;
	}
	tool_option_init(&tool, command, argc - 1, argv + 1);
	if (strcmp(argv[1], "--version") == 0)
		printf("srd %s\n", srd_version());
	else if (strcmp(argv[1], "--help") == 0)
		list(stdout);
	else
		tool.status |= command->run(&tool);
	tool_output_close(&tool);
	return tool.status;
}
