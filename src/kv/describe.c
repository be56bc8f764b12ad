/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "kv/describe.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"

/* A line that grows to the right and is never longer than its buffer. */
struct line {
	char *at, *end;
};

__attribute__((format(printf, 2, 3)))
static void add(struct line *line, const char *format, ...)
{
	size_t room = (size_t)(line->end - line->at);
	va_list args;

	va_start(args, format);
	int len = vsnprintf(line->at, room, format, args);
	va_end(args);
	if (len > 0)
		line->at += SRD_MIN((size_t)len, room - 1);
}

/* Quoted, with what would break a line or a terminal as \xHH. */
static void add_name(struct line *line, const char *name, size_t len)
{
	add(line, "\"");
	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)name[i];
		if (byte < 0x20 || byte == 0x7f || byte == '"' || byte == '\\')
			add(line, "\\x%02x", byte);
		else
			add(line, "%c", byte);
	}
	add(line, "\"");
}

static void add_run(struct line *line, const struct srd_op *op)
{
	if (op->has_run)
		add(line, ", %" PRIu32 " bytes at %" PRIu64, op->run.len, op->run.offset + op->run.distance);
}

static void add_make(struct line *line, const struct srd_op *op)
{
	if (op->parent) {
		add(line, " ");
		add_name(line, op->name, op->name_len);
		add(line, " in %" PRIu64, op->parent);
	}
	add(line, ", mode %06" PRIo32 ", owner %" PRIu32 ":%" PRIu32, op->mode, op->uid, op->gid);
	if (op->rdev)
		add(line, ", device %#" PRIx32, op->rdev);
}

static void add_rename(struct line *line, const struct srd_op *op)
{
	add(line, " ");
	add_name(line, op->name, op->name_len);
	add(line, " in %" PRIu64 " to ", op->parent);
	add_name(line, op->new_name, op->new_name_len);
	add(line, " in %" PRIu64, op->new_parent);
	if (op->victim)
		add(line, ", %s inode %" PRIu64, op->flags & SRD_OP_EXCHANGE ? "exchanged with" : "replacing", op->victim);
}

static void add_attributes(struct line *line, const struct srd_op *op)
{
	if (op->mask & SRD_ATTR_MODE)
		add(line, ", mode %04" PRIo32, op->mode & 07777);
	if (op->mask & SRD_ATTR_UID)
		add(line, ", uid %" PRIu32, op->uid);
	if (op->mask & SRD_ATTR_GID)
		add(line, ", gid %" PRIu32, op->gid);
	if (op->mask & SRD_ATTR_SIZE)
		add(line, ", size %" PRIu64, op->size);
	if (op->mask & SRD_ATTR_ATIME)
		add(line, ", atime %" PRId64, op->atime_ns);
	if (op->mask & SRD_ATTR_MTIME)
		add(line, ", mtime %" PRId64, op->mtime_ns);
	if (op->mask & SRD_ATTR_CTIME)
		add(line, ", ctime %" PRId64, op->ctime_ns);
	if (op->flags & SRD_OP_RESTATED)
		add(line, ", btime %" PRId64 ", as of commit %" PRIu64, op->btime_ns, op->sequence);
}

static void add_refs(struct line *line, const struct srd_op *op)
{
	uint64_t bytes = 0;

	for (uint64_t i = 0; i < op->ref_count; i++)
		bytes += srd_op_ref(op->refs, i).len;
	add(line, ", %" PRIu64 " pieces, %" PRIu64 " bytes", op->ref_count, bytes);
	if (op->ref_count > 0) {
		struct srd_ref first = srd_op_ref(op->refs, 0);
		add(line, ", the first to %" PRIu64 " from run %" PRIu64, first.pos, first.run);
	}
}

static uint64_t bytes_of_ranges(const struct srd_op *op)
{
	uint64_t bytes = 0;

	for (uint64_t i = 0; i < op->range_count; i++)
		bytes += srd_op_range(op->ranges, i).len;
	return bytes;
}

void srd_op_describe(const struct srd_op *op, char text[SRD_DESCRIBE_MAX])
{
	struct line line = { .at = text, .end = text + SRD_DESCRIBE_MAX };

	text[0] = 0;
	if (op->kind != SRD_OP_RUN)
		add(&line, "inode %" PRIu64, op->ino);
	switch (op->kind) {
	case SRD_OP_MAKE:
		add_make(&line, op);
		break;
	case SRD_OP_LINK:
	case SRD_OP_UNLINK:
		add(&line, " ");
		add_name(&line, op->name, op->name_len);
		add(&line, " in %" PRIu64, op->parent);
		break;
	case SRD_OP_RENAME:
		add_rename(&line, op);
		break;
	case SRD_OP_SETATTR:
		add_attributes(&line, op);
		break;
	case SRD_OP_WRITE:
		add(&line, "%s to %" PRIu64, op->flags & SRD_OP_REPLACE ? " anew," : ",", op->pos);
		break;
	case SRD_OP_REFS:
		if (op->flags & SRD_OP_REPLACE)
			add(&line, " anew");
		if (op->flags & SRD_OP_KEEP_SIZE)
			add(&line, " keeping its size");
		add_refs(&line, op);
		break;
	case SRD_OP_HOLE:
		add(&line, ", %" PRIu64 " bytes from %" PRIu64, op->range_len, op->pos);
		break;
	case SRD_OP_XATTR:
		add(&line, op->flags & SRD_OP_REMOVE ? " without " : " ");
		add_name(&line, op->name, op->name_len);
		break;
	case SRD_OP_FREE:
		break;
	case SRD_OP_REPAIR:
		add(&line, ", %" PRIu64 " damaged places", op->range_count);
		break;
	case SRD_OP_SNAPSHOT:
		add(&line, op->flags & SRD_OP_REMOVE ? " given up: " : " ");
		add_name(&line, op->name, op->name_len);
		if (op->flags & SRD_OP_RENAMED) {
			add(&line, " to ");
			add_name(&line, op->new_name, op->new_name_len);
		}
		break;
	case SRD_OP_TRIM:
		add(&line, ", %" PRIu64 " places, %" PRIu64 " bytes", op->range_count, bytes_of_ranges(op));
		break;
	case SRD_OP_NEXT:
		add(&line, ", next cookie %" PRIu64 ", next inode %" PRIu64, op->cookie, op->next_ino);
		break;
	case SRD_OP_RUN:
		add(&line, "%" PRIu32 " bytes at %" PRIu64, op->run.len, op->run.offset + op->run.distance);
		return;
	}
	add_run(&line, op);
}

void srd_record_describe(const struct srd_record *record, char text[SRD_DESCRIBE_MAX])
{
	struct line line = { .at = text, .end = text + SRD_DESCRIBE_MAX };

	text[0] = 0;
	add(&line, "%" PRIu32 " bytes of ops, epoch %08" PRIx32, record->meta_len, record->epoch);
	if (record->flags & SRD_RECORD_BASE)
		add(&line, ", restates what was compacted");
	if (record->durable)
		add(&line, ", durable below %" PRIu64, record->durable);
}
