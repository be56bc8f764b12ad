/* SPDX-License-Identifier: Apache-2.0 */
/* compact.c - compaction as srd.h shows it. */
#include "config.h"

#include "store/compact.h"

int srd_compact(struct srd_store *store, const struct srd_compact_options *options, struct srd_compacted *result)
{
	return srd_store_compact(store, options, result);
}
