/* SPDX-License-Identifier: Apache-2.0 */
/*
 * window.h - bytes of a file that may be shorter than we think, or torn: read
 * with pread into a buffer that slides along, never through the mapping.
 */
#ifndef SRD_LOG_WINDOW_H
#define SRD_LOG_WINDOW_H

#include <stdbool.h>

#include "base/io.h"

struct srd_window {
	const struct srd_io *io;
	int fd;
	uint8_t *bytes;
	size_t cap;
	uint64_t start, len;     /* what of the file is in it */
	uint64_t reads;          /* times that it was filled */
	bool patient;            /* what the disk does not give reads as zeros, ... */
	uint64_t missing;        /* ... the last of which end there; 0: there are none */
};

void srd_window_init(struct srd_window *window, const struct srd_io *io, int fd);
void srd_window_release(struct srd_window *window);
/* LEN bytes at OFFSET, valid until the next call.  1, 0 if the file ends
 * before, or a negative code. */
int srd_window_at(struct srd_window *window, uint64_t offset, uint64_t len, const uint8_t **bytes);
/* LEN bytes at OFFSET if they are in it already, else NULL. */
const uint8_t *srd_window_peek(const struct srd_window *window, uint64_t offset, uint64_t len);

#endif
