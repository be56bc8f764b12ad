/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "state/lost.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "state/dentries.h"
#include "state/inodes.h"

struct made_up {
	char name[SRD_MADE_UP_LEN];   /* NUL-terminated */
	uint64_t ino;
};

void srd_lost_place(struct srd_state *state, uint64_t len)
{
	srd_table_init(&state->made_up, sizeof(struct made_up), &state->addresses, len);
}

static struct made_up *made_up_at(const struct srd_state *state, uint32_t i)
{
	return (struct made_up *)state->made_up.base + i;
}

const char *srd_lost_name(const struct srd_state *state, uint64_t offset)
{
	uint64_t i = offset - SRD_MADE_UP;

	/* Entry 0 has no memory before there is another. */
	return offset > SRD_MADE_UP && i < state->made_up.count ? made_up_at(state, (uint32_t)i)->name : NULL;
}

int64_t srd_lost_bearer(const struct srd_state *state, uint32_t i)
{
	if (i >= state->made_up.count)
		return -1;
	uint32_t inode = srd_state_inode_of(state, made_up_at(state, i)->ino);
	uint32_t dentry = inode ? srd_inode_at(state, inode)->dentry : 0;
	bool bears = dentry != 0 && srd_dentry_at(state, dentry)->name == SRD_MADE_UP + i;
	return bears ? (int64_t)made_up_at(state, i)->ino : 0;
}

/* Where `#INO` in the root is to be; *FREE false: there is one. */
static int make_up(struct srd_state *state, uint64_t ino, struct srd_naming *naming, bool *free)
{
	uint32_t root = srd_state_inode_of(state, SRD_ROOT_INO);
	uint32_t i = srd_table_alloc(&state->made_up);

	if (i == 0)
		return srd_table_error(&state->made_up);
	struct made_up *made = made_up_at(state, i);
	int len = snprintf(made->name, sizeof made->name, "#%" PRIu64, ino);
	made->ino = ino;
	*naming = (struct srd_naming){ .dir = root, .name = SRD_MADE_UP + i, .name_len = (uint8_t)len,
	                               .hash = srd_state_name_hash(state, SRD_ROOT_INO, made->name, (size_t)len) };
	*free = srd_state_lookup_hashed(state, root, naming->hash, made->name, (size_t)len) == 0;
	return 0;
}

/* An inode that a damaged commit made; MODE is what can be told of it. */
static int make_inode(const struct srd_change *change, uint64_t ino, uint32_t mode)
{
	struct srd_state *state = change->state;
	struct srd_naming naming;
	uint32_t index;
	bool free = false;

	if (ino == 0 || ino > SRD_INO_MAX)
		return 0;
	int error = make_up(state, ino, &naming, &free);
	if (error || !free)
		return error;
	error = srd_inode_add(state, ino, mode, &index);
	if (error)
		return error;
	struct srd_inode *inode = srd_inode_at(state, index), *root = srd_inode_at(state, naming.dir);
	inode->uid = root->uid;
	inode->gid = root->gid;
	inode->atime_ns = inode->mtime_ns = inode->ctime_ns = inode->btime_ns = change->now_ns;
	inode->nlink = S_ISDIR(mode) ? 2 : 1;
	return srd_dentry_add(state, &naming, index);
}

static uint32_t live(const struct srd_state *state, uint64_t ino)
{
	uint32_t index = srd_state_inode_of(state, ino);

	return index != 0 && !srd_inode_at(state, index)->gone ? index : 0;
}

static bool is_lost(const struct srd_change *change, uint64_t prev)
{
	const struct srd_source *source = &change->state->source;

	return prev != 0 && source->is_lost(source->user, change->op->offset, prev);
}

/* A directory that an op names was there when the op was written. */
static int want_directory(const struct srd_change *change, uint64_t ino)
{
	return ino == 0 || live(change->state, ino) ? 0 : make_inode(change, ino, S_IFDIR | 0700);
}

/* What bears NAME in DIR makes way.  A further name of a file just goes. */
static int make_way(const struct srd_change *change, uint32_t dentry)
{
	struct srd_state *state = change->state;
	uint32_t index = srd_dentry_at(state, dentry)->inode;
	struct srd_inode *inode = srd_inode_at(state, index);
	struct srd_naming naming;
	bool free = false;

	if (!srd_inode_is_dir(inode) && inode->nlink > 1) {
		srd_dentry_remove(state, dentry);
		inode->nlink--;
		return 0;
	}
	int error = make_up(state, inode->ino, &naming, &free);
	return error || !free ? error : srd_dentry_move(state, dentry, &naming);
}

struct wanted {
	uint64_t dir, offset;         /* of the name */
	const char *name;
	uint8_t len;
};

/* Looks WANTED up: its dentry, 0 if there is none, and how to name it so. */
static uint32_t look_up(const struct srd_state *state, const struct wanted *wanted, struct srd_naming *naming)
{
	uint32_t dir = live(state, wanted->dir);

	*naming = (struct srd_naming){ .name = wanted->offset, .name_len = wanted->len,
	                               .hash = srd_state_name_hash(state, wanted->dir, wanted->name, wanted->len) };
	if (dir == 0 || !srd_inode_is_dir(srd_inode_at(state, dir)))
		return 0;
	naming->dir = dir;
	return srd_state_lookup_hashed(state, dir, naming->hash, wanted->name, wanted->len);
}

static int want_free(const struct srd_change *change, const struct wanted *wanted)
{
	struct srd_naming naming;
	uint32_t dentry = look_up(change->state, wanted, &naming);

	return dentry ? make_way(change, dentry) : 0;
}

/* WANTED stands for INO, which is made as MODE if it is not there. */
static int want_entry(const struct srd_change *change, const struct wanted *wanted, uint64_t ino, uint32_t mode)
{
	struct srd_state *state = change->state;
	struct srd_naming naming;
	uint32_t dentry = look_up(state, wanted, &naming);
	int error = 0;

	if (naming.dir == 0 || (dentry && srd_inode_at(state, srd_dentry_at(state, dentry)->inode)->ino == ino))
		return 0;
	if (live(state, ino) == 0)
		error = make_inode(change, ino, mode);
	uint32_t index = live(state, ino);
	uint32_t own = index ? srd_inode_at(state, index)->dentry : 0;
	/* One of several names, or a directory above: nothing can be told. */
	if (error || own == 0 || (!srd_inode_is_dir(srd_inode_at(state, index)) && srd_inode_at(state, index)->nlink > 1) ||
	    (srd_inode_is_dir(srd_inode_at(state, index)) && srd_state_is_below(state, naming.dir, index)))
		return error;
	if (dentry)
		error = make_way(change, dentry);
	return error ? error : srd_dentry_move(state, own, &naming);
}

static uint32_t mode_of(const struct srd_state *state, uint64_t ino, uint32_t otherwise)
{
	uint32_t index = live(state, ino);

	return index ? srd_inode_at(state, index)->mode & S_IFMT : otherwise;
}

static int reconcile_rename(const struct srd_change *change, const struct wanted *from)
{
	const struct srd_op *op = change->op;
	struct wanted to = { .dir = op->new_parent, .name = op->new_name, .len = op->new_name_len, .offset = op->name_offset };
	uint32_t moved = mode_of(change->state, op->ino, S_IFREG);
	int error = want_directory(change, op->new_parent);

	if (!error)
		error = want_entry(change, from, op->ino, moved | 0600);
	if (!error && op->victim)
		error = want_entry(change, &to, op->victim, mode_of(change->state, op->victim, moved) | 0600);
	else if (!error)
		error = want_free(change, &to);
	return error;
}

/* An inode whose last op is lost, and which is not there, was made by it. */
static int reconcile_inode(const struct srd_change *change)
{
	const struct srd_op *op = change->op;
	bool told = op->kind == SRD_OP_SETATTR && (op->mask & SRD_ATTR_MODE) && S_ISDIR(op->mode);

	if (live(change->state, op->ino) != 0 || !is_lost(change, op->prev))
		return 0;
	return make_inode(change, op->ino, told ? op->mode & (S_IFMT | 07777) : (uint32_t)S_IFREG | 0600);
}

int srd_lost_reconcile(const struct srd_change *change)
{
	const struct srd_op *op = change->op;
	struct wanted name = { .dir = op->parent, .name = op->name, .len = op->name_len,
	                       .offset = op->name_offset - (op->kind == SRD_OP_RENAME ? op->name_len : 0) };
	int error = op->kind <= SRD_OP_RENAME ? want_directory(change, op->parent) : 0;

	if (error)
		return error;
	switch (op->kind) {
	case SRD_OP_MAKE: return op->parent ? want_free(change, &name) : 0;
	case SRD_OP_LINK: error = reconcile_inode(change); return error ? error : want_free(change, &name);
	case SRD_OP_UNLINK: return live(change->state, op->ino) ? want_entry(change, &name, op->ino, 0) : 0;
	case SRD_OP_RENAME: return reconcile_rename(change, &name);
	case SRD_OP_SETATTR:
	case SRD_OP_WRITE:
	case SRD_OP_REFS:
	case SRD_OP_HOLE:
	case SRD_OP_XATTR: return reconcile_inode(change);
	default: return 0;
	}
}
