/* SPDX-License-Identifier: Apache-2.0 */
/* image.h - the bytes of a file, in memory: grows with zeros, like a file. */
#ifndef CRASH_IMAGE_H
#define CRASH_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image {
	uint8_t *bytes;
	size_t len, cap;
};

void image_release(struct image *image);
/* What comes to be behind the old end is zero. */
void image_resize(struct image *image, size_t len);
void image_write(struct image *image, size_t offset, const uint8_t *bytes, size_t len);
void image_copy(struct image *image, const struct image *from);
/* True if there is a regular file at PATH. */
bool image_exists(const char *path);
/* Reads and writes whole files; what fails ends the program. */
void image_load(struct image *image, const char *path);
void image_store(const struct image *image, const char *path);
uint64_t image_hash(const struct image *image, uint64_t seed);

#endif
