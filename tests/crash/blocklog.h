/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blocklog.h - what a disk was asked, in order: a header for each request, behind
 * it the bytes of a write or the text of a note.
 */
#ifndef CRASH_BLOCKLOG_H
#define CRASH_BLOCKLOG_H

#include <stdint.h>

enum block_kind { BLOCK_WRITE = 1, BLOCK_FLUSH, BLOCK_NOTE };

struct block_request {
	uint32_t kind, len;
	uint64_t offset;
};

#endif
