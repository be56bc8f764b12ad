/* SPDX-License-Identifier: Apache-2.0 */
/* xattrs.h - changes of extended attributes, for apply. */
#ifndef SRD_STATE_XATTRS_H
#define SRD_STATE_XATTRS_H

#include "state/state.h"

/* True for names that Linux has a meaning for and that a store keeps: user., trusted.,
 * security., and the two of access control lists. */
bool srd_xattr_name_is_known(const char *name);

/* Sets or removes what OP, an XATTR, says.  *FITS: false if there was nothing to
 * remove or there are too many.  0, -ENOMEM or SRD_EFULL. */
int srd_xattrs_change(struct srd_state *state, struct srd_inode *inode, const struct srd_op *op,
                      bool *fits);
void srd_xattrs_clear(struct srd_state *state, struct srd_inode *inode);

#endif
