/* SPDX-License-Identifier: Apache-2.0 */
/* engine.h - what the engine benchmark asks of a key/value store (engine.c says why). */
#ifndef SRD_TOOLS_BENCH_ENGINE_H
#define SRD_TOOLS_BENCH_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct item {
	char key[32];
	size_t key_len;
	const void *data;
	size_t len;
};

/* Each function ends the process with a message when it fails.  The SUMS are
 * over the values' bytes, taken as little-endian words of 8: so that every
 * engine has to touch what it returns, and the workload can tell that it is
 * right. */
struct engine {
	const char *name;
	const char *mode;                /* version and flags, for people */
	/* There is one store, in the folder DIR; ROOM_BYTES: what it will hold at most. */
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

_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
uint64_t sum_of(const void *data, size_t len);

#endif
