/* SPDX-License-Identifier: Apache-2.0 */
/* What a key may be, why it may not, and that every call says the same of it. */
#include "config.h"

#include "fixture.h"

static void assert_refused(const void *key, size_t len, int error, const char *part)
{
	const char *why = NULL;
	srd_value value;
	struct srd_stat st;

	ck_assert_int_eq(srd_key_check(key, len, &why), error);
	ck_assert_ptr_nonnull(why);
	ck_assert_msg(strstr(why, part), "\"%s\" says nothing of \"%s\"", why, part);
	ck_assert_int_eq(srd_key_check(key, len, NULL), error);
	ck_assert_int_eq(srd_put(store, key, len, "x", 1), error);
	ck_assert_int_eq(srd_get(store, key, len, &value), error);
	ck_assert_int_eq(srd_exists(store, key, len), error);
	ck_assert_int_eq(srd_delete(store, key, len), error);
	ck_assert_int_eq(srd_stat(store, key, len, &st), error);
	ck_assert_int_eq(srd_rename(store, "from", 4, key, len), error);
	ck_assert_int_eq(srd_rename(store, key, len, "to", 2), error);
	ck_assert_int_eq(srd_copy(store, key, len, store, "to", 2), error);
	ck_assert_int_eq(srd_make_dir(store, key, len), error);
	ck_assert_int_eq(srd_link(store, "from", 4, key, len), error);
	ck_assert_uint_eq(commits(), 0);
}

static void assert_taken(const void *key, size_t len)
{
	const char *why = NULL;

	ck_assert_int_eq(srd_key_check(key, len, &why), 0);
	ck_assert_ptr_null(why);
	ck_assert_int_eq(srd_put(store, key, len, key, len), 0);
	assert_key(key, len, key, len);
	ck_assert_int_eq(srd_exists(store, key, len), 1);
	ck_assert_int_eq(srd_delete(store, key, len), 0);
	ck_assert_int_eq(srd_exists(store, key, len), 0);
}

START_TEST(refused_keys_say_why)
{
	char longest[SRD_KEY_MAX + 2];

	assert_refused("", 0, SRD_EKEY, "empty");
	assert_refused("/", 1, SRD_EKEY, "begins with a slash");
	assert_refused("/a", 2, SRD_EKEY, "begins with a slash");
	assert_refused("a/", 2, SRD_EKEY, "ends with a slash");
	assert_refused("a//b", 4, SRD_EKEY, "empty component");
	assert_refused(".", 1, SRD_EKEY, "\"..\"");
	assert_refused("..", 2, SRD_EKEY, "\"..\"");
	assert_refused("a/./b", 5, SRD_EKEY, "\"..\"");
	assert_refused("a/..", 4, SRD_EKEY, "\"..\"");
	assert_refused("../a", 4, SRD_EKEY, "\"..\"");
	assert_refused("a\0b", 3, SRD_EKEY, "NUL");
	assert_refused("a/b\0", 4, SRD_EKEY, "NUL");
	assert_refused("abcdefgh\0", 9, SRD_EKEY, "NUL");
	assert_refused(".srd", 4, SRD_ERESERVED, "reserved");
	assert_refused(".srd/a", 6, SRD_ERESERVED, "reserved");
	memset(longest, 'k', sizeof longest);
	assert_refused(longest, 256, SRD_EKEY, "255");
	assert_refused(longest, sizeof longest, SRD_EKEY, "4095");
	for (size_t i = 200; i < sizeof longest; i += 200)
		longest[i] = '/';
	assert_refused(longest, SRD_KEY_MAX + 1, SRD_EKEY, "4095");
}
END_TEST

START_TEST(a_nul_or_slash_is_found_wherever_it_is)
{
	char key[40];
	srd_value value;

	for (size_t len = 1; len <= sizeof key; len++) {
		for (size_t at = 0; at < len; at++) {
			memset(key, 0x80 + (int)at, sizeof key);
			key[at] = 0;
			ck_assert_int_eq(srd_key_check(key, len, NULL), SRD_EKEY);
			ck_assert_int_eq(srd_get(store, key, len, &value), SRD_EKEY);
			key[at] = '/';
			ck_assert_int_eq(srd_key_check(key, len, NULL), at == 0 || at == len - 1 ? SRD_EKEY : 0);
		}
	}
}
END_TEST

START_TEST(odd_keys_are_taken)
{
	char name[SRD_KEY_MAX];

	assert_taken("a", 1);
	assert_taken("...", 3);
	assert_taken(".srdx", 5);
	assert_taken(".sr", 3);
	assert_taken("a/.srd", 6);
	assert_taken(".hidden", 7);
	assert_taken("..a/b", 5);
	assert_taken("line\nbreak\ttab", 14);
	assert_taken("\xc3\xbc\xe2\x82\xac", 5);
	assert_taken("\xff\xfe\x80", 3);
	memset(name, 'n', sizeof name);
	for (size_t len = 1; len <= SRD_NAME_MAX; len++)
		assert_taken(name, len);
	for (size_t i = SRD_NAME_MAX; i < sizeof name - 1; i += SRD_NAME_MAX + 1)
		name[i] = '/';
	ck_assert_int_eq(name[sizeof name - 1], 'n');
	assert_taken(name, sizeof name);
	for (size_t i = 1; i < sizeof name - 1; i += 2)
		name[i] = '/';
	assert_taken(name, sizeof name);
}
END_TEST

START_TEST(every_byte_but_nul_and_slash_can_be_in_a_name)
{
	char all[256];
	size_t len = 0;

	for (int byte = 1; byte < 256; byte++) {
		char name[2] = { (char)byte, 0 };
		if (byte == '/')
			continue;
		all[len++] = (char)byte;
		if (byte != '.')
			assert_taken(name, 1);
		name[1] = 'x';
		assert_taken(name, 2);
	}
	ck_assert_uint_eq(len, 254);
	assert_taken(all, len);
}
END_TEST

/* Names that differ in one bit are different keys, whatever their hash. */
START_TEST(near_names_are_different_keys)
{
	char name[12] = "ABCDEFGHIJK";

	for (int bit = 0; bit < 6; bit++)
		for (int at = 0; at < 11; at++) {
			name[at] ^= (char)(1 << bit);
			if (!memchr(name, 0, 11) && !memchr(name, '/', 11))
				ck_assert_int_eq(srd_put(store, name, 11, &name[at], 1), 0);
			name[at] ^= (char)(1 << bit);
		}
	for (int bit = 0; bit < 6; bit++)
		for (int at = 0; at < 11; at++) {
			name[at] ^= (char)(1 << bit);
			if (!memchr(name, 0, 11) && !memchr(name, '/', 11))
				assert_key(name, 11, &name[at], 1);
			name[at] ^= (char)(1 << bit);
		}
}
END_TEST

static void add(TCase *tcase)
{
	tcase_add_test(tcase, refused_keys_say_why);
	tcase_add_test(tcase, a_nul_or_slash_is_found_wherever_it_is);
	tcase_add_test(tcase, odd_keys_are_taken);
	tcase_add_test(tcase, every_byte_but_nul_and_slash_can_be_in_a_name);
	tcase_add_test(tcase, near_names_are_different_keys);
}

int main(void)
{
	return run_case("key", add);
}
