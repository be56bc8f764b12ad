/* SPDX-License-Identifier: Apache-2.0 */
/*
 * append.c - what is appended to one file by several processes is there, whole, once,
 * and in each one's order.
 *
 *     append FILE LINES ID        appends as ID
 *     append FILE LINES           checks what those with the IDs found have left
 */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { IDS = 64 };

/* Lines of many lengths, some longer than a page. */
static size_t make_line(char *line, int id, int i)
{
	int len = sprintf(line, "%02d %06d ", id, i);
	int filler = i % 50 == 0 ? 5000 + i : i * 7 % 300;

	memset(line + len, 'a' + id % 26, (size_t)filler);
	line[len + filler] = '\n';
	return (size_t)(len + filler) + 1;
}

static int append(const char *path, int lines, int id)
{
	char *line = malloc(10000 + (size_t)lines);
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0644);

	if (!line || fd < 0) {
		perror(path);
		return 1;
	}
	for (int i = 0; i < lines; i++) {
		size_t len = make_line(line, id, i);
		if (write(fd, line, len) != (ssize_t)len) {
			perror(path);
			return 1;
		}
		/* Now and then by another opening. */
		if (i % 97 == 96) {
			if (close(fd) != 0) {
				perror(path);
				return 1;
			}
			fd = open(path, O_WRONLY | O_APPEND);
		}
	}
	free(line);
	return close(fd) != 0;
}

static int check(const char *path, int lines)
{
	int next[IDS] = { 0 }, id, i, bad = 0;
	size_t cap = 0, len = 10000 + (size_t)lines;
	char *line = NULL, *expected = malloc(len);
	FILE *file = fopen(path, "r");

	if (!file || !expected) {
		perror(path);
		return 1;
	}
	for (ssize_t got; (got = getline(&line, &cap, file)) > 0 && bad < 5;) {
		if (sscanf(line, "%d %d ", &id, &i) != 2 || id < 0 || id >= IDS || i != next[id] || i >= lines ||
		    make_line(expected, id, i) != (size_t)got || memcmp(line, expected, (size_t)got) != 0) {
			printf("unexpected: '%.40s' (%zd bytes)\n", line, got);
			bad++;
			continue;
		}
		next[id]++;
	}
	for (id = 0; id < IDS; id++) {
		if (next[id] == 0 || next[id] == lines)
			continue;
		printf("of %d only %d lines\n", id, next[id]);
		bad++;
	}
	free(line);
	free(expected);
	fclose(file);
	return bad != 0;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	return argc > 3 ? append(argv[1], atoi(argv[2]), atoi(argv[3])) : check(argv[1], atoi(argv[2]));
}
