/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes in and out: whole writes, holes kept as holes, errors on standard output noticed. */
#include "config.h"

#include "tool.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	SLICE_PIECES = 64,
	SLICE_LEN = 16 << 20,     /* bytes between two looks at the progress bar */
	FEED_LEN = 1 << 20,
};

/* Where in an iovec array the next byte is. */
struct cursor {
	const struct iovec *iov;
	int count;
	size_t skip;              /* bytes of iov[0] that are done */
};

/* The next pieces, together at most SLICE_LEN bytes; their number. */
static int cursor_slice(const struct cursor *cursor, struct iovec *slice)
{
	size_t left = SLICE_LEN, skip = cursor->skip;
	int n = 0;

	for (int i = 0; i < cursor->count && n < SLICE_PIECES && left > 0; i++, skip = 0) {
		size_t len = cursor->iov[i].iov_len - skip;
		if (len > left)
			len = left;
		if (len == 0)
			continue;
		slice[n++] = (struct iovec){ (char *)cursor->iov[i].iov_base + skip, len };
		left -= len;
	}
	return n;
}

static void cursor_advance(struct cursor *cursor, size_t len)
{
	cursor->skip += len;
	while (cursor->count > 0 && cursor->skip >= cursor->iov->iov_len) {
		cursor->skip -= cursor->iov->iov_len;
		cursor->iov++;
		cursor->count--;
	}
}

/* True if the failed call on FD is worth repeating: interrupted, or a pipe that
 * is full and does not block (then after it has room or data again). */
static bool may_retry(int fd, short events)
{
	struct pollfd wait = { .fd = fd, .events = events };

	if (errno == EINTR)
		return true;
	return errno == EAGAIN && (poll(&wait, 1, -1) > 0 || errno == EINTR);
}

int tool_write_iov(int fd, const struct iovec *iov, int count, struct tool_progress *progress)
{
	struct cursor cursor = { .iov = iov, .count = count };
	struct iovec slice[SLICE_PIECES];

	for (int n; (n = cursor_slice(&cursor, slice)) > 0;) {
		ssize_t written = writev(fd, slice, n);
		if (written < 0) {
			/* The kernel cannot read what is mapped but gone. */
			if (errno == EFAULT)
				return SRD_ELOST;
			if (!may_retry(fd, POLLOUT))
				return -errno;
			continue;
		}
		cursor_advance(&cursor, (size_t)written);
		tool_progress_add(progress, (uint64_t)written, 0);
	}
	return 0;
}

static bool is_zero(const char *bytes, size_t len)
{
	return len == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0);
}

int tool_write_sparse(int fd, const srd_value *value, struct tool_progress *progress)
{
	for (int i = 0; i < value->iov_count; i++) {
		const struct iovec *piece = &value->iov[i];
		if (is_zero(piece->iov_base, piece->iov_len)) {
			if (lseek(fd, (off_t)piece->iov_len, SEEK_CUR) < 0)
				return -errno;
			continue;
		}
		int error = tool_write_iov(fd, piece, 1, progress);
		if (error)
			return error;
	}
	return ftruncate(fd, (off_t)value->len) < 0 ? -errno : 0;
}

struct feed {
	int fd;
	srd_writer *writer;
	struct tool_progress *progress;
	char *buffer;
	bool reading;             /* the error at hand is the descriptor's */
};

/* Hands over what can be read, at most LEN bytes. */
static int feed_bytes(struct feed *feed, uint64_t len)
{
	while (len > 0) {
		ssize_t got = read(feed->fd, feed->buffer, len < FEED_LEN ? (size_t)len : FEED_LEN);
		if (got == 0)
			return 0;
		if (got < 0) {
			if (may_retry(feed->fd, POLLIN))
				continue;
			feed->reading = true;
			return -errno;
		}
		int error = srd_writer_write(feed->writer, feed->buffer, (size_t)got);
		if (error)
			return error;
		len -= (uint64_t)got;
		tool_progress_add(feed->progress, (uint64_t)got, 0);
	}
	return 0;
}

/* Where the next data (WHENCE SEEK_DATA) or hole begins; SIZE if there is none. */
static off_t seek_next(int fd, off_t pos, off_t size, int whence)
{
	off_t next = lseek(fd, pos, whence);

	return next < 0 || next > size ? size : next;
}

static int feed_sparse(struct feed *feed, off_t size)
{
	int error = 0;

	for (off_t pos = 0, data; pos < size && !error;) {
		data = seek_next(feed->fd, pos, size, SEEK_DATA);
		error = data > pos ? srd_writer_skip(feed->writer, (uint64_t)(data - pos)) : 0;
		pos = seek_next(feed->fd, data, size, SEEK_HOLE);
		if (!error && pos > data && lseek(feed->fd, data, SEEK_SET) == data)
			error = feed_bytes(feed, (uint64_t)(pos - data));
	}
	return error;
}

/* Holes are looked for only where the file takes less space than it is long,
 * and from the start: standard input may stand anywhere. */
static bool has_holes(int fd, const struct stat *st)
{
	return S_ISREG(st->st_mode) && (uint64_t)st->st_blocks * 512 < (uint64_t)st->st_size &&
	       lseek(fd, 0, SEEK_CUR) == 0 && lseek(fd, 0, SEEK_HOLE) >= 0 &&
	       lseek(fd, 0, SEEK_SET) == 0;
}

int tool_feed(int fd, srd_writer *writer, struct tool_progress *progress, bool *reading)
{
	struct feed feed = { .fd = fd, .writer = writer, .progress = progress };
	struct stat st;

	feed.buffer = malloc(FEED_LEN);
	if (!feed.buffer)
		tool_no_memory();
	int error = fstat(fd, &st) == 0 && has_holes(fd, &st) ? feed_sparse(&feed, st.st_size)
	                                                      : feed_bytes(&feed, UINT64_MAX);
	free(feed.buffer);
	*reading = feed.reading;
	return error;
}

void tool_output_fail(struct tool *tool, int error)
{
	tool_complain(tool, "standard output", NULL, 0, srd_strerror(error), NULL);
}

void tool_output_close(struct tool *tool)
{
	bool failed = ferror(stdout) != 0;

	errno = 0;
	if (fclose(stdout) != 0 || failed)
		tool_output_fail(tool, errno ? -errno : -EIO);
}
