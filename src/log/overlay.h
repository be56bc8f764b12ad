/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overlay.h - a log of which all that is appended stays in memory.
 *
 *      0            base        end                start        end       start + len
 *      +-------------+-----------+ - - - - - - - - -+-----------+ - - - - - -+
 *      | the file: what there    | addresses        | records   | room for   |
 *      | was, and DATA of ours   | without bytes    | of ours   | more       |
 *      +-------------+-----------+ - - - - - - - - -+-----------+ - - - - - -+
 *        mapped from the file                         memory, of this process alone
 *
 * Invariants
 *   1. Offsets from `start` on are of no file: start lies in the address space that was
 *      reserved for the log to grow into, and what of the file would come to lie there
 *      is not looked at.  So an offset says by itself where its bytes are, and map +
 *      offset finds them: whoever reads the log need not know.
 *   2. Records in the overlay are as they would be in the file, header and checks
 *      included, one behind the other; [start, end) never changes.
 *   3. What is in the overlay may name runs anywhere below itself; nothing in the file
 *      names anything in the overlay.
 *   4. The log itself is not followed any more: what it adds up to is frozen at `base`.
 *      Its `end` grows all the same, when its owner says that DATA was put there.
 *   5. All that is in the overlay fits into one record: limits are met when something is
 *      added, so that later all of it can be said again at once.
 *
 * Appending is under the store's commit mutex, as for any log.  Reading is not.
 */
#ifndef SRD_LOG_OVERLAY_H
#define SRD_LOG_OVERLAY_H

#include "log/log.h"

struct srd_overlay {
	uint64_t start, len;      /* in the log's address space */
	atomic_ulong end;         /* just past the last record */
	uint64_t meta_bytes;      /* of all records: protected by the commit mutex */
	struct srd_log_place base;
	bool closed;              /* nothing more is taken: likewise */
};

/* From now on what is appended to LOG, which is open to be read, stays in memory; it is
 * frozen at its present end.  Gone when the log is closed. */
int srd_log_divert(struct srd_log *log);
static inline bool srd_log_is_diverted(const struct srd_log *log)
{
	return log->overlay;
}
/* True if OFFSET is of something in the overlay. */
static inline bool srd_log_is_over(const struct srd_log *log, uint64_t offset)
{
	return log->overlay && offset >= log->overlay->start;
}
/* Appends DRAFT as srd_log_append() does.  SRD_EFULL: more than one record can hold; -EROFS:
 * it is closed. */
int srd_overlay_append(struct srd_log *log, struct srd_draft *draft, struct srd_record *record);
/* Nothing more is appended.  Commit mutex held. */
void srd_overlay_close(struct srd_log *log);
/* Visits the commits in it, in their order.  Commit mutex held. */
int srd_overlay_walk(const struct srd_log *log, srd_log_visit *visit, void *user);
/* The file has whole records up to UPTO: runs in them may be named.  Thread-safe.
 * SRD_EFULL: it has grown into the overlay's addresses. */
int srd_log_reveal(struct srd_log *log, uint64_t upto);
/* True if both are open on one file. */
bool srd_log_is_beside(const struct srd_log *log, const struct srd_log *other);

/* ---- Within the layer ---- */

/* Where what is readable at OFFSET ends; 0: nothing is. */
static inline uint64_t srd_overlay_bound(const struct srd_log *log, uint64_t offset)
{
	/* Acquire: pairs with the append. */
	return srd_log_is_over(log, offset) ? atomic_load_explicit(&log->overlay->end, memory_order_acquire) : 0;
}

#endif
