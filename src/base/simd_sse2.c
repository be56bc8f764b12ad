/* SPDX-License-Identifier: Apache-2.0 */
/* simd_sse2.c - the kernel for SSE2, which every x86-64 has. */
#include "config.h"

#include <emmintrin.h>
#include <stdint.h>

typedef uint64_t vec __attribute__((vector_size(16)));

#define XXH_VECTOR XXH_SSE2
#define SET srd_simd_sse2
#define SET_NAME "sse2"
#define VEC_LEN 16
#define vec_mul32(a, b) ((vec)_mm_mul_epu32((__m128i)(a), (__m128i)(b)))
#define vec_swap(v) ((vec)_mm_shuffle_epi32((__m128i)(v), _MM_SHUFFLE(1, 0, 3, 2)))
#define vec_is_zero(v) \
	(_mm_movemask_epi8(_mm_cmpeq_epi8((__m128i)(v), _mm_setzero_si128())) == 0xffff)
#define vec_leave() ((void)0)

#include "base/simd_kernel.h"
