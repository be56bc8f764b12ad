/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader.c - a value read piece by piece, as it was when the reader was made:
 * the extents are copied then, and the log they lie in is held.
 */
#include "config.h"

#include "kv/kv.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

struct srd_reader {
	struct srd_hold hold;
	struct srd_extents extents;
	uint64_t pos;
};

static int init(struct srd_reader *reader, const struct srd_store *store, struct srd_path *path)
{
	const struct srd_state *state = &store->state;
	uint32_t dentry = srd_path_find(state, path);
	int error;

	if (dentry == 0)
		return srd_store_absence(store, -ENOENT);
	const struct srd_inode *inode = srd_inode_at(state, srd_dentry_at(state, dentry)->inode);
	error = srd_value_kind_error(inode->mode);
	return error ? error : srd_extents_copy(state, inode, &reader->extents);
}

int srd_reader_new(struct srd_store *store, const void *key, size_t key_len, struct srd_reader **reader)
{
	struct srd_path path;
	unsigned stripe;
	int error = srd_path_start(&path, key, key_len);

	if (error)
		return error;
	struct srd_reader *made = calloc(1, sizeof *made);
	if (!made)
		return -ENOMEM;
	srd_extents_init(&made->extents);
	error = srd_store_read(store, &stripe);
	if (!error) {
		error = init(made, store, &path);
		if (!error)
			made->hold = srd_store_hold_read(store, stripe);
		int bad = srd_store_done(store, stripe);
		error = bad ? bad : error;
	}
	if (error)
		srd_reader_free(made);
	else
		*reader = made;
	return error;
}

void srd_reader_free(struct srd_reader *reader)
{
	if (!reader)
		return;
	srd_hold_drop(&reader->hold);
	srd_extents_release(&reader->extents);
	free(reader);
}

uint64_t srd_reader_size(const struct srd_reader *reader)
{
	return reader->extents.size;
}

/* The first extent that ends behind POS, or count. */
static size_t extent_at(const struct srd_extents *extents, uint64_t pos)
{
	size_t low = 0, high = extents->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct srd_ref *ref = &extents->refs[middle];
		if (ref->pos + ref->len <= pos)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Copies LEN bytes from SKIP on, or as many whole blocks as are sound before a
 * damaged one: that one alone is not served. */
static ssize_t copy_run(struct srd_log *log, uint64_t offset, uint32_t skip, uint32_t len, char *to)
{
	struct srd_run run;

	if (!srd_log_run(log, offset, &run))
		return srd_log_run_error(log, offset);
	if (srd_log_copy(log, &run, skip, len, to) == 0)
		return len;
	for (uint32_t done = 0; done < len;) {
		uint32_t block = SRD_MIN(len - done, SRD_BLOCK_LEN - (skip + done) % SRD_BLOCK_LEN);
		int error = srd_log_copy(log, &run, skip + done, block, to + done);
		if (error)
			return done ? (ssize_t)done : error;
		done += block;
	}
	return len;
}

/* The bytes at POS as far as one extent, or one hole, reaches; at most LEN. */
static ssize_t read_piece(struct srd_reader *reader, char *to, size_t len, uint64_t pos)
{
	size_t i = extent_at(&reader->extents, pos);
	const struct srd_ref *ref = i < reader->extents.count ? &reader->extents.refs[i] : NULL;
	uint64_t hole = (ref ? SRD_MAX(ref->pos, pos) : reader->extents.size) - pos;

	if (hole == 0)
		len = SRD_MIN(len, ref->pos + ref->len - pos);
	else
		len = SRD_MIN(len, hole);
	if (hole == 0 && ref->run != 0)
		return copy_run(reader->hold.log, ref->run, (uint32_t)(ref->skip + (pos - ref->pos)), (uint32_t)len, to);
	memset(to, 0, len);
	return (ssize_t)len;
}

ssize_t srd_reader_pread(struct srd_reader *reader, void *buffer, size_t len, uint64_t pos)
{
	uint64_t size = reader->extents.size;
	size_t done = 0;

	len = SRD_MIN(len, (size_t)SSIZE_MAX);
	len = pos < size ? SRD_MIN(len, size - pos) : 0;
	while (done < len) {
		ssize_t got = read_piece(reader, (char *)buffer + done, len - done, pos + done);
		if (got < 0)
			return done ? (ssize_t)done : got;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

ssize_t srd_reader_read(struct srd_reader *reader, void *buffer, size_t len)
{
	ssize_t got = srd_reader_pread(reader, buffer, len, reader->pos);

	if (got > 0)
		reader->pos += (uint64_t)got;
	return got;
}
