/* SPDX-License-Identifier: Apache-2.0 */
/* cpu.h - on which CPU another thread runs, from /proc. */
#ifndef SRD_FUSE_CPU_H
#define SRD_FUSE_CPU_H

#include "fuse/elect.h"

enum { SRD_CPU_THREADS = 16 };

/* Threads asked about lately, each with its file held open: opening it costs more
 * than reading it. */
struct srd_cpu_threads {
	struct { int tid, fd; } known[SRD_CPU_THREADS];
};

void srd_cpu_threads_release(struct srd_cpu_threads *threads);
/* A srd_cpu_of.  USER: a zeroed struct srd_cpu_threads; one call at a time. */
int srd_cpu_of_thread(void *user, int tid);

#endif
