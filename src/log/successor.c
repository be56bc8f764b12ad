/* SPDX-License-Identifier: Apache-2.0 */
/*
 * successor.c - the log that takes another's place.
 *
 *      NAME.new   written by us alone, nobody's until
 *      NAME       rename, fsync of the directory
 *      old log    SEALED, in the same hold of its append lock
 *
 * Killed before the rename: a leftover, which the next removes.  Killed behind it: who takes
 * the old log's lock next finds that the name leads elsewhere, as who finds SEALED does.
 */
#include "config.h"

#include "log/internal.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "format/spare.h"
#include "log/ofd.h"

enum { EMPTY_LEN = SRD_SUPERBLOCK_LEN + SRD_SPARE_LEN, BEGIN_TRIES = 50 };

/* May the file be replaced by another under its name? */
static int check_file(const struct srd_log *log, struct stat *st)
{
	if (log->flags & SRD_LOG_RDONLY)
		return -EROFS;
	if (fstat(log->fd, st) != 0)
		return srd_errno();
	if (srd_log_is_replaced(log))
		return SRD_EREPLACED;
	return st->st_nlink > 1 ? -EMLINK : 0;
}

/* Who may read and write it is who may read and write OF. */
static int give_owner(int fd, const struct stat *of)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return srd_errno();
	if ((st.st_uid != of->st_uid || st.st_gid != of->st_gid) && fchown(fd, of->st_uid, of->st_gid) != 0)
		return srd_errno();
	/* Who may set neither has had it made so. */
	if ((st.st_mode & 07777) == (of->st_mode & 07777))
		return 0;
	return fchmod(fd, of->st_mode & 07777) == 0 ? 0 : srd_errno();
}

static int write_start(const struct srd_log *log, int fd)
{
	uint8_t bytes[EMPTY_LEN];
	struct iovec iov = { .iov_base = bytes, .iov_len = sizeof bytes };
	struct srd_superblock sb = log->sb;

	sb.generation++;
	if (getrandom(&sb.epoch, sizeof sb.epoch, 0) != sizeof sb.epoch)
		return srd_errno();
	srd_superblock_encode(&sb, bytes);
	srd_spare_encode(&sb, bytes + SRD_SUPERBLOCK_LEN);
	return srd_io_write_full(log->io, fd, &iov, 1, 0, NULL);
}

/* Blocks are asked for ahead, so that it does not fail half way. */
static int make_file(const struct srd_log *log, const char *name, const struct stat *of, uint64_t bytes)
{
	const struct srd_io *io = log->io;
	int fd = io->open(io, log->dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);

	if (fd == -EEXIST && io->unlink(io, log->dir_fd, name) == 0)
		fd = io->open(io, log->dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fd;
	int error = give_owner(fd, of);
	if (!error && bytes > 0 && io->allocate)
		error = io->allocate(io, fd, 0, bytes);
	if (error == -EOPNOTSUPP || error == -ENOSYS)
		error = 0;
	if (!error)
		error = write_start(log, fd);
	close(fd);
	if (error)
		io->unlink(io, log->dir_fd, name);
	return error;
}

static int no_visit(void *user, const struct srd_record *record, const uint8_t *metadata)
{
	(void)user;
	(void)record;
	(void)metadata;
	return 0;
}

/* Opens what was made, in the directory of LOG. */
static int open_next(const struct srd_log *log, const char *name, struct srd_log **next)
{
	bool follow;
	/* Who has the log alone has its successor so from the start. */
	int alone = log->flags & (SRD_LOG_EXCLUSIVE | SRD_LOG_SINGLE_WRITER);
	int error = srd_log_open_beside(log, name, SRD_LOG_UNSHARED | alone, next);

	if (error)
		return error;
	/* The name it is to have: its image lies beside that. */
	free((*next)->name);
	(*next)->name = strdup(log->name);
	error = (*next)->name ? srd_log_recover(*next, no_visit, NULL) : -ENOMEM;
	if (!error)
		error = srd_log_lock(*next, &follow);
	if (error)
		srd_log_close(*next);
	return error;
}

enum { NAME_LEN = NAME_MAX + sizeof ".new" };

/* Needs no memory: what was begun goes, even if there is none left. */
static void name_next(const struct srd_log *log, char name[NAME_LEN])
{
	snprintf(name, NAME_LEN, "%s.new", log->name);
}

/* ---- Leftovers ---- */

/* True for a file that was to be the successor of LOG, or has not come to be anything: somebody's
 * own may have that name. */
static bool is_leftover(const struct srd_log *log, int fd)
{
	uint8_t bytes[SRD_SUPERBLOCK_LEN] = { 0 };
	static const uint8_t nothing[SRD_SUPERBLOCK_LEN];
	struct srd_superblock sb;
	ssize_t got = srd_io_read_full(log->io, fd, bytes, sizeof bytes, 0);

	if (got < 0)
		return false;
	if (srd_superblock_decode(&sb, bytes, (size_t)got) == 0)
		return memcmp(sb.uuid, log->sb.uuid, sizeof sb.uuid) == 0 && sb.generation == log->sb.generation + 1;
	return memcmp(bytes, nothing, sizeof nothing) == 0;
}

static bool has_leftover(const struct srd_log *log, const char *name)
{
	SRD_AUTO_CLOSE int fd = log->io->open(log->io, log->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);

	return fd >= 0 && is_leftover(log, fd);
}

/* The lock keeps other handles away, but no other thread that uses this one. */
static int begin(struct srd_log *log, int tries)
{
	if (log->flags & SRD_LOG_RDONLY)
		return -EROFS;
	if (!srd_log_is_own(log))
		return -EBADF;
	if (atomic_exchange(&log->succeeding, true))
		return -EBUSY;
	int error = -EAGAIN;
	/* Who sweeps has it for a moment. */
	for (int i = 0; i < tries && error == -EAGAIN; i++) {
		if (i > 0)
			nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
		error = srd_ofd_lock(log->fd, F_WRLCK, SRD_BYTE_COMPACT, false);
	}
	if (error)
		atomic_store(&log->succeeding, false);
	return error == -EAGAIN ? -EBUSY : error;
}

static void end(struct srd_log *log)
{
	srd_ofd_lock(log->fd, F_UNLCK, SRD_BYTE_COMPACT, false);
	atomic_store(&log->succeeding, false);
}

int srd_log_successor_new(struct srd_log *log, uint64_t bytes, struct srd_log **next)
{
	char name[NAME_LEN];
	struct stat st;
	int error = begin(log, BEGIN_TRIES);

	if (error)
		return error;
	/* With the lock: who is about to compact a log that was replaced must not touch what
	 * is being written beside the present one. */
	name_next(log, name);
	error = check_file(log, &st);
	if (!error)
		error = make_file(log, name, &st, bytes);
	if (!error) {
		error = open_next(log, name, next);
		if (!error)
			(*next)->allocated = bytes;
		if (error)
			log->io->unlink(log->io, log->dir_fd, name);
	}
	if (error)
		end(log);
	return error;
}

void srd_log_successor_sweep(struct srd_log *log)
{
	char name[NAME_LEN];

	name_next(log, name);
	if (!has_leftover(log, name) || begin(log, 1) != 0)
		return;
	/* Again, with the lock: one that is being written belongs to who has it; and of a log that was
	 * replaced by now to who compacts that. */
	if (!srd_log_is_replaced(log) && has_leftover(log, name))
		log->io->unlink(log->io, log->dir_fd, name);
	end(log);
}

static int seal(struct srd_log *log)
{
	struct srd_draft draft;
	struct srd_record record;

	srd_draft_init(&draft);
	srd_draft_start(&draft, SRD_RECORD_SEALED);
	draft.takes_away = true;
	log->repairing = true;
	int error = srd_log_append(log, &draft, &record);
	log->repairing = false;
	srd_draft_release(&draft);
	return error;
}

/* False if somebody, who cannot be of us, has put another in its place. */
static bool leads_to(const struct srd_log *log, const char *name, const struct srd_log *next)
{
	struct stat st;

	return fstatat(log->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == next->dev &&
	       st.st_ino == next->ino;
}

static int rename_next(struct srd_log *log, const struct srd_log *next)
{
	char name[NAME_LEN];
	struct stat st;
	int error = check_file(log, &st);

	name_next(log, name);
	if (!error && !leads_to(log, name, next))
		error = -EBUSY;
	return error ? error : log->io->rename(log->io, log->dir_fd, name, log->name, 0);
}

int srd_log_successor_replace(struct srd_log *log, struct srd_log *next, bool *done)
{
	int error = rename_next(log, next);

	*done = !error;
	if (*done) {
		error = log->io->fdatasync(log->io, log->dir_fd);
		/* Without it the others find out by the name. */
		seal(log);
		next->name_unsure = false;
		if (error)
			srd_log_poison(next, error);
		srd_log_make_known(next);
		end(log);
	}
	/* Kept, it would say to ourselves that nothing has changed: who takes it looks at the name. */
	srd_log_release(log);
	return error;
}

void srd_log_successor_abandon(struct srd_log *log, struct srd_log *next)
{
	char name[NAME_LEN];

	name_next(log, name);
	if (leads_to(log, name, next))
		log->io->unlink(log->io, log->dir_fd, name);
	srd_log_close(next);
	end(log);
}
