/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relocate.h - payload on its way from one log to another: what a file has comes into
 * as few runs as possible, and files asked for one after another lie so.
 *
 *     DATA  | file a: one run | b | c | d: the first 16 MiB |
 *     DATA  | d: the rest | e ...
 *
 * Blocks are checked on the way.  What is damaged is carried over, and its check never
 * fits; it shares no block with anything sound.
 */
#ifndef SRD_STORE_RELOCATE_H
#define SRD_STORE_RELOCATE_H

#include "store/moved.h"
#include "store/rewrite.h"

/* Who follows a long way; both may be NULL. */
struct srd_relocate_watch {
	/* LEN bytes of payload were copied.  Not 0 ends it with that. */
	int (*copied)(void *user, uint64_t len);
	/* [offset, offset + len) of the old log is damaged. */
	void (*damaged)(void *user, uint64_t offset, uint32_t len);
	void *user;
};

struct srd_relocate {
	struct srd_log *from, *to;
	struct srd_moved moved;
	struct srd_relocate_watch watch;
	uint8_t *buffer;                      /* of one record */
	size_t used;
	struct srd_relocate_run *runs;        /* of one record */
	size_t run_count, run_cap;
	size_t *moving;                       /* places of pieces in the buffer */
	size_t moving_count, moving_cap;
	struct srd_range *bad;                /* places in the buffer */
	size_t bad_count, bad_cap;
	uint32_t inode;                       /* whose bytes are being copied, for who is told; 0: not known */
	bool open;                            /* the last run may grow */
	uint64_t given_up;                    /* by those who knew the old log up to here; 0: nothing was */
};

int srd_relocate_init(struct srd_relocate *relocate, struct srd_log *from, struct srd_log *to,
                      const struct srd_relocate_watch *watch);
void srd_relocate_release(struct srd_relocate *relocate);
/* What REF leads to will be asked for; all that will, before the first is copied: so that
 * nothing is copied twice. */
int srd_relocate_want(struct srd_relocate *relocate, const struct srd_ref *ref);
/* The same, if some of it was trimmed: the rest is no one run any more. */
int srd_relocate_want_holed(struct srd_relocate *relocate, const struct srd_ref *ref);
/* What REF leads to is somebody's content again, though it was given up. */
void srd_relocate_revive(struct srd_relocate *relocate, const struct srd_ref *ref);
int srd_relocate_settle(struct srd_relocate *relocate);
/* Has what REF leads to copied, behind what was asked for before.  FRESH: a file begins. */
int srd_relocate_copy(struct srd_relocate *relocate, const struct srd_ref *ref, bool fresh);
/* All that was asked for is in the new log. */
int srd_relocate_flush(struct srd_relocate *relocate);
/* *PART: that of REF from byte INTO of it on, in the new log, as long as it is one.  SRD_ECORRUPT:
 * what was asked for was something else. */
int srd_relocate_ref(const struct srd_relocate *relocate, const struct srd_ref *ref, uint32_t into, struct srd_ref *part);

#endif
