/* SPDX-License-Identifier: Apache-2.0 */
/* compact_watch.c - who follows a compaction: damage, progress, the rate. */
#include "config.h"

#include "store/compacting.h"

#include <time.h>

#include "base/check.h"
#include "base/clock.h"

/* Sleeps until as much may have been copied. */
static void keep_rate(const struct srd_compacting *compact, uint64_t bytes)
{
	uint64_t rate = compact->options->rate_bytes;
	int64_t due_ns = rate ? (int64_t)((double)bytes / (double)rate * 1e9) - (srd_monotonic_ns() - compact->started_ns) : 0;

	if (due_ns > 0)
		nanosleep(&(struct timespec){ .tv_sec = due_ns / 1000000000, .tv_nsec = due_ns % 1000000000 }, NULL);
}

static int copied(void *user, uint64_t len)
{
	struct srd_compacting *compact = user;
	const struct srd_compact_options *options = compact->options;
	struct srd_event event = { .type = SRD_EVENT_PROGRESS, .what = "content" };

	compact->result.content_bytes += len;
	event.offset = compact->result.content_bytes;
	event.end = SRD_MAX(event.offset, compact->relocate.moved.bytes);
	keep_rate(compact, event.offset);
	return options->call ? options->call(options->user, &event) : 0;
}

static void damaged(void *user, uint64_t offset, uint32_t len)
{
	struct srd_compacting *compact = user;
	const struct srd_compact_options *options = compact->options;
	struct srd_event event = { .type = SRD_EVENT_DAMAGE, .what = "payload", .offset = offset, .len = len,
	                           .pos = UINT64_MAX, .text = "carried over as it is" };
	uint32_t inode = compact->relocate.inode;
	uint32_t dentry = inode && compact->told ? srd_inode_at(compact->told, inode)->dentry : 0;
	char buffer[SRD_KEY_MAX + 1];

	/* What was content when we began need not be any more. */
	if (srd_log_is_trimmed(compact->log, offset, len) > 0)
		return;
	if (dentry && srd_state_path(compact->told, dentry, buffer, &event.key) < 0)
		event.key = NULL;
	compact->result.damaged_blocks++;
	if (options->call)
		options->call(options->user, &event);
}

int srd_compacting_tell_damage(struct srd_compacting *compact, const struct srd_damage *damage)
{
	const struct srd_compact_options *options = compact->options;
	struct srd_event event = { .type = SRD_EVENT_DAMAGE, .what = "record", .offset = damage->offset,
	                           .len = damage->len, .pos = UINT64_MAX, .text = "carried over as it is" };

	compact->result.damaged_records++;
	return options->call ? options->call(options->user, &event) : 0;
}

struct srd_relocate_watch srd_compacting_watch(struct srd_compacting *compact)
{
	compact->started_ns = srd_monotonic_ns();
	return (struct srd_relocate_watch){ .copied = copied, .damaged = damaged, .user = compact };
}
