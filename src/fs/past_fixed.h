/* SPDX-License-Identifier: Apache-2.0 */
/*
 * past_fixed.h - the directories of .srd that are there always: itself, `at`, which is listed
 * as empty, and `snapshots`, where they are made, deleted and renamed.
 *
 * NODE is one of these.
 */
#ifndef SRD_FS_PAST_FIXED_H
#define SRD_FS_PAST_FIXED_H

#include "fs/past.h"

/* As the root is, but for who may write. */
int srd_past_fixed_stat(struct srd_past *past, const struct srd_past_node *node, struct stat *st);
/* What NAME is in .srd itself. */
int srd_past_fixed_find(const char *name, struct srd_past_node *found);
int srd_past_fixed_list(struct srd_past *past, const struct srd_past_node *node, uint64_t pos, srd_past_fill *fill,
                        void *user);

#endif
