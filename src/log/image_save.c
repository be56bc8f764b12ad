/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_save.c - a new image: written beside, then renamed over the old one, which
 * stays with those who have it mapped.
 *
 * The temporary has one name, and only who holds the lock writes it: what a killed
 * saver left is cleared by the next.
 */
#include "config.h"

#include "log/image.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "log/internal.h"
#include "log/ofd.h"

static void unlock(const struct srd_log *log)
{
	srd_ofd_lock(log->fd, F_UNLCK, SRD_BYTE_IMAGE, false);
}

static void release(struct srd_image_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	free(file->name);
	free(file->temporary);
	unlock(file->log);
}

static bool is_newer(const struct srd_log *log, uint64_t offset)
{
	struct srd_image image;
	int fd;

	if (srd_log_image_open(log, &image, &fd) != 0)
		return true;
	close(fd);
	return offset > image.offset;
}

/* Nobody may read in it who may not read the log, nor write who may not write that. */
static int give_owner(const struct srd_log *log, int fd)
{
	struct stat of;

	return fstat(log->fd, &of) == 0 ? srd_io_share(fd, &of) : srd_errno();
}

static int create(struct srd_image_file *file)
{
	const struct srd_log *log = file->log;
	const int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;

	file->name = srd_log_image_name(log, "");
	file->temporary = srd_log_image_name(log, ".tmp");
	if (!file->name || !file->temporary)
		return -ENOMEM;
	int fd = log->io->open(log->io, log->dir_fd, file->temporary, flags, 0600);
	if (fd == -EEXIST && log->io->unlink(log->io, log->dir_fd, file->temporary) == 0)
		fd = log->io->open(log->io, log->dir_fd, file->temporary, flags, 0600);
	if (fd < 0)
		return fd;
	file->fd = fd;
	return give_owner(log, fd);
}

/* True if the image beside the name is that of the log that took this one's place. */
static bool is_succeeded(const struct srd_log *log)
{
	return !(log->flags & SRD_LOG_UNSHARED) && srd_log_is_replaced(log);
}

int srd_image_file_begin(struct srd_image_file *file, const struct srd_log *log, uint64_t offset)
{
	if (log->flags & SRD_LOG_RDONLY)
		return -EROFS;
	int error = srd_ofd_lock(log->fd, F_WRLCK, SRD_BYTE_IMAGE, false);
	if (error)
		return error;
	if (is_succeeded(log)) {
		unlock(log);
		return SRD_EREPLACED;
	}
	if (!is_newer(log, offset)) {
		unlock(log);
		return -EEXIST;
	}
	*file = (struct srd_image_file){ .log = log, .fd = -1 };
	error = create(file);
	if (error)
		srd_image_file_abandon(file);
	return error;
}

int srd_image_file_write(const struct srd_image_file *file, const void *data, size_t len, uint64_t offset)
{
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };

	return srd_io_write_full(file->log->io, file->fd, &iov, 1, offset, NULL);
}

/* The image that is there goes to SLOT.  Who is killed now leaves none under its own name, but
 * that one.  Nothing is lost if it fails, but what could have been kept. */
static void keep_old(const struct srd_image_file *file, unsigned slot)
{
	const struct srd_log *log = file->log;
	SRD_AUTO_FREE char *kept = srd_log_image_kept_name(log, slot);

	if (kept)
		log->io->rename(log->io, log->dir_fd, file->name, kept, 0);
}

int srd_image_file_publish(struct srd_image_file *file, const struct srd_image *image, int keep)
{
	const struct srd_log *log = file->log;
	uint8_t bytes[SRD_IMAGE_HEADER_LEN];

	srd_image_encode(&log->sb, image, bytes);
	int error = srd_image_file_write(file, bytes, sizeof bytes, 0);
	if (!error)
		error = log->io->fdatasync(log->io, file->fd);
	if (!error && is_succeeded(log))
		error = SRD_EREPLACED;
	if (!error && keep >= 0)
		keep_old(file, (unsigned)keep);
	if (!error)
		error = log->io->rename(log->io, log->dir_fd, file->temporary, file->name, 0);
	if (error) {
		srd_image_file_abandon(file);
		return error;
	}
	error = log->io->fdatasync(log->io, log->dir_fd);
	release(file);
	return error;
}

void srd_image_file_abandon(struct srd_image_file *file)
{
	const struct srd_log *log = file->log;

	if (file->fd >= 0)
		log->io->unlink(log->io, log->dir_fd, file->temporary);
	release(file);
}

int srd_image_file_forget(const struct srd_image_file *file, unsigned slot)
{
	const struct srd_log *log = file->log;
	SRD_AUTO_FREE char *kept = srd_log_image_kept_name(log, slot);

	return kept ? log->io->unlink(log->io, log->dir_fd, kept) : -ENOMEM;
}

/* All that are kept, too: they may know what the log does not say any more. */
static int remove_all(const struct srd_image_file *file)
{
	const struct srd_log *log = file->log;
	int error = file->name ? log->io->unlink(log->io, log->dir_fd, file->name) : -ENOMEM;

	for (unsigned slot = 0; slot < SRD_IMAGE_SLOTS && (!error || error == -ENOENT); slot++) {
		int forgotten = srd_image_file_forget(file, slot);
		error = forgotten && forgotten != -ENOENT ? forgotten : error;
	}
	return error == -ENOENT ? 0 : error;
}

int srd_image_file_remove(const struct srd_log *log)
{
	struct srd_image_file file = { .log = log, .fd = -1 };

	if (log->flags & SRD_LOG_RDONLY)
		return -EROFS;
	int error = srd_ofd_lock(log->fd, F_WRLCK, SRD_BYTE_IMAGE, false);
	if (error)
		return error;
	file.name = srd_log_image_name(log, "");
	error = remove_all(&file);
	/* What relies upon its being gone may be durable next. */
	if (!error)
		error = log->io->fdatasync(log->io, log->dir_fd);
	release(&file);
	return error;
}
