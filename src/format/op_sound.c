/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op_sound.c - what an op may say by itself (FORMAT, section 4), whatever the state:
 * names where its kind has them, numbers within their ranges, lists in order.
 */
#include "config.h"

#include "format/op.h"

#include <string.h>

#include "base/check.h"
#include "base/le.h"

#define ONES (UINT64_C(0x0101010101010101))
#define HIGHS (UINT64_C(0x8080808080808080))

/* Not 0 if one of the bytes of WORD is a NUL or a slash. */
static uint64_t special_bytes(uint64_t word)
{
	uint64_t slash = word ^ (ONES * '/');

	return (((word - ONES) & ~word) | ((slash - ONES) & ~slash)) & HIGHS;
}

bool srd_name_is_special(const char *name, size_t len)
{
	uint64_t found = 0;

	if (len < 8) {
		for (size_t i = 0; i < len; i++)
			found |= name[i] == 0 || name[i] == '/';
		return found;
	}
	for (size_t i = 0; i < len - 8; i += 8)
		found |= special_bytes(srd_get64(name + i));
	return found | special_bytes(srd_get64(name + len - 8));
}

bool srd_name_is_sound(const char *name, size_t len)
{
	if (len == 0 || len > SRD_NAME_MAX || srd_name_is_special(name, len))
		return false;
	return !(name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')));
}

static bool refs_are_sound(const struct srd_op *op)
{
	for (uint64_t i = 0; i < op->ref_count; i++) {
		struct srd_ref ref = srd_op_ref(op->refs, i);
		if (ref.len == 0 || !srd_within(ref.pos, ref.len, SRD_FILE_LEN_MAX) ||
		    (ref.run % 8 != 0 && ref.run != SRD_RUN_PRUNED) || ref.run >= op->offset)
			return false;
		if (srd_ref_has_run(&ref) && !srd_within(ref.skip, ref.len, SRD_RUN_LEN_MAX))
			return false;
		/* No bytes lie behind the end: a file that grows shows zeros. */
		if (ref.run != 0 && (op->flags & SRD_OP_KEEP_SIZE))
			return false;
	}
	return true;
}

static bool ranges_are_sound(const struct srd_op *op)
{
	uint64_t end = 0;

	for (uint64_t i = 0; i < op->range_count; i++) {
		struct srd_range range = srd_op_range(op->ranges, i);
		if (range.len == 0 || !srd_within(range.offset, range.len, op->offset))
			return false;
		/* Looked for by halving. */
		if (op->kind == SRD_OP_TRIM && i > 0 && range.offset <= end)
			return false;
		end = range.offset + range.len;
	}
	return true;
}

/* Names where the kind has them and nowhere else. */
static bool names_are_sound(const struct srd_op *op)
{
	switch (op->kind) {
	case SRD_OP_MAKE:
		if (op->parent == 0)
			return op->name_len == 0;
		/* fall through */
	case SRD_OP_LINK:
	case SRD_OP_UNLINK:
		return srd_name_is_sound(op->name, op->name_len);
	case SRD_OP_RENAME:
		return srd_name_is_sound(op->name, op->name_len) &&
		       srd_name_is_sound(op->new_name, op->new_name_len);
	case SRD_OP_SNAPSHOT:
		return op->flags < (SRD_OP_REMOVE | SRD_OP_RENAMED) && srd_name_is_sound(op->name, op->name_len) &&
		       (op->flags & SRD_OP_RENAMED ? srd_name_is_sound(op->new_name, op->new_name_len)
		                                   : op->new_name_len == 0);
	case SRD_OP_XATTR:
		return op->name_len > 0 && !memchr(op->name, 0, op->name_len);
	default:
		return op->name_len == 0;
	}
}

/* Numbers within their ranges. */
static bool fields_are_sound(const struct srd_op *op)
{
	if (op->kind == SRD_OP_RUN)
		return true;
	/* A walk along prev goes back, or it might never end. */
	if (op->ino == 0 || op->ino > SRD_INO_MAX || op->prev >= op->offset ||
	    op->parent_prev >= op->offset || op->new_parent_prev >= op->offset ||
	    op->victim_prev >= op->offset)
		return false;
	switch (op->kind) {
	case SRD_OP_SETATTR:
		return op->size <= SRD_FILE_LEN_MAX && !(op->mask & ~(uint32_t)SRD_ATTR_ALL);
	case SRD_OP_WRITE:
		return srd_within(op->pos, op->run.len, SRD_FILE_LEN_MAX);
	case SRD_OP_HOLE:
		return srd_within(op->pos, op->range_len, SRD_FILE_LEN_MAX);
	case SRD_OP_REFS:
		return refs_are_sound(op);
	case SRD_OP_REPAIR:
	case SRD_OP_TRIM:
		return ranges_are_sound(op);
	case SRD_OP_NEXT:
		return op->cookie > 0 && op->cookie < SRD_COOKIE_END && op->next_ino <= SRD_INO_MAX;
	default:
		return true;
	}
}

bool srd_op_is_sound(const struct srd_op *op)
{
	return names_are_sound(op) && fields_are_sound(op);
}
