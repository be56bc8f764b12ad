/* SPDX-License-Identifier: Apache-2.0 */
/* imagefix.h - what the tests of images share: a store that is worth one, and files to change. */
#ifndef SRD_TESTS_IMAGEFIX_H
#define SRD_TESTS_IMAGEFIX_H

#include <fcntl.h>
#include <sys/stat.h>

#include "fixture.h"
#include "log/image.h"
#include "store/image.h"

enum { KEYS = 6000 };

static char image[160];

static inline void key_of(int i, char key[64])
{
	if (i % 3 == 0)
		snprintf(key, 64, "d%d/deep/k%d", i % 7, i);
	else
		snprintf(key, 64, "k%d", i);
}

static inline void put_range(int from, int to)
{
	srd_batch *batch;
	char key[64];

	ck_assert_int_eq(srd_batch_new(store, &batch), 0);
	for (int i = from; i < to; i++) {
		key_of(i, key);
		ck_assert_int_eq(srd_batch_put(batch, KEY(key), &i, sizeof i), 0);
	}
	ck_assert_int_eq(srd_batch_commit(batch), 0);
	srd_batch_free(batch);
}

static inline void assert_range(int from, int to)
{
	srd_value value;
	char key[64];

	for (int i = from; i < to; i++) {
		key_of(i, key);
		int error = srd_get(store, KEY(key), &value);
		if (error)
			ck_abort_msg("%s: %s", key, srd_strerror(error));
		EXPECT(value.len == sizeof i && memcmp(value.data, &i, sizeof i) == 0);
		srd_value_release(&value);
	}
}

/* Attributes and files of many extents, so that no table is empty. */
static inline void make_others(void)
{
	struct srd_txn *txn;
	struct srd_node node;
	char key[64];

	for (int i = 1; i < 60; i += 3) {
		key_of(i, key);
		ck_assert_int_eq(srd_txn_begin(store, &txn), 0);
		ck_assert_int_eq(srd_txn_lookup(txn, SRD_ROOT_INO, KEY(key), &node), 0);
		ck_assert_int_eq(srd_txn_xattr(txn, node.ino, KEY("user.a"), "x", 1), 0);
		ck_assert_int_eq(srd_txn_xattr(txn, node.ino, KEY("user.b"), "y", 1), 0);
		for (uint64_t k = 1; k < 40; k++)
			ck_assert_int_eq(srd_txn_write(txn, node.ino, k * 8192, "piece", 5, false), 0);
		ck_assert_int_eq(srd_txn_commit(txn, NULL), 0);
	}
}

static inline void assert_others(void)
{
	srd_value value;
	char key[64];

	for (int i = 1; i < 60; i += 3) {
		key_of(i, key);
		ck_assert_int_eq(srd_get(store, KEY(key), &value), 0);
		ck_assert_uint_eq(value.len, 39 * 8192 + 5);
		srd_value_release(&value);
		uint32_t dentry = srd_state_lookup(&store->state, 1, KEY(key));
		const struct srd_inode *inode = srd_inode_at(&store->state, srd_dentry_at(&store->state, dentry)->inode);
		ck_assert_ptr_nonnull(srd_state_xattr(&store->state, inode, KEY("user.b")));
	}
}

/* Closes with all durable, as a program without SRD_NOSYNC does. */
static inline void close_synced(void)
{
	ck_assert_int_eq(srd_sync(store), 0);
	close_store();
}

static inline void make_image(void)
{
	snprintf(image, sizeof image, "%s.idx", path);
	put_range(0, KEYS);
	make_others();
	close_synced();
	ck_assert_int_eq(access(image, F_OK), 0);
}

static inline bool came_from_image(void)
{
	return store->image.offset != 0;
}

/* Small keys become larger files, so not all of them hold their number. */
static inline void assert_all(void)
{
	assert_range(60, KEYS);
	assert_others();
}

/* ---- Files ---- */

struct file_bytes {
	uint8_t *bytes;
	size_t len;
};

static inline struct file_bytes read_file(const char *name)
{
	struct stat st;
	int fd = open(name, O_RDONLY);

	ck_assert_int_eq(fstat(fd, &st), 0);
	struct file_bytes file = { .bytes = malloc((size_t)st.st_size), .len = (size_t)st.st_size };
	ck_assert_int_eq(read(fd, file.bytes, file.len), (ssize_t)file.len);
	close(fd);
	return file;
}

static inline void write_file(const char *name, const struct file_bytes *file)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_eq(write(fd, file->bytes, file->len), (ssize_t)file->len);
	close(fd);
}

static inline void copy_file(const char *from, const char *to)
{
	char command[512];

	snprintf(command, sizeof command, "cp -p '%s' '%s'", from, to);
	ck_assert_int_eq(system(command), 0);
}

static inline void flip(const char *file, off_t at)
{
	uint8_t byte;
	int fd = open(file, O_RDWR);

	ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
	byte ^= 0x10;
	ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static inline struct srd_image header(void)
{
	struct srd_image read;
	int fd;

	open_store(SRD_NOSYNC);
	ck_assert_int_eq(srd_log_image_open(store->log, &read, &fd), 0);
	close(fd);
	close_store();
	return read;
}

#endif
