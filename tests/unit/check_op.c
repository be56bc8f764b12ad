/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_op.c - ops: every kind comes back as it went in; nothing that is cut
 * short, absurd or not quite by the rules is taken; nothing beyond is read.
 */
#include "config.h"

#include "format/op.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "random_op.h"

enum { DATA_LEN = 1 << 17, RECORD_OFFSET = 1 << 20, FENCE_LEN = 1 << 16 };

static uint64_t seed;
static uint8_t data[DATA_LEN];

/* OP at OFFSET of the log as a draft would lay it out, its larger payload right
 * behind.  Returns the end of the record. */
static uint64_t encode(const struct random_op *it, uint64_t offset, uint8_t *bytes)
{
	size_t len = srd_op_encoded_len(&it->op), run_at;

	memset(bytes, 0xee, len);
	srd_op_encode(&it->op, it->data, bytes, &run_at);
	if (!it->data || srd_run_is_inline(it->op.run.len))
		return offset + len;
	uint64_t payload = SRD_ALIGN_UP(offset + len, srd_payload_align(it->op.run.len));
	srd_put32(bytes + run_at + 4, (uint32_t)(payload - offset - run_at));
	return payload + it->op.run.len;
}

static void check_run(const struct random_op *it, const struct srd_op *read, const uint8_t *bytes,
                      uint64_t offset)
{
	const struct srd_run *run = &read->run;

	ck_assert(read->has_run && run->offset % 8 == 0);
	for (uint32_t at = 0, i = 0; at < run->len; at += SRD_BLOCK_LEN, i++)
		ck_assert(srd_get64(run->checks + 8 * i) == srd_hash(it->data + at, SRD_MIN(run->len - at, SRD_BLOCK_LEN), 0));
	if (srd_run_is_inline(run->len)) {
		const uint8_t *inlined = bytes + (run->offset - offset) + run->distance;
		ck_assert_uint_eq(read->covered, run->offset - offset + run->distance);
		ck_assert_uint_eq(read->len, read->covered + SRD_ALIGN_UP(run->len, 8));
		ck_assert(memcmp(inlined, it->data, run->len) == 0);
		for (uint64_t i = run->len; i % 8 != 0; i++)
			ck_assert_uint_eq(inlined[i], 0);
	} else {
		ck_assert_uint_eq((run->offset + run->distance) % (run->len >= 65536 ? 4096 : 64), 0);
		ck_assert_uint_eq(read->covered, read->len);
	}
}

START_TEST(every_kind_comes_back_as_it_went_in)
{
	enum srd_op_kind kind = (enum srd_op_kind)_i;
	uint64_t random = seed + (uint64_t)_i;
	static uint8_t bytes[FENCE_LEN], again[FENCE_LEN];

	for (int round = 0; round < 500; round++) {
		uint64_t offset = RECORD_OFFSET + unit_random(&random) % 100000 * 8;
		struct random_op it, copy = { 0 };
		struct srd_op read;
		random_op(&random, kind, offset, data, DATA_LEN, &it);
		uint64_t end = encode(&it, offset, bytes);
		size_t len = srd_op_encoded_len(&it.op);
		ck_assert(len % 8 == 0);
		ck_assert(srd_op_decode(&read, bytes, len + round % 3 * 8, offset, end));
		ck_assert(same_op(&it.op, &read));
		ck_assert(read.offset == offset && read.len == len && srd_op_covered(bytes) == read.covered);
		ck_assert(read.has_run == (it.data != NULL));
		if (read.name_len > 0)
			ck_assert(read.name_offset - offset ==
			          (size_t)((read.new_name_len > 0 ? read.new_name : read.name) - (char *)bytes));
		if (read.has_run)
			check_run(&it, &read, bytes, offset);
		/* And there is one way only to write it. */
		copy.op = read;
		copy.data = it.data;
		encode(&copy, offset, again);
		ck_assert(memcmp(bytes, again, len) == 0);
	}
}
END_TEST

START_TEST(an_op_cut_short_is_refused_and_not_read_beyond)
{
	enum srd_op_kind kind = (enum srd_op_kind)_i;
	struct unit_fence fence = unit_fence_new(FENCE_LEN);
	uint64_t random = seed + (uint64_t)_i;
	static uint8_t bytes[FENCE_LEN];

	for (int round = 0; round < 30; round++) {
		struct random_op it;
		struct srd_op read;
		random_op(&random, kind, RECORD_OFFSET, data, DATA_LEN, &it);
		uint64_t end = encode(&it, RECORD_OFFSET, bytes);
		size_t len = srd_op_encoded_len(&it.op);
		int taken = 0;
		for (size_t cut = 0; cut < len; cut++) {
			uint8_t *at = unit_fence_tail(fence, cut);
			memcpy(at, bytes, cut);
			taken += srd_op_decode(&read, at, cut, RECORD_OFFSET, end);
			/* A length that fits what is left does not make it whole. */
			if (cut >= 8) {
				srd_put32(at + 4, (uint32_t)(cut / 8 * 8));
				taken += srd_op_decode(&read, at, cut, RECORD_OFFSET, end);
			}
		}
		ck_assert_int_eq(taken, 0);
		uint8_t *at = unit_fence_tail(fence, len);
		memcpy(at, bytes, len);
		ck_assert(srd_op_decode(&read, at, len, RECORD_OFFSET, end));
	}
	unit_fence_free(fence);
}
END_TEST

/* Every byte wrong in every way that one store can make it, at the end of what may
 * be read: taken or not, nothing beyond is touched; and what is taken is canonical. */
START_TEST(a_wrong_byte_leads_nowhere)
{
	enum srd_op_kind kind = (enum srd_op_kind)_i;
	struct unit_fence fence = unit_fence_new(FENCE_LEN);
	uint64_t random = seed + (uint64_t)_i;
	static uint8_t again[FENCE_LEN];

	for (int round = 0; round < 300; round++) {
		struct random_op it, copy = { 0 };
		size_t len, run_at;
		do {
			random_op(&random, kind, RECORD_OFFSET, data, 200, &it);
			len = srd_op_encoded_len(&it.op);
		} while (len > 600);
		uint8_t *bytes = unit_fence_tail(fence, len);
		uint64_t end = encode(&it, RECORD_OFFSET, bytes);
		for (size_t i = 0; i < len; i++) {
			uint8_t sound = bytes[i];
			bytes[i] = unit_random(&random) % 2 ? (uint8_t)unit_random(&random)
			                                    : (uint8_t)(sound ^ 1 << unit_random(&random) % 8);
			struct srd_op *read = &copy.op;
			if (srd_op_decode(read, bytes, len, RECORD_OFFSET, end)) {
				ck_assert(read->len <= len && read->covered <= read->len);
				ck_assert(srd_op_encoded_len(read) == read->len);
				srd_op_fold(read, bytes, 1);
				memset(again, 0, read->len);
				srd_op_encode(read, data, again, &run_at);
				size_t same = read->has_run ? run_at : read->len;
				ck_assert(memcmp(bytes, again, same) == 0);
			}
			bytes[i] = sound;
		}
	}
	unit_fence_free(fence);
}
END_TEST

START_TEST(noise_is_not_read_beyond)
{
	struct unit_fence fence = unit_fence_new(FENCE_LEN);
	uint64_t random = seed;

	for (int round = 0; round < 200000; round++) {
		size_t len = unit_random(&random) % 200;
		uint8_t *bytes = unit_fence_tail(fence, len);
		struct srd_op read;
		struct srd_run run;
		unit_random_bytes(&random, bytes, len);
		if (len >= 8) {
			bytes[0] = (uint8_t)(unit_random(&random) % 13);
			bytes[1] &= 1;
			bytes[3] = 0;
			srd_put32(bytes + 4, (uint32_t)(unit_random(&random) % 4 ? len / 8 * 8 : unit_random(&random)));
		}
		srd_op_decode(&read, bytes, len, RECORD_OFFSET, RECORD_OFFSET + len);
		srd_run_decode(&run, bytes, len, RECORD_OFFSET);
	}
	unit_fence_free(fence);
}
END_TEST

START_TEST(zeros_are_no_op)
{
	static const uint8_t zeros[256];
	struct srd_op read;

	for (size_t len = 0; len <= sizeof zeros; len++)
		ck_assert(!srd_op_decode(&read, zeros, len, RECORD_OFFSET, RECORD_OFFSET + len));
}
END_TEST

/* True if OP, changed by CHANGE, is taken. */
static bool takes(struct random_op *it, void (*change)(uint8_t *bytes, uint64_t value), uint64_t value)
{
	static uint8_t bytes[FENCE_LEN];
	struct srd_op read;
	uint64_t end = encode(it, RECORD_OFFSET, bytes);

	if (change)
		change(bytes, value);
	return srd_op_decode(&read, bytes, srd_op_encoded_len(&it->op), RECORD_OFFSET, end);
}

static void change_kind(uint8_t *bytes, uint64_t value) { bytes[0] = (uint8_t)value; }
static void change_flags(uint8_t *bytes, uint64_t value) { bytes[1] = (uint8_t)value; }
static void change_name_len(uint8_t *bytes, uint64_t value) { srd_put16(bytes + 2, (uint16_t)value); }
static void change_len(uint8_t *bytes, uint64_t value) { srd_put32(bytes + 4, (uint32_t)value); }
static void change_ino(uint8_t *bytes, uint64_t value) { srd_put64(bytes + 8, value); }
static void change_prev(uint8_t *bytes, uint64_t value) { srd_put64(bytes + 16, value); }
static void change_word_24(uint8_t *bytes, uint64_t value) { srd_put64(bytes + 24, value); }
static void change_word_32(uint8_t *bytes, uint64_t value) { srd_put64(bytes + 32, value); }
static void change_word_72(uint8_t *bytes, uint64_t value) { srd_put64(bytes + 72, value); }

START_TEST(names_that_no_directory_may_hold_are_refused)
{
	static const enum srd_op_kind kinds[] = { SRD_OP_MAKE, SRD_OP_LINK, SRD_OP_UNLINK, SRD_OP_RENAME };
	static const struct { const char *name; uint8_t len; } bad[] = {
		{ "", 0 }, { ".", 1 }, { "..", 2 }, { "/", 1 }, { "a/b", 3 }, { "a\0b", 3 }, { "\0", 1 }, { "ab/", 3 },
	}, good[] = { { "...", 3 }, { ".a", 2 }, { "..a", 3 }, { " ", 1 }, { "\n", 1 }, { "\xff\xfe", 2 } };

	for (size_t k = 0; k < SRD_LEN(kinds); k++) {
		struct random_op it = { .op = { .kind = kinds[k], .ino = 5, .parent = 1, .name = "sound", .name_len = 5,
		                                .new_parent = 1 } };
		it.op.new_name = kinds[k] == SRD_OP_RENAME ? "new" : NULL;
		it.op.new_name_len = kinds[k] == SRD_OP_RENAME ? 3 : 0;
		ck_assert(takes(&it, NULL, 0));
		for (size_t i = 0; i < SRD_LEN(bad); i++) {
			it.op.name = bad[i].name;
			it.op.name_len = bad[i].len;
			ck_assert_msg(!takes(&it, NULL, 0), "%s: bad name %zu", srd_op_kind_name(kinds[k]), i);
		}
		for (size_t i = 0; i < SRD_LEN(good); i++) {
			it.op.name = good[i].name;
			it.op.name_len = good[i].len;
			ck_assert(takes(&it, NULL, 0));
		}
		for (size_t i = 0; kinds[k] == SRD_OP_RENAME && i < SRD_LEN(bad); i++) {
			it.op.new_name = bad[i].name;
			it.op.new_name_len = bad[i].len;
			ck_assert_msg(!takes(&it, NULL, 0), "bad new name %zu", i);
		}
	}
}
END_TEST

START_TEST(only_ops_with_names_have_names)
{
	struct random_op unnamed = { .op = { .kind = SRD_OP_MAKE, .ino = 5 } };
	struct random_op xattr = { .op = { .kind = SRD_OP_XATTR, .ino = 5, .flags = SRD_OP_REMOVE,
	                                   .name = "user.a/b", .name_len = 8 } };

	ck_assert(takes(&unnamed, NULL, 0));
	unnamed.op.name = "a";
	unnamed.op.name_len = 1;
	ck_assert(!takes(&unnamed, NULL, 0));
	ck_assert(takes(&xattr, NULL, 0));
	xattr.op.name = "a\0b";
	xattr.op.name_len = 3;
	ck_assert(!takes(&xattr, NULL, 0));
	xattr.op.name_len = 0;
	ck_assert(!takes(&xattr, NULL, 0));
	for (enum srd_op_kind kind = SRD_OP_SETATTR; kind <= SRD_OP_RUN; kind++) {
		struct random_op it = { .op = { .kind = kind, .ino = 5, .name = "name", .name_len = 4 } };
		if (kind == SRD_OP_XATTR)
			continue;
		it.data = kind == SRD_OP_WRITE || kind == SRD_OP_RUN ? data : NULL;
		ck_assert_msg(!takes(&it, NULL, 0), "%s with a name", srd_op_kind_name(kind));
		it.op.name_len = 0;
		ck_assert(takes(&it, NULL, 0));
	}
}
END_TEST

START_TEST(absurd_numbers_are_refused)
{
	struct random_op hole = { .op = { .kind = SRD_OP_HOLE, .ino = 5, .prev = 64, .pos = 1, .range_len = 2 } };
	uint64_t len = srd_op_encoded_len(&hole.op);

	ck_assert(takes(&hole, NULL, 0));
	for (uint64_t kind = 0; kind < 256; kind++)
		if (kind != SRD_OP_HOLE && kind != SRD_OP_LINK && kind != SRD_OP_UNLINK && kind != SRD_OP_NEXT)
			ck_assert_msg(!takes(&hole, change_kind, kind), "kind %" PRIu64, kind);
	for (uint64_t flags = 1; flags < 256; flags++)
		ck_assert(!takes(&hole, change_flags, flags));
	for (uint64_t name_len = 1; name_len < 65536; name_len += 255)
		ck_assert(!takes(&hole, change_name_len, name_len));
	for (uint64_t bad = 0; bad < 4 * len; bad++)
		ck_assert(bad == len || !takes(&hole, change_len, bad));
	ck_assert(!takes(&hole, change_len, UINT32_MAX - 7));
	ck_assert(!takes(&hole, change_ino, 0));
	ck_assert(takes(&hole, change_ino, SRD_INO_MAX));
	ck_assert(!takes(&hole, change_ino, SRD_INO_MAX + 1));
	ck_assert(takes(&hole, change_prev, RECORD_OFFSET - 8));
	ck_assert(!takes(&hole, change_prev, RECORD_OFFSET));
	ck_assert(!takes(&hole, change_prev, UINT64_MAX));
	ck_assert(takes(&hole, change_word_32, SRD_FILE_LEN_MAX - 1));
	ck_assert(!takes(&hole, change_word_32, SRD_FILE_LEN_MAX));
	ck_assert(!takes(&hole, change_word_32, UINT64_MAX));
	ck_assert(!takes(&hole, change_word_24, UINT64_MAX));
}
END_TEST

START_TEST(what_comes_next_stays_within_limits)
{
	struct random_op next = { .op = { .kind = SRD_OP_NEXT, .ino = SRD_ROOT_INO, .cookie = 1, .next_ino = SRD_INO_MAX } };

	ck_assert(takes(&next, NULL, 0));
	next.op.next_ino++;
	ck_assert(!takes(&next, NULL, 0));
	next.op.next_ino = 0;
	ck_assert(takes(&next, NULL, 0));
	next.op.cookie = 0;
	ck_assert(!takes(&next, NULL, 0));
	next.op.cookie = SRD_COOKIE_END - 1;
	ck_assert(takes(&next, NULL, 0));
	next.op.cookie++;
	ck_assert(!takes(&next, NULL, 0));
}
END_TEST

START_TEST(attributes_and_writes_stay_within_limits)
{
	struct random_op attr = { .op = { .kind = SRD_OP_SETATTR, .ino = 5, .mask = SRD_ATTR_ALL, .size = SRD_FILE_LEN_MAX } };
	struct random_op write = { .op = { .kind = SRD_OP_WRITE, .ino = 5, .pos = SRD_FILE_LEN_MAX - 10 }, .data = data };

	ck_assert(takes(&attr, NULL, 0));
	attr.op.size++;
	ck_assert(!takes(&attr, NULL, 0));
	attr.op.size = 0;
	attr.op.mask = SRD_ATTR_ALL + 1;
	ck_assert(!takes(&attr, NULL, 0));
	write.op.run.len = 10;
	ck_assert(takes(&write, NULL, 0));
	write.op.run.len = 11;
	ck_assert(!takes(&write, NULL, 0));
}
END_TEST

/* A REFS op with FLAGS and the one reference REF. */
static bool takes_flagged_ref(uint8_t flags, struct srd_ref ref)
{
	struct random_op it = { .op = { .kind = SRD_OP_REFS, .flags = flags, .ino = 5, .ref_count = 1,
	                                .refs = it.refs } };

	srd_ref_encode(&ref, it.refs);
	return takes(&it, NULL, 0);
}

static bool takes_ref(struct srd_ref ref)
{
	return takes_flagged_ref(0, ref);
}

START_TEST(references_stay_within_limits)
{
	struct random_op none = { .op = { .kind = SRD_OP_REFS, .ino = 5 } };

	ck_assert(takes(&none, NULL, 0));
	for (uint64_t count = 1; count != 0; count <<= 1)
		ck_assert(!takes(&none, change_word_24, count));
	ck_assert(!takes(&none, change_word_24, UINT64_MAX));
	/* 24 * count wraps around to 0. */
	ck_assert(!takes(&none, change_word_24, UINT64_C(1) << 61));
	ck_assert(takes_ref((struct srd_ref){ .pos = 7, .run = 4160, .skip = 3, .len = 5 }));
	ck_assert(takes_ref((struct srd_ref){ .run = RECORD_OFFSET - 8, .len = SRD_RUN_LEN_MAX }));
	ck_assert(takes_ref((struct srd_ref){ .run = 0, .len = UINT32_MAX }));
	ck_assert(!takes_ref((struct srd_ref){ .run = 4160, .len = 0 }));
	ck_assert(!takes_ref((struct srd_ref){ .run = 4161, .len = 5 }));
	ck_assert(takes_ref((struct srd_ref){ .run = SRD_RUN_PRUNED, .len = UINT32_MAX }));
	ck_assert(!takes_ref((struct srd_ref){ .run = 2, .len = 5 }));
	ck_assert(!takes_ref((struct srd_ref){ .run = RECORD_OFFSET, .len = 5 }));
	ck_assert(!takes_ref((struct srd_ref){ .run = UINT64_MAX - 7, .len = 5 }));
	ck_assert(!takes_ref((struct srd_ref){ .run = 4160, .skip = 1, .len = SRD_RUN_LEN_MAX }));
	ck_assert(!takes_ref((struct srd_ref){ .run = 4160, .skip = UINT32_MAX, .len = 1 }));
	ck_assert(!takes_ref((struct srd_ref){ .pos = SRD_FILE_LEN_MAX, .run = 4160, .len = 1 }));
	ck_assert(!takes_ref((struct srd_ref){ .pos = UINT64_MAX, .run = 4160, .len = 1 }));
	/* Only what reads as zeros lies behind the end. */
	ck_assert(takes_flagged_ref(SRD_OP_KEEP_SIZE, (struct srd_ref){ .pos = 7, .len = 5 }));
	ck_assert(!takes_flagged_ref(SRD_OP_KEEP_SIZE, (struct srd_ref){ .pos = 7, .run = 4160, .len = 5 }));
	ck_assert(!takes_flagged_ref(SRD_OP_KEEP_SIZE, (struct srd_ref){ .pos = 7, .run = SRD_RUN_PRUNED, .len = 5 }));
	ck_assert(!takes_flagged_ref(4, (struct srd_ref){ .pos = 7, .len = 5 }));
}
END_TEST

/* Whether a run of LEN bytes at RUN_OFFSET, its payload DISTANCE further, is sound. */
static bool takes_run(uint32_t len, uint64_t run_offset, uint64_t distance)
{
	static uint8_t bytes[SRD_RUN_FIXED_LEN + 8 * (SRD_RUN_LEN_MAX / SRD_BLOCK_LEN + 1)];
	struct srd_run run;

	srd_put32(bytes, len);
	srd_put32(bytes + 4, (uint32_t)distance);
	return srd_run_decode(&run, bytes, sizeof bytes, run_offset);
}

START_TEST(payload_lies_where_its_length_says)
{
	for (uint32_t len = 0; len <= 63; len++) {
		uint64_t run_bytes = len == 0 ? 8 : 16;
		ck_assert(takes_run(len, RECORD_OFFSET + 24, run_bytes));
		for (uint64_t distance = 0; distance < 200; distance += 4)
			ck_assert(distance == run_bytes || !takes_run(len, RECORD_OFFSET + 24, distance));
	}
	static const struct { uint32_t len; uint64_t align; } larger[] = {
		{ 64, 64 }, { 65, 64 }, { 4096, 64 }, { 4097, 64 }, { 65535, 64 }, { 65536, 4096 }, { SRD_RUN_LEN_MAX, 4096 },
	};
	for (size_t i = 0; i < SRD_LEN(larger); i++) {
		uint32_t len = larger[i].len;
		uint64_t run_bytes = 8 + (len + 4095) / 4096 * 8, run_offset = RECORD_OFFSET + 40;
		uint64_t payload = SRD_ALIGN_UP(run_offset + run_bytes, larger[i].align);
		ck_assert_uint_eq(srd_run_bytes(len), run_bytes);
		ck_assert_uint_eq(srd_payload_align(len), larger[i].align);
		ck_assert(takes_run(len, run_offset, payload - run_offset));
		ck_assert(takes_run(len, run_offset, payload + 3 * larger[i].align - run_offset));
		for (uint64_t off = 1; off < larger[i].align; off += 7)
			ck_assert(!takes_run(len, run_offset, payload + off - run_offset));
		/* Over its own checks. */
		ck_assert(!takes_run(len, payload - run_bytes + 8, run_bytes - 8));
	}
	ck_assert(!takes_run(SRD_RUN_LEN_MAX + 1, RECORD_OFFSET, 1 << 20));
	ck_assert(!takes_run(UINT32_MAX, RECORD_OFFSET, 1 << 30));
}
END_TEST

START_TEST(payload_behind_its_record_is_refused)
{
	struct random_op it = { .op = { .kind = SRD_OP_WRITE, .ino = 5, .run.len = 5000 }, .data = data };
	static uint8_t bytes[FENCE_LEN];
	struct srd_op read;
	uint64_t end = encode(&it, RECORD_OFFSET, bytes);
	size_t len = srd_op_encoded_len(&it.op);

	ck_assert(srd_op_decode(&read, bytes, len, RECORD_OFFSET, end));
	ck_assert(!srd_op_decode(&read, bytes, len, RECORD_OFFSET, end - 1));
	ck_assert(!srd_op_decode(&read, bytes, len, RECORD_OFFSET, RECORD_OFFSET));
	ck_assert(!srd_op_decode(&read, bytes, len, RECORD_OFFSET, 0));
}
END_TEST

START_TEST(padding_under_the_check_is_zero)
{
	for (uint8_t name_len = 1; name_len <= 16; name_len++) {
		struct random_op it = { .op = { .kind = SRD_OP_LINK, .ino = 5, .parent = 1, .name = "abcdefghijklmnop",
		                                .name_len = name_len } };
		static uint8_t bytes[256];
		struct srd_op read;
		uint64_t end = encode(&it, RECORD_OFFSET, bytes);
		size_t len = srd_op_encoded_len(&it.op);
		for (size_t i = 40 + name_len; i < len; i++) {
			bytes[i] = 1;
			ck_assert(!srd_op_decode(&read, bytes, len, RECORD_OFFSET, end));
			bytes[i] = 0;
		}
		ck_assert(srd_op_decode(&read, bytes, len, RECORD_OFFSET, end));
	}
	struct random_op it = { .op = { .kind = SRD_OP_RENAME, .ino = 5, .parent = 1, .new_parent = 1, .name = "a",
	                                .name_len = 1, .new_name = "bc", .new_name_len = 2 } };
	ck_assert(takes(&it, change_word_72, 2));
	ck_assert(!takes(&it, change_word_72, 2 | 1 << 8));
	ck_assert(!takes(&it, change_word_72, 2 | UINT64_C(1) << 63));
}
END_TEST

/* Rot in inline payload must cost that payload only; rot elsewhere is noticed. */
START_TEST(the_fold_covers_all_but_inline_payload)
{
	enum srd_op_kind kind = (enum srd_op_kind)_i;
	uint64_t random = seed + (uint64_t)_i;
	static uint8_t bytes[FENCE_LEN];

	for (int round = 0; round < 100; round++) {
		struct random_op it;
		struct srd_op read, rotten;
		int wrong = 0;
		random_op(&random, kind, RECORD_OFFSET, data, 300, &it);
		uint64_t end = encode(&it, RECORD_OFFSET, bytes);
		size_t len = srd_op_encoded_len(&it.op);
		ck_assert(srd_op_decode(&read, bytes, len, RECORD_OFFSET, end));
		uint64_t sound = srd_op_fold(&read, bytes, 77);
		ck_assert(sound != srd_op_fold(&read, bytes, 78));
		for (size_t i = 0; i < len; i++) {
			uint8_t bit = (uint8_t)(1 << unit_random(&random) % 8);
			bytes[i] ^= bit;
			bool same = srd_op_decode(&rotten, bytes, len, RECORD_OFFSET, end) &&
			            srd_op_fold(&rotten, bytes, 77) == sound;
			wrong += same != (i >= read.covered);
			bytes[i] ^= bit;
		}
		ck_assert_int_eq(wrong, 0);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("op");
	TCase *tcase = tcase_create("op");
	int first = SRD_OP_MAKE, behind = SRD_OP_RUN + 1;
	uint64_t random = seed = unit_seed();

	unit_random_bytes(&random, data, sizeof data);
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, every_kind_comes_back_as_it_went_in, first, behind);
	tcase_add_loop_test(tcase, an_op_cut_short_is_refused_and_not_read_beyond, first, behind);
	tcase_add_loop_test(tcase, a_wrong_byte_leads_nowhere, first, behind);
	tcase_add_loop_test(tcase, the_fold_covers_all_but_inline_payload, first, behind);
	tcase_add_loop_test(tcase, every_kind_comes_back_as_it_went_in, SRD_OP_NEXT, SRD_OP_NEXT + 1);
	tcase_add_loop_test(tcase, every_kind_comes_back_as_it_went_in, SRD_OP_SNAPSHOT, SRD_OP_SNAPSHOT + 1);
	tcase_add_loop_test(tcase, an_op_cut_short_is_refused_and_not_read_beyond, SRD_OP_NEXT, SRD_OP_NEXT + 1);
	tcase_add_loop_test(tcase, an_op_cut_short_is_refused_and_not_read_beyond, SRD_OP_SNAPSHOT, SRD_OP_SNAPSHOT + 1);
	tcase_add_loop_test(tcase, a_wrong_byte_leads_nowhere, SRD_OP_NEXT, SRD_OP_NEXT + 1);
	tcase_add_loop_test(tcase, a_wrong_byte_leads_nowhere, SRD_OP_SNAPSHOT, SRD_OP_SNAPSHOT + 1);
	tcase_add_test(tcase, noise_is_not_read_beyond);
	tcase_add_test(tcase, zeros_are_no_op);
	tcase_add_test(tcase, names_that_no_directory_may_hold_are_refused);
	tcase_add_test(tcase, only_ops_with_names_have_names);
	tcase_add_test(tcase, absurd_numbers_are_refused);
	tcase_add_test(tcase, what_comes_next_stays_within_limits);
	tcase_add_test(tcase, attributes_and_writes_stay_within_limits);
	tcase_add_test(tcase, references_stay_within_limits);
	tcase_add_test(tcase, payload_lies_where_its_length_says);
	tcase_add_test(tcase, payload_behind_its_record_is_refused);
	tcase_add_test(tcase, padding_under_the_check_is_zero);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
