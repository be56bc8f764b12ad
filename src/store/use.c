/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/use.h"

void srd_use_move_on(struct srd_store *store, bool now)
{
	/* What does not follow uses what it began with. */
	if (store->frozen || store->private || store->flags & SRD_KEEP_PAST || !(srd_log_use_is_stale(store->log) || now))
		return;
	/* The write side: who begins to use something does so under the read side. */
	srd_brlock_write_lock(&store->state_lock);
	if (store->state.gone == 0 && srd_pins_are_idle(store->log->pins))
		srd_log_use_since(store->log, atomic_load(&store->log->end));
	srd_brlock_write_unlock(&store->state_lock);
}
