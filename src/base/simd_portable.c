/* SPDX-License-Identifier: Apache-2.0 */
/* simd_portable.c - plain C, for every other machine and as the yardstick. */
#include "config.h"

#if defined(__GNUC__) && !defined(__clang__)
/* Vectors of the baseline are better than none: 22 GB/s instead of 13. */
#pragma GCC optimize("O3")
#endif

#include <string.h>

#define XXH_VECTOR XXH_SCALAR
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/simd_sets.h"

static uint64_t hash(const void *data, size_t len, uint64_t seed)
{
	return XXH3_64bits_withSeed(data, len, seed);
}

/* A block of 4096 bytes is still in the first cache when it is hashed. */
static uint64_t copy_hash(void *restrict to, const void *restrict from, size_t len)
{
	memcpy(to, from, len);
	return XXH3_64bits(to, len);
}

/* Zero at the start, and each byte like the one before it by words. */
static bool is_zero(const void *data, size_t len)
{
	const char *p = data;

	return len == 0 || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0);
}

const struct srd_simd srd_simd_portable = { "portable", memcpy, hash, copy_hash, is_zero };
