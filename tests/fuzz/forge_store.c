/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forge_store - writes a hostile store.
 *
 *     forge_store PROGRAM STORE [seal]
 *
 * PROGRAM is an input of fuzz_forge; with `seal' one of fuzz_log.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

enum { LEN_MAX = 1 << 18 };

/* The program itself is the log behind its superblock. */
static size_t seal(const uint8_t *program, size_t len, uint8_t **log)
{
	*log = malloc(SRD_SUPERBLOCK_LEN + len);
	memset(*log, 0, SRD_SUPERBLOCK_LEN);
	memcpy(*log + SRD_SUPERBLOCK_LEN, program, len);
	fuzz_seal(*log, SRD_SUPERBLOCK_LEN + len);
	return SRD_SUPERBLOCK_LEN + len;
}

int main(int argc, char **argv)
{
	static uint8_t program[LEN_MAX];
	FILE *in = argc > 2 ? fopen(argv[1], "rb") : NULL;
	FILE *out = argc > 2 ? fopen(argv[2], "wb") : NULL;
	uint8_t *log;

	if (!in || !out) {
		fprintf(stderr, "usage: forge_store PROGRAM STORE [seal]\n");
		return 2;
	}
	size_t len = fread(program, 1, sizeof program, in);
	size_t made = argc > 3 ? seal(program, len, &log) : fuzz_forge(program, len, &log);
	bool written = fwrite(log, 1, made, out) == made;
	free(log);
	fclose(in);
	return fclose(out) == 0 && written ? 0 : 1;
}
