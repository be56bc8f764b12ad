/* SPDX-License-Identifier: Apache-2.0 */
/*
 * txn_names.c - changes of the name space a transaction can make: each checks
 * itself against what will be, encodes its op, and notes what changes.
 */
#include "config.h"

#include "store/txn.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "store/private.h"

/* A name in a directory, as one op concerns it. */
struct place {
	uint32_t dir;            /* position of the directory */
	uint32_t hash;
	const char *name;
	size_t len;
	bool there;
	uint64_t ino;            /* if there */
	uint32_t inode;          /* its position, if there */
};

static int check_name(uint64_t dir, const char *name, size_t len)
{
	if (len > SRD_NAME_MAX)
		return -ENAMETOOLONG;
	if (!srd_name_is_sound(name, len))
		return -EINVAL;
	return dir == SRD_ROOT_INO && len == 4 && memcmp(name, ".srd", 4) == 0 ? SRD_ERESERVED : 0;
}

/* Finds DIR and what NAME in it is now, if anything. */
static int find_place(struct srd_txn *txn, uint64_t dir, const char *name, size_t len, struct place *place)
{
	int error = check_name(dir, name, len);

	if (!error)
		error = srd_pending_touch(txn, dir, &place->dir);
	if (error)
		return error;
	place->name = name;
	place->len = len;
	place->hash = srd_state_name_hash(&txn->store->state, dir, name, len);
	error = srd_txn_find(txn, srd_txn_at(txn, place->dir), place->hash, name, len, &place->ino);
	place->there = !error;
	if (error == -ENOENT)
		return 0;
	return error ? error : srd_pending_touch(txn, place->ino, &place->inode);
}

/* A directory that was removed takes no new names. */
static int check_free(struct srd_txn *txn, const struct place *place)
{
	if (place->there)
		return -EEXIST;
	return srd_txn_at(txn, place->dir)->nlink > 0 ? 0 : -ENOENT;
}

static int set_name(struct srd_txn *txn, const struct place *place, uint64_t ino)
{
	return srd_pending_set(txn, srd_txn_at(txn, place->dir)->ino, place->hash, place->name, place->len, ino);
}

/* An entry comes to or goes from a directory. */
static void count_entry(struct srd_pending_inode *dir, const struct srd_pending_inode *entry, int by)
{
	dir->entries += (uint64_t)(int64_t)by;
	if (srd_pending_is_dir(entry))
		dir->nlink += (uint32_t)by;
}

/* ---- Names ---- */

static int make_inode(struct srd_txn *txn, struct srd_op *op, const void *data,
                      struct srd_pending_inode *made)
{
	uint64_t offset;

	if (op->has_run)
		op->flags = SRD_OP_CONTENT;
	int error = srd_txn_add_op(txn, op, data, &offset);
	if (error)
		return error;
	*made = (struct srd_pending_inode){ .ino = op->ino, .parent = op->parent, .last_op = offset, .mode = op->mode,
	                                    .nlink = op->parent == 0 ? 0 : S_ISDIR(op->mode) ? 2 : 1 };
	error = srd_pending_add(txn, made);
	if (!error)
		txn->next_ino++;
	return error;
}

int srd_txn_make(struct srd_txn *txn, uint64_t dir, const char *name, size_t name_len,
                 uint32_t mode, uint32_t uid, uint32_t gid, uint32_t rdev,
                 const void *data, size_t len, uint64_t *ino)
{
	struct srd_op op = { .kind = SRD_OP_MAKE, .ino = txn->next_ino, .parent = dir, .mode = mode, .uid = uid,
	                     .gid = gid, .rdev = rdev, .name = name, .name_len = (uint8_t)name_len,
	                     .has_run = data && (len > 0 || S_ISLNK(mode)), .run.len = (uint32_t)len };
	struct srd_pending_inode made;
	struct place place;

	if (len > SRD_RUN_LEN_MAX)
		return -EFBIG;
	if (data && S_ISREG(mode) && srd_private_goes_ahead(txn->store, len)) {
		int error = srd_txn_make(txn, dir, name, name_len, mode, uid, gid, rdev, NULL, 0, ino);
		return error ? error : srd_txn_write(txn, *ino, 0, data, len, false);
	}
	if (txn->next_ino > SRD_INO_MAX)
		return SRD_EFULL;
	if (dir == 0) {
		int error = make_inode(txn, &op, data, &made);
		if (!error)
			*ino = made.ino;
		return error;
	}
	int error = find_place(txn, dir, name, name_len, &place);
	if (!error)
		error = check_free(txn, &place);
	if (error)
		return error;
	op.parent_prev = srd_txn_at(txn, place.dir)->last_op;
	error = make_inode(txn, &op, data, &made);
	if (!error)
		error = set_name(txn, &place, made.ino);
	if (error)
		return error;
	count_entry(srd_txn_at(txn, place.dir), &made, 1);
	srd_txn_at(txn, place.dir)->last_op = made.last_op;
	*ino = made.ino;
	return 0;
}

int srd_txn_link(struct srd_txn *txn, uint64_t ino, uint64_t dir, const char *name, size_t len)
{
	struct place place;
	uint32_t target;
	uint64_t offset;
	int error = srd_pending_touch(txn, ino, &target);

	if (!error && srd_pending_is_dir(srd_txn_at(txn, target)))
		error = -EPERM;
	if (!error && srd_txn_at(txn, target)->gone)
		error = -ENOENT;
	if (!error)
		error = find_place(txn, dir, name, len, &place);
	if (!error)
		error = check_free(txn, &place);
	if (!error && srd_txn_at(txn, target)->nlink >= INT32_MAX)
		error = -EMLINK;
	if (error)
		return error;
	struct srd_op op = { .kind = SRD_OP_LINK, .ino = ino, .prev = srd_txn_at(txn, target)->last_op, .parent = dir,
	                     .parent_prev = srd_txn_at(txn, place.dir)->last_op, .name = name, .name_len = (uint8_t)len };
	error = srd_txn_add_op(txn, &op, NULL, &offset);
	if (!error)
		error = set_name(txn, &place, ino);
	if (error)
		return error;
	srd_txn_at(txn, target)->nlink++;
	count_entry(srd_txn_at(txn, place.dir), srd_txn_at(txn, target), 1);
	srd_txn_at(txn, target)->last_op = srd_txn_at(txn, place.dir)->last_op = offset;
	return 0;
}

/* -ENOTDIR, -EISDIR or -ENOTEMPTY if INODE is not what may be removed. */
static int check_removable(const struct srd_pending_inode *inode, int directory)
{
	if (srd_pending_is_dir(inode))
		return directory == 0 ? -EISDIR : inode->entries > 0 ? -ENOTEMPTY : 0;
	return directory == 1 ? -ENOTDIR : 0;
}

/* INODE loses one name (an empty directory: its only one). */
static void drop_link(struct srd_pending_inode *inode)
{
	inode->nlink = srd_pending_is_dir(inode) ? 0 : inode->nlink - 1;
	inode->gone = inode->nlink == 0;
}

int srd_txn_unlink(struct srd_txn *txn, uint64_t dir, const char *name, size_t len, int directory)
{
	struct place place;
	uint64_t offset;
	int error = find_place(txn, dir, name, len, &place);

	if (!error && !place.there)
		error = -ENOENT;
	if (!error)
		error = check_removable(srd_txn_at(txn, place.inode), directory);
	if (error)
		return error;
	struct srd_op op = { .kind = SRD_OP_UNLINK, .ino = place.ino, .prev = srd_txn_at(txn, place.inode)->last_op,
	                     .parent = dir, .parent_prev = srd_txn_at(txn, place.dir)->last_op,
	                     .name = name, .name_len = (uint8_t)len };
	error = srd_txn_add_op(txn, &op, NULL, &offset);
	if (!error)
		error = set_name(txn, &place, 0);
	if (error)
		return error;
	count_entry(srd_txn_at(txn, place.dir), srd_txn_at(txn, place.inode), -1);
	drop_link(srd_txn_at(txn, place.inode));
	srd_txn_at(txn, place.inode)->last_op = srd_txn_at(txn, place.dir)->last_op = offset;
	return 0;
}

/* The directory above INO, which is one; 0: root or none. */
static uint64_t parent_of(const struct srd_txn *txn, const struct srd_pending_inode *inode)
{
	const struct srd_state *state = &txn->store->state;

	if (inode->parent || !inode->inode)
		return inode->parent;
	uint32_t dentry = srd_inode_at(state, inode->inode)->dentry;
	return dentry ? srd_inode_at(state, srd_dentry_at(state, dentry)->parent)->ino : 0;
}

/* True if DIR is ANCESTOR or lies below it.  -ENAMETOOLONG where applying would not find
 * that out. */
static int is_below(struct srd_txn *txn, uint64_t dir, uint64_t ancestor, bool *below)
{
	unsigned steps = SRD_DEPTH_MAX;
	uint32_t position;

	for (*below = dir == ancestor; dir && !*below; *below = dir == ancestor) {
		if (steps-- == 0)
			return -ENAMETOOLONG;
		int error = srd_pending_touch(txn, dir, &position);
		if (error)
			return error;
		dir = parent_of(txn, srd_txn_at(txn, position));
	}
	return 0;
}

/* -EINVAL if a directory would come to lie below itself. */
static int check_no_cycle(struct srd_txn *txn, const struct place *moved, uint64_t new_dir)
{
	bool below = false;

	if (!srd_pending_is_dir(srd_txn_at(txn, moved->inode)))
		return 0;
	int error = is_below(txn, new_dir, moved->ino, &below);
	return error ? error : below ? -EINVAL : 0;
}

/* May FROM take the place of TO? */
static int check_replace(struct srd_txn *txn, const struct place *from, const struct place *to)
{
	if (!to->there)
		return srd_txn_at(txn, to->dir)->nlink > 0 ? 0 : -ENOENT;
	return check_removable(srd_txn_at(txn, to->inode), srd_pending_is_dir(srd_txn_at(txn, from->inode)));
}

static int check_rename(struct srd_txn *txn, const struct place *from, const struct place *to, unsigned flags)
{
	if (!from->there)
		return -ENOENT;
	if ((flags & RENAME_NOREPLACE) && to->there)
		return -EEXIST;
	if ((flags & RENAME_EXCHANGE) && !to->there)
		return -ENOENT;
	int error = check_no_cycle(txn, from, srd_txn_at(txn, to->dir)->ino);
	if (error)
		return error;
	return flags & RENAME_EXCHANGE ? check_no_cycle(txn, to, srd_txn_at(txn, from->dir)->ino)
	                               : check_replace(txn, from, to);
}

/* The entry at FROM moves to the directory of TO. */
static void move_entry(struct srd_txn *txn, const struct place *from, const struct place *to)
{
	struct srd_pending_inode *inode = srd_txn_at(txn, from->inode);

	count_entry(srd_txn_at(txn, from->dir), inode, -1);
	count_entry(srd_txn_at(txn, to->dir), inode, 1);
	if (srd_pending_is_dir(inode))
		inode->parent = srd_txn_at(txn, to->dir)->ino;
}

static int note_rename(struct srd_txn *txn, const struct place *from, const struct place *to, bool exchange,
                       uint64_t offset)
{
	int error = set_name(txn, from, exchange ? to->ino : 0);

	if (!error)
		error = set_name(txn, to, from->ino);
	if (error)
		return error;
	if (exchange) {
		move_entry(txn, to, from);
	} else if (to->there) {
		count_entry(srd_txn_at(txn, to->dir), srd_txn_at(txn, to->inode), -1);
		drop_link(srd_txn_at(txn, to->inode));
	}
	move_entry(txn, from, to);
	srd_txn_at(txn, from->dir)->last_op = srd_txn_at(txn, to->dir)->last_op = offset;
	srd_txn_at(txn, from->inode)->last_op = offset;
	if (to->there)
		srd_txn_at(txn, to->inode)->last_op = offset;
	return 0;
}

int srd_txn_rename(struct srd_txn *txn, uint64_t dir, const char *name, size_t len,
                   uint64_t new_dir, const char *new_name, size_t new_len, unsigned flags)
{
	bool exchange = flags & RENAME_EXCHANGE;
	struct place from, to;
	uint64_t offset;

	if ((flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE)) || flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	int error = find_place(txn, dir, name, len, &from);
	if (!error)
		error = find_place(txn, new_dir, new_name, new_len, &to);
	if (!error)
		error = check_rename(txn, &from, &to, flags);
	if (error || (to.there && to.ino == from.ino))
		return error;
	struct srd_op op = {
		.kind = SRD_OP_RENAME, .flags = exchange ? SRD_OP_EXCHANGE : 0,
		.ino = from.ino, .prev = srd_txn_at(txn, from.inode)->last_op,
		.parent = dir, .parent_prev = srd_txn_at(txn, from.dir)->last_op,
		.new_parent = new_dir, .new_parent_prev = srd_txn_at(txn, to.dir)->last_op,
		.victim = to.there ? to.ino : 0, .victim_prev = to.there ? srd_txn_at(txn, to.inode)->last_op : 0,
		.name = name, .name_len = (uint8_t)len, .new_name = new_name, .new_name_len = (uint8_t)new_len,
	};
	error = srd_txn_add_op(txn, &op, NULL, &offset);
	return error ? error : note_rename(txn, &from, &to, exchange, offset);
}
