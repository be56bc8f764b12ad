/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forge.c - a program of a few bytes becomes a log whose records are all sound and
 * whose ops are not: unknown, repeated and absurd numbers, names that may not be,
 * cycles, references to anywhere, marks and sequences that jump, records in records.
 *
 * Small numbers mean the likely, so that ops meet; large ones the absurd.  An op that
 * does not decode takes its whole record with it, so those are rare: bytes from ODD on.
 */
#include "config.h"

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/le.h"
#include "format/draft.h"

enum { ODD = 252, RUNS_MAX = 64, LOG_MAX = 1 << 20, PAYLOAD_MAX = 70000 };

struct forge {
	const uint8_t *at, *end;      /* the program */
	uint8_t *log;
	size_t len;
	struct srd_superblock sb;
	struct srd_draft draft;
	struct srd_record last;
	uint64_t runs[RUNS_MAX];      /* offsets of some in the log */
	unsigned run_count;
	uint64_t next_ino;
	uint8_t payload[PAYLOAD_MAX];
};

static uint8_t take(struct forge *forge)
{
	return forge->at < forge->end ? *forge->at++ : 0;
}

static uint64_t take64(struct forge *forge)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | take(forge);
	return value;
}

/* Below 16 of these: root and its first children. */
static uint64_t take_ino(struct forge *forge)
{
	uint8_t byte = take(forge);

	if (byte < 208)
		return byte % 16 + 1u;
	return byte < 250 ? (uint64_t)byte << (byte % 48) : take64(forge);
}

/* Mostly the root, or there would be few that are reached. */
static uint64_t take_dir(struct forge *forge)
{
	uint8_t byte = take(forge);

	return byte < 130 ? SRD_ROOT_INO : byte < ODD ? byte % 12 + 1u : take_ino(forge);
}

/* The number of something new, mostly one that is new. */
static uint64_t take_new_ino(struct forge *forge)
{
	return take(forge) < 230 ? ++forge->next_ino : take_ino(forge);
}

static uint64_t take_number(struct forge *forge)
{
	static const uint64_t edges[] = { 0, 1, 63, 64, 4095, 4096, 65536, UINT32_MAX, SRD_RUN_LEN_MAX,
		UINT64_C(1) << 40, SRD_FILE_LEN_MAX - 100000 };
	uint8_t byte = take(forge);

	if (byte < 160)
		return (uint64_t)byte * take(forge);
	return byte < ODD ? edges[byte % SRD_LEN(edges)] : take64(forge);
}

static uint8_t take_name(struct forge *forge, const char **name)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "f", "user.x", "user.y", "a", "b",
		"system.posix_acl_access", "security.capability", "g", "\xff\n", ".srd", "-rf" };
	static const char *const unsound[] = { ".", "..", "a/b", "" };
	static const char nuls[256] = "nul";
	uint8_t byte = take(forge);

	if (byte == 255) {
		*name = nuls;
		return take(forge);
	}
	if (byte >= ODD - 1) {
		*name = unsound[byte % SRD_LEN(unsound)];
		return (uint8_t)strlen(*name);
	}
	*name = names[byte % SRD_LEN(names)];
	return (uint8_t)strlen(*name);
}

static uint32_t take_payload_len(struct forge *forge)
{
	uint8_t byte = take(forge);

	return byte < 128 ? byte : byte < 240 ? (byte - 127u) * 60 : (uint32_t)(byte - 239) * 4100;
}

static uint64_t take_run(struct forge *forge)
{
	uint8_t byte = take(forge);

	if (byte < 200 && forge->run_count > 0)
		return forge->runs[byte % forge->run_count];
	return byte < 212 ? 0 : byte < 220 ? SRD_RUN_PRUNED : (forge->len / 8 * (byte - 220u) / 34 * 8);
}

static void take_refs(struct forge *forge, struct srd_op *op, uint8_t refs[8 * SRD_REF_LEN])
{
	op->ref_count = take(forge) % 9;
	for (uint64_t i = 0; i < op->ref_count && i < 8; i++) {
		struct srd_ref ref = { .pos = take_number(forge), .run = take_run(forge),
		                       .skip = (uint32_t)take_number(forge), .len = (uint32_t)take_number(forge) };
		if (take(forge) < ODD) {
			ref.skip %= 1 << 22;
			ref.len = ref.len % (1 << 22) + 1;
		}
		srd_ref_encode(&ref, refs + i * SRD_REF_LEN);
	}
	op->ref_count = SRD_MIN(op->ref_count, 8u);
	op->refs = refs;
}

/* Mostly of what the log has so far, and apart. */
static void take_ranges(struct forge *forge, struct srd_op *op, uint8_t ranges[4 * SRD_RANGE_LEN])
{
	uint64_t at = 0;

	op->range_count = take(forge) % 5;
	for (uint64_t i = 0; i < op->range_count; i++) {
		struct srd_range range = { .offset = at + (uint64_t)take(forge) * 64, .len = (uint64_t)take(forge) * 64 };
		if (take(forge) >= ODD)
			range = (struct srd_range){ .offset = take_number(forge), .len = take_number(forge) };
		at = range.offset + range.len;
		srd_range_encode(&range, ranges + i * SRD_RANGE_LEN);
	}
	op->ranges = ranges;
}

static uint32_t take_mode(struct forge *forge)
{
	static const uint32_t types[] = { 0100000, 0040000, 0120000, 0100000, 0040000, 0010000, 0020000, 0060000,
		0140000, 0, 0170000 };
	uint8_t byte = take(forge);

	return types[byte % SRD_LEN(types)] | (uint32_t)(byte & 0xe0) << 4 | 0700;
}

static uint8_t take_flags(struct forge *forge, enum srd_op_kind kind)
{
	bool known = kind == SRD_OP_MAKE || kind == SRD_OP_RENAME || kind == SRD_OP_WRITE || kind == SRD_OP_REFS ||
	             kind == SRD_OP_XATTR || kind == SRD_OP_SETATTR;
	uint8_t byte = take(forge);

	return byte >= ODD ? byte : known ? byte & 1 : 0;
}

/* What the kind has no field for does no harm. */
static void take_op(struct forge *forge, enum srd_op_kind kind)
{
	uint8_t refs[8 * SRD_REF_LEN], ranges[4 * SRD_RANGE_LEN];
	struct srd_op op = { .kind = kind };
	const void *data = forge->payload;
	uint64_t run_at;

	op.flags = take_flags(forge, kind);
	op.ino = kind == SRD_OP_MAKE ? take_new_ino(forge) : take_ino(forge);
	op.name_len = take_name(forge, &op.name);
	op.parent = take_dir(forge);
	if (kind == SRD_OP_MAKE)
		op.mode = take_mode(forge);
	if (kind == SRD_OP_RENAME) {
		op.new_parent = take_dir(forge);
		op.victim = take(forge) % 2 ? take_ino(forge) : 0;
		op.new_name_len = take_name(forge, &op.new_name);
	}
	if (kind == SRD_OP_SETATTR) {
		op.mask = take(forge) & SRD_ATTR_ALL;
		op.mode = take_mode(forge);
		op.size = take_number(forge);
		op.mtime_ns = (int64_t)take_number(forge);
	}
	if (kind == SRD_OP_SETATTR && op.flags & SRD_OP_RESTATED) {
		op.btime_ns = (int64_t)take_number(forge);
		op.sequence = take_number(forge);
	}
	if (kind == SRD_OP_NEXT) {
		op.cookie = take_number(forge) + 1;
		op.next_ino = take_number(forge);
	}
	if (kind == SRD_OP_WRITE || kind == SRD_OP_HOLE)
		op.pos = take_number(forge);
	op.range_len = kind == SRD_OP_HOLE ? take_number(forge) : 0;
	if (kind == SRD_OP_REFS)
		take_refs(forge, &op, refs);
	if (kind == SRD_OP_REPAIR || kind == SRD_OP_TRIM)
		take_ranges(forge, &op, ranges);
	bool is_named = kind <= SRD_OP_RENAME || kind == SRD_OP_XATTR || kind == SRD_OP_SNAPSHOT;
	if (kind == SRD_OP_SNAPSHOT && op.flags & SRD_OP_RENAMED)
		op.new_name_len = take_name(forge, &op.new_name);
	if (!is_named || (kind == SRD_OP_MAKE && op.parent == 0))
		op.name_len = 0;
	bool has_run = kind == SRD_OP_WRITE || kind == SRD_OP_RUN || (kind == SRD_OP_MAKE && (op.flags & 1)) ||
	               (kind == SRD_OP_XATTR && !(op.flags & 1));
	if (has_run)
		op.run.len = take_payload_len(forge);
	op.prev = take(forge) < ODD ? 0 : take_number(forge);
	if (srd_draft_add(&forge->draft, &op, has_run ? data : NULL, NULL, &run_at) == 0 && has_run &&
	    forge->run_count < RUNS_MAX)
		forge->runs[forge->run_count++] = forge->len + run_at;
}

/* Copies the laid-out record to the end of the log. */
static void put_record(struct forge *forge)
{
	for (size_t i = 0; i < forge->draft.iov_count; i++) {
		const struct iovec *iov = &forge->draft.iov[i];
		if (iov->iov_len > LOG_MAX - forge->len)
			return;
		memcpy(forge->log + forge->len, iov->iov_base, iov->iov_len);
		forge->len += iov->iov_len;
	}
}

/* Half of them make something. */
static enum srd_op_kind take_kind(uint8_t byte)
{
	if (byte < 120)
		return SRD_OP_MAKE;
	if (byte < 236)
		return byte % 10 + 1u;
	if (byte < ODD)
		return byte < 244 ? SRD_OP_SNAPSHOT : SRD_OP_NEXT;
	return byte == ODD ? SRD_OP_REPAIR : byte == ODD + 1 ? SRD_OP_TRIM : SRD_OP_RUN;
}

static void take_record(struct forge *forge)
{
	uint8_t byte = take(forge);
	enum srd_record_type type = byte < 200 ? SRD_RECORD_META : (enum srd_record_type)(byte % 5 + 1);
	unsigned ops = take(forge) % 8 + 1u;

	/* A store in a store: what we have so far becomes payload. */
	if (byte > 240)
		memcpy(forge->payload, forge->log, SRD_MIN(forge->len, sizeof forge->payload));
	srd_draft_start(&forge->draft, type);
	for (unsigned i = 0; i < ops && type <= SRD_RECORD_DATA; i++) {
		uint8_t kind = take(forge);
		take_op(forge, type == SRD_RECORD_DATA && kind < ODD ? SRD_OP_RUN : take_kind(kind));
	}
	if (srd_draft_layout(&forge->draft, forge->len) != 0 || forge->draft.record_len > LOG_MAX - forge->len)
		return;
	uint8_t odd = take(forge);
	struct srd_record record = {
		.flags = type == SRD_RECORD_META && odd % 8 == 3 ? SRD_RECORD_BASE : 0,
		.offset = forge->len, .prev = forge->last.offset,
		.prev_check = odd == 255 ? 1 : forge->last.check,
		.sequence = odd == 254 ? take64(forge) : forge->last.sequence + (type == SRD_RECORD_META),
		.time_ns = (int64_t)(odd == 253 ? take64(forge) : forge->len),
		.durable = odd < 64 ? forge->len : odd < 128 ? forge->last.durable : 0,
		.epoch = 7,
	};
	srd_draft_seal(&forge->draft, &forge->sb, &record);
	put_record(forge);
	/* Rot: known to be durable or not. */
	if (odd >= 250 && odd <= 252)
		forge->log[record.offset + take(forge) % record.len] ^= 1;
	forge->last = record;
}

size_t fuzz_forge(const uint8_t *data, size_t len, uint8_t **log)
{
	struct forge *forge = calloc(1, sizeof *forge);

	forge->at = data;
	forge->end = data + len;
	forge->log = malloc(LOG_MAX);
	fuzz_superblock(&forge->sb, forge->log);
	forge->len = SRD_SUPERBLOCK_LEN;
	forge->last = (struct srd_record){ .check = forge->sb.check };
	forge->next_ino = SRD_ROOT_INO;
	for (size_t i = 0; i < sizeof forge->payload; i++)
		forge->payload[i] = (uint8_t)(i * 7 + i / 251);
	srd_draft_init(&forge->draft);
	while (forge->at < forge->end && forge->len < LOG_MAX / 2)
		take_record(forge);
	size_t made = forge->len;
	/* A torn tail now and then. */
	if (len > 0 && data[len - 1] > 240)
		made -= SRD_MIN(made - SRD_SUPERBLOCK_LEN, (size_t)data[len - 1]);
	*log = forge->log;
	srd_draft_release(&forge->draft);
	free(forge);
	return made;
}
