/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dir.c - reading directories.
 *
 * Positions:  0 "."   1 ".."   2 the first entry   cookie + 2: behind that entry
 *
 * Cookies grow with each name that is made and are never used again, so whatever
 * comes or goes meanwhile, reading goes on behind the last entry read, and meets
 * every entry that was there throughout exactly once.
 *
 * The kernel may keep what it is given, and is told when others change a directory.  But
 * it puts an answer away after it got it, so perhaps after it was told.  When it has
 * certainly put all away, at the end of the directory and when it is closed, it is told
 * once more, if others did anything at all since reading began.
 */
#include "config.h"

#include "fs/fs.h"

#include <stdlib.h>
#include <string.h>

enum { POS_DOT = 0, POS_DOT_DOT = 1, POS_ENTRIES = 2 };
enum { LOOKS = 8 };

/* What fills the answer, as far as it got. */
struct reading {
	struct srd_fs *fs;
	srd_fs_fill *fill;
	void *user;
	bool plus;
	bool filled;             /* something was */
};

/* Grows with all that others do.  Call with the read side held. */
static uint64_t others_of(const struct srd_store *store)
{
	return store->foreign + store->log->sb.generation;
}

/* All that was read of DIR has been put away, while others had done OTHERS. */
static void tell_again(struct srd_fs *fs, struct srd_dir *dir, uint64_t others)
{
	if (atomic_exchange_explicit(&dir->others, others, memory_order_relaxed) != others)
		srd_fs_stale(fs, dir->ino, 0);
}

/* True if the entries that came last are known: they are the last to be told, too.  Of entries that
 * the kernel does not know it should read more than names, or it asks for each of them. */
static bool is_known(const struct srd_state *state, const struct srd_inode *dir)
{
	uint32_t at = dir->children.last;

	for (int i = 0; i < LOOKS && at != 0; i++) {
		const struct srd_dentry *entry = srd_dentry_at(state, at);
		const struct srd_inode *inode = srd_inode_at(state, entry->inode);
		if (atomic_load_explicit(&inode->pins, memory_order_relaxed) == 0)
			return false;
		at = entry->prev;
	}
	return true;
}

int srd_fs_open_dir(struct srd_fs *fs, uint64_t ino, struct srd_dir **out)
{
	struct srd_inode *inode;
	unsigned stripe;
	int error = srd_fs_read_inode(fs, ino, &stripe, &inode);

	if (error)
		return error;
	bool is_dir = srd_inode_is_dir(inode);
	bool known = is_dir && is_known(&fs->store->state, inode);
	uint64_t others = others_of(fs->store);
	error = srd_store_done(fs->store, stripe);
	if (error || !is_dir)
		return error ? error : -ENOTDIR;
	struct srd_dir *dir = calloc(1, sizeof *dir);
	if (!dir)
		return -ENOMEM;
	dir->ino = ino;
	dir->others = others;
	dir->known = known;
	*out = dir;
	return 0;
}

void srd_fs_close_dir(struct srd_fs *fs, struct srd_dir *dir)
{
	unsigned stripe;

	if (srd_store_read(fs->store, &stripe) == 0) {
		uint64_t others = others_of(fs->store);
		srd_store_done(fs->store, stripe);
		tell_again(fs, dir, others);
	}
	free(dir);
}

static bool fill_dots(struct reading *reading, const struct srd_inode *dir, uint64_t pos)
{
	const struct srd_state *state = &reading->fs->store->state;
	struct stat st = { .st_ino = dir->ino, .st_mode = S_IFDIR };

	reading->filled = true;
	if (pos == POS_DOT && !reading->fill(reading->user, ".", &st, POS_DOT_DOT, false))
		return false;
	if (dir->dentry)
		st.st_ino = srd_inode_at(state, srd_dentry_at(state, dir->dentry)->parent)->ino;
	return pos > POS_DOT_DOT || reading->fill(reading->user, "..", &st, POS_ENTRIES, false);
}

/* False if there is no room for ENTRY. */
static bool fill_entry(struct reading *reading, const struct srd_dentry *entry)
{
	struct srd_state *state = &reading->fs->store->state;
	const struct srd_inode *inode = srd_inode_at(state, entry->inode);
	const char *in_log = srd_dentry_name(state, entry);
	char name[SRD_NAME_MAX + 1];
	struct stat st = { .st_ino = inode->ino, .st_mode = inode->mode & S_IFMT };
	/* Attributes of what is being written need locks that must not be waited
	 * for here.  The kernel asks for them when somebody wants them. */
	bool whole = reading->plus && !srd_open_is_changed(reading->fs, inode->ino);

	if (!in_log)
		return true;
	memcpy(name, in_log, entry->name_len);
	name[entry->name_len] = 0;
	if (memchr(name, 0, entry->name_len))
		return true;   /* lost; see srd_fs_read_dir() */
	if (whole)
		srd_fs_stat(state, inode, &st);
	if (!reading->fill(reading->user, name, &st, entry->cookie + POS_ENTRIES, whole))
		return false;
	if (whole)
		srd_state_pin(state, entry->inode, 1);
	reading->filled = true;
	return true;
}

/* The entry behind COOKIE of the directory with INDEX; 0: none.  The one that was read
 * last shows the way; or, if it has been removed since, as by who removes what he
 * reads, one that was there before those that were read with it.  Relaxed: hints,
 * which are looked at before they are believed. */
static uint32_t go_on(const struct srd_state *state, uint32_t index, struct srd_dir *dir,
                      uint64_t cookie)
{
	uint32_t hint = atomic_load_explicit(&dir->hint, memory_order_relaxed);
	uint32_t stayed = atomic_load_explicit(&dir->stayed, memory_order_relaxed);

	hint = srd_state_nearer_child(state, index, cookie, hint, stayed);
	uint32_t next = srd_state_next_child(state, index, cookie, hint);
	if (next != 0)
		atomic_store_explicit(&dir->stayed, srd_dentry_at(state, next)->prev, memory_order_relaxed);
	return next;
}

/* Where what is there now ends: what comes later has cookies from there on. */
static uint64_t end_of(const struct srd_store *store, uint32_t index, struct srd_dir *dir, uint64_t pos)
{
	uint64_t generation = store->log->sb.generation;
	bool begins = pos == 0 || atomic_load_explicit(&dir->end, memory_order_relaxed) == 0;

	if (begins)
		atomic_store_explicit(&dir->losses, store->state.losses, memory_order_relaxed);
	if (begins || atomic_load_explicit(&dir->generation, memory_order_relaxed) != generation) {
		atomic_store_explicit(&dir->generation, generation, memory_order_relaxed);
		atomic_store_explicit(&dir->end, srd_state_cookie_end(&store->state, index), memory_order_relaxed);
	}
	return atomic_load_explicit(&dir->end, memory_order_relaxed);
}

int srd_fs_read_dir(struct srd_fs *fs, struct srd_dir *dir, uint64_t pos, bool plus,
                    srd_fs_fill *fill, void *user)
{
	struct reading reading = { .fs = fs, .fill = fill, .user = user, .plus = plus };
	const struct srd_state *state = &fs->store->state;
	struct srd_inode *inode;
	unsigned stripe;
	int error = srd_fs_read_inode(fs, dir->ino, &stripe, &inode);

	if (error)
		return error;
	uint64_t cookie = pos > POS_ENTRIES ? pos - POS_ENTRIES : 0;
	uint32_t index = srd_state_inode_of(state, dir->ino), next = 0;
	uint64_t end = end_of(fs->store, index, dir, pos);
	if (pos >= POS_ENTRIES || fill_dots(&reading, inode, pos))
		next = go_on(state, index, dir, cookie);
	while (next != 0) {
		const struct srd_dentry *entry = srd_dentry_at(state, next);
		/* In order, or an image that has a circle would be read for ever. */
		if (entry->cookie <= cookie || entry->cookie >= end || !fill_entry(&reading, entry))
			break;
		cookie = entry->cookie;
		atomic_store_explicit(&dir->hint, next, memory_order_relaxed);
		next = entry->next;
	}
	/* After all entries that can be read, not instead of them. */
	int absence = reading.filled ? 0 : srd_store_absence(fs->store, 0);
	/* Or else cookies were others when reading began: what is behind them is anywhere. */
	if (atomic_load_explicit(&dir->losses, memory_order_relaxed) != state->losses)
		absence = SRD_ECORRUPT;
	uint64_t others = others_of(fs->store);
	error = srd_store_done(fs->store, stripe);
	if (!reading.filled)
		tell_again(fs, dir, others);
	if (error)
		return error;
	if (pos == 0)
		srd_access_note_dir(fs, dir->ino);
	return absence;
}
