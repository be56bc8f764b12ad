/* SPDX-License-Identifier: Apache-2.0 */
/*
 * use.c - what of the past somebody may still use, so that it is not trimmed.
 *
 * Who has the log open uses what is content now, and what was when it began to read: a
 * value handed out, a file that lost its name while it was open, a view of the past.  All of
 * that was content at some moment since the log ended at some place; that place
 * is told by a shared lock on one byte for each 64 of the log, far beyond its end:
 *
 *     2^61 + 0    1    2   ......   n                     lock
 *           |    opening  |         |  use since 64 n     shared, one for each handle
 *           [======== denied =======)                     exclusive, by who trims
 *
 * It dies with its process (a mount's does not, before the next worker has one of its own), and is
 * moved on now and then, when nothing old is in use; one that stays behind costs no more than
 * blocks that are not given back.
 */
#include "config.h"

#include "log/internal.h"

#include "base/check.h"
#include "base/cleanup.h"
#include "log/ofd.h"

enum { TRIES = 30000, TRY_NS = 1000 * 1000, STALE_NS = 100 * 1000 * 1000 };

static int64_t byte_of(uint64_t offset)
{
	return SRD_BYTE_PINS + (int64_t)(offset / SRD_RECORD_ALIGN);
}

static int take_all(struct srd_log *log)
{
	SRD_LOCK_GUARD(&log->use_mutex);
	uint64_t use = atomic_load(&log->use);
	/* No lock of ours is in our own way. */
	int error = log->denied > 0 ? -EAGAIN : srd_ofd_lock(log->use_fd, F_RDLCK, byte_of(0), false);

	if (error == -EAGAIN)
		return error;
	if (!error && use != UINT64_MAX && byte_of(use) != byte_of(0))
		srd_ofd_lock(log->use_fd, F_UNLCK, byte_of(use), false);
	atomic_store(&log->use, error ? UINT64_MAX : 0);
	/* A reader on a file system without locks goes without. */
	return log->flags & SRD_LOG_RDONLY ? 0 : error;
}

int srd_log_use_all(struct srd_log *log)
{
	int error = take_all(log);

	/* Who trims denies it for as long as a sync takes. */
	for (int i = 1; i < TRIES && error == -EAGAIN; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = TRY_NS }, NULL);
		error = take_all(log);
	}
	return error == -EAGAIN ? -EBUSY : error;
}

/* Call with the mutex held. */
static int use_since(struct srd_log *log, uint64_t offset)
{
	uint64_t use = atomic_load(&log->use);

	if (use == UINT64_MAX || byte_of(use) == byte_of(offset))
		return 0;
	if (offset < log->denied)
		return -EBUSY;
	int error = srd_ofd_lock(log->use_fd, F_RDLCK, byte_of(offset), false);
	if (error)
		return error == -EAGAIN ? -EBUSY : error;
	srd_ofd_lock(log->use_fd, F_UNLCK, byte_of(use), false);
	atomic_store(&log->use, offset);
	return 0;
}

int srd_log_use_since(struct srd_log *log, uint64_t offset)
{
	SRD_LOCK_GUARD(&log->use_mutex);
	return use_since(log, offset);
}

int srd_log_use_also(struct srd_log *log, uint64_t offset)
{
	SRD_LOCK_GUARD(&log->use_mutex);
	return use_since(log, SRD_MIN(offset, atomic_load(&log->use)));
}

bool srd_log_use_is_stale(struct srd_log *log)
{
	/* The last append's time serves as the clock, whoever wrote it; one that was set back makes
	 * this large. */
	uint64_t passed_ns = (uint64_t)log->last_time_ns - (uint64_t)log->use_looked_ns;
	uint64_t use = atomic_load_explicit(&log->use, memory_order_relaxed);

	if (use == atomic_load_explicit(&log->end, memory_order_relaxed) || passed_ns < STALE_NS)
		return false;
	log->use_looked_ns = log->last_time_ns;
	return use != UINT64_MAX;
}

uint64_t srd_log_first_use(struct srd_log *log, uint64_t upto)
{
	SRD_LOCK_GUARD(&log->use_mutex);
	uint64_t use = atomic_load(&log->use), first = use == UINT64_MAX ? 0 : SRD_MIN(upto, use) / SRD_RECORD_ALIGN;

	/* The kernel names any of those in the way: each look ends before the one it found. */
	while (first > 0) {
		struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = SRD_BYTE_PINS,
		                      .l_len = (off_t)first };
		if (fcntl(log->fd, F_OFD_GETLK, &lock) != 0)
			return 0;
		if (lock.l_type == F_UNLCK)
			break;
		first = lock.l_start > SRD_BYTE_PINS ? (uint64_t)(lock.l_start - SRD_BYTE_PINS) : 0;
	}
	return first * SRD_RECORD_ALIGN;
}

static int set_range(const struct srd_log *log, short type, uint64_t upto)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = SRD_BYTE_PINS,
	                      .l_len = (off_t)(upto / SRD_RECORD_ALIGN) };

	return fcntl(log->fd, F_OFD_SETLK, &lock) == 0 ? 0 : srd_errno();
}

int srd_log_use_deny(struct srd_log *log, uint64_t upto)
{
	SRD_LOCK_GUARD(&log->use_mutex);
	if (upto < SRD_RECORD_ALIGN || atomic_load(&log->use) < upto)
		return -EBUSY;
	int error = set_range(log, F_WRLCK, upto);
	if (!error)
		log->denied = upto;
	return error == -EAGAIN || error == -EACCES ? -EBUSY : error;
}

void srd_log_use_admit(struct srd_log *log, uint64_t upto)
{
	SRD_LOCK_GUARD(&log->use_mutex);
	set_range(log, F_UNLCK, upto);
	log->denied = 0;
}
