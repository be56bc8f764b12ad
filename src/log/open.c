/* SPDX-License-Identifier: Apache-2.0 */
/*
 * open.c - a log's file, locks and mapping: set up, taken down.
 */
#include "config.h"

#include "log/log.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "format/spare.h"
#include "log/internal.h"
#include "log/ofd.h"

enum { OPEN_TRIES = 50 };

/* O_NONBLOCK: a fifo of that name must not hang us. */
static int open_file(struct srd_log *log, struct stat *st)
{
	int mode = log->flags & SRD_LOG_RDONLY ? O_RDONLY : O_RDWR;

	log->fd = log->io->open(log->io, log->dir_fd, log->name, mode | O_NONBLOCK | O_NOCTTY, 0);
	if (log->fd < 0)
		return log->fd;
	if (fstat(log->fd, st) != 0)
		return srd_errno();
	if (S_ISDIR(st->st_mode))
		return -EISDIR;
	return S_ISREG(st->st_mode) ? 0 : SRD_ENOTSTORE;
}

/* For the locks on what is in use; -EAGAIN: the name leads elsewhere by now. */
static int open_use(struct srd_log *log, const struct stat *of)
{
	struct stat st;

	log->use_fd = log->fd;
	if (!log->io->open_kept || log->flags & (SRD_LOG_UNSHARED | SRD_LOG_BESIDE))
		return 0;
	int fd = log->io->open_kept(log->io, log->dir_fd, log->name);
	if (fd < 0)
		return fd;
	log->use_fd = fd;
	if (fstat(fd, &st) != 0)
		return srd_errno();
	return st.st_dev == of->st_dev && st.st_ino == of->st_ino ? 0 : -EAGAIN;
}

static void close_files(struct srd_log *log)
{
	if (log->use_fd >= 0 && log->use_fd != log->fd)
		close(log->use_fd);
	if (log->fd >= 0)
		close(log->fd);   /* its locks go with it */
	log->fd = log->use_fd = -1;
}

/* Compactions are not so frequent that it is always another. */
static int open_files(struct srd_log *log, struct stat *st)
{
	int error = -EAGAIN;

	for (int i = 0; i < OPEN_TRIES && error == -EAGAIN; i++) {
		close_files(log);
		error = open_file(log, st);
		if (!error)
			error = open_use(log, st);
	}
	return error;
}

/* Whether it is damaged or none at all: the spare tells. */
static bool spare_serves(struct srd_log *log)
{
	uint8_t bytes[SRD_SPARE_LEN];
	ssize_t got = srd_io_read_full(log->io, log->fd, bytes, sizeof bytes, SRD_FIRST_RECORD);

	log->sb_damaged = got > 0 && srd_spare_decode(&log->sb, bytes, (size_t)got) == 0;
	return log->sb_damaged;
}

/* Of the file as it is now. */
static int decode_superblock(const struct srd_log *log, struct srd_superblock *sb)
{
	uint8_t bytes[SRD_SUPERBLOCK_LEN];
	ssize_t got = srd_io_read_full(log->io, log->fd, bytes, sizeof bytes, 0);

	return got < 0 ? (int)got : srd_superblock_decode(sb, bytes, (size_t)got);
}

static int read_superblock(struct srd_log *log)
{
	bool reads = log->flags & SRD_LOG_RDONLY;
	int error = decode_superblock(log, &log->sb);
	/* What the disk does not give is damage to who only reads: see srd_log_recover_with(). */
	bool damaged = error == SRD_ECORRUPT || error == SRD_ENOTSTORE || (error == -EIO && reads);

	if (damaged && spare_serves(log))
		error = 0;
	if (!error && (log->sb.ro_compat & ~SRD_RO_COMPAT_KNOWN) && !reads)
		error = SRD_EVERSION;
	return error;
}

bool srd_log_superblock_holds(const struct srd_log *log)
{
	struct srd_superblock sb;

	return decode_superblock(log, &sb) == 0 && sb.check == log->sb.check;
}

/* Others take presence alone for a moment (to drop records, to tidy up at close), which is as
 * long as a sync takes, or as they are stopped; or to keep it, and then they say so. */
enum { TRIES = 50, ROUNDS = 600 };

/* Shared by all whom BYTE counts; exclusive by who wants to be ALONE. */
static int take_byte(const struct srd_log *log, int64_t byte, bool alone)
{
	int error = -EAGAIN;

	for (int i = 0; i < TRIES && error == -EAGAIN; i++) {
		if (i > 0)
			nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
		error = srd_ofd_lock(log->fd, alone ? F_WRLCK : F_RDLCK, byte, false);
	}
	return error == -EAGAIN ? -EBUSY : error;
}

/* True if somebody says to keep the log for itself, by a lock or in the shm, or where nobody could
 * say so. */
static bool is_kept(const struct srd_log *log, const struct stat *st)
{
	char holder[2 * SRD_SHM_HOST_LEN];

	if (srd_log_is_remote(log->fd) || srd_ofd_is_taken(log->fd, SRD_BYTE_KEPT))
		return true;
	struct srd_shm *shm = srd_shm_open(log->io, log->dir_fd, log->name, st, &log->sb, true);
	bool kept = shm && srd_shm_exclusive_holder(shm, holder, sizeof holder) == 0;
	srd_shm_close(shm);
	return kept;
}

/* A reader on a file system without locks goes without. */
static int take_presence(struct srd_log *log, const struct stat *st)
{
	bool reads = log->flags & SRD_LOG_RDONLY, alone = log->flags & SRD_LOG_EXCLUSIVE;

	if (log->flags & SRD_LOG_BESIDE)
		return 0;
	int error = take_byte(log, SRD_BYTE_PRESENCE, alone);
	for (int i = 1; i < ROUNDS && error == -EBUSY && !alone && !is_kept(log, st); i++)
		error = take_byte(log, SRD_BYTE_PRESENCE, false);
	/* With or without shm others are to know that there is nothing to wait for. */
	if (alone && !error)
		srd_ofd_lock(log->fd, F_WRLCK, SRD_BYTE_KEPT, false);

	if (reads)
		return error == -EBUSY ? error : 0;
	return error ? error : take_byte(log, SRD_BYTE_WRITERS, log->flags & SRD_LOG_SINGLE_WRITER);
}

bool srd_log_is_alone(const struct srd_log *log)
{
	return !srd_ofd_is_taken(log->fd, SRD_BYTE_PRESENCE);
}

bool srd_log_has_writers(const struct srd_log *log)
{
	return srd_ofd_is_taken(log->fd, SRD_BYTE_WRITERS);
}

static void unlock_all(struct srd_log *log)
{
	srd_log_release(log);
	srd_ofd_lock(log->fd, F_UNLCK, SRD_BYTE_APPEND, false);
	srd_ofd_lock(log->fd, F_UNLCK, SRD_BYTE_WRITERS, false);
	/* Before presence: who has that for a moment keeps nothing. */
	srd_ofd_lock(log->fd, F_UNLCK, SRD_BYTE_KEPT, false);
	srd_ofd_lock(log->fd, F_UNLCK, SRD_BYTE_PRESENCE, false);
}

/* Gives up what others see of us. */
static void retire(struct srd_log *log)
{
	bool had_shm = log->shm && !(log->flags & SRD_LOG_RDONLY);

	if (!srd_log_is_own(log) || log->left)
		return;
	srd_shm_close(log->shm);
	log->shm = NULL;
	/* The last one tidies up, unless that is another log's by now; who opens now waits a
	 * moment. */
	if (had_shm && srd_ofd_lock(log->fd, F_WRLCK, SRD_BYTE_PRESENCE, false) == 0 && !srd_log_is_replaced(log))
		srd_shm_remove(log->io, log->dir_fd, log->name);
	unlock_all(log);
}

void srd_log_leave(struct srd_log *log)
{
	/* The shm stays: somebody may sleep in it. */
	log->left = true;
	unlock_all(log);
	srd_log_settle_map(log);
}

/* Nobody uses it any more. */
static void destroy(void *user)
{
	struct srd_log *log = user;

	if (log->shm && srd_log_is_own(log))
		srd_shm_close(log->shm);
	srd_log_unmap(log);
	close_files(log);
	if (log->dir_fd >= 0)
		close(log->dir_fd);
	if (log->rouse_fd >= 0)
		close(log->rouse_fd);
	if (log->notice_fd >= 0)
		close(log->notice_fd);
	pthread_cond_destroy(&log->sync_done);
	pthread_mutex_destroy(&log->sync_mutex);
	pthread_mutex_destroy(&log->use_mutex);
	free(log->overlay);   /* its memory went with the mapping */
	srd_trimmed_free(log->trimmed);
	free(log->damage);
	free(log->name);
	free(log);
}

void srd_log_close(struct srd_log *log)
{
	if (!log)
		return;
	if (log->fd >= 0)
		retire(log);
	if (log->pins)
		srd_pins_close(log->pins);
	else
		destroy(log);
}

static void open_shm(struct srd_log *log, const struct stat *st)
{
	if (!log->remote)
		log->shm = srd_shm_open(log->io, log->dir_fd, log->name, st, &log->sb, log->flags & SRD_LOG_RDONLY);
	if (log->shm && (log->flags & (SRD_LOG_EXCLUSIVE | SRD_LOG_SINGLE_WRITER)))
		srd_shm_set_exclusive(log->shm);
}

void srd_log_make_known(struct srd_log *log)
{
	struct stat st;

	log->flags &= ~SRD_LOG_UNSHARED;
	if (fstat(log->fd, &st) == 0)
		open_shm(log, &st);
}

/* DIR_FD and NAME: where the file is; given up to the log. */
static int open_at(int dir_fd, char *name, int flags, const struct srd_io *io, struct srd_log **out)
{
	struct srd_log *log = calloc(1, sizeof *log);
	struct stat st;

	if (!log) {
		close(dir_fd);
		free(name);
		return -ENOMEM;
	}
	log->io = io;
	log->fd = log->use_fd = log->rouse_fd = log->notice_fd = -1;
	log->dir_fd = dir_fd;
	log->name = name;
	log->flags = flags;
	pthread_mutex_init(&log->sync_mutex, NULL);
	pthread_mutex_init(&log->use_mutex, NULL);
	pthread_cond_init(&log->sync_done, NULL);
	/* What the name leads to is known as of now, however long opening takes. */
	atomic_init(&log->looked_ns, srd_clock_ns(CLOCK_MONOTONIC_COARSE));
	log->trimmed = srd_trimmed_new();
	log->pins = srd_pins_new(destroy, log);
	int error = log->trimmed && log->pins ? open_files(log, &st) : -ENOMEM;
	if (!error)
		error = read_superblock(log);
	if (!error)
		error = take_presence(log, &st);
	if (!error)
		error = srd_log_use_all(log);
	if (!error)
		error = srd_log_map(log, (uint64_t)st.st_size);
	if (error) {
		srd_log_close(log);
		return error;
	}
	log->epoch = log->sb.epoch;
	log->last_check = log->sb.check;
	atomic_init(&log->end, SRD_FIRST_RECORD);
	log->dev = st.st_dev;
	log->ino = st.st_ino;
	log->name_unsure = log->sb.generation > 1 && !(flags & SRD_LOG_UNSHARED);
	log->remote = srd_log_is_remote(log->fd);
	if (!(flags & SRD_LOG_UNSHARED))
		open_shm(log, &st);
	*out = log;
	return 0;
}

int srd_log_open(const char *path, int flags, const struct srd_io *io, struct srd_log **log)
{
	int dir_fd;
	char *name;
	int error = io->find(io, path, &dir_fd, &name);

	return error ? error : open_at(dir_fd, name, flags, io, log);
}

int srd_log_open_beside(const struct srd_log *log, const char *name, int flags, struct srd_log **beside)
{
	char *copy = strdup(name);
	int dir_fd = copy ? fcntl(log->dir_fd, F_DUPFD_CLOEXEC, 0) : -1;

	if (dir_fd < 0) {
		int error = copy ? srd_errno() : -ENOMEM;
		free(copy);
		return error;
	}
	return open_at(dir_fd, copy, flags, log->io, beside);
}

int srd_log_take_over(struct srd_log *successor, const struct srd_log *log)
{
	successor->strict = log->strict;
	successor->witness = log->witness;
	srd_log_set_pid(successor, log->pid);
	return log->rouse_fd >= 0 ? srd_log_listen(successor) : 0;
}

void srd_log_set_pid(struct srd_log *log, unsigned pid)
{
	log->pid = pid;
	if (pid && log->shm)
		srd_shm_set_pid(log->shm, pid);
}

int srd_log_holder(const char *path, const struct srd_io *io, char *text, size_t size)
{
	struct srd_log log = { .io = io ? io : &srd_io_posix, .fd = -1, .dir_fd = -1, .flags = SRD_LOG_RDONLY };
	struct stat st;
	int error = log.io->find(log.io, path, &log.dir_fd, &log.name);

	if (!error)
		error = open_file(&log, &st);
	if (!error)
		error = read_superblock(&log);
	if (!error) {
		struct srd_shm *shm = srd_shm_open(log.io, log.dir_fd, log.name, &st, &log.sb, true);
		error = shm ? srd_shm_exclusive_holder(shm, text, size) : -ENOENT;
		srd_shm_close(shm);
	}
	if (log.fd >= 0)
		close(log.fd);
	if (log.dir_fd >= 0)
		close(log.dir_fd);
	free(log.name);
	return error;
}

int srd_log_statvfs(const struct srd_log *log, struct statvfs *st)
{
	return fstatvfs(log->fd, st) == 0 ? 0 : srd_errno();
}
