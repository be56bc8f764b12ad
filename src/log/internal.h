/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h - what the files of src/log share among themselves. */
#ifndef SRD_LOG_INTERNAL_H
#define SRD_LOG_INTERNAL_H

#include "base/check.h"
#include "log/log.h"
#include "log/overlay.h"

/* image.c: the name of the image, or of one that is kept; free() it.  NULL: no memory. */
char *srd_log_image_name(const struct srd_log *log, const char *suffix);
char *srd_log_image_kept_name(const struct srd_log *log, unsigned slot);

/* open.c: one opened as SRD_LOG_UNSHARED is others' to share from now on, under the name that it has. */
void srd_log_make_known(struct srd_log *log);

/* lost.c */
void srd_log_guard(struct srd_log *log);     /* the mapping, which is there */
/* The file has SIZE bytes, fewer than it had: all that is known ends there.  Call
 * with the store's commit mutex held. */
void srd_log_lose(struct srd_log *log, uint64_t size);

/* map.c */
int srd_log_map(struct srd_log *log, uint64_t size);
/* True if the mapping has addresses for all before UPTO, or some more could be had.  Call with the
 * store's commit mutex held. */
bool srd_log_fits(struct srd_log *log, uint64_t upto);
/* LOG grows no more: gives back the addresses that were for that, so that many that were left can be
 * held at once. */
void srd_log_settle_map(struct srd_log *log);
void srd_log_unmap(struct srd_log *log);
/* True if the blocks of RUN that [skip, skip + len) touches are right, each looked
 * at once, whatever the flags say of checking. */
bool srd_log_holds(const struct srd_log *log, const struct srd_run *run, uint32_t skip, uint32_t len);
/* Blocks in [FROM, TO), of which FROM is the end, are to be looked at again: others
 * will lie there. */
void srd_log_forget_verified(struct srd_log *log, uint64_t from, uint64_t to);

/* trimmed.c */
struct srd_trimmed *srd_trimmed_new(void);   /* NULL: no memory */
void srd_trimmed_free(struct srd_trimmed *trimmed);

/* reserve.c: room for a record that ends at UPTO, and the reserve behind it.  0,
 * -ENOSPC or -EDQUOT.  Append lock held. */
int srd_log_reserve(struct srd_log *log, uint64_t upto);

/* sync.c: a sync failed with ERROR: nothing more is appended. */
void srd_log_poison(struct srd_log *log, int error);

/* place.c */
/* True if FD's file system is shared with other hosts, or served by a daemon. */
bool srd_log_is_remote(int fd);

/* Size of the file now, asked of the file server if there is one; or a negative errno. */
int64_t srd_log_size(const struct srd_log *log);

/* follow.c */
/* A number that changes when anybody appends: a count in the shm, else the file's
 * size, as far as the kernel knows.  One load with shm, one system call without. */
uint64_t srd_log_hint(const struct srd_log *log);
/* Remembers that all is known that the log held when the hint was HINT. */
void srd_log_seen(struct srd_log *log, uint64_t hint);
/* Tells the others that the end moved.  Append lock held. */
void srd_log_tell(struct srd_log *log);

/* Where the bytes that may be looked at from OFFSET on end; nothing may where that is
 * not above it. */
static inline uint64_t srd_log_bound(const struct srd_log *log, uint64_t offset)
{
	/* Acquire: pairs with srd_log_advance() and srd_log_reveal(). */
	uint64_t end = atomic_load_explicit(&log->end, memory_order_acquire);

	return offset < end || !log->overlay ? end : srd_overlay_bound(log, offset);
}

/* True if RECORD continues the log at its end. */
static inline bool srd_log_is_linked(const struct srd_log *log, const struct srd_record *record)
{
	return record->prev == log->last && record->prev_check == log->last_check;
}

/* Makes RECORD the last one: the end moves behind it. */
static inline void srd_log_advance(struct srd_log *log, const struct srd_record *record)
{
	log->last = record->offset;
	log->last_check = record->check;
	log->sequence = record->sequence;
	log->last_time_ns = record->time_ns;
	if (record->type == SRD_RECORD_META)
		log->latest_ns = SRD_MAX(log->latest_ns, record->time_ns);
	log->epoch = record->epoch;
	log->sealed = record->type == SRD_RECORD_SEALED;
	/* Release: who sees the new end sees the record behind the mapping. */
	atomic_store_explicit(&log->end, record->offset + record->len, memory_order_release);
}

/* Undoes what srd_log_advance() did since PLACE was taken. */
static inline void srd_log_go_back(struct srd_log *log, const struct srd_log_place *place)
{
	log->last = place->last;
	log->last_check = place->last_check;
	log->sequence = place->sequence;
	log->last_time_ns = place->last_time_ns;
	log->latest_ns = place->latest_ns;
	log->epoch = place->epoch;
	atomic_store(&log->trim, place->trim);
	atomic_store(&log->end, place->end);
}

/* Raises the known-durable mark to MARK if that is higher. */
static inline void srd_log_learn_durable(struct srd_log *log, uint64_t mark)
{
	unsigned long known = atomic_load_explicit(&log->durable, memory_order_relaxed);

	while (known < mark && !atomic_compare_exchange_weak_explicit(&log->durable, &known, mark,
	                                                              memory_order_relaxed, memory_order_relaxed))
		;
}

#endif
