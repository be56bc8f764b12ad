/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot.c - the commits that give the state of a store a name, and take it away. */
#include "config.h"

#include <string.h>

#include "store/point.h"
#include "store/txn.h"

/* A name that could be meant for a time or a number would never be found. */
static int check_name(const char *name)
{
	struct srd_log_point point;
	size_t len = strlen(name);

	if (len > SRD_NAME_MAX)
		return -ENAMETOOLONG;
	return !srd_name_is_sound(name, len) || srd_point_parse(name, 0, &point) ? -EINVAL : 0;
}

static bool is_there(const struct srd_txn *txn, const char *name)
{
	return srd_state_snapshot(&txn->store->state, name, strlen(name)) != 0;
}

static int check(const struct srd_txn *txn, const struct srd_op *op)
{
	bool makes = op->flags == 0;
	const char *made = makes ? op->name : op->new_name;

	if (!makes && !is_there(txn, op->name))
		return -ENOENT;
	if (made && is_there(txn, made))
		return -EEXIST;
	return makes && txn->store->state.snapshots.live >= SRD_SNAPSHOTS_MAX ? SRD_EFULL : 0;
}

/* The names of OP are NUL-terminated. */
static int commit(struct srd_store *store, struct srd_op *op)
{
	struct srd_txn *txn;
	uint32_t root;
	uint64_t offset;
	int error = store->private ? -EOPNOTSUPP : srd_txn_begin(store, &txn);

	if (error)
		return error;
	error = check(txn, op);
	if (!error)
		error = srd_pending_touch(txn, SRD_ROOT_INO, &root);
	if (!error) {
		op->prev = srd_txn_at(txn, root)->last_op;
		error = srd_txn_add_op(txn, op, NULL, &offset);
	}
	if (error) {
		srd_txn_abort(txn);
		return error;
	}
	if (op->flags == 0)
		store->wanted = (struct srd_store_image){ .offset = atomic_load(&store->log->end), .ops = store->state.ops };
	return srd_txn_commit(txn, NULL);
}

int srd_store_snapshot(struct srd_store *store, const char *name)
{
	struct srd_op op = { .kind = SRD_OP_SNAPSHOT, .ino = SRD_ROOT_INO, .name = name, .name_len = (uint8_t)strlen(name) };
	int error = check_name(name);

	return error ? error : commit(store, &op);
}

int srd_store_snapshot_rename(struct srd_store *store, const char *name, const char *new_name)
{
	struct srd_op op = { .kind = SRD_OP_SNAPSHOT, .flags = SRD_OP_RENAMED, .ino = SRD_ROOT_INO, .name = name,
	                     .name_len = (uint8_t)strlen(name), .new_name = new_name,
	                     .new_name_len = (uint8_t)strlen(new_name) };
	int error = check_name(name);

	if (!error)
		error = check_name(new_name);
	return error ? error : commit(store, &op);
}

int srd_store_snapshot_delete(struct srd_store *store, const char *name)
{
	struct srd_op op = { .kind = SRD_OP_SNAPSHOT, .flags = SRD_OP_REMOVE, .ino = SRD_ROOT_INO, .name = name,
	                     .name_len = (uint8_t)strlen(name) };
	int error = check_name(name);

	return error ? error : commit(store, &op);
}
