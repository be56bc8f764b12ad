/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state.h - what the log adds up to: inodes, dentries, extents.
 *
 *     state = fold(apply, log)
 *
 * Tables of fixed-size entries, each in addresses of its own that never
 * change, referred to by 32-bit index (0: none), so that a table can be saved
 * and mapped again as it is.  Names, symlink targets and attribute values stay
 * in the log and are referred to by offset.
 *
 *     names  (parent ino, name) --hash--> dentry ---> inode ---> extents
 *     numbers  ino -------leaf------------------------^
 *     dentry <-> dentry: the children of a directory, in order of creation
 *
 * Bytes for a small file: inode 104, dentry 40, its name's place in the hash about 8,
 * its number's 5.
 *
 * No I/O, no locks: the owner (struct srd_store) lets one thread apply while
 * none reads.  `pins` alone may be changed by readers.
 */
#ifndef SRD_STATE_STATE_H
#define SRD_STATE_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addresses.h"
#include "base/check.h"
#include "base/numberset.h"
#include "format/op.h"
#include "format/record.h"
#include "state/numbers.h"
#include "state/table.h"

/* Bytes of the log, LEN at OFFSET; NULL where there are none.  Nearly all lie below *END,
 * at BYTES: `at` is asked for the rest, and for all where END is NULL. */
struct srd_source {
	const uint8_t *(*at)(const void *user, uint64_t offset, uint64_t len);
	const uint8_t *bytes;
	const atomic_ulong *end;
	/* True if some record before the op at OFFSET is damaged, no repair between them;
	 * with PREV, an op's offset, if it is that one's.  NULL: none is. */
	bool (*is_lost)(const void *user, uint64_t offset, uint64_t prev);
	const void *user;
};

static inline const uint8_t *srd_source_at(const struct srd_source *source, uint64_t offset, uint64_t len)
{
	/* Acquire: as srd_log_at(). */
	if (source->end && srd_within(offset, len, atomic_load_explicit(source->end, memory_order_acquire)))
		return source->bytes + offset;
	return source->at(source->user, offset, len);
}

enum srd_content {
	SRD_CONTENT_NONE,
	SRD_CONTENT_RUN,          /* one run from its start, at pos 0 */
	SRD_CONTENT_TREE,         /* root of a B+tree of extents */
};

struct srd_inode {
	uint64_t ino;
	uint64_t size;            /* bytes; of a directory: its entries */
	int64_t atime_ns, mtime_ns, ctime_ns, btime_ns;
	uint64_t last_op;         /* offset of the last op that touched it */
	union {
		uint64_t run;         /* SRD_CONTENT_RUN: offset of the run in the log */
		uint32_t tree;        /* SRD_CONTENT_TREE: root node */
		struct { uint32_t first, last; } children;   /* directory: dentries */
		uint32_t rdev;
	};
	uint32_t mode, uid, gid, nlink;
	uint32_t dentry;          /* one of its names; 0: none known */
	uint32_t xattrs;          /* first of the list */
	uint32_t run_len;         /* SRD_CONTENT_RUN: bytes used of it */
	uint8_t content;          /* enum srd_content */
	uint8_t gone;             /* 1: has lost its last name; here for its pins only.  An
	                             image may have any byte here, so it is no bool */
	uint8_t unused[2];
	atomic_uint pins;         /* of this process: an unlinked inode stays while > 0 */
	uint32_t spare;
};
_Static_assert(sizeof(struct srd_inode) == 104, "bytes per inode");
/* In a walk over the tables (from 1 to below table->count): an inode given back
 * has mode 0, a dentry given back name_len 0. */

enum { SRD_DEPTH_MAX = 4096 };    /* levels below which no directory is moved */
enum { SRD_XATTRS_MAX = 1024 };   /* attributes of one inode; more are misfits */

struct srd_dentry {
	uint64_t name;            /* offset in the log */
	uint64_t cookie;          /* grows with each link; a directory's order */
	uint32_t parent, inode;   /* inode indexes */
	uint32_t next, prev;      /* siblings */
	uint32_t hash;
	uint8_t name_len;
	uint8_t unused[3];
};
_Static_assert(sizeof(struct srd_dentry) == 40, "bytes per dentry");

struct srd_xattr {
	uint64_t hash;            /* of the name, which lies in the log directly before the run */
	uint64_t run;             /* of the value */
	uint32_t next;
	uint16_t name_len;
	uint16_t rank;            /* rises along the list: no circle can hold us */
};

enum { SRD_SNAPSHOTS_MAX = 65536 };   /* more are misfits */

/* What the log adds up to at some place of it, under a name. */
struct srd_snap {
	uint64_t name;            /* offset in the log */
	uint64_t offset;          /* in the log: what is before it */
	uint64_t sequence;        /* of the commit that made it */
	int64_t time_ns;          /* likewise */
	uint32_t hash;
	uint8_t name_len;         /* 0: not in use */
	uint8_t unused[3];
};
_Static_assert(sizeof(struct srd_snap) == 40, "bytes per snapshot");

/* Who is told what applying changes: only of inodes that may be known (srd_inode_is_known()), and of
 * names in such directories.  Called in the middle of a change, so it must neither look at the state
 * nor wait. */
struct srd_watch {
	/* NAME, valid during the call, stands for something else in DIR now. */
	void (*entry)(void *user, uint64_t dir, const char *name, uint8_t len);
	/* The attributes of INO changed, and its bytes from FROM to TO. */
	void (*inode)(void *user, uint64_t ino, uint64_t from, uint64_t to);
	/* Anything may have changed. */
	void (*all)(void *user);
	/* Gone inode INO, which is pinned, is in the log again, for as long as it is: without a
	 * name, to be freed by who pinned it. */
	void (*kept)(void *user, uint64_t ino);
	/* There is something to tell, and no lock is held any more. */
	void (*published)(void *user);
	void *user;
};

struct srd_state {
	struct srd_addresses addresses;   /* the tables lie there */
	struct srd_table inodes, dentries, xattrs, nodes;
	struct srd_table snapshots;
	struct srd_table made_up; /* lost.h */
	struct srd_hashed names;
	struct srd_numbers numbers;
	uint64_t hash_seed;
	uint64_t next_ino;        /* above every number seen */
	uint64_t next_cookie;
	uint64_t files, directories, others;
	uint64_t gone;            /* inodes that are here for their pins only */
	uint64_t unnamed;         /* of them, those that never had a name */
	uint64_t live_bytes;      /* payload that files refer to */
	uint64_t misfits;         /* ops that did nothing because they did not fit */
	uint64_t ops;             /* applied: what replaying the log costs */
	bool own_order;           /* pins kept an inode: entries lie as in no other instance */
	unsigned losses;          /* how often it was built anew from a log that had been damaged meanwhile:
	                             before, indexes and cookies were others */
	bool still;               /* it never changes again: pins are not counted, for nothing goes */
	struct srd_chunks *chunks;   /* of the image it began as; NULL: none */
	atomic_int *bad;          /* srd_state_error(); readers may set it.  NULL: there is no state */
	struct srd_source source;
	const struct srd_watch *watch;   /* NULL: nobody wants to know */
	/* Numbers of gone inodes, for who takes over; NULL: nobody does.  One in it is as if
	 * it were pinned. */
	struct srd_numberset *orphans;
	uint64_t spare_entries;   /* that there is room for beyond what was asked for */
	uint64_t heirs;           /* inodes below are pinned once more than they say; srd_state_pin_all() */
};

/* Takes addresses for the tables, RESERVE_BYTES for each at most (0: a default), and leaves
 * them to be filled: by srd_state_init(), or from an image.  0 or -ENOMEM. */
int srd_state_place(struct srd_state *state, const struct srd_superblock *sb,
                    struct srd_source source, uint64_t reserve_bytes);
/* Likewise; the root directory is there afterwards. */
int srd_state_init(struct srd_state *state, const struct srd_superblock *sb,
                   struct srd_source source, uint64_t reserve_bytes);
void srd_state_release(struct srd_state *state);
uint64_t srd_state_memory_bytes(const struct srd_state *state);
/* Negative if the tables are bad: they do not fit the log as it is now, or the image that they
 * began as was none.  What was read from them is not to be used, and they are to be built from
 * the log. */
static inline int srd_state_error(const struct srd_state *state)
{
	/* Relaxed: who set it for us is our own thread, or its effect on us is none. */
	return state->bad ? atomic_load_explicit(state->bad, memory_order_relaxed) : 0;
}

/* Applies the ops of one META record, METADATA being its RECORD->meta_len
 * bytes.  Total: ops that do not fit do nothing and are counted.  Fails only
 * with -ENOMEM or SRD_EFULL (a table's reservation is used up); the state is
 * then of no more use. */
int srd_state_apply(struct srd_state *state, const struct srd_record *record,
                    const uint8_t *metadata);

/* What OP of RECORD does to inode INO, in a state of that inode alone (alone.c). */
int srd_state_apply_alone(struct srd_state *state, const struct srd_record *record, const struct srd_op *op,
                          uint64_t ino);

/* Calls for what applying the first op of METADATA will look at: METADATA is as read,
 * checked by nobody. */
void srd_state_peek(const struct srd_state *state, const struct srd_record *record, const uint8_t *metadata);

/* Gets the memory that applying a record of META_LEN bytes of metadata may take,
 * so that it cannot fail for lack of it.  0 or -ENOMEM. */
int srd_state_make_room(struct srd_state *state, uint64_t meta_len);

/* The memory that COUNT files more will take, a piece of each table: usable, but perhaps
 * never touched. */
enum { SRD_FRONTIERS = 4 };
void srd_state_frontiers(struct srd_state *state, uint64_t count, struct srd_frontier frontiers[SRD_FRONTIERS]);

/* True if a record of META_LEN bytes of metadata is sure to fit into the tables'
 * address space: ask before it is appended, srd_state_apply() is too late. */
bool srd_state_has_room(const struct srd_state *state, uint64_t meta_len);

/* ---- Reading.  Indexes stay valid until the next apply. ---- */

uint32_t srd_state_inode_of(const struct srd_state *state, uint64_t ino);   /* 0: none */
uint32_t srd_state_lookup(const struct srd_state *state, uint32_t dir,
                          const char *name, size_t len);                    /* dentry, 0: none */
uint32_t srd_state_name_hash(const struct srd_state *state, uint64_t dir_ino,
                             const char *name, size_t len);
/* As srd_state_lookup() with the hash at hand. */
uint32_t srd_state_lookup_hashed(const struct srd_state *state, uint32_t dir, uint32_t hash,
                                 const char *name, size_t len);
/* For look-ups in bulk: each stage calls for the lines that the next one needs,
 * so do each for all before the next, and look up last.
 *     name: the hash    dentry: the candidates    target: their names and inodes */
void srd_state_prefetch_name(const struct srd_state *state, uint32_t hash);
void srd_state_prefetch_dentry(const struct srd_state *state, uint32_t hash);
void srd_state_prefetch_target(const struct srd_state *state, uint32_t hash);
void srd_state_prefetch_inode(const struct srd_state *state, uint64_t ino);
static inline struct srd_inode *srd_inode_at(const struct srd_state *state, uint32_t index)
{
	return (struct srd_inode *)state->inodes.base + srd_table_vet(&state->inodes, index);
}
/* INDEX may be anything. */
static inline void srd_inode_prefetch(const struct srd_state *state, uint32_t index)
{
	const char *inode = (const char *)state->inodes.base + (size_t)index * sizeof(struct srd_inode);

	__builtin_prefetch(inode);
	__builtin_prefetch(inode + sizeof(struct srd_inode) - 1);
}
static inline struct srd_dentry *srd_dentry_at(const struct srd_state *state, uint32_t index)
{
	return (struct srd_dentry *)state->dentries.base + srd_table_vet(&state->dentries, index);
}
static inline bool srd_inode_is_dir(const struct srd_inode *inode)
{
	return (inode->mode & 0170000) == 0040000;
}
/* The name of a dentry, in the log; NULL if it cannot be read.  Replaying checked it when it read
 * it, or an image spared us that: so it is held against its hash each time, and one that has changed
 * makes the tables bad. */
const char *srd_dentry_name(const struct srd_state *state, const struct srd_dentry *dentry);
/* Where it lies, without a look at it; NULL: nowhere. */
const char *srd_dentry_name_place(const struct srd_state *state, const struct srd_dentry *dentry);
/* The first child of DIR whose cookie is above COOKIE, 0: none.  HINT, a dentry
 * index from an earlier answer or 0, makes it O(1) while that one is there. */
uint32_t srd_state_next_child(const struct srd_state *state, uint32_t dir, uint64_t cookie,
                              uint32_t hint);
/* Above the cookies of all that is in DIR now, and not above those of what comes there later. */
uint64_t srd_state_cookie_end(const struct srd_state *state, uint32_t dir);
/* Which of A and B, dentry indexes from earlier answers or 0, makes the better hint;
 * 0: neither is there any more. */
uint32_t srd_state_nearer_child(const struct srd_state *state, uint32_t dir, uint64_t cookie,
                                uint32_t a, uint32_t b);
/* The path of a dentry without the leading slash, into a buffer of
 * SRD_KEY_MAX + 1 bytes, NUL-terminated; its length, -ENAMETOOLONG, or -EIO: a name
 * cannot be read.  *KEY points into the buffer. */
int srd_state_path(const struct srd_state *state, uint32_t dentry, char *buffer, const char **key);
/* True if DENTRY, in the list of the directory DIR, is the name of a directory, to go
 * down to.  One that is another's child, too, would lead in circles: it can come of a
 * forged image alone, whose tables are then bad. */
bool srd_state_leads_down(const struct srd_state *state, uint32_t dir, uint32_t dentry);
/* True if DIR is ANCESTOR or lies below it; or so deep that nobody looks: or moving
 * directories about deep down would cost the square of their number. */
bool srd_state_is_below(const struct srd_state *state, uint32_t dir, uint32_t ancestor);

/* ---- Content (extents.c) ---- */

/* The piece of the file that holds POS, or the first behind it; false: none.
 * ref->run 0: reserved space.  ref->pos <= POS only if POS lies in it.  That its
 * skip and len lie within the run is for who reads the run to check. */
bool srd_state_extent(const struct srd_state *state, const struct srd_inode *inode,
                      uint64_t pos, struct srd_ref *ref);
/* Payload and reserved space: what st_blocks counts. */
uint64_t srd_state_stored_bytes(const struct srd_state *state, const struct srd_inode *inode);
uint32_t srd_state_extent_count(const struct srd_state *state, const struct srd_inode *inode);

/* ---- Extended attributes ---- */
/* NULL: none. */
const struct srd_xattr *srd_state_xattr(const struct srd_state *state,
                                        const struct srd_inode *inode,
                                        const char *name, size_t len);
/* Its name_len bytes in the log; NULL: they cannot be read, or are not what they were. */
const char *srd_xattr_name(const struct srd_source *source, const struct srd_xattr *xattr);
/* XATTR NULL: the first; NULL: no more. */
const struct srd_xattr *srd_state_next_xattr(const struct srd_state *state,
                                             const struct srd_inode *inode,
                                             const struct srd_xattr *xattr);
/* True if the attribute is there or one more may be. */
bool srd_state_xattr_fits(const struct srd_state *state, const struct srd_inode *inode,
                          const char *name, size_t len);

/* ---- Snapshots (snapshots.c) ---- */
/* The index of the one of that name; 0: none. */
uint32_t srd_state_snapshot(const struct srd_state *state, const char *name, size_t len);
/* From 1 to below snapshots.count; name_len 0: none has that index. */
static inline const struct srd_snap *srd_snap_at(const struct srd_state *state, uint32_t index)
{
	return srd_table_at(&state->snapshots, index);
}

/* ---- Pins: an inode that lost its last name stays while pinned, `gone`, and can
 * be found by number.  Thread-safe for pin (with the read side held); unpin of
 * the last pin of a gone inode frees it and needs the write side: it returns
 * true without unpinning if the caller must come back with FREE_NOW.  One that
 * never had a name is not gone before a FREE. ---- */
void srd_state_pin(struct srd_state *state, uint32_t inode, uint32_t count);
/* Pins every inode once, at no cost: somebody may have in use what another process handed
 * out.  With the write side. */
void srd_state_pin_all(struct srd_state *state);
static inline unsigned srd_inode_pins(const struct srd_state *state, const struct srd_inode *inode)
{
	/* Acquire: who gave the last pin back has done with the inode.  Modulo 2^32: one of
	 * all of them given back is one less than none. */
	return atomic_load_explicit(&inode->pins, memory_order_acquire) + (inode->ino < state->heirs);
}
bool srd_state_unpin(struct srd_state *state, uint32_t inode, uint32_t count, bool free_now);
/* True if INODE, or names in it, may be known outside.  Of one that another process handed out nobody
 * can tell any more: what is given back now may be what that one, or this one, had handed out. */
static inline bool srd_inode_is_known(const struct srd_state *state, const struct srd_inode *inode)
{
	return inode->ino == SRD_ROOT_INO || inode->ino < state->heirs ||
	       atomic_load_explicit(&inode->pins, memory_order_relaxed) > 0;
}

#endif
