/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sync.c - what is durable.
 *
 *      4096 ...... durable ........... suspect_end ............ end
 *           synced          appended before    appended since,
 *                           our open           by anyone
 *
 * One fdatasync serves all who wait (group commit): the first becomes the
 * leader, the others sleep and look again.  An fdatasync tells each open file
 * of an error once, and only of errors since that open; bytes from before it
 * may have been dropped while another process was told.  So those are written
 * again, identically, before our own mark may pass them.
 *
 * After a failed sync nobody knows what the kernel still has: the log is
 * poisoned for writing until it is opened afresh.
 */
#include "config.h"

#include "log/internal.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/cleanup.h"

enum { REWRITE_LEN = 1 << 20 };

static int rewrite(struct srd_log *log, uint64_t from, uint64_t to)
{
	SRD_AUTO_FREE uint8_t *buffer = malloc(REWRITE_LEN);

	if (!buffer)
		return -ENOMEM;
	while (from < to) {
		size_t len = SRD_MIN(to - from, (uint64_t)REWRITE_LEN);
		ssize_t got = srd_io_read_full(log->io, log->fd, buffer, len, from);
		if (got < 0)
			return (int)got;
		if ((size_t)got < len)
			return SRD_EREPLACED;
		struct iovec iov = { .iov_base = buffer, .iov_len = len };
		int error = srd_io_write_full(log->io, log->fd, &iov, 1, from, NULL);
		if (error)
			return error;
		from += len;
	}
	return 0;
}

/* Another try would tell of success, whatever was dropped: of a directory, too. */
void srd_log_poison(struct srd_log *log, int error)
{
	atomic_store(&log->sync_error, error);
	atomic_store(&log->poisoned, SRD_EPOISONED);
}

/* As leader, without the mutex: syncs everything below *UPTO.  Only a sync that
 * failed leaves doubt: what could not be written again can be another time. */
static int lead(struct srd_log *log, uint64_t durable, uint64_t *upto)
{
	int error = 0;

	/* The end first: only what is there before the call survives it. */
	*upto = atomic_load_explicit(&log->end, memory_order_acquire);
	if (durable < log->suspect_end)
		error = rewrite(log, SRD_MAX(durable, SRD_FIRST_RECORD), log->suspect_end);
	if (error)
		return error;
	/* A compactor that died may not have made sure of the name. */
	if (log->name_unsure)
		error = log->io->fdatasync(log->io, log->dir_fd);
	if (!error)
		error = log->io->fdatasync(log->io, log->fd);
	if (error)
		srd_log_poison(log, error);
	else
		log->name_unsure = false;
	return error;
}

int srd_log_sync(struct srd_log *log, uint64_t upto)
{
	int error = 0;

	if (log->flags & SRD_LOG_RDONLY)
		return 0;
	if (srd_log_is_lost(log))
		return SRD_ELOST;
	pthread_mutex_lock(&log->sync_mutex);
	for (;;) {
		uint64_t durable = atomic_load(&log->durable);
		error = atomic_load(&log->poisoned);
		if (error || durable >= upto)
			break;
		if (log->syncing) {
			pthread_cond_wait(&log->sync_done, &log->sync_mutex);
			continue;
		}
		uint64_t reached;
		log->syncing = true;
		pthread_mutex_unlock(&log->sync_mutex);
		error = lead(log, durable, &reached);
		pthread_mutex_lock(&log->sync_mutex);
		log->syncing = false;
		if (!error) {
			srd_log_learn_durable(log, reached);
			log->suspect_end = 0;
		}
		pthread_cond_broadcast(&log->sync_done);
		if (error)
			break;
	}
	pthread_mutex_unlock(&log->sync_mutex);
	return error;
}
