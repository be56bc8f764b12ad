/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy.c - a file, symlink or node under a second key, in this store or in
 * another: content, mode, owner, times and extended attributes, in one commit.
 *
 * Inside a store, and from a view of its past, the copy names the same bytes of the log.
 * Across stores they are appended to the target first.  What stood at the target key is taken
 * away, not written into: its other names keep what they had.
 */
#include "config.h"

#include "kv/kv.h"

#include <stdlib.h>

#include "base/check.h"

enum { PIECE_LEN = 1 << 20 };   /* read and appended at once, across stores */

struct attribute {
	uint64_t name, run;       /* offsets in the log of the source */
	uint32_t name_len;
};

/* What is copied, taken out of the source's state. */
struct original {
	struct srd_log *log;      /* held, or in a transaction */
	struct srd_stat st;
	struct srd_extents extents;
	struct attribute *attributes;
	size_t attribute_count;
	struct srd_salvaged *salvaged;   /* not NULL: damage is left out, and noted here */
};

static void original_release(struct original *original)
{
	srd_extents_release(&original->extents);
	free(original->attributes);
}

static int take_attributes(const struct srd_state *state, const struct srd_inode *inode,
                           struct original *original)
{
	size_t cap = 0;

	for (const struct srd_xattr *xattr = srd_state_next_xattr(state, inode, NULL); xattr;
	     xattr = srd_state_next_xattr(state, inode, xattr)) {
		if (original->attribute_count == cap) {
			cap = cap ? cap * 2 : 8;
			struct attribute *grown = realloc(original->attributes, cap * sizeof *grown);
			if (!grown)
				return -ENOMEM;
			original->attributes = grown;
		}
		original->attributes[original->attribute_count++] = (struct attribute){
			.name = xattr->name, .run = xattr->run, .name_len = xattr->name_len };
	}
	return 0;
}

/* Copies what there is to know of inode INDEX.  Read side held, or a transaction. */
static int take(struct srd_store *store, uint32_t index, struct original *original)
{
	const struct srd_inode *inode = srd_inode_at(&store->state, index);
	int error = 0;

	original->log = store->log;
	srd_stat_fill(store, inode, &original->st);
	if (original->st.kind == SRD_FILE || original->st.kind == SRD_SYMLINK)
		error = srd_extents_copy(&store->state, inode, &original->extents);
	return error ? error : take_attributes(&store->state, inode, original);
}

static int put_attributes(struct srd_txn *txn, uint64_t ino, const struct original *original)
{
	int error = 0;

	for (size_t i = 0; i < original->attribute_count && !error; i++) {
		const struct attribute *attribute = &original->attributes[i];
		const uint8_t *name = srd_log_at(original->log, attribute->name, attribute->name_len);
		const uint8_t *value = (const uint8_t *)"";
		struct srd_run run;
		if (!name || !srd_log_run(original->log, attribute->run, &run))
			error = SRD_ECORRUPT;
		else if (run.len > 0)
			error = srd_value_bytes(original->log, attribute->run, 0, run.len, &value);
		if (error == SRD_ECORRUPT && original->salvaged) {
			original->salvaged->attributes++;
			error = 0;
			continue;
		}
		if (!error)
			error = srd_txn_xattr(txn, ino, (const char *)name, attribute->name_len, value, run.len);
	}
	return error;
}

/* Adds [skip, skip + len) of REF's run, as much of it as is sound: by the block. */
static int append_sound(struct srd_store *store, const struct original *original, const struct srd_ref *ref,
                        uint32_t done, uint32_t len, struct srd_extents *content)
{
	int error = 0;

	for (uint32_t end = done + len, piece; done < end && !error; done += piece) {
		const uint8_t *data;
		piece = SRD_MIN(end - done, SRD_BLOCK_LEN - (ref->skip + done) % SRD_BLOCK_LEN);
		error = srd_value_bytes(original->log, ref->run, ref->skip + done, piece, &data);
		if (error == SRD_ECORRUPT) {
			srd_salvaged_note(original->salvaged, ref->pos + done, piece);
			error = 0;
		} else if (!error && store) {
			error = srd_extents_append(content, store, ref->pos + done, data, piece);
		}
	}
	return error;
}

static int put_times(struct srd_txn *txn, uint64_t ino, const struct original *original)
{
	unsigned mask = SRD_SET_ATIME | SRD_SET_MTIME;
	struct srd_attr attr = srd_attr_from(&original->st, mask, original->st.mode);

	return srd_txn_set_attr(txn, ino, &attr);
}

/* Takes away what stands at PATH.  *SAME: it is the inode INO, and stays. */
static int clear(struct srd_txn *txn, uint64_t dir, const struct srd_path *path, uint64_t ino, bool *same)
{
	struct srd_node node;
	int error = srd_txn_lookup(txn, dir, path->name, path->name_len, &node);

	*same = false;
	if (error)
		return error == -ENOENT ? 0 : error;
	if (S_ISDIR(node.mode))
		return -EISDIR;
	*same = node.ino == ino;
	return *same ? 0 : srd_txn_unlink(txn, dir, path->name, path->name_len, 0);
}

/* Makes the copy at PATH; INO: the original if it is of the same store, else 0. */
static int place(struct srd_store *store, struct srd_txn *txn, struct srd_path *path,
                 const struct original *original, const struct srd_extents *content, uint64_t ino)
{
	const struct srd_stat *st = &original->st;
	const uint8_t *target = NULL;
	uint64_t dir, copy;
	bool same = false;
	int error = srd_path_enter(store, txn, path, &dir);

	if (!error)
		error = clear(txn, dir, path, ino, &same);
	if (error || same)
		return error;
	if (st->kind == SRD_SYMLINK && original->extents.count > 0)
		error = srd_value_bytes(original->log, original->extents.refs[0].run, 0,
		                        (uint32_t)st->size, &target);
	if (!error)
		error = srd_txn_make(txn, dir, path->name, path->name_len, st->mode, st->uid, st->gid,
		                     st->rdev, target, target ? st->size : 0, &copy);
	if (!error && st->kind == SRD_FILE)
		error = srd_body_refer(txn, copy, content, false);
	if (!error)
		error = put_attributes(txn, copy, original);
	return error ? error : put_times(txn, copy, original);
}

static int copy_within(struct srd_store *store, struct srd_path *from, struct srd_path *to,
                       struct original *original)
{
	struct srd_node node;
	struct srd_txn *txn;
	int error = srd_txn_begin(store, &txn);

	if (error)
		return error;
	error = srd_path_node(txn, from, &node);
	if (!error && S_ISDIR(node.mode))
		error = -EISDIR;
	if (!error)
		error = take(store, node.inode, original);
	if (!error)
		error = place(store, txn, to, original, &original->extents, node.ino);
	return srd_txn_end(txn, error);
}

/* Appends the original's bytes to STORE, its holes left out. */
static int append_content(struct srd_store *store, const struct original *original,
                          struct srd_extents *content)
{
	int error = 0;

	for (size_t i = 0; i < original->extents.count && !error; i++) {
		const struct srd_ref *ref = &original->extents.refs[i];
		uint32_t piece;
		for (uint32_t done = 0; ref->run != 0 && done < ref->len && !error; done += piece) {
			const uint8_t *data;
			piece = SRD_MIN(ref->len - done, (uint32_t)PIECE_LEN);
			error = srd_value_bytes(original->log, ref->run, ref->skip + done, piece, &data);
			if (error == SRD_ECORRUPT && original->salvaged)
				error = append_sound(store, original, ref, done, piece, content);
			else if (!error)
				error = srd_extents_append(content, store, ref->pos + done, data, piece);
		}
	}
	content->size = original->st.size;
	return error;
}

/* Makes the copy of what lies in another store, all of which was there to be read. */
static int place_whole(struct srd_store *target, struct srd_txn *txn, struct srd_path *to,
                       const struct original *original, const struct srd_extents *content)
{
	int error = place(target, txn, to, original, content, 0);

	return !error && srd_log_is_lost(original->log) ? SRD_ELOST : error;
}

/* SRD_ETRIMMED if some of it was given up: it must not become anybody's content. */
static int check_untrimmed(struct srd_log *log, const struct srd_extents *extents)
{
	struct srd_run run;
	int error = 0;

	for (size_t i = 0; i < extents->count && !error; i++) {
		const struct srd_ref *ref = &extents->refs[i];
		if (!srd_ref_has_run(ref) || !srd_log_run(log, ref->run, &run))
			continue;
		error = srd_log_is_trimmed(log, run.offset + run.distance + ref->skip, ref->len);
		if (error > 0)
			error = srd_log_verify(log, &run, ref->skip, ref->len) == SRD_ETRIMMED ? SRD_ETRIMMED : 0;
	}
	return error;
}

/* What a view of the past has is there to be named again: -EXDEV if it is of another log. */
static int copy_shared(struct srd_store *target, struct srd_path *to, const struct original *original)
{
	struct srd_txn *txn;
	/* Nothing of it is trimmed later: the view may still use it. */
	int error = original->salvaged ? -EXDEV : check_untrimmed(original->log, &original->extents);

	if (!error)
		error = srd_txn_begin(target, &txn);
	if (error)
		return error;
	if (target->log != original->log) {
		srd_txn_abort(txn);
		return -EXDEV;
	}
	return srd_txn_end(txn, place_whole(target, txn, to, original, &original->extents));
}

static int copy_taken(struct srd_store *target, struct srd_path *to, const struct original *original)
{
	struct srd_extents content;
	struct srd_txn *txn;
	int error = copy_shared(target, to, original);

	if (error != -EXDEV)
		return error;
	error = 0;
	srd_extents_init(&content);
	if (original->st.kind == SRD_FILE)
		error = append_content(target, original, &content);
	if (!error)
		error = srd_extents_begin(&content, target, &txn);
	if (!error)
		error = srd_txn_end(txn, place_whole(target, txn, to, original, &content));
	srd_extents_release(&content);
	return error;
}

/* Takes what stands at the end of PATH (NULL: the root); *HOLD holds its bytes. */
static int take_held(struct srd_store *source, struct srd_path *path, bool directory,
                     struct original *original, struct srd_hold *hold)
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
		error = take(source, index, original);
	if (!error)
		*hold = srd_store_hold_read(source, stripe);
	int bad = srd_store_done(source, stripe);
	if (bad && !error)
		srd_hold_drop(hold);
	return bad ? bad : error;
}

static int copy_across(struct srd_store *source, struct srd_path *from,
                       struct srd_store *target, struct srd_path *to, struct original *original)
{
	struct srd_hold hold;
	int error = take_held(source, from, false, original, &hold);

	if (error)
		return error;
	error = copy_taken(target, to, original);
	srd_hold_drop(&hold);
	return error;
}

int srd_copy(struct srd_store *source, const void *from, size_t from_len,
             struct srd_store *target, const void *to, size_t to_len)
{
	struct original original = { 0 };
	struct srd_path from_path, to_path;
	int error = srd_path_start(&from_path, from, from_len);

	if (!error)
		error = srd_path_start(&to_path, to, to_len);
	if (error)
		return error;
	srd_extents_init(&original.extents);
	if (source == target)
		error = copy_within(source, &from_path, &to_path, &original);
	else
		error = copy_across(source, &from_path, target, &to_path, &original);
	original_release(&original);
	return error;
}

/* ---- For salvage.c ---- */

void srd_salvaged_note(struct srd_salvaged *salvaged, uint64_t pos, uint64_t len)
{
	if (salvaged->bytes == 0)
		salvaged->pos = pos;
	salvaged->bytes += len;
}

/* What of the content is damaged, without writing anything. */
static int survey(const struct original *original)
{
	int error = 0;

	for (size_t i = 0; i < original->extents.count && !error; i++)
		if (original->extents.refs[i].run != 0)
			error = append_sound(NULL, original, &original->extents.refs[i], 0, original->extents.refs[i].len, NULL);
	return error;
}

static int salvage_taken(struct srd_store *target, struct srd_path *to, struct original *original, bool keep)
{
	int error = survey(original);

	if (error || (original->salvaged->bytes > 0 && !(keep && original->st.kind == SRD_FILE)))
		return error ? error : SRD_ECORRUPT;
	struct srd_salvaged again = { 0 };
	struct srd_salvaged *salvaged = original->salvaged;
	original->salvaged = &again;
	error = copy_taken(target, to, original);
	salvaged->attributes = again.attributes;
	original->salvaged = salvaged;
	return error;
}

int srd_copy_salvage(struct srd_store *source, struct srd_store *target, const void *key, size_t key_len,
                     bool keep, struct srd_salvaged *salvaged)
{
	struct original original = { .salvaged = salvaged };
	struct srd_path from, to;
	struct srd_hold hold;
	int error = srd_path_start(&from, key, key_len);

	*salvaged = (struct srd_salvaged){ 0 };
	if (error)
		return error;
	srd_path_start(&to, key, key_len);
	srd_extents_init(&original.extents);
	error = take_held(source, &from, false, &original, &hold);
	if (!error) {
		error = salvage_taken(target, &to, &original, keep);
		srd_hold_drop(&hold);
	}
	original_release(&original);
	return error;
}

static int put_directory(struct srd_txn *txn, struct srd_path *path, const struct original *original)
{
	unsigned all = SRD_SET_MODE | SRD_SET_UID | SRD_SET_GID | SRD_SET_ATIME | SRD_SET_MTIME;
	struct srd_node node = { .ino = SRD_ROOT_INO, .mode = S_IFDIR };
	int error = path ? srd_path_node(txn, path, &node) : 0;

	if (error)
		return error;
	struct srd_attr attr = srd_attr_from(&original->st, all, node.mode);
	error = put_attributes(txn, node.ino, original);
	return error ? error : srd_txn_set_attr(txn, node.ino, &attr);
}

int srd_copy_directory(struct srd_store *source, struct srd_store *target, const void *key, size_t key_len,
                       struct srd_salvaged *salvaged)
{
	struct original original = { .salvaged = salvaged };
	struct srd_path from, to;
	struct srd_txn *txn;
	struct srd_hold hold;
	int error = key_len ? srd_path_start(&from, key, key_len) : 0;

	*salvaged = (struct srd_salvaged){ 0 };
	if (!error && key_len)
		error = srd_path_start(&to, key, key_len);
	srd_extents_init(&original.extents);
	if (!error)
		error = take_held(source, key_len ? &from : NULL, true, &original, &hold);
	if (error)
		return error;
	error = srd_txn_begin(target, &txn);
	if (!error)
		error = srd_txn_end(txn, put_directory(txn, key_len ? &to : NULL, &original));
	srd_hold_drop(&hold);
	original_release(&original);
	return error;
}
