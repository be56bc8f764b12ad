/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fuse/receipts.h"

#include "fuse/loop.h"

static uint32_t slot_of(uint64_t request)
{
	/* Kernels count in steps, or on each CPU by itself. */
	return (uint32_t)(request * UINT64_C(0x9e3779b97f4a7c15) >> 32) % SRD_RECEIPTS;
}

/* One after the other: a process that dies has made the first of its stores. */
static void set(atomic_ulong *to, uint64_t value)
{
	atomic_store_explicit(to, value, memory_order_release);
}

static void note(void *user, const struct srd_log *log, const struct srd_record *record)
{
	const struct srd_hints *hints = srd_loop_hints();

	if (!hints || record->type != SRD_RECORD_META)
		return;
	struct srd_receipt *receipt = (struct srd_receipt *)user + slot_of(hints->request);
	set(&receipt->request, 0);
	set(&receipt->generation, log->sb.generation);
	set(&receipt->offset, record->offset);
	set(&receipt->check, record->check);
	set(&receipt->sequence, record->sequence);
	set(&receipt->request, hints->request);
}

struct srd_log_witness srd_receipts_witness(struct srd_receipt *receipts)
{
	return (struct srd_log_witness){ .note = receipts ? note : NULL, .user = receipts };
}

/* Of a log that was compacted meanwhile only the numbers of commits are left.  Somebody else's is taken for
 * ours if we died before we wrote it, and he wrote, and that was compacted, before another worker was there. */
static bool is_in(const struct srd_receipt *receipt, const struct srd_log *log)
{
	struct srd_record record;

	if (atomic_load(&receipt->generation) != log->sb.generation)
		return atomic_load(&receipt->sequence) <= log->sequence;
	return srd_log_record_at(log, atomic_load(&receipt->offset), &record) &&
	       record.check == atomic_load(&receipt->check);
}

bool srd_receipts_have(const struct srd_receipt *receipts, uint64_t request, const struct srd_log *log)
{
	const struct srd_receipt *receipt = receipts ? &receipts[slot_of(request)] : NULL;

	return receipt && atomic_load(&receipt->request) == request && is_in(receipt, log);
}
