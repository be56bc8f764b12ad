/* SPDX-License-Identifier: Apache-2.0 */
/* movefix.h - a store that is open twice, to be compacted meanwhile. */
#ifndef SRD_TESTS_MOVEFIX_H
#define SRD_TESTS_MOVEFIX_H

#include "fixture.h"

#include "base/cleanup.h"

static srd_store *another;

static inline void start(void)
{
	ck_assert_int_eq(srd_open(path, SRD_NOSYNC, &another), 0);
}

static inline void end(void)
{
	ck_assert_int_eq(srd_close(another), 0);
}

static inline void compact(srd_store *by)
{
	const struct srd_compact_options options = { 0 };
	struct srd_compacted result;

	ck_assert_int_eq(srd_compact(by, &options, &result), 0);
}

static inline uint64_t generation(srd_store *of)
{
	struct srd_info info;

	ck_assert_int_eq(srd_info(of, &info), 0);
	return info.generation;
}

static inline void put_number(srd_store *to, int i, int round)
{
	char key[32], text[64];

	snprintf(key, sizeof key, "dir/%d", i);
	int len = snprintf(text, sizeof text, "value %d of round %d", i, round);
	ck_assert_int_eq(srd_put(to, key, strlen(key), text, (size_t)len), 0);
}

static inline void expect_number(srd_store *in, int i, int round)
{
	char key[32], text[64];
	srd_value value;

	snprintf(key, sizeof key, "dir/%d", i);
	int len = snprintf(text, sizeof text, "value %d of round %d", i, round);
	ck_assert_int_eq(srd_get(in, key, strlen(key), &value), 0);
	ck_assert_uint_eq(value.len, (uint64_t)len);
	ck_assert_int_eq(memcmp(value.data, text, (size_t)len), 0);
	srd_value_release(&value);
}

static inline void expect_pattern(srd_store *in, const char *key, size_t len, int seed)
{
	SRD_AUTO_FREE uint8_t *wanted = pattern(len, (uint64_t)seed), *got = malloc(len);
	srd_reader *reader;

	ck_assert_int_eq(srd_reader_new(in, key, strlen(key), &reader), 0);
	ck_assert_uint_eq(srd_reader_size(reader), len);
	ck_assert_int_eq(srd_reader_read(reader, got, len), (ssize_t)len);
	ck_assert_int_eq(memcmp(wanted, got, len), 0);
	srd_reader_free(reader);
}

static void (*add_moves)(TCase *tcase);

static inline void add_started(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, start, end);
	add_moves(tcase);
}

/* As run_case(), with the other handle open in each test. */
static inline int run_moves(const char *name, void (*add)(TCase *tcase))
{
#ifdef SRD_SANITIZED
	/* Many logs are open at once here, and the addresses left are few. */
	setenv("SRD_MAP_BYTES", "0x400000000", 0);
#endif
	add_moves = add;
	return run_case(name, add_started);
}

#endif
