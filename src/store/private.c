/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/private.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "log/overlay.h"
#include "store/brought.h"
#include "store/reissue.h"
#include "store/txn.h"

/* ---- Coming and going ---- */

static int divert(struct srd_store *view, struct srd_store *live)
{
	/* It may be compacted, and nobody have noticed. */
	srd_store_follow(live);
	struct srd_hold hold = srd_store_hold(live);
	bool beside = srd_log_is_beside(view->log, hold.log);
	srd_hold_drop(&hold);
	int error = beside ? srd_log_divert(view->log) : SRD_EREPLACED;
	struct srd_private *private = error ? NULL : calloc(1, sizeof *private);

	if (!private)
		return error ? error : -ENOMEM;
	pthread_mutex_init(&private->mutex, NULL);
	private->live = live;
	private->first_ino = view->state.next_ino;
	view->private = private;
	view->flags &= ~SRD_RDONLY;
	view->uid = live->uid;
	view->gid = live->gid;
	return 0;
}

/* What could never be committed is refused now. */
static int check_writable(struct srd_store *live)
{
	int error = srd_store_begin(live);

	if (!error)
		srd_store_end(live);
	return error;
}

int srd_private_open(struct srd_store *live, struct srd_store **out)
{
	int flags = SRD_RDONLY | SRD_BESIDE | (live->flags & SRD_NOCHECK);
	struct srd_store *view;
	int error = live->private ? -EINVAL : check_writable(live);

	if (error)
		return error;
	struct srd_hold hold = srd_store_hold(live);
	error = srd_store_open(live->path, flags, hold.log->io, &view);
	srd_hold_drop(&hold);
	if (error)
		return error;
	error = divert(view, live);
	if (error)
		srd_store_close(view);
	else
		*out = view;
	return error;
}

void srd_private_free(struct srd_store *store)
{
	if (!store->private)
		return;
	pthread_mutex_destroy(&store->private->mutex);
	free(store->private->expected);
	free(store->private->text);
	free(store->private);
	store->private = NULL;
}

/* ---- What the view relies on ---- */

/* Call with the mutex held. */
static int note(struct srd_private *private, uint64_t ino, const char *name, size_t len)
{
	size_t count = private->expected_count;
	int error = srd_array_reserve(&private->expected, &private->expected_cap, count + 1, sizeof *private->expected);

	if (!error)
		error = srd_array_reserve(&private->text, &private->text_cap, private->text_len + len, 1);
	if (error)
		return error;
	private->expected[count] = (struct srd_expected){ .ino = ino, .text = (uint32_t)private->text_len,
	                                                  .len = (uint32_t)len };
	if (len > 0)
		memcpy(private->text + private->text_len, name, len);
	private->text_len += len;
	private->expected_count++;
	return 0;
}

int srd_private_expect(struct srd_store *store, uint64_t ino)
{
	struct srd_private *private = store->private;

	if (!private || ino >= private->first_ino)
		return 0;
	SRD_LOCK_GUARD(&private->mutex);
	const struct srd_expected *last = private->expected_count ? &private->expected[private->expected_count - 1] : NULL;

	/* Who opens a file again and again need be noted once. */
	return last && last->len == 0 && last->ino == ino ? 0 : note(private, ino, NULL, 0);
}

int srd_private_expect_name(struct srd_store *store, uint64_t dir, const char *name, size_t len)
{
	if (!store->private || dir >= store->private->first_ino)
		return 0;
	SRD_LOCK_GUARD(&store->private->mutex);

	return note(store->private, dir, name, len);
}

/* ---- Data ---- */

int srd_private_append_ahead(struct srd_store *view, const struct iovec *pieces, int count, uint64_t *runs)
{
	struct srd_private *private = view->private;
	int error = srd_store_append_data(private->live, pieces, count, runs, NULL);

	if (error)
		return error;
	/* Asked afterwards: a log that the store has left it does not come back to. */
	struct srd_hold hold = srd_store_hold(private->live);
	bool beside = srd_log_is_beside(view->log, hold.log);
	if (beside)
		error = srd_log_reveal(view->log, atomic_load(&hold.log->end));
	srd_hold_drop(&hold);
	if (!beside)
		atomic_store(&private->moved, true);
	return beside ? error : SRD_EMOVED;
}

/* The log that the view reads takes no more: what comes stays in memory, as ops do. */
static int append_over(struct srd_store *view, struct srd_draft *draft, struct srd_record *record)
{
	int error = srd_store_begin(view);

	if (!error) {
		error = srd_store_append(view, draft, record);
		srd_store_end(view);
	}
	return error;
}

int srd_private_append_data(struct srd_store *view, const struct iovec *pieces, int count, uint64_t *runs)
{
	struct srd_draft draft;
	struct srd_record record;
	int error = SRD_EMOVED;

	if (!atomic_load(&view->private->moved))
		error = srd_private_append_ahead(view, pieces, count, runs);
	if (error != SRD_EMOVED)
		return error;
	srd_draft_init(&draft);
	error = srd_store_draft_data(&draft, pieces, count, runs);
	if (!error)
		error = append_over(view, &draft, &record);
	for (int i = 0; i < count && !error; i++)
		runs[i] += record.offset;
	srd_draft_release(&draft);
	return error;
}

/* ---- Committing ---- */

/* Commit mutex of the view held. */
static int commit(struct srd_store *view, struct srd_conflict *conflict)
{
	struct srd_brought brought = { 0 };
	struct srd_txn *txn;
	int error = view->log->overlay->closed ? -EALREADY
	            : srd_brought_begin(view, &brought, &txn);

	if (!error) {
		/* A glance at the name, which appends look at now and then only. */
		error = srd_log_is_replaced(txn->store->log) ? SRD_EREPLACED : srd_reissue(view, txn, &brought, conflict);
		if (error)
			srd_txn_abort(txn);
		else
			error = srd_txn_commit(txn, NULL);
	}
	if (!error)
		srd_overlay_close(view->log);
	srd_brought_release(&brought);
	return error;
}

int srd_private_commit(struct srd_store *view, struct srd_conflict *conflict)
{
	int error = view->private ? srd_store_begin(view) : -EINVAL;

	if (error)
		return error;
	error = commit(view, conflict);
	srd_store_end(view);
	return error ? error : srd_store_sync(view->private->live);
}
