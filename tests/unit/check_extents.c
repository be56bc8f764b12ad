/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file's extents say of every byte where it lies, after any writes, holes and
 * truncations; appending keeps nodes full; nothing is left behind.
 */
#include "config.h"

#include "base/check.h"
#include "state/extents.h"
#include "state/tree.h"
#include "unit.h"

static uint64_t seed;

enum { FILE_LEN = 64 << 10 };

static struct srd_state state;

static const uint8_t *nothing(const void *user, uint64_t offset, uint64_t len)
{
	(void)user;
	(void)offset;
	(void)len;
	return NULL;
}

static void setup(void)
{
	struct srd_superblock sb = { .version = 1 };
	struct srd_source source = { .at = nothing };

	ck_assert_int_eq(srd_state_init(&state, &sb, source, 0), 0);
}

static void teardown(void)
{
	srd_state_release(&state);
}

/* ---- The model: of each byte, the run and where in it; run 0: reserved. ---- */

#define HOLE UINT64_MAX

struct model {
	uint64_t run[FILE_LEN];
	uint32_t skip[FILE_LEN];
	uint64_t size;
};

static void model_clear(struct model *model, uint64_t pos, uint64_t end)
{
	for (uint64_t i = pos; i < end && i < FILE_LEN; i++)
		model->run[i] = HOLE;
}

static void model_put(struct model *model, const struct srd_ref *ref)
{
	for (uint32_t i = 0; i < ref->len; i++) {
		model->run[ref->pos + i] = ref->run;
		model->skip[ref->pos + i] = ref->run ? ref->skip + i : 0;
	}
	if (ref->len > 0)
		model->size = SRD_MAX(model->size, ref->pos + ref->len);
}

static void check_piece(const struct model *model, const struct srd_ref *ref)
{
	for (uint32_t i = 0; i < ref->len; i++) {
		EXPECT(model->run[ref->pos + i] == ref->run);
		if (ref->run)
			EXPECT(model->skip[ref->pos + i] == ref->skip + i);
	}
}

static void check_hole(const struct model *model, uint64_t pos, uint64_t end)
{
	for (; pos < end; pos++)
		EXPECT(model->run[pos] == HOLE);
}

static void check_same(const struct model *model, const struct srd_inode *inode)
{
	uint64_t pos = 0, stored = 0, payload = 0;
	uint32_t count = 0;
	struct srd_ref ref;

	while (srd_state_extent(&state, inode, pos, &ref)) {
		EXPECT(ref.len > 0);
		EXPECT(ref.pos >= pos);
		EXPECT(ref.pos + ref.len <= model->size);
		check_hole(model, pos, ref.pos);
		check_piece(model, &ref);
		pos = ref.pos + ref.len;
		stored += ref.len;
		payload += ref.run ? ref.len : 0;
		count++;
	}
	check_hole(model, pos, FILE_LEN);
	EXPECT(srd_state_stored_bytes(&state, inode) == stored);
	EXPECT(srd_state_extent_count(&state, inode) == count);
	EXPECT(state.live_bytes == payload);
	if (count == 0)
		EXPECT(inode->content == SRD_CONTENT_NONE);
}

/* Any POS, also within a piece or a hole. */
static void check_random_pos(const struct model *model, const struct srd_inode *inode, uint64_t pos)
{
	uint64_t first = pos;
	struct srd_ref ref;

	while (first < FILE_LEN && model->run[first] == HOLE)
		first++;
	bool found = srd_state_extent(&state, inode, pos, &ref);
	EXPECT(found == (first < FILE_LEN));
	if (found)
		EXPECT(first == pos ? ref.pos <= pos && pos < ref.pos + ref.len : ref.pos == first);
}

static void random_put(uint64_t *rng, struct model *model, struct srd_inode *inode,
                       uint32_t len_max)
{
	uint32_t pos = unit_below(rng, 8) ? unit_below(rng, FILE_LEN) : 0;
	struct srd_ref ref = {
		.pos = pos,
		/* Few runs, so that pieces of one meet. */
		.run = 8 * (uint64_t)unit_below(rng, 4),
		.len = 1 + unit_below(rng, len_max),
	};
	ref.len = SRD_MIN(ref.len, FILE_LEN - pos);
	if (ref.run != 0)
		ref.skip = unit_below(rng, 2) ? pos : unit_below(rng, 64) * 512;
	EXPECT(srd_extents_put(&state, inode, &ref) == 0);
	model_put(model, &ref);
	inode->size = model->size;
}

static void random_change(uint64_t *rng, struct model *model, struct srd_inode *inode,
                          uint32_t len_max)
{
	uint32_t pos = unit_below(rng, FILE_LEN), what = unit_below(rng, 100);

	if (what < 75) {
		random_put(rng, model, inode, len_max);
	} else if (what < 98) {
		uint64_t end = pos + (uint64_t)unit_below(rng, 2 * len_max);
		EXPECT(srd_extents_punch(&state, inode, pos, end) == 0);
		model_clear(model, pos, end);
	} else if (what < 99) {
		EXPECT(srd_extents_punch(&state, inode, pos, SRD_FILE_LEN_MAX) == 0);
		model_clear(model, pos, FILE_LEN);
		inode->size = model->size = SRD_MIN(model->size, pos);
	} else if (unit_below(rng, 4) == 0) {
		srd_extents_clear(&state, inode);
		model_clear(model, 0, FILE_LEN);
		inode->size = model->size = 0;
	}
}

/* LEN_MAX decides how many extents there are at a time: few to thousands. */
static const uint32_t len_max[] = { 20000, 3000, 300, 40 };

START_TEST(extents_are_as_their_model)
{
	uint64_t rng = seed;
	static struct model model;
	struct srd_inode inode = { 0 };

	model.size = 0;
	model_clear(&model, 0, FILE_LEN);
	for (int round = 0; round < 60000; round++) {
		random_change(&rng, &model, &inode, len_max[_i]);
		check_random_pos(&model, &inode, unit_below(&rng, FILE_LEN));
		if (round % 64 == 0)
			check_same(&model, &inode);
	}
	check_same(&model, &inode);
	srd_extents_clear(&state, &inode);
	EXPECT(state.nodes.live == 0);
	EXPECT(state.live_bytes == 0);
}
END_TEST

/* Puts piece I of 4096 bytes at block POS. */
static void put_block(struct srd_inode *inode, uint64_t block, uint64_t run)
{
	struct srd_ref ref = { .pos = block * 4096, .run = 8 * run, .len = 4096 };

	EXPECT(srd_extents_put(&state, inode, &ref) == 0);
	inode->size = SRD_MAX(inode->size, ref.pos + ref.len);
}

START_TEST(appending_keeps_leaves_full)
{
	struct srd_inode inode = { 0 };
	enum { BLOCKS = 100000 };

	for (uint64_t i = 0; i < BLOCKS; i++)
		put_block(&inode, i, 1 + i);
	EXPECT(srd_state_extent_count(&state, &inode) == BLOCKS);
	EXPECT(srd_state_stored_bytes(&state, &inode) == BLOCKS * UINT64_C(4096));
	uint32_t leaves = BLOCKS / SRD_TREE_LEAF_MAX;
	printf("nodes for %d appended extents: %u\n", BLOCKS, state.nodes.live);
	EXPECT(state.nodes.live <= leaves + leaves / (SRD_TREE_INNER_MAX - 2) + 4);
	srd_extents_clear(&state, &inode);
	EXPECT(state.nodes.live == 0);
}
END_TEST

START_TEST(pieces_of_one_run_merge)
{
	struct srd_inode inode = { 0 };

	for (uint32_t i = 0; i < 1000; i++) {
		struct srd_ref ref = { .pos = 10 + i * 100, .run = 64, .skip = i * 100, .len = 100 };
		ck_assert_int_eq(srd_extents_put(&state, &inode, &ref), 0);
		inode.size = ref.pos + ref.len;
	}
	ck_assert_uint_eq(srd_state_extent_count(&state, &inode), 1);
	ck_assert_uint_eq(srd_state_stored_bytes(&state, &inode), 100000);
	srd_extents_clear(&state, &inode);
}
END_TEST

START_TEST(reserved_space_has_no_largest_piece)
{
	struct srd_inode inode = { 0 };
	struct srd_ref ref = { .len = UINT32_MAX };

	for (int i = 0; i < 4; i++, ref.pos += ref.len) {
		ck_assert_int_eq(srd_extents_put(&state, &inode, &ref), 0);
		inode.size = ref.pos + ref.len;
	}
	ck_assert_uint_eq(srd_state_stored_bytes(&state, &inode), 4 * (uint64_t)UINT32_MAX);
	ck_assert_uint_eq(state.live_bytes, 0);
	srd_extents_clear(&state, &inode);
}
END_TEST

START_TEST(overwritten_as_a_whole_is_one_run_again)
{
	struct srd_inode inode = { 0 };
	struct srd_ref all = { .run = 8, .len = 100 * 4096 };

	for (uint64_t i = 0; i < 100; i++)
		put_block(&inode, i, 2 + i);
	ck_assert_uint_eq(inode.content, SRD_CONTENT_TREE);
	ck_assert_int_eq(srd_extents_put(&state, &inode, &all), 0);
	ck_assert_uint_eq(inode.content, SRD_CONTENT_RUN);
	ck_assert_uint_eq(state.nodes.live, 0);
	ck_assert_uint_eq(state.live_bytes, all.len);
	srd_extents_clear(&state, &inode);
}
END_TEST

START_TEST(a_large_file_in_any_order)
{
	uint64_t rng = seed;
	struct srd_inode inode = { 0 };
	enum { BLOCKS = 200000 };
	uint32_t count = 0;
	struct srd_ref ref;

	for (uint64_t i = 0; i < 2 * BLOCKS; i++)
		put_block(&inode, unit_below(&rng, BLOCKS), 1 + i);
	for (uint64_t pos = 0; srd_state_extent(&state, &inode, pos, &ref); count++)
		pos = ref.pos + ref.len;
	EXPECT(count == srd_state_extent_count(&state, &inode));
	EXPECT(state.live_bytes == count * UINT64_C(4096));
	printf("nodes for %u scattered extents: %u\n", count, state.nodes.live);
	/* Away from the front, a little at a time, then all the rest. */
	for (uint64_t pos = 0; pos < inode.size / 2; pos += 10000)
		EXPECT(srd_extents_punch(&state, &inode, pos, pos + 10000) == 0);
	EXPECT(srd_extents_punch(&state, &inode, 0, SRD_FILE_LEN_MAX) == 0);
	EXPECT(inode.content == SRD_CONTENT_NONE);
	EXPECT(state.nodes.live == 0);
	EXPECT(state.live_bytes == 0);
}
END_TEST

START_TEST(the_end_of_the_largest_file)
{
	struct srd_inode inode = { 0 };
	struct srd_ref last = { .pos = SRD_FILE_LEN_MAX - 10, .run = 8, .len = 10 }, found;

	ck_assert_int_eq(srd_extents_put(&state, &inode, &last), 0);
	inode.size = SRD_FILE_LEN_MAX;
	ck_assert(srd_state_extent(&state, &inode, 0, &found));
	ck_assert_uint_eq(found.pos, last.pos);
	ck_assert(!srd_state_extent(&state, &inode, SRD_FILE_LEN_MAX, &found));
	ck_assert_int_eq(srd_extents_punch(&state, &inode, last.pos + 3, SRD_FILE_LEN_MAX), 0);
	ck_assert_uint_eq(srd_state_stored_bytes(&state, &inode), 3);
	srd_extents_clear(&state, &inode);
}
END_TEST

int main(void)
{
	seed = unit_seed();
	Suite *suite = suite_create("extents");
	TCase *extents = tcase_create("extents");

	tcase_add_checked_fixture(extents, setup, teardown);
	tcase_set_timeout(extents, 300);
	tcase_add_loop_test(extents, extents_are_as_their_model, 0, (int)SRD_LEN(len_max));
	tcase_add_test(extents, appending_keeps_leaves_full);
	tcase_add_test(extents, pieces_of_one_run_merge);
	tcase_add_test(extents, reserved_space_has_no_largest_piece);
	tcase_add_test(extents, overwritten_as_a_whole_is_one_run_again);
	tcase_add_test(extents, a_large_file_in_any_order);
	tcase_add_test(extents, the_end_of_the_largest_file);
	suite_add_tcase(suite, extents);
	return unit_run(suite);
}
