/* SPDX-License-Identifier: Apache-2.0 */
/*
 * simd_sets.h - the sets of functions that simd.c chooses from, each in a
 * translation unit of its own that is compiled for its vector unit.  Only
 * simd.c may touch one, after it has asked the processor.
 */
#ifndef SRD_BASE_SIMD_SETS_H
#define SRD_BASE_SIMD_SETS_H

#include "base/simd.h"

#if defined(__x86_64__)
extern const struct srd_simd srd_simd_avx512, srd_simd_avx2, srd_simd_sse2;
#elif defined(__aarch64__)
extern const struct srd_simd srd_simd_neon;
#endif
extern const struct srd_simd srd_simd_portable;

#endif
