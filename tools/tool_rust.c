/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tool_rust.c - tells a store of the Rust simd-r-drive, which has no magic: an entry
 * ends in the hash of its key, the end of the entry before it, and the CRC-32 of its
 * payload, which starts on the next 64 bytes.
 *
 *     [ zeros | payload | hash 8 | previous end 8 | CRC-32 4 ] [ ...
 *
 * The last whole entry is looked for from the end of the file backwards.  Nothing
 * else in the file is believed, or read.
 */
#include "config.h"

#include "tool.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TAIL_LEN = 20, TORN_MAX = 4096, READ_MAX = 1 << 20 };

static uint64_t get(const uint8_t *bytes, int len)
{
	uint64_t value = 0;

	while (len-- > 0)
		value = value << 8 | bytes[len];
	return value;
}

static uint32_t crc32_of(const uint8_t *bytes, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

/* True if an entry ends at END, counted in BYTES, which begin at FROM of the file. */
static bool ends_entry(const uint8_t *bytes, uint64_t from, size_t end)
{
	const uint8_t *tail = bytes + end - TAIL_LEN;
	uint64_t previous = get(tail + 8, 8), payload_end = from + end - TAIL_LEN;

	if (previous < from || previous >= payload_end)
		return false;
	/* A deletion is one zero byte, on no boundary. */
	uint64_t start = previous + 1 == payload_end ? previous : (previous + 63) / 64 * 64;
	if (start >= payload_end)
		return false;
	return crc32_of(bytes + (start - from), payload_end - start) == (uint32_t)get(tail + 16, 4);
}

static bool has_entry(int fd, uint64_t size)
{
	size_t len = size < READ_MAX ? (size_t)size : READ_MAX;
	uint8_t *bytes = malloc(READ_MAX);
	bool found = false;

	if (bytes && pread(fd, bytes, len, (off_t)(size - len)) == (ssize_t)len)
		for (size_t end = len; !found && end > TAIL_LEN && end + TORN_MAX > len; end--)
			found = ends_entry(bytes, size - len, end);
	free(bytes);
	return found;
}

bool tool_is_rust_store(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	bool is = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && has_entry(fd, (uint64_t)st.st_size);

	if (fd >= 0)
		close(fd);
	return is;
}
