/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kv.h - what the files of src/kv share: keys taken apart, the content of a
 * file copied out of the state, and content on its way into a transaction.
 *
 * Every call of srd.h on a key goes one of two ways.
 *
 *     reading   path -> inode -> extents, under the read side of the state;
 *               a pin; then, with nothing held, runs, checks, pointers
 *     writing   path -> directory, made if need be -> ops, within one
 *               transaction that ends in commit or abort
 */
#ifndef SRD_KV_KV_H
#define SRD_KV_KV_H

#include <sys/stat.h>

#include "store/store.h"

/* ---- key.c: a key, component by component ---- */

struct srd_path {
	const char *name;         /* the present component */
	size_t name_len;
	const char *rest;         /* what follows its slash */
	size_t rest_len;          /* 0: this component is the last */
};

/* Checks KEY and stands on its first component.  0, SRD_EKEY or SRD_ERESERVED. */
int srd_path_start(struct srd_path *path, const void *key, size_t len);
/* Goes to the next component; false on the last. */
bool srd_path_step(struct srd_path *path);

/* ---- path.c ---- */

/* The dentry at the end of PATH, 0: none.  Read side held. */
uint32_t srd_path_find(const struct srd_state *state, struct srd_path *path);
/* The inode that KEY stands for, with the read side held, until srd_store_done(); on error it is not. */
int srd_key_enter(struct srd_store *store, const void *key, size_t len, unsigned *stripe, uint32_t *inode);
/* Stands on the last component and sets *DIR to the directory it lies in.
 * -ENOENT if there is none. */
int srd_path_parent(struct srd_txn *txn, struct srd_path *path, uint64_t *dir);
/* The same, making the directories that are missing.  -ENOTDIR: one of them is
 * something else. */
int srd_path_enter(struct srd_store *store, struct srd_txn *txn, struct srd_path *path, uint64_t *dir);
/* What stands at the end of PATH.  -ENOENT. */
int srd_path_node(struct srd_txn *txn, struct srd_path *path, struct srd_node *node);
/* What WITHIN does with two keys, as a transaction. */
int srd_path_pair(struct srd_store *store, const void *from, size_t from_len, const void *to, size_t to_len,
                  int (*within)(struct srd_store *store, struct srd_txn *txn, struct srd_path *from, struct srd_path *to));

/* ---- extents.c: where the bytes of a file lie ---- */

enum { SRD_EXTENTS_FEW = 4 };

struct srd_extents {
	uint64_t size;            /* of the file; what no ref covers reads as zeros */
	size_t count, cap;
	struct srd_ref *refs;     /* in order of pos; FEW or memory of our own */
	struct srd_ref few[SRD_EXTENTS_FEW];
	struct srd_hold home;     /* of the log that they lie in, if appended for a commit to come */
};

void srd_extents_init(struct srd_extents *extents);
void srd_extents_release(struct srd_extents *extents);
/* Adds REF, which lies behind those there.  0 or -ENOMEM. */
int srd_extents_add(struct srd_extents *extents, const struct srd_ref *ref);
/* The extents of INODE, which has content.  Read side held, or a transaction. */
int srd_extents_copy(const struct srd_state *state, const struct srd_inode *inode,
                     struct srd_extents *extents);
/* Puts LEN bytes of DATA into the log, ahead of their commit, and adds them at POS. */
int srd_extents_append(struct srd_extents *extents, struct srd_store *store, uint64_t pos,
                       const void *data, size_t len);
/* Begins the transaction that is to name what was appended. */
int srd_extents_begin(struct srd_extents *extents, struct srd_store *store, struct srd_txn **txn);

/* ---- value.c: extents to pointers ---- */

/* 0 if a file, else why its value cannot be had: -EISDIR, -ELOOP, -EINVAL. */
int srd_value_kind_error(uint32_t mode);
/* *DATA: LEN verified bytes of the run at RUN, from SKIP on.  0 or SRD_ECORRUPT. */
int srd_value_bytes(struct srd_log *log, uint64_t run, uint32_t skip, uint32_t len,
                    const uint8_t **data);
/* Verify what EXTENTS name, or LEN bytes from the start of the run at RUN, and
 * point VALUE at it.  What HOLD holds is VALUE's on success. */
int srd_value_resolve(const struct srd_hold *hold, const struct srd_extents *extents, srd_value *value);
int srd_value_resolve_run(const struct srd_hold *hold, uint64_t run, uint64_t len, srd_value *value);
/* True if INODE, which may have content, has none but the start of one run. */
static inline bool srd_inode_is_one_run(const struct srd_inode *inode)
{
	return inode->size == 0 || (inode->content == SRD_CONTENT_RUN && inode->run_len == inode->size);
}

/* ---- stat.c ---- */

void srd_stat_fill(const struct srd_store *store, const struct srd_inode *inode, struct srd_stat *st);
enum srd_kind srd_kind_of(uint32_t mode);
/* Attributes as the store wants them, MODE being what is there now. */
struct srd_attr srd_attr_from(const struct srd_stat *st, unsigned mask, uint32_t mode);

/* ---- xattr.c ---- */

/* 0 if NAME and a value of LEN bytes may be an extended attribute: else -EOPNOTSUPP,
 * -ERANGE, -E2BIG. */
int srd_xattr_check(const char *name, size_t len);

/* ---- body.c: content on its way into a file ---- */

enum { SRD_BODY_DIRECT_MAX = 1 << 20 };   /* longer content goes into the log first */

struct srd_body {
	const void *data;         /* LEN bytes, or NULL: extents */
	size_t len;
	const struct srd_extents *extents;
};

/* Where a body came to. */
struct srd_placed {
	uint64_t ino;
	bool replaced;            /* the file was there */
};

/* Makes BODY the content of file NAME in DIR, which is made if it is not there.
 * -EISDIR, -ELOOP, -EINVAL: NAME is no file. */
int srd_body_place(struct srd_store *store, struct srd_txn *txn, uint64_t dir, const char *name,
                   size_t name_len, const struct srd_body *body, struct srd_placed *placed);
/* Gives INO, a file, the content that EXTENTS name; REPLACE: in place of its own. */
int srd_body_refer(struct srd_txn *txn, uint64_t ino, const struct srd_extents *extents, bool replace);

/* Ends TXN by commit, or by abort if ERROR, which is then returned. */
static inline int srd_txn_end(struct srd_txn *txn, int error)
{
	if (error) {
		srd_txn_abort(txn);
		return error;
	}
	return srd_txn_commit(txn, NULL);
}

/* ---- scan.c ---- */

typedef int srd_scan_call(void *user, const struct srd_event *event);
/* As srd_scan() of LOG, which is held, and ERA's, from FROM, where a record begins, to END, which is no later than
 * the log's. */
int srd_scan_part(const struct srd_era *era, struct srd_log *log, uint64_t from, uint64_t end, int flags,
                  srd_scan_call *call, void *user);

#endif
