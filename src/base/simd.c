/* SPDX-License-Identifier: Apache-2.0 */
/*
 * simd.c - which vector unit to use: the first of the list that the machine
 * has, or the one that SRD_SIMD in the environment names.
 */
#include "config.h"

#include "base/simd.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/simd_sets.h"

/* Best first. */
static const struct srd_simd *const sets[] = {
#if defined(__x86_64__)
	&srd_simd_avx512, &srd_simd_avx2, &srd_simd_sse2,
#elif defined(__aarch64__)
	&srd_simd_neon,
#endif
	&srd_simd_portable,
};

static bool machine_has(const struct srd_simd *set)
{
#if defined(__x86_64__)
	/* Both ask the operating system too: it must save the registers. */
	if (set == &srd_simd_avx512)
		return __builtin_cpu_supports("avx512f");
	if (set == &srd_simd_avx2)
		return __builtin_cpu_supports("avx2");
#endif
	(void)set;
	return true;
}

const struct srd_simd *srd_simd_named(const char *name)
{
	for (size_t i = 0; i < SRD_LEN(sets); i++)
		if (strcmp(sets[i]->name, name) == 0)
			return machine_has(sets[i]) ? sets[i] : NULL;
	return NULL;
}

static const struct srd_simd *choose(void)
{
	const char *name = getenv("SRD_SIMD");
	const struct srd_simd *forced = name ? srd_simd_named(name) : NULL;
	size_t i = 0;

	if (forced)
		return forced;
	while (!machine_has(sets[i]))
		i++;
	return sets[i];
}

const struct srd_simd *srd_simd(void)
{
	/* Relaxed is enough: what it points at is constant.  Threads that come
	 * here at once choose the same. */
	static _Atomic(const struct srd_simd *) chosen;
	const struct srd_simd *set = atomic_load_explicit(&chosen, memory_order_relaxed);

	if (__builtin_expect(!set, 0)) {
		set = choose();
		atomic_store_explicit(&chosen, set, memory_order_relaxed);
	}
	return set;
}
