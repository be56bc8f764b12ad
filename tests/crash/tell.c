/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tell.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned told, bad;
static char scratch[4096];
static pid_t scratch_owner;

static void say(const char *start, const char *format, va_list args)
{
	fputs(start, stdout);
	vprintf(format, args);
	putchar('\n');
	fflush(stdout);
}

void tell_result(bool good, const char *format, ...)
{
	char start[32];
	va_list args;

	snprintf(start, sizeof start, "%s %u - ", good ? "ok" : "not ok", ++told);
	bad += !good;
	va_start(args, format);
	say(start, format, args);
	va_end(args);
}

void tell(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("# ", format, args);
	va_end(args);
}

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("Bail out! ", format, args);
	va_end(args);
	exit(99);
}

int tell_status(void)
{
	printf("1..%u\n", told);
	return bad > 0;
}

bool is_full_run(void)
{
	const char *states = getenv("CRASH_STATES");

	return states && strcmp(states, "all") == 0;
}

uint64_t env_number(const char *name, uint64_t fallback)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : fallback;
}

static void remove_scratch(void)
{
	DIR *dir;

	/* Not by a child that exits. */
	if (getpid() != scratch_owner)
		return;
	dir = opendir(scratch);
	for (struct dirent *entry; dir && (entry = readdir(dir));)
		if (entry->d_name[0] != '.' || strncmp(entry->d_name, ".srd-", 5) == 0)
			if (unlinkat(dirfd(dir), entry->d_name, 0) != 0)
				unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
	if (dir)
		closedir(dir);
	rmdir(scratch);
}

const char *scratch_directory(void)
{
	const char *parent = getenv("TMPDIR");

	if (!parent || !*parent)
		parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	if (*scratch)
		return scratch;
	snprintf(scratch, sizeof scratch, "%s/srd-crash-XXXXXX", parent);
	if (!mkdtemp(scratch))
		die("%s: no directory can be made", scratch);
	scratch_owner = getpid();
	atexit(remove_scratch);
	return scratch;
}
