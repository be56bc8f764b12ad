/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fixture.h - what the tests of the key API share: a store in a directory of
 * its own, values with a pattern, and assertions on keys.
 */
#ifndef SRD_TESTS_FIXTURE_H
#define SRD_TESTS_FIXTURE_H

#include <errno.h>
#include <ftw.h>

#include "srd.h"
#include "unit.h"

#define KEY(text) (text), strlen(text)

static char dir[64], path[128];
static srd_store *store;

static int remove_entry(const char *name, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(name);
}

static void open_store(int flags)
{
	ck_assert_int_eq(srd_open(path, flags, &store), 0);
}

static void close_store(void)
{
	ck_assert_int_eq(srd_close(store), 0);
	store = NULL;
}

static inline void reopen_store(void)
{
	close_store();
	open_store(SRD_NOSYNC);
}

static void setup(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof dir, "%.40s/srd-check-XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/test.srd", dir);
	open_store(SRD_CREATE | SRD_NOSYNC);
}

static void teardown(void)
{
	srd_close(store);
	store = NULL;
	nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* LEN bytes that SEED decides; free() them. */
static inline uint8_t *pattern(size_t len, uint64_t seed)
{
	uint8_t *bytes = malloc(len + 8);

	for (size_t i = 0; i < len; i += 8) {
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		uint64_t word = seed ^ seed >> 29;
		memcpy(bytes + i, &word, 8);
	}
	return bytes;
}

static inline void put(const char *key, const char *text)
{
	ck_assert_int_eq(srd_put(store, KEY(key), text, strlen(text)), 0);
}

/* VALUE is LEN bytes of DATA, as one pointer or several. */
static inline void assert_value(const srd_value *value, const void *data, size_t len)
{
	size_t at = 0;

	ck_assert_uint_eq(value->len, len);
	for (int i = 0; i < value->iov_count; i++) {
		ck_assert_uint_le(value->iov[i].iov_len, len - at);
		if (value->iov[i].iov_len > 0)
			ck_assert_mem_eq(value->iov[i].iov_base, (const char *)data + at, value->iov[i].iov_len);
		at += value->iov[i].iov_len;
	}
	ck_assert_uint_eq(at, len);
	if (value->iov_count == 1)
		ck_assert_ptr_eq(value->data, value->iov[0].iov_base);
}

static inline void assert_key(const void *key, size_t key_len, const void *data, size_t len)
{
	srd_value value;

	ck_assert_int_eq(srd_get(store, key, key_len, &value), 0);
	assert_value(&value, data, len);
	srd_value_release(&value);
}

static inline void assert_text(const char *key, const char *text)
{
	assert_key(KEY(key), text, strlen(text));
}

static inline int get_error(const char *key)
{
	srd_value value;
	int error = srd_get(store, KEY(key), &value);

	if (!error)
		srd_value_release(&value);
	return error;
}

static inline uint64_t commits(void)
{
	struct srd_info info;

	ck_assert_int_eq(srd_info(store, &info), 0);
	return info.sequence;
}

/* Runs the tests that ADD adds; the exit status of main. */
static inline int run_case(const char *name, void (*add)(TCase *tcase))
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 120);
	add(tcase);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}

#endif
