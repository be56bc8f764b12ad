/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "log/overlay.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/check.h"
#include "base/clock.h"
#include "log/internal.h"
#include "log/ofd.h"

/* One record's worth, with what headers and padding take beyond that. */
#define OVERLAY_LEN (UINT64_C(3) << 30)
enum { SHARE_OF_MAP = 8, PAGE = 4096 };

/* Where the overlay ends the address space; 0 if there is no room. */
static uint64_t start_of(const struct srd_log *log, uint64_t len)
{
	uint64_t start = (log->map_len - len) / PAGE * PAGE;

	return log->map_len > len && start > atomic_load(&log->end) ? start : 0;
}

int srd_log_divert(struct srd_log *log)
{
	uint64_t len = SRD_MIN(OVERLAY_LEN, log->map_len / SHARE_OF_MAP / PAGE * PAGE);
	uint64_t start = start_of(log, len);

	if (!start)
		return SRD_EFULL;
	/* What our records name is no dead payload, whatever the log says of it. */
	int error = srd_ofd_lock(log->fd, F_RDLCK, SRD_BYTE_PINS, false);
	if (error)
		return error == -EAGAIN ? -EBUSY : error;
	struct srd_overlay *overlay = calloc(1, sizeof *overlay);
	if (!overlay)
		return -ENOMEM;
	void *memory = mmap((uint8_t *)log->map + start, len, PROT_READ | PROT_WRITE,
	                    MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED) {
		free(overlay);
		return -ENOMEM;
	}
	madvise(memory, len, MADV_DONTDUMP);
	overlay->start = start;
	overlay->len = len;
	overlay->base = srd_log_here(log);
	atomic_init(&overlay->end, start);
	log->overlay = overlay;
	return 0;
}

/* What is said again later has no more headers and no more padding than this. */
static int check_room(const struct srd_overlay *overlay, const struct srd_draft *draft)
{
	uint64_t used = atomic_load_explicit(&overlay->end, memory_order_relaxed) - overlay->start;
	uint64_t len = used + draft->record_len;

	if (len > overlay->len || len > SRD_RECORD_LEN_MAX ||
	    overlay->meta_bytes + draft->len > SRD_META_LEN_MAX)
		return SRD_EFULL;
	return 0;
}

static void copy_record(uint8_t *to, const struct srd_draft *draft)
{
	for (size_t i = 0; i < draft->iov_count; i++) {
		memcpy(to, draft->iov[i].iov_base, draft->iov[i].iov_len);
		to += draft->iov[i].iov_len;
	}
}

int srd_overlay_append(struct srd_log *log, struct srd_draft *draft, struct srd_record *out)
{
	struct srd_overlay *overlay = log->overlay;
	uint64_t offset = atomic_load_explicit(&overlay->end, memory_order_relaxed);

	if (overlay->closed)
		return -EROFS;
	int error = srd_draft_layout(draft, offset);
	if (!error)
		error = check_room(overlay, draft);
	if (error)
		return error;
	struct srd_record record = {
		.offset = offset, .sequence = overlay->base.sequence + 1, .time_ns = srd_wall_ns(),
		.epoch = log->epoch,
	};
	srd_draft_seal(draft, &log->sb, &record);
	copy_record((uint8_t *)log->map + offset, draft);
	overlay->meta_bytes += record.meta_len;
	/* Release: who sees the new end sees the record. */
	atomic_store_explicit(&overlay->end, offset + record.len, memory_order_release);
	*out = record;
	return 0;
}

void srd_overlay_close(struct srd_log *log)
{
	log->overlay->closed = true;
}

int srd_overlay_walk(const struct srd_log *log, srd_log_visit *visit, void *user)
{
	const struct srd_overlay *overlay = log->overlay;
	uint64_t end = atomic_load(&overlay->end);
	int error = 0;

	for (uint64_t at = overlay->start; at < end && !error;) {
		struct srd_record record;
		/* Only our own memory could be wrong. */
		if (!srd_record_decode(&log->sb, &record, log->map + at, at))
			return SRD_ECORRUPT;
		if (record.type == SRD_RECORD_META)
			error = visit(user, &record, log->map + at + SRD_HEADER_LEN);
		at += record.len;
	}
	return error;
}

int srd_log_reveal(struct srd_log *log, uint64_t upto)
{
	unsigned long known = atomic_load(&log->end);

	if (upto > log->overlay->start)
		return SRD_EFULL;
	/* Release: pairs with srd_log_at(). */
	while (known < upto && !atomic_compare_exchange_weak_explicit(&log->end, &known, upto, memory_order_release,
	                                                              memory_order_relaxed))
		;
	return 0;
}

bool srd_log_is_beside(const struct srd_log *log, const struct srd_log *other)
{
	return log->dev == other->dev && log->ino == other->ino && log->sb.generation == other->sb.generation &&
	       memcmp(log->sb.uuid, other->sb.uuid, sizeof log->sb.uuid) == 0;
}
