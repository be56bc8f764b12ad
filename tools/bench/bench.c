/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "bench.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void die(const char *format, ...)
{
	int error = errno;
	va_list args;

	va_start(args, format);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	errno = error;
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

void must(bool good, const char *what)
{
	if (!good)
		die("%s: %m", what);
}

void give_help(int argc, char **argv, const char *help)
{
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(help, stdout);
		exit(0);
	}
}

void give_usage(const char *help)
{
	fputs(help, stderr);
	exit(2);
}

uint64_t now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

double now_us(void)
{
	return (double)now_ns(CLOCK_MONOTONIC) * 1e-3;
}

double now_s(void)
{
	return (double)now_ns(CLOCK_MONOTONIC) * 1e-9;
}

uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

double memory_bytes(const char *name)
{
	FILE *file = fopen("/proc/self/status", "re");
	unsigned long long kib = 0;
	char line[256];

	while (file && fgets(line, sizeof line, file))
		if (strncmp(line, name, strlen(name)) == 0)
			kib = strtoull(line + strlen(name) + 1, NULL, 10);
	if (file)
		fclose(file);
	return (double)kib * 1024;
}

void sample(const char *row, const char *unit, const char *better, const char *peer, double figure)
{
	printf("%s\t%s\t%s\t%s\t%.9g\n", row, unit, better, peer, figure);
	fflush(stdout);
}
