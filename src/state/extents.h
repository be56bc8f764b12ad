/* SPDX-License-Identifier: Apache-2.0 */
/* extents.h - changes of a file's content, for apply.  Size and times are the
 * caller's.  Errors: -ENOMEM or SRD_EFULL. */
#ifndef SRD_STATE_EXTENTS_H
#define SRD_STATE_EXTENTS_H

#include "state/state.h"

/* Lays REF over what is there; nothing lies behind inode->size.  Length 0: nothing. */
int srd_extents_put(struct srd_state *state, struct srd_inode *inode, const struct srd_ref *ref);
/* Takes away what lies in [POS, END). */
int srd_extents_punch(struct srd_state *state, struct srd_inode *inode, uint64_t pos, uint64_t end);
void srd_extents_clear(struct srd_state *state, struct srd_inode *inode);

#endif
