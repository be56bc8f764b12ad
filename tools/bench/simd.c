/* SPDX-License-Identifier: Apache-2.0 */
/*
 * simd.c - how fast the functions of base/simd.h are, each set that the machine
 * has beside memcpy, and beside memcpy followed by XXH3.
 *
 *     make tools/bench/simd && tools/bench/simd [--help]
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/simd.h"
#include "bench.h"

static const char help[] =
"usage: simd [--rounds N] [SET ...]\n"
"\n"
"Measures copy, copy_hash, hash and is_zero of each SET (all that this machine\n"
"has: avx512, avx2, sse2, neon, portable) in GB/s (10^9 bytes a second), the\n"
"best of N rounds (7), one function after the other within a round.\n"
"\n"
"  hot        source and target stay in the caches as far as they fit\n"
"  off        the same, source at 13 and target at 7 behind a cache line\n"
"  cold       the source comes from memory, the target is used again and again,\n"
"             as a read buffer is: pieces of one target of 128 KiB\n"
"  cold both  source and target come from memory\n"
"\n"
"In brackets: times the speed of memcpy (copy), of memcpy and then the same\n"
"set's hash (copy_hash), of the portable set (hash, is_zero).  More than 1 is\n"
"faster than that.  Nothing else should run: compare rounds before you believe.\n";

enum {
	HOT_BYTES = 4 << 20,      /* work of one measurement */
	COLD_BYTES = 64 << 20,    /* well beyond the last cache */
	ARENA_LEN = 256 << 20,
	TARGET_LEN = 128 << 10,
	SLACK = 4096,
};

static const size_t sizes[] = {
	64, 256, 1024, 2048, 4096, 8192, 16384, 65536, 131072, 1 << 20, 16 << 20,
};

enum scenario { HOT, OFF, COLD, COLD_BOTH, SCENARIOS };
static const char *const scenario_names[] = { "hot", "off", "cold", "cold both" };

/* One thing to measure; SET may be NULL (memcpy). */
struct work {
	const char *name;
	void (*run)(const struct srd_simd *set, uint8_t *to, const uint8_t *from, size_t len);
};

static uint64_t sink;

static void run_memcpy(const struct srd_simd *set, uint8_t *to, const uint8_t *from, size_t len)
{
	(void)set;
	memcpy(to, from, len);
}

static void run_copy(const struct srd_simd *set, uint8_t *to, const uint8_t *from, size_t len)
{
	set->copy(to, from, len);
}

static void run_both(const struct srd_simd *set, uint8_t *to, const uint8_t *from, size_t len)
{
	memcpy(to, from, len);
	sink ^= set->hash(to, len, 0);
}

static void run_copy_hash(const struct srd_simd *set, uint8_t *to, const uint8_t *from, size_t len)
{
	sink ^= set->copy_hash(to, from, len);
}

static void run_hash(const struct srd_simd *set, uint8_t *to, const uint8_t *from, size_t len)
{
	(void)to;
	sink ^= set->hash(from, len, 0);
}

static void run_is_zero(const struct srd_simd *set, uint8_t *to, const uint8_t *from, size_t len)
{
	(void)to;
	sink ^= set->is_zero(from, len);
}

/* Seconds for a byte of WORK in pieces of LEN. */
static double measure(const struct work *work, const struct srd_simd *set, enum scenario scenario,
                      uint8_t *to, const uint8_t *from, size_t len)
{
	static size_t start;   /* moves on, so that nothing cold was just used */
	size_t count = SRD_MAX((scenario < COLD ? (size_t)HOT_BYTES : COLD_BYTES) / len, 1);
	size_t span = ARENA_LEN - 2 * SLACK - len;

	if (scenario == OFF) {
		from += 13;
		to += 7;
	}
	double began = now_s();
	for (size_t i = 0; i < count; i++) {
		size_t at = scenario < COLD ? 0 : start;
		size_t to_at = scenario < COLD_BOTH ? 0 : start;
		if (scenario == COLD && len < TARGET_LEN)
			to_at = start % TARGET_LEN;
		work->run(set, to + to_at, from + at, len);
		__asm__ volatile("" ::: "memory");
		start = scenario < COLD ? start : (start + len) % span / 64 * 64;
	}
	return (now_s() - began) / (double)(count * len);
}

/* Prints a line: the speed of each set at WORK, against BASE. */
static void row(const struct work *work, const struct work *base, const struct srd_simd *base_set,
                const struct srd_simd *const *sets, size_t set_count, enum scenario scenario,
                uint8_t *to, const uint8_t *from, size_t len, unsigned rounds)
{
	double best[8], best_base[8];

	for (size_t i = 0; i < set_count; i++)
		best[i] = best_base[i] = 1e9;
	for (unsigned round = 0; round < rounds; round++) {
		for (size_t i = 0; i < set_count; i++) {
			double b = measure(base, base_set ? base_set : sets[i], scenario, to, from, len);
			double t = measure(work, sets[i], scenario, to, from, len);
			best_base[i] = SRD_MIN(best_base[i], b);
			best[i] = SRD_MIN(best[i], t);
		}
	}
	printf("%-10s %-9s %9zu", work->name, scenario_names[scenario], len);
	for (size_t i = 0; i < set_count; i++)
		printf("   %7.2f (%4.2f)", 1e-9 / best[i], best_base[i] / best[i]);
	printf("\n");
	fflush(stdout);
}

static size_t find_sets(int argc, char **argv, const struct srd_simd **sets)
{
	static const char *const all[] = { "avx512", "avx2", "sse2", "neon", "portable" };
	size_t count = 0;

	for (size_t i = 0; i < SRD_LEN(all); i++) {
		bool wanted = argc == 0;
		for (int j = 0; j < argc; j++)
			wanted |= strcmp(argv[j], all[i]) == 0;
		const struct srd_simd *set = wanted ? srd_simd_named(all[i]) : NULL;
		if (set)
			sets[count++] = set;
	}
	return count;
}

static void tables(const struct srd_simd *const *sets, size_t set_count, uint8_t *to, uint8_t *from,
                   unsigned rounds)
{
	static const struct work memcpy_work = { "memcpy", run_memcpy }, copy = { "copy", run_copy };
	static const struct work both = { "both", run_both }, copy_hash = { "copy_hash", run_copy_hash };
	static const struct work hash = { "hash", run_hash }, is_zero = { "is_zero", run_is_zero };
	const struct srd_simd *portable = srd_simd_named("portable");

	printf("%-10s %-9s %9s", "", "", "bytes");
	for (size_t i = 0; i < set_count; i++)
		printf("   %14s", sets[i]->name);
	printf("\n");
	for (enum scenario s = HOT; s < SCENARIOS; s++)
		for (size_t i = 0; i < SRD_LEN(sizes); i++)
			row(&copy, &memcpy_work, NULL, sets, set_count, s, to, from, sizes[i], rounds);
	for (enum scenario s = HOT; s < SCENARIOS; s++)
		for (size_t i = 0; sizes[i] <= 4096; i++)
			row(&copy_hash, &both, NULL, sets, set_count, s, to, from, sizes[i], rounds);
	for (enum scenario s = HOT; s <= COLD; s++)
		for (size_t i = 0; i < SRD_LEN(sizes); i++)
			row(&hash, &hash, portable, sets, set_count, s, to, from, sizes[i], rounds);
	memset(from, 0, ARENA_LEN);
	for (enum scenario s = HOT; s <= COLD; s++)
		for (size_t i = 0; i < SRD_LEN(sizes); i++)
			row(&is_zero, &is_zero, portable, sets, set_count, s, to, from, sizes[i], rounds);
}

int main(int argc, char **argv)
{
	const struct srd_simd *sets[8];
	unsigned rounds = 7;
	int first = 1;

	give_help(argc, argv, help);
	if (argc > 2 && strcmp(argv[1], "--rounds") == 0) {
		rounds = (unsigned)SRD_MAX(atoi(argv[2]), 1);
		first = 3;
	}
	size_t set_count = find_sets(argc - first, argv + first, sets);
	uint8_t *from = aligned_alloc(4096, ARENA_LEN), *to = aligned_alloc(4096, ARENA_LEN);
	if (set_count == 0 || !from || !to) {
		fputs(set_count == 0 ? "simd: no such set on this machine\n" : "simd: out of memory\n", stderr);
		return set_count == 0 ? 2 : 1;
	}
	for (size_t i = 0; i < ARENA_LEN; i++)
		from[i] = (uint8_t)(i * 31 + (i >> 12) + 1);
	memset(to, 1, ARENA_LEN);
	tables(sets, set_count, to, from, rounds);
	free(from);
	free(to);
	return sink == 42;   /* keeps the results alive */
}
