/* SPDX-License-Identifier: Apache-2.0 */
/* simd_neon.c - the kernel for NEON, which every AArch64 has. */
#include "config.h"

#include <arm_neon.h>
#include <stdint.h>

typedef uint64_t vec __attribute__((vector_size(16)));

#define XXH_VECTOR XXH_NEON
#define SET srd_simd_neon
#define SET_NAME "neon"
#define VEC_LEN 16
#define vec_mul32(a, b) \
	((vec)vmull_u32(vmovn_u64((uint64x2_t)(a)), vmovn_u64((uint64x2_t)(b))))
#define vec_swap(v) ((vec)vextq_u64((uint64x2_t)(v), (uint64x2_t)(v), 1))
#define vec_is_zero(v) (vmaxvq_u32((uint32x4_t)(v)) == 0)
#define vec_leave() ((void)0)

#include "base/simd_kernel.h"
