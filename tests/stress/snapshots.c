/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "snapshots.h"

#include <stdio.h>
#include <time.h>

enum { NAME_LEN = 40 };

uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void name_of(unsigned i, unsigned round, char name[NAME_LEN])
{
	snprintf(name, NAME_LEN, "round-%u-snapshot-%u", round, i);
}

unsigned snapshots_count(const struct snapshots *snapshots)
{
	unsigned count = atomic_load(&snapshots->count);

	return count < SNAPSHOTS_MAX ? count : SNAPSHOTS_MAX;
}

int snapshots_take(struct snapshots *snapshots, const struct client *client, unsigned round)
{
	unsigned i = atomic_fetch_add(&snapshots->count, 1);
	char name[NAME_LEN];

	if (i >= SNAPSHOTS_MAX)
		return 0;
	name_of(i, round, name);
	snapshots->all[i].begin_ns = clock_ns();
	int error = client_snapshot(client, name);
	if (!error)
		atomic_store(&snapshots->all[i].end_ns, clock_ns());
	return error;
}

int snapshots_open(const struct snapshots *snapshots, unsigned i, unsigned round, srd_store *store, srd_store **view)
{
	char name[NAME_LEN];

	name_of(i, round, name);
	int error = srd_view(store, name, view);
	if (error == SRD_ENOPAST && atomic_load(&snapshots->all[i].end_ns) == 0)
		return 0;
	return error ? error : 1;
}

void snapshots_time(const struct snapshots *snapshots, unsigned i, uint64_t now_ns, uint64_t *from_ns,
                    uint64_t *until_ns)
{
	uint64_t end_ns = atomic_load(&snapshots->all[i].end_ns);

	*from_ns = snapshots->all[i].begin_ns;
	*until_ns = end_ns ? end_ns : now_ns;
}

int snapshots_delete(unsigned i, unsigned round, srd_store *store)
{
	char name[NAME_LEN];

	name_of(i, round, name);
	return srd_snapshot_delete(store, name);
}
