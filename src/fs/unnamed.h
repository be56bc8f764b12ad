/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unnamed.h - files that this mount made without a name (O_TMPFILE).
 *
 * Such a file is in the state like any other, so that it can be given a name
 * later.  When the kernel forgets it and it still has none, it is given up by a
 * commit of its own.  A crash leaves it in the log, without a name, where nobody
 * meets it; the next who starts to serve the store, and has it to itself, gives it
 * up.
 */
#ifndef SRD_FS_UNNAMED_H
#define SRD_FS_UNNAMED_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct srd_fs;

struct srd_unnamed {
	pthread_mutex_t mutex;   /* protects what follows; a leaf */
	uint64_t *inos;
	size_t cap;
	atomic_size_t count;     /* may be read without */
};

void srd_unnamed_init(struct srd_unnamed *unnamed);
/* Gives up what a crash has left, unless it may be another's.  What cannot be given up
 * now stays for the next. */
void srd_unnamed_sweep(struct srd_fs *fs);
/* Takes over what a process that died had made, and what is pinned therefore. */
void srd_unnamed_adopt(struct srd_fs *fs);
/* Gives up all that have no name still. */
void srd_unnamed_release(struct srd_fs *fs);
/* INO was made without a name, and pinned.  If there is no memory to remember it,
 * it stays as after a crash. */
void srd_unnamed_add(struct srd_unnamed *unnamed, uint64_t ino);
/* The kernel forgot INO, perhaps not for the last time. */
void srd_unnamed_forget(struct srd_fs *fs, uint64_t ino);

#endif
