/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op.h - one change of the name space or of a file (FORMAT, sections 3, 4).
 *
 * A struct srd_op is both what is to be encoded and what was decoded.  Decoding
 * is bounded and checks structure only; whether an op fits the state is the
 * business of apply.
 */
#ifndef SRD_FORMAT_OP_H
#define SRD_FORMAT_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum srd_op_kind {
	SRD_OP_MAKE = 1,
	SRD_OP_LINK,
	SRD_OP_UNLINK,
	SRD_OP_RENAME,
	SRD_OP_SETATTR,
	SRD_OP_WRITE,
	SRD_OP_REFS,
	SRD_OP_HOLE,
	SRD_OP_XATTR,
	SRD_OP_FREE,
	SRD_OP_RUN,
	SRD_OP_REPAIR,
	SRD_OP_SNAPSHOT,
	SRD_OP_TRIM,
	SRD_OP_NEXT,
};

enum {
	SRD_OP_CONTENT = 1,     /* MAKE: has a run */
	SRD_OP_EXCHANGE = 1,    /* RENAME */
	SRD_OP_REPLACE = 1,     /* WRITE, REFS: size becomes 0 first */
	SRD_OP_KEEP_SIZE = 2,   /* REFS to reserved space only: size stays */
	SRD_OP_REMOVE = 1,      /* XATTR, SNAPSHOT: the name is given up */
	SRD_OP_RENAMED = 2,     /* SNAPSHOT: has two names */
	SRD_OP_RESTATED = 1,    /* SETATTR: btime and sequence too */
};

enum srd_attr_bits {
	SRD_ATTR_MODE = 1, SRD_ATTR_UID = 2, SRD_ATTR_GID = 4, SRD_ATTR_SIZE = 8,
	SRD_ATTR_ATIME = 16, SRD_ATTR_MTIME = 32, SRD_ATTR_CTIME = 64, SRD_ATTR_ALL = 127,
};

enum {
	SRD_BLOCK_LEN = 4096,          /* payload bytes under one check */
	SRD_RUN_LEN_MAX = 16 << 20,
	SRD_INLINE_MAX = 63,           /* longer payload lies behind the metadata */
	SRD_RUN_FIXED_LEN = 8,
	SRD_REF_LEN = 24,
	SRD_RANGE_LEN = 16,
	SRD_ROOT_INO = 1,
	SRD_RUN_PRUNED = 1,            /* in place of a run: bytes that were given up */
};
#define SRD_INO_MAX ((UINT64_C(1) << 63) - 1)
#define SRD_COOKIE_END (UINT64_C(1) << 62)
#define SRD_FILE_LEN_MAX ((UINT64_C(1) << 63) - 1)

/* Payload and the checks of its blocks. */
struct srd_run {
	uint64_t offset;          /* of the run itself, in the log */
	uint32_t len;             /* bytes of payload */
	uint32_t distance;        /* from the run to the payload */
	const uint8_t *checks;    /* SRD_DIV_UP(len, SRD_BLOCK_LEN) times 8 bytes */
};

/* A piece of a run: bytes that are in the log already. */
struct srd_ref {
	uint64_t pos;             /* in the file */
	uint64_t run;             /* offset of the run; 0: reserved, reads as zeros; SRD_RUN_PRUNED */
	uint32_t skip;            /* into the run's payload */
	uint32_t len;             /* bytes */
};

/* Bytes of the log. */
struct srd_range {
	uint64_t offset, len;
};

struct srd_op {
	enum srd_op_kind kind;
	uint8_t flags;
	uint8_t name_len, new_name_len;
	bool has_run;
	const char *name;         /* not NUL-terminated */
	const char *new_name;
	uint64_t ino, prev;
	uint64_t parent, parent_prev;
	uint64_t new_parent, new_parent_prev;
	uint64_t victim, victim_prev;
	uint32_t mode, uid, gid, rdev, mask;
	uint64_t size;            /* SETATTR */
	uint64_t pos, range_len;  /* WRITE: pos; HOLE: both */
	int64_t atime_ns, mtime_ns, ctime_ns;
	int64_t btime_ns;         /* SETATTR that restates; as is */
	uint64_t sequence;        /* ... of the last commit that changed the inode */
	uint64_t cookie, next_ino;   /* NEXT */
	uint64_t ref_count;
	const uint8_t *refs;      /* encoded; see srd_op_ref() */
	uint64_t range_count;
	const uint8_t *ranges;    /* REPAIR: encoded; see srd_op_range() */
	struct srd_run run;
	/* Set by decode: */
	uint64_t offset;          /* of the op, in the log */
	uint64_t name_offset;     /* of the name (RENAME, SNAPSHOT: of the new one, if there is) */
	uint32_t len;             /* bytes, everything included */
	uint32_t covered;         /* bytes under the metadata check */
};

/* Bytes OP will take, its inline payload included.  OP->run.len is the
 * payload's length where there is a run. */
size_t srd_op_encoded_len(const struct srd_op *op);
/* Writes OP at BYTES, which has room for srd_op_encoded_len().  The run's
 * payload is DATA: it is checked, and copied if inline; *RUN_AT is then where
 * in BYTES the run lies, so that its distance can be set later. */
void srd_op_encode(const struct srd_op *op, const void *data, uint8_t *bytes, size_t *run_at);
/* True if a sound op begins at BYTES, of which AVAILABLE are metadata.  OFFSET
 * is its place in the log, RECORD_END the end of its record.  OP's pointers
 * point into BYTES. */
bool srd_op_decode(struct srd_op *op, const uint8_t *bytes, size_t available,
                   uint64_t offset, uint64_t record_end);
/* True if a sound run begins at BYTES, of which AVAILABLE may be looked at. */
bool srd_run_decode(struct srd_run *run, const uint8_t *bytes, size_t available, uint64_t offset);

/* False where a reference leads to no bytes: reserved space, or given up. */
static inline bool srd_ref_has_run(const struct srd_ref *ref)
{
	return ref->run > SRD_RUN_PRUNED;
}

static inline bool srd_run_is_inline(uint32_t len)
{
	return len <= SRD_INLINE_MAX;
}

/* Bytes a run takes without its payload. */
static inline uint64_t srd_run_bytes(uint64_t len)
{
	return SRD_RUN_FIXED_LEN + 8 * ((len + SRD_BLOCK_LEN - 1) / SRD_BLOCK_LEN);
}

/* Alignment of payload of LEN bytes in the log. */
static inline uint64_t srd_payload_align(uint64_t len)
{
	return len >= 64 << 10 ? 4096 : len > SRD_INLINE_MAX ? 64 : 8;
}

/* The I'th reference of a REFS op (encoded). */
struct srd_ref srd_op_ref(const uint8_t *refs, uint64_t i);
void srd_ref_encode(const struct srd_ref *ref, uint8_t bytes[SRD_REF_LEN]);
/* The I'th range of a REPAIR op (encoded). */
struct srd_range srd_op_range(const uint8_t *ranges, uint64_t i);
void srd_range_encode(const struct srd_range *range, uint8_t bytes[SRD_RANGE_LEN]);
/* True if a decoded OP says nothing that no op may say, whatever the state. */
bool srd_op_is_sound(const struct srd_op *op);
/* False for names no directory may hold: empty, ".", "..", with NUL or slash. */
bool srd_name_is_sound(const char *name, size_t len);
/* True if one of its bytes is a NUL or a slash. */
bool srd_name_is_special(const char *name, size_t len);
const char *srd_op_kind_name(enum srd_op_kind kind);
/* Bytes under the metadata check of a sound op. */
uint32_t srd_op_covered(const uint8_t *bytes);
/* H folded with OP's covered bytes: the metadata check (FORMAT, section 4). */
uint64_t srd_op_fold(const struct srd_op *op, const uint8_t *bytes, uint64_t h);

#endif
