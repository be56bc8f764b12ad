/* SPDX-License-Identifier: Apache-2.0 */
/* bench_store.c - what of bench.h needs the library: the programs that measure other things do without. */
#include "config.h"

#include "bench.h"

void must_srd(int error, const char *what)
{
	if (error < 0)
		die("%s: %s", what, srd_strerror(error));
}

srd_store *open_store(const char *path, int flags)
{
	srd_store *store;

	must_srd(srd_open(path, SRD_CREATE | flags, &store), path);
	return store;
}
