/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value.c - extents of a file as pointers into the log: verified (P4), joined
 * where they touch, with shared zeros where there is nothing.
 *
 * A value of one piece needs no memory: its iovec lies in the value itself.
 */
#include "config.h"

#include "kv/kv.h"

#include <stdlib.h>

#include "base/check.h"

/* More pieces than this, as of a file of 16 TiB of holes, are no value to hand
 * out: who wants that reads. */
enum { PIECES_MAX = 1 << 24 };

/* What holes point at.  Never written, so it takes no memory either: the kernel
 * has one page of zeros for all. */
static uint8_t zeros[1 << 20] __attribute__((aligned(4096)));

int srd_value_kind_error(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG: return 0;
	case S_IFDIR: return -EISDIR;
	case S_IFLNK: return -ELOOP;
	default: return -EINVAL;
	}
}

static void set(const struct srd_hold *hold, const void *data, uint64_t len, srd_value *value)
{
	value->own.one = (struct iovec){ .iov_base = (void *)data, .iov_len = len };
	value->own.many = NULL;
	value->own.pin = hold->log->pins;
	value->own.stripe = hold->stripe;
	value->own.log = hold->log;
	value->data = data;
	value->len = len;
	value->iov = &value->own.one;
	value->iov_count = 1;
}

/* As srd_value_bytes(), of any length. */
static int find_bytes(struct srd_log *log, uint64_t run, uint32_t skip, uint32_t len, const uint8_t **data)
{
	struct srd_run found;

	/* A run that is found lies wholly below the end, its payload included. */
	if (!srd_log_run(log, run, &found))
		return srd_log_run_error(log, run);
	int error = srd_log_verify(log, &found, skip, len);
	if (error)
		return error;
	*data = log->map + found.offset + found.distance + skip;
	return 0;
}

static inline int bytes(struct srd_log *log, uint64_t run, uint32_t skip, uint32_t len, const uint8_t **data)
{
	if (skip == 0 && len <= SRD_INLINE_MAX && srd_log_small(log, run, len, data))
		return 0;
	return find_bytes(log, run, skip, len, data);
}

int srd_value_bytes(struct srd_log *log, uint64_t run, uint32_t skip, uint32_t len,
                    const uint8_t **data)
{
	return bytes(log, run, skip, len, data);
}

int srd_value_resolve_run(const struct srd_hold *hold, uint64_t run, uint64_t len, srd_value *value)
{
	const uint8_t *data = zeros;
	int error = len ? bytes(hold->log, run, 0, (uint32_t)len, &data) : 0;

	if (!error)
		set(hold, data, len, value);
	return error;
}

/* Pieces of a value on their way into an iovec. */
struct pieces {
	struct iovec *iov;
	size_t count, cap;
};

static int add_piece(struct pieces *pieces, const uint8_t *data, uint64_t len)
{
	struct iovec *last = pieces->count ? &pieces->iov[pieces->count - 1] : NULL;

	if (last && (uint8_t *)last->iov_base + last->iov_len == data) {
		last->iov_len += len;
		return 0;
	}
	if (pieces->count == PIECES_MAX)
		return -EFBIG;
	if (pieces->count == pieces->cap) {
		size_t cap = SRD_MAX(pieces->cap * 2, (size_t)8);
		struct iovec *iov = realloc(pieces->iov, cap * sizeof *iov);
		if (!iov)
			return -ENOMEM;
		pieces->iov = iov;
		pieces->cap = cap;
	}
	pieces->iov[pieces->count++] = (struct iovec){ .iov_base = (void *)data, .iov_len = len };
	return 0;
}

static int add_zeros(struct pieces *pieces, uint64_t len)
{
	int error = SRD_DIV_UP(len, sizeof zeros) > PIECES_MAX - pieces->count ? -EFBIG : 0;

	while (len > 0 && !error) {
		uint64_t piece = SRD_MIN(len, sizeof zeros);
		error = add_piece(pieces, zeros, piece);
		len -= piece;
	}
	return error;
}

static int collect(struct srd_log *log, const struct srd_extents *extents, struct pieces *pieces)
{
	uint64_t pos = 0;
	int error = 0;

	for (size_t i = 0; i < extents->count && !error; i++) {
		const struct srd_ref *ref = &extents->refs[i];
		const uint8_t *data;
		error = add_zeros(pieces, ref->pos - pos);
		if (!error && ref->run == 0)
			error = add_zeros(pieces, ref->len);
		else if (!error && !(error = srd_value_bytes(log, ref->run, ref->skip, ref->len, &data)))
			error = add_piece(pieces, data, ref->len);
		pos = ref->pos + ref->len;
	}
	return error ? error : add_zeros(pieces, extents->size - pos);
}

int srd_value_resolve(const struct srd_hold *hold, const struct srd_extents *extents, srd_value *value)
{
	struct pieces pieces = { NULL, 0, 0 };
	int error = collect(hold->log, extents, &pieces);

	if (error) {
		free(pieces.iov);
		return error;
	}
	if (pieces.count <= 1) {
		set(hold, pieces.count ? pieces.iov[0].iov_base : zeros, extents->size, value);
		free(pieces.iov);
		return 0;
	}
	set(hold, NULL, extents->size, value);
	value->own.many = pieces.iov;
	value->iov = pieces.iov;
	value->iov_count = (int)pieces.count;
	return 0;
}

/* A value that is held keeps the log's mapping, and that the log. */
int srd_value_check(const srd_value *value)
{
	return value->own.log && srd_log_is_lost(value->own.log) ? SRD_ELOST : 0;
}

void srd_value_release(srd_value *value)
{
	free(value->own.many);
	if (value->own.pin)
		srd_pins_give(value->own.pin, value->own.stripe, 1);
	*value = (srd_value){ 0 };
}
