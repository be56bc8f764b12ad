/* SPDX-License-Identifier: Apache-2.0 */
/* versions.h - what was done to one inode, commit by commit. */
#ifndef SRD_KV_VERSIONS_H
#define SRD_KV_VERSIONS_H

#include "store/store.h"

/* As srd_versions(), of INO up to the op at LAST_OP.  LOG is held. */
ssize_t srd_versions_from(const struct srd_log *log, uint64_t ino, uint64_t last_op, struct srd_version **list);

#endif
