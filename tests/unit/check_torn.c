/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_torn.c - rot right before a torn append: what the append's header says was durable is
 * gone, and nothing whole comes behind it.
 */
#include "config.h"

#include "fixture.h"

#include <fcntl.h>
#include <unistd.h>

enum { BIG = 100000 };

static int count_damage(void *user, const struct srd_event *event)
{
	*(unsigned *)user += event->type == SRD_EVENT_DAMAGE;
	return 0;
}

static unsigned damages(void)
{
	unsigned count = 0;

	ck_assert_int_eq(srd_scan(store, SRD_SCAN_PAYLOAD, count_damage, &count), 0);
	return count;
}

static uint64_t last_change(const char *key)
{
	struct srd_stat st;

	ck_assert_int_eq(srd_stat(store, KEY(key), &st), 0);
	return st.last_change;
}

static uint64_t file_bytes(void)
{
	struct srd_info info;

	ck_assert_int_eq(srd_info(store, &info), 0);
	return info.file_bytes;
}

/* "rotten" is durable, and the header of its record rots; of "torn" some is missing. */
static void make_torn(void)
{
	static const char zeros[64];
	char *big = calloc(1, BIG);

	put("kept", "it is");
	put("rotten", "was durable");
	uint64_t rotten = last_change("rotten") - 64;
	ck_assert_int_eq(srd_sync(store), 0);
	ck_assert_int_eq(srd_put(store, KEY("torn"), big, BIG), 0);
	uint64_t torn = last_change("torn");
	close_store();
	int fd = open(path, O_RDWR);
	ck_assert_int_eq(pwrite(fd, zeros, sizeof zeros, (off_t)rotten), sizeof zeros);
	ck_assert_int_eq(ftruncate(fd, (off_t)torn + 4096), 0);
	close(fd);
	free(big);
}

START_TEST(what_was_durable_behind_the_end_is_told_and_repaired)
{
	unsigned told = 0;

	make_torn();
	uint64_t bytes = (open_store(SRD_EXCLUSIVE), file_bytes());
	assert_text("kept", "it is");
	ck_assert_int_eq(get_error("rotten"), -ENOENT);
	/* It may be somebody's, so it is not cut just so. */
	ck_assert_int_eq(srd_put(store, KEY("k"), "x", 1), SRD_EDAMAGED);
	ck_assert_uint_eq(file_bytes(), bytes);
	ck_assert_uint_eq(damages(), 1);
	ck_assert_int_eq(srd_repair(store, SRD_REPAIR_DRY_RUN, count_damage, &told), 1);
	ck_assert_int_eq(srd_repair(store, 0, count_damage, &told), 1);
	ck_assert_uint_eq(told, 2);
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(damages(), 0);
		put("k", "x");
		assert_text("kept", "it is");
		ck_assert_int_eq(get_error("rotten"), -ENOENT);
		close_store();
		open_store(0);
	}
}
END_TEST

static void add(TCase *tcase)
{
	tcase_add_test(tcase, what_was_durable_behind_the_end_is_told_and_repaired);
}

int main(void)
{
	return run_case("torn", add);
}
