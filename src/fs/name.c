/* SPDX-License-Identifier: Apache-2.0 */
/* name.c - the name space: finding, making, linking, removing, moving. */
#include "config.h"

#include "fs/fs.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "fs/acl.h"
#include "fs/xattr.h"

static bool is_reserved(uint64_t dir, const char *name)
{
	return dir == SRD_ROOT_INO && strcmp(name, ".srd") == 0;
}

/* The inode that NAME in DIR leads to, with the read side held; 0: none. */
static uint32_t find(const struct srd_state *state, const struct srd_inode *dir, const char *name)
{
	uint32_t index = srd_state_inode_of(state, dir->ino);
	size_t len = strlen(name);

	if (strcmp(name, ".") == 0)
		return index;
	if (strcmp(name, "..") == 0)
		return dir->dentry ? srd_dentry_at(state, dir->dentry)->parent : index;
	uint32_t dentry = len > SRD_NAME_MAX ? 0 : srd_state_lookup(state, index, name, len);
	return dentry ? srd_dentry_at(state, dentry)->inode : 0;
}

int srd_fs_lookup(struct srd_fs *fs, uint64_t dir_ino, const char *name, struct stat *st)
{
	const struct srd_state *state = &fs->store->state;
	struct srd_inode *dir;
	unsigned stripe;

	if (strlen(name) > SRD_NAME_MAX)
		return -ENAMETOOLONG;
	if (is_reserved(dir_ino, name))
		return -ENOENT;
	int error = srd_fs_read_inode(fs, dir_ino, &stripe, &dir);
	if (error)
		return error;
	uint32_t index = find(state, dir, name);
	uint64_t ino = index ? srd_inode_at(state, index)->ino : 0;
	bool changed = ino && srd_open_is_changed(fs, ino);
	if (ino && !changed) {
		srd_state_pin(&fs->store->state, index, 1);
		srd_fs_stat(state, srd_inode_at(state, index), st);
	}
	int absence = ino ? 0 : srd_store_absence(fs->store, -ENOENT);
	error = srd_store_done(fs->store, stripe);
	if (error || absence)
		return error ? error : absence;
	return changed ? srd_fs_hand_out(fs, ino, st) : 0;
}

/* True if the state knows INO no more. */
static bool is_gone(struct srd_fs *fs, uint64_t ino)
{
	struct srd_inode *inode;
	unsigned stripe;
	int error = srd_fs_read_inode(fs, ino, &stripe, &inode);

	if (!error)
		srd_store_done(fs->store, stripe);
	return error == -ESTALE;
}

void srd_fs_forget(struct srd_fs *fs, uint64_t ino, uint64_t count)
{
	/* The kernel counts in 64 bits, but can only undo what it was given. */
	srd_store_unpin(fs->store, ino, (uint32_t)count);
	srd_unnamed_forget(fs, ino);
	if (srd_open_is_changed(fs, ino) && is_gone(fs, ino))
		srd_open_forget(fs, ino);
}

/* Ends TXN: commits if ERROR is 0. */
static int end(struct srd_txn *txn, int error)
{
	if (!error)
		return srd_txn_commit(txn, NULL);
	srd_txn_abort(txn);
	return error;
}

/* In a directory with the setgid bit what is made belongs to its group, and
 * directories have the bit too. */
static void inherit_group(const struct srd_inode *dir, struct srd_fs_node *node)
{
	if (!(dir->mode & S_ISGID))
		return;
	node->gid = dir->gid;
	if (S_ISDIR(node->mode))
		node->mode |= S_ISGID;
}

/* The access lists that something new gets from its directory; NULL: none. */
struct inherited {
	uint8_t *access, *standard;
	size_t len;
};

/* Decides NODE's mode: by the directory's default list, or else by the umask. */
static int inherit_lists(struct srd_fs *fs, struct srd_txn *txn, const struct srd_inode *dir,
                         struct srd_fs_node *node, struct inherited *lists)
{
	bool minimal;

	if (S_ISLNK(node->mode))
		return 0;
	int error = srd_fs_copy_xattr(fs, txn, dir, SRD_ACL_DEFAULT, &lists->access, &lists->len);
	if (error == -ENODATA) {
		node->mode &= ~(node->umask & 0777);
		return 0;
	}
	if (error)
		return error;
	if (!srd_acl_is_sound(lists->access, lists->len))
		return SRD_ECORRUPT;
	if (S_ISDIR(node->mode)) {
		lists->standard = srd_txn_alloc(txn, lists->len);
		if (!lists->standard)
			return -ENOMEM;
		memcpy(lists->standard, lists->access, lists->len);
	}
	node->mode = srd_acl_inherit(lists->access, lists->len, node->mode);
	srd_acl_mode(lists->access, lists->len, &minimal);
	if (minimal)
		lists->access = NULL;
	return 0;
}

static int give_lists(struct srd_txn *txn, uint64_t ino, const struct inherited *lists)
{
	int error = 0;

	if (lists->access)
		error = srd_txn_xattr(txn, ino, SRD_ACL_ACCESS, strlen(SRD_ACL_ACCESS), lists->access, lists->len);
	if (!error && lists->standard)
		error = srd_txn_xattr(txn, ino, SRD_ACL_DEFAULT, strlen(SRD_ACL_DEFAULT), lists->standard,
		                      lists->len);
	return error;
}

/* NAME NULL: a file without a name, which inherits as if it got one in DIR. */
static int add_new(struct srd_fs *fs, struct srd_txn *txn, uint64_t dir, const char *name,
                   struct srd_fs_node *node, uint64_t *ino)
{
	struct inherited lists = { 0 };
	const struct srd_state *state = &fs->store->state;
	struct srd_node parent;
	int error = srd_txn_node(txn, dir, &parent);

	if (error)
		return error;
	inherit_group(srd_inode_at(state, parent.inode), node);
	error = inherit_lists(fs, txn, srd_inode_at(state, parent.inode), node, &lists);
	if (!error)
		error = srd_txn_make(txn, name ? dir : 0, name, name ? strlen(name) : 0, node->mode, node->uid,
		                     node->gid, node->rdev, node->target, node->target ? strlen(node->target) : 0, ino);
	return error ? error : give_lists(txn, *ino, &lists);
}

static int make(struct srd_fs *fs, uint64_t dir, const char *name, const struct srd_fs_node *wanted, uint64_t *ino)
{
	struct srd_fs_node node = *wanted;
	struct srd_txn *txn;

	if (name && strlen(name) > SRD_NAME_MAX)
		return -ENAMETOOLONG;
	if (node.target && strlen(node.target) > SRD_KEY_MAX)
		return -ENAMETOOLONG;
	int error = srd_limit_growth(fs, node.target ? strlen(node.target) : 0);
	if (!error)
		error = srd_txn_begin(fs->store, &txn);
	return error ? error : end(txn, add_new(fs, txn, dir, name, &node, ino));
}

int srd_fs_make(struct srd_fs *fs, uint64_t dir, const char *name, const struct srd_fs_node *node, struct stat *st)
{
	uint64_t ino;
	int error = make(fs, dir, name, node, &ino);

	if (error)
		return error;
	error = srd_fs_hand_out(fs, ino, st);
	/* Only now: one that is not pinned would be given up. */
	if (!error && !name)
		srd_unnamed_add(&fs->unnamed, ino);
	return error;
}

int srd_fs_link(struct srd_fs *fs, uint64_t ino, uint64_t dir, const char *name, struct stat *st)
{
	struct srd_txn *txn;

	if (strlen(name) > SRD_NAME_MAX)
		return -ENAMETOOLONG;
	int error = srd_limit_growth(fs, 0);
	if (!error)
		error = srd_txn_begin(fs->store, &txn);
	if (error)
		return error;
	error = end(txn, srd_txn_link(txn, ino, dir, name, strlen(name)));
	return error ? error : srd_fs_hand_out(fs, ino, st);
}

int srd_fs_unlink(struct srd_fs *fs, uint64_t dir, const char *name, bool directory)
{
	struct srd_txn *txn;

	if (strlen(name) > SRD_NAME_MAX)
		return -ENAMETOOLONG;
	int error = srd_txn_begin(fs->store, &txn);
	if (error)
		return error;
	return end(txn, srd_txn_unlink(txn, dir, name, strlen(name), directory));
}

/* What NAME in DIR stands for now came from elsewhere: in a directory ".." is another one, and
 * the kernel may have kept what it read. */
static void tell_moved(struct srd_fs *fs, struct srd_txn *txn, uint64_t dir, const char *name)
{
	struct srd_node node;

	if (srd_txn_lookup(txn, dir, name, strlen(name), &node) == 0 && S_ISDIR(node.mode))
		srd_fs_stale(fs, node.ino, 0);
}

int srd_fs_rename(struct srd_fs *fs, uint64_t dir, const char *name, uint64_t new_dir,
                  const char *new_name, unsigned flags, const struct srd_fs_node *left)
{
	struct srd_fs_node node;
	struct srd_txn *txn;
	uint64_t ino;

	if (flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	if (strlen(name) > SRD_NAME_MAX || strlen(new_name) > SRD_NAME_MAX)
		return -ENAMETOOLONG;
	int error = left ? srd_limit_growth(fs, 0) : srd_limit_change(fs);
	if (!error)
		error = srd_txn_begin(fs->store, &txn);
	if (error)
		return error;
	error = srd_txn_rename(txn, dir, name, strlen(name), new_dir, new_name, strlen(new_name), flags);
	if (!error && dir != new_dir) {
		tell_moved(fs, txn, new_dir, new_name);
		tell_moved(fs, txn, dir, name);
	}
	if (!error && left) {
		node = *left;
		error = add_new(fs, txn, dir, name, &node, &ino);
	}
	return end(txn, error);
}

int srd_fs_read_link(struct srd_fs *fs, uint64_t ino, char *target, size_t size)
{
	ssize_t len = srd_fs_read_content(fs, ino, NULL, 0, target, size - 1);

	if (len < 0)
		return (int)len;
	target[len] = 0;
	srd_access_note(fs, ino);
	return 0;
}
