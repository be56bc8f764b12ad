/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fs/privileges.h"

#include <string.h>

#include "fs/acl.h"
#include "fs/xattr.h"

#define CAPABILITY "security.capability"

static bool has_capability(const struct srd_state *state, const struct srd_inode *inode)
{
	return inode->xattrs && srd_state_xattr(state, inode, CAPABILITY, strlen(CAPABILITY));
}

/* setgid without group execute was a sign for mandatory locking, no privilege. */
static uint32_t set_id_bits(uint32_t mode)
{
	uint32_t both = S_ISGID | S_IXGRP;

	return (mode & S_ISUID) | ((mode & both) == both ? S_ISGID : 0u);
}

int srd_privileges_drop(struct srd_fs *fs, struct srd_txn *txn, const struct srd_node *node, bool set_id)
{
	const struct srd_state *state = &fs->store->state;
	uint32_t bits = set_id ? set_id_bits(node->mode) : 0;
	struct srd_attr attr = { .mask = SRD_ATTR_MODE, .mode = node->mode & 07777 & ~bits };
	int error = bits ? srd_txn_set_attr(txn, node->ino, &attr) : 0;

	if (!error && has_capability(state, srd_inode_at(state, node->inode)))
		error = srd_txn_xattr(txn, node->ino, CAPABILITY, strlen(CAPABILITY), NULL, 0);
	return error;
}

int srd_privileges_follow_mode(struct srd_fs *fs, struct srd_txn *txn, const struct srd_node *node, uint32_t mode)
{
	const struct srd_inode *inode = srd_inode_at(&fs->store->state, node->inode);
	uint8_t *acl;
	size_t len;

	if (!inode->xattrs)
		return 0;
	int error = srd_fs_copy_xattr(fs, txn, inode, SRD_ACL_ACCESS, &acl, &len);
	if (error)
		return error == -ENODATA ? 0 : error;
	if (!srd_acl_is_sound(acl, len))
		return SRD_ECORRUPT;
	srd_acl_set_mode(acl, len, mode);
	return srd_txn_xattr(txn, node->ino, SRD_ACL_ACCESS, strlen(SRD_ACL_ACCESS), acl, len);
}

static int drop(struct srd_fs *fs, struct srd_txn *txn, const struct srd_node *node, const void *set_id)
{
	return srd_privileges_drop(fs, txn, node, *(const bool *)set_id);
}

int srd_privileges_before_write(struct srd_fs *fs, struct srd_open_inode *inode, bool set_id)
{
	struct srd_inode *committed;
	unsigned stripe;

	if (inode->plain)
		return 0;
	int error = srd_fs_read_inode(fs, inode->ino, &stripe, &committed);
	if (error)
		return error;
	bool bits = set_id_bits(committed->mode) != 0;
	bool capability = has_capability(&fs->store->state, committed);
	srd_store_done(fs->store, stripe);
	inode->plain = !bits && !capability;
	return capability || (bits && set_id) ? srd_open_commit(fs, inode, drop, &set_id) : 0;
}
