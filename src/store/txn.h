/* SPDX-License-Identifier: Apache-2.0 */
/*
 * txn.h - one commit being put together.
 *
 * Its ops are checked against what the state will be when the ones before them
 * have been applied: the state, overlaid by what is pending here.  Only touched
 * inodes and names are pending, so a transaction costs what it changes.
 * Emptying is O(1): slots carry the number of the transaction they belong to.
 */
#ifndef SRD_STORE_TXN_H
#define SRD_STORE_TXN_H

#include <sys/stat.h>

#include "store/store.h"

/* An inode as it will be. */
struct srd_pending_inode {
	uint64_t ino;
	uint64_t parent;         /* of a directory made or moved here; 0: as in the state */
	uint64_t entries;        /* of a directory */
	uint64_t last_op;
	uint32_t inode;          /* index in the state; 0: made here */
	uint32_t mode;
	uint32_t nlink;
	bool gone;               /* has lost its last name, so gets none again */
};

/* A name as it will be. */
struct srd_pending_name {
	uint64_t dir;
	uint64_t ino;            /* 0: no such name any more */
	uint32_t hash;
	uint32_t text;           /* where in txn->text */
	uint32_t len;
};

/* Finds array positions by hash: (transaction << 32 | position + 1). */
struct srd_pending_slots {
	uint64_t *slots;
	uint32_t cap, count;
};

/* Memory that lasts as long as the transaction. */
struct srd_txn_memory {
	struct srd_txn_memory *next;
	_Alignas(16) uint8_t bytes[];
};

struct srd_txn {
	struct srd_store *store;
	struct srd_draft draft;
	uint64_t offset;         /* of the record to be */
	uint64_t first_ino;      /* the first one made here has, and those after it the next ones */
	uint64_t next_ino;
	uint32_t number;         /* of this transaction, never 0 */
	bool grows;              /* its ops may take memory of the state */
	uint64_t room_len;       /* metadata below that length fits into the tables; 0: it is not known */
	struct srd_pending_slots inode_slots, name_slots;
	struct srd_pending_inode *inodes;
	uint32_t *made;          /* positions of those made here: they need no slots */
	struct srd_pending_name *names;
	char *text;
	size_t inode_count, inode_cap, made_count, made_cap, name_count, name_cap, text_len, text_cap;
	uint8_t *refs;           /* scratch for encoding */
	size_t refs_cap;         /* references */
	struct srd_txn_memory *memory;
};

static inline struct srd_pending_inode *srd_txn_at(struct srd_txn *txn, uint32_t position)
{
	return &txn->inodes[position];
}

static inline bool srd_pending_is_dir(const struct srd_pending_inode *inode)
{
	return S_ISDIR(inode->mode);
}

/* ---- txn.c, txn_content.c ---- */
/* Encodes OP; *OFFSET is where it will lie in the log. */
int srd_txn_add_op(struct srd_txn *txn, const struct srd_op *op, const void *data, uint64_t *offset);
/* The same, for the inode at POSITION, whose chain it continues; not checked. */
int srd_txn_add_inode_op(struct srd_txn *txn, uint32_t position, struct srd_op *op, const void *data);
/* The number that NAME in DIR stands for: -ENOTDIR, -ENOENT. */
int srd_txn_find(struct srd_txn *txn, const struct srd_pending_inode *dir, uint32_t hash,
                 const char *name, size_t len, uint64_t *ino);

/* ---- pending.c ---- */
void srd_pending_clear(struct srd_txn *txn);
void srd_pending_release(struct srd_txn *txn);
/* The position of INO, loaded from the state at first touch; -ENOENT. */
int srd_pending_touch(struct srd_txn *txn, uint64_t ino, uint32_t *position);
/* Adds an inode made here. */
int srd_pending_add(struct srd_txn *txn, const struct srd_pending_inode *inode);
/* What NAME in DIR will be, if the transaction has touched it: NULL if not. */
struct srd_pending_name *srd_pending_find(const struct srd_txn *txn, uint64_t dir, uint32_t hash,
                                          const char *name, size_t len);
/* NAME in DIR will be INO (0: gone). */
int srd_pending_set(struct srd_txn *txn, uint64_t dir, uint32_t hash, const char *name, size_t len,
                    uint64_t ino);

#endif
