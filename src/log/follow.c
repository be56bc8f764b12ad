/* SPDX-License-Identifier: Apache-2.0 */
/*
 * follow.c - what other processes appended since we looked.
 *
 * Their commits are in the page cache, so they are not asked to prove their
 * payload; a record that is not whole yet is an append in flight, or torn by a
 * killed process: only who holds the append lock can tell, and cuts it.
 */
#include "config.h"

#include "log/internal.h"

#include <sys/stat.h>

#include "base/check.h"
#include "base/clock.h"
#include "log/ofd.h"
#include "log/window.h"

enum { LOOK_NS = 100 * 1000 * 1000 };

uint64_t srd_log_hint(const struct srd_log *log)
{
	struct stat st;

	/* Acquire: pairs with srd_shm_tell(). */
	if (log->shm)
		return atomic_load_explicit(&log->shm->page->appends, memory_order_acquire);
	/* What the kernel knows of it will do: now and then we ask. */
	return fstat(log->fd, &st) != 0 ? 0 : (uint64_t)st.st_size;
}

void srd_log_seen(struct srd_log *log, uint64_t hint)
{
	/* A size alone does not tell a torn tail from the record that took its
	 * place: while there is one, we look each time. */
	atomic_store_explicit(&log->seen, log->shm ? hint : atomic_load(&log->end), memory_order_relaxed);
}

void srd_log_tell(struct srd_log *log)
{
	uint64_t hint = log->shm ? srd_shm_tell(log->shm, atomic_load(&log->end)) : 0;

	srd_log_seen(log, hint);
	/* We, too, have to go over to the successor. */
	if (log->sealed)
		srd_log_forget_seen(log);
}

void srd_log_forget_seen(struct srd_log *log)
{
	atomic_store_explicit(&log->seen, log->shm ? srd_log_hint(log) - 1 : 0, memory_order_relaxed);
	atomic_store_explicit(&log->looked_ns, 0, memory_order_relaxed);
}

void srd_log_return_to(struct srd_log *log, const struct srd_log_place *place)
{
	srd_log_go_back(log, place);
	srd_log_forget_seen(log);
}

/* True once in LOOK_NS. */
static bool look_is_due(struct srd_log *log)
{
	int64_t now_ns = srd_clock_ns(CLOCK_MONOTONIC_COARSE);

	if (now_ns - atomic_load_explicit(&log->looked_ns, memory_order_relaxed) < LOOK_NS)
		return false;
	atomic_store_explicit(&log->looked_ns, now_ns, memory_order_relaxed);
	return true;
}

enum srd_log_news srd_log_news(struct srd_log *log)
{
	if (log->overlay)
		return SRD_LOG_NO_NEWS;
	if (!log->shm)
		return SRD_LOG_LOOK;
	if (srd_log_hint(log) != atomic_load_explicit(&log->seen, memory_order_relaxed) ||
	    atomic_load_explicit(&log->lost, memory_order_relaxed) == SRD_LOST_UNSEEN)
		return SRD_LOG_NEWS;
	/* Who has another shm than ours, or none, raises no count that we see, nor
	 * does who puts another file in its place: now and then we look. */
	return log->strict || look_is_due(log) ? SRD_LOG_LOOK : SRD_LOG_NO_NEWS;
}

bool srd_log_is_behind(struct srd_log *log)
{
	enum srd_log_news news = srd_log_news(log);

	return news == SRD_LOG_LOOK ? srd_log_looks_behind(log) : news == SRD_LOG_NEWS;
}

bool srd_log_looks_behind(struct srd_log *log)
{
	/* With shm it is for the name, too, that we are here. */
	bool name_is_due = log->shm || log->strict || look_is_due(log);
	/* Between looks what the kernel knows of the size will do. */
	uint64_t size = name_is_due ? (uint64_t)srd_log_size(log) : srd_log_hint(log);
	bool differs = size != atomic_load(&log->end) ||
	               atomic_load_explicit(&log->lost, memory_order_relaxed) == SRD_LOST_UNSEEN ||
	               (name_is_due && srd_log_is_replaced(log));
	/* Who follows asks once more, with the mutex held: that look must not be put off. */
	if (differs)
		atomic_store_explicit(&log->looked_ns, 0, memory_order_relaxed);
	return differs;
}

/* The last record we know of must still be there, else the file is another. */
static int check_last(struct srd_log *log)
{
	uint8_t bytes[SRD_HEADER_LEN];
	struct srd_record record;

	if (!log->last)
		return 0;
	ssize_t got = srd_io_read_full(log->io, log->fd, bytes, sizeof bytes, log->last);
	if (got < 0)
		return (int)got;
	if ((size_t)got < sizeof bytes || !srd_record_decode(&log->sb, &record, bytes, log->last) ||
	    record.check != log->last_check)
		return SRD_EREPLACED;
	return 0;
}

/* What others appended: its bytes, and how far the file reached before they were read
 * and after.  The size from before alone may be that of a torn tail, which somebody cut
 * since: what begins below it may still be in flight.  The one from after alone may be
 * of what took the place of a torn record that we have read. */
struct tail {
	struct srd_window window;
	uint64_t size;
	uint64_t reads;          /* of the window, when the size was asked */
};

/* The header at AT: 1, 0 if none of a whole record is there, or a negative code. */
static int whole_header_at(struct srd_log *log, struct tail *tail, uint64_t at, struct srd_record *record)
{
	const uint8_t *bytes;
	int got = srd_window_at(&tail->window, at, SRD_HEADER_LEN, &bytes);

	if (got <= 0)
		return got;
	if (tail->reads != tail->window.reads) {
		int64_t size = srd_log_size(log);
		if (size < 0)
			return (int)size;
		tail->size = SRD_MIN(tail->size, (uint64_t)size);
		tail->reads = tail->window.reads;
	}
	return srd_record_decode(&log->sb, record, bytes, at) && srd_log_is_linked(log, record) &&
	       srd_within(at, record->len, tail->size);
}

/* Who appended may not have come to tell yet, or have been killed.  What one has seen,
 * nobody who looks later may miss: so who finds it tells before it is applied. */
static void tell_untold(const struct srd_log *log, uint64_t end)
{
	/* Acquire: pairs with the release in srd_shm_tell(): it has been counted. */
	if (log->shm && !(log->flags & SRD_LOG_RDONLY) &&
	    atomic_load_explicit(&log->shm->page->told, memory_order_acquire) < end)
		srd_shm_tell(log->shm, end);
}

/* The record at the end: 1 followed, 0 none there, or a negative code. */
static int follow_one(struct srd_log *log, struct tail *tail, srd_log_visit *visit, void *user)
{
	uint64_t at = atomic_load(&log->end);
	const uint8_t *bytes;
	struct srd_record record;
	int got = whole_header_at(log, tail, at, &record);

	if (got <= 0)
		return got;
	if (!srd_log_fits(log, at + record.len))
		return SRD_EFULL;
	got = srd_window_at(&tail->window, at, SRD_HEADER_LEN + (uint64_t)record.meta_len, &bytes);
	if (got <= 0)
		return got;
	uint64_t check;
	bool sound = srd_meta_check(bytes + SRD_HEADER_LEN, record.meta_len, at + SRD_HEADER_LEN, at + record.len,
	                            srd_superblock_seed(&log->sb, at), &check) && check == record.meta_check;
	if (!sound && record.type == SRD_RECORD_META)
		return SRD_ECORRUPT;
	struct srd_log_place place = srd_log_here(log);
	srd_log_learn_durable(log, record.durable);
	tell_untold(log, at + record.len);
	/* Names and payload are looked at through the mapping, so the end first. */
	srd_log_advance(log, &record);
	int error = record.type == SRD_RECORD_META ? visit(user, &record, bytes + SRD_HEADER_LEN) : 0;
	if (error) {
		srd_log_go_back(log, &place);
		return error;
	}
	if (record.type == SRD_RECORD_META) {
		srd_log_repaired(log, &record, bytes + SRD_HEADER_LEN);
		srd_log_note_trim(log, &record, bytes + SRD_HEADER_LEN);
	}
	return 1;
}

static int follow_all(struct srd_log *log, uint64_t size, srd_log_visit *visit, void *user)
{
	struct tail tail = { .size = size };
	int got = 1;

	srd_window_init(&tail.window, log->io, log->fd);
	while (got == 1 && !log->sealed && atomic_load(&log->end) < tail.size)
		got = follow_one(log, &tail, visit, user);
	srd_window_release(&tail.window);
	return got < 0 ? got : 0;
}

/* Of a file on NFS that somebody here has open for writing the kernel keeps the pages it
 * has, though it hears that they changed, until a lock is taken.  The one that we have
 * will do, once more. */
static void forget_pages(const struct srd_log *log)
{
	if (log->remote && !log->lock_held && !(log->flags & SRD_LOG_EXCLUSIVE))
		srd_ofd_lock(log->fd, F_RDLCK, SRD_BYTE_PRESENCE, false);
}

int srd_log_follow(struct srd_log *log, srd_log_visit *visit, void *user)
{
	/* The hint before the look: an append between both is looked for again. */
	uint64_t hint = srd_log_hint(log), old_end = atomic_load(&log->end);
	int64_t size = srd_log_size(log);

	if (size < 0)
		return (int)size;
	if ((uint64_t)size < old_end || srd_log_is_lost(log)) {
		srd_log_lose(log, (uint64_t)size);
		srd_log_seen(log, hint);
		return 0;
	}
	if ((uint64_t)size > old_end)
		forget_pages(log);
	int error = check_last(log);
	/* Whole records that recovery judged not to count stay where they are while
	 * we are here (nobody is alone), and must not be taken for new ones. */
	if (!error && !log->drop_needed)
		error = follow_all(log, (uint64_t)size, visit, user);
	if (error)
		return error;
	uint64_t end = atomic_load(&log->end);
	log->dropped = (uint64_t)size - end;
	log->cut_needed = log->dropped > 0;
	srd_log_seen(log, hint);
	/* Who appends to a file that is not the store's any more would lose it. */
	if (!srd_log_is_replaced(log) && !log->sealed)
		return 0;
	srd_log_forget_seen(log);
	return SRD_EREPLACED;
}
