/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/difference.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/check.h"
#include "store/descent.h"

enum {
	RECORD_BYTES = 32 << 20,      /* of ops and small payload: then the next record begins */
	REFS_MAX = 4096,              /* of one op */
};

uint32_t srd_difference_before(const struct srd_state *from, const struct srd_inode *inode)
{
	uint32_t before = srd_table_vet(&from->inodes, srd_state_inode_of(from, inode->ino));

	return inode->nlink == 0 && !inode->gone && srd_inode_at(from, before)->nlink > 0 ? 0 : before;
}

bool srd_difference_touches(const struct srd_state *from, const struct srd_inode *inode)
{
	uint32_t before = inode->mode != 0 ? srd_difference_before(from, inode) : 0;

	return inode->mode != 0 && !inode->gone &&
	       (before == 0 || srd_inode_at(from, before)->last_op != inode->last_op);
}

/* ---- Payload ---- */

typedef int each_ref(struct srd_relocate *relocate, const struct srd_ref *ref, bool first);

static int for_refs(struct srd_relocate *relocate, const struct srd_state *from, const struct srd_state *to,
                    uint32_t index, each_ref *call)
{
	const struct srd_inode *inode = srd_inode_at(to, index);
	struct srd_ref ref;
	int error = 0;

	if (!S_ISREG(inode->mode) || !srd_difference_touches(from, inode))
		return 0;
	relocate->inode = index;
	for (uint64_t pos = 0; !error && srd_state_extent(to, inode, pos, &ref); pos = ref.pos + ref.len)
		error = call(relocate, &ref, pos == 0);
	return error;
}

static int want(struct srd_relocate *relocate, const struct srd_ref *ref, bool first)
{
	(void)first;
	return srd_relocate_want(relocate, ref);
}

int srd_difference_want(struct srd_relocate *relocate, const struct srd_state *from, const struct srd_state *to)
{
	int error = 0;

	for (uint32_t i = 1; !error && i < to->inodes.count; i++)
		error = for_refs(relocate, from, to, i, want);
	return error ? error : srd_relocate_settle(relocate);
}

int srd_difference_copy(struct srd_relocate *relocate, const struct srd_state *from, const struct srd_state *to)
{
	struct srd_descent descent;
	uint32_t dentry;
	bool leaving;
	int error = 0;

	srd_descent_init(&descent, to);
	while (!error && (dentry = srd_descent_next(&descent, &leaving)) != 0)
		error = leaving ? 0 : for_refs(relocate, from, to, srd_dentry_at(to, dentry)->inode, srd_relocate_copy);
	error = error ? error : descent.error;
	srd_descent_release(&descent);
	for (uint32_t i = 1; !error && i < to->inodes.count; i++)
		if (srd_inode_at(to, i)->nlink == 0)
			error = for_refs(relocate, from, to, i, srd_relocate_copy);
	return error ? error : srd_relocate_flush(relocate);
}

const uint8_t *srd_difference_bytes(struct srd_difference *difference, uint64_t at, struct srd_run *run)
{
	const struct srd_relocate_watch *watch = &difference->relocate->watch;

	if (!srd_log_run(difference->log, at, run))
		return NULL;
	if (srd_log_verify(difference->log, run, 0, run->len) != 0 && watch->damaged)
		watch->damaged(watch->user, run->offset + run->distance, run->len);
	return srd_log_at(difference->log, run->offset + run->distance, run->len);
}

/* ---- Records ---- */

static int end_record(struct srd_difference *difference)
{
	const struct srd_state *to = difference->to;
	struct srd_op next = { .kind = SRD_OP_NEXT, .ino = SRD_ROOT_INO, .cookie = to->next_cookie,
	                       .next_ino = to->next_ino };

	if (srd_draft_is_empty(&difference->rewrite->draft))
		return 0;
	int error = srd_rewrite_add(difference->rewrite, &next, NULL, NULL, NULL);
	if (!error)
		error = srd_rewrite_commit(difference->rewrite, &difference->stamp);
	difference->cookie = to->next_cookie;
	return error;
}

int srd_difference_make_room(struct srd_difference *difference)
{
	return srd_rewrite_pending_bytes(difference->rewrite) < RECORD_BYTES ? 0 : end_record(difference);
}

static int add(struct srd_difference *difference, const struct srd_op *op, const void *data, const struct srd_run *from)
{
	int error = srd_difference_make_room(difference);

	return error ? error : srd_rewrite_add(difference->rewrite, op, data, from, NULL);
}

/* ---- Content ---- */

static int add_refs(struct srd_difference *difference, uint64_t ino, uint8_t flags)
{
	struct srd_op op = { .kind = SRD_OP_REFS, .flags = flags, .ino = ino, .ref_count = difference->ref_count,
	                     .refs = difference->refs };

	difference->ref_count = 0;
	return add(difference, &op, NULL, NULL);
}

static bool continues(const struct srd_ref *last, const struct srd_ref *ref)
{
	return last->len > 0 && last->run == ref->run && last->pos + last->len == ref->pos &&
	       last->len <= UINT32_MAX - ref->len && (!srd_ref_has_run(ref) || last->skip + last->len == ref->skip);
}

/* REF, of the new log, comes to the others of INO.  FLAGS are the next op's. */
static int collect(struct srd_difference *difference, uint64_t ino, const struct srd_ref *ref, uint8_t *flags)
{
	struct srd_ref *last = &difference->last_ref;
	int error = 0;

	if (ref && continues(last, ref)) {
		last->len += ref->len;
		return 0;
	}
	if (last->len > 0)
		srd_ref_encode(last, difference->refs + difference->ref_count++ * SRD_REF_LEN);
	*last = ref ? *ref : (struct srd_ref){ 0 };
	if (difference->ref_count == REFS_MAX || (!ref && (difference->ref_count > 0 || *flags & SRD_OP_REPLACE))) {
		error = add_refs(difference, ino, *flags);
		*flags &= (uint8_t)~SRD_OP_REPLACE;
	}
	return error;
}

/* The part of REF that lies in [FROM, TO) of the file, where the new log has it. */
static int collect_part(struct srd_difference *difference, uint64_t ino, const struct srd_ref *ref, uint64_t from,
                        uint64_t to, uint8_t *flags)
{
	uint64_t at = SRD_MAX(from, ref->pos), end = SRD_MIN(to, ref->pos + ref->len);
	int error = 0;

	while (!error && at < end) {
		struct srd_ref part;
		error = srd_relocate_ref(difference->relocate, ref, (uint32_t)(at - ref->pos), &part);
		if (error)
			break;
		part.len = (uint32_t)SRD_MIN((uint64_t)part.len, end - at);
		error = collect(difference, ino, &part, flags);
		at += part.len;
	}
	return error;
}

/* Content in [FROM, TO) of INODE. */
static int write_range(struct srd_difference *difference, const struct srd_inode *inode, uint64_t from, uint64_t to,
                       uint8_t flags)
{
	struct srd_ref ref;
	int error = 0;

	for (uint64_t pos = from; !error && pos < to && srd_state_extent(difference->to, inode, pos, &ref);
	     pos = ref.pos + ref.len)
		error = collect_part(difference, inode->ino, &ref, from, to, &flags);
	return error ? error : collect(difference, inode->ino, NULL, &flags);
}

/* Where the last piece ends, as far as it makes the size. */
static uint64_t content_end(const struct srd_state *state, const struct srd_inode *inode)
{
	uint64_t end = 0;
	struct srd_ref ref;

	for (uint64_t pos = 0; srd_state_extent(state, inode, pos, &ref) && ref.pos < inode->size; pos = end)
		end = ref.pos + ref.len;
	return SRD_MIN(end, inode->size);
}

static int write_content(struct srd_difference *difference, const struct srd_inode *inode, bool anew)
{
	struct srd_op size = { .kind = SRD_OP_SETATTR, .ino = inode->ino, .mask = SRD_ATTR_SIZE, .size = inode->size };
	int error = write_range(difference, inode, 0, inode->size, anew ? SRD_OP_REPLACE : 0);

	if (!error && content_end(difference->to, inode) != inode->size)
		error = add(difference, &size, NULL, NULL);
	/* Behind the end is space kept. */
	return error ? error : write_range(difference, inode, inode->size, SRD_FILE_LEN_MAX, SRD_OP_KEEP_SIZE);
}

static bool same_ref(const struct srd_ref *a, const struct srd_ref *b)
{
	return a->pos == b->pos && a->run == b->run && a->skip == b->skip && a->len == b->len;
}

static bool same_content(const struct srd_difference *difference, const struct srd_inode *before,
                         const struct srd_inode *inode)
{
	struct srd_ref a = { 0 }, b = { 0 };
	uint64_t pos = 0;

	if (before->size != inode->size)
		return false;
	for (;; pos = a.pos + a.len) {
		bool more = srd_state_extent(difference->from, before, pos, &a);
		if (more != srd_state_extent(difference->to, inode, pos, &b))
			return false;
		if (!more || !same_ref(&a, &b))
			return !more;
	}
}

/* ---- Attributes ---- */

static bool same_xattrs(const struct srd_difference *difference, const struct srd_inode *before,
                        const struct srd_inode *inode)
{
	const struct srd_xattr *a = NULL, *b = NULL;

	do {
		a = srd_state_next_xattr(difference->from, before, a);
		b = srd_state_next_xattr(difference->to, inode, b);
	} while (a && b && a->run == b->run);
	return !a && !b;
}

static int remove_xattrs(struct srd_difference *difference, const struct srd_inode *before)
{
	const struct srd_xattr *xattr = NULL;
	int error = 0;

	while (!error && (xattr = srd_state_next_xattr(difference->from, before, xattr)) != NULL) {
		struct srd_op op = { .kind = SRD_OP_XATTR, .flags = SRD_OP_REMOVE, .ino = before->ino,
		                     .name_len = (uint8_t)xattr->name_len };
		op.name = srd_xattr_name(&difference->from->source, xattr);
		error = op.name ? add(difference, &op, NULL, NULL) : SRD_ECORRUPT;
	}
	return error;
}

static int write_xattrs(struct srd_difference *difference, const struct srd_inode *inode)
{
	const struct srd_xattr *xattr = NULL;
	int error = 0;

	while (!error && (xattr = srd_state_next_xattr(difference->to, inode, xattr)) != NULL) {
		struct srd_op op = { .kind = SRD_OP_XATTR, .ino = inode->ino, .name_len = (uint8_t)xattr->name_len };
		struct srd_run run;
		const uint8_t *value = srd_difference_bytes(difference, xattr->run, &run);
		op.name = srd_xattr_name(&difference->to->source, xattr);
		op.run.len = value ? run.len : 0;
		error = op.name && value ? add(difference, &op, value, &run) : SRD_ECORRUPT;
	}
	return error;
}

static int restate(struct srd_difference *difference, uint32_t index)
{
	const struct srd_inode *inode = srd_inode_at(difference->to, index);
	struct srd_op op = { .kind = SRD_OP_SETATTR, .flags = SRD_OP_RESTATED, .ino = inode->ino,
	                     .mask = SRD_ATTR_ALL & ~(uint32_t)SRD_ATTR_SIZE, .mode = inode->mode, .uid = inode->uid,
	                     .gid = inode->gid, .atime_ns = inode->atime_ns, .mtime_ns = inode->mtime_ns,
	                     .ctime_ns = inode->ctime_ns, .btime_ns = inode->btime_ns,
	                     .sequence = difference->sequences[index] };

	return add(difference, &op, NULL, NULL);
}

static int write_inode(struct srd_difference *difference, uint32_t index)
{
	const struct srd_inode *inode = srd_inode_at(difference->to, index), *before = NULL;
	uint32_t there = srd_difference_before(difference->from, inode);
	int error = 0;

	if (there)
		before = srd_inode_at(difference->from, there);
	if (S_ISREG(inode->mode) && !(before && same_content(difference, before, inode)))
		error = write_content(difference, inode, before);
	if (!error && !(before && same_xattrs(difference, before, inode))) {
		error = before ? remove_xattrs(difference, before) : 0;
		if (!error)
			error = write_xattrs(difference, inode);
	}
	return error ? error : restate(difference, index);
}

/* ---- Which commit changed an inode last ---- */

struct last_op {
	uint64_t offset;
	uint32_t index;
};

static int by_offset_falling(const void *a, const void *b)
{
	uint64_t x = ((const struct last_op *)a)->offset, y = ((const struct last_op *)b)->offset;

	return x > y ? -1 : x < y;
}

/* What a commit changed; the directories whose names were written, as names were moved aside, or as
 * no commit moved them: they gave way to what damage left (FORMAT, section 6); and the root each
 * time, where that happens without names, too. */
static bool is_told(const struct srd_difference *difference, const struct srd_inode *inode)
{
	return inode->ino == SRD_ROOT_INO || srd_difference_touches(difference->from, inode) ||
	       (inode->mode != 0 && !inode->gone &&
	        srd_rewrite_last_op(difference->rewrite, inode->ino) >= difference->began);
}

static size_t list_last_ops(const struct srd_difference *difference, struct last_op *ops)
{
	const struct srd_state *to = difference->to;
	size_t count = 0;

	for (uint32_t i = 1; i < to->inodes.count; i++)
		if (is_told(difference, srd_inode_at(to, i)) && srd_inode_at(to, i)->last_op != 0)
			ops[count++] = (struct last_op){ .offset = srd_inode_at(to, i)->last_op, .index = i };
	return count;
}

/* From the end of the log to its start, so that each record is looked for once. */
static int find_sequences(struct srd_difference *difference)
{
	struct last_op *ops = malloc(difference->to->inodes.count * sizeof *ops);
	struct srd_record record = { 0 };

	if (!ops)
		return -ENOMEM;
	size_t count = list_last_ops(difference, ops);
	qsort(ops, count, sizeof *ops, by_offset_falling);
	for (size_t i = 0; i < count; i++) {
		uint64_t offset = ops[i].offset, *sequence = &difference->sequences[ops[i].index];
		if (srd_log_restated(difference->log, offset, sequence))
			continue;
		if ((record.len == 0 || offset < record.offset) &&
		    !srd_log_record_of(difference->log, offset, SRD_META_LEN_MAX, &record))
			record.len = 0;
		*sequence = record.len > 0 ? record.sequence : 0;
	}
	free(ops);
	return 0;
}

/* ---- All of it ---- */

static int prepare(struct srd_difference *difference)
{
	size_t inodes = difference->to->inodes.count;

	difference->cookie = difference->rewrite->state.next_cookie;
	difference->marks = calloc(inodes, sizeof *difference->marks);
	difference->sequences = calloc(inodes, sizeof *difference->sequences);
	difference->refs = malloc((REFS_MAX + 1) * SRD_REF_LEN);
	difference->began = atomic_load(&difference->rewrite->log->end);
	return difference->marks && difference->sequences && difference->refs ? 0 : -ENOMEM;
}

int srd_difference_write(struct srd_difference *difference)
{
	const struct srd_state *to = difference->to;
	int error = prepare(difference);

	if (!error)
		error = srd_difference_names(difference);
	if (!error)
		error = find_sequences(difference);
	for (uint32_t i = 1; !error && i < to->inodes.count; i++)
		if (is_told(difference, srd_inode_at(to, i)))
			error = write_inode(difference, i);
	if (!error)
		error = end_record(difference);
	free(difference->marks);
	free(difference->sequences);
	free(difference->refs);
	return error ? error : srd_difference_is_same(difference) ? 0 : SRD_EDIFFERS;
}
