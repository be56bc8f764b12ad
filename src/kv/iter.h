/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iter.h - an iterator's inside: entries found under the read side, some
 * hundred at a time, and handed out one by one with nothing held.
 *
 *     scan (iter.c)   the table of dentries, for all keys
 *     walk (walk.c)   down from a directory, for those under a prefix
 *           \          /
 *            srd_iter_take()  --->  chunk  --->  srd_iter_next()
 */
#ifndef SRD_KV_ITER_H
#define SRD_KV_ITER_H

#include "kv/kv.h"

enum {
	SRD_CHUNK_LEN = 256,           /* entries; also cookies, by which parts are dealt */
	SRD_CHUNK_TEXT = 64 << 10,     /* bytes of keys at which a chunk is full */
};

/* A key found.  Its text lies in iter->text. */
struct srd_found {
	uint64_t ino;
	uint64_t run, size;        /* one_run: all there is to know of the value */
	uint32_t text, text_len;
	enum srd_kind kind;
	bool one_run;
};

/* A directory being walked. */
struct srd_level {
	uint64_t ino;
	uint64_t cookie;           /* of the child seen last */
	uint32_t hint;             /* its dentry */
};

struct srd_iter {
	struct srd_store *store;   /* that was read last */
	struct srd_era *era;       /* of the scan's indexes; NULL: a walk, which needs none */
	int flags;                 /* enum srd_iter_flags */
	unsigned part, parts;
	uint64_t dealt;            /* the cookies looked at last, as a chunk's number, */
	bool mine;                 /* and whether they are this part's */
	struct srd_hold hold;      /* of the log that the chunk refers to */
	struct srd_hold again;     /* of that of the value handed out last, if it was looked up again */
	bool walking, ended;
	unsigned losses;           /* of the state when it began */

	struct srd_found found[SRD_CHUNK_LEN];
	unsigned count, next;      /* of found */
	char *text;                /* SRD_CHUNK_TEXT and room for one more key */
	uint32_t text_len;
	struct iovec *many;        /* of the value handed out last */

	/* scan */
	uint32_t dentry, dentry_end;
	/* walk */
	struct srd_level *levels;
	size_t depth, depth_cap;
	uint64_t cookie_end;       /* children from here on came later */
	char prefix[SRD_NAME_MAX]; /* what names in the first directory begin with */
	size_t prefix_len;

	/* The directory of the entry before: under one hold of the read side its
	 * path is the same. */
	uint32_t parent;           /* 0: none */
	uint32_t parent_text, parent_len;
};

/* Adds DENTRY to the chunk if it is of a kind and part that is asked for.  Read
 * side held; the chunk has room. */
void srd_iter_take(struct srd_iter *iter, uint32_t dentry);
static inline bool srd_iter_has_room(const struct srd_iter *iter)
{
	return iter->count < SRD_CHUNK_LEN && iter->text_len < SRD_CHUNK_TEXT;
}

/* Stands before the first child of the directory that PREFIX names.  Read side held. */
int srd_walk_start(struct srd_iter *iter, const char *prefix, size_t prefix_len);
/* Goes on until the chunk is full or the walk is over: iter->ended.  Read side held.
 * 0 or -ENOMEM. */
int srd_walk_fill(struct srd_iter *iter);

#endif
