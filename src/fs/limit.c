/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fs/limit.h"

#include "base/check.h"
#include "fs/fs.h"

/* What an op and its record take beside payload, about; payload has its checks. */
enum { OP_BYTES = 512, MARGIN_MAX = 1 << 20, MARGIN_SHARE = 16, BYTES_PER_CHECK = SRD_BLOCK_LEN / 8 };

static uint64_t taken(const struct srd_fs *fs)
{
	struct srd_hold hold = srd_store_hold(fs->store);
	uint64_t end = srd_log_bytes(hold.log);

	srd_hold_drop(&hold);
	return end + atomic_load_explicit(&fs->limit.pending, memory_order_relaxed);
}

uint64_t srd_limit_left(const struct srd_fs *fs)
{
	uint64_t max = fs->limit.max_bytes;
	uint64_t usable = max - SRD_MIN(max / MARGIN_SHARE, (uint64_t)MARGIN_MAX), used = taken(fs);

	return used < usable ? usable - used : 0;
}

int srd_limit_growth(const struct srd_fs *fs, uint64_t len)
{
	if (fs->limit.max_bytes == 0)
		return 0;
	return srd_within(len, len / BYTES_PER_CHECK + OP_BYTES, srd_limit_left(fs)) ? 0 : -ENOSPC;
}

int srd_limit_change(const struct srd_fs *fs)
{
	return fs->limit.max_bytes == 0 || srd_within(taken(fs), OP_BYTES, fs->limit.max_bytes) ? 0 : -ENOSPC;
}
