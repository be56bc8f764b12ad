/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk.h - two walks over a log find its end, which may have been torn (FORMAT, section 6):
 *
 *   survey   headers only: where the chain of records ends, what is known to be
 *            durable, which stretches below that are rotten
 *   replay   visits the commits in order; above the mark each must prove itself,
 *            its metadata and all payload that it names
 */
#ifndef SRD_LOG_WALK_H
#define SRD_LOG_WALK_H

#include "log/internal.h"
#include "log/window.h"

struct srd_walk {
	struct srd_log *log;
	const struct srd_log_visitor *visitor;
	struct srd_window window;
	uint64_t size;           /* of the file */
	uint64_t end;            /* survey: where the chain of records ends */
	uint64_t mark;           /* survey: known durable */
	bool whole_behind;       /* survey: valid headers lie behind the end */
	size_t surveyed, passed; /* damages that the survey found, the replay has passed */
	uint64_t start;          /* where both walks begin */
	uint64_t peeked;         /* replay: how far was peeked */
	uint64_t told;           /* progress, as last told */
	const struct srd_log_point *until;   /* survey: commits past it are none of ours; NULL: all are */
	bool unclear;            /* survey: the first of those stands for some that may be */
	bool looked_on;          /* survey: the mark counts every header of the file */
};

int srd_walk_survey(struct srd_walk *walk);
/* Until nobody who appends interferes.  SRD_EREPLACED: they never let us. */
int srd_walk_survey_in_peace(struct srd_walk *walk);
/* From where the survey began up to where it ended. */
int srd_walk_replay(struct srd_walk *walk);

/* 1 if there is a valid header at OFFSET, 0 if not, or a negative code. */
static inline int srd_walk_header(struct srd_walk *walk, uint64_t offset, struct srd_record *record)
{
	const uint8_t *bytes;
	int got = srd_window_at(&walk->window, offset, SRD_HEADER_LEN, &bytes);

	if (got <= 0)
		return got;
	return srd_record_decode(&walk->log->sb, record, bytes, offset);
}
/* Tells who waits that the walk has come to AT, with BEFORE bytes behind it already. */
void srd_walk_tell(struct srd_walk *walk, uint64_t at, uint64_t before);

#endif
