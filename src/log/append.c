/* SPDX-License-Identifier: Apache-2.0 */
/* append.c - one record, one write, at the end; nothing of it stays if that fails. */
#include "config.h"

#include "log/internal.h"

#include <sys/random.h>

#include "base/check.h"
#include "base/clock.h"
#include "log/ofd.h"

/* Half a record must not stay; but its first bytes do, so that whoever comes next, be
 * it another process, sees that the place is to be taken. */
static int write_record(struct srd_log *log, struct srd_draft *draft, uint64_t offset)
{
	uint64_t written;
	int error = srd_io_write_full(log->io, log->fd, draft->iov, (int)draft->iov_count, offset, &written);

	if (error && written > 0 && !log->cut_needed) {
		log->cut_needed = true;
		log->io->ftruncate(log->io, log->fd, offset + SRD_MIN(written, (uint64_t)SRD_HEADER_LEN));
		/* The reserve went with it. */
		log->allocated = 0;
	}
	return error;
}

/* Appends at the end, whatever lies there. */
static int append_record(struct srd_log *log, struct srd_draft *draft, const struct srd_log_stamp *stamp,
                         struct srd_record *out)
{
	uint64_t offset = atomic_load_explicit(&log->end, memory_order_relaxed);
	int error = srd_draft_layout(draft, offset);

	if (error)
		return error;
	if (!srd_log_fits(log, offset + draft->record_len))
		return SRD_EFULL;
	if (!draft->takes_away)
		error = srd_log_reserve(log, offset + draft->record_len);
	if (error)
		return error;
	struct srd_record record = {
		.offset = offset,
		.prev = log->last,
		.prev_check = log->last_check,
		.flags = stamp ? stamp->flags : 0,
		.sequence = stamp ? stamp->sequence : log->sequence + (draft->type == SRD_RECORD_META),
		.time_ns = stamp ? stamp->time_ns : srd_wall_ns(),
		.epoch = log->epoch,
		.durable = atomic_load_explicit(&log->durable, memory_order_relaxed),
	};
	srd_draft_seal(draft, &log->sb, &record);
	if (log->witness.note)
		log->witness.note(log->witness.user, log, &record);
	error = write_record(log, draft, offset);
	if (error)
		return error;
	log->mark_said = record.durable;
	srd_log_advance(log, &record);
	log->untold = true;
	*out = record;
	return 0;
}

/* A header, which has a mark, and nothing else. */
static int append_bare(struct srd_log *log, enum srd_record_type type)
{
	struct srd_draft draft;
	struct srd_record record;

	srd_draft_init(&draft);
	srd_draft_start(&draft, type);
	int error = append_record(log, &draft, NULL, &record);
	srd_draft_release(&draft);
	return error;
}

/* Takes the place of what lies behind the end, durably, then cuts the rest of it: a
 * file that grows again after a truncate may, after the next crash, show what lay
 * there before, and what was dropped once must not come back (P3).
 *
 *      end                          size
 *       +------------------------------+
 *       | what goes                    |   longer than a header, if need be by a zero
 *       | PAD  | what goes             |   fdatasync
 *       | PAD  |                           ftruncate
 *
 * Until the PAD is durable something lies behind the end: who finds us killed
 * on the way does it all again.  But not so much that zeros make a record whole
 * which lacks but them: any but a bare one has two headers' length. */
static int take_place(struct srd_log *log)
{
	uint64_t trace = atomic_load(&log->end) + SRD_HEADER_LEN + 1;
	int64_t size = srd_log_size(log);
	int error = size < 0 ? (int)size : 0;

	if (!error && (uint64_t)size < trace)
		error = log->io->ftruncate(log->io, log->fd, trace);
	if (!error)
		error = append_bare(log, SRD_RECORD_PAD);
	if (!error)
		error = srd_log_sync(log, atomic_load(&log->end));
	return error ? error : log->io->ftruncate(log->io, log->fd, atomic_load(&log->end));
}

/* Whole records go only when nobody else can have seen them (FORMAT, section 6). */
static int drop_records(struct srd_log *log)
{
	uint32_t epoch;
	bool shared = !(log->flags & SRD_LOG_EXCLUSIVE);
	int error = shared ? srd_ofd_lock(log->fd, F_WRLCK, SRD_BYTE_PRESENCE, false) : 0;

	if (error)
		return error == -EAGAIN ? -EBUSY : error;
	if (getrandom(&epoch, sizeof epoch, 0) != sizeof epoch)
		error = srd_errno();
	if (!error) {
		log->epoch = epoch;
		error = take_place(log);
	}
	if (shared)
		srd_ofd_lock(log->fd, F_RDLCK, SRD_BYTE_PRESENCE, false);
	return error;
}

uint64_t srd_log_bytes(const struct srd_log *log)
{
	uint64_t end = atomic_load_explicit(&log->end, memory_order_relaxed);

	return log->overlay ? end + srd_log_next(log) - log->overlay->start : end;
}

uint64_t srd_log_next(const struct srd_log *log)
{
	return atomic_load_explicit(log->overlay ? &log->overlay->end : &log->end, memory_order_relaxed);
}

int srd_log_prepare(struct srd_log *log)
{
	if (log->overlay)
		return 0;
	if (log->sealed)
		return SRD_EREPLACED;
	if ((srd_log_damages(log) > 0 && !log->repairing) || srd_log_is_lost(log))
		return SRD_EDAMAGED;
	if (!log->cut_needed)
		return 0;
	int error = log->drop_needed ? drop_records(log) : take_place(log);
	if (error)
		return error;
	log->drop_needed = log->cut_needed = false;
	log->dropped = 0;
	/* The reserve went with what was cut.  Whoever needs it is told then. */
	log->allocated = 0;
	srd_log_reserve(log, atomic_load(&log->end));
	return 0;
}

int srd_log_append(struct srd_log *log, struct srd_draft *draft, struct srd_record *record)
{
	if (log->overlay)
		return srd_overlay_append(log, draft, record);
	return srd_log_append_as(log, draft, NULL, record);
}

int srd_log_append_as(struct srd_log *log, struct srd_draft *draft, const struct srd_log_stamp *stamp,
                      struct srd_record *record)
{
	int error = srd_log_prepare(log);

	return error ? error : append_record(log, draft, stamp, record);
}

int srd_log_mark(struct srd_log *log)
{
	if (atomic_load(&log->durable) <= log->mark_said)
		return 0;
	int error = srd_log_prepare(log);

	return error ? error : append_bare(log, SRD_RECORD_SYNC);
}
