/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compacting.h - one compaction, between its files.
 *
 *     compact.c             from the survey to the new log
 *     compact_base.c        where the base ends, and the state that it is
 *     compact_damage.c      records that are damaged, and stay so
 *     compact_snapshots.c   what has a name, each a state of its own before the base
 *     compact_handover.c    what is appended meanwhile; the new log takes the old one's place
 *     compact_watch.c       who is told of it
 */
#ifndef SRD_STORE_COMPACTING_H
#define SRD_STORE_COMPACTING_H

#include "store/compact.h"
#include "store/relocate.h"
#include "store/rewrite.h"

struct srd_compacting {
	struct srd_store *store;
	struct srd_log *log;          /* the old one; held */
	const struct srd_compact_options *options;
	struct srd_compacted result;
	struct srd_state empty, base;
	bool folded;                  /* there is a base */
	const struct srd_state *told; /* whose inodes are being written; NULL: none */
	struct srd_snap *snaps;       /* of the base */
	size_t snap_count;
	struct srd_damage *damage;    /* records of the old log that nothing repairs */
	size_t damage_count;
	struct srd_relocate relocate;
	struct srd_rewrite rewrite;
	struct srd_log *next;
	struct srd_log_place from;    /* of the old log: what is before is in the new one */
	int64_t started_ns;
};

/* ---- compact_watch.c ---- */

/* A watch for relocate.h; begins to count. */
struct srd_relocate_watch srd_compacting_watch(struct srd_compacting *compact);

/* A damaged record is carried over. */
int srd_compacting_tell_damage(struct srd_compacting *compact, const struct srd_damage *damage);

/* ---- compact_damage.c ---- */

/* Which records are damaged, as far as it was seen when the log was opened, and how many ops do not fit. */
int srd_compacting_survey_damage(struct srd_compacting *compact);
/* They come behind the base, and the new log is durable up to there: or it would be taken to
 * end before them. */
int srd_compacting_write_damage(struct srd_compacting *compact);

/* ---- compact_base.c ---- */

/* Where the old log ends now, all followed. */
int srd_compacting_now(const struct srd_compacting *compact, struct srd_log_place *place);
/* The base, no later than SINCE: what comes from there on is kept as it is.  All of it where a record
 * is damaged, or an op does not fit: what does nothing as it is might, told in another way. */
int srd_compacting_choose_base(struct srd_compacting *compact, struct srd_log_point since);
/* Sequence of the last commit before PLACE, and the latest time: a clock may have been set back,
 * and what is restated was not all there before that. */
struct srd_log_stamp srd_compacting_stamp(const struct srd_log *log, const struct srd_log_place *place);

/* ---- compact_snapshots.c ---- */

/* Those that lie in the base, in the order of the log, and what content they have. */
int srd_compacting_survey_snapshots(struct srd_compacting *compact);
/* The snapshots one by one; *LAST becomes the state of the last, if there are *ANY: the
 * caller's to release. */
int srd_compacting_write_snapshots(struct srd_compacting *compact, struct srd_state *last, bool *any);

/* ---- compact.c ---- */

/* What makes FROM, as the new log has it, TO, which is the state at PLACE of the old one. */
int srd_compacting_write_difference(struct srd_compacting *compact, const struct srd_state *from,
                                    const struct srd_state *to, const struct srd_log_place *place);

/* ---- compact_handover.c ---- */

/* What came meanwhile, then the place of the old log.  *DONE: the new log has it, whatever went wrong
 * behind that, and is given up. */
int srd_compacting_replace(struct srd_compacting *compact, bool *done);

#endif
