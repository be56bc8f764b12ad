/* SPDX-License-Identifier: Apache-2.0 */
/* Complaints: one line on standard error that names the file and the key, and says what to do. */
#include "config.h"

#include "tool.h"

#include <errno.h>
#include <stdlib.h>

void tool_complain(struct tool *tool, const char *where, const char *key, size_t key_len,
                   const char *text, const char *hint)
{
	tool_progress_hide(&tool->progress);
	tool->status = 1;
	fprintf(stderr, "srd %s: ", tool->command->name);
	if (where) {
		tool_text_put(stderr, where, strlen(where));
		fputs(": ", stderr);
	}
	if (key) {
		tool_text_put(stderr, key, key_len);
		fputs(": ", stderr);
	}
	fprintf(stderr, hint ? "%s; %s\n" : "%s\n", text, hint);
}

static const char *file_hint(int error)
{
	switch (error) {
	case -EACCES:
	case -EPERM: return "check its owner and permissions";
	case -ENOSPC:
	case -EDQUOT: return "make room and try again";
	case -EMFILE: return "raise the limit: ulimit -n";
	}
	return NULL;
}

void tool_complain_file(struct tool *tool, const char *path, int error)
{
	tool_complain(tool, path, NULL, 0, srd_strerror(error), file_hint(error));
}

void tool_complain_below(struct tool *tool, const char *dir, const char *path, int error)
{
	char *full;

	if (asprintf(&full, *path ? "%s/%s" : "%s", dir, path) < 0)
		tool_no_memory();
	tool_complain_file(tool, full, error);
	free(full);
}

void tool_no_memory(void)
{
	fputs("srd: out of memory\n", stderr);
	exit(1);
}
