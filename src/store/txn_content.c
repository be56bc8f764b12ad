/* SPDX-License-Identifier: Apache-2.0 */
/*
 * txn_content.c - changes of one inode a transaction can make: content,
 * attributes, xattrs.
 */
#include "config.h"

#include "store/txn.h"

#include <string.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/check.h"
#include "store/private.h"

int srd_txn_add_inode_op(struct srd_txn *txn, uint32_t position, struct srd_op *op, const void *data)
{
	uint64_t offset;

	op->ino = srd_txn_at(txn, position)->ino;
	op->prev = srd_txn_at(txn, position)->last_op;
	int error = srd_txn_add_op(txn, op, data, &offset);
	if (!error)
		srd_txn_at(txn, position)->last_op = offset;
	return error;
}

/* A regular file, or why not. */
static int touch_file(struct srd_txn *txn, uint64_t ino, uint32_t *position)
{
	int error = srd_pending_touch(txn, ino, position);

	if (error || S_ISREG(srd_txn_at(txn, *position)->mode))
		return error;
	return srd_pending_is_dir(srd_txn_at(txn, *position)) ? -EISDIR : -EINVAL;
}

int srd_txn_set_attr(struct srd_txn *txn, uint64_t ino, const struct srd_attr *attr)
{
	uint32_t position;
	int error = attr->mask & SRD_ATTR_SIZE ? touch_file(txn, ino, &position)
	                                       : srd_pending_touch(txn, ino, &position);

	if (!error && (attr->mask & SRD_ATTR_SIZE) && attr->size > SRD_FILE_LEN_MAX)
		error = -EFBIG;
	if (error || attr->mask == 0)
		return error;
	struct srd_op op = { .kind = SRD_OP_SETATTR, .mask = attr->mask, .mode = attr->mode, .uid = attr->uid,
	                     .gid = attr->gid, .size = attr->size, .atime_ns = attr->atime_ns,
	                     .mtime_ns = attr->mtime_ns, .ctime_ns = attr->ctime_ns };
	error = srd_txn_add_inode_op(txn, position, &op, NULL);
	if (!error && (attr->mask & SRD_ATTR_MODE))
		srd_txn_at(txn, position)->mode = (srd_txn_at(txn, position)->mode & S_IFMT) | (attr->mode & 07777);
	return error;
}

/* LEN bytes go to the log, and the op refers to them.  SRD_EMOVED: they are to go into the op. */
static int write_ahead(struct srd_txn *txn, uint64_t ino, uint64_t pos, const void *data, size_t len, bool replace)
{
	int error = 0;

	for (size_t done = 0; !error && done < len;) {
		struct iovec iov = { .iov_base = (char *)data + done,
		                     .iov_len = SRD_MIN(len - done, (size_t)SRD_RUN_LEN_MAX) };
		struct srd_ref ref = { .pos = pos + done, .len = (uint32_t)iov.iov_len };
		error = srd_private_append_ahead(txn->store, &iov, 1, &ref.run);
		if (!error)
			error = srd_txn_refs(txn, ino, &ref, 1, replace);
		done += iov.iov_len;
		replace = false;
	}
	return error;
}

int srd_txn_write(struct srd_txn *txn, uint64_t ino, uint64_t pos, const void *data, size_t len, bool replace)
{
	uint32_t position;
	int error = touch_file(txn, ino, &position);

	if (!error && !srd_within(pos, len, SRD_FILE_LEN_MAX))
		error = -EFBIG;
	if (!error && srd_private_goes_ahead(txn->store, len)) {
		error = write_ahead(txn, ino, pos, data, len, replace);
		if (error != SRD_EMOVED)
			return error;
		error = 0;
	}
	for (size_t done = 0; !error && (done < len || replace);) {
		size_t piece = SRD_MIN(len - done, (size_t)SRD_RUN_LEN_MAX);
		struct srd_op op = { .kind = SRD_OP_WRITE, .flags = replace ? SRD_OP_REPLACE : 0, .pos = pos + done,
		                     .run.len = (uint32_t)piece };
		error = srd_txn_add_inode_op(txn, position, &op, (const char *)data + done);
		done += piece;
		replace = false;
	}
	return error;
}

static int encode_refs(struct srd_txn *txn, const struct srd_ref *refs, size_t count)
{
	int error = srd_array_reserve(&txn->refs, &txn->refs_cap, count, SRD_REF_LEN);

	if (error)
		return error;
	for (size_t i = 0; i < count; i++)
		srd_ref_encode(&refs[i], txn->refs + i * SRD_REF_LEN);
	return 0;
}

static int add_refs(struct srd_txn *txn, uint64_t ino, const struct srd_ref *refs, size_t count, uint8_t flags)
{
	uint32_t position;
	int error = touch_file(txn, ino, &position);

	for (size_t i = 0; !error && i < count; i++)
		if (!srd_within(refs[i].pos, refs[i].len, SRD_FILE_LEN_MAX))
			error = -EFBIG;
	if (!error)
		error = encode_refs(txn, refs, count);
	if (error || (count == 0 && !(flags & SRD_OP_REPLACE)))
		return error;
	struct srd_op op = { .kind = SRD_OP_REFS, .flags = flags, .ref_count = count, .refs = txn->refs };
	return srd_txn_add_inode_op(txn, position, &op, NULL);
}

int srd_txn_refs(struct srd_txn *txn, uint64_t ino, const struct srd_ref *refs, size_t count, bool replace)
{
	return add_refs(txn, ino, refs, count, replace ? SRD_OP_REPLACE : 0);
}

int srd_txn_reserve(struct srd_txn *txn, uint64_t ino, const struct srd_ref *refs, size_t count)
{
	return add_refs(txn, ino, refs, count, SRD_OP_KEEP_SIZE);
}

int srd_txn_hole(struct srd_txn *txn, uint64_t ino, uint64_t pos, uint64_t len)
{
	uint32_t position;
	int error = touch_file(txn, ino, &position);

	if (!error && !srd_within(pos, len, SRD_FILE_LEN_MAX))
		error = -EFBIG;
	if (error || len == 0)
		return error;
	struct srd_op op = { .kind = SRD_OP_HOLE, .pos = pos, .range_len = len };
	return srd_txn_add_inode_op(txn, position, &op, NULL);
}

int srd_txn_xattr(struct srd_txn *txn, uint64_t ino, const char *name, size_t name_len,
                  const void *value, size_t len)
{
	uint32_t position;
	int error = srd_pending_touch(txn, ino, &position);

	if (!error && (name_len == 0 || name_len > SRD_NAME_MAX || memchr(name, 0, name_len)))
		error = -ERANGE;
	if (!error && len > SRD_RUN_LEN_MAX)
		error = -E2BIG;
	if (!error) {
		uint32_t inode = srd_txn_at(txn, position)->inode;
		const struct srd_state *state = &txn->store->state;
		if (!value && (!inode || !srd_state_xattr(state, srd_inode_at(state, inode), name, name_len)))
			error = -ENODATA;
		if (value && inode && !srd_state_xattr_fits(state, srd_inode_at(state, inode), name, name_len))
			error = -ENOSPC;
	}
	if (error)
		return error;
	struct srd_op op = { .kind = SRD_OP_XATTR, .flags = value ? 0 : SRD_OP_REMOVE, .name = name,
	                     .name_len = (uint8_t)name_len, .run.len = (uint32_t)len };
	return srd_txn_add_inode_op(txn, position, &op, value);
}

int srd_txn_free(struct srd_txn *txn, uint64_t ino)
{
	uint32_t position;
	int error = srd_pending_touch(txn, ino, &position);

	if (!error && srd_txn_at(txn, position)->nlink > 0)
		error = -EINVAL;
	/* Here for its pins alone: another who had it in use has freed it. */
	if (!error && srd_txn_at(txn, position)->gone)
		error = -ENOENT;
	if (error)
		return error;
	struct srd_op op = { .kind = SRD_OP_FREE };
	return srd_txn_add_inode_op(txn, position, &op, NULL);
}
