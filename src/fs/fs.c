/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fs/fs.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int srd_fs_new(struct srd_store *store, void (*say)(void *user, const char *text), void *user,
               struct srd_fs **out)
{
	struct srd_fs *fs = calloc(1, sizeof *fs);

	if (!fs)
		return -ENOMEM;
	fs->store = store;
	fs->say = say;
	fs->user = user;
	srd_unnamed_init(&fs->unnamed);
	srd_seen_init(&fs->seen);
	srd_opens_init(&fs->opens);
	*out = fs;
	return 0;
}

int srd_fs_start(struct srd_fs *fs)
{
	return fs->store->flags & SRD_RDONLY ? 0 : srd_committer_start(fs);
}

int srd_fs_free(struct srd_fs *fs)
{
	if (!fs)
		return 0;
	srd_committer_stop(fs);
	int error = srd_opens_release(fs);
	srd_unnamed_release(fs);
	srd_seen_release(&fs->seen);
	free(fs);
	return error;
}

/* Says once what happened to the store file. */
static void tell_loss(struct srd_fs *fs)
{
	char text[SRD_LOSS_TEXT_LEN];

	if (atomic_exchange(&fs->loss_told, true))
		return;
	srd_log_describe_loss(fs->store->log, text);
	srd_fs_say(fs, "%s; what is left can be read until the store is opened again", text);
}

/* Likewise that a sync failed: who wrote before may never ask for one. */
static void tell_sync(struct srd_fs *fs)
{
	if (!atomic_exchange(&fs->sync_told, true))
		srd_fs_say(fs, "syncing the store file failed: %s; what was written last may not survive a power cut, and nothing "
		           "more is written until the store is mounted again",
		           srd_strerror(srd_log_sync_error(fs->store->log)));
}

int srd_fs_read_inode(struct srd_fs *fs, uint64_t ino, unsigned *stripe, struct srd_inode **inode)
{
	int error = srd_store_read(fs->store, stripe);

	if (error)
		return error;
	if (srd_log_is_lost(fs->store->log))
		tell_loss(fs);
	if (srd_log_sync_error(fs->store->log))
		tell_sync(fs);
	uint32_t index = srd_state_inode_of(&fs->store->state, ino);
	if (!index) {
		error = srd_store_done(fs->store, *stripe);
		return error ? error : -ESTALE;
	}
	*inode = srd_inode_at(&fs->store->state, index);
	return 0;
}

void srd_fs_stale(struct srd_fs *fs, uint64_t ino, uint64_t from)
{
	if (fs->stale)
		fs->stale(fs->user, ino, from);
}

void srd_fs_say(struct srd_fs *fs, const char *format, ...)
{
	char text[SRD_KEY_MAX + 512];
	va_list args;

	if (!fs->say)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	fs->say(fs->user, text);
}
