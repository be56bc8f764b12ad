/* SPDX-License-Identifier: Apache-2.0 */
/*
 * swap.c - exchanges two names (RENAME_EXCHANGE) over and over, until there is a file STOP, and
 * writes how often.
 *
 *     swap A B STOP
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	unsigned long times = 0;

	if (argc != 4) {
		fprintf(stderr, "usage: swap A B STOP\n");
		return 2;
	}
	for (; access(argv[3], F_OK) != 0; times++) {
		if (renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE) != 0) {
			fprintf(stderr, "swap: %s: %s\n", argv[1], strerror(errno));
			return 1;
		}
	}
	printf("%lu\n", times);
	return 0;
}
