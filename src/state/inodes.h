/* SPDX-License-Identifier: Apache-2.0 */
/* inodes.h - coming and going of inodes, for apply. */
#ifndef SRD_STATE_INODES_H
#define SRD_STATE_INODES_H

#include "state/state.h"

/* A new inode of that number, not found under it before; *INODE is its index.
 * 0, -ENOMEM or SRD_EFULL. */
int srd_inode_add(struct srd_state *state, uint64_t ino, uint32_t mode, uint32_t *inode);
/* FROM, a gone directory of another state, is in STATE, too; its pins are the caller's to carry. */
int srd_inode_keep_gone(struct srd_state *state, const struct srd_inode *from);
/* It has no names and gets none any more: frees it, or keeps it for its pins. */
void srd_inode_give_up(struct srd_state *state, uint32_t inode);
/* Takes a gone inode's number away from it, for one that claims it. */
void srd_inode_unnumber(struct srd_state *state, uint32_t inode);

#endif
