/* SPDX-License-Identifier: Apache-2.0 */
/* check.h - checked arithmetic on lengths and offsets that come from disk. */
#ifndef SRD_BASE_CHECK_H
#define SRD_BASE_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SRD_ALIGN_UP(x, to) (((x) + ((to) - 1)) & ~((uint64_t)(to) - 1))
#define SRD_DIV_UP(x, by) (((x) + ((by) - 1)) / (by))
#define SRD_MIN(a, b) ((a) < (b) ? (a) : (b))
#define SRD_MAX(a, b) ((a) > (b) ? (a) : (b))
#define SRD_LEN(array) (sizeof(array) / sizeof((array)[0]))

/* True if [offset, offset + len) lies within [0, end), without overflow. */
static inline bool srd_within(uint64_t offset, uint64_t len, uint64_t end)
{
	return offset <= end && len <= end - offset;
}

static inline bool srd_add(uint64_t a, uint64_t b, uint64_t *sum)
{
	return !__builtin_add_overflow(a, b, sum);
}

#endif
