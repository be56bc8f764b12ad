/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fs/fs.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hash.h"

enum {
	DIRECT_LEN = 128 << 10,    /* a write of this much goes to the log at once */
	COMMIT_LEN = 64 << 10,     /* less than this goes into the commit itself */
	MEMORY_MAX = 1 << 20,      /* uncommitted bytes in memory, for one inode ... */
	MEMORY_MANY = 64 << 10,    /* ... when there are more than MANY such inodes */
	MANY = 64,
	PIECES_MAX = 1024,         /* pieces after which a commit is worth it */
	SPILL_PIECES = 64,         /* runs in one DATA record */
};
#define ALL_COMMITTED UINT64_MAX
#define NO_TAIL UINT64_MAX

int srd_opens_init(struct srd_opens *opens)
{
	pthread_condattr_t attributes;

	pthread_mutex_init(&opens->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&opens->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	return 0;
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
	inode->base = ALL_COMMITTED;
	inode->tail = NO_TAIL;
	pthread_mutex_init(&inode->mutex, NULL);
	srd_dirty_init(&inode->dirty);
	inode->next = *bucket;
	*bucket = inode;
	return inode;
}

/* Keeps the sum true of what is in memory and will have to be appended. */
static void count_pending(struct srd_fs *fs, struct srd_open_inode *inode)
{
	if (inode->dirty.memory_bytes == inode->pending)
		return;
	atomic_fetch_add(&fs->limit.pending, inode->dirty.memory_bytes - inode->pending);
	inode->pending = inode->dirty.memory_bytes;
}

static void drop_dirty(struct srd_fs *fs, struct srd_open_inode *inode)
{
	srd_dirty_clear(&inode->dirty);
	srd_hold_drop(&inode->home);
	count_pending(fs, inode);
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
	drop_dirty(fs, inode);
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

static void set_changed(struct srd_fs *fs, struct srd_open_inode *inode, bool changed)
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

/* ---- Writing ---- */

uint64_t srd_open_size(const struct srd_open_inode *inode, uint64_t size)
{
	return SRD_MAX(SRD_MIN(inode->base, size), inode->size);
}

/* Moves up to SPILL_PIECES memory pieces to the log. */
static int spill_some(struct srd_fs *fs, struct srd_open_inode *inode)
{
	struct srd_dirty *dirty = &inode->dirty;
	struct iovec iov[SPILL_PIECES] = { { 0 } };
	size_t index[SPILL_PIECES];
	uint64_t runs[SPILL_PIECES];
	int count = 0;

	for (size_t i = 0; i < dirty->count && count < SPILL_PIECES; i++) {
		struct srd_piece *piece = &dirty->pieces[i];
		if (!piece->memory)
			continue;
		iov[count] = (struct iovec){ .iov_base = (void *)srd_piece_bytes(piece), .iov_len = piece->len };
		index[count++] = i;
	}
	int error = srd_open_append_data(fs, inode, iov, count, runs);
	for (int i = 0; i < count && !error; i++)
		srd_dirty_spilled(dirty, index[i], runs[i]);
	return error;
}

static int spill(struct srd_fs *fs, struct srd_open_inode *inode)
{
	int error = 0;

	while (!error && inode->dirty.memory_bytes > 0)
		error = spill_some(fs, inode);
	return error;
}

static int write_direct(struct srd_fs *fs, struct srd_open_inode *inode, uint64_t pos,
                        const void *data, uint32_t len)
{
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	uint64_t run;
	int error = srd_open_append_data(fs, inode, &iov, 1, &run);

	return error ? error : srd_dirty_write_run(&inode->dirty, pos, run, len);
}

static int write_memory(struct srd_fs *fs, struct srd_open_inode *inode, uint64_t pos,
                        const void *data, uint32_t len)
{
	uint64_t max = atomic_load_explicit(&fs->opens.changed_count, memory_order_relaxed) > MANY
	               ? MEMORY_MANY : MEMORY_MAX;
	int error = inode->dirty.memory_bytes + len > max ? spill(fs, inode) : 0;

	return error ? error : srd_dirty_write(&inode->dirty, pos, data, len);
}

/* Content changed: the time of it is that of now. */
static void note_write(struct srd_fs *fs, struct srd_open_inode *inode)
{
	inode->mtime_ns = srd_wall_ns();
	inode->written = true;
	inode->mtime_shown = false;
	set_changed(fs, inode, true);
}

static int put(struct srd_fs *fs, struct srd_open_inode *inode, uint64_t pos, const void *data, uint32_t len)
{
	if (!srd_within(pos, len, SRD_FILE_LEN_MAX))
		return -EFBIG;
	if (len == 0)
		return 0;
	int error = srd_limit_growth(fs, len);
	if (error)
		return error;
	error = (len >= DIRECT_LEN ? write_direct : write_memory)(fs, inode, pos, data, len);
	count_pending(fs, inode);
	if (error)
		return error;
	inode->size = SRD_MAX(inode->size, pos + len);
	note_write(fs, inode);
	/* Bounds what is pending; whether it succeeds, flush will tell. */
	if (inode->dirty.count > PIECES_MAX)
		srd_open_commit(fs, inode, NULL, NULL);
	return 0;
}

/* Bytes that are to lie at POS whatever comes before must not move with a tail. */
int srd_open_write(struct srd_fs *fs, struct srd_open_inode *inode, uint64_t pos, const void *data, uint32_t len)
{
	if (len > 0 && inode->tail != NO_TAIL && pos + len > inode->tail) {
		int error = srd_open_commit(fs, inode, NULL, NULL);
		if (error)
			return error;
		inode->tail = NO_TAIL;   /* of one without names, nothing was committed */
	}
	return put(fs, inode, pos, data, len);
}

int srd_open_append(struct srd_fs *fs, struct srd_open_inode *inode, const void *data, uint32_t len, uint64_t *pos)
{
	struct srd_inode *committed;
	unsigned stripe;
	int error = srd_fs_read_inode(fs, inode->ino, &stripe, &committed);

	if (error)
		return error;
	uint64_t end = srd_open_size(inode, committed->size);
	srd_store_done(fs->store, stripe);
	if (inode->tail == NO_TAIL) {
		inode->tail_size = inode->size;
		inode->tail = end;
	} else {
		/* Behind what was appended before, whatever happened below it. */
		end = SRD_MAX(inode->tail, inode->size);
	}
	error = put(fs, inode, end, data, len);
	if (!error)
		*pos = end;
	return error;
}

void srd_open_empty(struct srd_fs *fs, struct srd_open_inode *inode)
{
	drop_dirty(fs, inode);
	inode->tail = NO_TAIL;
	inode->base = inode->size = 0;
	note_write(fs, inode);
}

void srd_open_access(struct srd_fs *fs, struct srd_open_inode *inode, int64_t now_ns)
{
	inode->accessed = true;
	inode->atime_ns = now_ns;
	set_changed(fs, inode, true);
}

/* ---- Committing ---- */

/* Everything there was is committed, or of no more use. */
static void clean(struct srd_fs *fs, struct srd_open_inode *inode)
{
	drop_dirty(fs, inode);
	inode->base = ALL_COMMITTED;
	inode->tail = NO_TAIL;
	inode->size = 0;
	inode->written = inode->mtime_shown = inode->plain = inode->accessed = false;
	inode->last_error = 0;
	set_changed(fs, inode, false);
}

static int add_refs(struct srd_txn *txn, const struct srd_open_inode *inode, bool *replace)
{
	const struct srd_dirty *dirty = &inode->dirty;
	size_t count = 0;
	SRD_AUTO_FREE struct srd_ref *refs = malloc(dirty->count * sizeof *refs + 1);

	if (!refs)
		return -ENOMEM;
	for (size_t i = 0; i < dirty->count; i++) {
		const struct srd_piece *piece = &dirty->pieces[i];
		if (!piece->memory)
			refs[count++] = (struct srd_ref){ .pos = piece->pos, .run = piece->run,
			                                  .skip = piece->skip, .len = piece->len };
	}
	if (count == 0)
		return 0;
	int error = srd_txn_refs(txn, inode->ino, refs, count, *replace);
	*replace = false;
	return error;
}

static int add_content(struct srd_txn *txn, const struct srd_open_inode *inode)
{
	const struct srd_dirty *dirty = &inode->dirty;
	bool replace = inode->base == 0;
	int error = dirty->bytes > dirty->memory_bytes ? add_refs(txn, inode, &replace) : 0;

	for (size_t i = 0; i < dirty->count && !error; i++) {
		const struct srd_piece *piece = &dirty->pieces[i];
		if (!piece->memory)
			continue;
		error = srd_txn_write(txn, inode->ino, piece->pos, srd_piece_bytes(piece), piece->len, replace);
		replace = false;
	}
	if (!error && replace)
		error = srd_txn_write(txn, inode->ino, 0, "", 0, true);
	return error;
}

/* The time that was told of the content must stay as it was told; that of reading is
 * no change. */
static int add_times(struct srd_txn *txn, const struct srd_open_inode *inode, int64_t ctime_ns)
{
	struct srd_attr attr = { .mask = SRD_ATTR_CTIME, .ctime_ns = ctime_ns };

	if (inode->written) {
		attr.mask |= SRD_ATTR_MTIME;
		attr.mtime_ns = attr.ctime_ns = inode->mtime_ns;
	}
	if (inode->accessed) {
		attr.mask |= SRD_ATTR_ATIME;
		attr.atime_ns = inode->atime_ns;
	}
	return inode->mtime_shown || inode->accessed ? srd_txn_set_attr(txn, inode->ino, &attr) : 0;
}

/* What was appended goes to the end of what is committed by now, which is SIZE bytes
 * long: the kernel has it where we thought that was. */
static int move_tail(struct srd_fs *fs, struct srd_open_inode *inode, uint64_t size)
{
	uint64_t old = inode->tail, tail = SRD_MAX(SRD_MIN(inode->base, size), inode->tail_size);

	if (old == NO_TAIL || old == tail)
		return 0;
	int error = srd_dirty_move(&inode->dirty, old, tail);
	if (error)
		return error;
	inode->size = SRD_MAX(inode->tail_size, inode->size - old + tail);
	inode->tail = tail;
	srd_fs_stale(fs, inode->ino, SRD_MIN(old, tail));
	return 0;
}

static void note_unlinked(struct srd_fs *fs, struct srd_open_inode *inode)
{
	SRD_LOCK_GUARD(&fs->opens.mutex);

	inode->unlinked = true;
	srd_committer_remove(&fs->opens, inode);
}

/* Puts it all into TXN; *UNLINKED: it has no names, and nothing more to change, so
 * nothing belongs in the log. */
static int fill(struct srd_fs *fs, struct srd_txn *txn, struct srd_open_inode *inode,
                srd_open_more *more, const void *user, bool *unlinked)
{
	struct srd_node node;
	int error = srd_txn_node(txn, inode->ino, &node);

	if (error)
		return error == -ENOENT ? -ESTALE : error;
	const struct srd_inode *committed = srd_inode_at(&fs->store->state, node.inode);
	*unlinked = committed->gone && !more;
	if (*unlinked)
		return 0;
	if (atomic_load_explicit(&inode->changed, memory_order_relaxed)) {
		error = move_tail(fs, inode, srd_inode_at(&fs->store->state, node.inode)->size);
		if (!error)
			error = add_content(txn, inode);
		if (!error)
			error = add_times(txn, inode, committed->ctime_ns);
	}
	return error || !more ? error : more(fs, txn, &node, user);
}

static int commit(struct srd_fs *fs, struct srd_open_inode *inode, srd_open_more *more, const void *user)
{
	struct srd_txn *txn;
	bool unlinked = false;
	int error = inode->dirty.memory_bytes >= COMMIT_LEN ? spill(fs, inode) : 0;

	count_pending(fs, inode);
	if (!error)
		error = srd_open_begin(fs, inode, &txn);
	if (error)
		return error;
	error = fill(fs, txn, inode, more, user, &unlinked);
	if (error || unlinked) {
		srd_txn_abort(txn);
		if (unlinked)
			note_unlinked(fs, inode);
		return error;
	}
	error = srd_txn_commit(txn, NULL);
	if (!error)
		clean(fs, inode);
	return error;
}

int srd_open_commit(struct srd_fs *fs, struct srd_open_inode *inode, srd_open_more *more, const void *user)
{
	bool changed = atomic_load_explicit(&inode->changed, memory_order_relaxed);

	return more || (changed && !inode->unlinked) ? commit(fs, inode, more, user) : 0;
}

bool srd_open_is_only_accessed(const struct srd_open_inode *inode)
{
	return inode->accessed && !inode->written;
}

int srd_open_commit_many(struct srd_fs *fs, struct srd_open_inode *const *inodes, size_t count)
{
	struct srd_txn *txn;
	int error = srd_txn_begin(fs->store, &txn);

	if (error)
		return error;
	for (size_t i = 0; i < count && !error; i++) {
		bool unlinked = false;
		error = fill(fs, txn, inodes[i], NULL, NULL, &unlinked);
		if (unlinked)
			note_unlinked(fs, inodes[i]);
	}
	if (error) {
		srd_txn_abort(txn);
		return error;
	}
	error = srd_txn_commit(txn, NULL);
	for (size_t i = 0; i < count && !error; i++)
		if (!inodes[i]->unlinked)
			clean(fs, inodes[i]);
	return error;
}

static int add_nothing(struct srd_fs *fs, struct srd_txn *txn, const struct srd_node *node, const void *user)
{
	(void)fs, (void)txn, (void)node, (void)user;
	return 0;
}

int srd_open_settle(struct srd_fs *fs, struct srd_open_inode *inode)
{
	return atomic_load_explicit(&inode->changed, memory_order_relaxed)
	       ? srd_open_commit(fs, inode, add_nothing, NULL) : 0;
}

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
