/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "log/overlay.h"
#include "store/reissuing.h"

/* The key of INO into TO; false if it has none. */
static bool key_of(const struct srd_state *state, uint64_t ino, char to[SRD_KEY_MAX + 1])
{
	uint32_t index = srd_state_inode_of(state, ino);
	uint32_t dentry = index ? srd_inode_at(state, index)->dentry : 0;
	char buffer[SRD_KEY_MAX + 1];
	const char *key = "";
	int len = dentry ? srd_state_path(state, dentry, buffer, &key) : 0;

	if (len < 0 || (!dentry && ino != SRD_ROOT_INO))
		return false;
	memcpy(to, key, (size_t)len);
	to[len] = 0;
	return true;
}

/* True if INO has a name in the view that it got there. */
static bool was_named_here(const struct srd_reissue *r, uint64_t ino)
{
	const struct srd_state *state = &r->view->state;
	uint32_t index = srd_state_inode_of(state, ino);
	uint32_t dentry = index ? srd_inode_at(state, index)->dentry : 0;

	return dentry && srd_log_is_over(r->view->log, srd_dentry_at(state, dentry)->name);
}

int srd_reissue_clash_inode(const struct srd_reissue *r, uint64_t ino)
{
	const struct srd_state *here = &r->view->state, *there = &r->txn->store->state;
	bool named_here = was_named_here(r, ino);
	char *key = r->conflict->key;

	if (!key_of(named_here ? there : here, ino, key) && !key_of(named_here ? here : there, ino, key))
		snprintf(key, sizeof r->conflict->key, "inode %llu", (unsigned long long)ino);
	return -EBUSY;
}

int srd_reissue_clash_name(const struct srd_reissue *r, uint64_t dir, const char *name, size_t len)
{
	char *key = r->conflict->key;
	bool below = key_of(&r->view->state, dir, key) && key[0];
	size_t at = below ? strlen(key) : 0;

	snprintf(key + at, sizeof r->conflict->key - at, "%s%.*s", below ? "/" : "", (int)len, name);
	return -EBUSY;
}

bool srd_reissue_is_clash(int error)
{
	switch (error) {
	case -ENOENT:
	case -EEXIST:
	case -ENOTDIR:
	case -EISDIR:
	case -ENOTEMPTY:
	case -EMLINK:
	case -EINVAL:
	case -EPERM:
	case -ENODATA: return true;
	default: return false;
	}
}

/* True if LAST_OP, in the store's log, is what PREV is in the view's. */
static bool is_same_op(const struct srd_reissue *r, uint64_t prev, uint64_t last_op)
{
	if (!srd_brought_is_moved(r->brought))
		return prev == last_op;
	/* In another log it lies elsewhere; but commits keep their numbers. */
	return srd_brought_sequence(r->view->log, prev) == srd_brought_sequence(r->txn->store->log, last_op);
}

int srd_reissue_check_inode(const struct srd_reissue *r, uint64_t ino, uint64_t prev)
{
	const struct srd_state *state = &r->txn->store->state;

	if (ino >= r->view->private->first_ino || srd_log_is_over(r->view->log, prev))
		return 0;
	uint32_t index = srd_state_inode_of(state, ino);
	if (!index)
		return srd_reissue_clash_inode(r, ino);
	const struct srd_inode *inode = srd_inode_at(state, index);
	bool changed = inode->gone || (!srd_inode_is_dir(inode) && !is_same_op(r, prev, inode->last_op));
	return changed ? srd_reissue_clash_inode(r, ino) : 0;
}

int srd_reissue_check_name(const struct srd_reissue *r, uint64_t dir, const char *name, size_t len, uint64_t ino)
{
	struct srd_node node;
	int error = srd_txn_lookup(r->txn, srd_reissue_ino(r, dir), name, len, &node);

	if (error && !srd_reissue_is_clash(error))
		return error;
	bool same = ino ? !error && node.ino == srd_reissue_ino(r, ino) : error == -ENOENT;
	return same ? 0 : srd_reissue_clash_name(r, dir, name, len);
}

/* What somebody relied on is as the view has it.  Where the view has changed it that has
 * been asked before, and both have it by now. */
static int check_expected(const struct srd_reissue *r, const struct srd_expected *expected)
{
	const struct srd_state *state = &r->view->state;
	const char *name = r->view->private->text + expected->text;
	uint32_t index = srd_state_inode_of(state, expected->ino);

	if (!index || srd_inode_at(state, index)->gone)
		return 0;
	if (expected->len == 0)
		return srd_reissue_check_inode(r, expected->ino, srd_inode_at(state, index)->last_op);
	uint32_t dentry = srd_state_lookup(state, index, name, expected->len);
	uint64_t ino = dentry ? srd_inode_at(state, srd_dentry_at(state, dentry)->inode)->ino : 0;
	return srd_reissue_check_name(r, expected->ino, name, expected->len, ino);
}

int srd_reissue_check_expected(const struct srd_reissue *r)
{
	struct srd_private *private = r->view->private;
	SRD_LOCK_GUARD(&private->mutex);
	int error = 0;

	for (size_t i = 0; i < private->expected_count && !error; i++)
		error = check_expected(r, &private->expected[i]);
	return error;
}
