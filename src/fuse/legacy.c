/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fuse/legacy.h"

#include <errno.h>
#include <sys/mman.h>

#include "fs/past_nodes.h"

enum { SLOTS = 1 << 16 };   /* of each set; memory is taken when it is used */

static void *share(size_t bytes)
{
	return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

int srd_legacy_init(struct srd_legacy *legacy)
{
	atomic_ulong *slots = share(3 * SLOTS * sizeof *slots);
	struct srd_receipt *receipts = share(SRD_RECEIPTS * sizeof *receipts);
	void *past = share(SRD_PAST_MEMORY_BYTES);

	if (slots == MAP_FAILED || receipts == MAP_FAILED || past == MAP_FAILED)
		return -ENOMEM;   /* and the keeper ends */
	*legacy = (struct srd_legacy){ .orphans = { slots, SLOTS }, .unsaved = { slots + SLOTS, SLOTS },
	                               .lost = { slots + 2 * SLOTS, SLOTS }, .receipts = receipts, .past = past };
	return 0;
}

void srd_legacy_enter(struct srd_legacy *legacy)
{
	for (size_t i = 0; i < legacy->unsaved.count; i++) {
		uint64_t ino = atomic_load(&legacy->unsaved.slots[i]);
		if (ino == 0)
			continue;
		srd_numberset_add(&legacy->lost, ino);
		atomic_store(&legacy->unsaved.slots[i], 0);
	}
}
