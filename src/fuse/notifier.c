/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fuse/notifier.h"

#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/check.h"
#include "base/cleanup.h"
#include "base/thread.h"
#include "fuse/changes.h"
#include "fuse/loop.h"
#include "fuse/mount.h"
#include "store/follower.h"

enum {
	NOTIFY_INC_EPOCH = 8,         /* in newer headers: doubts all names at once */
	WALK_COUNT = 512,             /* changes made of the tables under one hold of the lock */
};

struct srd_notifier {
	struct srd_mount *mount;
	struct srd_watch watch;
	pthread_t thread;
	bool running;
	/* A leaf: nothing is waited for under it, so it is taken with the state's write
	 * side held.  Protects what follows. */
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	struct srd_changes both[2];
	struct srd_changes *changes;  /* noted; of the other the thread tells without the mutex */
	bool published;               /* there is something to take */
	atomic_bool stopping;         /* set with the mutex held, read without */
};

/* ---- Taking note: with the store's locks held ---- */

static void note(struct srd_notifier *notifier, const struct srd_kernel_change *change)
{
	SRD_LOCK_GUARD(&notifier->mutex);

	srd_changes_add(notifier->changes, change);
}

/* With the name goes what the kernel read of the directory. */
static void note_entry(void *user, uint64_t dir, const char *name, uint8_t len)
{
	struct srd_notifier *notifier = user;
	SRD_LOCK_GUARD(&notifier->mutex);

	srd_changes_add_name(notifier->changes, dir, name, len);
	srd_changes_add(notifier->changes, &(struct srd_kernel_change){ .ino = dir, .to = SRD_FILE_LEN_MAX });
}

static void note_inode(void *user, uint64_t ino, uint64_t from, uint64_t to)
{
	note(user, &(struct srd_kernel_change){ .ino = ino, .from = from, .to = to });
}

static void note_all(void *user)
{
	struct srd_notifier *notifier = user;
	SRD_LOCK_GUARD(&notifier->mutex);

	notifier->changes->all = true;
}

static void keep(void *user, uint64_t ino)
{
	const struct srd_notifier *notifier = user;

	srd_unnamed_add(&notifier->mount->fs->unnamed, ino);
}

/* ---- With no lock held ---- */

static void publish(void *user)
{
	struct srd_notifier *notifier = user;
	SRD_LOCK_GUARD(&notifier->mutex);

	/* Nothing the kernel has is true of another store. */
	if (atomic_load(&notifier->mount->store->broken))
		notifier->changes->all = true;
	notifier->published = true;
	pthread_cond_signal(&notifier->wake);
}

/* From inside a request, which will have been answered before the kernel is told. */
static void stale(void *user, uint64_t ino, uint64_t from)
{
	const struct srd_mount *mount = user;

	note_inode(mount->notifier, ino, from, SRD_FILE_LEN_MAX);
	publish(mount->notifier);
}

void srd_notifier_doubt(struct srd_notifier *notifier)
{
	pthread_mutex_lock(&notifier->mutex);
	notifier->changes->all = true;
	pthread_mutex_unlock(&notifier->mutex);
	publish(notifier);
}

/* ---- Telling ---- */

/* CODE, with what goes with it: one packet.  What the kernel does not know is no error. */
static void send_notice(const struct srd_notifier *notifier, int code, const void *what, size_t len, const char *name,
                        size_t name_len)
{
	struct fuse_out_header header = { .len = (uint32_t)(sizeof header + len + name_len), .error = code };
	struct iovec iov[] = { { &header, sizeof header }, { (void *)what, len }, { (void *)name, name_len } };
	const struct srd_mount *mount = notifier->mount;

	if (writev(mount->notices >= 0 ? mount->notices : mount->device.fd, iov, SRD_LEN(iov)) < 0)
		return;
}

static void tell_name(const struct srd_notifier *notifier, uint64_t dir, const char *name, uint8_t len)
{
	struct fuse_notify_inval_entry_out what = { .parent = dir, .namelen = len };
	char ended[SRD_NAME_MAX + 1] = "";

	memcpy(ended, name, len);
	send_notice(notifier, FUSE_NOTIFY_INVAL_ENTRY, &what, sizeof what, ended, len + (size_t)1);
}

static void tell(const struct srd_notifier *notifier, const struct srd_changes *told,
                 const struct srd_kernel_change *change)
{
	struct fuse_notify_inval_inode_out what = { .ino = change->ino, .off = (int64_t)change->from };

	if (change->name_len) {
		tell_name(notifier, change->ino, told->names + change->name, change->name_len);
		return;
	}
	if (change->from == change->to)
		what.off = -1;   /* attributes alone */
	else if (change->to < SRD_FILE_LEN_MAX)
		what.len = (int64_t)(change->to - change->from);   /* 0: to the end */
	send_notice(notifier, FUSE_NOTIFY_INVAL_INODE, &what, sizeof what, NULL, 0);
}

/* Up to WALK_COUNT of the inodes from *INDEX on that the kernel may know. */
static void walk_inodes(const struct srd_state *state, uint32_t *index, struct srd_changes *found)
{
	for (; *index < state->inodes.count && found->count < WALK_COUNT; ++*index) {
		const struct srd_inode *inode = srd_inode_at(state, *index);
		if (inode->mode && inode->ino && srd_inode_is_known(state, inode))
			srd_changes_add(found, &(struct srd_kernel_change){ .ino = inode->ino, .to = SRD_FILE_LEN_MAX });
	}
}

/* Likewise the names in such directories. */
static void walk_names(const struct srd_state *state, uint32_t *index, struct srd_changes *found)
{
	for (; *index < state->dentries.count && found->count < WALK_COUNT; ++*index) {
		const struct srd_dentry *dentry = srd_dentry_at(state, *index);
		if (!dentry->name_len)
			continue;
		const struct srd_inode *dir = srd_inode_at(state, dentry->parent);
		const char *name = srd_dentry_name(state, dentry);
		if (name && srd_inode_is_known(state, dir))
			srd_changes_add_name(found, dir->ino, name, dentry->name_len);
	}
}

typedef void walk(const struct srd_state *state, uint32_t *index, struct srd_changes *found);

/* The tables are walked a piece at a time: who comes or goes meanwhile is told of
 * in the usual way. */
static void tell_walk(struct srd_notifier *notifier, walk *next)
{
	struct srd_store *store = notifier->mount->store;
	struct srd_changes *found = calloc(1, sizeof *found);
	uint64_t generation = 0;
	bool more = found;

	for (uint32_t index = 1; more && !atomic_load(&notifier->stopping);) {
		/* A store that broke is walked, too: its files are to be forgotten. */
		unsigned stripe = srd_brlock_stripe();
		srd_brlock_read_lock(&store->state_lock, stripe);
		/* In another log's tables indexes mean something else: once more from the start. */
		if (store->log->sb.generation != generation)
			index = 1;
		generation = store->log->sb.generation;
		next(&store->state, &index, found);
		srd_brlock_read_unlock(&store->state_lock, stripe);
		for (size_t i = 0; i < found->count; i++)
			tell(notifier, found, &found->items[i]);
		more = found->count == WALK_COUNT;
		srd_changes_clear(found);
	}
	if (found)
		srd_changes_release(found);
	free(found);
}

static void tell_all(struct srd_notifier *notifier)
{
	bool doubts = srd_device_can_doubt(&notifier->mount->device);

	if (doubts)
		send_notice(notifier, NOTIFY_INC_EPOCH, NULL, 0, NULL, 0);
	tell_walk(notifier, walk_inodes);
	if (!doubts)
		tell_walk(notifier, walk_names);
}

static void tell_changes(struct srd_notifier *notifier, struct srd_changes *told)
{
	/* Whoever looked at the store before it changed has said so by then. */
	srd_loop_settle(notifier->mount->loop);
	for (size_t i = 0; i < told->count && !told->all && !atomic_load(&notifier->stopping); i++)
		tell(notifier, told, &told->items[i]);
	if (told->all)
		tell_all(notifier);
	srd_changes_clear(told);
}

static void *work(void *user)
{
	struct srd_notifier *notifier = user;

	pthread_mutex_lock(&notifier->mutex);
	while (!atomic_load(&notifier->stopping)) {
		if (!notifier->published) {
			pthread_cond_wait(&notifier->wake, &notifier->mutex);
			continue;
		}
		struct srd_changes *taken = notifier->changes;
		notifier->changes = &notifier->both[taken == notifier->both];
		notifier->published = false;
		pthread_mutex_unlock(&notifier->mutex);
		tell_changes(notifier, taken);
		pthread_mutex_lock(&notifier->mutex);
	}
	pthread_mutex_unlock(&notifier->mutex);
	return NULL;
}

/* ---- Coming and going ---- */

int srd_notifier_new(struct srd_mount *mount)
{
	struct srd_notifier *notifier = calloc(1, sizeof *notifier);

	if (!notifier)
		return -ENOMEM;
	notifier->mount = mount;
	notifier->changes = notifier->both;
	notifier->watch = (struct srd_watch){ .entry = note_entry, .inode = note_inode, .all = note_all,
	                                      .kept = keep, .published = publish,
	                                      .user = notifier };
	pthread_mutex_init(&notifier->mutex, NULL);
	pthread_cond_init(&notifier->wake, NULL);
	mount->notifier = notifier;
	mount->fs->stale = stale;
	srd_follower_watch(mount->store, &notifier->watch);
	return 0;
}

int srd_notifier_start(struct srd_mount *mount)
{
	struct srd_notifier *notifier = mount->notifier;
	int error = srd_thread_start(&notifier->thread, work, notifier, -1);

	notifier->running = error == 0;
	return error ? error : srd_follower_start(mount->store);
}

/* Returns when the kernel has been told all, or who would tell it is gone. */
static void await_herald(int notices)
{
	char end = 0;

	if (notices >= 0 && write(notices, &end, sizeof end) == sizeof end)
		while (recv(notices, &end, sizeof end, 0) < 0 && errno == EINTR)
			;
}

void srd_notifier_stop(struct srd_mount *mount)
{
	struct srd_notifier *notifier = mount->notifier;

	if (!notifier)
		return;
	srd_follower_stop(mount->store);
	pthread_mutex_lock(&notifier->mutex);
	atomic_store(&notifier->stopping, true);
	pthread_cond_signal(&notifier->wake);
	pthread_mutex_unlock(&notifier->mutex);
	if (notifier->running)
		pthread_join(notifier->thread, NULL);
	notifier->running = false;
	await_herald(mount->notices);
}

void srd_notifier_free(struct srd_notifier *notifier)
{
	if (!notifier)
		return;
	srd_changes_release(&notifier->both[0]);
	srd_changes_release(&notifier->both[1]);
	pthread_cond_destroy(&notifier->wake);
	pthread_mutex_destroy(&notifier->mutex);
	free(notifier);
}
