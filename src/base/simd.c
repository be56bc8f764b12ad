/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/simd.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static void copy(void *restrict to, const void *restrict from, size_t len) { memcpy(to, from, len); }
static uint64_t hash(const void *data, size_t len, uint64_t seed) { return XXH3_64bits_withSeed(data, len, seed); }
static uint64_t copy_hash(void *restrict to, const void *restrict from, size_t len)
{
	memcpy(to, from, len);
	return XXH3_64bits(to, len);
}
static bool is_zero(const void *data, size_t len)
{
	const char *p = data;
	return len == 0 || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0);
}
static const struct srd_simd portable = { "portable", copy, hash, copy_hash, is_zero };
const struct srd_simd *srd_simd(void) { return &portable; }
const struct srd_simd *srd_simd_named(const char *name) { return strcmp(name, "portable") ? NULL : &portable; }
