/* SPDX-License-Identifier: Apache-2.0 */
/*
 * space.c - what of a file's range is where.
 *
 * All of it looks at what is committed, so what is dirty is committed first, with
 * the mutex held from there on.  Pieces are gathered within the transaction that
 * then names them: nobody can come between.
 */
#include "config.h"

#include "fs/space.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "fs/privileges.h"

enum { PIECE_BYTES = 1 << 30, PIECES_MAX = 1 << 16 };
/* The kernel counts a copy's bytes in 32 bits. */
#define COPY_BYTES_MAX UINT64_C(0xfffff000)

struct pieces {
	struct srd_ref *refs;
	size_t count, cap;
};

static int add(struct pieces *pieces, const struct srd_ref *ref)
{
	if (pieces->count == pieces->cap) {
		size_t cap = SRD_MAX(pieces->cap * 2, (size_t)64);
		struct srd_ref *grown = realloc(pieces->refs, cap * sizeof *grown);
		if (!grown)
			return -ENOMEM;
		pieces->refs = grown;
		pieces->cap = cap;
	}
	pieces->refs[pieces->count++] = *ref;
	return 0;
}

static int reserve(struct pieces *pieces, uint64_t pos, uint64_t end)
{
	int error = 0;

	while (pos < end && !error) {
		struct srd_ref ref = { .pos = pos, .len = (uint32_t)SRD_MIN(end - pos, (uint64_t)PIECE_BYTES) };
		error = add(pieces, &ref);
		pos += ref.len;
	}
	return error;
}

/* ---- Allocating ---- */

struct allocation {
	int mode;
	uint64_t pos, end;
	const struct srd_caller *caller;
};

/* Reserves what is hole in [pos, end). */
static int reserve_holes(const struct srd_state *state, const struct srd_inode *inode, uint64_t pos,
                         uint64_t end, struct pieces *pieces)
{
	struct srd_ref ref;
	int error = 0;

	while (pos < end && !error) {
		if (!srd_state_extent(state, inode, pos, &ref))
			return reserve(pieces, pos, end);
		if (ref.pos > pos)
			error = reserve(pieces, pos, SRD_MIN(ref.pos, end));
		pos = ref.pos + ref.len;
	}
	return error;
}

/* A file that is allocated behind its end grows, unless it is to keep its size. */
static int note_allocation(struct srd_txn *txn, const struct srd_inode *inode, const struct allocation *wanted)
{
	int64_t now_ns = srd_wall_ns();
	struct srd_attr changed = { .mask = SRD_ATTR_CTIME | SRD_ATTR_MTIME, .ctime_ns = now_ns, .mtime_ns = now_ns };

	if (!(wanted->mode & FALLOC_FL_KEEP_SIZE) && wanted->end > inode->size) {
		changed.mask |= SRD_ATTR_SIZE;
		changed.size = wanted->end;
	}
	return srd_txn_set_attr(txn, inode->ino, &changed);
}

static int add_allocation(struct srd_fs *fs, struct srd_txn *txn, const struct srd_node *node, const void *user)
{
	const struct allocation *wanted = user;
	const struct srd_inode *inode = srd_inode_at(&fs->store->state, node->inode);
	struct pieces pieces = { 0 };
	int error = srd_privileges_drop(fs, txn, node, wanted->caller);

	if (!error && wanted->mode & FALLOC_FL_PUNCH_HOLE)
		return srd_txn_hole(txn, node->ino, wanted->pos, wanted->end - wanted->pos);
	if (!error && wanted->mode & FALLOC_FL_ZERO_RANGE)
		error = reserve(&pieces, wanted->pos, wanted->end);
	else if (!error)
		error = reserve_holes(&fs->store->state, inode, wanted->pos, wanted->end, &pieces);
	if (!error)
		error = srd_limit_growth(fs, pieces.count * SRD_REF_LEN);
	if (!error)
		error = srd_txn_reserve(txn, node->ino, pieces.refs, pieces.count);
	if (!error)
		error = note_allocation(txn, inode, wanted);
	free(pieces.refs);
	return error;
}

/* No promise is made, but what cannot be kept is refused. */
static int check_room(struct srd_fs *fs, uint64_t len)
{
	struct statvfs st;
	int error = srd_fs_statvfs(fs, &st);

	return error ? error : len / st.f_frsize > st.f_bavail ? -ENOSPC : 0;
}

int srd_fs_allocate(struct srd_fs *fs, struct srd_file *file, int mode, uint64_t pos, uint64_t len, const struct srd_caller *caller)
{
	const struct allocation wanted = { .mode = mode, .pos = pos, .end = pos + len, .caller = caller };

	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE) ||
	    ((mode & FALLOC_FL_PUNCH_HOLE) && mode != (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)))
		return -EOPNOTSUPP;
	if (!srd_within(pos, len, SRD_FILE_LEN_MAX))
		return -EFBIG;
	int error = mode & FALLOC_FL_PUNCH_HOLE ? srd_limit_change(fs) : check_room(fs, len);
	if (error)
		return error;
	SRD_LOCK_GUARD(&file->inode->mutex);
	error = srd_open_settle(fs, file->inode);
	return error ? error : srd_open_commit(fs, file->inode, add_allocation, &wanted);
}

/* ---- Seeking ---- */

/* The next piece of data that ends behind POS. */
static bool next_piece(const struct srd_state *state, const struct srd_inode *inode, uint64_t pos, struct srd_ref *ref)
{
	while (srd_state_extent(state, inode, pos, ref)) {
		if (ref->run != 0)
			return true;
		pos = ref->pos + ref->len;
	}
	return false;
}

/* The first position from POS on that is data, or hole; the size: none.  A block
 * that has data anywhere is data, as on other file systems: programs do not expect
 * holes of a few bytes. */
static uint64_t next_of(const struct srd_state *state, const struct srd_inode *inode, uint64_t pos, bool data)
{
	uint64_t at = pos - pos % SRD_BLOCK_LEN;
	struct srd_ref ref;

	while (at < inode->size) {
		if (!next_piece(state, inode, at, &ref))
			return data ? inode->size : SRD_MAX(at, pos);
		uint64_t start = SRD_MAX(ref.pos - ref.pos % SRD_BLOCK_LEN, at);
		if (data || start > at)
			return SRD_MAX(data ? start : at, pos);
		at = SRD_ALIGN_UP(ref.pos + ref.len, SRD_BLOCK_LEN);
	}
	return inode->size;
}

int srd_fs_seek(struct srd_fs *fs, struct srd_file *file, uint64_t pos, int whence, uint64_t *found)
{
	struct srd_inode *inode;
	unsigned stripe;

	SRD_LOCK_GUARD(&file->inode->mutex);
	int error = srd_open_settle(fs, file->inode);
	if (!error)
		error = srd_fs_read_inode(fs, file->inode->ino, &stripe, &inode);
	if (error)
		return error;
	uint64_t size = inode->size;
	uint64_t at = next_of(&fs->store->state, inode, pos, whence == SEEK_DATA);
	error = srd_store_done(fs->store, stripe);
	if (error)
		return error;
	if (pos >= size || (whence == SEEK_DATA && at == size))
		return -ENXIO;
	*found = at;
	return 0;
}

/* ---- Sharing ---- */

struct copying {
	uint64_t from, from_pos, to_pos, len;
	const struct srd_caller *caller;
	uint64_t done;           /* set */
};

/* The pieces of [pos, *end) of INODE, moved to TO_POS; *END is lowered if there are
 * too many for one commit. */
static int gather(const struct srd_state *state, const struct srd_inode *inode, uint64_t pos, uint64_t *end,
                  uint64_t to_pos, struct pieces *pieces)
{
	struct srd_ref ref;
	uint64_t start = pos;
	int error = 0;

	while (pos < *end && !error && srd_state_extent(state, inode, pos, &ref) && ref.pos < *end) {
		uint64_t from = SRD_MAX(pos, ref.pos), to = SRD_MIN(*end, ref.pos + ref.len);
		if (pieces->count == PIECES_MAX) {
			*end = from;
			break;
		}
		ref.skip += ref.run ? (uint32_t)(from - ref.pos) : 0;
		ref.len = (uint32_t)(to - from);
		ref.pos = to_pos + (from - start);
		error = add(pieces, &ref);
		pos = to;
	}
	return error;
}

static int add_copy(struct srd_fs *fs, struct srd_txn *txn, const struct srd_node *node, const void *user)
{
	struct copying *copying = (struct copying *)user;
	const struct srd_state *state = &fs->store->state;
	struct pieces pieces = { 0 };
	struct srd_node source;
	int error = srd_txn_node(txn, copying->from, &source);

	if (error)
		return error == -ENOENT ? -ESTALE : error;
	const struct srd_inode *from = srd_inode_at(state, source.inode);
	const struct srd_inode *to = srd_inode_at(state, node->inode);
	if (copying->from_pos >= from->size)
		return 0;
	uint64_t end = SRD_MIN(copying->from_pos + copying->len, from->size);
	error = gather(state, from, copying->from_pos, &end, copying->to_pos, &pieces);
	uint64_t len = end - copying->from_pos;
	struct srd_attr grown = { .mask = SRD_ATTR_SIZE, .size = copying->to_pos + len };
	if (!error)
		error = srd_limit_growth(fs, pieces.count * SRD_REF_LEN);
	if (!error && grown.size > to->size)
		error = srd_txn_set_attr(txn, node->ino, &grown);
	if (!error)
		error = srd_txn_hole(txn, node->ino, copying->to_pos, len);
	if (!error)
		error = srd_txn_refs(txn, node->ino, pieces.refs, pieces.count, false);
	if (!error)
		error = srd_privileges_drop(fs, txn, node, copying->caller);
	free(pieces.refs);
	copying->done = len;
	return error;
}

/* Both files' mutexes, in an order that all keep. */
static void lock_both(struct srd_open_inode *a, struct srd_open_inode *b)
{
	pthread_mutex_lock(a->ino < b->ino ? &a->mutex : &b->mutex);
	if (a != b)
		pthread_mutex_lock(a->ino < b->ino ? &b->mutex : &a->mutex);
}

static void unlock_both(struct srd_open_inode *a, struct srd_open_inode *b)
{
	pthread_mutex_unlock(&a->mutex);
	if (a != b)
		pthread_mutex_unlock(&b->mutex);
}

int srd_fs_copy_range(struct srd_fs *fs, struct srd_file *from, uint64_t from_pos, struct srd_file *to,
                      uint64_t to_pos, uint64_t len, const struct srd_caller *caller, uint64_t *done)
{
	struct copying copying = { .from = from->inode->ino, .from_pos = from_pos, .to_pos = to_pos,
	                           .len = SRD_MIN(len, COPY_BYTES_MAX), .caller = caller };

	if (!srd_within(to_pos, copying.len, SRD_FILE_LEN_MAX))
		return -EFBIG;
	lock_both(from->inode, to->inode);
	int error = srd_open_settle(fs, from->inode);
	if (!error)
		error = srd_open_settle(fs, to->inode);
	if (!error)
		error = srd_open_commit(fs, to->inode, add_copy, &copying);
	unlock_both(from->inode, to->inode);
	if (!error)
		*done = copying.done;
	return error;
}
