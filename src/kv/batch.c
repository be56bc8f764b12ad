/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch.c - many puts and deletes as one commit.
 *
 * Entries are collected one behind the other in one growing piece of memory:
 *
 *     | key_len name_at kind | value_len | key ... pad | value ... pad | next
 *
 * Long values go into the log at once, as data that counts for nothing yet; of
 * them the references are kept.  Commit runs through the entries in groups: what
 * their look-ups touch is called for first, so that cache misses overlap.
 */
#include "config.h"

#include "kv/kv.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

enum {
	GROUP = 16,
	AHEAD_LEN = 64 << 10,     /* values of this length go ahead */
};

enum kind { PUT, PUT_AHEAD, DELETE };

struct entry {
	uint16_t key_len;
	uint16_t name_at;         /* of the last component, in the key */
	uint32_t kind;
	uint64_t value_len;       /* PUT: bytes; PUT_AHEAD: bytes of struct srd_ref */
	char key[];
};

struct srd_batch {
	struct srd_store *store;
	uint8_t *bytes;
	size_t len, cap;
	struct srd_hold home;     /* of the log that values which went ahead lie in */
};

/* A batch on its way through a transaction. */
struct course {
	struct srd_store *store;
	struct srd_txn *txn;
	/* The directory of the entry before: neighbours often share theirs. */
	const char *dir_key;
	size_t dir_len;           /* 0: none known */
	uint64_t dir_ino;
	bool replacing;           /* the last put was of a key that was there */
	const struct entry *group[GROUP];
	uint32_t hashes[GROUP];
	bool hashed[GROUP];
	size_t count;             /* of group */
};

static const void *entry_value(const struct entry *entry)
{
	return entry->key + SRD_ALIGN_UP(entry->key_len, 8);
}

static size_t entry_len(size_t key_len, size_t value_len)
{
	return sizeof(struct entry) + SRD_ALIGN_UP(key_len, 8) + SRD_ALIGN_UP(value_len, 8);
}

/* ---- Values that went ahead: references, of entry AT ---- */

static const struct entry *entry_at(const struct srd_batch *batch, size_t at)
{
	return (const struct entry *)(batch->bytes + at);
}

static size_t entry_len_of(const struct srd_batch *batch, size_t at)
{
	return entry_len(entry_at(batch, at)->key_len, entry_at(batch, at)->value_len);
}

static size_t ahead_count(const struct srd_batch *batch, size_t at)
{
	const struct entry *entry = entry_at(batch, at);

	return entry->kind == PUT_AHEAD ? entry->value_len / sizeof(struct srd_ref) : 0;
}

static struct srd_ref *ahead_refs(const struct srd_batch *batch, size_t at)
{
	return (struct srd_ref *)entry_value(entry_at(batch, at));
}

static bool is_at_home(const struct srd_batch *batch)
{
	struct srd_hold hold = srd_store_hold(batch->store);
	bool at_home = hold.log == batch->home.log;

	srd_hold_drop(&hold);
	return at_home;
}

int srd_batch_new(struct srd_store *store, struct srd_batch **batch)
{
	struct srd_batch *made = calloc(1, sizeof *made);

	if (!made)
		return -ENOMEM;
	made->store = store;
	*batch = made;
	return 0;
}

void srd_batch_free(struct srd_batch *batch)
{
	if (!batch)
		return;
	srd_hold_drop(&batch->home);
	free(batch->bytes);
	free(batch);
}

static int reserve(struct srd_batch *batch, size_t len)
{
	if (len <= batch->cap - batch->len)
		return 0;
	size_t cap = SRD_MAX(batch->len + len, SRD_MAX(batch->cap * 2, (size_t)64 << 10));
	uint8_t *bytes = realloc(batch->bytes, cap);
	if (!bytes)
		return -ENOMEM;
	batch->bytes = bytes;
	batch->cap = cap;
	return 0;
}

/* Where the last component of KEY begins. */
static size_t last_component(const struct srd_path *path, const char *key, size_t key_len)
{
	if (path->rest_len == 0)
		return 0;
	return (size_t)((const char *)memrchr(key, '/', key_len) + 1 - key);
}

static int add(struct srd_batch *batch, const struct srd_path *path, const void *key, size_t key_len,
               enum kind kind, const void *value, size_t value_len)
{
	size_t len = entry_len(key_len, value_len);
	int error = reserve(batch, len);

	if (error)
		return error;
	struct entry *entry = (struct entry *)(batch->bytes + batch->len);
	entry->key_len = (uint16_t)key_len;
	entry->name_at = (uint16_t)last_component(path, key, key_len);
	entry->kind = kind;
	entry->value_len = value_len;
	memcpy(entry->key, key, key_len);
	if (value_len > 0)
		memcpy((void *)entry_value(entry), value, value_len);
	batch->len += len;
	return 0;
}

/* Values that went ahead into a log that is the store's no more go into the present one; on
 * error none has moved. */
static int bring(struct srd_batch *batch)
{
	struct srd_extents all;
	size_t at, taken = 0;
	int error = 0;

	if (!batch->home.log || is_at_home(batch))
		return 0;
	srd_extents_init(&all);
	for (at = 0; at < batch->len && !error; at += entry_len_of(batch, at))
		for (size_t i = 0; i < ahead_count(batch, at) && !error; i++)
			error = srd_extents_add(&all, &ahead_refs(batch, at)[i]);
	if (!error)
		error = srd_store_bring_data(batch->store, all.refs, all.count, &batch->home);
	for (at = 0; at < batch->len && !error; at += entry_len_of(batch, at)) {
		size_t count = ahead_count(batch, at);
		if (count > 0)
			memcpy(ahead_refs(batch, at), all.refs + taken, count * sizeof *all.refs);
		taken += count;
	}
	srd_extents_release(&all);
	return error;
}

static int put_ahead(struct srd_batch *batch, const struct srd_path *path, const void *key, size_t key_len,
                     const void *data, size_t len)
{
	struct srd_extents extents;
	int error;

	srd_extents_init(&extents);
	do {
		/* Beside those that are there, which may have to come along first. */
		srd_extents_release(&extents);
		error = bring(batch);
		if (!error)
			error = srd_extents_append(&extents, batch->store, 0, data, len);
	} while (!error && batch->home.log && extents.home.log != batch->home.log);
	if (!error && !batch->home.log)
		batch->home = srd_hold_take(&extents.home);
	if (!error)
		error = add(batch, path, key, key_len, PUT_AHEAD, extents.refs,
		            extents.count * sizeof *extents.refs);
	srd_extents_release(&extents);
	return error;
}

int srd_batch_put(struct srd_batch *batch, const void *key, size_t key_len, const void *data, size_t len)
{
	struct srd_path path;
	int error = srd_path_start(&path, key, key_len);

	if (error)
		return error;
	if (len >= AHEAD_LEN)
		return put_ahead(batch, &path, key, key_len, data, len);
	return add(batch, &path, key, key_len, PUT, data, len);
}

int srd_batch_delete(struct srd_batch *batch, const void *key, size_t key_len)
{
	struct srd_path path;
	int error = srd_path_start(&path, key, key_len);

	return error ? error : add(batch, &path, key, key_len, DELETE, NULL, 0);
}

/* True if ENTRY lies in the directory that is known. */
static bool is_near(const struct course *course, const struct entry *entry)
{
	return entry->name_at > 0 && entry->name_at == course->dir_len &&
	       memcmp(entry->key, course->dir_key, course->dir_len) == 0;
}

static bool name_hash(const struct course *course, const struct entry *entry, uint32_t *hash)
{
	uint64_t dir = entry->name_at == 0 ? SRD_ROOT_INO : is_near(course, entry) ? course->dir_ino : 0;

	if (dir)
		*hash = srd_state_name_hash(&course->store->state, dir, entry->key + entry->name_at,
		                            entry->key_len - entry->name_at);
	return dir != 0;
}

/* A key that is new touches nothing but the hash; one that is there leads on. */
static void prefetch(struct course *course)
{
	const struct srd_state *state = &course->store->state;

	for (size_t i = 0; i < course->count; i++) {
		course->hashed[i] = name_hash(course, course->group[i], &course->hashes[i]);
		if (course->hashed[i])
			srd_state_prefetch_name(state, course->hashes[i]);
	}
	for (size_t i = 0; course->replacing && i < course->count; i++)
		if (course->hashed[i])
			srd_state_prefetch_dentry(state, course->hashes[i]);
	for (size_t i = 0; course->replacing && i < course->count; i++)
		if (course->hashed[i])
			srd_state_prefetch_target(state, course->hashes[i]);
}

/* *DIR: the directory of ENTRY, made if need be. */
static int enter(struct course *course, const struct entry *entry, uint64_t *dir)
{
	struct srd_path path;
	int error = 0;

	if (entry->name_at == 0) {
		*dir = SRD_ROOT_INO;
		return 0;
	}
	if (!is_near(course, entry)) {
		error = srd_path_start(&path, entry->key, entry->key_len);
		if (!error)
			error = srd_path_enter(course->store, course->txn, &path, &course->dir_ino);
		course->dir_key = entry->key;
		course->dir_len = error ? 0 : entry->name_at;
	}
	*dir = course->dir_ino;
	return error;
}

static int put_entry(struct course *course, const struct entry *entry)
{
	struct srd_extents extents;
	struct srd_body body = { .data = entry_value(entry), .len = entry->value_len };
	struct srd_placed placed;
	uint64_t dir;
	int error = enter(course, entry, &dir);

	if (error)
		return error;
	if (entry->kind == PUT_AHEAD) {
		size_t count = entry->value_len / sizeof(struct srd_ref);
		const struct srd_ref *refs = body.data;
		extents = (struct srd_extents){ .count = count, .refs = (struct srd_ref *)refs,
		                                .size = refs[count - 1].pos + refs[count - 1].len };
		body = (struct srd_body){ .extents = &extents };
	}
	error = srd_body_place(course->store, course->txn, dir, entry->key + entry->name_at,
	                       entry->key_len - entry->name_at, &body, &placed);
	if (!error)
		course->replacing = placed.replaced;
	return error;
}

static int delete_entry(struct course *course, const struct entry *entry)
{
	struct srd_path path;
	uint64_t dir;
	int error = srd_path_start(&path, entry->key, entry->key_len);

	course->dir_len = 0;   /* it may be what is deleted */
	if (!error)
		error = srd_path_parent(course->txn, &path, &dir);
	if (!error)
		error = srd_txn_unlink(course->txn, dir, path.name, path.name_len, -1);
	return error == -ENOENT ? 0 : error;
}

static int run(struct srd_batch *batch, struct srd_txn *txn)
{
	struct course course = { .store = batch->store, .txn = txn };
	int error = 0;

	for (size_t at = 0; at < batch->len && !error;) {
		for (course.count = 0; course.count < GROUP && at < batch->len; course.count++) {
			const struct entry *entry = (const struct entry *)(batch->bytes + at);
			course.group[course.count] = entry;
			at += entry_len(entry->key_len, entry->value_len);
		}
		prefetch(&course);
		for (size_t i = 0; i < course.count && !error; i++) {
			const struct entry *entry = course.group[i];
			error = entry->kind == DELETE ? delete_entry(&course, entry) : put_entry(&course, entry);
		}
	}
	return error;
}

int srd_batch_commit(struct srd_batch *batch)
{
	struct srd_txn *txn;
	int error;

	if (batch->len == 0)
		return 0;
	do {
		error = bring(batch);
		if (!error)
			error = srd_txn_begin_at(batch->store, &batch->home, &txn);
	} while (error == SRD_EMOVED);
	if (!error)
		error = srd_txn_end(txn, run(batch, txn));
	if (!error) {
		batch->len = 0;
		srd_hold_drop(&batch->home);
	}
	return error;
}
