/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "log/shm.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/futex.h"
#include "log/ofd.h"
#include "log/shm_file.h"

/* Whose turn it is has this long to take the lock. */
enum { TURN_NS = 5 * 1000 * 1000 };

static void take_slot(struct srd_shm *shm)
{
	unsigned pid = (unsigned)getpid();
	int first = (int)(pid % SRD_SHM_SLOTS);

	for (int i = 0; i < SRD_SHM_SLOTS && shm->slot < 0; i++) {
		int slot = (first + i) % SRD_SHM_SLOTS;
		if (srd_ofd_lock(shm->fd, F_WRLCK, slot, false) == 0)
			shm->slot = slot;
	}
	if (shm->slot < 0)
		return;
	struct srd_shm_slot *mine = &shm->page->slot[shm->slot];
	atomic_store(&mine->exclusive, 0);
	atomic_store(&mine->pid, pid);
	atomic_store(&mine->since_ns, srd_wall_ns());
	srd_shm_got(shm);
}

struct srd_shm *srd_shm_open(const struct srd_io *io, int dir_fd, const char *name, const struct stat *of,
                             const struct srd_superblock *sb, bool read_only)
{
	struct srd_shm *shm = calloc(1, sizeof *shm);

	if (!shm)
		return NULL;
	shm->slot = -1;
	shm->fd = srd_shm_file_open(io, dir_fd, name, of, sb, read_only, &shm->page);
	if (shm->fd < 0) {
		free(shm);
		return NULL;
	}
	int prot = read_only ? PROT_READ : PROT_READ | PROT_WRITE;
	shm->guard = (struct srd_guard){ .start = shm->page, .len = sizeof *shm->page, .prot = prot, .fd = shm->fd };
	srd_guard_add(&shm->guard);
	/* Who comes when all slots are taken goes without, and cannot say that it waits
	 * or sleeps, but that somebody does. */
	if (!read_only)
		take_slot(shm);
	return shm;
}

void srd_shm_close(struct srd_shm *shm)
{
	if (!shm)
		return;
	if (shm->slot >= 0)
		atomic_store(&shm->page->slot[shm->slot].exclusive, 0);
	srd_guard_remove(&shm->guard);
	munmap(shm->page, sizeof *shm->page);
	close(shm->fd);
	free(shm);
}

void srd_shm_set_pid(struct srd_shm *shm, unsigned pid)
{
	if (shm->slot >= 0)
		atomic_store(&shm->page->slot[shm->slot].pid, pid);
}

void srd_shm_set_exclusive(struct srd_shm *shm)
{
	if (shm->slot < 0)
		return;
	struct srd_shm_slot *mine = &shm->page->slot[shm->slot];
	if (gethostname(mine->host, sizeof mine->host) != 0)
		mine->host[0] = 0;
	mine->host[sizeof mine->host - 1] = 0;
	/* Last: who sees it reads the others. */
	atomic_store(&mine->exclusive, 1);
}

int srd_shm_exclusive_holder(struct srd_shm *shm, char *text, size_t size)
{
	for (int i = 0; i < SRD_SHM_SLOTS; i++) {
		struct srd_shm_slot *slot = &shm->page->slot[i];
		if (i == shm->slot || !atomic_load(&slot->exclusive) || !srd_ofd_is_taken(shm->fd, i))
			continue;
		time_t since = atomic_load(&slot->since_ns) / 1000000000L;
		struct tm tm;
		char when[32] = "";
		if (gmtime_r(&since, &tm))
			strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
		snprintf(text, size, "pid %u on %.*s since %s", atomic_load(&slot->pid),
		         SRD_SHM_HOST_LEN, slot->host, when);
		return 0;
	}
	return -ENOENT;
}

/* Where WORDS, a bit for each slot, have our own. */
static atomic_ulong *word_of(atomic_ulong *words, const struct srd_shm *shm, unsigned long *bit)
{
	*bit = 1UL << (shm->slot % 64);
	return &words[shm->slot / 64];
}

void srd_shm_ask(struct srd_shm *shm)
{
	unsigned long bit;

	/* The holder looks at the word after each append, and its keeper
	 * sleeps on `asks`: the bit first, then the wake-up. */
	if (shm->slot < 0) {
		atomic_store(&shm->page->crowd, 1);
	} else {
		atomic_ulong *word = word_of(shm->page->waiting, shm, &bit);
		if (atomic_fetch_or(word, bit) & bit)
			return;
	}
	atomic_fetch_add(&shm->page->asks, 1);
	srd_futex_wake_all(&shm->page->asks, true);
}

void srd_shm_got(struct srd_shm *shm)
{
	unsigned long bit;
	unsigned mine = (unsigned)shm->slot + 1;

	if (shm->slot < 0)
		return;
	atomic_ulong *word = word_of(shm->page->waiting, shm, &bit);
	atomic_fetch_and(word, ~bit);
	atomic_compare_exchange_strong(&shm->page->turn, &mine, 0);
}

bool srd_shm_is_others_turn(const struct srd_shm *shm)
{
	unsigned turn = atomic_load(&shm->page->turn);

	/* What a crash left in the shm may be anything: a turn of no slot is nobody's. */
	return turn != 0 && turn <= SRD_SHM_SLOTS && turn != (unsigned)shm->slot + 1;
}

static unsigned mask_of(int slot)
{
	return 1U << (slot < 0 ? 0 : slot % 32);
}

void srd_shm_await_turn(struct srd_shm *shm, unsigned turns)
{
	unsigned turn = atomic_load(&shm->page->turn);
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += TURN_NS;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	srd_futex_wait_bits(&shm->page->turns, turns, mask_of(shm->slot), true, &until);
	if (turn == 0 || turn > SRD_SHM_SLOTS || turn == (unsigned)shm->slot + 1 || srd_shm_turns(shm) != turns)
		return;
	/* In all that time nothing was passed on: whose turn it was does not take it. */
	if (atomic_compare_exchange_strong(&shm->page->turn, &turn, 0))
		atomic_fetch_and(&shm->page->waiting[(turn - 1) / 64], ~(1UL << ((turn - 1) % 64)));
}

/* The next slot behind our own, around, whose owner lives and waits; -1: none. */
static int next_waiting(const struct srd_shm *shm)
{
	for (int i = 1; i <= SRD_SHM_SLOTS; i++) {
		int slot = (shm->slot + i) % SRD_SHM_SLOTS;
		unsigned long bits = atomic_load(&shm->page->waiting[slot / 64]);
		if (bits == 0)
			i += 63 - slot % 64;   /* none in the rest of this word */
		else if ((bits >> (slot % 64) & 1) && slot != shm->slot && srd_ofd_is_taken(shm->fd, slot))
			return slot;
	}
	return -1;
}

void srd_shm_pass_on(struct srd_shm *shm)
{
	atomic_store(&shm->page->turn, (unsigned)(next_waiting(shm) + 1));
}

void srd_shm_passed_on(struct srd_shm *shm)
{
	/* Who asked after the look, and tried before the lock was free, is seen now;
	 * who tries now gets it. */
	if (atomic_load(&shm->page->turn) == 0)
		srd_shm_pass_on(shm);
	unsigned turn = atomic_load(&shm->page->turn);
	if (turn == 0)
		return;
	atomic_fetch_add(&shm->page->turns, 1);
	srd_futex_wake_bits(&shm->page->turns, mask_of((int)turn - 1), true);
}

/* Takes the bits of others away: they are awake, or dead. */
static bool somebody_sleeps(struct srd_shm *shm)
{
	unsigned long own = 0;
	const atomic_ulong *mine = shm->slot < 0 ? NULL : word_of(shm->page->sleeping, shm, &own);
	bool found = false;

	for (unsigned i = 0; i < SRD_SHM_SLOTS / 64; i++) {
		atomic_ulong *word = &shm->page->sleeping[i];
		unsigned long keep = word == mine ? own : 0;
		if (atomic_load(word) & ~keep)
			found |= (atomic_fetch_and(word, keep) & ~keep) != 0;
	}
	return found;
}

uint64_t srd_shm_tell(struct srd_shm *shm, uint64_t end)
{
	/* The count before the look at who sleeps, as they say so before they look at the
	 * count: one of both sees the other. */
	uint64_t appends = atomic_fetch_add(&shm->page->appends, 1) + 1;
	/* Release: who finds it told need not tell, for it has been counted. */
	atomic_store_explicit(&shm->page->told, end, memory_order_release);

	if (somebody_sleeps(shm)) {
		atomic_fetch_add(&shm->page->bell, 1);
		srd_futex_wake_all(&shm->page->bell, true);
	}
	return appends;
}

bool srd_shm_listen(struct srd_shm *shm, unsigned *seen)
{
	unsigned long bit;

	if (shm->slot < 0)
		return false;
	*seen = atomic_load(&shm->page->bell);
	atomic_ulong *word = word_of(shm->page->sleeping, shm, &bit);
	atomic_fetch_or(word, bit);
	return true;
}

bool srd_shm_is_asked(struct srd_shm *shm)
{
	if (atomic_load_explicit(&shm->page->crowd, memory_order_relaxed) && atomic_exchange(&shm->page->crowd, 0))
		return true;
	for (unsigned i = 0; i < SRD_SHM_SLOTS / 64; i++) {
		/* Relaxed: an ask seen late is seen after the next append, or by the keeper. */
		unsigned long bits = atomic_load_explicit(&shm->page->waiting[i], memory_order_relaxed);
		for (; bits; bits &= bits - 1) {
			int slot = (int)(i * 64) + __builtin_ctzl(bits);
			if (srd_ofd_is_taken(shm->fd, slot))
				return true;
			if (slot != shm->slot)
				atomic_fetch_and(&shm->page->waiting[i], ~(bits & -bits));
		}
	}
	return false;
}
