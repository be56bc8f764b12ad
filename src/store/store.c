/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/store.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state/chunks.h"
#include "store/era.h"
#include "store/image.h"
#include "store/keeper.h"
#include "store/move.h"
#include "store/private.h"
#include "store/saver.h"
#include "store/txn.h"
#include "store/use.h"
#include "store/warmer.h"

enum { SYNC_SECONDS = 5, SAVE_AFTER_OPS = 500000 };

static const uint8_t *source_at(const void *log, uint64_t offset, uint64_t len)
{
	return srd_log_at(log, offset, len);
}

/* The only place where the state changes (P1). */
static int apply(struct srd_store *store, const struct srd_record *record, const uint8_t *metadata, bool foreign)
{
	srd_brlock_write_lock(&store->state_lock);
	/* The kernel knows what was changed through us. */
	store->state.watch = foreign ? store->watch : NULL;
	int error = srd_state_apply(&store->state, record, metadata);
	store->foreign += foreign;
	store->told |= foreign && store->watch;
	srd_brlock_write_unlock(&store->state_lock);
	srd_warmer_nudge(store);
	/* Bad tables are replaced by who comes next; what was applied is in the log. */
	if (srd_chunks_error(store->state.chunks))
		return 0;
	if (error)
		atomic_store(&store->broken, error);
	return error;
}

/* Not 0 if the tables are to be built from the log; but not from one of which bytes are
 * gone, for they have more than that.  Read side or commit mutex held. */
static int tables_error(const struct srd_store *store)
{
	int error = srd_chunks_error(store->state.chunks);

	return error && !srd_log_is_lost(store->log) ? error : 0;
}

/* Call with the commit mutex held. */
static int heal(struct srd_store *store)
{
	return tables_error(store) ? srd_image_replace(store) : 0;
}

int srd_store_apply(struct srd_store *store, const struct srd_record *record, const uint8_t *metadata)
{
	return apply(store, record, metadata, false);
}

/* Where there is no memory the record waits, and is followed another time. */
static int visit(void *user, const struct srd_record *record, const uint8_t *metadata)
{
	struct srd_store *store = user;
	int error = srd_state_make_room(&store->state, record->meta_len);

	return error ? error : apply(store, record, metadata, true);
}

static int log_flags(int flags)
{
	return (flags & SRD_RDONLY ? SRD_LOG_RDONLY : 0) | (flags & SRD_EXCLUSIVE ? SRD_LOG_EXCLUSIVE : 0) |
	       (flags & SRD_SINGLE_WRITER ? SRD_LOG_SINGLE_WRITER : 0) |
	       (flags & SRD_NOCHECK ? SRD_LOG_NOCHECK : 0) | (flags & SRD_BESIDE ? SRD_LOG_BESIDE : 0);
}

static int open_log(const char *path, int flags, const struct srd_io *io, struct srd_log **log)
{
	if (flags & SRD_CREATE) {
		int error = srd_log_create(path, 0666, io);
		if (error && (error != -EEXIST || (flags & SRD_EXCL)))
			return error;
	}
	return srd_log_open(path, log_flags(flags), io, log);
}

void srd_store_destroy(struct srd_store *store)
{
	/* In a child there is no such thread. */
	if (store->log && srd_log_is_own(store->log))
		srd_store_await_leaving(store);
	srd_warmer_stop(store);
	if (store->txn) {
		srd_pending_release(store->txn);
		srd_draft_release(&store->txn->draft);
		free(store->txn);
	}
	srd_private_free(store);
	srd_state_release(&store->state);
	/* Values still held keep the mapping, and nothing else, until they go. */
	if (store->borrowed)
		srd_log_unshare(store->log);
	else
		srd_log_close(store->log);
	free(store->era);
	free(store->path);
	free(store);
}

static bool source_is_lost(const void *log, uint64_t offset, uint64_t prev)
{
	return srd_log_lacks(log, offset, prev);
}

struct srd_source srd_store_source(const struct srd_log *log)
{
	return (struct srd_source){ .at = source_at, .is_lost = source_is_lost, .user = log };
}

/* How far opening has come, and who wants to know. */
struct opening {
	struct srd_store *store;
	const struct srd_progress *progress;
};

static int visit_opening(void *user, const struct srd_record *record, const uint8_t *metadata)
{
	return visit(((struct opening *)user)->store, record, metadata);
}

static void peek(void *user, const struct srd_record *record, const uint8_t *metadata)
{
	srd_state_peek(&((struct opening *)user)->store->state, record, metadata);
}

static void tell(void *user, uint64_t done, uint64_t total)
{
	const struct srd_progress *progress = ((struct opening *)user)->progress;

	progress->tell(progress->user, done, total);
}

/* True if STATE has all that the last worker's users have open and has no name: an image
 * knows nothing of those that had lost it by then. */
static bool has_all(const struct srd_state *state, const struct srd_numberset *orphans)
{
	for (size_t i = 0; orphans && i < orphans->count; i++) {
		uint64_t ino = atomic_load(&orphans->slots[i]);
		if (ino != 0 && srd_state_inode_of(state, ino) == 0)
			return false;
	}
	return true;
}

static int begin(struct srd_store *store, const struct srd_numberset *orphans)
{
	int error = srd_image_load(store);

	return error || has_all(&store->state, orphans) ? error : srd_image_forgo(store);
}

static int load(struct srd_store *store, const struct srd_progress *progress, struct srd_numberset *orphans,
                bool again)
{
	struct opening opening = { .store = store, .progress = progress };
	struct srd_log_visitor visitor = { .visit = visit_opening, .peek = peek,
	                                   .progress = progress ? tell : NULL, .user = &opening };

	int error = begin(store, orphans);

	store->state.orphans = orphans;
	if (!error)
		error = srd_log_recover_with(store->log, &visitor);
	if (!error && again)
		srd_state_pin_all(&store->state);
	if (!error)
		srd_use_move_on(store, true);
	return error;
}

int srd_store_open(const char *path, int flags, const struct srd_io *io, struct srd_store **store)
{
	return srd_store_open_telling(path, flags, io, NULL, store);
}

int srd_store_open_telling(const char *path, int flags, const struct srd_io *io,
                           const struct srd_progress *progress, struct srd_store **store)
{
	return srd_store_open_again(path, flags, io, progress, NULL, false, store);
}

int srd_store_new(const char *path, int flags, struct srd_store **out)
{
	struct srd_store *store = aligned_alloc(_Alignof(struct srd_store), sizeof *store);

	if (!store)
		return -ENOMEM;
	memset(store, 0, sizeof *store);
	store->flags = flags;
	store->sync_seconds = SYNC_SECONDS;
	store->save_after_ops = SAVE_AFTER_OPS;
	store->uid = getuid();
	store->gid = getgid();
	store->path = strdup(path);
	store->txn = calloc(1, sizeof *store->txn);
	if (store->txn) {
		store->txn->store = store;
		srd_draft_init(&store->txn->draft);
	}
	if (!store->path || !store->txn || srd_era_new(store) != 0) {
		srd_store_destroy(store);
		return -ENOMEM;
	}
	*out = store;
	return 0;
}

int srd_store_open_again(const char *path, int flags, const struct srd_io *io, const struct srd_progress *progress,
                         struct srd_numberset *orphans, bool again, struct srd_store **out)
{
	struct srd_store *store;

	if ((flags & SRD_RDONLY) && (flags & (SRD_CREATE | SRD_EXCLUSIVE | SRD_SINGLE_WRITER)))
		return -EINVAL;
	int error = srd_store_new(path, flags, &store);
	if (error)
		return error;
	error = open_log(path, flags, io ? io : &srd_io_posix, &store->log);
	if (!error)
		error = load(store, progress, orphans, again);
	if (!error && !(flags & SRD_RDONLY))
		srd_log_successor_sweep(store->log);
	if (error) {
		srd_store_destroy(store);
		return error;
	}
	*out = store;
	return 0;
}

/* ---- Beside a store that is to go over to it ---- */

struct beside {
	struct srd_store *store;
	struct srd_store_known *known;
	uint64_t sequence;             /* of the commit before */
	struct srd_log_place stop;     /* before the first commit that is to be followed; end 0: none */
};

static int visit_known(void *user, const struct srd_record *record, const uint8_t *metadata)
{
	struct beside *beside = user;
	struct srd_store_known *known = beside->known;

	/* What is restated cannot be told apart any more. */
	known->unknown |= record->sequence > known->sequence && record->flags & SRD_RECORD_BASE;
	if (record->sequence > known->sequence && !known->unknown && beside->stop.end == 0)
		beside->stop = (struct srd_log_place){ .end = record->offset, .last = record->prev,
		                                       .last_check = record->prev_check, .sequence = beside->sequence,
		                                       .last_time_ns = record->time_ns,
		                                       .latest_ns = beside->store->log->latest_ns,
		                                       .epoch = record->epoch };
	beside->sequence = record->sequence;
	return beside->stop.end == 0 ? visit(beside->store, record, metadata) : 0;
}

static int load_known(struct srd_store *store, struct srd_store_known *known)
{
	struct beside beside = { .store = store, .known = known };
	int error = srd_image_load(store);

	if (error)
		return error;
	beside.sequence = store->log->sequence;
	known->unknown = beside.sequence > known->sequence;
	error = srd_log_recover(store->log, visit_known, &beside);
	/* Who knew it before it was damaged knew more. */
	known->unknown |= srd_log_damages(store->log) > 0;
	if (!error && beside.stop.end > 0)
		srd_log_return_to(store->log, &beside.stop);
	return error;
}

/* Who wrote LOG is at its end, and there may be no image that leads there. */
static void start_anew(struct srd_log *log)
{
	struct srd_log_place start = srd_log_start(log);

	srd_log_return_to(log, &start);
}

int srd_store_open_beside(const struct srd_store *of, struct srd_log *log, struct srd_store_known *known,
                          struct srd_store **out)
{
	struct srd_store *store;
	int error = srd_store_new(of->path, of->flags, &store);

	if (error) {
		srd_log_close(log);
		return error;
	}
	store->is_beside = true;
	store->log = log;
	if (log)
		start_anew(log);
	else
		error = srd_log_open_beside(of->log, of->log->name, log_flags(of->flags), &store->log);
	/* Only what was compacted is the store still. */
	if (!error && (memcmp(store->log->sb.uuid, of->log->sb.uuid, sizeof of->log->sb.uuid) != 0 ||
	               store->log->sb.generation <= of->log->sb.generation))
		error = SRD_EREPLACED;
	if (!error)
		error = srd_log_take_over(store->log, of->log);
	if (!error)
		error = load_known(store, known);
	if (error) {
		srd_store_destroy(store);
		return error;
	}
	*out = store;
	return 0;
}

/* Syncs, and leaves a mark behind, so that the next opening need not check what
 * we know.  The mark is a convenience: nothing is waited for, nor fails, for it. */
static int settle(struct srd_store *store)
{
	int error = srd_store_sync(store);

	if (!error)
		srd_image_save_at_close(store);
	if (!error && store->log->lock_held)
		srd_log_mark(store->log);
	return error;
}

int srd_store_close(struct srd_store *store)
{
	int error = 0;

	if (!store)
		return 0;
	/* A child has neither our thread nor locks of its own. */
	bool own = !store->frozen && srd_log_is_own(store->log);
	if (own) {
		srd_saver_stop(store);
		srd_keeper_stop(store);
	}
	if (own && store->appended && !(store->flags & SRD_NOSYNC))
		error = settle(store);
	else if (own && !store->private)
		srd_image_save_at_close(store);
	srd_era_leave(store->era);
	return error;
}

/* As far as the log goes, and over to its successor.  Where there is none, what was read no
 * longer fits what is there, and never will again. */
static int follow_locked(struct srd_store *store)
{
	for (;;) {
		int error = srd_log_follow(store->log, visit, store);
		if (error != SRD_EREPLACED)
			return error;
		error = srd_store_move(store);
		if (error == SRD_EREPLACED)
			atomic_store(&store->broken, error);
		if (error)
			return error;
	}
}

/* Lets go of the commit mutex, and tells who watches if there is something. */
static void let_go(struct srd_store *store)
{
	const struct srd_watch *watch = store->told ? store->watch : NULL;

	store->told = false;
	srd_mutex_unlock(&store->commit_mutex);
	if (watch)
		watch->published(watch->user);
}

int srd_store_follow(struct srd_store *store)
{
	srd_mutex_lock(&store->commit_mutex);
	int error = atomic_load(&store->broken);
	if (!error)
		error = heal(store);
	if (!error && !store->frozen && srd_log_is_behind(store->log))
		error = follow_locked(store);
	if (!error)
		srd_use_move_on(store, false);
	let_go(store);
	return error;
}

/* Out of the read side and in again: nothing is waited for under it. */
static int step_out_to_follow(struct srd_store *store, unsigned stripe)
{
	srd_brlock_read_unlock(&store->state_lock, stripe);
	int error = srd_store_follow(store);
	srd_brlock_read_lock(&store->state_lock, stripe);
	return error;
}

static int step_out_to_look(struct srd_store *store, unsigned stripe)
{
	struct srd_hold hold = srd_store_hold_read(store, stripe);

	srd_brlock_read_unlock(&store->state_lock, stripe);
	bool behind = srd_log_looks_behind(hold.log);
	srd_hold_drop(&hold);
	int error = behind ? srd_store_follow(store) : 0;
	srd_brlock_read_lock(&store->state_lock, stripe);
	return error;
}

static int catch_up(struct srd_store *store, unsigned stripe)
{
	switch (store->frozen ? SRD_LOG_NO_NEWS : srd_log_news(store->log)) {
	case SRD_LOG_NO_NEWS: return 0;
	case SRD_LOG_NEWS: return step_out_to_follow(store, stripe);
	case SRD_LOG_LOOK: return step_out_to_look(store, stripe);
	}
	return 0;
}

int srd_store_read(struct srd_store *store, unsigned *out)
{
	unsigned stripe = srd_brlock_stripe();

	srd_brlock_read_lock(&store->state_lock, stripe);
	int error = catch_up(store, stripe);
	while (!error && tables_error(store))
		error = step_out_to_follow(store, stripe);
	if (!error)
		error = atomic_load_explicit(&store->broken, memory_order_relaxed);
	if (error) {
		srd_brlock_read_unlock(&store->state_lock, stripe);
		return error;
	}
	*out = stripe;
	return 0;
}

struct srd_hold srd_store_hold(struct srd_store *store)
{
	unsigned stripe = srd_brlock_stripe();

	srd_brlock_read_lock(&store->state_lock, stripe);
	struct srd_hold hold = srd_store_hold_read(store, stripe);
	srd_brlock_read_unlock(&store->state_lock, stripe);
	return hold;
}

struct srd_hold srd_store_stand_by(struct srd_store *store)
{
	unsigned stripe = srd_brlock_stripe();

	srd_brlock_read_lock(&store->state_lock, stripe);
	struct srd_hold hold = srd_store_hold_read(store, stripe);
	atomic_fetch_add(&hold.log->pins->bystanders, 1);
	hold.bystander = true;
	srd_brlock_read_unlock(&store->state_lock, stripe);
	return hold;
}

int srd_store_done(struct srd_store *store, unsigned stripe)
{
	int bad = tables_error(store);

	srd_brlock_read_unlock(&store->state_lock, stripe);
	return bad;
}

int srd_store_absence(const struct srd_store *store, int error)
{
	return srd_log_is_lost(store->log) ? SRD_ELOST : error;
}

bool srd_store_is_lost(struct srd_store *store)
{
	unsigned stripe = srd_brlock_stripe();

	srd_brlock_read_lock(&store->state_lock, stripe);
	bool lost = srd_log_is_lost(store->log);
	srd_brlock_read_unlock(&store->state_lock, stripe);
	return lost;
}

bool srd_store_is_only_writer(struct srd_store *store)
{
	struct srd_hold hold = srd_store_hold(store);
	bool only = srd_log_is_only_writer(hold.log);

	srd_hold_drop(&hold);
	return only;
}

void srd_store_unpin(struct srd_store *store, uint64_t ino, uint32_t count)
{
	unsigned stripe = srd_brlock_stripe();

	srd_brlock_read_lock(&store->state_lock, stripe);
	uint32_t inode = srd_state_inode_of(&store->state, ino);
	bool come_back = inode && srd_state_unpin(&store->state, inode, count, false);
	srd_brlock_read_unlock(&store->state_lock, stripe);
	if (!come_back)
		return;
	srd_mutex_lock(&store->commit_mutex);
	srd_brlock_write_lock(&store->state_lock);
	inode = srd_state_inode_of(&store->state, ino);
	if (inode)
		srd_state_unpin(&store->state, inode, count, true);
	srd_brlock_write_unlock(&store->state_lock);
	srd_mutex_unlock(&store->commit_mutex);
}

int srd_store_sync(struct srd_store *store)
{
	/* What others have committed is to be durable too. */
	struct srd_hold hold = srd_store_hold(store);
	int follow_error = 0;

	if (!store->frozen && srd_log_is_behind(hold.log)) {
		follow_error = srd_store_follow(store);
		srd_hold_drop(&hold);
		hold = srd_store_hold(store);
	}
	int error = srd_log_sync(hold.log, atomic_load(&hold.log->end));
	srd_hold_drop(&hold);
	return error ? error : follow_error;
}

/* The lock of the log that is the store's when all is followed. */
static int lock_and_follow(struct srd_store *store)
{
	for (;;) {
		/* Not its address, which the successor of the successor may have. */
		uint64_t generation = store->log->sb.generation;
		bool follow = false;
		int error = srd_log_lock(store->log, &follow);
		if (error)
			return error;
		error = heal(store);
		if (!error && follow)
			error = follow_locked(store);
		if (error)
			srd_log_release(store->log);
		if (error || store->log->sb.generation == generation)
			return error;
	}
}

/* Takes what an append needs, all caught up.  Released by srd_store_end().  DAMAGED: never mind
 * damage that is not repaired. */
static int begin_append(struct srd_store *store, bool damaged)
{
	if (store->flags & SRD_RDONLY)
		return -EROFS;
	srd_mutex_lock(&store->commit_mutex);
	int error = atomic_load(&store->broken);
	if (!error)
		error = lock_and_follow(store);
	if (!error) {
		/* Now, not when appending: ops say where they will lie. */
		error = srd_log_prepare(store->log);
		if (error == SRD_EDAMAGED && damaged && !srd_log_is_lost(store->log))
			error = 0;
		/* Kept, it would say that all is followed. */
		if (error)
			srd_log_release(store->log);
	}
	if (error)
		let_go(store);
	return error;
}

int srd_store_begin(struct srd_store *store)
{
	return begin_append(store, false);
}

int srd_store_begin_last(struct srd_store *store)
{
	return begin_append(store, true);
}

void srd_store_end(struct srd_store *store)
{
	srd_use_move_on(store, false);
	srd_log_unlock(store->log);
	/* Before the first append there is no thread to hear who asks. */
	if (!store->keeper_running)
		srd_log_release(store->log);
	let_go(store);
}

/* Appends DRAFT between begin and end. */
int srd_store_append(struct srd_store *store, struct srd_draft *draft, struct srd_record *record)
{
	int error = srd_log_append(store->log, draft, record);

	if (!error && !store->private) {
		store->appended = true;
		if (!store->is_beside) {
			srd_keeper_nudge(store);
			srd_saver_nudge(store);
		}
	}
	return error;
}
