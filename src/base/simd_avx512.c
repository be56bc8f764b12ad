/* SPDX-License-Identifier: Apache-2.0 */
/* simd_avx512.c - the kernel for AVX-512F (x86-64); compiled with -mavx512f. */
#include "config.h"

#include <immintrin.h>
#include <stdint.h>

typedef uint64_t vec __attribute__((vector_size(64)));

#define XXH_VECTOR XXH_AVX512
#define SET srd_simd_avx512
#define SET_NAME "avx512"
#define VEC_LEN 64
#define OWN_COPY_MIN 512   /* at least four vectors */
#define OWN_COPY_MAX 2048
#define vec_mul32(a, b) ((vec)_mm512_mul_epu32((__m512i)(a), (__m512i)(b)))
#define vec_swap(v) ((vec)_mm512_shuffle_epi32((__m512i)(v), _MM_PERM_BADC))
#define vec_is_zero(v) (_mm512_test_epi64_mask((__m512i)(v), (__m512i)(v)) == 0)
/* gcc 12 forgets it where a static function is called at the end, and SSE code
 * all over the program then runs at a seventh of its speed. */
#define vec_leave() _mm256_zeroupper()

#include "base/simd_kernel.h"
