/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reissuing.h - what reissue.c and reissue_check.c share: the one puts the ops in once more, the
 * other asks whether all that they rely on is as it was, or else who is in the way.
 */
#ifndef SRD_STORE_REISSUING_H
#define SRD_STORE_REISSUING_H

#include "store/reissue.h"
#include "store/txn.h"

struct srd_reissue {
	const struct srd_store *view;
	struct srd_txn *txn;      /* of the store, with the ops before */
	struct srd_conflict *conflict;
	const struct srd_brought *brought;
	size_t brought_next;      /* the next of its references, in the order of the ops */
	uint64_t live_first;      /* what the view calls first_ino */
	uint8_t *written;         /* enum written (reissue.c), by position in txn->inodes */
	size_t written_count, written_cap;
};

/* What the store calls INO of the view: both give numbers in order. */
static inline uint64_t srd_reissue_ino(const struct srd_reissue *r, uint64_t ino)
{
	uint64_t first = r->view->private->first_ino;

	return ino < first ? ino : ino - first + r->live_first;
}

/* All these but the last: 0, -EBUSY with r->conflict set, or another error. */

/* INO, of which PREV was the last op, is as it was. */
int srd_reissue_check_inode(const struct srd_reissue *r, uint64_t ino, uint64_t prev);
/* NAME in DIR stands for INO (0: nothing). */
int srd_reissue_check_name(const struct srd_reissue *r, uint64_t dir, const char *name, size_t len, uint64_t ino);
/* All that somebody expects (private.h) is as the view has it. */
int srd_reissue_check_expected(const struct srd_reissue *r);
/* -EBUSY: INO is in the way, by the name that it had before, as far as that is known still. */
int srd_reissue_clash_inode(const struct srd_reissue *r, uint64_t ino);
/* -EBUSY: NAME in DIR is. */
int srd_reissue_clash_name(const struct srd_reissue *r, uint64_t dir, const char *name, size_t len);
/* True if ERROR, of an op that was right in the view, comes of what others did, not for want of
 * something. */
bool srd_reissue_is_clash(int error);

#endif
