/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chunks.h - tables that came from an image, and are looked at when they are used.
 *
 * An image is mapped, not read.  So that none of it is believed unseen, each
 * chunk of each table is checked before the first use of one of its entries
 * (srd_table_vet).  The tables are a function of the log alone, so a chunk that
 * is not as it was saved can be had again: the owner folds the log anew, and what
 * is damaged is copied from there, under the eyes of whoever asked and unnoticed
 * by all others.
 *
 * Where that fails, or an index points out of its table (so the image was made
 * wrong, not damaged), or the file cannot give a page any more, the tables are `bad`: what was read from them is not to be
 * used, and they are to be built from the log.
 */
#ifndef SRD_STATE_CHUNKS_H
#define SRD_STATE_CHUNKS_H

#include <pthread.h>

#include "base/guard.h"
#include "format/image.h"
#include "state/table.h"

/* Entries that share a check, as a power of two: some 40 to 80 KiB. */
enum {
	SRD_CHUNK_INODES = 9, SRD_CHUNK_DENTRIES = 10, SRD_CHUNK_XATTRS = 11, SRD_CHUNK_NODES = 7,
	SRD_CHUNK_SEGMENTS = 3, SRD_CHUNK_DIRECTORY = 14, SRD_CHUNK_LEAVES = 10, SRD_CHUNK_SNAPSHOTS = 10,
};

/* Makes all tables anew as they were when the image was saved.  *TABLES stay until
 * forget.  Called by one thread at a time, which may hold either side of the state's
 * lock and the commit mutex. */
struct srd_chunks_source {
	int (*rebuild)(void *user, struct srd_table *const **tables);
	void (*forget)(void *user);
	void (*release)(void *user);     /* of srd_chunks_free() */
	void *user;
};

struct srd_chunks {
	pthread_mutex_t mutex;     /* one checks, or repairs, at a time */
	atomic_int *bad;           /* the state's */
	struct srd_chunks_source source;
	struct srd_table *tables[SRD_IMAGE_TABLES];
	struct srd_guard guards[SRD_IMAGE_TABLES];   /* of what is the file's in each table */
	const uint64_t *checks[SRD_IMAGE_TABLES];
	uint64_t *checks_all;
	atomic_ulong *sound_all;
};

/* TABLES hold, or will before their first use, what IMAGE says.  CHECKS, in order of
 * the tables, are malloc'd and taken over, also on error.  *BAD becomes a negative code where
 * the tables are bad.  NULL: no memory.  Free it while the tables are still there. */
struct srd_chunks *srd_chunks_new(const struct srd_image *image, struct srd_table *const *tables,
                                  uint64_t *checks, struct srd_chunks_source source, atomic_int *bad);
void srd_chunks_free(struct srd_chunks *chunks);

/* The check of LEN bytes of entries. */
uint64_t srd_chunk_check(const void *entries, size_t len);

#endif
