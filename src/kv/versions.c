/* SPDX-License-Identifier: Apache-2.0 */
/*
 * versions.c - what a file was, commit by commit: its trace (store/trace.h) is walked back to
 * its beginning, and then told forwards, for the size of a version comes from those before.
 */
#include "config.h"

#include "kv/versions.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/check.h"
#include "base/cleanup.h"
#include "kv/kv.h"
#include "store/trace.h"

struct telling {
	const struct srd_log *log;
	uint64_t ino;
	struct srd_version *list;
	size_t count, cap;
	uint64_t record;          /* that the last version is of */
};

static uint64_t after(uint64_t pos, uint64_t len)
{
	uint64_t end;

	return __builtin_add_overflow(pos, len, &end) ? UINT64_MAX : end;
}

static bool is_given_up(const struct srd_log *log, uint64_t run_at, uint64_t skip, uint64_t len)
{
	struct srd_run run;

	if (run_at == SRD_RUN_PRUNED)
		return true;
	return atomic_load(&log->trim) != 0 && srd_log_run(log, run_at, &run) &&
	       srd_log_is_trimmed(log, run.offset + run.distance + skip, len);
}

static void tell_content(const struct telling *telling, const struct srd_op *op, struct srd_version *version)
{
	bool anew = op->kind != SRD_OP_MAKE && op->flags & SRD_OP_REPLACE;
	uint64_t size = anew ? 0 : version->size;

	if (op->has_run) {
		size = SRD_MAX(size, after(op->pos, op->run.len));
		version->written_bytes += op->run.len;
		if (is_given_up(telling->log, op->run.offset, 0, op->run.len))
			version->changes |= SRD_CHANGED_GIVEN_UP;
	}
	for (uint64_t i = 0; i < op->ref_count; i++) {
		struct srd_ref ref = srd_op_ref(op->refs, i);
		bool grows = op->kind == SRD_OP_REFS && !(op->flags & SRD_OP_KEEP_SIZE);
		size = grows ? SRD_MAX(size, after(ref.pos, ref.len)) : size;
		version->written_bytes += ref.run ? ref.len : 0;
		if (ref.run && is_given_up(telling->log, ref.run, ref.skip, ref.len))
			version->changes |= SRD_CHANGED_GIVEN_UP;
	}
	version->size = size;
	version->changes |= SRD_CHANGED_CONTENT;
}

static void tell_attributes(const struct srd_op *op, struct srd_version *version)
{
	if (op->mask & SRD_ATTR_MODE)
		version->mode = (version->mode & S_IFMT) | (op->mode & 07777);
	if (op->mask & SRD_ATTR_UID)
		version->uid = op->uid;
	if (op->mask & SRD_ATTR_GID)
		version->gid = op->gid;
	if (op->mask & SRD_ATTR_SIZE) {
		version->size = op->size;
		version->changes |= SRD_CHANGED_CONTENT;
	}
	if (op->mask & ~(uint32_t)SRD_ATTR_SIZE)
		version->changes |= SRD_CHANGED_ATTRIBUTES;
	if (op->flags & SRD_OP_RESTATED)
		version->sequence = op->sequence;
}

static void tell_own(const struct telling *telling, const struct srd_op *op, struct srd_version *version)
{
	switch (op->kind) {
	case SRD_OP_MAKE:
		version->mode = op->mode;
		version->uid = op->uid;
		version->gid = op->gid;
		version->changes |= SRD_CHANGED_MADE;
		if (op->has_run)
			tell_content(telling, op, version);
		break;
	case SRD_OP_WRITE:
	case SRD_OP_REFS:
	case SRD_OP_HOLE:
		tell_content(telling, op, version);
		break;
	case SRD_OP_SETATTR:
		tell_attributes(op, version);
		break;
	case SRD_OP_XATTR:
		version->changes |= SRD_CHANGED_XATTRS;
		break;
	default:
		version->changes |= srd_trace_takes_name(op, telling->ino) ? SRD_CHANGED_REMOVED : SRD_CHANGED_NAMES;
	}
}

/* The version that RECORD makes, which begins as the one before. */
static int begin_version(struct telling *telling, const struct srd_record *record)
{
	bool restated = record->flags & SRD_RECORD_BASE;
	struct srd_version *last = telling->count ? &telling->list[telling->count - 1] : NULL;

	/* Records that compaction wrote in a row are one. */
	if (last && (telling->record == record->offset || (restated && last->changes & SRD_CHANGED_RESTATED)))
		return 0;
	int error = srd_array_reserve(&telling->list, &telling->cap, telling->count + 1, sizeof *telling->list);
	if (error)
		return error;
	struct srd_version version = telling->count ? telling->list[telling->count - 1] : (struct srd_version){ 0 };
	version.sequence = record->sequence;
	version.time_ns = record->time_ns;
	version.changes = restated ? SRD_CHANGED_RESTATED : 0;
	version.written_bytes = 0;
	telling->list[telling->count++] = version;
	telling->record = record->offset;
	return 0;
}

static int tell(struct telling *telling, const struct srd_trace *trace)
{
	const struct srd_op *op = &trace->op;
	int error = begin_version(telling, &trace->record);

	if (error)
		return error;
	struct srd_version *version = &telling->list[telling->count - 1];
	if (op->ino == telling->ino)
		tell_own(telling, op, version);
	else if (op->victim == telling->ino)
		version->changes |= srd_trace_takes_name(op, telling->ino) ? SRD_CHANGED_REMOVED : SRD_CHANGED_NAMES;
	else
		version->changes |= SRD_CHANGED_ENTRIES;
	return 0;
}

ssize_t srd_versions_from(const struct srd_log *log, uint64_t ino, uint64_t last_op, struct srd_version **list)
{
	struct telling telling = { .log = log, .ino = ino };
	struct srd_trace trace = srd_trace_from(log, ino, last_op);
	SRD_AUTO_FREE uint64_t *offsets = NULL;
	size_t count = 0, cap = 0;
	int more, error = 0;

	while (!error && (more = srd_trace_step(&trace)) > 0) {
		error = srd_array_reserve(&offsets, &cap, count + 1, sizeof *offsets);
		if (!error)
			offsets[count++] = trace.op.offset;
	}
	/* What is damaged ends it; what came since is known. */
	while (!error && count > 0) {
		error = srd_trace_look(&trace, offsets[--count]);
		if (!error)
			error = tell(&telling, &trace);
	}
	if (error) {
		free(telling.list);
		return error;
	}
	*list = telling.list;
	return (ssize_t)telling.count;
}

ssize_t srd_versions(struct srd_store *store, const void *key, size_t key_len, struct srd_version **list)
{
	unsigned stripe;
	uint32_t index;
	ssize_t count = srd_key_enter(store, key, key_len, &stripe, &index);

	if (count)
		return count;
	const struct srd_inode *inode = srd_inode_at(&store->state, index);
	uint64_t ino = inode->ino, last_op = inode->last_op;
	struct srd_hold hold = srd_store_hold_read(store, stripe);
	count = srd_store_done(store, stripe);
	if (!count)
		count = srd_versions_from(hold.log, ino, last_op, list);
	srd_hold_drop(&hold);
	return count;
}
