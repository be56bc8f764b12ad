/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "log/image.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "log/internal.h"

/* True if whoever could write the image, which is as ST, may write the log, OF, too. */
static bool is_trusted(const struct srd_log *log, const struct stat *st, const struct stat *of)
{
	if (!S_ISREG(st->st_mode))
		return false;
	if (st->st_uid != of->st_uid && st->st_uid != 0 &&
	    ((log->flags & SRD_LOG_RDONLY) || st->st_uid != geteuid()))
		return false;
	unsigned others = st->st_mode & (S_IWGRP | S_IWOTH);
	if (others & ~of->st_mode)
		return false;
	return !(others & S_IWGRP) || st->st_gid == of->st_gid;
}

/* The record that ends where the image stands must be in the log: its check covers
 * all before it, one by one. */
static int check_history(const struct srd_log *log, const struct srd_image *image, uint64_t log_size)
{
	uint8_t bytes[SRD_HEADER_LEN];
	struct srd_record record;

	if (image->offset > log_size)
		return SRD_EREPLACED;
	ssize_t got = srd_io_read_full(log->io, log->fd, bytes, sizeof bytes, image->last);
	if (got < 0)
		return (int)got;
	if (got < SRD_HEADER_LEN || !srd_record_decode(&log->sb, &record, bytes, image->last) ||
	    record.check != image->last_check || record.offset + record.len != image->offset ||
	    record.epoch != image->epoch || record.sequence != image->sequence)
		return SRD_EREPLACED;
	return 0;
}

static int read_header(const struct srd_log *log, int fd, struct srd_image *image)
{
	uint8_t bytes[SRD_IMAGE_HEADER_LEN];
	struct stat st, of;

	if (fstat(fd, &st) != 0 || fstat(log->fd, &of) != 0)
		return srd_errno();
	if (!is_trusted(log, &st, &of))
		return -EPERM;
	ssize_t got = srd_io_read_full(log->io, fd, bytes, sizeof bytes, 0);
	if (got < 0)
		return (int)got;
	if (got < SRD_IMAGE_HEADER_LEN)
		return SRD_ECORRUPT;
	int error = srd_image_decode(&log->sb, image, bytes, (uint64_t)st.st_size);
	return error ? error : check_history(log, image, (uint64_t)of.st_size);
}

static int open_named(const struct srd_log *log, const char *name, struct srd_image *image, int *out)
{
	struct srd_image read;

	if (!name)
		return -ENOMEM;
	/* A fifo of that name must not hang us. */
	int fd = log->io->open(log->io, log->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return fd;
	int error = read_header(log, fd, &read);
	if (error) {
		close(fd);
		return error;
	}
	*image = read;
	*out = fd;
	return 0;
}

char *srd_log_image_name(const struct srd_log *log, const char *suffix)
{
	char *name;

	return asprintf(&name, "%s.idx%s", log->name, suffix) < 0 ? NULL : name;
}

char *srd_log_image_kept_name(const struct srd_log *log, unsigned slot)
{
	char suffix[16];

	snprintf(suffix, sizeof suffix, ".%u", slot);
	return srd_log_image_name(log, suffix);
}

int srd_log_image_open(const struct srd_log *log, struct srd_image *image, int *fd)
{
	SRD_AUTO_FREE char *name = srd_log_image_name(log, "");

	return open_named(log, name, image, fd);
}

int srd_log_image_open_kept(const struct srd_log *log, unsigned slot, struct srd_image *image, int *fd)
{
	SRD_AUTO_FREE char *name = srd_log_image_kept_name(log, slot);

	return open_named(log, name, image, fd);
}

int srd_log_image_nearest(const struct srd_log *log, const struct srd_log_point *point, struct srd_image *image,
                          int *fd)
{
	struct srd_image read;
	int best = -1, opened;

	/* Those that are kept are older than this one. */
	if (srd_log_image_open(log, &read, &opened) == 0) {
		struct srd_log_place place = srd_log_image_place(&read);
		if (srd_log_point_has(point, &place)) {
			*image = read;
			*fd = opened;
			return 0;
		}
		close(opened);
	}
	for (unsigned slot = 0; slot < SRD_IMAGE_SLOTS; slot++) {
		if (srd_log_image_open_kept(log, slot, &read, &opened) != 0)
			continue;
		struct srd_log_place place = srd_log_image_place(&read);
		bool better = srd_log_point_has(point, &place) && (best < 0 || read.offset > image->offset);
		int other = better ? best : opened;
		if (better) {
			*image = read;
			best = opened;
		}
		if (other >= 0)
			close(other);
	}
	*fd = best;
	return best < 0 ? -ENOENT : 0;
}

int srd_log_image_checks(const struct srd_log *log, int fd, const struct srd_image *image, uint64_t **out)
{
	size_t len = 8 * srd_image_chunks_all(image);
	uint64_t *checks = malloc(len);

	if (!checks)
		return -ENOMEM;
	ssize_t got = srd_io_read_full(log->io, fd, checks, len, image->checks_offset);
	if (got != (ssize_t)len || srd_hash(checks, len, 0) != image->checks_check) {
		free(checks);
		return got < 0 ? (int)got : SRD_ECORRUPT;
	}
	*out = checks;
	return 0;
}

int srd_log_image_map(int fd, const struct srd_image_table *table, void *at)
{
	uint64_t bytes = srd_image_table_bytes(table), whole = SRD_ALIGN_UP(bytes, SRD_IMAGE_ALIGN);

	if (mmap(at, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, fd,
	         (off_t)table->offset) == MAP_FAILED)
		return srd_errno();
	/* The last page is ours: what lies behind the entries is no business of the file's. */
	memset((char *)at + bytes, 0, whole - bytes);
	return 0;
}

struct srd_log_place srd_log_image_place(const struct srd_image *image)
{
	return (struct srd_log_place){ .end = image->offset, .last = image->last, .last_check = image->last_check,
	                               .sequence = image->sequence, .last_time_ns = image->last_time_ns,
	                               .latest_ns = image->latest_ns,
	                               .epoch = image->epoch, .trim = image->last_trim };
}

void srd_log_image_set_place(struct srd_image *image, const struct srd_log_place *place)
{
	image->offset = place->end;
	image->last = place->last;
	image->last_check = place->last_check;
	image->sequence = place->sequence;
	image->last_time_ns = place->last_time_ns;
	image->latest_ns = place->latest_ns;
	image->epoch = place->epoch;
	image->last_trim = place->trim;
}

void srd_log_begin_at(struct srd_log *log, const struct srd_log_place *place)
{
	srd_log_go_back(log, place);
	srd_log_learn_durable(log, place->end);
}
