/* SPDX-License-Identifier: Apache-2.0 */
/*
 * driver.c - runs a fuzzer where there is no libFuzzer.
 *
 *     fuzz_NAME FILE|FOLDER...               each input once
 *     fuzz_NAME -s SECONDS FILE|FOLDER...    and then random changes of them
 *
 * An input that ends the program is left in ./crash-input.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

enum { LEN_MAX = 1 << 17, INPUTS_MAX = 4096 };

struct input {
	uint8_t *bytes;
	size_t len;
};

static struct input inputs[INPUTS_MAX];
static unsigned input_count;

static void load(const char *name)
{
	FILE *file = fopen(name, "rb");

	if (!file || input_count == INPUTS_MAX) {
		fprintf(stderr, "%s: %s\n", name, strerror(file ? E2BIG : errno));
		exit(1);
	}
	struct input *input = &inputs[input_count++];
	input->bytes = malloc(LEN_MAX);
	input->len = fread(input->bytes, 1, LEN_MAX, file);
	fclose(file);
}

static void load_all(const char *name)
{
	DIR *dir = opendir(name);
	char full[4096];

	if (!dir) {
		load(name);
		return;
	}
	for (struct dirent *entry; (entry = readdir(dir));) {
		snprintf(full, sizeof full, "%s/%s", name, entry->d_name);
		if (entry->d_name[0] != '.')
			load(full);
	}
	closedir(dir);
}

static uint64_t draw(uint64_t *seed)
{
	uint64_t x = *seed += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* A change of one input, or a piece of another put into it. */
static void change(struct input *input, uint64_t *seed)
{
	for (uint64_t changes = draw(seed) % 8 + 1; changes > 0; changes--) {
		size_t at = input->len ? draw(seed) % input->len : 0;
		const struct input *other = &inputs[draw(seed) % input_count];
		size_t from = other->len ? draw(seed) % other->len : 0, len = draw(seed) % 64;
		switch (draw(seed) % 5) {
		case 0:
			if (input->len)
				input->bytes[at] = (uint8_t)draw(seed);
			break;
		case 1:
			if (input->len)
				input->bytes[at] ^= (uint8_t)(1u << draw(seed) % 8);
			break;
		case 2:
			input->len = at;
			break;
		default:
			len = len < other->len - from ? len : other->len - from;
			len = len < LEN_MAX - at ? len : LEN_MAX - at;
			memmove(input->bytes + at, other->bytes + from, len);
			input->len = input->len > at + len ? input->len : at + len;
		}
	}
}

static void save(const struct input *input)
{
	FILE *file = fopen("crash-input", "wb");

	if (file) {
		fwrite(input->bytes, 1, input->len, file);
		fclose(file);
	}
}

/* Kept beforehand: nobody can be sure to get around to it afterwards. */
static void run(const struct input *input)
{
	save(input);
	LLVMFuzzerTestOneInput(input->bytes, input->len);
}

int main(int argc, char **argv)
{
	const char *given = getenv("SRD_TEST_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 1000003 + (uint64_t)getpid();
	struct input changed = { .bytes = malloc(LEN_MAX) };
	unsigned long runs = 0;
	int first = 1, seconds = 0;

	if (argc > 2 && strcmp(argv[1], "-s") == 0) {
		seconds = atoi(argv[2]);
		first = 3;
	}
	for (int i = first; i < argc; i++)
		load_all(argv[i]);
	for (unsigned i = 0; i < input_count; i++, runs++)
		LLVMFuzzerTestOneInput(inputs[i].bytes, inputs[i].len);
	if (seconds > 0)
		printf("SRD_TEST_SEED=%" PRIu64 "\n", seed);
	fflush(stdout);
	for (time_t end = time(NULL) + seconds; seconds > 0 && input_count > 0 && time(NULL) < end; runs++) {
		const struct input *from = &inputs[draw(&seed) % input_count];
		memcpy(changed.bytes, from->bytes, from->len);
		changed.len = from->len;
		change(&changed, &seed);
		run(&changed);
	}
	if (seconds > 0)
		unlink("crash-input");
	printf("%lu inputs\n", runs);
	return input_count > 0 ? 0 : 1;
}
