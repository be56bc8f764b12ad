/* SPDX-License-Identifier: Apache-2.0 */
/*
 * committer.c - a thread that commits what has been dirty for a second, so that
 * a file which stays open is never far behind.
 *
 * The list is in the order in which inodes became dirty.  The thread sleeps
 * without a limit only while the list is empty, and is woken only then: a mount
 * that writes one small file after the other wakes it once a second.
 */
#include "config.h"

#include "fs/fs.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/thread.h"

enum { PATIENCE_NS = 1000000000, ACCESSES_MAX = 256 };

void srd_committer_add(struct srd_opens *opens, struct srd_open_inode *inode)
{
	if (inode->listed)
		return;
	inode->listed = true;
	inode->dirty_since_ns = srd_monotonic_ns();
	inode->older = opens->newest;
	inode->newer = NULL;
	*(opens->newest ? &opens->newest->newer : &opens->oldest) = inode;
	opens->newest = inode;
	if (opens->asleep)
		pthread_cond_signal(&opens->wake);
}

void srd_committer_remove(struct srd_opens *opens, struct srd_open_inode *inode)
{
	if (!inode->listed)
		return;
	inode->listed = false;
	*(inode->older ? &inode->older->newer : &opens->oldest) = inode->newer;
	*(inode->newer ? &inode->newer->older : &opens->newest) = inode->older;
}

/* INODE, its mutex held, could not be committed. */
static void try_later(struct srd_fs *fs, struct srd_open_inode *inode, int error)
{
	if (error != inode->last_error)
		srd_fs_say(fs, "inode %llu: cannot commit what was written, will try again: %s",
		           (unsigned long long)inode->ino, srd_strerror(error));
	inode->last_error = error;
	SRD_LOCK_GUARD(&fs->opens.mutex);
	if (!inode->unlinked)
		srd_committer_add(&fs->opens, inode);
}

/* The oldest ones that were only read, as many as are due at once: theirs is one
 * commit.  They come locked (tried, not waited for: opens.mutex is held), referred to
 * and off the list. */
static size_t take_accessed(struct srd_opens *opens, struct srd_open_inode *taken[ACCESSES_MAX])
{
	size_t count = 0;

	while (count < ACCESSES_MAX && opens->oldest) {
		struct srd_open_inode *inode = opens->oldest;
		if (pthread_mutex_trylock(&inode->mutex) != 0)
			break;
		if (!srd_open_is_only_accessed(inode)) {
			pthread_mutex_unlock(&inode->mutex);
			break;
		}
		inode->refs++;
		srd_committer_remove(opens, inode);
		taken[count++] = inode;
	}
	return count;
}

/* Call with opens.mutex held, which is let go meanwhile.  False: there were none. */
static bool commit_accessed(struct srd_fs *fs)
{
	struct srd_opens *opens = &fs->opens;
	struct srd_open_inode *taken[ACCESSES_MAX];
	size_t count = take_accessed(opens, taken);

	if (count == 0)
		return false;
	pthread_mutex_unlock(&opens->mutex);
	int error = srd_open_commit_many(fs, taken, count);
	for (size_t i = 0; i < count; i++) {
		if (error)
			try_later(fs, taken[i], error);
		pthread_mutex_unlock(&taken[i]->mutex);
		srd_open_put(fs, taken[i]);
	}
	pthread_mutex_lock(&opens->mutex);
	return true;
}

/* Call with opens.mutex held, which is let go meanwhile. */
static void commit_oldest(struct srd_fs *fs)
{
	struct srd_opens *opens = &fs->opens;
	struct srd_open_inode *inode = opens->oldest;

	inode->refs++;
	srd_committer_remove(opens, inode);
	pthread_mutex_unlock(&opens->mutex);
	pthread_mutex_lock(&inode->mutex);
	int error = srd_open_commit(fs, inode, NULL, NULL);
	if (error)
		try_later(fs, inode, error);
	pthread_mutex_unlock(&inode->mutex);
	srd_open_put(fs, inode);
	pthread_mutex_lock(&opens->mutex);
}

/* Takes turns with the thread at the mutex of each inode: on return what was dirty
 * before is committed, whoever did it. */
static int commit_bucket(struct srd_fs *fs, struct srd_open_inode *const *bucket)
{
	struct srd_opens *opens = &fs->opens;
	struct srd_open_inode *held = NULL;
	int first = 0;

	pthread_mutex_lock(&opens->mutex);
	for (struct srd_open_inode *inode = *bucket; inode; inode = inode->next) {
		if (!atomic_load(&inode->changed))
			continue;
		inode->refs++;
		pthread_mutex_unlock(&opens->mutex);
		if (held)
			srd_open_put(fs, held);
		held = inode;      /* keeps it, and so the way on */
		pthread_mutex_lock(&inode->mutex);
		int error = srd_open_commit(fs, inode, NULL, NULL);
		pthread_mutex_unlock(&inode->mutex);
		first = first ? first : error;
		pthread_mutex_lock(&opens->mutex);
	}
	pthread_mutex_unlock(&opens->mutex);
	if (held)
		srd_open_put(fs, held);
	return first;
}

int srd_committer_flush(struct srd_fs *fs)
{
	struct srd_opens *opens = &fs->opens;
	int first = 0;

	for (size_t i = 0; i < SRD_OPEN_BUCKETS && atomic_load(&opens->changed_count) > 0; i++) {
		int error = commit_bucket(fs, &opens->bucket[i]);
		first = first ? first : error;
	}
	return first;
}

static void wait_for_work(struct srd_opens *opens)
{
	if (!opens->oldest) {
		opens->asleep = true;
		pthread_cond_wait(&opens->wake, &opens->mutex);
		opens->asleep = false;
		return;
	}
	int64_t due = opens->oldest->dirty_since_ns + PATIENCE_NS;
	struct timespec until = { .tv_sec = due / 1000000000, .tv_nsec = due % 1000000000 };
	pthread_cond_timedwait(&opens->wake, &opens->mutex, &until);
}

static void *work(void *user)
{
	struct srd_fs *fs = user;
	struct srd_opens *opens = &fs->opens;

	pthread_mutex_lock(&opens->mutex);
	while (!opens->stopping) {
		if (!opens->oldest || srd_monotonic_ns() - opens->oldest->dirty_since_ns < PATIENCE_NS)
			wait_for_work(opens);
		else if (!commit_accessed(fs))
			commit_oldest(fs);
	}
	pthread_mutex_unlock(&opens->mutex);
	return NULL;
}

int srd_committer_start(struct srd_fs *fs)
{
	int error = srd_thread_start(&fs->opens.thread, work, fs, -1);

	fs->opens.running = error == 0;
	return error;
}

void srd_committer_stop(struct srd_fs *fs)
{
	struct srd_opens *opens = &fs->opens;

	if (!opens->running)
		return;
	pthread_mutex_lock(&opens->mutex);
	opens->stopping = true;
	pthread_cond_signal(&opens->wake);
	pthread_mutex_unlock(&opens->mutex);
	pthread_join(opens->thread, NULL);
	opens->running = false;
}
