/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/histories.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/check.h"
#include "format/ops.h"

void srd_histories_release(struct srd_histories *histories)
{
	free(histories->table);
	*histories = (struct srd_histories){ 0 };
}

static struct srd_history *slot_of(const struct srd_histories *histories, uint64_t ino)
{
	struct srd_history *table = histories->table;
	size_t mask = histories->cap - 1, at = (size_t)(ino * UINT64_C(0x9e3779b97f4a7c15) >> 20) & mask;

	while (table[at].ino != 0 && table[at].ino != ino)
		at = (at + 1) & mask;
	return &table[at];
}

static int grow(struct srd_histories *histories)
{
	struct srd_histories larger = { .cap = histories->cap ? 2 * histories->cap : 1024, .used = histories->used };

	larger.table = calloc(larger.cap, sizeof *larger.table);
	if (!larger.table)
		return -ENOMEM;
	for (size_t i = 0; i < histories->cap; i++)
		if (histories->table[i].ino)
			*slot_of(&larger, histories->table[i].ino) = histories->table[i];
	free(histories->table);
	*histories = larger;
	return 0;
}

struct srd_history *srd_histories_of(struct srd_histories *histories, uint64_t ino)
{
	if (2 * (histories->used + 1) > histories->cap && grow(histories) != 0)
		return NULL;
	struct srd_history *history = slot_of(histories, ino);
	histories->used += history->ino == 0;
	history->ino = ino;
	return history;
}

bool srd_history_is_content(const struct srd_op *op)
{
	return op->has_run && op->run.len > 0 &&
	       (op->kind == SRD_OP_WRITE || (op->kind == SRD_OP_MAKE && S_ISREG(op->mode)));
}

bool srd_history_is_version(const struct srd_op *op)
{
	switch (op->kind) {
	case SRD_OP_MAKE:
		return srd_history_is_content(op);
	case SRD_OP_HOLE:
		return true;
	case SRD_OP_WRITE:
		return op->run.len > 0;
	case SRD_OP_REFS:
		return op->ref_count > 0 && !(op->flags & SRD_OP_KEEP_SIZE);
	case SRD_OP_SETATTR:
		return (op->mask & SRD_ATTR_SIZE) && op->size > 0;
	default:
		return false;
	}
}

int srd_histories_begin(struct srd_histories *histories, const struct srd_state *state)
{
	for (uint32_t i = 1; i < state->inodes.count; i++) {
		const struct srd_inode *inode = srd_inode_at(state, i);
		if (!S_ISREG(inode->mode) || inode->size == 0)
			continue;
		struct srd_history *history = srd_histories_of(histories, inode->ino);
		if (!history)
			return -ENOMEM;
		history->count = 1;
	}
	return 0;
}

static int note_heir(struct srd_histories *histories, const struct srd_op *op)
{
	struct srd_history *history = srd_histories_of(histories, op->victim);

	if (history)
		history->heir = op->ino;
	return history ? 0 : -ENOMEM;
}

static int note_version(struct srd_histories *histories, const struct srd_record *record, const struct srd_op *op)
{
	struct srd_history *history = srd_histories_of(histories, op->ino);

	if (history && history->record != record->offset) {
		history->record = record->offset;
		history->count++;
	}
	return history ? 0 : -ENOMEM;
}

int srd_histories_count(void *histories, const struct srd_record *record, const uint8_t *metadata)
{
	struct srd_ops ops = srd_ops_of(record, metadata);
	struct srd_op op;
	int error = 0;

	while (!error && srd_ops_next(&ops, &op)) {
		if (op.kind == SRD_OP_RENAME && op.victim && !(op.flags & SRD_OP_EXCHANGE))
			error = note_heir(histories, &op);
		else if (srd_history_is_version(&op))
			error = note_version(histories, record, &op);
	}
	return error;
}

/* How many of its versions are among the last VERSIONS of the file that has the name now. */
static uint32_t share_of(const struct srd_histories *histories, const struct srd_history *history,
                         const struct srd_state *now, uint32_t versions)
{
	uint32_t left = versions;

	while (left > 0 && srd_state_inode_of(now, history->ino) == 0) {
		if (history->heir == 0)
			return 0;
		history = slot_of(histories, history->heir);
		uint32_t newer = history->ino ? SRD_MAX(history->count, 1U) : left;
		left -= SRD_MIN(left, newer);
	}
	return left;
}

void srd_histories_share_out(struct srd_histories *histories, const struct srd_state *now, uint32_t versions)
{
	for (size_t i = 0; i < histories->cap; i++) {
		struct srd_history *history = &histories->table[i];
		if (history->ino)
			history->kept = share_of(histories, history, now, versions);
		history->record = 0;
	}
}
