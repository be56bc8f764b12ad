/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/apply.h"

#include "store/warmer.h"

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
	/* The log is checked as it is read: an image that it does not fit is none of it. */
	if (error == SRD_ECORRUPT)
		srd_table_stray(&store->state.inodes);
	/* Bad tables are replaced by who comes next; what was applied is in the log. */
	if (srd_state_error(&store->state))
		return 0;
	if (error)
		atomic_store(&store->broken, error);
	return error;
}

int srd_store_apply(struct srd_store *store, const struct srd_record *record, const uint8_t *metadata)
{
	return apply(store, record, metadata, false);
}

int srd_store_visit(void *user, const struct srd_record *record, const uint8_t *metadata)
{
	struct srd_store *store = user;
	int error = srd_state_make_room(&store->state, record->meta_len);

	return error ? error : apply(store, record, metadata, true);
}
