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

/* The bits of MODE that CALLER takes away.  setgid without group execute is hardly a
 * privilege: members of the group may keep it. */
static uint32_t set_id_bits(const struct srd_caller *caller, uint32_t mode, uint32_t gid)
{
	uint32_t bits = mode & (S_ISUID | S_ISGID);

	if (!caller)
		return 0;
	if ((bits & S_ISGID) && !(mode & S_IXGRP) && caller->is_in_group(caller, gid))
		bits &= ~(uint32_t)S_ISGID;
	return bits;
}

int srd_privileges_drop(struct srd_fs *fs, struct srd_txn *txn, const struct srd_node *node, const struct srd_caller *caller)
{
	const struct srd_state *state = &fs->store->state;
	const struct srd_inode *inode = srd_inode_at(state, node->inode);
	uint32_t bits = set_id_bits(caller, node->mode, inode->gid);
	struct srd_attr attr = { .mask = SRD_ATTR_MODE, .mode = node->mode & 07777 & ~bits };
	int error = bits ? srd_txn_set_attr(txn, node->ino, &attr) : 0;

	if (!error && has_capability(state, inode))
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

static int drop(struct srd_fs *fs, struct srd_txn *txn, const struct srd_node *node, const void *caller)
{
	return srd_privileges_drop(fs, txn, node, caller);
}

int srd_privileges_before_write(struct srd_fs *fs, struct srd_open_inode *inode, const struct srd_caller *caller)
{
	struct srd_inode *committed;
	unsigned stripe;

	if (inode->plain)
		return 0;
	int error = srd_fs_read_inode(fs, inode->ino, &stripe, &committed);
	if (error)
		return error;
	bool bits = committed->mode & (S_ISUID | S_ISGID);
	bool capability = has_capability(&fs->store->state, committed);
	error = srd_store_done(fs->store, stripe);
	if (error)
		return error;
	inode->plain = !bits && !capability;
	return capability || (bits && caller) ? srd_open_commit(fs, inode, drop, caller) : 0;
}
