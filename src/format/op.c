/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "format/op.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"

/* Where the fields of each kind lie. */
enum {
	AT_KIND = 0, AT_FLAGS = 1, AT_NAME_LEN = 2, AT_LEN = 4, AT_INO = 8,
	/* MAKE */
	AT_MAKE_PARENT = 16, AT_MAKE_PARENT_PREV = 24, AT_MAKE_MODE = 32, AT_MAKE_UID = 36,
	AT_MAKE_GID = 40, AT_MAKE_RDEV = 44,
	/* all others */
	AT_PREV = 16,
	/* LINK, UNLINK, RENAME */
	AT_PARENT = 24, AT_PARENT_PREV = 32,
	/* RENAME */
	AT_NEW_PARENT = 40, AT_NEW_PARENT_PREV = 48, AT_VICTIM = 56, AT_VICTIM_PREV = 64,
	AT_NEW_NAME_LEN = 72,
	/* SNAPSHOT */
	AT_SNAPSHOT_NEW_LEN = 24,
	/* SETATTR */
	AT_MASK = 24, AT_MODE = 28, AT_UID = 32, AT_GID = 36, AT_SIZE = 40, AT_ATIME = 48,
	AT_MTIME = 56, AT_CTIME = 64, AT_BTIME = 72, AT_RESTATED_SEQUENCE = 80,
	/* WRITE, HOLE */
	AT_POS = 24, AT_RANGE_LEN = 32,
	/* REFS, REPAIR, TRIM */
	AT_COUNT = 24, AT_REFS = 32,
	/* NEXT */
	AT_COOKIE = 24, AT_NEXT_INO = 32,
};

/* Bytes before the name; 0: no such kind. */
static const uint8_t fixed_len[] = {
	[SRD_OP_MAKE] = 48, [SRD_OP_LINK] = 40, [SRD_OP_UNLINK] = 40, [SRD_OP_RENAME] = 80,
	[SRD_OP_SETATTR] = 72, [SRD_OP_WRITE] = 32, [SRD_OP_REFS] = 32, [SRD_OP_HOLE] = 40,
	[SRD_OP_XATTR] = 24, [SRD_OP_FREE] = 24, [SRD_OP_RUN] = 8,
	[SRD_OP_REPAIR] = 32, [SRD_OP_SNAPSHOT] = 32, [SRD_OP_TRIM] = 32, [SRD_OP_NEXT] = 40,
};
enum { RESTATED_LEN = 16 };

static const uint8_t known_flags[] = {
	[SRD_OP_MAKE] = SRD_OP_CONTENT, [SRD_OP_RENAME] = SRD_OP_EXCHANGE,
	[SRD_OP_WRITE] = SRD_OP_REPLACE, [SRD_OP_REFS] = SRD_OP_REPLACE | SRD_OP_KEEP_SIZE,
	[SRD_OP_XATTR] = SRD_OP_REMOVE, [SRD_OP_SETATTR] = SRD_OP_RESTATED, [SRD_OP_RUN] = 0, [SRD_OP_REPAIR] = 0,
	[SRD_OP_SNAPSHOT] = SRD_OP_REMOVE | SRD_OP_RENAMED, [SRD_OP_TRIM] = 0, [SRD_OP_NEXT] = 0,
};

static uint32_t fields_len(enum srd_op_kind kind, uint8_t flags)
{
	return fixed_len[kind] + (kind == SRD_OP_SETATTR && flags & SRD_OP_RESTATED ? RESTATED_LEN : 0);
}

static bool kind_has_run(enum srd_op_kind kind, uint8_t flags)
{
	switch (kind) {
	case SRD_OP_WRITE:
	case SRD_OP_RUN: return true;
	case SRD_OP_MAKE: return flags & SRD_OP_CONTENT;
	case SRD_OP_XATTR: return !(flags & SRD_OP_REMOVE);
	default: return false;
	}
}

static bool kind_has_two_names(enum srd_op_kind kind)
{
	return kind == SRD_OP_RENAME || kind == SRD_OP_SNAPSHOT;
}

/* Offset of the run (or of the end) of OP: past fields, names and references. */
static uint64_t run_offset(const struct srd_op *op)
{
	uint64_t names = (uint64_t)op->name_len + (kind_has_two_names(op->kind) ? op->new_name_len : 0);
	uint64_t list = op->kind == SRD_OP_REFS ? op->ref_count * SRD_REF_LEN
	                : op->kind == SRD_OP_REPAIR || op->kind == SRD_OP_TRIM ? op->range_count * SRD_RANGE_LEN : 0;

	return fields_len(op->kind, op->flags) + SRD_ALIGN_UP(names, 8) + list;
}

/* Bytes that OP, whose run is to lie at RUN_AT, will take. */
static uint64_t len_with_run(const struct srd_op *op, uint64_t run_at)
{
	uint64_t len = run_at;

	if (kind_has_run(op->kind, op->flags)) {
		len += srd_run_bytes(op->run.len);
		if (srd_run_is_inline(op->run.len))
			len += SRD_ALIGN_UP(op->run.len, 8);
	}
	return len;
}

size_t srd_op_encoded_len(const struct srd_op *op)
{
	return len_with_run(op, run_offset(op));
}

static void encode_run(uint32_t len, const uint8_t *data, uint8_t *bytes)
{
	uint64_t run_len = srd_run_bytes(len);

	srd_put32(bytes, len);
	srd_put32(bytes + 4, (uint32_t)run_len);
	for (uint32_t at = 0, i = 0; at < len; at += SRD_BLOCK_LEN, i++)
		srd_put64(bytes + 8 + 8 * i, srd_hash(data + at, SRD_MIN(len - at, SRD_BLOCK_LEN), 0));
	if (srd_run_is_inline(len) && len > 0) {
		srd_put64(bytes + run_len + (len - 1) / 8 * 8, 0);
		memcpy(bytes + run_len, data, len);
	}
}

static void encode_fields(const struct srd_op *op, uint8_t *bytes)
{
	switch (op->kind) {
	case SRD_OP_MAKE:
		srd_put64(bytes + AT_MAKE_PARENT, op->parent);
		srd_put64(bytes + AT_MAKE_PARENT_PREV, op->parent_prev);
		srd_put32(bytes + AT_MAKE_MODE, op->mode);
		srd_put32(bytes + AT_MAKE_UID, op->uid);
		srd_put32(bytes + AT_MAKE_GID, op->gid);
		srd_put32(bytes + AT_MAKE_RDEV, op->rdev);
		return;
	case SRD_OP_RENAME:
		srd_put64(bytes + AT_NEW_PARENT, op->new_parent);
		srd_put64(bytes + AT_NEW_PARENT_PREV, op->new_parent_prev);
		srd_put64(bytes + AT_VICTIM, op->victim);
		srd_put64(bytes + AT_VICTIM_PREV, op->victim_prev);
		srd_put64(bytes + AT_NEW_NAME_LEN, op->new_name_len);
		/* fall through */
	case SRD_OP_LINK:
	case SRD_OP_UNLINK:
		srd_put64(bytes + AT_PARENT, op->parent);
		srd_put64(bytes + AT_PARENT_PREV, op->parent_prev);
		break;
	case SRD_OP_SETATTR:
		srd_put32(bytes + AT_MASK, op->mask);
		srd_put32(bytes + AT_MODE, op->mode);
		srd_put32(bytes + AT_UID, op->uid);
		srd_put32(bytes + AT_GID, op->gid);
		srd_put64(bytes + AT_SIZE, op->size);
		srd_put64(bytes + AT_ATIME, (uint64_t)op->atime_ns);
		srd_put64(bytes + AT_MTIME, (uint64_t)op->mtime_ns);
		srd_put64(bytes + AT_CTIME, (uint64_t)op->ctime_ns);
		if (op->flags & SRD_OP_RESTATED) {
			srd_put64(bytes + AT_BTIME, (uint64_t)op->btime_ns);
			srd_put64(bytes + AT_RESTATED_SEQUENCE, op->sequence);
		}
		break;
	case SRD_OP_HOLE:
		srd_put64(bytes + AT_RANGE_LEN, op->range_len);
		/* fall through */
	case SRD_OP_WRITE:
		srd_put64(bytes + AT_POS, op->pos);
		break;
	case SRD_OP_REFS:
		srd_put64(bytes + AT_COUNT, op->ref_count);
		if (op->ref_count > 0)
			memcpy(bytes + AT_REFS, op->refs, op->ref_count * SRD_REF_LEN);
		break;
	case SRD_OP_REPAIR:
	case SRD_OP_TRIM:
		srd_put64(bytes + AT_COUNT, op->range_count);
		if (op->range_count > 0)
			memcpy(bytes + AT_REFS, op->ranges, op->range_count * SRD_RANGE_LEN);
		break;
	case SRD_OP_SNAPSHOT:
		srd_put64(bytes + AT_SNAPSHOT_NEW_LEN, op->new_name_len);
		break;
	case SRD_OP_NEXT:
		srd_put64(bytes + AT_COOKIE, op->cookie);
		srd_put64(bytes + AT_NEXT_INO, op->next_ino);
		break;
	case SRD_OP_XATTR:
	case SRD_OP_FREE:
		break;
	case SRD_OP_RUN:
		return;
	}
	srd_put64(bytes + AT_PREV, op->prev);
}

void srd_op_encode(const struct srd_op *op, const void *data, uint8_t *bytes, size_t *run_at)
{
	uint64_t run = run_offset(op);
	uint8_t *name = bytes + fields_len(op->kind, op->flags);

	bytes[AT_KIND] = (uint8_t)op->kind;
	bytes[AT_FLAGS] = op->flags;
	srd_put16(bytes + AT_NAME_LEN, op->name_len);
	srd_put32(bytes + AT_LEN, (uint32_t)len_with_run(op, run));
	if (op->kind != SRD_OP_RUN)
		srd_put64(bytes + AT_INO, op->ino);
	encode_fields(op, bytes);
	if (op->name_len > 0) {
		srd_put64(bytes + run - 8, 0);
		memcpy(name, op->name, op->name_len);
		if (op->new_name_len > 0 && kind_has_two_names(op->kind)) {
			/* Two names can end in a word of their own. */
			memset(name + op->name_len, 0, bytes + run - (name + op->name_len));
			memcpy(name + op->name_len, op->new_name, op->new_name_len);
		}
	}
	*run_at = run;
	if (kind_has_run(op->kind, op->flags))
		encode_run(op->run.len, data, bytes + run);
}

bool srd_run_decode(struct srd_run *run, const uint8_t *bytes, size_t available, uint64_t offset)
{
	if (available < SRD_RUN_FIXED_LEN)
		return false;
	uint32_t len = srd_get32(bytes);
	uint32_t distance = srd_get32(bytes + 4);
	if (len > SRD_RUN_LEN_MAX || srd_run_bytes(len) > available || distance < srd_run_bytes(len))
		return false;
	if (srd_run_is_inline(len) ? distance != srd_run_bytes(len)
	                           : (offset + distance) % srd_payload_align(len) != 0)
		return false;
	*run = (struct srd_run){ .offset = offset, .len = len, .distance = distance, .checks = bytes + 8 };
	return true;
}

/* The fields of the kind; the op's length covers them. */
static void decode_fields(struct srd_op *op, const uint8_t *bytes)
{
	if (op->kind == SRD_OP_RUN)
		return;
	op->ino = srd_get64(bytes + AT_INO);
	op->prev = srd_get64(bytes + AT_PREV);
	switch (op->kind) {
	case SRD_OP_MAKE:
		op->prev = 0;
		op->parent = srd_get64(bytes + AT_MAKE_PARENT);
		op->parent_prev = srd_get64(bytes + AT_MAKE_PARENT_PREV);
		op->mode = srd_get32(bytes + AT_MAKE_MODE);
		op->uid = srd_get32(bytes + AT_MAKE_UID);
		op->gid = srd_get32(bytes + AT_MAKE_GID);
		op->rdev = srd_get32(bytes + AT_MAKE_RDEV);
		break;
	case SRD_OP_RENAME:
		op->new_parent = srd_get64(bytes + AT_NEW_PARENT);
		op->new_parent_prev = srd_get64(bytes + AT_NEW_PARENT_PREV);
		op->victim = srd_get64(bytes + AT_VICTIM);
		op->victim_prev = srd_get64(bytes + AT_VICTIM_PREV);
		op->new_name_len = bytes[AT_NEW_NAME_LEN];   /* the rest: see padding_is_zero */
		/* fall through */
	case SRD_OP_LINK:
	case SRD_OP_UNLINK:
		op->parent = srd_get64(bytes + AT_PARENT);
		op->parent_prev = srd_get64(bytes + AT_PARENT_PREV);
		break;
	case SRD_OP_SETATTR:
		op->mask = srd_get32(bytes + AT_MASK);
		op->mode = srd_get32(bytes + AT_MODE);
		op->uid = srd_get32(bytes + AT_UID);
		op->gid = srd_get32(bytes + AT_GID);
		op->size = srd_get64(bytes + AT_SIZE);
		op->atime_ns = (int64_t)srd_get64(bytes + AT_ATIME);
		op->mtime_ns = (int64_t)srd_get64(bytes + AT_MTIME);
		op->ctime_ns = (int64_t)srd_get64(bytes + AT_CTIME);
		if (op->flags & SRD_OP_RESTATED) {
			op->btime_ns = (int64_t)srd_get64(bytes + AT_BTIME);
			op->sequence = srd_get64(bytes + AT_RESTATED_SEQUENCE);
		}
		break;
	case SRD_OP_SNAPSHOT:
		op->new_name_len = bytes[AT_SNAPSHOT_NEW_LEN];
		break;
	case SRD_OP_HOLE:
		op->range_len = srd_get64(bytes + AT_RANGE_LEN);
		/* fall through */
	case SRD_OP_WRITE:
		op->pos = srd_get64(bytes + AT_POS);
		break;
	case SRD_OP_REFS:
		op->ref_count = srd_get64(bytes + AT_COUNT);
		op->refs = bytes + AT_REFS;
		break;
	case SRD_OP_REPAIR:
	case SRD_OP_TRIM:
		op->range_count = srd_get64(bytes + AT_COUNT);
		op->ranges = bytes + AT_REFS;
		break;
	case SRD_OP_NEXT:
		op->cookie = srd_get64(bytes + AT_COOKIE);
		op->next_ino = srd_get64(bytes + AT_NEXT_INO);
		break;
	default:
		break;
	}
}

/* The zeros that the check covers are zero: behind the names, and beside a
 * length.  Those behind inline payload are not looked at: rot there must cost no
 * more than rot in the payload, which is nothing. */
static bool padding_is_zero(const struct srd_op *op, const uint8_t *bytes)
{
	uint32_t names_len = (uint32_t)op->name_len + op->new_name_len;
	uint32_t spare = (8 - names_len % 8) % 8;
	uint64_t last = 0;

	if ((op->kind == SRD_OP_RENAME && srd_get64(bytes + AT_NEW_NAME_LEN) != op->new_name_len) ||
	    (op->kind == SRD_OP_SNAPSHOT && srd_get64(bytes + AT_SNAPSHOT_NEW_LEN) != op->new_name_len))
		return false;
	memcpy(&last, op->name + names_len, spare);
	return last == 0;
}

/* The run at RUN_AT within OP, and how far OP is covered by the check. */
static bool decode_run(struct srd_op *op, const uint8_t *bytes, uint64_t run_at, uint64_t record_end)
{
	if (!srd_run_decode(&op->run, bytes + run_at, op->len - run_at, op->offset + run_at))
		return false;
	op->has_run = true;
	op->covered = (uint32_t)(run_at + srd_run_bytes(op->run.len));
	if (srd_run_is_inline(op->run.len))
		return op->len == op->covered + SRD_ALIGN_UP(op->run.len, 8);
	return op->len == op->covered &&
	       srd_within(op->run.offset + op->run.distance, op->run.len, record_end);
}

bool srd_op_decode(struct srd_op *op, const uint8_t *bytes, size_t available,
                   uint64_t offset, uint64_t record_end)
{
	if (available < 8)
		return false;
	enum srd_op_kind kind = bytes[AT_KIND];
	uint8_t flags = bytes[AT_FLAGS];
	uint16_t name_len = srd_get16(bytes + AT_NAME_LEN);
	uint32_t len = srd_get32(bytes + AT_LEN);

	if (kind >= SRD_LEN(fixed_len) || fixed_len[kind] == 0 || (flags & ~known_flags[kind]) ||
	    name_len > SRD_NAME_MAX || len % 8 != 0 || len > available || len < fields_len(kind, flags))
		return false;
	*op = (struct srd_op){ .kind = kind, .flags = flags, .name_len = (uint8_t)name_len,
	                       .offset = offset, .len = len, .covered = len };
	decode_fields(op, bytes);
	if (op->ref_count > len / SRD_REF_LEN || op->range_count > len / SRD_RANGE_LEN)
		return false;
	uint64_t run_at = run_offset(op);
	if (run_at > len)
		return false;
	op->name = (const char *)bytes + fields_len(kind, flags);
	op->new_name = op->name + name_len;
	op->name_offset = offset + fields_len(kind, flags) + (op->new_name_len > 0 ? name_len : 0);
	if (kind_has_run(kind, flags) ? !decode_run(op, bytes, run_at, record_end) : run_at != len)
		return false;
	return padding_is_zero(op, bytes) && srd_op_is_sound(op);
}

uint32_t srd_op_covered(const uint8_t *bytes)
{
	struct srd_op op = { .kind = bytes[AT_KIND], .flags = bytes[AT_FLAGS],
	                     .name_len = (uint8_t)srd_get16(bytes + AT_NAME_LEN) };
	uint32_t len = srd_get32(bytes + AT_LEN);

	if (!kind_has_run(op.kind, op.flags))
		return len;
	uint64_t run = run_offset(&op);
	return (uint32_t)(run + srd_run_bytes(srd_get32(bytes + run)));
}

uint64_t srd_op_fold(const struct srd_op *op, const uint8_t *bytes, uint64_t h)
{
	return srd_hash(bytes, op->covered, h);
}

const char *srd_op_kind_name(enum srd_op_kind kind)
{
	static const char *const names[] = {
		[SRD_OP_MAKE] = "make", [SRD_OP_LINK] = "link", [SRD_OP_UNLINK] = "unlink",
		[SRD_OP_RENAME] = "rename", [SRD_OP_SETATTR] = "setattr", [SRD_OP_WRITE] = "write",
		[SRD_OP_REFS] = "refs", [SRD_OP_HOLE] = "hole", [SRD_OP_XATTR] = "xattr",
		[SRD_OP_FREE] = "free", [SRD_OP_RUN] = "run", [SRD_OP_REPAIR] = "repair",
		[SRD_OP_SNAPSHOT] = "snapshot", [SRD_OP_TRIM] = "trim", [SRD_OP_NEXT] = "next",
	};
	return kind < SRD_LEN(names) && names[kind] ? names[kind] : "?";
}
