/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "image.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "tell.h"

void image_release(struct image *image)
{
	free(image->bytes);
	*image = (struct image){ 0 };
}

void image_resize(struct image *image, size_t len)
{
	if (len > image->cap) {
		image->cap = len + len / 2 + 4096;
		image->bytes = realloc(image->bytes, image->cap);
		if (!image->bytes)
			die("no memory");
	}
	if (len > image->len)
		memset(image->bytes + image->len, 0, len - image->len);
	image->len = len;
}

void image_write(struct image *image, size_t offset, const uint8_t *bytes, size_t len)
{
	if (len == 0)
		return;
	if (offset + len > image->len)
		image_resize(image, offset + len);
	memcpy(image->bytes + offset, bytes, len);
}

void image_copy(struct image *image, const struct image *from)
{
	image->len = 0;
	image_resize(image, from->len);
	if (from->len > 0)
		memcpy(image->bytes, from->bytes, from->len);
}

bool image_exists(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

void image_load(struct image *image, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);

	if (size < 0)
		die("%s: cannot be read", path);
	image_resize(image, (size_t)size);
	if (pread(fd, image->bytes, image->len, 0) != size)
		die("%s: cannot be read whole", path);
	close(fd);
}

/* A new file each time: nobody who still has the old one mapped sees it change. */
void image_store(const struct image *image, const char *path)
{
	unlink(path);
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, image->bytes, image->len) != (ssize_t)image->len)
		die("%s: cannot be written", path);
	close(fd);
}

uint64_t image_hash(const struct image *image, uint64_t seed)
{
	return srd_hash(image->bytes, image->len, seed);
}
