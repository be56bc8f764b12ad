/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup.c - bytes of a log on their way into a backup, so that it is a store at any
 * moment.
 *
 * Headers bear marks: all before was durable.  A copy of one says so of the copy, and
 * who opens that after a crash takes what is missing below a mark for rot.  So before a
 * header is written here what its mark speaks of is synced here: as often as the
 * writers of the log did, at most.  A temporary needs none of this: it is synced before
 * it gets its name.
 */
#include "config.h"

#include "log/backup.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/cleanup.h"
#include "log/internal.h"
#include "log/ofd.h"

enum { PIECE_LEN = 1 << 20 };

/* ---- What is there ---- */

void srd_backup_file_init(struct srd_backup_file *file, const struct srd_log *log)
{
	*file = (struct srd_backup_file){ .log = log, .dir_fd = -1, .fd = -1 };
}

static int open_dest(struct srd_backup_file *file, const char *path, bool read)
{
	int error = srd_log_open(path, read ? SRD_LOG_RDONLY : SRD_LOG_SINGLE_WRITER, file->log->io, &file->dest);

	if (error == -ENOENT)
		file->match = SRD_MATCH_NOTHING;
	else if (error == SRD_ENOTSTORE || error == SRD_EVERSION || error == SRD_ECORRUPT)
		file->match = SRD_MATCH_NO_STORE;
	else if (error)
		return error;
	else
		file->match = srd_log_match(file->log, file->dest, &file->common);
	return 0;
}

/* The directory of PATH and the name in it; a symlink is followed if it leads somewhere. */
static int find(struct srd_backup_file *file, const char *path)
{
	const struct srd_io *io = file->log->io;
	const char *slash = strrchr(path, '/');
	SRD_AUTO_FREE char *dir = slash ? strndup(path, (size_t)(slash - path + 1)) : strdup(".");
	int error = io->find(io, path, &file->dir_fd, &file->name);

	if (error != -ENOENT)
		return error;
	file->name = strdup(slash ? slash + 1 : path);
	if (!dir || !file->name)
		return -ENOMEM;
	if (file->name[0] == 0)
		return -EISDIR;
	file->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return file->dir_fd < 0 ? srd_errno() : 0;
}

int srd_backup_file_open(struct srd_backup_file *file, const char *path, bool read)
{
	int error = find(file, path);
	struct stat st;

	if (error)
		return error;
	/* Before it is opened: two handles would meet at its locks. */
	if (fstatat(file->dir_fd, file->name, &st, 0) == 0 && st.st_dev == file->log->dev &&
	    st.st_ino == file->log->ino)
		return -EINVAL;
	return open_dest(file, path, read);
}

/* ---- To continue it ---- */

/* What is torn goes.  -EBUSY: somebody may have seen it. */
static int cut(const struct srd_log *dest, uint64_t offset)
{
	int64_t size = srd_log_size(dest);

	if (size < 0 || (uint64_t)size <= offset)
		return size < 0 ? (int)size : 0;
	int error = srd_ofd_lock(dest->fd, F_WRLCK, SRD_BYTE_PRESENCE, false);
	if (error)
		return error == -EAGAIN ? -EBUSY : error;
	error = dest->io->ftruncate(dest->io, dest->fd, offset);
	srd_ofd_lock(dest->fd, F_RDLCK, SRD_BYTE_PRESENCE, false);
	return error;
}

static int begin_in_place(struct srd_backup_file *file)
{
	const struct srd_io *io = file->log->io;
	int error = cut(file->dest, file->common);

	/* What an interrupted backup left in the page cache, too. */
	if (!error)
		error = io->fdatasync(io, file->dest->fd);
	if (error)
		return error;
	file->fd = file->dest->fd;
	file->at = file->durable = file->common;
	return 0;
}

/* ---- To write it anew ---- */

/* The temporary, and the lock on it; what a killed backup left of it is used again.
 * False in *HAS: another was quicker, and it has the name no more. */
static int open_temporary(struct srd_backup_file *file, bool *has)
{
	const struct srd_io *io = file->log->io;
	struct stat st, named;

	int fd = io->open(io, file->dir_fd, file->temporary, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		return fd;
	file->fd = fd;
	int error = srd_ofd_lock(fd, F_WRLCK, SRD_BYTE_APPEND, false);
	if (error)
		return error == -EAGAIN ? -EBUSY : error;
	if (fstat(fd, &st) != 0)
		return srd_errno();
	/* Whoever else it belongs to could read along; and what has another name, too, is not to be cut. */
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_nlink > 1)
		return -EPERM;
	*has = fstatat(file->dir_fd, file->temporary, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       named.st_dev == st.st_dev && named.st_ino == st.st_ino;
	return 0;
}

/* Nobody may read the copy who may not read what it takes the place of, or the log. */
static int give_mode(const struct srd_backup_file *file)
{
	struct stat st;

	if (fstat(file->dest ? file->dest->fd : file->log->fd, &st) != 0 || fchmod(file->fd, st.st_mode & 0666) != 0)
		return srd_errno();
	return 0;
}

static int begin_anew(struct srd_backup_file *file)
{
	const struct srd_io *io = file->log->io;
	bool has = false;
	int error = 0;

	if (asprintf(&file->temporary, "%s.part", file->name) < 0) {
		file->temporary = NULL;
		return -ENOMEM;
	}
	while (!error && !has) {
		if (file->fd >= 0)
			close(file->fd);
		file->fd = -1;
		error = open_temporary(file, &has);
	}
	if (error)
		return error;
	file->whole = true;
	error = give_mode(file);
	return error ? error : io->ftruncate(io, file->fd, 0);
}

int srd_backup_file_begin(struct srd_backup_file *file, bool whole)
{
	if (!whole && file->match == SRD_MATCH_PREFIX) {
		int error = begin_in_place(file);
		if (error != -EBUSY)
			return error;
	}
	return begin_anew(file);
}

/* ---- Bytes ---- */

static int copy_by_hand(struct srd_backup_file *file, uint64_t from, uint64_t to, uint8_t *buffer)
{
	const struct srd_io *io = file->log->io;

	while (from < to) {
		size_t len = SRD_MIN(to - from, (uint64_t)PIECE_LEN);
		ssize_t got = srd_io_read_full(io, file->log->fd, buffer, len, from);
		if (got < 0)
			return (int)got;
		if ((size_t)got < len)
			return SRD_ELOST;
		struct iovec iov = { .iov_base = buffer, .iov_len = len };
		int error = srd_io_write_full(io, file->fd, &iov, 1, from, NULL);
		if (error)
			return error;
		file->sent += len;
		from += len;
	}
	return 0;
}

/* [FROM, TO), by the file system as far as it is able and willing. */
static int copy_bytes(struct srd_backup_file *file, uint64_t from, uint64_t to)
{
	const struct srd_io *io = file->log->io;

	while (io->copy && from < to) {
		ssize_t put = io->copy(io, file->log->fd, file->fd, from, to - from);
		if (put == -EINTR)
			continue;
		if (put == -ENOSPC || put == -EDQUOT)
			return (int)put;
		if (put <= 0)
			break;
		file->sent += (uint64_t)put;
		from += (uint64_t)put;
	}
	if (from == to)
		return 0;
	SRD_AUTO_FREE uint8_t *buffer = malloc(PIECE_LEN);
	return buffer ? copy_by_hand(file, from, to, buffer) : -ENOMEM;
}

/* As copy_bytes(), leaving holes where there are some. */
static int copy_sparsely(struct srd_backup_file *file, uint64_t from, uint64_t to)
{
	int error = 0;

	while (from < to && !error) {
		off_t data = lseek(file->log->fd, (off_t)from, SEEK_DATA);
		uint64_t start = data >= 0 ? SRD_MIN((uint64_t)data, to) : errno == ENXIO ? to : from;
		/* No data is a hole, but for where the file does not reach any more. */
		if (start == to && srd_log_size(file->log) < (int64_t)to)
			return SRD_ELOST;
		off_t hole = start < to ? lseek(file->log->fd, (off_t)start, SEEK_HOLE) : -1;
		uint64_t stop = hole > (off_t)start ? SRD_MIN((uint64_t)hole, to) : to;
		error = copy_bytes(file, start, stop);
		from = stop;
	}
	return error;
}

static int copy_upto(struct srd_backup_file *file, uint64_t upto)
{
	int error = upto > file->at ? copy_sparsely(file, file->at, upto) : 0;

	if (!error)
		file->at = SRD_MAX(file->at, upto);
	return error;
}

static int sync_upto(struct srd_backup_file *file, uint64_t upto)
{
	int error = copy_upto(file, upto);

	if (!error)
		error = file->log->io->fdatasync(file->log->io, file->fd);
	if (!error)
		file->durable = upto;
	return error;
}

static int copy_in_place(struct srd_backup_file *file, uint64_t upto)
{
	const struct srd_log *log = file->log;
	int error = 0;

	for (uint64_t at = file->at; at < upto && !error;) {
		const uint8_t *bytes = srd_log_at(log, at, SRD_HEADER_LEN);
		struct srd_record record;
		bool sound = bytes && srd_record_decode(&log->sb, &record, bytes, at);
		if (sound && record.durable > file->durable)
			error = sync_upto(file, at);
		at += sound ? record.len : SRD_RECORD_ALIGN;
	}
	return error ? error : copy_upto(file, upto);
}

int srd_backup_file_copy(struct srd_backup_file *file, uint64_t upto)
{
	return file->whole ? copy_upto(file, upto) : copy_in_place(file, upto);
}

/* ---- What the log has given up ---- */

static int give_up_range(void *user, const struct srd_range *range)
{
	const struct srd_backup_file *file = user;
	uint64_t end = SRD_MIN(range->offset + range->len, file->at);
	struct srd_range part = { .offset = range->offset };
	int error = 0;

	for (; !error && part.offset < end && srd_log_next_occupied(file->dest, &part, end); part.offset += part.len)
		error = srd_log_punch(file->dest, &part, 1);
	return error;
}

/* What was sent before it was trimmed.  The ops that name it are there, and durable; where somebody
 * may be looking at what it was, or there are no holes, it stays. */
static int give_up(struct srd_backup_file *file)
{
	int error = srd_log_use_since(file->dest, file->at);

	if (!error)
		error = srd_log_use_deny(file->dest, file->at);
	if (error)
		return error == -EBUSY ? 0 : error;
	error = srd_log_trimmed(file->log, give_up_range, file);
	srd_log_use_admit(file->dest, file->at);
	return error == -EOPNOTSUPP ? 0 : error;
}

/* ---- The end ---- */

static int publish(struct srd_backup_file *file)
{
	const struct srd_io *io = file->log->io;
	int error = io->rename(io, file->dir_fd, file->temporary, file->name, 0);

	if (error)
		return error;
	free(file->temporary);
	file->temporary = NULL;
	return io->fdatasync(io, file->dir_fd);
}

int srd_backup_file_finish(struct srd_backup_file *file)
{
	const struct srd_io *io = file->log->io;
	int64_t size = lseek(file->fd, 0, SEEK_END);
	int error = size < 0 ? srd_errno() : 0;

	/* It may end in a hole. */
	if (!error && (uint64_t)size < file->at)
		error = io->ftruncate(io, file->fd, file->at);
	if (!error)
		error = io->fdatasync(io, file->fd);
	if (error)
		return error;
	file->durable = file->at;
	if (file->whole)
		return publish(file);
	if (file->dest->shm)
		srd_shm_tell(file->dest->shm, file->at);
	return give_up(file);
}

void srd_backup_file_release(struct srd_backup_file *file)
{
	const struct srd_io *io = file->log->io;

	if (file->fd >= 0 && file->whole) {
		if (file->temporary)
			io->unlink(io, file->dir_fd, file->temporary);
	}
	if (file->fd >= 0 && (!file->dest || file->fd != file->dest->fd))
		close(file->fd);
	srd_log_close(file->dest);
	if (file->dir_fd >= 0)
		close(file->dir_fd);
	free(file->name);
	free(file->temporary);
}
