/* SPDX-License-Identifier: Apache-2.0 */
/* simd_avx2.c - the kernel for AVX2 (x86-64); compiled with -mavx2. */
#include "config.h"

#include <immintrin.h>
#include <stdint.h>

typedef uint64_t vec __attribute__((vector_size(32)));

#define XXH_VECTOR XXH_AVX2
#define SET srd_simd_avx2
#define SET_NAME "avx2"
#define VEC_LEN 32
#define vec_mul32(a, b) ((vec)_mm256_mul_epu32((__m256i)(a), (__m256i)(b)))
#define vec_swap(v) ((vec)_mm256_shuffle_epi32((__m256i)(v), _MM_SHUFFLE(1, 0, 3, 2)))
#define vec_is_zero(v) (_mm256_testz_si256((__m256i)(v), (__m256i)(v)))
/* gcc 12 forgets it where a static function is called at the end, and SSE code
 * all over the program then runs at a seventh of its speed. */
#define vec_leave() _mm256_zeroupper()

#include "base/simd_kernel.h"
