/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer.c - a value of unknown size, written as it comes.
 *
 * Bytes collect in a buffer; each full one goes into the log as data that
 * counts for nothing until commit names it all at once.  A stream that fits
 * into the buffer is a plain put.
 */
#include "config.h"

#include "kv/kv.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

enum { BUFFER_LEN = SRD_BODY_DIRECT_MAX };

struct xattr {
	struct xattr *next;
	char name[SRD_NAME_MAX + 1];
	size_t len;
	uint8_t value[];
};

struct srd_writer {
	struct srd_store *store;
	struct srd_extents extents;   /* of what is in the log */
	uint64_t pos;                 /* of the next byte */
	uint8_t *buffer;              /* the FILL bytes before pos */
	size_t fill;
	int error;                    /* of the write that failed: nothing goes on after it */
	unsigned mask;                /* enum srd_attr_mask */
	struct srd_stat attr;
	struct xattr *xattrs;
	size_t key_len;
	char key[];
};

int srd_writer_new(struct srd_store *store, const void *key, size_t key_len, struct srd_writer **writer)
{
	struct srd_path path;
	int error = srd_path_start(&path, key, key_len);

	if (error)
		return error;
	if (store->flags & SRD_RDONLY)
		return -EROFS;
	struct srd_writer *made = calloc(1, sizeof *made + key_len);
	if (!made)
		return -ENOMEM;
	made->store = store;
	srd_extents_init(&made->extents);
	made->key_len = key_len;
	memcpy(made->key, key, key_len);
	*writer = made;
	return 0;
}

void srd_writer_abort(struct srd_writer *writer)
{
	if (!writer)
		return;
	for (struct xattr *xattr; (xattr = writer->xattrs);) {
		writer->xattrs = xattr->next;
		free(xattr);
	}
	srd_extents_release(&writer->extents);
	free(writer->buffer);
	free(writer);
}

/* Brings what is in the buffer into the log. */
static int flush(struct srd_writer *writer)
{
	int error = srd_extents_append(&writer->extents, writer->store, writer->pos - writer->fill,
	                               writer->buffer, writer->fill);

	if (!error)
		writer->fill = 0;
	return error;
}

/* Takes up to a buffer's worth of LEN bytes; *TAKEN says how much. */
static int take(struct srd_writer *writer, const void *data, size_t len, size_t *taken)
{
	size_t piece = SRD_MIN(len, BUFFER_LEN - writer->fill);
	int error = 0;

	if (piece == BUFFER_LEN) {
		error = srd_extents_append(&writer->extents, writer->store, writer->pos, data, piece);
		if (error)
			return error;
	} else {
		if (!writer->buffer && !(writer->buffer = malloc(BUFFER_LEN)))
			return -ENOMEM;
		memcpy(writer->buffer + writer->fill, data, piece);
		writer->fill += piece;
	}
	writer->pos += piece;
	*taken = piece;
	return writer->fill == BUFFER_LEN ? flush(writer) : 0;
}

int srd_writer_write(struct srd_writer *writer, const void *data, size_t len)
{
	if (!writer->error && len > SRD_FILE_LEN_MAX - writer->pos)
		writer->error = -EFBIG;
	for (size_t done = 0, taken = 0; done < len && !writer->error; done += taken)
		writer->error = take(writer, (const char *)data + done, len - done, &taken);
	return writer->error;
}

int srd_writer_skip(struct srd_writer *writer, uint64_t len)
{
	if (!writer->error && len > SRD_FILE_LEN_MAX - writer->pos)
		writer->error = -EFBIG;
	if (!writer->error && writer->fill > 0)
		writer->error = flush(writer);
	if (!writer->error)
		writer->pos += len;
	return writer->error;
}

int srd_writer_set_attr(struct srd_writer *writer, const struct srd_stat *st, unsigned mask)
{
	writer->attr = *st;
	writer->mask = mask;
	return 0;
}

int srd_writer_set_xattr(struct srd_writer *writer, const char *name, const void *data, size_t len)
{
	int error = srd_xattr_check(name, len);

	if (error)
		return error;
	struct xattr *xattr = malloc(sizeof *xattr + len);
	if (!xattr)
		return -ENOMEM;
	xattr->next = writer->xattrs;
	strcpy(xattr->name, name);
	xattr->len = len;
	memcpy(xattr->value, data, len);
	writer->xattrs = xattr;
	return 0;
}

/* Within TXN: the file, its content and its attributes. */
static int place(struct srd_writer *writer, struct srd_txn *txn, const struct srd_body *body)
{
	struct srd_attr attr = srd_attr_from(&writer->attr, writer->mask, S_IFREG);
	struct srd_placed placed;
	struct srd_path path;
	uint64_t dir;
	int error = srd_path_start(&path, writer->key, writer->key_len);

	if (!error)
		error = srd_path_enter(writer->store, txn, &path, &dir);
	if (!error)
		error = srd_body_place(writer->store, txn, dir, path.name, path.name_len, body, &placed);
	if (!error && attr.mask)
		error = srd_txn_set_attr(txn, placed.ino, &attr);
	for (const struct xattr *xattr = writer->xattrs; xattr && !error; xattr = xattr->next)
		error = srd_txn_xattr(txn, placed.ino, xattr->name, strlen(xattr->name), xattr->value, xattr->len);
	return error;
}

static int commit(struct srd_writer *writer)
{
	struct srd_body body = { .data = writer->buffer, .len = writer->fill };
	struct srd_txn *txn;
	int error = writer->error;

	if (!error && writer->pos > writer->fill) {   /* there is more than the buffer */
		error = flush(writer);
		writer->extents.size = writer->pos;
		body = (struct srd_body){ .extents = &writer->extents };
	}
	if (!error)
		error = srd_extents_begin(&writer->extents, writer->store, &txn);
	if (error)
		return error;
	return srd_txn_end(txn, place(writer, txn, &body));
}

int srd_writer_commit(struct srd_writer *writer)
{
	int error = commit(writer);

	srd_writer_abort(writer);
	return error;
}
