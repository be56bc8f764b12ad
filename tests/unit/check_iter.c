/* SPDX-License-Identifier: Apache-2.0 */
/* Iteration sees every key that stays exactly once, alone or in parts, whatever
 * changes meanwhile. */
#include "config.h"

#include "fixture.h"

#include <sys/stat.h>

enum { KEYS = 3000 };

/* Keys 0.. of several depths; their value is themselves. */
static void numbered(char key[64], int i)
{
	static const char *const formats[] = { "key-%d", "a/key-%d", "a/b/key-%d", "a/b/c/key-%d", "ab/key-%d" };

	snprintf(key, 64, formats[i % 5], i);
}

static void put_numbered(int from, int to)
{
	srd_batch *batch;
	char key[64];

	ck_assert_int_eq(srd_batch_new(store, &batch), 0);
	for (int i = from; i < to; i++) {
		numbered(key, i);
		ck_assert_int_eq(srd_batch_put(batch, KEY(key), key, strlen(key)), 0);
	}
	ck_assert_int_eq(srd_batch_commit(batch), 0);
	srd_batch_free(batch);
}

/* Which of the numbered keys were seen, and how many others. */
struct seen {
	unsigned char times[2 * KEYS];
	int others;
};

static void see(struct seen *seen, const struct srd_entry *entry)
{
	const char *digits = strrchr(entry->key, '-');
	char key[64];

	EXPECT(strlen(entry->key) == entry->key_len);
	if (!digits) {
		seen->others++;
		return;
	}
	int i = atoi(digits + 1);
	EXPECT(i >= 0 && i < 2 * KEYS);
	numbered(key, i);
	EXPECT(strcmp(key, entry->key) == 0);
	seen->times[i]++;
}

static void iterate(struct seen *seen, const char *prefix, int flags, unsigned part, unsigned parts)
{
	srd_iter *iter;
	struct srd_entry entry;
	int got;

	ck_assert_int_eq(srd_iter_new(store, KEY(prefix), flags, part, parts, &iter), 0);
	while ((got = srd_iter_next(iter, &entry)) == 1) {
		see(seen, &entry);
		if (entry.kind == SRD_FILE && !(flags & SRD_ITER_KEYS)) {
			EXPECT(entry.value_error == 0);
			EXPECT(entry.value.len == entry.key_len);
			EXPECT(memcmp(entry.value.data, entry.key, entry.key_len) == 0);
		}
	}
	ck_assert_int_eq(got, 0);
	ck_assert_int_eq(srd_iter_next(iter, &entry), 0);
	srd_iter_free(iter);
}

static void assert_seen(const struct seen *seen, const char *prefix, int others)
{
	char key[64];

	for (int i = 0; i < KEYS; i++) {
		numbered(key, i);
		EXPECT(seen->times[i] == (strncmp(key, prefix, strlen(prefix)) == 0));
	}
	ck_assert_int_eq(seen->others, others);
}

START_TEST(an_empty_store_has_no_keys)
{
	struct seen seen = { 0 };

	iterate(&seen, "", SRD_ITER_ALL_KINDS, 0, 1);
	iterate(&seen, "a", SRD_ITER_ALL_KINDS, 0, 1);
	iterate(&seen, "a/b", SRD_ITER_ALL_KINDS, 0, 1);
	ck_assert_int_eq(seen.others, 0);
}
END_TEST

START_TEST(all_keys_and_those_under_a_prefix)
{
	static const struct { const char *prefix; int directories; } cases[] = {
		{ "", 4 }, { "a", 4 }, { "a/", 2 }, { "a/b", 2 }, { "a/b/", 1 }, { "a/b/c", 1 },
		{ "a/b/c/", 0 }, { "ab", 1 }, { "k", 0 }, { "key-1", 0 }, { "key-10", 0 }, { "a/key-1", 0 },
		{ "none", 0 }, { "none/none", 0 }, { "key-0/", 0 }, { "a/b/c/key-3/x", 0 },
	};

	put_numbered(0, KEYS);
	for (int flags = 0; flags < 4; flags++) {
		for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
			struct seen seen = { 0 };
			iterate(&seen, cases[i].prefix, flags, 0, 1);
			assert_seen(&seen, cases[i].prefix, flags & SRD_ITER_ALL_KINDS ? cases[i].directories : 0);
		}
	}
}
END_TEST

START_TEST(parts_share_without_gap_or_overlap)
{
	static const char *const prefixes[] = { "", "a/", "key-" };

	put_numbered(0, KEYS);
	for (unsigned parts = 2; parts < 40; parts += 7) {
		for (size_t i = 0; i < 3; i++) {
			struct seen seen = { 0 };
			for (unsigned part = 0; part < parts; part++) {
				iterate(&seen, prefixes[i], 0, part, parts);
				/* Parts made at different times agree. */
				put("later/x", "later/x");
				ck_assert_int_eq(srd_delete(store, KEY("later/x")), 0);
			}
			assert_seen(&seen, prefixes[i], 0);
		}
	}
}
END_TEST

START_TEST(odd_requests_are_refused)
{
	srd_iter *iter;

	ck_assert_int_eq(srd_iter_new(store, "", 0, 0, 1, 1, &iter), -EINVAL);
	ck_assert_int_eq(srd_iter_new(store, "", 0, 0, 0, 0, &iter), -EINVAL);
	ck_assert_int_eq(srd_iter_new(store, KEY("/"), 0, 0, 1, &iter), SRD_EKEY);
	ck_assert_int_eq(srd_iter_new(store, KEY("a//"), 0, 0, 1, &iter), SRD_EKEY);
	ck_assert_int_eq(srd_iter_new(store, KEY("../"), 0, 0, 1, &iter), SRD_EKEY);
	ck_assert_int_eq(srd_iter_new(store, KEY(".srd/"), 0, 0, 1, &iter), SRD_ERESERVED);
	srd_iter_free(NULL);
}
END_TEST

/* Between two entries anything may happen to other keys: those that stay are
 * seen once, also when another file is renamed onto them. */
START_TEST(change_meanwhile_hides_nothing_that_stays)
{
	uint64_t seed = unit_seed();
	static const char *const prefixes[] = { "", "a", "a/b/" };
	char key[64], other[64];

	put_numbered(0, KEYS);
	for (size_t p = 0; p < 3; p++) {
		struct seen seen = { 0 };
		struct srd_entry entry;
		srd_iter *iter;
		ck_assert_int_eq(srd_iter_new(store, KEY(prefixes[p]), 0, 0, 1, &iter), 0);
		while (srd_iter_next(iter, &entry) == 1) {
			see(&seen, &entry);
			numbered(other, KEYS + (int)unit_below(&seed, KEYS));
			switch (unit_below(&seed, 4)) {
			case 0:
				put(other, other);
				break;
			case 1:
				srd_delete(store, KEY(other));
				break;
			case 2:
				numbered(key, (int)unit_below(&seed, KEYS));
				put(key, key);
				break;
			default:   /* an editor's way of saving */
				numbered(key, (int)unit_below(&seed, KEYS));
				put("new~", key);
				ck_assert_int_eq(srd_rename(store, KEY("new~"), KEY(key)), 0);
			}
		}
		srd_iter_free(iter);
		seen.others = 0;
		assert_seen(&seen, prefixes[p], 0);
	}
}
END_TEST

START_TEST(all_kinds_are_told_apart)
{
	srd_iter *iter;
	struct srd_entry entry;
	unsigned kinds = 0;

	put("d/file", "x");
	ck_assert_int_eq(srd_make_symlink(store, KEY("d/link"), "file"), 0);
	ck_assert_int_eq(srd_make_node(store, KEY("d/fifo"), S_IFIFO | 0600, 0), 0);
	ck_assert_int_eq(srd_link(store, KEY("d/file"), KEY("other")), 0);
	ck_assert_int_eq(srd_iter_new(store, "", 0, SRD_ITER_ALL_KINDS, 0, 1, &iter), 0);
	int count = 0;
	for (; srd_iter_next(iter, &entry) == 1; count++) {
		kinds |= 1u << entry.kind;
		ck_assert_int_eq(entry.value_error, 0);
		ck_assert_uint_eq(entry.value.len, entry.kind == SRD_FILE);
		srd_value_release(&entry.value);   /* harmless */
	}
	ck_assert_int_eq(count, 5);
	ck_assert_uint_eq(kinds, 1u << SRD_FILE | 1u << SRD_DIRECTORY | 1u << SRD_SYMLINK | 1u << SRD_FIFO);
	srd_iter_free(iter);
}
END_TEST

/* Long keys fill chunks early. */
START_TEST(long_keys_come_whole)
{
	char key[SRD_KEY_MAX];
	srd_iter *iter;
	struct srd_entry entry;
	int count = 0;

	memset(key, 'x', sizeof key);
	for (size_t i = 200; i < sizeof key; i += 200)
		key[i] = '/';
	for (size_t i = 0; i < 100; i++) {
		key[3] = (char)('0' + i / 10);
		key[4] = (char)('0' + i % 10);
		ck_assert_int_eq(srd_put(store, key, 3013 + 10 * i, key, 3013 + 10 * i), 0);
	}
	ck_assert_int_eq(srd_iter_new(store, "xxx", 3, 0, 0, 1, &iter), 0);
	for (; srd_iter_next(iter, &entry) == 1; count++)
		assert_value(&entry.value, entry.key, entry.key_len);
	srd_iter_free(iter);
	ck_assert_int_eq(count, 100);
}
END_TEST

static void add(TCase *tcase)
{
	tcase_add_test(tcase, an_empty_store_has_no_keys);
	tcase_add_test(tcase, all_keys_and_those_under_a_prefix);
	tcase_add_test(tcase, parts_share_without_gap_or_overlap);
	tcase_add_test(tcase, odd_requests_are_refused);
	tcase_add_test(tcase, change_meanwhile_hides_nothing_that_stays);
	tcase_add_test(tcase, all_kinds_are_told_apart);
	tcase_add_test(tcase, long_keys_come_whole);
}

int main(void)
{
	return run_case("iter", add);
}
