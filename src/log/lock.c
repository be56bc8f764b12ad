/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.c - the append lock, kept until somebody asks.
 *
 *      free ----- lock ----> held, in use ----- unlock, nobody asks ---> held, idle
 *       ^                        |  ^                                      |   |
 *       +--- unlock, asked ------+  +---------------- lock ----------------+   |
 *       +--------------------- yield (keeper's thread, asked) ---------------- +
 *
 * Without shm nobody can ask, so the lock is given back each time.  Who cannot
 * map our shm cannot ask either: so nobody keeps it longer than KEEP_NS, or, idle,
 * than the keeper sleeps.
 */
#include "config.h"

#include "log/internal.h"
#include "log/ofd.h"

enum { KEEP_NS = 100 * 1000 * 1000 };

static int wait_for_lock(struct srd_log *log)
{
	int error = srd_ofd_lock(log->fd, F_WRLCK, SRD_BYTE_APPEND, false);

	if (error != -EAGAIN)
		return error;
	if (log->shm)
		srd_shm_ask(log->shm);
	error = srd_ofd_lock(log->fd, F_WRLCK, SRD_BYTE_APPEND, true);
	if (log->shm)
		srd_shm_got(log->shm);
	return error;
}

/* A glance at the last record's header, which costs nothing beside an append.  An
 * append to a file cut short would leave a hole where the records were. */
static bool last_is_there(const struct srd_log *log)
{
	return !log->last || srd_record_check(log->map + log->last) == log->last_check;
}

int srd_log_lock(struct srd_log *log, bool *follow)
{
	if (log->flags & SRD_LOG_RDONLY)
		return -EROFS;
	if (!srd_log_is_own(log))
		return -EBADF;
	int error = atomic_load_explicit(&log->poisoned, memory_order_relaxed);
	if (error)
		return error;
	if (log->lock_held) {
		/* Nobody else has appended; but the file may have been cut short. */
		*follow = !last_is_there(log);
		return 0;
	}
	error = wait_for_lock(log);
	if (error)
		return error;
	log->lock_held = true;
	log->lock_since_ns = srd_log_now_ns();
	*follow = true;
	return 0;
}

static void give_back(struct srd_log *log)
{
	log->lock_held = false;
	srd_ofd_lock(log->fd, F_UNLCK, SRD_BYTE_APPEND, false);
}

void srd_log_release(struct srd_log *log)
{
	if (log->lock_held)
		give_back(log);
}

void srd_log_unlock(struct srd_log *log)
{
	/* The last append's time serves as the clock: reading one costs. */
	bool kept_long = log->last_time_ns - log->lock_since_ns > KEEP_NS;

	if (!log->shm || kept_long || srd_shm_is_asked(log->shm))
		give_back(log);
}

void srd_log_yield(struct srd_log *log)
{
	if (log->lock_held && (!log->shm || srd_log_now_ns() - log->lock_since_ns > KEEP_NS ||
	                       srd_shm_is_asked(log->shm)))
		give_back(log);
}
