/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_simd.c - every set of functions that this machine can run does what
 * plain code does, at every length and alignment, and touches nothing beside.
 */
#include "config.h"

#include "base/simd.h"

#include <pthread.h>
#include <sys/wait.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "base/check.h"
#include "unit.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { LEN_DENSE = 1100, LEN_MAX = 4096 + 130, ALIGNMENTS = 64, GUARD = 64 };

static const char *const names[] = { "avx512", "avx2", "sse2", "neon", "portable" };
static uint64_t seed;

/* The I'th set, or NULL if the machine lacks it. */
static const struct srd_simd *set_of(int i)
{
	return srd_simd_named(names[i]);
}

/* All lengths that are tried: dense, then about a block. */
static size_t next_len(size_t len)
{
	return len == LEN_DENSE ? 2040 : len == 2056 ? 4096 - 130 : len + 1;
}

START_TEST(the_checksum_is_that_of_the_specification)
{
	/* From xxHash's own self-test: bytes of a generator, seed 0. */
	static const struct { size_t len; uint64_t hash; } known[] = {
		{ 0, 0x2d06800538d394c2 }, { 1, 0xc44bdff4074eecdb }, { 6, 0x27b56a84cd2d7325 },
		{ 12, 0xa713daf0dfbb77e7 }, { 24, 0xa3fe70bf9d3510eb }, { 48, 0x397da259ecba1f11 },
		{ 80, 0xbcdefbbb2c47c90a }, { 195, 0xcd94217ee362ec3a }, { 403, 0xcdeb804d65c6dea4 },
		{ 512, 0x617e49599013cb6b }, { 2048, 0xdd59e2c3a5f038e0 }, { 2240, 0x6e73a90539cf2948 },
		{ 2367, 0xcb37aeb9e5d361ed },
	};
	const struct srd_simd *set = set_of(_i);
	uint8_t bytes[2367], copied[2367];
	uint64_t generator = 2654435761u;

	if (!set)
		return;
	for (size_t i = 0; i < sizeof bytes; i++) {
		bytes[i] = (uint8_t)(generator >> 56);
		generator *= UINT64_C(11400714785074694797);
	}
	for (size_t i = 0; i < SRD_LEN(known); i++) {
		ck_assert_uint_eq(set->hash(bytes, known[i].len, 0), known[i].hash);
		ck_assert_uint_eq(set->copy_hash(copied, bytes, known[i].len), known[i].hash);
	}
}
END_TEST

/* Fills the target, runs the copy, and looks at every byte of it.  The checks
 * count what is wrong, for the macros of check are too slow for millions. */
static int wrong_copies(const struct srd_simd *set, bool with_hash, uint8_t *to, const uint8_t *from,
                        size_t len)
{
	static const uint8_t untouched[GUARD] = { [0 ... GUARD - 1] = 0xa5 };
	int wrong;

	memset(to - GUARD, 0xa5, len + 2 * GUARD);
	if (with_hash)
		wrong = set->copy_hash(to, from, len) != XXH3_64bits(from, len);
	else
		wrong = set->copy(to, from, len) != to;
	wrong += memcmp(to, from, len) != 0;
	wrong += memcmp(to - GUARD, untouched, GUARD) != 0;
	return wrong + (memcmp(to + len, untouched, GUARD) != 0);
}

START_TEST(copying_moves_all_and_touches_nothing_beside)
{
	const struct srd_simd *set = set_of(_i);
	static uint8_t from[LEN_MAX + 2 * ALIGNMENTS], to[LEN_MAX + 2 * GUARD + 2 * ALIGNMENTS];
	uint64_t random = seed;

	if (!set)
		return;
	unit_random_bytes(&random, from, sizeof from);
	uint8_t *from_line = from + (-(uintptr_t)from & 63), *to_line = to + (-(uintptr_t)to & 63) + GUARD;
	for (size_t len = 0; len <= LEN_MAX; len = next_len(len)) {
		int wrong = 0;
		for (size_t align = 0; align < ALIGNMENTS; align++) {
			const uint8_t *source = from_line + (align * 13 + len) % ALIGNMENTS;
			wrong += wrong_copies(set, false, to_line + align, source, len);
			wrong += wrong_copies(set, true, to_line + align, source, len);
		}
		ck_assert_msg(wrong == 0, "%s: %d copies of %zu bytes are wrong", set->name, wrong, len);
	}
}
END_TEST

START_TEST(nothing_is_read_before_or_behind_the_source)
{
	const struct srd_simd *set = set_of(_i);
	struct unit_fence source = unit_fence_new(LEN_MAX), target = unit_fence_new(LEN_MAX);
	uint64_t random = seed;

	if (!set)
		return;
	unit_random_bytes(&random, source.bytes, source.len);
	for (size_t len = 0; len <= LEN_MAX; len = next_len(len)) {
		for (int at_end = 0; at_end < 2; at_end++) {
			const uint8_t *from = at_end ? unit_fence_tail(source, len) : source.bytes;
			uint8_t *to = at_end ? unit_fence_tail(target, len) : target.bytes;
			uint64_t expected = XXH3_64bits(from, len);
			set->copy(to, from, len);
			ck_assert_uint_eq(set->hash(to, len, 0), expected);
			ck_assert_uint_eq(set->copy_hash(to, from, len), expected);
			set->is_zero(from, len);
		}
	}
	unit_fence_free(source);
	unit_fence_free(target);
}
END_TEST

START_TEST(hashes_are_the_same_with_every_seed_and_alignment)
{
	const struct srd_simd *set = set_of(_i);
	static uint8_t bytes[64 * 1024 + ALIGNMENTS];
	uint64_t random = seed;

	if (!set)
		return;
	unit_random_bytes(&random, bytes, sizeof bytes);
	for (size_t len = 0; len <= LEN_MAX; len = next_len(len)) {
		uint64_t hash_seed = len % 3 ? unit_random(&random) : 0;
		int wrong = 0;
		for (size_t align = 0; align < ALIGNMENTS; align += 1 + len % 7)
			wrong += set->hash(bytes + align, len, hash_seed) !=
			         XXH3_64bits_withSeed(bytes + align, len, hash_seed);
		ck_assert_msg(wrong == 0, "%s: %d hashes of %zu bytes are wrong", set->name, wrong, len);
	}
	ck_assert_uint_eq(set->hash(bytes, sizeof bytes, 7), XXH3_64bits_withSeed(bytes, sizeof bytes, 7));
}
END_TEST

START_TEST(one_bit_anywhere_is_not_zero)
{
	const struct srd_simd *set = set_of(_i);
	static uint8_t bytes[LEN_MAX + 2 * ALIGNMENTS];
	uint64_t random = seed;

	if (!set)
		return;
	memset(bytes, 0xff, sizeof bytes);
	for (size_t len = 0; len <= LEN_MAX; len = next_len(len)) {
		int wrong = 0;
		for (size_t align = 0; align < ALIGNMENTS; align += len < 300 ? 1 : 7) {
			uint8_t *p = bytes + 1 + align;
			memset(p, 0, len);
			wrong += !set->is_zero(p, len);
			size_t step = len < 300 ? 1 : 1 + unit_random(&random) % 64;
			for (size_t at = 0; at < len; at += step) {
				p[at] = (uint8_t)(1 << unit_random(&random) % 8);
				wrong += set->is_zero(p, len);
				p[at] = 0;
			}
			memset(p, 0xff, len);
		}
		ck_assert_msg(wrong == 0, "%s: %d wrong answers for %zu bytes", set->name, wrong, len);
	}
}
END_TEST

START_TEST(a_huge_run_of_zeros_is_zero)
{
	const struct srd_simd *set = set_of(_i);
	size_t len = 3 << 20;

	if (!set)
		return;
	uint8_t *bytes = calloc(len, 1);
	ck_assert(bytes && set->is_zero(bytes, len));
	bytes[len / 2] = 1;
	ck_assert(!set->is_zero(bytes, len));
	free(bytes);
}
END_TEST

/* The name of the set that a fresh process chooses with SRD_SIMD=VALUE. */
static void check_choice(const char *value, const char *expected)
{
	pid_t child = fork();
	int status;

	ck_assert(child >= 0);
	if (child == 0) {
		if (value)
			setenv("SRD_SIMD", value, 1);
		else
			unsetenv("SRD_SIMD");
		_exit(strcmp(srd_simd()->name, expected) != 0);
	}
	ck_assert(waitpid(child, &status, 0) == child);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "SRD_SIMD=%s is not %s",
	              value ? value : "(unset)", expected);
}

START_TEST(the_environment_forces_a_set_that_the_machine_has)
{
	const char *best = NULL;

	for (int i = (int)SRD_LEN(names) - 1; i >= 0; i--)
		if (set_of(i))
			best = names[i];
	ck_assert(srd_simd_named("portable") != NULL);
	ck_assert(srd_simd_named("mmx") == NULL);
	ck_assert(srd_simd_named("") == NULL);
	check_choice(NULL, best);
	check_choice("", best);
	check_choice("AVX9000", best);
	for (size_t i = 0; i < SRD_LEN(names); i++)
		check_choice(names[i], set_of((int)i) ? names[i] : best);
}
END_TEST

static void *choose(void *barrier)
{
	pthread_barrier_wait(barrier);
	return (void *)srd_simd();
}

START_TEST(threads_that_ask_at_once_get_the_same_set)
{
	enum { THREADS = 8 };
	pthread_barrier_t barrier;
	pthread_t threads[THREADS];
	void *set;

	pthread_barrier_init(&barrier, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, choose, &barrier), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &set);
		ck_assert_ptr_eq(set, srd_simd());
	}
	pthread_barrier_destroy(&barrier);
}
END_TEST

#if defined(__x86_64__)
/* True if the processor can say which registers are in use (XGETBV with 1). */
static bool can_tell_registers(void)
{
	unsigned a, b, c, d;

	return __get_cpuid_count(0xd, 1, &a, &b, &c, &d) && (a & 4) && srd_simd_named("avx2");
}

/* Upper halves of vector registers that are not all zero: bit 2 of ymm, bit 6
 * of zmm 0 to 15. */
static unsigned upper_halves(void)
{
	unsigned a, d;

	__asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(1));
	return a & (1 << 2 | 1 << 6);
}

/* SSE code runs at a fraction of its speed while they are not. */
START_TEST(upper_halves_of_registers_are_left_zero)
{
	const struct srd_simd *set = set_of(_i);
	static uint8_t from[LEN_MAX], to[LEN_MAX];

	if (!set || !can_tell_registers())
		return;
	from[5000 % LEN_MAX] = 1;
	for (size_t len = 0; len <= LEN_MAX; len = len * 2 + 1) {
		__asm__ volatile("vzeroupper" ::: "memory");
		set->copy(to, from, len);
		ck_assert_uint_eq(upper_halves(), 0);
		set->hash(from, len, len & 2);
		ck_assert_uint_eq(upper_halves(), 0);
		set->copy_hash(to, from, len);
		ck_assert_uint_eq(upper_halves(), 0);
		set->is_zero(from, len);
		ck_assert_uint_eq(upper_halves(), 0);
	}
}
END_TEST
#endif

int main(void)
{
	Suite *suite = suite_create("simd");
	TCase *tcase = tcase_create("sets");
	int count = SRD_LEN(names);

	seed = unit_seed();
	tcase_set_timeout(tcase, 300);
	tcase_add_loop_test(tcase, the_checksum_is_that_of_the_specification, 0, count);
	tcase_add_loop_test(tcase, copying_moves_all_and_touches_nothing_beside, 0, count);
	tcase_add_loop_test(tcase, nothing_is_read_before_or_behind_the_source, 0, count);
	tcase_add_loop_test(tcase, hashes_are_the_same_with_every_seed_and_alignment, 0, count);
	tcase_add_loop_test(tcase, one_bit_anywhere_is_not_zero, 0, count);
	tcase_add_loop_test(tcase, a_huge_run_of_zeros_is_zero, 0, count);
#if defined(__x86_64__)
	tcase_add_loop_test(tcase, upper_halves_of_registers_are_left_zero, 0, count);
#endif
	tcase_add_test(tcase, the_environment_forces_a_set_that_the_machine_has);
	tcase_add_test(tcase, threads_that_ask_at_once_get_the_same_set);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
