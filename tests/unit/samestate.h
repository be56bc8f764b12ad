/* SPDX-License-Identifier: Apache-2.0 */
/* samestate.h - whether two states, of logs of their own, say the same of everything that
 * anybody can see. */
#ifndef SRD_TESTS_UNIT_SAMESTATE_H
#define SRD_TESTS_UNIT_SAMESTATE_H

#include <sys/stat.h>

#include "base/check.h"
#include "log/log.h"
#include "state/state.h"
#include "unit.h"

struct seen_state {
	const struct srd_state *state;
	struct srd_log *log;
};

/* The byte at POS of INODE: -1 damaged, -2 reserved or a hole. */
static inline void same_range(const struct seen_state *side, const struct srd_inode *inode, uint64_t pos, uint32_t len,
                              uint8_t *bytes)
{
	uint64_t end = pos + len;
	struct srd_ref ref;
	struct srd_run run;

	memset(bytes, 0, len);
	for (uint64_t at = pos; at < end && srd_state_extent(side->state, inode, at, &ref); at = ref.pos + ref.len) {
		if (ref.pos >= end)
			break;
		if (!srd_ref_has_run(&ref))
			continue;
		uint64_t from = SRD_MAX(ref.pos, pos), to = SRD_MIN(ref.pos + ref.len, end);
		EXPECT(srd_log_run(side->log, ref.run, &run));
		EXPECT(srd_log_copy_anew(side->log, &run, ref.skip + (uint32_t)(from - ref.pos), (uint32_t)(to - from),
		                         bytes + (from - pos)) == 0);
	}
}

/* Which parts are payload, reserved, or holes; in stretches of 512 bytes up to END. */
static inline int kind_at(const struct seen_state *side, const struct srd_inode *inode, uint64_t pos)
{
	struct srd_ref ref;

	if (!srd_state_extent(side->state, inode, pos, &ref) || ref.pos > pos)
		return 0;
	return ref.run == 0 ? 1 : ref.run == SRD_RUN_PRUNED ? 3 : 2;
}

static inline void same_content(const struct seen_state *a, const struct srd_inode *x, const struct seen_state *b,
                                const struct srd_inode *y)
{
	static uint8_t left[1 << 16], right[1 << 16];

	EXPECT(srd_state_stored_bytes(a->state, x) == srd_state_stored_bytes(b->state, y));
	for (uint64_t pos = 0; pos < x->size; pos += sizeof left) {
		uint32_t len = (uint32_t)SRD_MIN(x->size - pos, sizeof left);
		same_range(a, x, pos, len, left);
		same_range(b, y, pos, len, right);
		EXPECT(memcmp(left, right, len) == 0);
	}
	for (uint64_t pos = 0; pos < x->size + (1 << 16); pos += 97)
		EXPECT(kind_at(a, x, pos) == kind_at(b, y, pos));
}

static inline void same_xattrs(const struct seen_state *a, const struct srd_inode *x, const struct seen_state *b,
                               const struct srd_inode *y)
{
	const struct srd_xattr *p = NULL, *q = NULL;
	struct srd_run v, w;

	while ((p = srd_state_next_xattr(a->state, x, p)) != NULL) {
		q = srd_state_next_xattr(b->state, y, q);
		EXPECT(q && p->name_len == q->name_len);
		const char *name = srd_xattr_name(&a->state->source, p), *other = srd_xattr_name(&b->state->source, q);
		EXPECT(name && other && memcmp(name, other, p->name_len) == 0);
		EXPECT(srd_log_run(a->log, p->run, &v) && srd_log_run(b->log, q->run, &w) && v.len == w.len);
		EXPECT(srd_log_verify(b->log, &w, 0, w.len) == 0);
		EXPECT(memcmp(srd_log_at(a->log, v.offset + v.distance, v.len), srd_log_at(b->log, w.offset + w.distance, w.len), v.len) == 0);
	}
	EXPECT(srd_state_next_xattr(b->state, y, q) == NULL);
}

/* COOKIES: those too. */
static inline void same_children(const struct seen_state *a, uint32_t x, const struct seen_state *b, uint32_t y, bool cookies)
{
	uint32_t p = 0, q = 0;
	uint64_t after_p = 0, after_q = 0;

	while ((p = srd_state_next_child(a->state, x, after_p, p)) != 0) {
		const struct srd_dentry *d = srd_dentry_at(a->state, p), *e;
		q = srd_state_next_child(b->state, y, after_q, q);
		EXPECT(q != 0);
		e = srd_dentry_at(b->state, q);
		EXPECT(d->name_len == e->name_len);
		EXPECT(memcmp(srd_dentry_name(a->state, d), srd_dentry_name(b->state, e), d->name_len) == 0);
		EXPECT(srd_inode_at(a->state, d->inode)->ino == srd_inode_at(b->state, e->inode)->ino);
		EXPECT(!cookies || d->cookie == e->cookie);
		after_p = d->cookie;
		after_q = e->cookie;
	}
	EXPECT(srd_state_next_child(b->state, y, after_q, q) == 0);
}

static inline uint64_t sequence_of(const struct seen_state *side, const struct srd_inode *inode)
{
	struct srd_record record;
	uint64_t sequence;

	if (inode->last_op == 0 || srd_log_restated(side->log, inode->last_op, &sequence))
		return inode->last_op ? sequence : 0;
	EXPECT(srd_log_record_of(side->log, inode->last_op, 1 << 20, &record));
	return record.sequence;
}

static inline void same_inode(const struct seen_state *a, uint32_t i, const struct seen_state *b, bool cookies)
{
	const struct srd_inode *x = srd_inode_at(a->state, i), *y;
	uint32_t k = srd_state_inode_of(b->state, x->ino);

	EXPECT(k != 0);
	y = srd_inode_at(b->state, k);
	EXPECT(x->mode == y->mode && x->uid == y->uid && x->gid == y->gid && x->nlink == y->nlink && x->size == y->size);
	EXPECT(x->atime_ns == y->atime_ns && x->mtime_ns == y->mtime_ns);
	EXPECT(x->ctime_ns == y->ctime_ns && x->btime_ns == y->btime_ns);
	EXPECT(sequence_of(a, x) == sequence_of(b, y));
	same_xattrs(a, x, b, y);
	if (S_ISDIR(x->mode))
		same_children(a, i, b, k, cookies);
	else if (S_ISCHR(x->mode) || S_ISBLK(x->mode))
		EXPECT(x->rdev == y->rdev);
	else
		same_content(a, x, b, y);
}

static inline void same_state(const struct seen_state *a, const struct seen_state *b, bool cookies)
{
	const struct srd_state *s = a->state, *t = b->state;

	EXPECT(s->files == t->files && s->directories == t->directories && s->others == t->others);
	EXPECT(s->unnamed == t->unnamed && s->live_bytes == t->live_bytes);
	EXPECT(s->next_ino == t->next_ino && (!cookies || s->next_cookie == t->next_cookie));
	for (uint32_t i = 1; i < s->inodes.count; i++)
		if (srd_inode_at(s, i)->mode != 0 && !srd_inode_at(s, i)->gone)
			same_inode(a, i, b, cookies);
}

#endif
