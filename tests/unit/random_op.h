/* SPDX-License-Identifier: Apache-2.0 */
/* random_op.h - sound ops with random fields, and whether two are the same. */
#ifndef SRD_TESTS_UNIT_RANDOM_OP_H
#define SRD_TESTS_UNIT_RANDOM_OP_H

#include "base/check.h"
#include "format/op.h"
#include "unit.h"

enum { RANDOM_REFS_MAX = 20 };

/* An op and all it points at. */
struct random_op {
	struct srd_op op;
	char name[SRD_NAME_MAX], new_name[SRD_NAME_MAX];
	uint8_t refs[RANDOM_REFS_MAX * SRD_REF_LEN];
	const uint8_t *data;      /* payload; NULL: no run */
};

static inline uint8_t random_name(uint64_t *random, char *name)
{
	/* All lengths, the short ones often. */
	size_t len = 1 + unit_random(random) % (unit_random(random) % 4 ? 20 : SRD_NAME_MAX);

	do {
		for (size_t i = 0; i < len; i++) {
			char c = (char)unit_random(random);
			name[i] = c == 0 || c == '/' ? 'x' : c;
		}
	} while (!srd_name_is_sound(name, len));
	return (uint8_t)len;
}

static inline void random_refs(uint64_t *random, struct random_op *it, uint64_t offset)
{
	it->op.ref_count = unit_random(random) % RANDOM_REFS_MAX;
	for (uint64_t i = 0; i < it->op.ref_count; i++) {
		struct srd_ref ref = {
			.pos = unit_random(random) % (SRD_FILE_LEN_MAX - SRD_RUN_LEN_MAX),
			.run = unit_random(random) % 4 ? unit_random(random) % offset / 8 * 8
			       : unit_random(random) % 2 ? SRD_RUN_PRUNED : 0,
			.len = 1 + (uint32_t)(unit_random(random) % SRD_RUN_LEN_MAX),
		};
		if (srd_ref_has_run(&ref))
			ref.skip = (uint32_t)(unit_random(random) % (SRD_RUN_LEN_MAX - ref.len + 1));
		srd_ref_encode(&ref, it->refs + i * SRD_REF_LEN);
	}
	it->op.refs = it->refs;
}

/* A payload length: often at the edges of the rules. */
static inline uint32_t random_len(uint64_t *random, uint32_t max)
{
	static const uint32_t edges[] = { 0, 1, 7, 8, 9, 62, 63, 64, 65, 4095, 4096, 4097, 8192, 65535, 65536 };
	uint32_t len = unit_random(random) % 2 ? edges[unit_random(random) % SRD_LEN(edges)]
	                                       : (uint32_t)(unit_random(random) % (unit_random(random) % 4 ? 100 : 20000));
	return SRD_MIN(len, max);
}

/* A sound op of KIND for a place at OFFSET, its payload (up to LEN_MAX bytes) at
 * DATA, which has that much. */
static inline void random_op(uint64_t *random, enum srd_op_kind kind, uint64_t offset,
                             const uint8_t *data, uint32_t len_max, struct random_op *it)
{
	struct srd_op *op = &it->op;
	bool flag = unit_random(random) % 2;

	*op = (struct srd_op){ .kind = kind };
	if (kind != SRD_OP_RUN)
		op->ino = 1 + unit_random(random) % SRD_INO_MAX;
	if (kind == SRD_OP_MAKE || kind == SRD_OP_RENAME || kind == SRD_OP_SETATTR || kind == SRD_OP_WRITE ||
	    kind == SRD_OP_REFS || kind == SRD_OP_XATTR)
		op->flags = flag;
	bool unnamed = kind == SRD_OP_MAKE && unit_random(random) % 4 == 0;
	if (kind == SRD_OP_SNAPSHOT)
		op->flags = (uint8_t)(unit_random(random) % 3);
	if (kind <= SRD_OP_RENAME || kind == SRD_OP_XATTR || kind == SRD_OP_SNAPSHOT) {
		op->name = it->name;
		op->name_len = unnamed ? 0 : random_name(random, it->name);
	}
	if (kind != SRD_OP_MAKE && kind != SRD_OP_RUN)
		op->prev = unit_random(random) % offset;
	if (kind <= SRD_OP_RENAME) {
		op->parent = unnamed ? 0 : 1 + unit_random(random) % SRD_INO_MAX;
		op->parent_prev = unit_random(random) % offset;
	}
	if (kind == SRD_OP_RENAME || (op->flags == SRD_OP_RENAMED && kind == SRD_OP_SNAPSHOT)) {
		op->new_name = it->new_name;
		op->new_name_len = random_name(random, it->new_name);
	}
	if (kind == SRD_OP_RENAME) {
		op->new_parent = unit_random(random);
		op->new_parent_prev = unit_random(random) % offset;
		op->victim = flag ? unit_random(random) : 0;
		op->victim_prev = flag ? unit_random(random) % offset : 0;
	}
	if (kind == SRD_OP_MAKE || kind == SRD_OP_SETATTR) {
		op->mode = (uint32_t)unit_random(random);
		op->uid = (uint32_t)unit_random(random);
		op->gid = (uint32_t)unit_random(random);
	}
	if (kind == SRD_OP_MAKE)
		op->rdev = (uint32_t)unit_random(random);
	if (kind == SRD_OP_SETATTR) {
		op->mask = (uint32_t)unit_random(random) & SRD_ATTR_ALL;
		op->size = unit_random(random) % SRD_FILE_LEN_MAX;
		op->atime_ns = (int64_t)unit_random(random);
		op->mtime_ns = (int64_t)unit_random(random);
		op->ctime_ns = (int64_t)unit_random(random);
		op->btime_ns = flag ? (int64_t)unit_random(random) : 0;
		op->sequence = flag ? unit_random(random) : 0;
	}
	if (kind == SRD_OP_NEXT) {
		op->cookie = 1 + unit_random(random) % (SRD_COOKIE_END - 1);
		op->next_ino = unit_random(random) % SRD_INO_MAX;
	}
	if (kind == SRD_OP_WRITE || kind == SRD_OP_HOLE)
		op->pos = unit_random(random) % (SRD_FILE_LEN_MAX / 2);
	if (kind == SRD_OP_HOLE)
		op->range_len = unit_random(random) % (SRD_FILE_LEN_MAX / 2);
	if (kind == SRD_OP_REFS)
		random_refs(random, it, offset);
	bool has_run = kind == SRD_OP_WRITE || kind == SRD_OP_RUN || (kind == SRD_OP_MAKE && flag) ||
	               (kind == SRD_OP_XATTR && !flag);
	it->data = has_run ? data : NULL;
	op->run.len = has_run ? random_len(random, len_max) : 0;
}

/* True if A and B say the same, wherever they lie. */
static inline bool same_op(const struct srd_op *a, const struct srd_op *b)
{
	return a->kind == b->kind && a->flags == b->flags && a->name_len == b->name_len &&
	       a->new_name_len == b->new_name_len && a->ino == b->ino && a->prev == b->prev &&
	       (a->name_len == 0 || memcmp(a->name, b->name, a->name_len) == 0) &&
	       (a->new_name_len == 0 || memcmp(a->new_name, b->new_name, a->new_name_len) == 0) &&
	       a->parent == b->parent && a->parent_prev == b->parent_prev &&
	       a->new_parent == b->new_parent && a->new_parent_prev == b->new_parent_prev &&
	       a->victim == b->victim && a->victim_prev == b->victim_prev && a->mode == b->mode &&
	       a->uid == b->uid && a->gid == b->gid && a->rdev == b->rdev && a->mask == b->mask &&
	       a->size == b->size && a->pos == b->pos && a->range_len == b->range_len &&
	       a->atime_ns == b->atime_ns && a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns && a->btime_ns == b->btime_ns && a->sequence == b->sequence &&
	       a->cookie == b->cookie && a->next_ino == b->next_ino &&
	       a->ref_count == b->ref_count &&
	       (a->ref_count == 0 || memcmp(a->refs, b->refs, a->ref_count * SRD_REF_LEN) == 0) &&
	       a->run.len == b->run.len;
}

#endif
