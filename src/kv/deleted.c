/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deleted.c - keys that were there, and the commit behind which they were whole.
 *
 *     ... whole | unlink d/a  unlink d/s/b  unlink d/s  unlink d | other commits
 *               ^ the point to go back to                     ^ found by the trace of d's directory
 *
 * A directory goes from the inside out.  So from the op that took its name away the log is
 * walked back, as long as what was below it went within the same minute; but not past anything
 * that came to be below it: what went before that had gone by itself.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/check.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/numberset.h"
#include "format/ops.h"
#include "kv/kv.h"
#include "kv/versions.h"
#include "state/chunks.h"
#include "store/trace.h"

#define PAUSE_NS (60 * SRD_NS_PER_SECOND)   /* between two unlinks of one removal, at most */
enum { VIEWS_MAX = 32, TOLD = 64 };

/* ---- A set that grows ---- */

struct numbers {
	struct srd_numberset set;
	size_t used;
};

static int grow(struct numbers *numbers)
{
	struct srd_numberset old = numbers->set;
	struct srd_numberset larger = { .count = old.count ? 2 * old.count : 1024 };

	larger.slots = calloc(larger.count, sizeof *larger.slots);
	if (!larger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < old.count; i++)
		if (old.slots[i])
			srd_numberset_add(&larger, old.slots[i]);
	free((void *)old.slots);
	numbers->set = larger;
	return 0;
}

static int note(struct numbers *numbers, uint64_t number)
{
	int error = 2 * (numbers->used + 1) > numbers->set.count ? grow(numbers) : 0;

	if (!error && number && !srd_numberset_has(&numbers->set, number))
		numbers->used += srd_numberset_add(&numbers->set, number);
	return error;
}

static bool has(const struct numbers *numbers, uint64_t number)
{
	return numbers->set.count > 0 && number && srd_numberset_has(&numbers->set, number);
}

static void release(struct numbers *numbers)
{
	free((void *)numbers->set.slots);
}

/* ---- Records and their ops, the last one first ---- */

struct backwards {
	const struct srd_log *log;
	struct srd_record record;
	uint32_t *places;         /* of its ops, in the metadata */
	size_t count, cap;
};

static bool header_at(const struct srd_log *log, uint64_t offset, struct srd_record *record)
{
	const uint8_t *bytes = offset ? srd_log_at(log, offset, SRD_HEADER_LEN) : NULL;

	return bytes && srd_record_decode(&log->sb, record, bytes, offset);
}

/* To the ops of the record at OFFSET.  0: there is none that can be read. */
static int go_to(struct backwards *walk, uint64_t offset)
{
	struct srd_op op;
	int error = 0;

	walk->count = 0;
	if (!header_at(walk->log, offset, &walk->record))
		return 0;
	const uint8_t *metadata = srd_log_at(walk->log, offset + SRD_HEADER_LEN, walk->record.meta_len);
	struct srd_ops ops = srd_ops_of(&walk->record, metadata);
	if (walk->record.type != SRD_RECORD_META || !metadata)
		return 1;
	for (uint32_t at = 0; !error && srd_ops_next(&ops, &op); at = ops.at) {
		error = srd_array_reserve(&walk->places, &walk->cap, walk->count + 1, sizeof *walk->places);
		if (!error)
			walk->places[walk->count++] = at;
	}
	return error ? error : 1;
}

static bool op_before(struct backwards *walk, struct srd_op *op)
{
	if (walk->count == 0)
		return false;
	uint32_t at = walk->places[--walk->count];
	uint64_t offset = walk->record.offset + SRD_HEADER_LEN + at;
	return srd_op_decode(op, walk->log->map + offset, walk->record.meta_len - at, offset,
	                     walk->record.offset + walk->record.len);
}

/* ---- Where one was whole ---- */

/* The commit before RECORD. */
static uint64_t sequence_before(const struct srd_log *log, const struct srd_record *record)
{
	struct srd_record before = { .prev = record->prev };

	while (header_at(log, before.prev, &before))
		if (before.type == SRD_RECORD_META)
			return before.sequence;
	return 0;
}

/* True if OP put a name into one of GONE. */
static bool puts_below(const struct srd_op *op, const struct numbers *gone)
{
	switch (op->kind) {
	case SRD_OP_MAKE:
	case SRD_OP_LINK:
		return has(gone, op->parent);
	case SRD_OP_RENAME:
		return has(gone, op->new_parent) || (op->flags & SRD_OP_EXCHANGE && has(gone, op->parent));
	default:
		return false;
	}
}

enum found { NOTHING, TAKEN, PUT };

/* What walk->record did below GONE, which grows by what it took away. */
static int look_below(struct backwards *walk, struct numbers *gone, enum found *found)
{
	struct srd_op op;
	int error = 0;

	while (!error && *found != PUT && op_before(walk, &op)) {
		if (puts_below(&op, gone)) {
			*found = PUT;
		} else if (op.kind == SRD_OP_UNLINK && has(gone, op.parent)) {
			error = note(gone, op.ino);
			*found = TAKEN;
		}
	}
	return error;
}

/* True if not much time passed between the two; a clock may have been set back. */
static bool is_soon(const struct srd_record *record, const struct srd_record *later)
{
	int64_t passed_ns;

	return !__builtin_sub_overflow(later->time_ns, record->time_ns, &passed_ns) && passed_ns <= PAUSE_NS;
}

/* *FIRST becomes the first commit of those that took away directory INO, which the commit at
 * OFFSET ended. */
static int find_first(const struct srd_log *log, uint64_t ino, uint64_t offset, struct srd_record *first)
{
	struct backwards walk = { .log = log };
	struct numbers gone = { { 0 }, 0 };
	enum found found = NOTHING;
	int error = note(&gone, ino), more = 1;

	while (!error && found != PUT && (more = go_to(&walk, offset)) > 0 && is_soon(&walk.record, first)) {
		found = NOTHING;
		error = look_below(&walk, &gone, &found);
		if (found == TAKEN)
			*first = walk.record;
		offset = walk.record.prev;
	}
	free(walk.places);
	release(&gone);
	return error ? error : SRD_MIN(more, 0);
}

/* The op that took NAME out of directory DIR, last. */
static int find_removal(struct srd_trace *trace, const char *name, size_t len)
{
	int more;

	while ((more = srd_trace_step(trace)) > 0) {
		const struct srd_op *op = &trace->op;
		if (op->kind == SRD_OP_UNLINK && op->parent == trace->ino && op->name_len == len &&
		    memcmp(op->name, name, len) == 0)
			return 0;
	}
	return more < 0 ? more : -ENOENT;
}

/* Where PATH leaves what is there, or at its end: the directory, and the last op on it. */
static void stand_before(const struct srd_state *state, struct srd_path *path, uint64_t *ino, uint64_t *last_op)
{
	uint32_t dir = srd_state_inode_of(state, SRD_ROOT_INO), dentry;

	while (path->rest_len > 0 && (dentry = srd_state_lookup(state, dir, path->name, path->name_len)) != 0 &&
	       srd_inode_is_dir(srd_inode_at(state, srd_dentry_at(state, dentry)->inode))) {
		dir = srd_dentry_at(state, dentry)->inode;
		srd_path_step(path);
	}
	*ino = srd_inode_at(state, dir)->ino;
	*last_op = srd_inode_at(state, dir)->last_op;
}

/* Nothing took the name out of the directory since RECORD made that; in its place there may have
 * been another. */
static int look_before(const struct srd_trace *trace, struct srd_deleted *deleted)
{
	uint64_t whole = sequence_before(trace->log, &trace->record);

	if (trace->op.kind != SRD_OP_MAKE || trace->op.ino != trace->ino || whole >= trace->record.sequence)
		return -ENOENT;
	*deleted = (struct srd_deleted){ .sequence = trace->record.sequence, .time_ns = trace->record.time_ns, .whole = whole };
	return 0;
}

/* The last time that PATH, or what it lay in, was taken away, as OF knows it; or a time before which
 * to look. */
static int look_once(struct srd_store *of, struct srd_path *path, struct srd_deleted *deleted)
{
	uint64_t ino, last_op;
	uint32_t mode;
	unsigned stripe;
	int error = srd_store_read(of, &stripe);

	if (error)
		return error;
	stand_before(&of->state, path, &ino, &last_op);
	struct srd_hold hold = srd_store_hold_read(of, stripe);
	error = srd_store_done(of, stripe);
	struct srd_trace trace = srd_trace_from(hold.log, ino, last_op);
	if (!error)
		error = find_removal(&trace, path->name, path->name_len);
	if (error == -ENOENT) {
		error = look_before(&trace, deleted);
	} else if (!error) {
		struct srd_record first = trace.record;
		deleted->sequence = trace.record.sequence;
		deleted->time_ns = trace.record.time_ns;
		error = srd_trace_find_mode(hold.log, trace.op.ino, trace.op.offset, &mode);
		if (!error && S_ISDIR(mode))
			error = find_first(hold.log, trace.op.ino, trace.record.offset, &first);
		deleted->whole = sequence_before(hold.log, &first);
	}
	srd_hold_drop(&hold);
	return error;
}

/* *VIEW: STORE behind commit SEQUENCE. */
static int view_of(struct srd_store *store, uint64_t sequence, struct srd_store **view)
{
	char at[24];

	snprintf(at, sizeof at, "%" PRIu64, sequence);
	return srd_store_view(store, at, 0, view);
}

/* A file may have had the name of a directory on the way. */
static bool is_absence(int error)
{
	return error == -ENOENT || error == -ENOTDIR;
}

int srd_find_deleted(struct srd_store *store, const void *key, size_t key_len, struct srd_deleted *out)
{
	struct srd_deleted found = { 0 }, older;
	struct srd_store *view = NULL;
	struct srd_stat st;
	struct srd_path path;
	int error = srd_path_start(&path, key, key_len);

	if (!error)
		error = look_once(store, &path, &found);
	/* Where a directory on the way was taken away, it may have lost the key before. */
	for (int i = 0; !error; i++) {
		error = found.whole > 0 ? view_of(store, found.whole, &view) : -ENOENT;
		if (error)
			break;
		error = srd_stat(view, key, key_len, &st);
		if (!is_absence(error) || i == VIEWS_MAX)
			break;
		srd_path_start(&path, key, key_len);
		error = look_once(view, &path, &older);
		srd_close(view);
		view = NULL;
		if (!error)
			found = older;
	}
	srd_close(view);
	if (error)
		return is_absence(error) ? -ENOENT : error;
	found.key = NULL;
	found.kind = st.kind;
	found.size = st.size;
	*out = found;
	return 0;
}

/* ---- All of them ---- */

/* What was done to a file up to where one of its names was taken away: up to another that was before, too. */
struct told {
	uint64_t ino;
	struct srd_version *versions;
	ssize_t count;
};

struct listing {
	struct srd_store *store;
	int (*call)(void *user, const struct srd_deleted *deleted);
	void *user;
	struct numbers gone;      /* inodes that lost a name: what lay below goes with them */
	struct numbers listed;    /* hashes of keys */
	struct told told[TOLD];   /* by number */
	char key[2 * SRD_KEY_MAX + 2];
	size_t key_len;
};

/* The key that OP took away, as its directory is called now; false: that is not there, or the
 * key is again. */
static bool name_it(struct listing *listing, const struct srd_op *op)
{
	const struct srd_state *state = &listing->store->state;
	char buffer[SRD_KEY_MAX + 1];
	const char *path = "";
	int len = 0;
	unsigned stripe;

	if (srd_store_read(listing->store, &stripe) != 0)
		return false;
	uint32_t dir = srd_state_inode_of(state, op->parent);
	uint32_t dentry = dir ? srd_inode_at(state, dir)->dentry : 0;
	bool there = dir && srd_inode_is_dir(srd_inode_at(state, dir)) && (dentry || op->parent == SRD_ROOT_INO) &&
	             srd_state_lookup(state, dir, op->name, op->name_len) == 0;
	if (there && dentry)
		len = srd_state_path(state, dentry, buffer, &path);
	there = there && len >= 0;
	if (there)
		listing->key_len = (size_t)snprintf(listing->key, sizeof listing->key, "%s%s%.*s", path, *path ? "/" : "",
		                                    (int)op->name_len, op->name);
	return srd_store_done(listing->store, stripe) == 0 && there && listing->key_len <= SRD_KEY_MAX;
}

/* That of OP's file; what it has of others makes room. */
static const struct told *tell(struct listing *listing, const struct srd_log *log, const struct srd_op *op)
{
	struct told *told = &listing->told[op->ino % TOLD];

	if (told->ino == op->ino)
		return told;
	free(told->versions);
	*told = (struct told){ .ino = op->ino };
	told->count = srd_versions_from(log, op->ino, op->offset, &told->versions);
	return told;
}

/* What it was, at the end. */
static void describe(const struct told *told, struct srd_deleted *deleted)
{
	ssize_t low = 0, high = told->count;

	while (low < high) {
		ssize_t middle = low + (high - low) / 2;
		if (told->versions[middle].sequence <= deleted->sequence)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return;
	deleted->size = told->versions[low - 1].size;
	deleted->kind = srd_kind_of(told->versions[low - 1].mode);
}

static int list_op(struct listing *listing, const struct srd_log *log, const struct srd_record *record,
                   const struct srd_op *op)
{
	struct srd_deleted deleted = { .key = listing->key, .sequence = record->sequence, .time_ns = record->time_ns };
	bool below = has(&listing->gone, op->parent);
	int error = note(&listing->gone, op->ino);

	if (error || below || !name_it(listing, op))
		return error;
	uint64_t hash = srd_hash(listing->key, listing->key_len, 0) | 1;
	if (has(&listing->listed, hash))
		return 0;
	error = note(&listing->listed, hash);
	if (error)
		return error;
	describe(tell(listing, log, op), &deleted);
	return listing->call(listing->user, &deleted);
}

int srd_list_deleted(struct srd_store *store, int (*call)(void *user, const struct srd_deleted *deleted), void *user)
{
	struct listing listing = { .store = store, .call = call, .user = user };
	struct srd_op op;
	int error = srd_store_follow(store), more = 1;

	if (error)
		return error;
	srd_mutex_lock(&store->commit_mutex);
	struct srd_hold hold = srd_store_hold(store);
	uint64_t offset = srd_store_here(store).last;
	srd_mutex_unlock(&store->commit_mutex);
	struct backwards walk = { .log = hold.log };
	while (!error && (more = go_to(&walk, offset)) > 0) {
		while (!error && op_before(&walk, &op))
			if (op.kind == SRD_OP_UNLINK)
				error = list_op(&listing, hold.log, &walk.record, &op);
		offset = walk.record.prev;
	}
	srd_hold_drop(&hold);
	free(walk.places);
	for (int i = 0; i < TOLD; i++)
		free(listing.told[i].versions);
	release(&listing.gone);
	release(&listing.listed);
	return error ? error : SRD_MIN(more, 0);
}
