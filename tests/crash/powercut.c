/* SPDX-License-Identifier: Apache-2.0 */
/*
 * powercut - what a power cut leaves on a disk: of the log that blocklog wrote,
 * everything up to a flush, and of the requests behind it some, some torn at 512
 * bytes, in no order.
 *
 *     powercut LOG BYTES CUTS SEED IMAGE COMMAND
 *
 * Cuts CUTS times, at moments behind the note "start"; each time puts the disk into
 * the file IMAGE, the notes from before the cut into IMAGE.notes, and runs COMMAND.
 */
#include "config.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "blocklog.h"
#include "tell.h"

enum { SECTOR = 512 };

struct request {
	struct block_request head;
	const uint8_t *data;
};

struct tape {
	struct request *requests;
	size_t count, start;
};

static void read_tape(const char *path, struct tape *tape)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size == 0)
		die("%s: cannot be read", path);
	const uint8_t *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		die("%s: cannot be mapped", path);
	size_t cap = 0;
	for (size_t at = 0; at + sizeof(struct block_request) <= (size_t)st.st_size;) {
		struct request request;
		memcpy(&request.head, bytes + at, sizeof request.head);
		request.data = bytes + at + sizeof request.head;
		at += sizeof request.head + request.head.len;
		if (tape->count == cap) {
			cap = cap ? cap * 2 : 4096;
			tape->requests = realloc(tape->requests, cap * sizeof *tape->requests);
			if (!tape->requests)
				die("no memory");
		}
		if (request.head.kind == BLOCK_NOTE && request.head.len >= 5 && memcmp(request.data, "start", 5) == 0)
			tape->start = tape->count;
		tape->requests[tape->count++] = request;
	}
	close(fd);
}

static void put(int fd, const struct request *request, uint64_t from, uint64_t len)
{
	if (pwrite(fd, request->data + from, len, (off_t)(request->head.offset + from)) != (ssize_t)len)
		die("the image cannot be written");
}

/* Whole, not at all, or only some sectors of it. */
static void put_perhaps(int fd, const struct request *request, uint64_t *dice)
{
	uint64_t lot = (*dice = srd_mix(*dice + 1)) % 4;

	if (lot == 0)
		return;
	if (lot < 3) {
		put(fd, request, 0, request->head.len);
		return;
	}
	for (uint64_t at = 0; at < request->head.len; at += SECTOR) {
		uint64_t len = request->head.len - at < SECTOR ? request->head.len - at : SECTOR;
		if ((*dice = srd_mix(*dice + 1)) % 2)
			put(fd, request, at, len);
	}
}

/* The disk after a cut before request CUT. */
static void make_image(const struct tape *tape, size_t cut, uint64_t dice, const char *path, uint64_t bytes)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t flushed = 0;

	if (fd < 0 || ftruncate(fd, (off_t)bytes) != 0)
		die("%s: cannot be made", path);
	for (size_t i = 0; i < cut; i++)
		if (tape->requests[i].head.kind == BLOCK_FLUSH)
			flushed = i;
	for (size_t i = 0; i < cut; i++) {
		if (tape->requests[i].head.kind != BLOCK_WRITE)
			continue;
		if (i < flushed)
			put(fd, &tape->requests[i], 0, tape->requests[i].head.len);
		else
			put_perhaps(fd, &tape->requests[i], &dice);
	}
	close(fd);
}

/* What was known at the cut. */
static void write_notes(const struct tape *tape, size_t cut, const char *image)
{
	char path[4200];

	snprintf(path, sizeof path, "%s.notes", image);
	FILE *file = fopen(path, "w");
	if (!file)
		die("%s: cannot be made", path);
	for (size_t i = tape->start; i < cut; i++)
		if (tape->requests[i].head.kind == BLOCK_NOTE)
			fwrite(tape->requests[i].data, 1, tape->requests[i].head.len, file);
	if (fclose(file) != 0)
		die("%s: cannot be written", path);
}

static bool run(const char *command)
{
	int status = system(command);

	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(int argc, char **argv)
{
	struct tape tape = { 0 };
	unsigned bad = 0, cuts;

	if (argc != 7) {
		fprintf(stderr, "usage: powercut LOG BYTES CUTS SEED IMAGE COMMAND\n");
		return 2;
	}
	cuts = (unsigned)strtoul(argv[3], NULL, 0);
	uint64_t seed = strtoull(argv[4], NULL, 0);
	read_tape(argv[1], &tape);
	for (unsigned i = 0; i < cuts; i++) {
		uint64_t dice = srd_mix(seed + i);
		size_t cut = tape.start + 1 + dice % (tape.count - tape.start);
		make_image(&tape, cut, dice, argv[5], strtoull(argv[2], NULL, 0));
		write_notes(&tape, cut, argv[5]);
		if (!run(argv[6]) && bad++ < 5)
			tell("cut %u, before request %zu of %zu, seed %llu", i, cut, tape.count, (unsigned long long)seed);
	}
	tell_result(bad == 0, "%u power cuts among %zu requests: %u lost something", cuts, tape.count - tape.start, bad);
	return tell_status();
}
