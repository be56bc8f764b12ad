/* SPDX-License-Identifier: Apache-2.0 */
/* open.c - a store is opened: its log, the image that the state begins as, and what the log has behind that. */
#include "config.h"

#include "store/store.h"

#include "store/apply.h"
#include "store/image.h"
#include "store/use.h"

static int open_log(const char *path, int flags, const struct srd_io *io, struct srd_log **log)
{
	if (flags & SRD_CREATE) {
		int error = srd_log_create(path, 0666, io);
		if (error && (error != -EEXIST || (flags & SRD_EXCL)))
			return error;
	}
	return srd_log_open(path, srd_store_log_flags(flags), io, log);
}

/* How far opening has come, and who wants to know. */
struct opening {
	struct srd_store *store;
	const struct srd_progress *progress;
};

static int visit_opening(void *user, const struct srd_record *record, const uint8_t *metadata)
{
	return srd_store_visit(((struct opening *)user)->store, record, metadata);
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
