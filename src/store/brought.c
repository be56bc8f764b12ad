/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/brought.h"

#include <stdlib.h>

#include "base/array.h"
#include "format/ops.h"
#include "log/overlay.h"
#include "store/private.h"

bool srd_brought_takes(const struct srd_log *log, const struct srd_ref *ref)
{
	return srd_ref_has_run(ref) && !srd_log_is_over(log, ref->run);
}

uint64_t srd_brought_sequence(const struct srd_log *log, uint64_t offset)
{
	struct srd_record record;
	uint64_t sequence;

	if (offset == 0)
		return 0;
	if (srd_log_restated(log, offset, &sequence))
		return sequence;
	return srd_log_record_of(log, offset, SRD_META_LEN_MAX, &record) ? record.sequence : 0;
}

struct gathering {
	const struct srd_log *log;
	struct srd_brought *brought;
};

static int gather_refs(const struct gathering *gathering, const struct srd_op *op)
{
	struct srd_brought *brought = gathering->brought;
	int error = 0;

	for (uint64_t i = 0; i < op->ref_count && !error; i++) {
		struct srd_ref ref = srd_op_ref(op->refs, i);
		if (!srd_brought_takes(gathering->log, &ref))
			continue;
		error = srd_array_reserve(&brought->refs, &brought->cap, brought->count + 1, sizeof *brought->refs);
		if (!error)
			brought->refs[brought->count++] = ref;
	}
	return error;
}

static int gather(void *user, const struct srd_record *record, const uint8_t *metadata)
{
	struct srd_ops ops = srd_ops_of(record, metadata);
	struct srd_op op;
	int error = 0;

	while (!error && srd_ops_next(&ops, &op))
		error = op.kind == SRD_OP_REFS ? gather_refs(user, &op) : 0;
	return error ? error : srd_ops_are_through(&ops) ? 0 : SRD_ECORRUPT;
}

/* True if the live store is still where the view is; else the view's log is what there is to
 * bring from. */
static bool is_beside(struct srd_store *view)
{
	/* Who was compacted by others may not know yet. */
	srd_store_follow(view->private->live);
	struct srd_hold hold = srd_store_hold(view->private->live);
	bool beside = srd_log_is_beside(view->log, hold.log);

	srd_hold_drop(&hold);
	return beside;
}

static int begin_beside(struct srd_store *view, struct srd_txn **txn)
{
	struct srd_store *live = view->private->live;
	int error = is_beside(view) ? srd_txn_begin(live, txn) : SRD_EMOVED;

	if (error || srd_log_is_beside(view->log, live->log))
		return error;
	srd_txn_abort(*txn);
	return SRD_EMOVED;
}

static int begin_moved(struct srd_store *view, struct srd_brought *brought, struct srd_txn **txn)
{
	struct gathering gathering = { .log = view->log, .brought = brought };
	int error = srd_overlay_walk(view->log, gather, &gathering);

	atomic_store(&view->private->moved, true);
	brought->home = srd_store_hold(view);
	do {
		if (!error)
			error = srd_store_bring_data(view->private->live, brought->refs, brought->count, &brought->home);
		/* Where there is nothing to bring, nothing says where to. */
		if (!error && !brought->home.log)
			brought->home = srd_store_hold(view->private->live);
		if (!error)
			error = srd_txn_begin_at(view->private->live, &brought->home, txn);
	} while (error == SRD_EMOVED);
	return error;
}

int srd_brought_begin(struct srd_store *view, struct srd_brought *brought, struct srd_txn **txn)
{
	int error = begin_beside(view, txn);

	return error == SRD_EMOVED ? begin_moved(view, brought, txn) : error;
}

void srd_brought_release(struct srd_brought *brought)
{
	srd_hold_drop(&brought->home);
	free(brought->refs);
}
