/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/beside.h"

#include <string.h>

#include "store/apply.h"
#include "store/image.h"

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
	return beside->stop.end == 0 ? srd_store_visit(beside->store, record, metadata) : 0;
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
		error = srd_log_open_beside(of->log, of->log->name, srd_store_log_flags(of->flags), &store->log);
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
