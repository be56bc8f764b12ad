/* SPDX-License-Identifier: Apache-2.0 */
/* snapshots.h - what clients gave names to, when, and whether each shows all keys as they were at
 * one moment of that time. */
#ifndef STRESS_SNAPSHOTS_H
#define STRESS_SNAPSHOTS_H

#include "client.h"

enum { SNAPSHOTS_MAX = 40 };

struct snapshots {
	atomic_uint count;
	struct {
		uint64_t begin_ns;
		atomic_ulong end_ns;     /* 0: nobody lived to hear the answer */
	} all[SNAPSHOTS_MAX];
};

/* By CLIENT, in ROUND; none, if there are as many as can be. */
int snapshots_take(struct snapshots *snapshots, const struct client *client, unsigned round);

/* Opens number I of ROUND in STORE: 1 *VIEW is there, 0 it never came to be, or a negative code. */
int snapshots_open(const struct snapshots *snapshots, unsigned i, unsigned round, srd_store *store, srd_store **view);
/* The time in which it can have been made, NOW_NS at the latest. */
void snapshots_time(const struct snapshots *snapshots, unsigned i, uint64_t now_ns, uint64_t *from_ns,
                    uint64_t *until_ns);
int snapshots_delete(unsigned i, unsigned round, srd_store *store);
unsigned snapshots_count(const struct snapshots *snapshots);
uint64_t clock_ns(void);

#endif
