/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fs/fs.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/cleanup.h"
#include "base/hash.h"

void srd_opens_init(struct srd_opens *opens)
{
	pthread_condattr_t attributes;

	pthread_mutex_init(&opens->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&opens->wake, &attributes);
	pthread_condattr_destroy(&attributes);
}

/* ---- Entries ---- */

static struct srd_open_inode **bucket_of(struct srd_opens *opens, uint64_t ino)
{
	return &opens->bucket[srd_mix(ino) % SRD_OPEN_BUCKETS];
}

static struct srd_open_inode *find(struct srd_opens *opens, uint64_t ino)
{
	struct srd_open_inode *inode = *bucket_of(opens, ino);

	while (inode && inode->ino != ino)
		inode = inode->next;
	return inode;
}

static struct srd_open_inode *add(struct srd_opens *opens, uint64_t ino)
{
	struct srd_open_inode **bucket = bucket_of(opens, ino);
	struct srd_open_inode *inode = calloc(1, sizeof *inode);

	if (!inode)
		return NULL;
	inode->ino = ino;
	inode->base = SRD_OPEN_ALL_COMMITTED;
	inode->tail = SRD_OPEN_NO_TAIL;
	pthread_mutex_init(&inode->mutex, NULL);
	srd_dirty_init(&inode->dirty);
	inode->next = *bucket;
	*bucket = inode;
	return inode;
}

void srd_open_count_pending(struct srd_fs *fs, struct srd_open_inode *inode)
{
	if (inode->dirty.memory_bytes == inode->pending)
		return;
	atomic_fetch_add(&fs->limit.pending, inode->dirty.memory_bytes - inode->pending);
	inode->pending = inode->dirty.memory_bytes;
}

void srd_open_drop_dirty(struct srd_fs *fs, struct srd_open_inode *inode)
{
	srd_dirty_clear(&inode->dirty);
	srd_hold_drop(&inode->home);
	srd_open_count_pending(fs, inode);
}

static void destroy(struct srd_fs *fs, struct srd_open_inode *inode)
{
	struct srd_opens *opens = &fs->opens;
	struct srd_open_inode **link = bucket_of(opens, inode->ino);

	while (*link != inode)
		link = &(*link)->next;
	*link = inode->next;
	if (atomic_load(&inode->changed))
		atomic_fetch_sub(&opens->changed_count, 1);
	if (opens->unsaved)
		srd_numberset_remove(opens->unsaved, inode->ino);
	srd_committer_remove(opens, inode);
	srd_open_drop_dirty(fs, inode);
	pthread_mutex_destroy(&inode->mutex);
	free(inode);
}

struct srd_open_inode *srd_open_get(struct srd_fs *fs, uint64_t ino)
{
	SRD_LOCK_GUARD(&fs->opens.mutex);
	struct srd_open_inode *inode = find(&fs->opens, ino);

	if (!inode)
		inode = add(&fs->opens, ino);
	if (inode)
		inode->refs++;
	return inode;
}

void srd_open_put(struct srd_fs *fs, struct srd_open_inode *inode)
{
	SRD_LOCK_GUARD(&fs->opens.mutex);

	if (--inode->refs == 0 && !atomic_load(&inode->changed))
		destroy(fs, inode);
}

void srd_open_forget(struct srd_fs *fs, uint64_t ino)
{
	SRD_LOCK_GUARD(&fs->opens.mutex);
	struct srd_open_inode *inode = find(&fs->opens, ino);

	if (inode && inode->refs == 0)
		destroy(fs, inode);
}

bool srd_open_is_changed(struct srd_fs *fs, uint64_t ino)
{
	/* A commit changes the state before it lowers the count: who has the read
	 * side and finds 0 reads the state with all of it. */
	if (atomic_load(&fs->opens.changed_count) == 0)
		return false;
	SRD_LOCK_GUARD(&fs->opens.mutex);
	struct srd_open_inode *inode = find(&fs->opens, ino);

	return inode && atomic_load(&inode->changed);
}

/* Call with opens.mutex held. */
static void note_unsaved(struct srd_opens *opens, uint64_t ino, bool unsaved)
{
	if (!opens->unsaved)
		return;
	if (unsaved)
		srd_numberset_add(opens->unsaved, ino);
	else
		srd_numberset_remove(opens->unsaved, ino);
}

void srd_open_set_changed(struct srd_fs *fs, struct srd_open_inode *inode, bool changed)
{
	if (atomic_load_explicit(&inode->changed, memory_order_relaxed) == changed)
		return;
	SRD_LOCK_GUARD(&fs->opens.mutex);
	atomic_store(&inode->changed, changed);
	atomic_fetch_add(&fs->opens.changed_count, changed ? 1 : -1u);
	note_unsaved(&fs->opens, inode->ino, changed);
	if (changed && !inode->unlinked)
		srd_committer_add(&fs->opens, inode);
	else
		srd_committer_remove(&fs->opens, inode);
}

/* ---- What is to be seen ---- */

uint64_t srd_open_size(const struct srd_open_inode *inode, uint64_t size)
{
	return SRD_MAX(SRD_MIN(inode->base, size), inode->size);
}

/* ---- All ---- */

int srd_opens_release(struct srd_fs *fs)
{
	struct srd_opens *opens = &fs->opens;
	int first = 0;

	for (size_t i = 0; i < SRD_OPEN_BUCKETS; i++) {
		while (opens->bucket[i]) {
			struct srd_open_inode *inode = opens->bucket[i];
			int error = srd_open_commit(fs, inode, NULL, NULL);
			if (error)
				srd_fs_say(fs, "inode %llu: what was written last is lost: %s",
				           (unsigned long long)inode->ino, srd_strerror(error));
			first = first ? first : error;
			destroy(fs, inode);
		}
	}
	pthread_cond_destroy(&opens->wake);
	pthread_mutex_destroy(&opens->mutex);
	return first;
}
