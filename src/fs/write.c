/* SPDX-License-Identifier: Apache-2.0 */
/*
 * write.c - what is written to an open inode, until it is committed.
 *
 *     little    in memory, up to a limit, then spilled: appended to the log, which counts for
 *               nothing before a commit names it
 *     much      to the log at once
 */
#include "config.h"

#include "fs/fs.h"

#include "base/check.h"
#include "base/clock.h"

enum {
	DIRECT_LEN = 128 << 10,    /* a write of this much goes to the log at once */
	MEMORY_MAX = 1 << 20,      /* uncommitted bytes in memory, for one inode ... */
	MEMORY_MANY = 64 << 10,    /* ... when there are more than MANY such inodes */
	MANY = 64,
	PIECES_MAX = 1024,         /* pieces after which a commit is worth it */
	SPILL_PIECES = 64,         /* runs in one DATA record */
};

/* Moves up to SPILL_PIECES memory pieces to the log. */
static int spill_some(struct srd_fs *fs, struct srd_open_inode *inode)
{
	struct srd_dirty *dirty = &inode->dirty;
	struct iovec iov[SPILL_PIECES] = { { 0 } };
	size_t index[SPILL_PIECES];
	uint64_t runs[SPILL_PIECES];
	int count = 0;

	for (size_t i = 0; i < dirty->count && count < SPILL_PIECES; i++) {
		struct srd_piece *piece = &dirty->pieces[i];
		if (!piece->memory)
			continue;
		iov[count] = (struct iovec){ .iov_base = (void *)srd_piece_bytes(piece), .iov_len = piece->len };
		index[count++] = i;
	}
	int error = srd_open_append_data(fs, inode, iov, count, runs);
	for (int i = 0; i < count && !error; i++)
		srd_dirty_spilled(dirty, index[i], runs[i]);
	return error;
}

int srd_open_spill(struct srd_fs *fs, struct srd_open_inode *inode)
{
	int error = 0;

	while (!error && inode->dirty.memory_bytes > 0)
		error = spill_some(fs, inode);
	return error;
}

static int write_direct(struct srd_fs *fs, struct srd_open_inode *inode, uint64_t pos,
                        const void *data, uint32_t len)
{
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	uint64_t run;
	int error = srd_open_append_data(fs, inode, &iov, 1, &run);

	return error ? error : srd_dirty_write_run(&inode->dirty, pos, run, len);
}

static int write_memory(struct srd_fs *fs, struct srd_open_inode *inode, uint64_t pos,
                        const void *data, uint32_t len)
{
	uint64_t max = atomic_load_explicit(&fs->opens.changed_count, memory_order_relaxed) > MANY
	               ? MEMORY_MANY : MEMORY_MAX;
	int error = inode->dirty.memory_bytes + len > max ? srd_open_spill(fs, inode) : 0;

	return error ? error : srd_dirty_write(&inode->dirty, pos, data, len);
}

/* Content changed: the time of it is that of now. */
static void note_write(struct srd_fs *fs, struct srd_open_inode *inode)
{
	inode->mtime_ns = srd_wall_ns();
	inode->written = true;
	inode->mtime_shown = false;
	srd_open_set_changed(fs, inode, true);
}

static int put(struct srd_fs *fs, struct srd_open_inode *inode, uint64_t pos, const void *data, uint32_t len)
{
	if (!srd_within(pos, len, SRD_FILE_LEN_MAX))
		return -EFBIG;
	if (len == 0)
		return 0;
	int error = srd_limit_growth(fs, len);
	if (error)
		return error;
	error = (len >= DIRECT_LEN ? write_direct : write_memory)(fs, inode, pos, data, len);
	srd_open_count_pending(fs, inode);
	if (error)
		return error;
	inode->size = SRD_MAX(inode->size, pos + len);
	note_write(fs, inode);
	/* Bounds what is pending; whether it succeeds, flush will tell. */
	if (inode->dirty.count > PIECES_MAX)
		srd_open_commit(fs, inode, NULL, NULL);
	return 0;
}

/* Bytes that are to lie at POS whatever comes before must not move with a tail. */
int srd_open_write(struct srd_fs *fs, struct srd_open_inode *inode, uint64_t pos, const void *data, uint32_t len)
{
	if (len > 0 && inode->tail != SRD_OPEN_NO_TAIL && pos + len > inode->tail) {
		int error = srd_open_commit(fs, inode, NULL, NULL);
		if (error)
			return error;
		inode->tail = SRD_OPEN_NO_TAIL;   /* of one without names, nothing was committed */
	}
	return put(fs, inode, pos, data, len);
}

int srd_open_append(struct srd_fs *fs, struct srd_open_inode *inode, const void *data, uint32_t len, uint64_t *pos)
{
	struct srd_inode *committed;
	unsigned stripe;
	int error = srd_fs_read_inode(fs, inode->ino, &stripe, &committed);

	if (error)
		return error;
	uint64_t end = srd_open_size(inode, committed->size);
	srd_store_done(fs->store, stripe);
	if (inode->tail == SRD_OPEN_NO_TAIL) {
		inode->tail_size = inode->size;
		inode->tail = end;
	} else {
		/* Behind what was appended before, whatever happened below it. */
		end = SRD_MAX(inode->tail, inode->size);
	}
	error = put(fs, inode, end, data, len);
	if (!error)
		*pos = end;
	return error;
}

void srd_open_empty(struct srd_fs *fs, struct srd_open_inode *inode)
{
	srd_open_drop_dirty(fs, inode);
	inode->tail = SRD_OPEN_NO_TAIL;
	inode->base = inode->size = 0;
	note_write(fs, inode);
}

void srd_open_access(struct srd_fs *fs, struct srd_open_inode *inode, int64_t now_ns)
{
	inode->accessed = true;
	inode->atime_ns = now_ns;
	srd_open_set_changed(fs, inode, true);
}
