/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group.h - sixteen tags of a hash compared at once.  Each function returns a
 * mask with bit i for tag i.  The portable ones are compiled everywhere, so
 * that tests can hold the others against them.
 */
#ifndef SRD_STATE_GROUP_H
#define SRD_STATE_GROUP_H

#include <stdint.h>

#include "base/le.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif

enum { SRD_TAG_EMPTY = 0, SRD_TAG_DEAD = 1, SRD_TAG_TAKEN = 0x80 };

/* One bit for each of the eight bytes of HIGH, which are 0x80 or 0. */
static inline uint32_t srd_group_gather(uint64_t high)
{
	return (uint32_t)(((high >> 7) * UINT64_C(0x0102040810204080)) >> 56);
}

/* 0x80 in each byte of WORD that is BYTE; exact, no carries between bytes. */
static inline uint64_t srd_group_equal8(uint64_t word, uint8_t byte)
{
	const uint64_t low7 = UINT64_C(0x7f7f7f7f7f7f7f7f);
	uint64_t differ = word ^ (byte * UINT64_C(0x0101010101010101));

	return ~(((differ & low7) + low7) | differ | low7);
}

static inline uint32_t srd_group_match_portable(const uint8_t *tags, uint8_t tag)
{
	return srd_group_gather(srd_group_equal8(srd_get64(tags), tag)) |
	       srd_group_gather(srd_group_equal8(srd_get64(tags + 8), tag)) << 8;
}

static inline uint32_t srd_group_taken_portable(const uint8_t *tags)
{
	const uint64_t high = UINT64_C(0x8080808080808080);

	return srd_group_gather(srd_get64(tags) & high) |
	       srd_group_gather(srd_get64(tags + 8) & high) << 8;
}

#if defined(__SSE2__)

static inline uint32_t srd_group_match(const uint8_t *tags, uint8_t tag)
{
	__m128i group = _mm_load_si128((const __m128i *)tags);

	return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(group, _mm_set1_epi8((char)tag)));
}

static inline uint32_t srd_group_taken(const uint8_t *tags)
{
	return (uint32_t)_mm_movemask_epi8(_mm_load_si128((const __m128i *)tags));
}

#elif defined(__ARM_NEON) && defined(__aarch64__)

/* LANES are all ones or all zeros. */
static inline uint32_t srd_group_lanes(uint8x16_t lanes)
{
	const uint8x16_t weight = { 1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128 };
	uint8x16_t bits = vandq_u8(lanes, weight);

	return vaddv_u8(vget_low_u8(bits)) | (uint32_t)vaddv_u8(vget_high_u8(bits)) << 8;
}

static inline uint32_t srd_group_match(const uint8_t *tags, uint8_t tag)
{
	return srd_group_lanes(vceqq_u8(vld1q_u8(tags), vdupq_n_u8(tag)));
}

static inline uint32_t srd_group_taken(const uint8_t *tags)
{
	return srd_group_lanes(vcgeq_u8(vld1q_u8(tags), vdupq_n_u8(SRD_TAG_TAKEN)));
}

#else

static inline uint32_t srd_group_match(const uint8_t *tags, uint8_t tag)
{
	return srd_group_match_portable(tags, tag);
}

static inline uint32_t srd_group_taken(const uint8_t *tags)
{
	return srd_group_taken_portable(tags);
}

#endif
#endif
