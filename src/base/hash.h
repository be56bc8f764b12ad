/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash.h - XXH3-64, the one checksum of the format (xxhash.com, "XXH3 64-bit
 * with seed").  Short inputs are hashed inline; long ones by the widest vector
 * unit of the machine.
 */
#ifndef SRD_BASE_HASH_H
#define SRD_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/simd.h"

static inline uint64_t srd_hash(const void *data, size_t len, uint64_t seed)
{
	if (len <= 240)
		return XXH3_64bits_withSeed(data, len, seed);
	return srd_simd()->hash(data, len, seed);
}

/* A bijection that spreads every bit of X over all (splitmix64's finaliser). */
static inline uint64_t srd_mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

#endif
