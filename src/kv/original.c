/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "kv/original.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/check.h"
#include "base/cleanup.h"

enum { PIECE_LEN = 1 << 20 };   /* read and appended at once */

void srd_original_init(struct srd_original *original, struct srd_salvaged *salvaged)
{
	*original = (struct srd_original){ .salvaged = salvaged };
	srd_extents_init(&original->extents);
}

void srd_original_release(struct srd_original *original)
{
	srd_extents_release(&original->extents);
	free(original->attributes);
}

/* ---- Taking ---- */

static int take_attributes(struct srd_original *original, const struct srd_state *state, const struct srd_inode *inode)
{
	for (const struct srd_xattr *xattr = NULL; (xattr = srd_state_next_xattr(state, inode, xattr));) {
		int error = srd_array_reserve(&original->attributes, &original->attribute_cap,
		                              original->attribute_count + 1, sizeof *original->attributes);
		if (error)
			return error;
		original->attributes[original->attribute_count++] = *xattr;
	}
	return 0;
}

int srd_original_take(struct srd_original *original, struct srd_store *store, uint32_t index)
{
	const struct srd_inode *inode = srd_inode_at(&store->state, index);
	int error = 0;

	original->log = store->log;
	srd_stat_fill(store, inode, &original->st);
	if (original->st.kind == SRD_FILE || original->st.kind == SRD_SYMLINK)
		error = srd_extents_copy(&store->state, inode, &original->extents);
	return error ? error : take_attributes(original, &store->state, inode);
}

int srd_original_hold(struct srd_original *original, struct srd_store *source, struct srd_path *path, bool directory,
                      struct srd_hold *hold)
{
	unsigned stripe;
	uint32_t index;
	int error = srd_store_read(source, &stripe);

	if (error)
		return error;
	if (path) {
		uint32_t dentry = srd_path_find(&source->state, path);
		index = dentry ? srd_dentry_at(&source->state, dentry)->inode : 0;
	} else {
		index = srd_state_inode_of(&source->state, SRD_ROOT_INO);
	}
	if (index == 0)
		error = srd_store_absence(source, -ENOENT);
	else if (srd_inode_is_dir(srd_inode_at(&source->state, index)) != directory)
		error = directory ? -ENOTDIR : -EISDIR;
	else
		error = srd_original_take(original, source, index);
	if (!error)
		*hold = srd_store_hold_read(source, stripe);
	int bad = srd_store_done(source, stripe);
	if (bad && !error)
		srd_hold_drop(hold);
	return bad ? bad : error;
}

/* ---- Attributes ---- */

int srd_original_put_attributes(const struct srd_original *original, struct srd_txn *txn, uint64_t ino)
{
	const struct srd_source source = srd_store_source(original->log);
	int error = 0;

	for (size_t i = 0; i < original->attribute_count && !error; i++) {
		const struct srd_xattr *attribute = &original->attributes[i];
		const char *name = srd_xattr_name(&source, attribute);
		const uint8_t *value = (const uint8_t *)"";
		struct srd_run run;
		if (!name || !srd_log_run(original->log, attribute->run, &run))
			error = SRD_ECORRUPT;
		else if (run.len > 0)
			error = srd_value_bytes(original->log, attribute->run, 0, run.len, &value);
		if (srd_original_is_damaged(error) && original->salvaged) {
			original->salvaged->attributes++;
			error = 0;
			continue;
		}
		if (!error)
			error = srd_txn_xattr(txn, ino, name, attribute->name_len, value, run.len);
	}
	return error;
}

/* ---- Content ---- */

static void note(struct srd_salvaged *salvaged, uint64_t pos, uint64_t len)
{
	if (salvaged->bytes == 0)
		salvaged->pos = pos;
	salvaged->bytes += len;
}

/* Copies LEN bytes, of one block, to TO: what is checked is what is handed out. */
static int fetch(const struct srd_original *original, const struct srd_ref *ref, uint32_t done, uint32_t len, uint8_t *to)
{
	struct srd_run run;

	if (!srd_log_run(original->log, ref->run, &run))
		return srd_log_run_error(original->log, ref->run);
	return srd_log_copy(original->log, &run, ref->skip + done, len, to);
}

/* Adds [done, done + len) of REF by the block; if some may be left out, as much of it as is sound. */
static int append_sound(struct srd_store *store, const struct srd_original *original, const struct srd_ref *ref,
                        uint32_t done, uint32_t len, struct srd_extents *content)
{
	uint8_t block[SRD_BLOCK_LEN];
	int error = 0;

	for (uint32_t end = done + len, piece; done < end && !error; done += piece) {
		piece = SRD_MIN(end - done, SRD_BLOCK_LEN - (ref->skip + done) % SRD_BLOCK_LEN);
		error = fetch(original, ref, done, piece, block);
		if (srd_original_is_damaged(error) && original->salvaged) {
			note(original->salvaged, ref->pos + done, piece);
			error = 0;
		} else if (!error && store) {
			error = srd_extents_append(content, store, ref->pos + done, block, piece);
		}
	}
	return error;
}

/* The same at once, if all of it is sound: out of the mapping, or, once something of that is gone, by a copy. */
static int append_whole(struct srd_store *store, const struct srd_original *original, const struct srd_ref *ref,
                        uint32_t done, uint32_t len, struct srd_extents *content)
{
	SRD_AUTO_FREE uint8_t *copied = srd_log_is_lost(original->log) ? malloc(len) : NULL;
	const uint8_t *data = copied;
	size_t count = content->count;
	unsigned long faults = srd_log_faults(original->log);
	int error = copied ? fetch(original, ref, done, len, copied)
	            : srd_value_bytes(original->log, ref->run, ref->skip + done, len, &data);

	if (!error)
		error = srd_extents_append(content, store, ref->pos + done, data, len);
	/* In place of what the disk does not give there may be zeros now, or the kernel met it. */
	if (!copied && (error == -EFAULT || srd_log_faults(original->log) != faults)) {
		content->count = count;
		error = SRD_ELOST;
	}
	return error;
}

int srd_original_append(const struct srd_original *original, struct srd_store *store, struct srd_extents *content)
{
	int error = 0;

	for (size_t i = 0; i < original->extents.count && !error; i++) {
		const struct srd_ref *ref = &original->extents.refs[i];
		uint32_t piece;
		for (uint32_t done = 0; ref->run != 0 && done < ref->len && !error; done += piece) {
			piece = SRD_MIN(ref->len - done, (uint32_t)PIECE_LEN);
			error = append_whole(store, original, ref, done, piece, content);
			if (error == SRD_ELOST || (error == SRD_ECORRUPT && original->salvaged))
				error = append_sound(store, original, ref, done, piece, content);
		}
	}
	content->size = original->st.size;
	return error;
}

int srd_original_survey(const struct srd_original *original)
{
	int error = 0;

	for (size_t i = 0; i < original->extents.count && !error; i++)
		if (original->extents.refs[i].run != 0)
			error = append_sound(NULL, original, &original->extents.refs[i], 0, original->extents.refs[i].len, NULL);
	return error;
}

int srd_original_check_untrimmed(const struct srd_original *original)
{
	struct srd_run run;
	int error = 0;

	for (size_t i = 0; i < original->extents.count && !error; i++) {
		const struct srd_ref *ref = &original->extents.refs[i];
		if (!srd_ref_has_run(ref) || !srd_log_run(original->log, ref->run, &run))
			continue;
		error = srd_log_is_trimmed(original->log, run.offset + run.distance + ref->skip, ref->len);
		if (error > 0)
			error = srd_log_verify(original->log, &run, ref->skip, ref->len) == SRD_ETRIMMED ? SRD_ETRIMMED : 0;
	}
	return error;
}
