/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "log/window.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"

enum { WINDOW_LEN = 1 << 18, JUMP_LEN = 4096 };

void srd_window_init(struct srd_window *window, const struct srd_io *io, int fd)
{
	*window = (struct srd_window){ .io = io, .fd = fd };
}

void srd_window_release(struct srd_window *window)
{
	free(window->bytes);
	window->bytes = NULL;
}

static int grow(struct srd_window *window, uint64_t len)
{
	if (len <= window->cap)
		return 0;
	free(window->bytes);
	window->len = 0;
	window->cap = 0;
	window->bytes = malloc(len);
	if (!window->bytes)
		return -ENOMEM;
	window->cap = len;
	return 0;
}

/* How much to read at OFFSET: much where the walk is dense, little where it jumps
 * from header to header over payload, or opening would read all of that too. */
static uint64_t worth(const struct srd_window *window, uint64_t offset)
{
	uint64_t end = window->start + window->len;

	return offset >= window->start && offset < end + WINDOW_LEN / 4 ? WINDOW_LEN : JUMP_LEN;
}

/* Fills it from OFFSET on, up to TAKE bytes, with zeros for the pages that cannot be read. */
static ssize_t read_patiently(struct srd_window *window, uint64_t offset, uint64_t take)
{
	uint64_t done = 0;

	while (done < take) {
		uint64_t at = offset + done, len = SRD_MIN(take - done, JUMP_LEN - at % JUMP_LEN);
		ssize_t got = srd_io_read_full(window->io, window->fd, window->bytes + done, len, at);
		if (got == -EIO) {
			memset(window->bytes + done, 0, len);
			window->missing = SRD_MAX(window->missing, at + len);
			got = (ssize_t)len;
		}
		if (got < 0)
			return got;
		done += (uint64_t)got;
		if ((uint64_t)got < len)
			break;
	}
	return (ssize_t)done;
}

int srd_window_at(struct srd_window *window, uint64_t offset, uint64_t len, const uint8_t **bytes)
{
	if (offset < window->start || !srd_within(offset - window->start, len, window->len)) {
		uint64_t take = SRD_MAX(len, worth(window, offset));
		int error = grow(window, take);
		if (error)
			return error;
		ssize_t got = window->io->pread(window->io, window->fd, window->bytes, take, offset);
		/* As much as is needed, that is: most often the file ends where the rest would be. */
		if (got < (ssize_t)len)
			got = srd_io_read_full(window->io, window->fd, window->bytes, take, offset);
		if (got == -EIO && window->patient)
			got = read_patiently(window, offset, take);
		if (got < 0)
			return (int)got;
		window->start = offset;
		window->len = (uint64_t)got;
		window->reads++;
	}
	if (!srd_within(offset - window->start, len, window->len))
		return 0;
	*bytes = window->bytes + (offset - window->start);
	return 1;
}

const uint8_t *srd_window_peek(const struct srd_window *window, uint64_t offset, uint64_t len)
{
	if (offset < window->start || !srd_within(offset - window->start, len, window->len))
		return NULL;
	return window->bytes + (offset - window->start);
}
