/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine.h - what the engine benchmark asks of a key/value store (engine.c says why).
 *
 * A store that this build does not know is compared by `engine --peer FILE.so`: a shared
 * object, in any language, that exports
 *
 *     const struct engine engine_peer = { .name = "...", ... };
 *
 * It calls nothing of this program; in C: cc -shared -fPIC -O2 -Itools/bench.
 */
#ifndef SRD_TOOLS_BENCH_ENGINE_H
#define SRD_TOOLS_BENCH_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct item {
	char key[32];
	size_t key_len;
	const void *data;
	size_t len;
};

/* The bytes as little-endian words of 8, what is over left out: an engine has to touch
 * what it returns, and the workload can tell that it is right. */
static inline uint64_t sum_of(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t sum = 0, word;

	for (; len >= sizeof word; p += sizeof word, len -= sizeof word) {
		memcpy(&word, p, sizeof word);
		sum += word;
	}
	return sum;
}

/* Each function ends the process with a message when it fails.  What it returns is the
 * sum of its values' sums. */
struct engine {
	const char *name;
	const char *mode;                /* version and flags, for people */
	/* There is one store, files in the folder DIR; ROOM_BYTES: what it will hold at most. */
	void (*open)(const char *dir, uint64_t room_bytes);
	void (*close)(void);
	void (*put_batch)(const struct item *items, size_t count);          /* one commit */
	void (*put)(const struct item *item);                               /* one commit */
	uint64_t (*get)(const struct item *items, size_t count);            /* one by one */
	uint64_t (*get_many)(const struct item *items, size_t count);
	uint64_t (*scan)(uint64_t *count);                                  /* all there is */
};

extern const struct engine engine_srd, engine_lmdb;

enum row {
	ROW_BATCH_PUT, ROW_SCAN, ROW_GET, ROW_GET_MANY, ROW_SINGLE_PUT, ROW_LARGE_PUT, ROW_LARGE_GET, ROW_LARGE_AGAIN,
	ROW_OPEN_WARM, ROW_OPEN_COLD, ROW_MEMORY, ROW_PEAK, ROW_FILE, ROWS,
};

struct workload {
	const char *dir;
	size_t count, singles, larges;
	bool cpu_time;            /* measured, instead of the clock on the wall */
};

/* Runs the whole workload on ENGINE in the empty folder DIR of WORK, which is
 * left full.  In SI units: entries, bytes a second; seconds; bytes. */
void workload_run(const struct workload *work, const struct engine *engine, double results[ROWS]);

#endif
