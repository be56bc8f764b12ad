/* SPDX-License-Identifier: Apache-2.0 */
/*
 * salvage.c - all that is sound of a store, into a new one.
 *
 *     names     directories made, files copied, further names linked
 *     attributes of directories, last: copying into one would change its times
 */
#include "config.h"

#include "kv/original.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

enum { PROOFS = 8 };   /* will do, unless it rots as fast as it is read */

/* The first name under which an inode was copied. */
struct linked {
	uint64_t ino;
	bool left_out;
	size_t key_len;
	char key[];
};

struct salvage {
	struct srd_store *source, *target;
	bool keep;
	int (*call)(void *user, const struct srd_event *event);
	void *user;
	void *links;              /* tree of struct linked */
	char *directories;        /* keys, each with its NUL */
	size_t directories_len, directories_cap;
	uint64_t done, total;     /* files, for progress */
};

/* ---- One ---- */

static int copy_held(const struct salvage *salvage, struct srd_path *to, struct srd_original *original)
{
	int error = srd_original_survey(original);

	if (error || (original->salvaged->bytes > 0 && !(salvage->keep && original->st.kind == SRD_FILE)))
		return error ? error : SRD_ECORRUPT;
	struct srd_salvaged again = { 0 };
	struct srd_salvaged *salvaged = original->salvaged;
	original->salvaged = &again;
	error = srd_copy_original(salvage->target, to, original);
	salvaged->attributes = again.attributes;
	original->salvaged = salvaged;
	return error;
}

/* As srd_copy() to the same key.  SRD_ECORRUPT: its content is damaged, and, unless salvage->keep,
 * not copied; what is has holes there. */
static int copy_file(const struct salvage *salvage, const void *key, size_t key_len, struct srd_salvaged *salvaged)
{
	struct srd_original original;
	struct srd_path from, to;
	struct srd_hold hold;
	int error = srd_path_start(&from, key, key_len);

	*salvaged = (struct srd_salvaged){ 0 };
	if (error)
		return error;
	srd_path_start(&to, key, key_len);
	srd_original_init(&original, salvaged);
	error = srd_original_hold(&original, salvage->source, &from, false, &hold);
	if (!error) {
		error = copy_held(salvage, &to, &original);
		srd_hold_drop(&hold);
	}
	srd_original_release(&original);
	return error;
}

static int put_directory(struct srd_txn *txn, struct srd_path *path, const struct srd_original *original)
{
	unsigned all = SRD_SET_MODE | SRD_SET_UID | SRD_SET_GID | SRD_SET_ATIME | SRD_SET_MTIME;
	struct srd_node node = { .ino = SRD_ROOT_INO, .mode = S_IFDIR };
	int error = path ? srd_path_node(txn, path, &node) : 0;

	if (error)
		return error;
	struct srd_attr attr = srd_attr_from(&original->st, all, node.mode);
	error = srd_original_put_attributes(original, txn, node.ino);
	return error ? error : srd_txn_set_attr(txn, node.ino, &attr);
}

/* Gives directory KEY of the target (length 0: the root) the attributes it has in the source. */
static int copy_directory(const struct salvage *salvage, const void *key, size_t key_len, struct srd_salvaged *salvaged)
{
	struct srd_original original;
	struct srd_path from, to;
	struct srd_txn *txn;
	struct srd_hold hold;
	int error = key_len ? srd_path_start(&from, key, key_len) : 0;

	*salvaged = (struct srd_salvaged){ 0 };
	if (!error && key_len)
		error = srd_path_start(&to, key, key_len);
	srd_original_init(&original, salvaged);
	if (!error)
		error = srd_original_hold(&original, salvage->source, key_len ? &from : NULL, true, &hold);
	if (!error) {
		error = srd_txn_begin(salvage->target, &txn);
		if (!error)
			error = srd_txn_end(txn, put_directory(txn, key_len ? &to : NULL, &original));
		srd_hold_drop(&hold);
	}
	srd_original_release(&original);
	return error;
}

/* ---- All ---- */

static int compare_inos(const void *a, const void *b)
{
	uint64_t left = ((const struct linked *)a)->ino, right = ((const struct linked *)b)->ino;

	return (left > right) - (left < right);
}

static int tell(struct salvage *salvage, const char *key, const struct srd_salvaged *found, const char *what,
                const char *text)
{
	struct srd_event event = { .type = SRD_EVENT_DAMAGE, .what = what, .text = text, .key = key,
	                           .len = found->bytes, .pos = found->pos };

	return salvage->call(salvage->user, &event);
}

/* What became of KEY, if not all is well. */
static int tell_copied(struct salvage *salvage, const char *key, const struct srd_salvaged *found, int error)
{
	if (srd_original_is_damaged(error))
		error = tell(salvage, key, found, "left out", "its content is damaged");
	else if (!error && found->bytes > 0)
		error = tell(salvage, key, found, "zeros", "stand where its content is damaged");
	if (!error && found->attributes > 0)
		error = tell(salvage, key, found, "extended attribute", "is damaged and left out");
	return error;
}

/* Remembers KEY as the first name of INO. */
static int remember(struct salvage *salvage, uint64_t ino, const struct srd_entry *entry, bool left_out)
{
	struct linked *linked = malloc(sizeof *linked + entry->key_len);

	if (!linked)
		return -ENOMEM;
	*linked = (struct linked){ .ino = ino, .key_len = entry->key_len, .left_out = left_out };
	memcpy(linked->key, entry->key, entry->key_len);
	if (tsearch(linked, &salvage->links, compare_inos))
		return 0;
	free(linked);
	return -ENOMEM;
}

static int salvage_file(struct salvage *salvage, const struct srd_entry *entry)
{
	struct srd_salvaged found = { 0 };
	struct srd_stat st;
	int error = srd_stat(salvage->source, entry->key, entry->key_len, &st);

	if (error)
		return error == -ENOENT ? 0 : tell_copied(salvage, entry->key, &found, error);
	struct linked wanted = { .ino = st.ino };
	struct linked **first = st.nlink > 1 ? tfind(&wanted, &salvage->links, compare_inos) : NULL;
	if (first && !(*first)->left_out)
		return srd_link(salvage->target, (*first)->key, (*first)->key_len, entry->key, entry->key_len);
	error = copy_file(salvage, entry->key, entry->key_len, &found);
	bool left_out = srd_original_is_damaged(error);
	if (error == -ENOENT)
		return 0;
	error = tell_copied(salvage, entry->key, &found, error);
	return error || st.nlink < 2 || first ? error : remember(salvage, st.ino, entry, left_out);
}

static int salvage_directory(struct salvage *salvage, const struct srd_entry *entry)
{
	int error = srd_make_dir(salvage->target, entry->key, entry->key_len);

	if (!error)
		error = srd_array_reserve(&salvage->directories, &salvage->directories_cap,
		                          salvage->directories_len + entry->key_len + 1, 1);
	if (error)
		return error;
	memcpy(salvage->directories + salvage->directories_len, entry->key, entry->key_len + 1);
	salvage->directories_len += entry->key_len + 1;
	return 0;
}

static int report_progress(struct salvage *salvage)
{
	struct srd_event event = { .type = SRD_EVENT_PROGRESS, .what = "progress", .text = "",
	                           .offset = ++salvage->done, .end = salvage->total };

	return salvage->call(salvage->user, &event);
}

static int read_names(struct srd_store *store)
{
	struct srd_iter *iter;
	struct srd_entry entry;
	int error = srd_iter_new(store, "", 0, SRD_ITER_ALL_KINDS | SRD_ITER_KEYS, 0, 1, &iter), got;

	if (error)
		return error;
	do
		got = srd_iter_next(iter, &entry);
	while (got == 1);
	srd_iter_free(iter);
	return got;
}

/* The first name that is read and has rotted has all be built from the log anew: so this is before
 * anything is copied, or told. */
static int prove_names(struct srd_store *store)
{
	int error = SRD_ECORRUPT;

	for (int i = 0; i < PROOFS && error == SRD_ECORRUPT; i++)
		error = read_names(store);
	/* What cannot be read is told when the rest has been copied. */
	return error == SRD_ELOST ? 0 : error;
}

static int salvage_names(struct salvage *salvage)
{
	const struct srd_salvaged none = { 0 };
	struct srd_iter *iter;
	struct srd_entry entry;
	int error = srd_iter_new(salvage->source, "", 0, SRD_ITER_ALL_KINDS | SRD_ITER_KEYS, 0, 1, &iter);
	int got = 0;

	if (error)
		return error;
	while (!error && (got = srd_iter_next(iter, &entry)) == 1) {
		error = entry.kind == SRD_DIRECTORY ? salvage_directory(salvage, &entry) : salvage_file(salvage, &entry);
		/* It could be read once, and is something else by now. */
		if (error == SRD_EKEY)
			error = tell(salvage, entry.key, &none, "left out", "its name is damaged");
		if (!error)
			error = report_progress(salvage);
	}
	srd_iter_free(iter);
	if (!error && got == SRD_ELOST)
		return tell(salvage, NULL, &none, "left out", "what has names that cannot be read");
	return error ? error : got;
}

/* Commits that are damaged, and what they said with them: nobody knows what that was. */
static int tell_records(struct salvage *salvage)
{
	struct srd_event event = { .type = SRD_EVENT_DAMAGE, .pos = UINT64_MAX };
	struct srd_store *source = salvage->source;
	int error = 0;

	for (size_t i = 0; !error; i++) {
		srd_mutex_lock(&source->commit_mutex);
		bool more = i < source->log->damage_count;
		struct srd_damage damage = more ? source->log->damage[i] : (struct srd_damage){ 0 };
		srd_mutex_unlock(&source->commit_mutex);
		if (!more)
			return 0;
		event.offset = damage.offset;
		event.len = damage.len;
		bool superblock = damage.offset < SRD_FIRST_RECORD;
		event.what = superblock ? "superblock" : "record";
		event.text = superblock ? "the spare serves, and nothing is lost" : "what was said here is lost";
		if (!damage.repaired)
			error = salvage->call(salvage->user, &event);
	}
	return error;
}

static int salvage_attributes(struct salvage *salvage)
{
	struct srd_salvaged found;
	int error = copy_directory(salvage, NULL, 0, &found);

	if (!error)
		error = tell_copied(salvage, NULL, &found, 0);
	for (size_t at = 0; at < salvage->directories_len && !error;) {
		const char *key = salvage->directories + at;
		error = copy_directory(salvage, key, strlen(key), &found);
		if (error == SRD_ELOST)
			error = tell(salvage, key, &found, "left out", "its attributes cannot be read");
		else
			error = error == -ENOENT ? 0 : tell_copied(salvage, key, &found, error);
		at += strlen(key) + 1;
	}
	return error;
}

int srd_salvage(struct srd_store *source, struct srd_store *target, int flags,
                int (*call)(void *user, const struct srd_event *event), void *user)
{
	struct salvage salvage = { .source = source, .target = target, .keep = flags & SRD_SALVAGE_KEEP_DAMAGED,
	                           .call = call, .user = user };
	struct srd_info info;
	int error = source == target ? -EINVAL : prove_names(source);

	if (!error)
		error = srd_info(source, &info);
	if (error)
		return error;
	salvage.total = info.files + info.directories + info.others;
	error = tell_records(&salvage);
	if (!error)
		error = salvage_names(&salvage);
	if (!error)
		error = salvage_attributes(&salvage);
	tdestroy(salvage.links, free);
	free(salvage.directories);
	return error;
}
