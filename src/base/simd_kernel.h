/* SPDX-License-Identifier: Apache-2.0 */
/*
 * simd_kernel.h - the loops over payload, written once for every vector unit.
 * Not a header in the usual sense: each simd_UNIT.c includes it exactly once,
 * after config.h and after it has defined
 *
 *     XXH_VECTOR          the unit, as xxhash.h calls it
 *     SET, SET_NAME       the struct srd_simd to define, and its name
 *     VEC_LEN             bytes in a vector
 *     OWN_COPY_MIN, _MAX  within these our copy beats memcpy; undefined: nowhere
 * and, on a vector `vec` of 64-bit numbers,
 *     vec_mul32(a, b)     products of the low halves of the numbers
 *     vec_swap(v)         numbers 0 and 1 exchanged, 2 and 3, ...
 *     vec_is_zero(v)
 *     vec_leave()         makes the registers fit for code outside of the unit
 *
 * Everything here is static.  A function shared between units, even an inline
 * one, could be emitted with AVX-512 in it and then run on a machine without.
 */
#if defined(__GNUC__) && !defined(__clang__) && VEC_LEN != 32
/* At -O2 gcc keeps the sums in memory where a stripe is four vectors (21 GB/s
 * instead of 37), and unrolls too little for AVX-512 (93 instead of 123).  For
 * AVX2 xxhash.h asks for -O2 itself, and would lose all inlining. */
#pragma GCC optimize("O3")
#endif

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/simd_sets.h"

/* Of XXH3: a stripe goes into eight 64-bit sums, which are scrambled after each
 * 16 stripes.  Each stripe takes its secret 8 bytes further on. */
enum {
	STRIPE_LEN = 64, BLOCK_LEN = 1024, SECRET_STEP = 8,
	SECRET_SCRAMBLE = 192 - STRIPE_LEN, SECRET_LAST = 192 - STRIPE_LEN - 7, SECRET_MERGE = 11,
	SHORT_MAX = 240,          /* hashed in other ways, up to here */
	STRIPE_VECS = STRIPE_LEN / VEC_LEN,
};
_Static_assert(sizeof XXH3_kSecret == 192, "the secret of XXH3");

struct sums { vec part[STRIPE_VECS]; };

static inline __attribute__((always_inline)) vec vec_load(const void *p)
{
	vec v;

	memcpy(&v, p, sizeof v);
	return v;
}

static inline __attribute__((always_inline)) void vec_store(void *p, vec v)
{
	memcpy(p, &v, sizeof v);
}

/* Adds the stripe at FROM to SUMS and puts it at TO. */
static inline __attribute__((always_inline)) void
add_stripe(struct sums *sums, uint8_t *restrict to, const uint8_t *restrict from, const uint8_t *secret)
{
	for (unsigned i = 0; i < STRIPE_VECS; i++) {
		vec data = vec_load(from + i * VEC_LEN);
		vec key = data ^ vec_load(secret + i * VEC_LEN);
		vec_store(to + i * VEC_LEN, data);
		sums->part[i] += vec_mul32(key, key >> 32) + vec_swap(data);
	}
}

static inline __attribute__((always_inline)) void scramble(struct sums *sums)
{
	const vec prime = (vec){} + XXH_PRIME32_1;

	for (unsigned i = 0; i < STRIPE_VECS; i++) {
		vec sum = sums->part[i];
		sum ^= sum >> 47;
		sum ^= vec_load(XXH3_kSecret + SECRET_SCRAMBLE + i * VEC_LEN);
		sums->part[i] = vec_mul32(sum, prime) + (vec_mul32(sum >> 32, prime) << 32);
	}
}

/* XXH3 as its long inputs go, with a store beside each load: the copy costs
 * next to nothing.  */
static uint64_t copy_hash(void *restrict to, const void *restrict from, size_t len)
{
	_Alignas(64) uint64_t total[8] = XXH3_INIT_ACC;
	const uint8_t *source = from;
	uint8_t *target = to;
	struct sums sums;

	if (len <= SHORT_MAX) {
		memcpy(to, from, len);
		return XXH3_64bits(to, len);
	}
	memcpy(&sums, total, sizeof sums);
	for (size_t left = len - 1; left >= STRIPE_LEN; ) {
		size_t stripes = left >= BLOCK_LEN ? BLOCK_LEN / STRIPE_LEN : left / STRIPE_LEN;
		for (size_t i = 0; i < stripes; i++) {
			__builtin_prefetch(source + 1024);
			add_stripe(&sums, target, source, XXH3_kSecret + i * SECRET_STEP);
			source += STRIPE_LEN;
			target += STRIPE_LEN;
		}
		if (left >= BLOCK_LEN)
			scramble(&sums);
		left -= stripes * STRIPE_LEN;
	}
	/* The last stripe overlaps the one before. */
	add_stripe(&sums, (uint8_t *)to + len - STRIPE_LEN, (const uint8_t *)from + len - STRIPE_LEN,
	           XXH3_kSecret + SECRET_LAST);
	memcpy(total, &sums, sizeof total);
	vec_leave();
	return XXH3_mergeAccs(total, XXH3_kSecret + SECRET_MERGE, len * XXH_PRIME64_1);
}

static uint64_t hash(const void *data, size_t len, uint64_t seed)
{
	uint64_t h = XXH3_64bits_withSeed(data, len, seed);

	vec_leave();
	return h;
}

#ifdef OWN_COPY_MAX
/*
 * Measured on a Zen 5 with glibc 2.36 (tools/bench/simd), GB/s of memcpy and of
 * this loop:
 *                              1 KiB        2 KiB        4 KiB       64 KiB
 *     cold source              14 : 21      17 : 19      34 : 22     37 : 26
 *     all in the caches       185 : 184    248 : 249    142 : 241   127 : 105
 * From 4 KiB on memcpy is one `rep movsb`, which streams better than a loop of
 * loads and stores; and payload is mostly cold.  Below 512 bytes it is the call
 * that counts.
 */
static void *copy(void *restrict to, const void *restrict from, size_t len)
{
	const uint8_t *source = from;
	uint8_t *target = to, *end = target + len;

	if (len < OWN_COPY_MIN || len > OWN_COPY_MAX)
		return memcpy(to, from, len);
	/* Whole lines in the middle; both ends overlap them. */
	size_t step = VEC_LEN - (uintptr_t)to % VEC_LEN;
	vec_store(target, vec_load(source));
	target += step;
	source += step;
	for (; end - target > 4 * VEC_LEN; target += 4 * VEC_LEN, source += 4 * VEC_LEN) {
		vec a = vec_load(source), b = vec_load(source + VEC_LEN);
		vec c = vec_load(source + 2 * VEC_LEN), d = vec_load(source + 3 * VEC_LEN);
		vec_store(target, a);
		vec_store(target + VEC_LEN, b);
		vec_store(target + 2 * VEC_LEN, c);
		vec_store(target + 3 * VEC_LEN, d);
	}
	source = (const uint8_t *)from + len;
	for (unsigned i = 4; i > 0; i--)
		vec_store(end - i * VEC_LEN, vec_load(source - i * VEC_LEN));
	vec_leave();
	return to;
}
#else
#define copy memcpy
#endif

/* For what is shorter than a vector. */
static inline bool bytes_are_zero(const uint8_t *p, size_t len)
{
	uint64_t first, last;

	if (len >= 8) {
		for (; len > 16; p += 8, len -= 8) {
			memcpy(&first, p, 8);
			if (first)
				return false;
		}
		memcpy(&first, p, 8);
		memcpy(&last, p + len - 8, 8);
		return (first | last) == 0;
	}
	uint8_t any = 0;
	while (len > 0)
		any |= p[--len];
	return any == 0;
}

static bool is_zero(const void *data, size_t len)
{
	const uint8_t *p = data, *end = p + len;

	if (len < VEC_LEN)
		return bytes_are_zero(p, len);
	/* What is not zero mostly shows it at once, at either end. */
	if (!vec_is_zero(vec_load(p)) || !vec_is_zero(vec_load(end - VEC_LEN)))
		return false;
	for (; end - p > 4 * VEC_LEN; p += 4 * VEC_LEN)
		if (!vec_is_zero((vec_load(p) | vec_load(p + VEC_LEN)) |
		                 (vec_load(p + 2 * VEC_LEN) | vec_load(p + 3 * VEC_LEN))))
			return false;
	for (; end - p > VEC_LEN; p += VEC_LEN)
		if (!vec_is_zero(vec_load(p)))
			return false;
	return true;
}

const struct srd_simd SET = { SET_NAME, copy, hash, copy_hash, is_zero };
