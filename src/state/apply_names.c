/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply_names.c - ops that change what a name stands for.
 *
 * Whether one fits never depends on pins, which differ from process to process:
 * a gone inode is as good as unknown.
 */
#include "config.h"

#include <sys/stat.h>

#include "state/apply.h"
#include "state/dentries.h"
#include "state/extents.h"
#include "state/inodes.h"

/* ---- What an op refers to; 0: not there ---- */

static uint32_t live_inode(const struct srd_state *state, uint64_t ino)
{
	uint32_t index = srd_state_inode_of(state, ino);

	return index != 0 && !srd_inode_at(state, index)->gone ? index : 0;
}

static uint32_t live_dir(const struct srd_state *state, uint64_t ino)
{
	uint32_t index = live_inode(state, ino);

	return index != 0 && srd_inode_is_dir(srd_inode_at(state, index)) ? index : 0;
}

/* Looks the op's (first) name up in its parent: *NAMING.  False: no such
 * directory.  *DENTRY: 0 if there is no such name. */
static bool find_name(const struct srd_change *change, struct srd_naming *naming, uint32_t *dentry)
{
	const struct srd_op *op = change->op;

	*naming = (struct srd_naming){ .dir = live_dir(change->state, op->parent), .hash = change->hash,
	                               .name = op->name_offset, .name_len = op->name_len };
	if (naming->dir == 0)
		return false;
	*dentry = srd_state_lookup_hashed(change->state, naming->dir, naming->hash, op->name,
	                                  op->name_len);
	return true;
}

/* Likewise the new name of a RENAME. */
static bool find_new_name(const struct srd_change *change, struct srd_naming *naming,
                          uint32_t *dentry)
{
	struct srd_op op = { .parent = change->op->new_parent, .name = change->op->new_name,
	                     .name_len = change->op->new_name_len,
	                     .name_offset = change->op->name_offset };
	struct srd_change second = *change;

	second.op = &op;
	second.hash = srd_state_name_hash(change->state, op.parent, op.name, op.name_len);
	return find_name(&second, naming, dentry);
}

static bool name_is_free(const struct srd_change *change, struct srd_naming *naming)
{
	uint32_t dentry;

	return find_name(change, naming, &dentry) && dentry == 0;
}

static struct srd_inode *inode_of_name(const struct srd_state *state, uint32_t dentry)
{
	return srd_inode_at(state, srd_dentry_at(state, dentry)->inode);
}

/* ---- Names ---- */

static bool type_is_known(uint32_t mode)
{
	return S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode) || S_ISCHR(mode) ||
	       S_ISBLK(mode) || S_ISFIFO(mode) || S_ISSOCK(mode);
}

static bool may_make(const struct srd_change *change, struct srd_naming *naming)
{
	const struct srd_op *op = change->op;

	if (!type_is_known(op->mode) || op->ino == SRD_ROOT_INO ||
	    (op->has_run && !S_ISREG(op->mode) && !S_ISLNK(op->mode)))
		return false;
	if (op->ino < change->state->next_ino && live_inode(change->state, op->ino) != 0)
		return false;
	return op->parent == 0 ? !S_ISDIR(op->mode) : name_is_free(change, naming);
}

/* A new inode as OP, a MAKE, describes it, without a name. */
static int make_inode(const struct srd_change *change, uint32_t *index)
{
	const struct srd_op *op = change->op;
	struct srd_state *state = change->state;
	int error = srd_inode_add(state, op->ino, op->mode & (S_IFMT | 07777), index);

	if (error)
		return error;
	struct srd_inode *inode = srd_inode_at(state, *index);
	inode->uid = op->uid;
	inode->gid = op->gid;
	inode->atime_ns = inode->btime_ns = change->now_ns;
	srd_change_mark_modified(change, *index);
	if (S_ISDIR(op->mode))
		inode->nlink = 1;      /* its own `.` */
	else if (S_ISCHR(op->mode) || S_ISBLK(op->mode))
		inode->rdev = op->rdev;
	if (!op->has_run)
		return 0;
	struct srd_ref ref = { .run = op->run.offset, .len = op->run.len };
	error = srd_extents_put(state, inode, &ref);
	inode->size = op->run.len;
	return error;
}

static int add_name(const struct srd_change *change, const struct srd_naming *naming,
                    uint32_t index)
{
	srd_change_mark_modified(change, naming->dir);
	srd_inode_at(change->state, index)->nlink++;
	srd_change_tell_name(change, naming->dir, naming->name, naming->name_len);
	return srd_dentry_add(change->state, naming, index);
}

int srd_apply_make(const struct srd_change *change)
{
	const struct srd_op *op = change->op;
	struct srd_naming naming;
	uint32_t index;

	if (!may_make(change, &naming))
		return srd_change_misfit(change);
	/* A number is never used twice; if it is, who lost its name loses it too. */
	uint32_t gone = op->ino < change->state->next_ino ? srd_state_inode_of(change->state, op->ino) : 0;
	if (gone != 0)
		srd_inode_unnumber(change->state, gone);
	int error = make_inode(change, &index);
	if (!error && op->parent != 0)
		error = add_name(change, &naming, index);
	change->state->unnamed += op->parent == 0;
	return error;
}

int srd_apply_link(const struct srd_change *change)
{
	uint32_t index = live_inode(change->state, change->op->ino);
	struct srd_naming naming;

	if (index == 0 || srd_inode_is_dir(srd_inode_at(change->state, index)) ||
	    srd_inode_at(change->state, index)->nlink == UINT32_MAX || !name_is_free(change, &naming))
		return srd_change_misfit(change);
	change->state->unnamed -= srd_inode_at(change->state, index)->nlink == 0;
	srd_change_mark(change, index);
	return add_name(change, &naming, index);
}

/* INODE has one name less; a directory never had more than one. */
static void lose_name(struct srd_state *state, uint32_t index)
{
	struct srd_inode *inode = srd_inode_at(state, index);

	inode->nlink = srd_inode_is_dir(inode) ? 0 : inode->nlink - 1;
	if (inode->nlink == 0)
		srd_inode_give_up(state, index);
}

static bool is_empty_or_file(const struct srd_inode *inode)
{
	return !srd_inode_is_dir(inode) || inode->size == 0;
}

int srd_apply_unlink(const struct srd_change *change)
{
	const struct srd_op *op = change->op;
	struct srd_state *state = change->state;
	struct srd_naming naming;
	uint32_t dentry;

	if (!find_name(change, &naming, &dentry) || dentry == 0 ||
	    inode_of_name(state, dentry)->ino != op->ino ||
	    !is_empty_or_file(inode_of_name(state, dentry)))
		return srd_change_misfit(change);
	uint32_t index = srd_dentry_at(state, dentry)->inode;
	srd_change_mark_modified(change, naming.dir);
	srd_change_mark(change, index);
	srd_change_tell_name(change, naming.dir, naming.name, naming.name_len);
	srd_dentry_remove(state, dentry);
	lose_name(state, index);
	return 0;
}

/* ---- Rename ---- */

struct renaming {
	struct srd_naming from, to;
	uint32_t source, target;       /* dentries; target 0: none */
	uint32_t moved, victim;        /* inodes; victim 0: none */
};

/* True if INODE would come to lie below itself in DIR. */
static bool makes_cycle(const struct srd_state *state, uint32_t inode, uint32_t from, uint32_t dir)
{
	return from != dir && srd_inode_is_dir(srd_inode_at(state, inode)) &&
	       srd_state_is_below(state, dir, inode);
}

/* Finds what OP, a RENAME, names; false if it is not as the op says. */
static bool find_renaming(const struct srd_change *change, struct renaming *r)
{
	const struct srd_state *state = change->state;
	const struct srd_op *op = change->op;

	if (!find_name(change, &r->from, &r->source) || r->source == 0 ||
	    !find_new_name(change, &r->to, &r->target))
		return false;
	r->moved = srd_dentry_at(state, r->source)->inode;
	r->victim = r->target ? srd_dentry_at(state, r->target)->inode : 0;
	return srd_inode_at(state, r->moved)->ino == op->ino && r->moved != r->victim &&
	       (r->victim ? srd_inode_at(state, r->victim)->ino : 0) == op->victim;
}

static bool may_replace(const struct srd_state *state, const struct renaming *r)
{
	const struct srd_inode *moved = srd_inode_at(state, r->moved);
	const struct srd_inode *victim = srd_inode_at(state, r->victim);

	return srd_inode_is_dir(moved) == srd_inode_is_dir(victim) && is_empty_or_file(victim);
}

static bool may_rename(const struct srd_state *state, const struct srd_op *op,
                       const struct renaming *r)
{
	if (makes_cycle(state, r->moved, r->from.dir, r->to.dir))
		return false;
	if (op->flags & SRD_OP_EXCHANGE)
		return r->victim != 0 && !makes_cycle(state, r->victim, r->to.dir, r->from.dir);
	return r->victim == 0 || may_replace(state, r);
}

/* A name that stays (both of an exchange, the new one where there is a victim)
 * keeps its entry, so that a walk over the entries sees it exactly once. */
static int rename_entries(struct srd_state *state, const struct srd_op *op,
                          const struct renaming *r)
{
	if (r->victim == 0)
		return srd_dentry_move(state, r->source, &r->to);
	srd_dentry_repoint(state, r->target, r->moved);
	if (op->flags & SRD_OP_EXCHANGE) {
		srd_dentry_repoint(state, r->source, r->victim);
	} else {
		srd_dentry_remove(state, r->source);
		lose_name(state, r->victim);
	}
	return 0;
}

static void tell_renaming(const struct srd_change *change, const struct renaming *r)
{
	const struct srd_dentry *source = srd_dentry_at(change->state, r->source);

	srd_change_tell_name(change, r->from.dir, source->name, source->name_len);
	srd_change_tell_name(change, r->to.dir, r->to.name, r->to.name_len);
	if (r->from.dir == r->to.dir)
		return;
	/* In a directory ".." is another one now. */
	srd_change_tell(change, srd_inode_at(change->state, r->moved), 0, SRD_FILE_LEN_MAX);
	if (r->victim != 0)
		srd_change_tell(change, srd_inode_at(change->state, r->victim), 0, SRD_FILE_LEN_MAX);
}

int srd_apply_rename(const struct srd_change *change)
{
	struct renaming r;

	if (!find_renaming(change, &r) || !may_rename(change->state, change->op, &r))
		return srd_change_misfit(change);
	srd_change_mark_modified(change, r.from.dir);
	srd_change_mark_modified(change, r.to.dir);
	srd_change_mark(change, r.moved);
	if (r.victim != 0)
		srd_change_mark(change, r.victim);
	tell_renaming(change, &r);
	return rename_entries(change->state, change->op, &r);
}

int srd_apply_free(const struct srd_change *change)
{
	uint32_t index = live_inode(change->state, change->op->ino);

	if (index == 0 || srd_inode_at(change->state, index)->nlink != 0)
		return srd_change_misfit(change);
	change->state->unnamed--;
	srd_inode_give_up(change->state, index);
	return 0;
}
