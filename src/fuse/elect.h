/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elect.h - which workers take requests.
 *
 * To wake a thread on another CPU takes several times as long as most requests
 * do.  So there is a worker bound to each CPU, and only those read requests on
 * whose CPU a caller runs; the others sleep.  While nothing is known of the
 * callers, and while an elected worker is held up, workers that are bound to no
 * CPU read:
 *
 *                     callers on CPU 0, 2       held up          unknown
 *     bound to 0      reads                     in its request   sleeps
 *     bound to 1      sleeps                    sleeps           sleeps
 *     bound to 2      reads                     reads            sleeps
 *     unbound         sleep                     read             read
 *
 * Callers move, come and go.  Each worker tells the election whom it served;
 * every so often the CPUs of the callers since are looked up and the election is
 * held anew.  It decides about speed alone: whoever reads answers rightly.
 */
#ifndef SRD_FUSE_ELECT_H
#define SRD_FUSE_ELECT_H

#include <stdatomic.h>
#include <stdbool.h>

enum {
	SRD_ELECT_MAX = 64,        /* bound workers; CPUs beyond stay without */
	SRD_ELECT_CALLERS = 4,     /* remembered between two elections */
};

/* The CPU that thread TID runs on or ran last; -ESRCH: it is gone; another negative
 * code: it is not to be seen. */
typedef int srd_cpu_of(void *user, int tid);

struct srd_election {
	srd_cpu_of *cpu_of;
	void *user;
	unsigned count;                          /* bound workers */
	int cpus[SRD_ELECT_MAX];                 /* theirs */

	atomic_ulong elected;                    /* bits of bound workers; 0: the unbound read */
	atomic_uint held_up;                     /* elected workers that serve something long */
	atomic_uint bound_turn, unbound_turn;    /* futexes: change with what the groups may do */
	atomic_bool over;
	atomic_int callers[SRD_ELECT_CALLERS];   /* threads served since the last election */
	atomic_uint interest;                    /* what speaks for a new election */
	atomic_uint novelty;                     /* how much a new caller adds to it */
	atomic_uint strangers;                   /* requests in a row from nobody we see */
};

/* COUNT workers bound to CPUS[]; with less than two there is nothing to elect, and
 * the unbound read. */
void srd_election_init(struct srd_election *election, const int *cpus, unsigned count,
                       srd_cpu_of *cpu_of, void *user);

/* Waits until bound worker WHO (or an unbound one: -1) is to read; false: it is over. */
bool srd_election_wait(struct srd_election *election, int who);
/* A worker has served thread TID (0: one that is not in our sight), whose request came AT_ONCE
 * after the one before; true: an election is due. */
bool srd_election_served(struct srd_election *election, int tid, bool at_once);
/* Elects; one thread at a time, and none that serves requests: what tells of a thread
 * in execve() may have to wait until the files that this closes have been flushed. */
void srd_election_hold(struct srd_election *election);
/* A worker begins or ends something long: meanwhile one more unbound worker reads. */
void srd_election_hold_up(struct srd_election *election);
void srd_election_go_on(struct srd_election *election);
/* Nobody waits any more. */
void srd_election_end(struct srd_election *election);

#endif
