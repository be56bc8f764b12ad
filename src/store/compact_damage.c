/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compact_damage.c - damaged records that nobody has accepted the loss of are damaged in the new
 * log, too: it cannot be written to before that either, and tells the same of them.
 *
 *     base, which makes up for them as reading the old log did | damaged | SYNC | what came since
 *
 * Damage that was repaired is what the base restates, and is left behind.
 */
#include "config.h"

#include "store/compacting.h"

#include <stdlib.h>

int srd_compacting_survey_damage(struct srd_compacting *compact)
{
	const struct srd_log *log = compact->log;

	/* With the mutex, for the list may grow. */
	srd_mutex_lock(&compact->store->commit_mutex);
	compact->damage = malloc(log->damage_count * sizeof *compact->damage + 1);
	for (size_t i = 0; compact->damage && i < log->damage_count; i++)
		/* The superblock is written anew. */
		if (!log->damage[i].repaired && log->damage[i].offset >= SRD_FIRST_RECORD)
			compact->damage[compact->damage_count++] = log->damage[i];
	compact->result.misfits = compact->store->state.misfits;
	srd_mutex_unlock(&compact->store->commit_mutex);
	return compact->damage ? 0 : -ENOMEM;
}

int srd_compacting_write_damage(struct srd_compacting *compact)
{
	struct srd_log_stamp stamp = srd_compacting_stamp(compact->log, &compact->from);
	struct srd_log *next = compact->next;
	int error = 0;

	for (size_t i = 0; !error && i < compact->damage_count; i++) {
		error = srd_log_append_damaged(next, compact->log, &compact->damage[i], &stamp);
		if (!error)
			error = srd_compacting_tell_damage(compact, &compact->damage[i]);
	}
	if (error || compact->damage_count == 0)
		return error;
	error = srd_log_sync(next, atomic_load(&next->end));
	return error ? error : srd_log_mark(next);
}
