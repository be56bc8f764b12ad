/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alone.c - one inode as it was, and nothing else: a view (view.c) whose state is made of the
 * ops of its trace.  It costs what was done to that inode, however large the store is.
 *
 * A directory is shown as it was before it was emptied: that is a part of its removal.
 */
#include "config.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "store/store.h"
#include "store/trace.h"

enum { RESERVE_BYTES = 256 << 20 };   /* of address space, for each table */

struct steps {
	uint64_t *offsets;        /* of its ops, the last one first */
	size_t count, cap;
};

static int collect(const struct srd_log *log, uint64_t ino, uint64_t last_op, struct steps *steps)
{
	struct srd_trace trace = srd_trace_from(log, ino, last_op);
	int more, error = 0;

	while (!error && (more = srd_trace_step(&trace)) != 0) {
		if (more > 0 && steps->count == 0 && trace.op.kind == SRD_OP_UNLINK && trace.op.ino != ino)
			continue;
		error = more < 0 ? more : srd_array_reserve(&steps->offsets, &steps->cap, steps->count + 1, sizeof *steps->offsets);
		if (!error)
			steps->offsets[steps->count++] = trace.op.offset;
	}
	return error;
}

static int apply_all(struct srd_store *view, uint64_t ino, const struct steps *steps)
{
	struct srd_trace trace = srd_trace_from(view->log, ino, 0);
	int error = 0;

	for (size_t i = steps->count; i > 0 && !error; i--) {
		error = srd_trace_look(&trace, steps->offsets[i - 1]);
		if (!error)
			error = srd_state_apply_alone(&view->state, &trace.record, &trace.op, ino);
	}
	view->state.still = true;
	if (!error && srd_state_inode_of(&view->state, ino) == 0)
		error = -ESTALE;
	return error;
}

/* The log of STORE for VIEW, if it is the one that somebody means. */
static int share_log(struct srd_store *store, uint64_t generation, struct srd_store *view)
{
	srd_mutex_lock(&store->commit_mutex);
	int error = store->log->sb.generation == generation ? 0 : -ESTALE;
	if (!error) {
		srd_log_share(store->log);
		view->log = store->log;
		view->borrowed = view->frozen = true;
		view->place = srd_store_here(store);
	}
	srd_mutex_unlock(&store->commit_mutex);
	return error;
}

int srd_store_alone(struct srd_store *store, uint64_t generation, uint64_t ino, uint64_t last_op, struct srd_store **out)
{
	struct steps steps = { 0 };
	struct srd_store *view;
	int error = srd_store_new(store->path, SRD_RDONLY | (store->flags & SRD_NOCHECK), &view);

	if (error)
		return error;
	error = share_log(store, generation, view);
	if (!error)
		error = srd_state_init(&view->state, &view->log->sb, srd_store_source(view->log), RESERVE_BYTES);
	if (!error)
		error = collect(view->log, ino, last_op, &steps);
	if (!error)
		error = apply_all(view, ino, &steps);
	free(steps.offsets);
	if (error)
		srd_store_destroy(view);
	else
		*out = view;
	return error;
}
