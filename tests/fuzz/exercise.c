/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exercise.c - everything that a user of the library can do with a store, done with
 * one that may be hostile.  Any result will do, as long as it is one; but what is
 * said must agree with itself, and a commit that was accepted must be there when the
 * store is opened again.
 */
#include "config.h"

#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/hash.h"
#include "srd.h"

enum { READ_LEN = 20000 };
#define GET_MAX (UINT64_C(1) << 24)      /* more is pieces of zeros without end */

uint8_t fuzz_choose(struct fuzz_turn *turn)
{
	return turn->choices_left > 0 ? turn->choices[--turn->choices_left] : 0;
}

static void remove_files(void)
{
	static const char *const names[] = { "", ".saved" };
	static const char *const suffixes[] = { "", ".shm", ".idx", ".idx.tmp", ".new", ".tmp" };
	char name[96];

	for (size_t i = 0; i < SRD_LEN(names) * SRD_LEN(suffixes); i++) {
		snprintf(name, sizeof name, "%s%s%s", fuzz_path(), names[i / SRD_LEN(suffixes)], suffixes[i % SRD_LEN(suffixes)]);
		unlink(name);
	}
}

const char *fuzz_path(void)
{
	static char path[64];

	if (!*path) {
		const char *dir = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
		snprintf(path, sizeof path, "%s/srd-fuzz-%ld.srd", dir, (long)getpid());
		setenv("SRD_MAP_BYTES", "0x10000000", 0);
		atexit(remove_files);
	}
	return path;
}

static void write_file(const char *suffix, const uint8_t *bytes, size_t len)
{
	char name[96];

	snprintf(name, sizeof name, "%s%s", fuzz_path(), suffix);
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	FUZZ_EXPECT(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
	close(fd);
}

void fuzz_place(const struct fuzz_store *store)
{
	remove_files();
	write_file("", store->log, store->log_len);
	if (store->image)
		write_file(".idx", store->image, store->image_len);
}

static unsigned char sum;

/* Every byte of it. */
static void touch(const srd_value *value)
{
	uint64_t len = 0;

	for (int i = 0; i < value->iov_count; i++) {
		sum ^= (unsigned char)srd_hash(value->iov[i].iov_base, value->iov[i].iov_len, 0);
		len += value->iov[i].iov_len;
	}
	FUZZ_EXPECT(len == value->len);
}

static void read_key(struct fuzz_turn *turn, srd_store *store, const char *key, size_t len)
{
	static char buffer[READ_LEN];
	struct srd_stat st;
	srd_value value;
	srd_reader *reader;

	if (srd_stat(store, key, len, &st) != 0)
		return;
	if (st.size < GET_MAX && srd_get(store, key, len, &value) == 0) {
		FUZZ_EXPECT_AGREES(turn, value.len == st.size);
		touch(&value);
		srd_value_release(&value);
	}
	if (st.size < GET_MAX && srd_read_link(store, key, len, &value) == 0) {
		touch(&value);
		srd_value_release(&value);
	}
	if (srd_reader_new(store, key, len, &reader) != 0)
		return;
	uint64_t positions[] = { 0, 1, 4095, st.size / 2, st.size - 1, st.size, UINT64_MAX };
	for (size_t i = 0; i < SRD_LEN(positions); i++) {
		ssize_t got = srd_reader_pread(reader, buffer, sizeof buffer, positions[i]);
		FUZZ_EXPECT(got <= (ssize_t)sizeof buffer);
		FUZZ_EXPECT_AGREES(turn, got <= 0 || positions[i] + (uint64_t)got <= st.size);
	}
	srd_reader_free(reader);
}

static void list(struct fuzz_turn *turn, srd_store *store, const char *prefix, int flags)
{
	struct fuzz_keys *keys = &turn->keys;
	struct srd_entry entry;
	srd_iter *iter;
	int got;

	if (srd_iter_new(store, prefix, strlen(prefix), flags, 0, 1, &iter) != 0)
		return;
	keys->count = 0;
	while ((got = srd_iter_next(iter, &entry)) == 1) {
		FUZZ_EXPECT(entry.key_len <= SRD_KEY_MAX && strlen(entry.key) == entry.key_len);
		FUZZ_EXPECT_AGREES(turn, srd_exists(store, entry.key, entry.key_len) != 0);
		if (keys->count == FUZZ_KEYS_MAX)
			continue;
		keys->len[keys->count] = entry.key_len;
		memcpy(keys->text[keys->count++], entry.key, entry.key_len + 1);
	}
	srd_iter_free(iter);
}

void fuzz_list(struct fuzz_turn *turn, srd_store *store)
{
	list(turn, store, "", SRD_ITER_ALL_KINDS | SRD_ITER_KEYS);
}

int fuzz_ignore(void *user, const struct srd_event *event)
{
	sum ^= (unsigned char)strlen(event->text ? event->text : "");
	*(uint64_t *)user += event->type == SRD_EVENT_DAMAGE;
	return 0;
}

void fuzz_read_all(struct fuzz_turn *turn, srd_store *store)
{
	const struct fuzz_keys *keys = &turn->keys;
	uint64_t damages = 0;
	struct srd_info info;
	char attributes[256];

	FUZZ_EXPECT(srd_info(store, &info) != 0 || info.end <= info.file_bytes);
	list(turn, store, "a", SRD_ITER_ALL_KINDS);
	list(turn, store, "a/b/", 0);
	fuzz_list(turn, store);
	for (unsigned i = 0; i < keys->count; i++) {
		read_key(turn, store, keys->text[i], keys->len[i]);
		srd_list_xattrs(store, keys->text[i], keys->len[i], attributes, sizeof attributes);
	}
	srd_scan(store, SRD_SCAN_OPS | SRD_SCAN_PAYLOAD, fuzz_ignore, &damages);
}

/* Something is done to each key, which decides what. */
void fuzz_change_all(const struct fuzz_turn *turn, srd_store *store)
{
	const struct fuzz_keys *keys = &turn->keys;
	struct srd_stat st = { .mode = 0600, .mtime_ns = 1 };

	for (unsigned i = 0; i < keys->count; i++) {
		const char *key = keys->text[i], *other = keys->text[keys->count - 1 - i];
		size_t len = keys->len[i], other_len = keys->len[keys->count - 1 - i];
		switch ((i + len) % 8) {
		case 0: srd_put(store, key, len, "changed", 7); break;
		case 1: srd_delete(store, key, len); break;
		case 2: srd_rename(store, key, len, other, other_len); break;
		case 3: srd_copy(store, key, len, store, other, other_len); break;
		case 4: srd_link(store, key, len, "linked", 6); break;
		case 5: srd_set_attr(store, key, len, &st, SRD_SET_MODE | SRD_SET_MTIME); break;
		case 6: srd_copy(store, key, len, store, "copied", 6); break;
		case 7: srd_rename(store, key, len, "a/renamed", 9); break;
		}
	}
}

static void open_to_change(struct fuzz_turn *turn)
{
	static const char text[] = "what was accepted is there";
	srd_store *store;
	srd_value value;

	if (srd_open(fuzz_path(), SRD_NOSYNC, &store) != 0)
		return;
	fuzz_list(turn, store);
	fuzz_change_all(turn, store);
	bool accepted = srd_put(store, "z/accepted", 10, text, sizeof text) == 0;
	fuzz_read_all(turn, store);
	srd_close(store);
	if (!accepted || turn->liar)
		return;
	FUZZ_EXPECT(srd_open(fuzz_path(), SRD_RDONLY, &store) == 0);
	FUZZ_EXPECT(srd_get(store, "z/accepted", 10, &value) == 0);
	FUZZ_EXPECT(value.len == sizeof text && memcmp(value.data, text, sizeof text) == 0);
	srd_value_release(&value);
	srd_close(store);
}

/* However many pieces it comes in. */
static uint64_t digest_value(const srd_value *value)
{
	static uint8_t whole[GET_MAX];
	size_t len = 0;

	for (int i = 0; i < value->iov_count; i++) {
		memcpy(whole + len, value->iov[i].iov_base, value->iov[i].iov_len);
		len += value->iov[i].iov_len;
	}
	return srd_hash(whole, len, 0);
}

/* However its attributes are ordered. */
static uint64_t digest_xattrs(srd_store *store, const struct srd_entry *entry)
{
	static char names[1 << 18];
	ssize_t len = srd_list_xattrs(store, entry->key, entry->key_len, names, sizeof names);
	uint64_t total = (uint64_t)len;
	srd_value value;

	for (const char *name = names; len > 0 && name < names + len; name += strlen(name) + 1) {
		int error = srd_get_xattr(store, entry->key, entry->key_len, name, &value);
		total += srd_hash(name, strlen(name), error ? (uint64_t)error : digest_value(&value));
		if (!error)
			srd_value_release(&value);
	}
	return total;
}

/* Who has it, and when what was done. */
static uint64_t digest_stat(const struct srd_stat *st, bool times)
{
	const uint64_t who[] = { st->size, st->mode, st->uid, st->gid, st->nlink, st->rdev };
	const int64_t when[] = { st->atime_ns, st->mtime_ns, st->ctime_ns, st->btime_ns, (int64_t)st->ino };
	uint64_t h = srd_hash(who, sizeof who, 0);

	return times ? srd_hash(when, sizeof when, h) : h;
}

static uint64_t digest_content(srd_store *store, const struct srd_entry *entry, uint64_t size)
{
	bool link = entry->kind == SRD_SYMLINK;
	uint64_t h = 0;
	srd_value value;

	if ((entry->kind != SRD_FILE && !link) || size >= GET_MAX)
		return 0;
	int error = (link ? srd_read_link : srd_get)(store, entry->key, entry->key_len, &value);
	if (!error) {
		h = digest_value(&value);
		srd_value_release(&value);
	}
	return error ? (uint64_t)error : h;
}

static uint64_t digest_entry(srd_store *store, const struct srd_entry *entry, bool times)
{
	struct srd_stat st = { 0 };
	int error = srd_stat(store, entry->key, entry->key_len, &st);
	uint64_t h = srd_hash(entry->key, entry->key_len, (uint64_t)entry->kind) + digest_stat(&st, times) +
	             digest_xattrs(store, entry);

	return error ? h + (uint64_t)error : h + digest_content(store, entry, st.size);
}

uint64_t fuzz_digest(srd_store *store, bool times)
{
	struct srd_entry entry;
	uint64_t total = 0;
	srd_iter *iter;

	int error = srd_iter_new(store, "", 0, SRD_ITER_ALL_KINDS | SRD_ITER_KEYS, 0, 1, &iter);
	if (error)
		return (uint64_t)error;
	while (srd_iter_next(iter, &entry) == 1)
		total += digest_entry(store, &entry, times);
	srd_iter_free(iter);
	return total;
}

void fuzz_exercise(const struct fuzz_store *store)
{
	static fuzz_act *const acts[] = { fuzz_look, fuzz_salvage, fuzz_repair, fuzz_compact, fuzz_trim, fuzz_past,
		fuzz_aside, fuzz_snapshots };
	static struct fuzz_turn turn;
	bool all = getenv("FUZZ_ALL");
	size_t first = store->input_len > 0 ? store->input[store->input_len - 1] % SRD_LEN(acts) : 0;

	/* Not all of it with each: threads come and go in these. */
	for (size_t i = all ? 0 : first; i < (all ? SRD_LEN(acts) : first + 1); i++) {
		turn.liar = store->liar;
		turn.choices = store->input;
		turn.choices_left = store->input_len;
		fuzz_choose(&turn);
		fuzz_place(store);
		acts[i](&turn);
		open_to_change(&turn);
	}
}
