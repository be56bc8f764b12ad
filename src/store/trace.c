/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/trace.h"

enum { LOOK_BACK_BYTES = 64 << 20 };   /* from an op to the header of its record */

static bool is_sound(const struct srd_log *log, const struct srd_record *record)
{
	const uint8_t *bytes = srd_log_at(log, record->offset, record->len);
	uint64_t check;

	return bytes && srd_meta_check(bytes + SRD_HEADER_LEN, record->meta_len, record->offset + SRD_HEADER_LEN,
	                               record->offset + record->len, srd_superblock_seed(&log->sb, record->offset),
	                               &check) && check == record->meta_check;
}

/* The record that the op at OFFSET is in: the last one, or one that is looked at first. */
static bool find_record(struct srd_trace *trace, uint64_t offset)
{
	struct srd_record *record = &trace->record;

	if (offset >= record->offset + SRD_HEADER_LEN && offset - record->offset < SRD_HEADER_LEN + record->meta_len)
		return true;
	if (offset < SRD_FIRST_RECORD || offset % 8 != 0 ||
	    !srd_log_record_of(trace->log, offset, LOOK_BACK_BYTES, record) || record->type != SRD_RECORD_META ||
	    !is_sound(trace->log, record)) {
		record->len = record->meta_len = 0;
		return false;
	}
	return true;
}

int srd_trace_look(struct srd_trace *trace, uint64_t offset)
{
	if (!find_record(trace, offset))
		return SRD_EDAMAGED;
	uint64_t end = trace->record.offset + SRD_HEADER_LEN + trace->record.meta_len;
	return srd_op_decode(&trace->op, trace->log->map + offset, end - offset, offset,
	                     trace->record.offset + trace->record.len) ? 0 : SRD_EDAMAGED;
}

/* The op on INO before OP; 0: none. */
static uint64_t before(const struct srd_op *op, uint64_t ino)
{
	return op->ino == ino ? op->prev : op->victim == ino ? op->victim_prev : op->parent == ino ? op->parent_prev
	       : op->new_parent == ino ? op->new_parent_prev : 0;
}

int srd_trace_step(struct srd_trace *trace)
{
	uint64_t at = trace->next;
	int error = at ? srd_trace_look(trace, at) : 0;

	if (at == 0 || error)
		return error;
	uint64_t prev = before(&trace->op, trace->ino);
	bool made = trace->op.kind == SRD_OP_MAKE && trace->op.ino == trace->ino;
	trace->next = !made && prev < at ? prev : 0;
	return 1;
}

bool srd_trace_gives_name(const struct srd_op *op, uint64_t ino)
{
	return op->ino == ino && ((op->kind == SRD_OP_MAKE && op->parent != 0) || op->kind == SRD_OP_LINK);
}

bool srd_trace_takes_name(const struct srd_op *op, uint64_t ino)
{
	if (op->kind == SRD_OP_RENAME)
		return op->victim == ino && !(op->flags & SRD_OP_EXCHANGE);
	return op->kind == SRD_OP_UNLINK && op->ino == ino;
}

int srd_trace_find_mode(const struct srd_log *log, uint64_t ino, uint64_t from, uint32_t *mode)
{
	struct srd_trace trace = srd_trace_from(log, ino, from);
	int more;

	while ((more = srd_trace_step(&trace)) > 0)
		;
	if (more < 0 || trace.op.kind != SRD_OP_MAKE || trace.op.ino != ino)
		return SRD_EDAMAGED;
	*mode = trace.op.mode;
	return 0;
}
