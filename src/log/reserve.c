/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reserve.c - space kept for taking things away.
 *
 * Removing a file is an append as well, so on a full disk nothing could be removed
 * any more.  So the file has some blocks behind its end, which does not move: who
 * copies the file sees nothing of them.
 *
 *      ... records | new record |   reserve   | as much again |
 *                  end          upto          least           allocated
 *
 * A record that makes something is refused unless the reserve is whole behind it;
 * one that only takes away is written in any case.  Where a file system cannot
 * give blocks ahead there is no reserve, and an append may fail like any write.
 */
#include "config.h"

#include "log/internal.h"

#include "base/check.h"

enum { RESERVE_MIN = 16 << 10, RESERVE_MAX = 4 << 20, RESERVE_SHARE = 16 };

/* A share of the log: no more can be removed than there is. */
static uint64_t reserve_len(uint64_t end)
{
	return SRD_MIN(SRD_MAX(end / RESERVE_SHARE, (uint64_t)RESERVE_MIN), (uint64_t)RESERVE_MAX);
}

static bool is_full(int error)
{
	return error == -ENOSPC || error == -EDQUOT;
}

/* Asked first where it can be told, as a call that fails may leave half of what it
 * was to give. */
static bool has_room(const struct srd_log *log, uint64_t upto)
{
	struct statvfs st;

	if (log->allocated == 0 || fstatvfs(log->fd, &st) != 0)
		return true;
	return upto - log->allocated <= (uint64_t)st.f_bfree * st.f_frsize;
}

static int allocate(struct srd_log *log, uint64_t end, uint64_t upto)
{
	int error = log->io->allocate ? log->io->allocate(log->io, log->fd, end, upto - end) : -EOPNOTSUPP;

	if (!error)
		log->allocated = upto;
	return error;
}

/* Blocks from END up to UPTO.  Where there are not so many, all that were given go
 * back to others, but for the reserve. */
static int allocate_or_not(struct srd_log *log, uint64_t end, uint64_t upto)
{
	if (!has_room(log, upto))
		return -ENOSPC;
	int error = allocate(log, end, upto);
	if (!is_full(error))
		return error;
	log->allocated = 0;
	if (log->io->ftruncate(log->io, log->fd, end) == 0)
		allocate(log, end, end + reserve_len(end));
	return error;
}

int srd_log_trim_reserve(struct srd_log *log)
{
	log->allocated = 0;
	return log->io->ftruncate(log->io, log->fd, atomic_load(&log->end));
}

int srd_log_reserve(struct srd_log *log, uint64_t upto)
{
	uint64_t end = atomic_load_explicit(&log->end, memory_order_relaxed);
	uint64_t reserve = reserve_len(upto), least = upto + reserve;

	if (least <= log->allocated)
		return 0;
	/* As much again, so that the next appends need not ask. */
	int error = allocate_or_not(log, end, least + reserve);
	if (is_full(error))
		error = allocate_or_not(log, end, least);
	if (is_full(error))
		return error;
	if (error)
		log->allocated = UINT64_MAX;
	return 0;
}
