/* SPDX-License-Identifier: Apache-2.0 */
/*
 * salvage.c - all that is sound of a store, into a new one.
 *
 *     names     directories made, files copied, further names linked
 *     attributes of directories, last: copying into one would change its times
 */
#include "config.h"

#include "kv/kv.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

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
	if (error == SRD_ECORRUPT)
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
		return error == -ENOENT ? 0 : error;
	struct linked wanted = { .ino = st.ino };
	struct linked **first = st.nlink > 1 ? tfind(&wanted, &salvage->links, compare_inos) : NULL;
	if (first && !(*first)->left_out)
		return srd_link(salvage->target, (*first)->key, (*first)->key_len, entry->key, entry->key_len);
	error = srd_copy_salvage(salvage->source, salvage->target, entry->key, entry->key_len, salvage->keep, &found);
	bool left_out = error == SRD_ECORRUPT;
	if (error == -ENOENT)
		return 0;
	error = tell_copied(salvage, entry->key, &found, error);
	return error || st.nlink < 2 || first ? error : remember(salvage, st.ino, entry, left_out);
}

static int salvage_directory(struct salvage *salvage, const struct srd_entry *entry)
{
	int error = srd_array_reserve(&salvage->directories, &salvage->directories_cap,
	                              salvage->directories_len + entry->key_len + 1, 1);

	if (error)
		return error;
	memcpy(salvage->directories + salvage->directories_len, entry->key, entry->key_len + 1);
	salvage->directories_len += entry->key_len + 1;
	return srd_make_dir(salvage->target, entry->key, entry->key_len);
}

static int report_progress(struct salvage *salvage)
{
	struct srd_event event = { .type = SRD_EVENT_PROGRESS, .what = "progress", .text = "",
	                           .offset = ++salvage->done, .end = salvage->total };

	return salvage->call(salvage->user, &event);
}

static int salvage_names(struct salvage *salvage)
{
	struct srd_iter *iter;
	struct srd_entry entry;
	int error = srd_iter_new(salvage->source, "", 0, SRD_ITER_ALL_KINDS | SRD_ITER_KEYS, 0, 1, &iter);
	int got = 0;

	if (error)
		return error;
	while (!error && (got = srd_iter_next(iter, &entry)) == 1) {
		error = entry.kind == SRD_DIRECTORY ? salvage_directory(salvage, &entry) : salvage_file(salvage, &entry);
		if (!error)
			error = report_progress(salvage);
	}
	srd_iter_free(iter);
	return error ? error : got;
}

static int salvage_attributes(struct salvage *salvage)
{
	struct srd_salvaged found;
	int error = srd_copy_directory(salvage->source, salvage->target, NULL, 0, &found);

	if (!error)
		error = tell_copied(salvage, NULL, &found, 0);
	for (size_t at = 0; at < salvage->directories_len && !error;) {
		const char *key = salvage->directories + at;
		error = srd_copy_directory(salvage->source, salvage->target, key, strlen(key), &found);
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
	int error = source == target ? -EINVAL : srd_info(source, &info);

	if (error)
		return error;
	salvage.total = info.files + info.directories + info.others;
	error = salvage_names(&salvage);
	if (!error)
		error = salvage_attributes(&salvage);
	tdestroy(salvage.links, free);
	free(salvage.directories);
	return error;
}
