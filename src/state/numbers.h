/* SPDX-License-Identifier: Apache-2.0 */
/*
 * numbers.h - from inode numbers to inodes.
 *
 * Numbers are given in a row and never again, so sixteen in a row share a leaf,
 * and only leaves are hashed: files made together lie together, and one insert
 * in sixteen touches the hash.  A leaf goes when its last number does.
 *
 *     number:  [ leaf: hashed | place in the leaf: 4 bits ]
 */
#ifndef SRD_STATE_NUMBERS_H
#define SRD_STATE_NUMBERS_H

#include "state/table.h"

enum { SRD_LEAF_BITS = 4, SRD_LEAF_LEN = 1 << SRD_LEAF_BITS };

struct srd_leaf {
	uint64_t number;                   /* ino >> SRD_LEAF_BITS */
	uint32_t inode[SRD_LEAF_LEN];      /* indexes; 0: no such inode */
};

struct srd_numbers {
	struct srd_table leaves;
	struct srd_hashed hashed;          /* leaf indexes */
	uint64_t seed;
	/* Hints, 0: none.  Most that is looked for is the root, and who puts numbers there
	 * puts the next one. */
	atomic_uint first;                 /* the leaf of number 0; set by readers, too */
	uint32_t last;                     /* the leaf put to last */
};

/* As srd_hashed_init() and srd_hashed_begin(), LEN for leaves, too. */
void srd_numbers_init(struct srd_numbers *numbers, uint64_t seed, struct srd_addresses *addresses, uint64_t len);
int srd_numbers_begin(struct srd_numbers *numbers);
uint64_t srd_numbers_memory_bytes(const struct srd_numbers *numbers);
/* The inode's index, 0: none. */
uint32_t srd_numbers_find(const struct srd_numbers *numbers, uint64_t ino);
/* INO, which stood for none, is INODE.  0, -ENOMEM or SRD_EFULL. */
int srd_numbers_set(struct srd_numbers *numbers, uint64_t ino, uint32_t inode);
/* INO stands for none any more. */
void srd_numbers_clear(struct srd_numbers *numbers, uint64_t ino);
/* Other tables take the place of those there were. */
void srd_numbers_forget_hints(struct srd_numbers *numbers);
void srd_numbers_prefetch(const struct srd_numbers *numbers, uint64_t ino);

#endif
