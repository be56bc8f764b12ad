/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.c - the append lock, kept until somebody asks.
 *
 *      free ----- lock ----> held, in use ----- unlock, nobody asks ---> held, idle
 *       ^                        |  ^                                      |   |
 *       +--- unlock, asked ------+  +---------------- lock ----------------+   |
 *       +--------------------- yield (keeper's thread, asked) ---------------- +
 *
 * A crowd passes it on every BUSY_NS, in turns: handing it over with each append would
 * cost more than the append.
 *
 * Without shm nobody can ask, so the lock is given back each time.  Who cannot
 * map our shm cannot ask either: so nobody keeps it longer than KEEP_NS, or, idle,
 * than the keeper sleeps.
 */
#include "config.h"

#include "log/internal.h"
#include "base/clock.h"
#include "log/ofd.h"

enum {
	KEEP_NS = 100 * 1000 * 1000,
	BUSY_NS = 200 * 1000,       /* asked, the holder may go on for as long as this */
};

/* -EAGAIN if another holds the lock, or is to have it before us. */
static int try_lock(struct srd_log *log)
{
	if (log->shm && srd_shm_is_others_turn(log->shm))
		return -EAGAIN;
	return srd_ofd_lock(log->fd, F_WRLCK, SRD_BYTE_APPEND, false);
}

/* Who waits asks, and tries when it is its turn.  Turns go around, so that a crowd is
 * served evenly; one that is not taken is over in some milliseconds, and somebody who
 * holds the lock and knows of no turns is met by trying as often. */
static int wait_for_lock(struct srd_log *log)
{
	int error = try_lock(log);

	if (error != -EAGAIN)
		return error;
	if (!log->shm)
		return srd_ofd_lock(log->fd, F_WRLCK, SRD_BYTE_APPEND, true);
	do {
		unsigned turns = srd_shm_turns(log->shm);
		srd_shm_ask(log->shm);
		error = try_lock(log);
		if (error == -EAGAIN)
			srd_shm_await_turn(log->shm, turns);
	} while (error == -EAGAIN);
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
	if ((log->flags & SRD_LOG_RDONLY) && !log->overlay)
		return -EROFS;
	if (!srd_log_is_own(log))
		return -EBADF;
	if (log->overlay) {
		*follow = false;
		return 0;
	}
	int error = atomic_load_explicit(&log->poisoned, memory_order_relaxed);
	if (error)
		return error;
	if (log->lock_held) {
		/* Nobody else has appended; but the file may have been cut short, or compacted
		 * by ourselves. */
		*follow = log->sealed || !last_is_there(log);
		return 0;
	}
	error = wait_for_lock(log);
	if (error)
		return error;
	log->lock_held = true;
	log->lock_since_ns = srd_wall_ns();
	*follow = true;
	return 0;
}

/* Not before what was appended has been applied: others may show it from then on, and
 * whoever looks here later must not miss it. */
static void tell_appended(struct srd_log *log)
{
	if (log->untold)
		srd_log_tell(log);
	log->untold = false;
}

static void give_back(struct srd_log *log)
{
	tell_appended(log);
	log->lock_held = false;
	if (log->shm)
		srd_shm_pass_on(log->shm);
	srd_ofd_lock(log->fd, F_UNLCK, SRD_BYTE_APPEND, false);
	if (log->shm)
		srd_shm_passed_on(log->shm);
}

void srd_log_release(struct srd_log *log)
{
	if (log->lock_held)
		give_back(log);
}

void srd_log_unlock(struct srd_log *log)
{
	/* The last append's time serves as the clock: reading one costs. */
	int64_t kept_ns = (int64_t)((uint64_t)log->last_time_ns - (uint64_t)log->lock_since_ns);

	if (!log->lock_held)
		return;   /* there is nobody to keep an overlay from */
	tell_appended(log);
	if (!log->shm || kept_ns > KEEP_NS || (kept_ns > BUSY_NS && srd_shm_is_asked(log->shm)))
		give_back(log);
}

bool srd_log_yield(struct srd_log *log, bool idle)
{
	if (!log->lock_held)
		return true;
	int64_t kept_ns = srd_wall_ns() - log->lock_since_ns;
	bool wanted = !log->shm || kept_ns > KEEP_NS || srd_shm_is_asked(log->shm);
	if (wanted && (idle || kept_ns > BUSY_NS || kept_ns < 0))
		give_back(log);
	return !wanted || !log->lock_held;
}
