/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orphans.c - a commit makes them anew: each a file that has no name yet, as O_TMPFILE
 * makes them.  So every instance agrees on what they are, whoever has them in use, and
 * who dies leaves what is swept as ever.  Directories have nothing that could be lost,
 * and stay in our own state.
 */
#include "config.h"

#include "store/orphans.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/check.h"
#include "state/inodes.h"
#include "store/image.h"
#include "store/txn.h"

struct orphans {
	struct srd_store *from, *to;
	const struct srd_inode **list;    /* of FROM's state */
	size_t count, cap;
};

/* The new state is of later than ours: files may have lost their last name unseen by us. */
static bool has_skipped(const struct orphans *orphans)
{
	return orphans->to->log->sb.generation > orphans->from->log->sb.generation + 1 ||
	       orphans->to->log->sequence > orphans->from->log->sequence;
}

static bool has_name(const struct orphans *orphans, const struct srd_inode *inode)
{
	return inode->nlink > 0 && !inode->gone &&
	       (!has_skipped(orphans) || srd_state_inode_of(&orphans->to->state, inode->ino) != 0);
}

/* Those of FROM that are in use and have no name, be it that they are gone or that they never had
 * one.  Under the commit mutex none can come or go. */
static int collect(struct orphans *orphans)
{
	const struct srd_state *state = &orphans->from->state;
	int error = 0;

	/* Mostly there are none. */
	if (!state->own_order && state->unnamed == 0 && !has_skipped(orphans))
		return 0;
	for (uint32_t i = 1; i < state->inodes.count && !error; i++) {
		if (i < state->inodes.saved && !srd_table_is_sound(&state->inodes, i))
			continue;
		const struct srd_inode *inode = srd_inode_at(state, i);
		/* Of no mode is one that was given up: a place, and nothing to be had there. */
		if (inode->ino == 0 || inode->mode == 0 || srd_inode_pins(state, inode) == 0 || has_name(orphans, inode))
			continue;
		error = srd_array_reserve(&orphans->list, &orphans->cap, orphans->count + 1, sizeof *orphans->list);
		if (!error)
			orphans->list[orphans->count++] = inode;
	}
	return error;
}

/* LEN verified bytes of a run; NULL: they are damaged. */
static const uint8_t *bytes_of(struct srd_log *log, uint64_t run, uint32_t skip, uint32_t len)
{
	struct srd_run found;

	if (!srd_log_run(log, run, &found) || srd_log_verify(log, &found, skip, len) != 0)
		return NULL;
	return log->map + found.offset + found.distance + skip;
}

/* The bytes of REF come into the new log, ahead of their commit; where they are damaged, what
 * cannot be read comes in their place. */
static int bring_bytes(struct orphans *orphans, struct srd_ref *ref, struct srd_hold *home)
{
	const uint8_t *bytes = srd_ref_has_run(ref) ? bytes_of(orphans->from->log, ref->run, ref->skip, ref->len) : NULL;
	struct iovec iov = { .iov_base = (void *)bytes, .iov_len = ref->len };

	if (srd_ref_has_run(ref) && !bytes)
		ref->run = SRD_RUN_PRUNED;
	if (!bytes)
		return 0;
	ref->skip = 0;
	return srd_store_append_data(orphans->to, &iov, 1, &ref->run, home);
}

/* *REFS, the caller's to free: the content of INODE, as the new log has it, which HOME holds.
 * SRD_EMOVED: that was left for another meanwhile. */
static int bring_content(struct orphans *orphans, const struct srd_inode *inode, struct srd_ref **refs, size_t *count,
                         struct srd_hold *home)
{
	struct srd_ref ref;
	size_t cap = 0;
	int error = 0;

	for (uint64_t pos = 0; !error && srd_state_extent(&orphans->from->state, inode, pos, &ref); pos = ref.pos + ref.len) {
		error = srd_array_reserve(refs, &cap, *count + 1, sizeof **refs);
		if (!error)
			error = bring_bytes(orphans, &ref, home);
		if (!error)
			(*refs)[(*count)++] = ref;
	}
	return error;
}

static int make(struct srd_txn *txn, const struct srd_inode *inode, const uint8_t *target)
{
	struct srd_op op = { .kind = SRD_OP_MAKE, .ino = inode->ino, .mode = inode->mode, .uid = inode->uid,
	                     .gid = inode->gid, .has_run = target,
	                     .flags = target ? SRD_OP_CONTENT : 0, .run.len = target ? (uint32_t)inode->size : 0 };
	struct srd_pending_inode made = { .ino = inode->ino, .mode = inode->mode };

	if (S_ISCHR(inode->mode) || S_ISBLK(inode->mode))
		op.rdev = inode->rdev;
	int error = srd_txn_add_op(txn, &op, target, &made.last_op);
	return error ? error : srd_pending_add(txn, &made);
}

static int add_attributes(struct orphans *orphans, struct srd_txn *txn, const struct srd_inode *inode)
{
	const struct srd_state *state = &orphans->from->state;
	struct srd_log *log = orphans->from->log;
	int error = 0;

	for (const struct srd_xattr *x = NULL; !error && (x = srd_state_next_xattr(state, inode, x));) {
		const char *name = srd_xattr_name(&state->source, x);
		struct srd_run run;
		if (!name || !srd_log_run(log, x->run, &run))
			continue;
		const uint8_t *value = run.len ? bytes_of(log, x->run, 0, run.len) : (const uint8_t *)"";
		if (value)
			error = srd_txn_xattr(txn, inode->ino, name, x->name_len, value, run.len);
	}
	struct srd_attr attr = { .mask = SRD_ATTR_ATIME | SRD_ATTR_MTIME | SRD_ATTR_CTIME, .size = inode->size,
	                         .atime_ns = inode->atime_ns, .mtime_ns = inode->mtime_ns, .ctime_ns = inode->ctime_ns };
	if (S_ISREG(inode->mode))
		attr.mask |= SRD_ATTR_SIZE;
	return error ? error : srd_txn_set_attr(txn, inode->ino, &attr);
}

/* Within TXN; REFS lie in the new log. */
static int add_orphan(struct orphans *orphans, struct srd_txn *txn, const struct srd_inode *inode,
                      const struct srd_ref *refs, size_t count)
{
	const uint8_t *target = NULL;
	struct srd_ref ref;

	if (S_ISLNK(inode->mode) && srd_state_extent(&orphans->from->state, inode, 0, &ref))
		target = bytes_of(orphans->from->log, ref.run, ref.skip, (uint32_t)inode->size);
	int error = make(txn, inode, target);
	if (!error && S_ISREG(inode->mode) && count > 0)
		error = srd_txn_refs(txn, inode->ino, refs, count, false);
	return error ? error : add_attributes(orphans, txn, inode);
}

/* Another who has it in use may have brought it before us. */
static int bring(struct orphans *orphans, const struct srd_inode *inode)
{
	struct srd_hold home = { 0 };
	struct srd_ref *refs = NULL;
	size_t count = 0;
	struct srd_txn *txn;
	int error;

	if (srd_state_inode_of(&orphans->to->state, inode->ino))
		return 0;
	do {
		/* Again, if the new log was compacted meanwhile, too. */
		srd_hold_drop(&home);
		free(refs);
		refs = NULL;
		count = 0;
		error = S_ISREG(inode->mode) ? bring_content(orphans, inode, &refs, &count, &home) : 0;
		if (!error)
			error = srd_txn_begin_at(orphans->to, &home, &txn);
	} while (error == SRD_EMOVED);
	if (!error && srd_state_inode_of(&orphans->to->state, inode->ino)) {
		srd_txn_abort(txn);
	} else if (!error) {
		error = add_orphan(orphans, txn, inode, refs, count);
		if (error)
			srd_txn_abort(txn);
		else
			error = srd_txn_commit(txn, NULL);
	}
	srd_hold_drop(&home);
	free(refs);
	return error;
}

static int bring_any(struct orphans *orphans, const struct srd_inode *inode)
{
	const struct srd_watch *watch = orphans->from->watch;
	int error;

	if (S_ISDIR(inode->mode))
		return srd_inode_keep_gone(&orphans->to->state, inode);
	if (orphans->from->flags & SRD_RDONLY)
		return 0;
	error = bring(orphans, inode);
	/* As in one that only reads: nothing can be put there. */
	if (error == SRD_EDAMAGED)
		return 0;
	if (!error && watch)
		watch->kept(watch->user, inode->ino);
	return error;
}

/* Before the next one is brought, for which the new log is followed: another who had it open, too,
 * may free it, or compact that log. */
static void pin(struct orphans *orphans, const struct srd_inode *inode)
{
	struct srd_state *to = &orphans->to->state;
	uint32_t index = srd_state_inode_of(to, inode->ino);

	if (index != 0)
		atomic_store(&srd_inode_at(to, index)->pins, atomic_load(&inode->pins));
}

/* Who opened the new log before us, and found nobody else there, took those that never had a name for
 * what a crash had left: if so, they are gone from here, too, and brought again. */
static int follow_sweeps(struct orphans *orphans)
{
	struct srd_state *to = &orphans->to->state;
	bool any = false;

	for (size_t i = 0; i < orphans->count; i++) {
		uint32_t index = orphans->list[i]->gone ? 0 : srd_state_inode_of(to, orphans->list[i]->ino);
		any |= index != 0;
		if (index != 0)
			atomic_store(&srd_inode_at(to, index)->pins, 0U - (orphans->list[i]->ino < to->heirs));
	}
	return any ? srd_store_follow(orphans->to) : 0;
}

int srd_orphans_bring(struct srd_store *store, struct srd_store *next)
{
	struct orphans orphans = { .from = store, .to = next };
	int error = collect(&orphans);

	/* What others change of what is in use here is told from now on. */
	if (!error && orphans.count > 0) {
		srd_image_carry_pins(&store->state, &next->state);
		error = follow_sweeps(&orphans);
	}
	for (size_t i = 0; i < orphans.count && !error; i++) {
		error = bring_any(&orphans, orphans.list[i]);
		pin(&orphans, orphans.list[i]);
	}
	free(orphans.list);
	return error;
}
