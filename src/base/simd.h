/* SPDX-License-Identifier: Apache-2.0 */
/*
 * simd.h - the few loops over payload, one set of functions for each vector
 * unit, chosen once at run time.  Figures: tools/bench/simd.
 *
 * SRD_SIMD=avx512|avx2|sse2|neon|portable in the environment forces a set (for
 * tests and benchmarks); one that the machine lacks is ignored.
 */
#ifndef SRD_BASE_SIMD_H
#define SRD_BASE_SIMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct srd_simd {
	const char *name;
	/* As memcpy, and memcpy itself but where something else was measured to
	 * be faster (512 bytes to 2 KiB with AVX-512).  For a few dozen bytes call
	 * memcpy directly. */
	void *(*copy)(void *restrict to, const void *restrict from, size_t len);
	/* XXH3-64 of LEN bytes. */
	uint64_t (*hash)(const void *data, size_t len, uint64_t seed);
	/* Copies LEN bytes (meant for blocks of up to 4096, one behind the other)
	 * and returns the XXH3-64, seed 0, of what arrived at TO: one pass over
	 * memory, 1.1 (in the caches) to 2.5 times (not) as fast as two. */
	uint64_t (*copy_hash)(void *restrict to, const void *restrict from, size_t len);
	/* True if all LEN bytes are zero; true for none. */
	bool (*is_zero)(const void *data, size_t len);
};

/* The set in use; never NULL.  Thread-safe. */
const struct srd_simd *srd_simd(void);
/* The set of that name if this machine can run it, else NULL. */
const struct srd_simd *srd_simd_named(const char *name);

#endif
