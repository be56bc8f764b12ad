/* SPDX-License-Identifier: Apache-2.0 */
/*
 * past_nodes.h - what the kernel knows of the past: each node that it was told of has a
 * number here, as long as it is remembered there.
 *
 * A number says where, in memory that its user brings: which may be shared with whoever goes
 * on when this process has died, so that the kernel's numbers stay true.  What is written
 * there is sound after every single store; all else is made again from it.
 */
#ifndef SRD_FS_PAST_NODES_H
#define SRD_FS_PAST_NODES_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SRD_PAST_BIT (UINT64_C(1) << 63)   /* no inode number of a store has it */

/* What nodes are.  The first ones are there always, each once, numbered like this. */
enum srd_past_kind {
	SRD_PAST_NOTHING,
	SRD_PAST_TOP,             /* .srd */
	SRD_PAST_AT,              /* .srd/at */
	SRD_PAST_SNAPSHOTS,       /* .srd/snapshots */
	SRD_PAST_FIXED_END,
	SRD_PAST_VIEW = SRD_PAST_FIXED_END,   /* inode INO of the store as it was behind commit SEQUENCE */
	SRD_PAST_ALONE,           /* inode INO as it was behind the op at AT, a version that SEQUENCE numbers */
	SRD_PAST_VERSIONS,        /* in .srd/versions, where INO is now; a file, too, is a directory there */
	SRD_PAST_DELETED,         /* in .srd/deleted, where directory INO is now, or, with AT, was until that op */
	SRD_PAST_KINDS,
};

struct srd_past_node {
	enum srd_past_kind kind;
	uint64_t sequence, ino;   /* 0 where they are of no account */
	uint64_t at, generation;  /* offset in the log of that generation; likewise */
};

struct srd_past_slot {
	uint64_t sequence, ino, at, generation;
	int64_t used_ns;          /* monotonic: when somebody last asked for it */
	uint64_t refs;            /* as the kernel counts; of the first slot: how many were ever used */
	atomic_uint kind;         /* SRD_PAST_NOTHING: free */
	uint32_t next;            /* in its bucket, or among the free.  Not for who comes later */
};

enum { SRD_PAST_SLOTS = 1 << 22 };   /* memory is taken when they are used */
enum { SRD_PAST_MEMORY_BYTES = SRD_PAST_SLOTS * sizeof(struct srd_past_slot) };

struct srd_past_nodes {
	pthread_mutex_t mutex;    /* a leaf; protects all of it */
	struct srd_past_slot *slots;
	uint32_t *buckets;
	uint32_t free;            /* the first one; 0: none */
	bool own;                 /* the memory is */
};

/* MEMORY: SRD_PAST_MEMORY_BYTES of it, all 0 or left by another process; NULL: none is brought.
 * 0 or -ENOMEM. */
int srd_past_nodes_init(struct srd_past_nodes *nodes, void *memory);
void srd_past_nodes_release(struct srd_past_nodes *nodes);
/* *ID: the number of NODE, which the kernel is told once more.  -ENFILE: there are too many. */
int srd_past_nodes_pin(struct srd_past_nodes *nodes, const struct srd_past_node *node, uint64_t *id);
/* What ID is the number of: -ESTALE if it is none's. */
int srd_past_nodes_get(struct srd_past_nodes *nodes, uint64_t id, struct srd_past_node *node);
/* True if NODE has a number, and somebody asked for it not long ago. */
bool srd_past_nodes_is_in_use(struct srd_past_nodes *nodes, const struct srd_past_node *node);
/* Undoes COUNT of the times that the kernel was told.  True if that was all, of *NODE. */
bool srd_past_nodes_forget(struct srd_past_nodes *nodes, uint64_t id, uint64_t count, struct srd_past_node *node);

#endif
