/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content.c - reading what a file holds: dirty pieces over committed extents
 * over zeros.
 *
 * First a plan is made, with the locks held: memory is copied and holes are
 * zeroed at once, what lies in the log is noted.  Bytes of the log never change,
 * so they are copied (and checked) after the locks are gone: a cold page or a
 * slow disk holds up nobody else.
 */
#include "config.h"

#include "fs/fs.h"

#include <string.h>

#include "base/check.h"

enum {
	PLAN_REFS = 256,
	MUCH = 64 << 10,           /* as a request */
	WORTH_A_CALL = 16 << 10,   /* of one piece; shorter ones are copied five to ten times as fast */
};

struct plan {
	const struct srd_state *state;
	const struct srd_inode *inode;
	const struct srd_open_inode *open;   /* NULL: nothing is dirty */
	uint64_t start, pos, end;            /* in the file; pos: how far it is planned */
	uint8_t *to;                         /* where start goes */
	struct srd_ref refs[PLAN_REFS];      /* to be copied */
	size_t count;
	bool fetched;                        /* and not by way of the mapping */
	struct srd_hold hold;                /* of the log that they lie in */
};

static uint8_t *place(const struct plan *plan, uint64_t pos)
{
	return plan->to + (pos - plan->start);
}

static void plan_zeros(struct plan *plan, uint64_t end)
{
	memset(place(plan, plan->pos), 0, end - plan->pos);
	plan->pos = end;
}

/* The part of REF from plan->pos to END; REF begins at or before it. */
static void plan_ref(struct plan *plan, const struct srd_ref *ref, uint64_t end)
{
	uint32_t into = (uint32_t)(plan->pos - ref->pos);

	end = SRD_MIN(end, ref->pos + ref->len);
	if (ref->run == 0) {
		plan_zeros(plan, end);
		return;
	}
	plan->refs[plan->count++] = (struct srd_ref){ .pos = plan->pos, .run = ref->run,
	                                              .skip = ref->skip + into, .len = (uint32_t)(end - plan->pos) };
	plan->pos = end;
}

/* Committed content up to END. */
static void plan_committed(struct plan *plan, uint64_t end)
{
	uint64_t known = SRD_MIN(plan->inode->size, plan->open ? plan->open->base : UINT64_MAX);
	struct srd_ref ref;

	while (plan->pos < end && plan->count < PLAN_REFS) {
		if (plan->pos >= known || !srd_state_extent(plan->state, plan->inode, plan->pos, &ref))
			plan_zeros(plan, end);
		else if (ref.pos > plan->pos)
			plan_zeros(plan, SRD_MIN(end, ref.pos));
		else
			plan_ref(plan, &ref, SRD_MIN(end, known));
	}
}

static void plan_piece(struct plan *plan, const struct srd_piece *piece)
{
	uint64_t end = SRD_MIN(plan->end, srd_piece_end(piece));

	if (!piece->memory) {
		struct srd_ref ref = { .pos = piece->pos, .run = piece->run, .skip = piece->skip, .len = piece->len };
		plan_ref(plan, &ref, end);
		return;
	}
	memcpy(place(plan, plan->pos), srd_piece_bytes(piece) + (plan->pos - piece->pos), end - plan->pos);
	plan->pos = end;
}

static void plan_all(struct plan *plan)
{
	const struct srd_dirty *dirty = plan->open ? &plan->open->dirty : NULL;
	size_t i = dirty ? srd_dirty_find(dirty, plan->pos) : 0;

	while (plan->pos < plan->end && plan->count < PLAN_REFS) {
		const struct srd_piece *piece = dirty && i < dirty->count ? &dirty->pieces[i] : NULL;
		if (piece && piece->pos <= plan->pos) {
			plan_piece(plan, piece);
			i++;
		} else {
			plan_committed(plan, piece ? SRD_MIN(plan->end, piece->pos) : plan->end);
		}
	}
}

/* As srd_fs_read_inode(), with what was spilled (OPEN's mutex held; or NULL: nothing) in the
 * same log. */
static int read_inode(struct srd_fs *fs, uint64_t ino, struct srd_open_inode *open, unsigned *stripe,
                      struct srd_inode **inode)
{
	for (;;) {
		int error = srd_fs_read_inode(fs, ino, stripe, inode);
		if (error || !open || !open->home.log || open->home.log == fs->store->log)
			return error;
		error = srd_store_done(fs->store, *stripe);
		if (!error)
			error = srd_open_bring(fs, open);
		if (error)
			return error;
	}
}

/* Plans as much of [plan->pos, +LEN) as there is and fits. */
static int make_plan(struct srd_fs *fs, uint64_t ino, struct srd_open_inode *open, size_t len, struct plan *plan)
{
	struct srd_inode *inode;
	unsigned stripe;
	bool changed = open && atomic_load(&open->changed);

	if (changed)
		pthread_mutex_lock(&open->mutex);
	int error = read_inode(fs, ino, changed ? open : NULL, &stripe, &inode);
	if (!error) {
		uint64_t size = changed ? srd_open_size(open, inode->size) : inode->size;
		plan->state = &fs->store->state;
		plan->inode = inode;
		plan->open = changed ? open : NULL;
		plan->end = SRD_MIN(size, plan->pos + len);
		plan_all(plan);
		plan->hold = srd_store_hold_read(fs->store, stripe);
		error = srd_store_done(fs->store, stripe);
		if (error)
			srd_hold_drop(&plan->hold);
	}
	if (changed)
		pthread_mutex_unlock(&open->mutex);
	return error;
}

/* The key of INO for people. */
static void tell_damage(struct srd_fs *fs, uint64_t ino, const struct srd_ref *ref)
{
	char buffer[SRD_KEY_MAX + 1];
	const char *key = NULL;
	struct srd_inode *inode;
	unsigned stripe;

	if (srd_fs_read_inode(fs, ino, &stripe, &inode) != 0)
		return;
	if (inode->dentry && srd_state_path(&fs->store->state, inode->dentry, buffer, &key) < 0)
		key = NULL;
	srd_store_done(fs->store, stripe);
	srd_fs_say(fs, "%s: damaged: bytes at %llu (run at %llu of the store) do not match their checksum",
	           key ? key : "(no name)", (unsigned long long)ref->pos, (unsigned long long)ref->run);
}

static int copy_ref(const struct plan *plan, const struct srd_ref *ref)
{
	struct srd_log *log = plan->hold.log;
	uint8_t *to = place(plan, ref->pos);
	struct srd_run run;

	if (!srd_log_run(log, ref->run, &run))
		return srd_log_run_error(log, ref->run);
	return plan->fetched && ref->len >= WORTH_A_CALL ? srd_log_fetch(log, &run, ref->skip, ref->len, to)
	                                                 : srd_log_copy(log, &run, ref->skip, ref->len, to);
}

static int carry_out(struct srd_fs *fs, uint64_t ino, const struct plan *plan)
{
	struct srd_log *log = plan->hold.log;

	for (size_t i = 0; i < plan->count; i++) {
		const struct srd_ref *ref = &plan->refs[i];
		int error = copy_ref(plan, ref);
		if (error) {
			if (error != SRD_ETRIMMED && !srd_log_is_lost(log))   /* that is told once for all */
				tell_damage(fs, ino, ref);
			return error;
		}
	}
	return 0;
}

ssize_t srd_fs_read_content(struct srd_fs *fs, uint64_t ino, struct srd_open_inode *open,
                            uint64_t pos, void *data, size_t len)
{
	struct plan plan;
	size_t done = 0;

	/* Whoever reads as much at once mostly reads on, and the kernel keeps what he got: the store's
	 * pages of it are a second copy, which is not to stay in the mapping. */
	plan.fetched = len >= MUCH;
	while (done < len) {
		plan.start = plan.pos = pos + done;
		plan.to = (uint8_t *)data + done;
		plan.count = 0;
		int error = make_plan(fs, ino, open, len - done, &plan);
		if (!error) {
			error = carry_out(fs, ino, &plan);
			srd_hold_drop(&plan.hold);
		}
		if (error)
			return error;
		if (plan.pos > plan.start)
			done += plan.pos - plan.start;
		/* Up to the end as it was: what is there by now is of another time. */
		if (plan.pos >= plan.end)
			break;
	}
	return (ssize_t)done;
}
