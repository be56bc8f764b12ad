/* SPDX-License-Identifier: Apache-2.0 */
/*
 * past_tree.h - .srd/versions and .srd/deleted: the directories that there are now once more,
 * with other things in them.
 *
 *     VERSIONS dir  -NAME->  VERSIONS dir, or file  -NUMBER->  ALONE
 *     DELETED dir   -NAME->  DELETED dir            -NAME->    ALONE, or DELETED dir that is gone
 *
 * NODE is one that srd_past_tree_has().
 */
#ifndef SRD_FS_PAST_TREE_H
#define SRD_FS_PAST_TREE_H

#include "fs/past.h"

static inline bool srd_past_tree_has(const struct srd_past_node *node)
{
	return node->kind == SRD_PAST_VERSIONS || node->kind == SRD_PAST_DELETED;
}

int srd_past_tree_find(struct srd_past *past, const struct srd_past_node *node, const char *name,
                       struct srd_past_node *found, struct stat *st);
int srd_past_tree_stat(struct srd_past *past, const struct srd_past_node *node, struct stat *st, struct timespec *birth);
ssize_t srd_past_tree_get_xattr(struct srd_past *past, const struct srd_past_node *node, const char *name, void *value,
                                size_t size);
ssize_t srd_past_tree_list_xattr(struct srd_past *past, const struct srd_past_node *node, bool privileged, char *list,
                                 size_t size);
int srd_past_tree_list(struct srd_past *past, const struct srd_past_node *node, struct srd_past_dir *dir, uint64_t pos,
                       srd_past_fill *fill, void *user);

#endif
