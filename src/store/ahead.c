/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ahead.c - data that is in the log before the commit that names it.
 *
 * Compaction knows nothing of it.  Who has some holds the log that it lies in, and when
 * the store has gone over to another, appends it there again before going on.
 */
#include "config.h"

#include "store/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "store/private.h"

static int append(struct srd_store *store, struct srd_draft *draft, struct srd_hold *home, uint64_t *offset)
{
	struct srd_record record;
	int error = srd_store_begin(store);

	if (error)
		return error;
	if (home && home->log && home->log != store->log)
		error = SRD_EMOVED;
	if (!error)
		error = srd_store_append(store, draft, &record);
	if (!error && home && !home->log)
		*home = srd_store_hold(store);
	srd_store_end(store);
	if (!error)
		*offset = record.offset;
	return error;
}

int srd_store_draft_data(struct srd_draft *draft, const struct iovec *pieces, int count, uint64_t *runs)
{
	int error = 0;

	srd_draft_start(draft, SRD_RECORD_DATA);
	for (int i = 0; i < count && !error; i++) {
		struct srd_op op = { .kind = SRD_OP_RUN, .run.len = (uint32_t)pieces[i].iov_len };
		error = pieces[i].iov_len > SRD_RUN_LEN_MAX ? -EINVAL
		            : srd_draft_add(draft, &op, pieces[i].iov_base, NULL, &runs[i]);
	}
	return error;
}

int srd_store_append_data(struct srd_store *store, const struct iovec *pieces, int count, uint64_t *runs,
                          struct srd_hold *home)
{
	if (store->private)
		return srd_private_append_data(store, pieces, count, runs);
	struct srd_draft draft;
	uint64_t offset = 0;

	srd_draft_init(&draft);
	/* Checksums are made before the lock is taken. */
	int error = srd_store_draft_data(&draft, pieces, count, runs);
	if (!error)
		error = append(store, &draft, home, &offset);
	for (int i = 0; i < count && !error; i++)
		runs[i] += offset;
	srd_draft_release(&draft);
	return error;
}

/* What REF names in LOG comes to the store's log. */
static int bring_one(struct srd_store *store, struct srd_log *log, struct srd_ref *ref, struct srd_hold *home)
{
	struct srd_run run;
	int error = srd_log_run(log, ref->run, &run) ? srd_log_verify(log, &run, ref->skip, ref->len) : SRD_ECORRUPT;

	if (error)
		return error;
	struct iovec piece = { .iov_base = (void *)(log->map + run.offset + run.distance + ref->skip), .iov_len = ref->len };
	error = srd_store_append_data(store, &piece, 1, &ref->run, home);
	if (!error)
		ref->skip = 0;
	return error;
}

static int bring_all(struct srd_store *store, struct srd_log *log, struct srd_ref *refs, size_t count,
                     struct srd_hold *home)
{
	int error = 0;

	for (size_t i = 0; i < count && !error; i++)
		if (srd_ref_has_run(&refs[i]))
			error = bring_one(store, log, &refs[i], home);
	return error;
}

int srd_store_bring_data(struct srd_store *store, struct srd_ref *refs, size_t count, struct srd_hold *home)
{
	SRD_AUTO_FREE struct srd_ref *brought = malloc(count * sizeof *brought + 1);
	struct srd_hold to = { 0 };
	int error;

	if (!brought)
		return -ENOMEM;
	/* What names nothing has perhaps no memory, either. */
	if (count == 0) {
		srd_hold_drop(home);
		return 0;
	}
	do {
		/* Again, if it moved once more meanwhile. */
		srd_hold_drop(&to);
		memcpy(brought, refs, count * sizeof *brought);
		error = bring_all(store, home->log, brought, count, &to);
	} while (error == SRD_EMOVED);
	if (error) {
		srd_hold_drop(&to);
		return error;
	}
	memcpy(refs, brought, count * sizeof *brought);
	srd_hold_drop(home);
	*home = to;
	return 0;
}
