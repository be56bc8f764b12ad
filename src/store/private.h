/* SPDX-License-Identifier: Apache-2.0 */
/*
 * private.h - a store as it was when the view was opened, to be changed at will and
 * committed, all of it at once or not at all.
 *
 * The view is a struct srd_store like any other, so whatever reads or changes one
 * (fs, kv) works on it unchanged.  What differs lies below: its log is diverted
 * (log/overlay.h).
 *
 *      live     log ---------------------------------> others' commits
 *                       |           ^          ^
 *                     base      DATA (named    | one commit: the ops once more
 *                       |       by nobody)     | (reissue.h)
 *      view             +--> state --> overlay-+
 *
 * - Its state is frozen at `base` but for its own commits, which nobody else sees.
 * - Payload of AHEAD_LEN bytes or more goes to the real log at once, through the live
 *   store, as data ahead of its commit does anyway; the overlay has ops, and what is
 *   too short to be worth a record.
 * - Inodes made in the view have numbers from `first_ino` on, without a gap, which they
 *   lose when they are committed: the live store gives them its own, in the same order.
 * - Syncing does nothing: what is not committed is not to survive.
 * - Committed, or closed without, it takes no more changes.
 *
 * Nothing of it is in the log but DATA that no commit names: who is killed loses the
 * view alone, and compaction drops what it left.  If the store is compacted meanwhile
 * the view stays with the log that was: what is written from then on stays in memory, as
 * ops do, and what the view names is brought along when it is committed (brought.h).
 */
#ifndef SRD_STORE_PRIVATE_H
#define SRD_STORE_PRIVATE_H

#include "store/store.h"

enum { SRD_AHEAD_LEN = 256 };

/* What somebody relies on: that INO is as it was, or, with LEN, that what the name stands
 * for is. */
struct srd_expected {
	uint64_t ino;            /* of the directory, where there is a name */
	uint32_t text, len;      /* the name, in private->text */
};

struct srd_private {
	struct srd_store *live;
	uint64_t first_ino;      /* numbers from here on are the view's own */
	atomic_bool moved;       /* the live store has been compacted, and gone over to another log */
	pthread_mutex_t mutex;   /* protects what follows; a leaf */
	struct srd_expected *expected;
	size_t expected_count, expected_cap;
	char *text;
	size_t text_len, text_cap;
};

/* What keeps a view from being committed: a key that others have changed. */
struct srd_conflict {
	char key[SRD_KEY_MAX + 1];
};

/* LIVE must outlive the view, which goes by srd_store_close(), with all that is not
 * committed.  -EROFS, SRD_EDAMAGED ...: LIVE cannot be written to; -EINVAL: it is a
 * private view itself. */
int srd_private_open(struct srd_store *live, struct srd_store **view);
/* One commit of the live store, durable on return.  -EBUSY: *CONFLICT says what others
 * have changed; then, as after any error, nothing is done and the view is as it was.
 * -EALREADY: it was committed before. */
int srd_private_commit(struct srd_store *view, struct srd_conflict *conflict);
/* The view is to be committed only if INO, even if it is not changed, is as it was (of a
 * directory: is there); or what NAME in DIR stands for.  Nothing for an ordinary store.
 * May be called with the state's read side held. */
int srd_private_expect(struct srd_store *store, uint64_t ino);
int srd_private_expect_name(struct srd_store *store, uint64_t dir, const char *name, size_t len);

/* ---- For the store ---- */

/* As srd_store_append_data(). */
int srd_private_append_data(struct srd_store *view, const struct iovec *pieces, int count, uint64_t *runs);
/* The same within a transaction of the view.  SRD_EMOVED: not in the log that the view reads. */
int srd_private_append_ahead(struct srd_store *view, const struct iovec *pieces, int count, uint64_t *runs);
void srd_private_free(struct srd_store *store);
/* True if LEN bytes of content are to go to the log ahead of their op. */
static inline bool srd_private_goes_ahead(const struct srd_store *of, size_t len)
{
	return of->private && len >= SRD_AHEAD_LEN && !atomic_load_explicit(&of->private->moved, memory_order_relaxed);
}

#endif
