/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map.c - the log in memory: one mapping, far larger than the file, so that
 * addresses never move.  One that is used up is made longer, for most often nobody
 * has what lies behind it.
 *
 * Beside it a bit for each place where a block can begin (64 bytes), set once
 * that block's check was found right.  Payload under 64 bytes has no place of
 * its own and is checked each time: that costs less than the bit.
 */
#include "config.h"

#include "log/internal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/addresses.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"

#define MAP_LEN_DEFAULT (UINT64_C(1) << 41)   /* so much is there for some dozens of stores */
enum { BIT_SPAN = 64, WORD_SPAN = 64 * BIT_SPAN };
enum { SETTLED_SPAN = 32 << 20 };   /* bits of so much are whole pages, of 64 KiB, too */
enum { OF_HOLE = 32, GROWTH = 8, OWN_LEN = 64 << 10 };   /* a page, of whatever size */

static size_t bits_len(uint64_t map_len)
{
	return map_len / WORD_SPAN * 8;
}

/* Memory that a child finds zero after fork() (but where the kernel is old, and nothing is
 * noticed); NULL: there is none. */
static void *map_own(size_t len)
{
	void *own = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (own == MAP_FAILED)
		return NULL;
	madvise(own, len, MADV_WIPEONFORK);
	return own;
}

/* The word that tells us from a child, which shares our locks, so that nothing else would keep it
 * and us apart; behind it the bits.  Without these every touch is checked: slower, not wrong. */
static int map_bits(struct srd_log *log)
{
	log->map_most = log->map_len * GROWTH;
	log->own = map_own(OWN_LEN + bits_len(log->map_most));
	if (log->own)
		log->verified = (atomic_ulong *)((char *)log->own + OWN_LEN);
	else
		log->own = map_own(OWN_LEN);
	if (!log->own)
		return -ENOMEM;
	atomic_init(log->own, 1);
	return 0;
}

int srd_log_map(struct srd_log *log, uint64_t size)
{
	uint64_t asked_for = srd_addresses_asked_for();
	struct srd_addresses addresses;
	int error = srd_addresses_take(&addresses, asked_for ? asked_for : MAP_LEN_DEFAULT, size + size / 2 + WORD_SPAN,
	                               OF_HOLE);

	if (error)
		return error;
	if (mmap(addresses.start, addresses.len, PROT_READ, MAP_SHARED | MAP_FIXED, log->fd, 0) == MAP_FAILED) {
		error = srd_errno();
		srd_addresses_give_back(&addresses);
		return error;
	}
	madvise(addresses.start, addresses.len, MADV_DONTDUMP);
	log->map = (uint8_t *)addresses.start;
	log->map_len = addresses.len;
	srd_log_guard(log);
	return map_bits(log);
}

/* Makes the mapping LEN bytes long, if nobody has the addresses. */
static bool widen(struct srd_log *log, uint64_t len)
{
	uint64_t old = log->map_len;
	void *wanted = (void *)(log->map + old);
	void *map = mmap(wanted, len - old, PROT_READ, MAP_SHARED | MAP_FIXED_NOREPLACE, log->fd, (off_t)old);

	if (map == MAP_FAILED)
		return false;
	/* Before Linux 4.17 that is a hint. */
	if (map != wanted) {
		munmap(map, len - old);
		return false;
	}
	madvise(map, len - old, MADV_DONTDUMP);
	srd_guard_resize(&log->guard, len);
	log->map_len = len;
	return true;
}

bool srd_log_fits(struct srd_log *log, uint64_t upto)
{
	uint64_t least = SRD_ALIGN_UP(upto, SRD_ADDRESSES_ALIGN), len = SRD_MIN(2 * log->map_len, log->map_most);

	if (upto <= log->map_len)
		return true;
	if (log->overlay || upto > len)
		return false;
	return widen(log, len) || widen(log, least);
}

void srd_log_settle_map(struct srd_log *log)
{
	uint64_t len = SRD_ALIGN_UP(atomic_load(&log->end), SETTLED_SPAN), old = log->map_len;

	if (log->overlay || len == 0 || len >= old)
		return;
	/* First: a fault that is being seen to takes all up to the end. */
	srd_guard_resize(&log->guard, len);
	log->map_len = len;
	munmap((void *)(log->map + len), old - len);
	if (log->verified)
		munmap((char *)log->verified + bits_len(len), bits_len(log->map_most) - bits_len(len));
	log->map_most = len;
}

void srd_log_unmap(struct srd_log *log)
{
	if (log->own)
		munmap(log->own, OWN_LEN + (log->verified ? bits_len(log->map_most) : 0));
	if (log->map) {
		srd_guard_remove(&log->guard);
		munmap((void *)log->map, log->map_len);
	}
	log->own = NULL;
	log->verified = NULL;
	log->map = NULL;
}

const uint8_t *srd_log_at(const struct srd_log *log, uint64_t offset, uint64_t len)
{
	return srd_within(offset, len, srd_log_bound(log, offset)) ? log->map + offset : NULL;
}

void srd_log_will_read(const struct srd_log *log, uint64_t offset, uint64_t len)
{
	if (len > 0 && !srd_log_is_over(log, offset))
		posix_fadvise(log->fd, (off_t)offset, (off_t)len, POSIX_FADV_WILLNEED);
}

bool srd_log_run(const struct srd_log *log, uint64_t offset, struct srd_run *run)
{
	uint64_t end = srd_log_bound(log, offset);

	/* Decoded in place: a copy of what was just written stalls, and each get comes by. */
	return offset % 8 == 0 && offset >= SRD_FIRST_RECORD && offset < end &&
	       srd_run_decode(run, log->map + offset, end - offset, offset) &&
	       srd_within(offset + run->distance, run->len, end);
}

/* The word of the block that starts at OFFSET, and its bit there. */
static atomic_ulong *word_of(const struct srd_log *log, uint64_t offset)
{
	return &log->verified[offset / WORD_SPAN];
}

static unsigned long bit_of(uint64_t offset)
{
	return 1UL << (offset / BIT_SPAN % 64);
}

static bool is_verified(const struct srd_log *log, const struct srd_run *run, uint64_t offset)
{
	if (srd_run_is_inline(run->len) || !log->verified)
		return false;
	/* Relaxed: the bytes do not change; a bit seen late costs a second check. */
	return atomic_load_explicit(word_of(log, offset), memory_order_relaxed) & bit_of(offset);
}

static void set_verified(const struct srd_log *log, const struct srd_run *run, uint64_t offset)
{
	if (!srd_run_is_inline(run->len) && log->verified)
		atomic_fetch_or_explicit(word_of(log, offset), bit_of(offset), memory_order_relaxed);
}

void srd_log_forget_verified(struct srd_log *log, uint64_t from, uint64_t to)
{
	if (!log->verified)
		return;
	for (; from < to && from % WORD_SPAN != 0; from += BIT_SPAN)
		atomic_fetch_and_explicit(word_of(log, from), ~bit_of(from), memory_order_relaxed);
	for (; from < to; from += WORD_SPAN)
		atomic_store_explicit(word_of(log, from), 0, memory_order_relaxed);
}

/* A block of a run: its bytes, and their check as stored. */
struct block {
	uint64_t offset;
	uint32_t len;
	uint64_t check;
};

static struct block block_of(const struct srd_run *run, uint32_t i)
{
	uint32_t start = i * SRD_BLOCK_LEN;

	return (struct block){ .offset = run->offset + run->distance + start,
	                       .len = SRD_MIN(run->len - start, (uint32_t)SRD_BLOCK_LEN),
	                       .check = srd_get64(run->checks + 8 * (size_t)i) };
}

/* Calls for the block behind BLOCK, all of it: the processor does not look ahead from one page to
 * the next by itself, and memory would be waited for at the start of each (19 GB/s instead of 37). */
static void call_for_next(const struct srd_log *log, const struct block *block)
{
	for (uint32_t at = SRD_BLOCK_LEN; at < 2 * SRD_BLOCK_LEN; at += 64)
		srd_log_prefetch(log, block->offset + at);
}

/* MORE: the next one is asked for, too. */
static bool block_holds(const struct srd_log *log, const struct srd_run *run, uint32_t i, bool more)
{
	struct block block = block_of(run, i);

	if (is_verified(log, run, block.offset))
		return true;
	if (more)
		call_for_next(log, &block);
	if (srd_hash(log->map + block.offset, block.len, 0) != block.check)
		return false;
	set_verified(log, run, block.offset);
	return true;
}

bool srd_log_holds(const struct srd_log *log, const struct srd_run *run, uint32_t skip, uint32_t len)
{
	if (!srd_within(skip, len, run->len))
		return false;
	uint32_t i = skip / SRD_BLOCK_LEN, end = len > 0 ? (skip + len - 1) / SRD_BLOCK_LEN + 1 : i;
	for (; i < end; i++)
		if (!block_holds(log, run, i, i + 1 < end))
			return false;
	return true;
}

/* ---- Where bytes are gone: what was found right before means nothing ---- */

/* Copies LEN bytes from INTO on of a block of a run, checking what arrived. */
static bool copy_checked(const struct srd_log *log, const struct block *block, uint32_t into, uint32_t len, void *to)
{
	uint8_t whole[SRD_BLOCK_LEN];

	if (srd_simd()->copy_hash(whole, log->map + block->offset, block->len) != block->check)
		return false;
	memcpy(to, whole + into, len);
	return true;
}

/* As srd_log_copy(); TO NULL: as srd_log_verify(). */
static int copy_afresh(const struct srd_log *log, const struct srd_run *run, uint32_t skip, uint32_t len, void *to)
{
	uint8_t unused[SRD_BLOCK_LEN];

	if (!srd_within(skip, len, run->len))
		return SRD_ECORRUPT;
	for (uint32_t done = 0, take; done < len; done += take) {
		struct block block = block_of(run, (skip + done) / SRD_BLOCK_LEN);
		uint32_t into = (skip + done) % SRD_BLOCK_LEN;
		take = SRD_MIN(len - done, block.len - into);
		if (!copy_checked(log, &block, into, take, to ? (char *)to + done : (char *)unused))
			return SRD_ELOST;
	}
	return 0;
}

/* ---- Else ---- */

static int verify(struct srd_log *log, const struct srd_run *run, uint32_t skip, uint32_t len)
{
	if (log->flags & SRD_LOG_NOCHECK)
		return srd_within(skip, len, run->len) ? 0 : SRD_ECORRUPT;
	return srd_log_holds(log, run, skip, len) ? 0 : SRD_ECORRUPT;
}

/* What was given up is not damaged. */
static int tell_trimmed(const struct srd_log *log, const struct srd_run *run, uint32_t skip, uint32_t len, int error)
{
	uint32_t into = skip % SRD_BLOCK_LEN;

	if (error != SRD_ECORRUPT || !srd_within(skip, len, run->len))
		return error;
	int trimmed = srd_log_is_trimmed(log, run->offset + run->distance + skip - into, len + into);
	return trimmed < 0 ? trimmed : trimmed ? SRD_ETRIMMED : error;
}

int srd_log_verify(struct srd_log *log, const struct srd_run *run, uint32_t skip, uint32_t len)
{
	int error = verify(log, run, skip, len);

	return srd_log_is_lost(log) ? copy_afresh(log, run, skip, len, NULL) : tell_trimmed(log, run, skip, len, error);
}

/* Each small value that is read comes by here, so nothing is called, the hash least of all. */
__attribute__((flatten))
bool srd_log_small(const struct srd_log *log, uint64_t run, uint32_t len, const uint8_t **data)
{
	uint64_t payload = run + srd_run_bytes(1);

	/* The most that one takes, so that its length need not be known. */
	if (run % 8 != 0 || run < SRD_FIRST_RECORD ||
	    !srd_within(run, payload + SRD_INLINE_MAX - run, srd_log_bound(log, run)))
		return false;
	const uint8_t *bytes = log->map + run;
	uint32_t run_len = srd_get32(bytes);
	if (len == 0 || len > run_len || !srd_run_is_inline(run_len) || srd_get32(bytes + 4) != srd_run_bytes(1) ||
	    (srd_hash(log->map + payload, run_len, 0) != srd_get64(bytes + SRD_RUN_FIXED_LEN) &&
	     !(log->flags & SRD_LOG_NOCHECK)))
		return false;
	*data = log->map + payload;
	return !srd_log_is_lost(log);
}

/* Copies block I, which lies wholly in what is asked, checking on the way. */
static int copy_block(struct srd_log *log, const struct srd_run *run, uint32_t i, void *to)
{
	struct block block = block_of(run, i);

	if ((log->flags & SRD_LOG_NOCHECK) || is_verified(log, run, block.offset)) {
		srd_simd()->copy(to, log->map + block.offset, block.len);
		return 0;
	}
	if (srd_simd()->copy_hash(to, log->map + block.offset, block.len) != block.check)
		return SRD_ECORRUPT;
	set_verified(log, run, block.offset);
	return 0;
}

static int copy(struct srd_log *log, const struct srd_run *run, uint32_t skip, uint32_t len, void *to)
{
	if (!srd_within(skip, len, run->len))
		return SRD_ECORRUPT;
	for (uint32_t done = 0; done < len;) {
		uint32_t i = (skip + done) / SRD_BLOCK_LEN;
		uint32_t into = (skip + done) % SRD_BLOCK_LEN;
		uint32_t block_len = SRD_MIN(run->len - i * SRD_BLOCK_LEN, (uint32_t)SRD_BLOCK_LEN);
		uint32_t take = SRD_MIN(len - done, block_len - into);
		int error;
		if (take == block_len) {
			error = copy_block(log, run, i, (char *)to + done);
		} else {
			error = verify(log, run, skip + done, take);
			if (!error)
				srd_simd()->copy((char *)to + done, log->map + run->offset + run->distance + skip + done, take);
		}
		if (error)
			return error;
		done += take;
	}
	return 0;
}

/* What was read to TO: blocks that lie wholly in [skip, skip + len) are checked there, those at
 * its ends in the mapping. */
static bool fetched_holds(const struct srd_log *log, const struct srd_run *run, uint32_t skip, uint32_t len,
                          const uint8_t *to)
{
	for (uint32_t at = skip / SRD_BLOCK_LEN * SRD_BLOCK_LEN; at < skip + len; at += SRD_BLOCK_LEN) {
		struct block block = block_of(run, at / SRD_BLOCK_LEN);
		bool whole = at >= skip && at + block.len <= skip + len;
		if (!whole && !block_holds(log, run, at / SRD_BLOCK_LEN, false))
			return false;
		if (!whole || is_verified(log, run, block.offset))
			continue;
		if (srd_hash(to + (at - skip), block.len, 0) != block.check)
			return false;
		set_verified(log, run, block.offset);
	}
	return true;
}

/* False says nothing: the mapping knows more. */
static bool fetch(const struct srd_log *log, const struct srd_run *run, uint32_t skip, uint32_t len, void *to)
{
	uint64_t from = run->offset + run->distance + skip;

	return srd_within(skip, len, run->len) && !srd_log_is_over(log, run->offset) &&
	       srd_io_read_full(log->io, log->fd, to, len, from) == (ssize_t)len &&
	       ((log->flags & SRD_LOG_NOCHECK) || fetched_holds(log, run, skip, len, to));
}

int srd_log_copy_anew(const struct srd_log *log, const struct srd_run *run, uint32_t skip, uint32_t len, void *to)
{
	int error = copy_afresh(log, run, skip, len, to);

	return error == SRD_ELOST && !srd_log_is_lost(log) ? SRD_ECORRUPT : error;
}

int srd_log_copy(struct srd_log *log, const struct srd_run *run, uint32_t skip, uint32_t len, void *to)
{
	int error = copy(log, run, skip, len, to);

	return srd_log_is_lost(log) ? copy_afresh(log, run, skip, len, to) : tell_trimmed(log, run, skip, len, error);
}

int srd_log_fetch(struct srd_log *log, const struct srd_run *run, uint32_t skip, uint32_t len, void *to)
{
	return fetch(log, run, skip, len, to) && !srd_log_is_lost(log) ? 0 : srd_log_copy(log, run, skip, len, to);
}
