/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xattr.c - extended attributes; and with them access control lists, which are
 * attributes that keep in step with the mode.
 *
 * Who may do what to which name is the kernel's business.
 */
#include "config.h"

#include "fs/xattr.h"

#include <string.h>
#include <sys/xattr.h>

#include "fs/acl.h"
#include "fs/whereabouts.h"
#include "state/xattrs.h"

enum { VALUE_BYTES_MAX = 64 << 10, LIST_BYTES_MAX = 64 << 10 };

/* What the kernel would show of an inode's attributes to who may see all. */
struct all_names {
	uint32_t count;
	size_t bytes;            /* with a NUL behind each */
};

static struct all_names count_names(const struct srd_state *state, const struct srd_inode *inode)
{
	struct all_names all = { 0 };

	for (const struct srd_xattr *x = NULL; (x = srd_state_next_xattr(state, inode, x));) {
		all.count++;
		all.bytes += x->name_len + 1;
	}
	return all;
}

/* ---- Reading ---- */

/* The run of the value, with the read side held. */
static int find_value(struct srd_fs *fs, const struct srd_inode *inode, const char *name, struct srd_run *run)
{
	const struct srd_xattr *xattr = srd_state_xattr(&fs->store->state, inode, name, strlen(name));

	if (!xattr)
		return srd_store_absence(fs->store, -ENODATA);
	return srd_log_run(fs->store->log, xattr->run, run) ? 0 : SRD_ECORRUPT;
}

ssize_t srd_fs_get_xattr(struct srd_fs *fs, uint64_t ino, const char *name, void *value, size_t size)
{
	struct srd_inode *inode;
	struct srd_run run;
	unsigned stripe;

	if (!srd_xattr_name_is_known(name))
		return -EOPNOTSUPP;
	if (srd_whereabouts_is(name))
		return srd_whereabouts_get(fs, ino, name, value, size);
	int error = srd_fs_read_inode(fs, ino, &stripe, &inode);
	if (error)
		return error;
	error = find_value(fs, inode, name, &run);
	struct srd_hold hold = srd_store_hold_read(fs->store, stripe);
	int bad = srd_store_done(fs->store, stripe);
	if (bad)
		error = bad;
	if (!error && size > 0 && run.len > size)
		error = -ERANGE;
	if (!error && size > 0)
		error = srd_log_copy(hold.log, &run, 0, run.len, value);
	srd_hold_drop(&hold);
	return error ? error : (ssize_t)run.len;
}

static bool is_shown(const char *name, size_t len, bool privileged)
{
	static const char trusted[] = "trusted.";

	return privileged || len < sizeof trusted - 1 || memcmp(name, trusted, sizeof trusted - 1) != 0;
}

ssize_t srd_fs_list_xattr(struct srd_fs *fs, uint64_t ino, bool privileged, char *list, size_t size)
{
	const struct srd_state *state = &fs->store->state;
	struct srd_inode *inode;
	unsigned stripe;
	size_t used = 0;
	int error = srd_fs_read_inode(fs, ino, &stripe, &inode);

	if (error)
		return error;
	for (const struct srd_xattr *x = NULL; !error && (x = srd_state_next_xattr(state, inode, x));) {
		const char *name = srd_xattr_name(&state->source, x);
		if (!name)
			error = srd_store_absence(fs->store, SRD_ECORRUPT);
		if (!name || !is_shown(name, x->name_len, privileged))
			continue;
		if (size > 0 && x->name_len + (size_t)1 > size - used) {
			error = -ERANGE;
		} else if (size > 0) {
			memcpy(list + used, name, x->name_len);
			list[used + x->name_len] = 0;
		}
		used += x->name_len + 1;
	}
	if (!error)
		error = srd_store_absence(fs->store, 0);
	int bad = srd_store_done(fs->store, stripe);
	if (bad)
		return bad;
	return error ? error : (ssize_t)used;
}

int srd_fs_copy_xattr(struct srd_fs *fs, struct srd_txn *txn, const struct srd_inode *inode,
                      const char *name, uint8_t **value, size_t *len)
{
	struct srd_run run;
	int error = find_value(fs, inode, name, &run);

	if (error)
		return error;
	uint8_t *copy = srd_txn_alloc(txn, run.len);
	error = copy ? srd_log_copy(fs->store->log, &run, 0, run.len, copy) : -ENOMEM;
	if (error)
		return error;
	*value = copy;
	*len = run.len;
	return 0;
}

/* ---- Changing ---- */

struct change {
	const char *name;
	const void *value;       /* NULL: remove */
	size_t len;
	int flags;               /* XATTR_CREATE, XATTR_REPLACE */
	bool keeps_sgid;
};

static int check_change(const struct srd_state *state, const struct srd_inode *inode, const struct change *change)
{
	size_t name_len = strlen(change->name);
	bool there = srd_state_xattr(state, inode, change->name, name_len);

	if (there)
		return change->flags & XATTR_CREATE ? -EEXIST : 0;
	if (!change->value || change->flags & XATTR_REPLACE)
		return -ENODATA;
	struct all_names all = count_names(state, inode);
	return all.count < SRD_XATTRS_MAX && all.bytes + name_len + 1 <= LIST_BYTES_MAX ? 0 : -ENOSPC;
}

/* The mode shows what the access list says; a list that says no more is not kept. */
static int follow_acl(struct srd_txn *txn, uint64_t ino, const struct srd_inode *inode, struct change *change)
{
	bool minimal;
	uint32_t bits = srd_acl_mode(change->value, change->len, &minimal);
	struct srd_attr attr = { .mask = SRD_ATTR_MODE, .mode = (inode->mode & 07000) | bits };

	if (!change->keeps_sgid)
		attr.mode &= ~(uint32_t)S_ISGID;
	if (minimal)
		change->value = NULL;
	return attr.mode == (inode->mode & 07777) ? 0 : srd_txn_set_attr(txn, ino, &attr);
}

static int add_change(struct srd_fs *fs, struct srd_txn *txn, const struct srd_node *node, const void *user)
{
	struct change change = *(const struct change *)user;
	const struct srd_inode *inode = srd_inode_at(&fs->store->state, node->inode);
	bool access = strcmp(change.name, SRD_ACL_ACCESS) == 0;
	int error = check_change(&fs->store->state, inode, &change);

	/* Taking away a list that is not there is no error. */
	if (error == -ENODATA && !change.value && (access || strcmp(change.name, SRD_ACL_DEFAULT) == 0))
		return 0;
	if (!error && access && change.value)
		error = follow_acl(txn, node->ino, inode, &change);
	if (error)
		return error;
	error = srd_txn_xattr(txn, node->ino, change.name, strlen(change.name), change.value, change.len);
	return error == -ENODATA ? 0 : error;   /* a minimal list where there was none */
}

static int make_change(struct srd_fs *fs, uint64_t ino, const struct change *change)
{
	if (!srd_xattr_name_is_known(change->name))
		return -EOPNOTSUPP;
	if (srd_whereabouts_is(change->name))
		return -EPERM;
	if (strlen(change->name) > SRD_NAME_MAX)
		return -ERANGE;
	if (fs->store->flags & SRD_RDONLY)
		return -EROFS;
	struct srd_open_inode *open = srd_open_get(fs, ino);
	if (!open)
		return -ENOMEM;
	pthread_mutex_lock(&open->mutex);
	int error = srd_open_commit(fs, open, add_change, change);
	pthread_mutex_unlock(&open->mutex);
	srd_open_put(fs, open);
	return error;
}

int srd_fs_set_xattr(struct srd_fs *fs, uint64_t ino, const char *name, const void *value, size_t len,
                     int flags, bool keeps_sgid)
{
	bool is_acl = strcmp(name, SRD_ACL_ACCESS) == 0 || strcmp(name, SRD_ACL_DEFAULT) == 0;
	struct change change = { .name = name, .value = len > 0 ? value : "", .len = len, .flags = flags,
	                         .keeps_sgid = keeps_sgid };

	if (len > VALUE_BYTES_MAX)
		return -E2BIG;
	if (is_acl && !srd_acl_is_sound(change.value, len))
		return -EINVAL;
	int error = srd_limit_growth(fs, len);
	return error ? error : make_change(fs, ino, &change);
}

int srd_fs_remove_xattr(struct srd_fs *fs, uint64_t ino, const char *name)
{
	struct change change = { .name = name };

	return make_change(fs, ino, &change);
}
