/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was written is there as written, the latest write on top, whether it lies
 * in memory or was spilled; pieces stay in order and apart.
 */
#include "config.h"

#include "unit.h"

#include "base/check.h"
#include "fs/dirty.h"

enum { SPACE = 1 << 16, STEPS = 20000, RUN_BASE = 1 << 20 };

static uint64_t seed;

/* Bytes of spilled run N are N and the position in it, folded. */
static uint8_t run_byte(uint64_t run, uint32_t at)
{
	return (uint8_t)(run * 31 + at * 7);
}

struct model {
	uint8_t bytes[SPACE];
	bool there[SPACE];
};

static uint8_t byte_of(const struct srd_piece *piece, uint32_t at)
{
	return piece->memory ? srd_piece_bytes(piece)[at] : run_byte(piece->run, piece->skip + at);
}

static void compare(const struct srd_dirty *dirty, const struct model *model)
{
	uint64_t pos = 0, bytes = 0, memory = 0;

	for (size_t i = 0; i < dirty->count; i++) {
		const struct srd_piece *piece = &dirty->pieces[i];
		ck_assert(piece->len > 0 && piece->pos >= pos);
		for (; pos < piece->pos; pos++)
			ck_assert(!model->there[pos]);
		for (uint32_t at = 0; at < piece->len; at++, pos++)
			if (!model->there[pos] || model->bytes[pos] != byte_of(piece, at))
				ck_abort_msg("wrong at %" PRIu64, pos);
		bytes += piece->len;
		memory += piece->memory ? piece->len : 0;
	}
	for (; pos < SPACE; pos++)
		ck_assert(!model->there[pos]);
	ck_assert_uint_eq(dirty->bytes, bytes);
	ck_assert_uint_eq(dirty->memory_bytes, memory);
}

static void step(struct srd_dirty *dirty, struct model *model, uint64_t *random, uint64_t n)
{
	static uint8_t data[SPACE];
	uint64_t pos = unit_random(random) % SPACE;
	uint32_t max = unit_random(random) % 4 ? 300 : 20000;
	uint32_t len = (uint32_t)(unit_random(random) % SRD_MIN(max, SPACE - pos)) + 1;

	if (pos + len > SPACE)
		len = (uint32_t)(SPACE - pos);
	switch (unit_random(random) % 8) {
	case 0:
		ck_assert_int_eq(srd_dirty_write_run(dirty, pos, RUN_BASE + n, len), 0);
		for (uint32_t i = 0; i < len; i++)
			model->bytes[pos + i] = run_byte(RUN_BASE + n, i);
		memset(model->there + pos, true, len);
		break;
	case 1:
		ck_assert_int_eq(srd_dirty_cut(dirty, pos, pos + len), 0);
		memset(model->there + pos, false, len);
		break;
	case 2:
		if (dirty->count == 0 || !dirty->pieces[n % dirty->count].memory)
			break;
		struct srd_piece was = dirty->pieces[n % dirty->count];
		srd_dirty_spilled(dirty, n % dirty->count, RUN_BASE + n);
		for (uint32_t i = 0; i < was.len; i++)
			model->bytes[was.pos + i] = run_byte(RUN_BASE + n, i);
		break;
	default:
		unit_random_bytes(random, data, len);
		ck_assert_int_eq(srd_dirty_write(dirty, pos, data, len), 0);
		memcpy(model->bytes + pos, data, len);
		memset(model->there + pos, true, len);
	}
}

START_TEST(whatever_was_written_last_is_there)
{
	static struct model model;
	struct srd_dirty dirty;
	uint64_t random = seed;

	srd_dirty_init(&dirty);
	for (uint64_t n = 0; n < STEPS; n++) {
		step(&dirty, &model, &random, n);
		if (n % 97 == 0)
			compare(&dirty, &model);
	}
	compare(&dirty, &model);
	srd_dirty_clear(&dirty);
	ck_assert_uint_eq(dirty.bytes, 0);
}
END_TEST

START_TEST(a_stream_of_small_writes_is_one_piece)
{
	struct srd_dirty dirty;

	srd_dirty_init(&dirty);
	for (uint64_t pos = 0; pos < 100000; pos += 100)
		ck_assert_int_eq(srd_dirty_write(&dirty, pos, "0123456789", 10), 0);
	ck_assert_uint_eq(dirty.count, 1000);
	srd_dirty_clear(&dirty);
	for (uint64_t pos = 0; pos < 100000; pos += 10)
		ck_assert_int_eq(srd_dirty_write(&dirty, pos, "0123456789", 10), 0);
	ck_assert_uint_eq(dirty.count, 1);
	srd_dirty_clear(&dirty);
	for (uint64_t pos = 40000; pos > 0; pos -= 10)
		ck_assert_int_eq(srd_dirty_write(&dirty, pos - 10, "0123456789", 10), 0);
	ck_assert_uint_eq(dirty.count, 1);
	srd_dirty_clear(&dirty);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dirty");
	TCase *tcase = tcase_create("pieces");

	seed = unit_seed();
	tcase_add_test(tcase, whatever_was_written_last_is_there);
	tcase_add_test(tcase, a_stream_of_small_writes_is_one_piece);
	tcase_set_timeout(tcase, 60);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
