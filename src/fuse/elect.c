/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fuse/elect.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/futex.h"

/* An election is due when the interest has grown to ENOUGH requests.  One of a known
 * caller adds ONE; one of a new caller `novelty` times that, which falls while elections
 * change nothing: many callers on all CPUs are not to cost a look at each.
 *
 * A request that comes at once shows that the lone elected worker is where its caller is,
 * and adds little: an election wakes a third thread beside these two, for which the
 * scheduler likes to move the caller to another CPU, just what it is to find out. */
enum {
	ONE = 64,
	ENOUGH = 32 * ONE,
	NOVELTY_MOST = 8,
	STRANGERS_ENOUGH = 32,
};

void srd_election_init(struct srd_election *election, const int *cpus, unsigned count,
                       srd_cpu_of *cpu_of, void *user)
{
	*election = (struct srd_election){ .cpu_of = cpu_of, .user = user,
	                                   .count = SRD_MIN(count, (unsigned)SRD_ELECT_MAX),
	                                   .novelty = NOVELTY_MOST };
	memcpy(election->cpus, cpus, election->count * sizeof *cpus);
}

static bool may_read(const struct srd_election *election, int who)
{
	unsigned long elected = atomic_load(&election->elected);

	if (who >= 0)
		return elected >> who & 1;
	return elected == 0 || atomic_load(&election->held_up) > 0;
}

/* Whoever may read from now on and sleeps has seen the old value of the turn, or
 * looks again. */
static void call(atomic_uint *turn)
{
	atomic_fetch_add(turn, 1);
	srd_futex_wake_all(turn, false);
}

bool srd_election_wait(struct srd_election *election, int who)
{
	atomic_uint *turn = who >= 0 ? &election->bound_turn : &election->unbound_turn;

	for (;;) {
		unsigned seen = atomic_load(turn);
		if (atomic_load(&election->over))
			return false;
		if (may_read(election, who))
			return true;
		srd_futex_wait(turn, seen, false, NULL);
	}
}

/* The bit of the worker bound to CPU; 0: none is. */
static unsigned long bit_of(const struct srd_election *election, int cpu)
{
	for (unsigned i = 0; i < election->count; i++)
		if (election->cpus[i] == cpu)
			return 1UL << i;
	return 0;
}

/* Who should read for the callers since the last election.  Callers that are gone
 * change nothing; one whose CPU we cannot see, or have no worker on, gets the unbound. */
static unsigned long count_votes(struct srd_election *election)
{
	unsigned long votes = 0;

	for (int i = 0; i < SRD_ELECT_CALLERS; i++) {
		int tid = atomic_exchange_explicit(&election->callers[i], 0, memory_order_relaxed);
		int cpu = tid ? election->cpu_of(election->user, tid) : -ESRCH;
		unsigned long vote = cpu >= 0 ? bit_of(election, cpu) : 0;
		if (cpu == -ESRCH)
			continue;
		if (!vote)
			return 0;
		votes |= vote;
	}
	return votes ? votes : atomic_load(&election->elected);
}

void srd_election_hold(struct srd_election *election)
{
	unsigned novelty = atomic_load_explicit(&election->novelty, memory_order_relaxed);

	atomic_store_explicit(&election->interest, 0, memory_order_relaxed);
	unsigned long votes = count_votes(election);
	if (votes == atomic_load(&election->elected)) {
		atomic_store_explicit(&election->novelty, SRD_MAX(novelty / 2, 1U), memory_order_relaxed);
		return;
	}
	atomic_store_explicit(&election->novelty, NOVELTY_MOST, memory_order_relaxed);
	atomic_store(&election->elected, votes);
	call(votes ? &election->bound_turn : &election->unbound_turn);
}

/* Callers that are not in our sight: the kernel itself, or another pid namespace.
 * Of the former there are some among all others. */
static void note_stranger(struct srd_election *election)
{
	if (atomic_fetch_add_explicit(&election->strangers, 1, memory_order_relaxed) + 1 < STRANGERS_ENOUGH ||
	    atomic_load(&election->elected) == 0)
		return;
	atomic_store(&election->elected, 0);
	call(&election->unbound_turn);
}

/* Notes TID among the callers; true: it was not there. */
static bool note(struct srd_election *election, int tid)
{
	atomic_int *place = &election->callers[(unsigned)tid % SRD_ELECT_CALLERS];

	if (atomic_load_explicit(place, memory_order_relaxed) == tid)
		return false;
	atomic_store_explicit(place, tid, memory_order_relaxed);
	return true;
}

/* What a request of a caller that is known adds. */
static unsigned known_adds(const struct srd_election *election, bool at_once)
{
	unsigned long elected = atomic_load_explicit(&election->elected, memory_order_relaxed);
	bool lone = elected != 0 && (elected & (elected - 1)) == 0;

	return at_once && lone ? 1 : ONE;
}

bool srd_election_served(struct srd_election *election, int tid, bool at_once)
{
	if (election->count < 2)
		return false;
	if (tid <= 0) {
		note_stranger(election);
		return false;
	}
	if (atomic_load_explicit(&election->strangers, memory_order_relaxed))
		atomic_store_explicit(&election->strangers, 0, memory_order_relaxed);
	unsigned by = note(election, tid) ? ONE * atomic_load_explicit(&election->novelty, memory_order_relaxed)
	                                  : known_adds(election, at_once);
	unsigned interest = atomic_load_explicit(&election->interest, memory_order_relaxed) + by;
	atomic_store_explicit(&election->interest, interest, memory_order_relaxed);
	return interest >= ENOUGH;
}

void srd_election_hold_up(struct srd_election *election)
{
	atomic_fetch_add(&election->held_up, 1);
	if (atomic_load(&election->elected) == 0)
		return;
	atomic_fetch_add(&election->unbound_turn, 1);
	srd_futex_wake_one(&election->unbound_turn, false);
}

void srd_election_go_on(struct srd_election *election)
{
	atomic_fetch_sub(&election->held_up, 1);
}

void srd_election_end(struct srd_election *election)
{
	atomic_store(&election->over, true);
	call(&election->bound_turn);
	call(&election->unbound_turn);
}
