/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fuse/compactor.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/sysinfo.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/thread.h"
#include "store/compact.h"

enum {
	LOOK_SECONDS = 2,             /* between two looks */
	REST_SECONDS = 60,            /* between two compactions, at least, */
	REST_TIMES = 10,              /* and so many times what the last one took */
	FAILED_SECONDS = 600,         /* until what failed is tried again; after a worker died, too */
	PATIENCE_SECONDS = 1800,      /* that quiet is waited for */
	URGENT_TIMES = 4,
	BUSY_PERCENT = 20,            /* of one CPU */
};

#define RATE_BYTES (UINT64_C(128) << 20)

struct srd_compactor {
	struct srd_mount *mount;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	atomic_bool stopping;         /* set with the mutex held */
	/* Of the thread alone. */
	int64_t kept;                 /* bytes that count as dead, and are not */
	int64_t rest_until_ns, due_since_ns;   /* due_since_ns 0: it is not */
	int64_t looked_ns, cpu_ns;    /* when, and what this process had taken by then */
	int last_error;
};

/* ---- Whether ---- */

/* How many bytes are to be dead, with so many alive. */
static uint64_t threshold(const struct srd_compactor *compactor, uint64_t live)
{
	const struct srd_mount_options *options = compactor->mount->options;

	return SRD_MAX(options->compact_bytes, (uint64_t)((double)live / 100 * options->compact_percent));
}

/* How many times what it takes is dead, as far as can be told without a look. */
static uint64_t urgency(const struct srd_compactor *compactor)
{
	struct srd_compact_guess guess;

	if (srd_store_guess(compactor->mount->store, &guess) != 0)
		return 0;
	int64_t dead = (int64_t)guess.log_bytes - (int64_t)guess.live_bytes - compactor->kept;
	return dead <= 0 ? 0 : (uint64_t)dead / SRD_MAX(threshold(compactor, guess.live_bytes), UINT64_C(1));
}

static bool machine_is_busy(void)
{
	struct sysinfo info;
	cpu_set_t cpus;

	if (sysinfo(&info) != 0 || sched_getaffinity(0, sizeof cpus, &cpus) != 0)
		return false;
	return info.loads[0] > (unsigned long)CPU_COUNT(&cpus) << SI_LOAD_SHIFT;
}

/* Since the last look. */
static bool is_busy(struct srd_compactor *compactor)
{
	int64_t now_ns = srd_monotonic_ns(), cpu_ns = srd_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	int64_t passed_ns = now_ns - compactor->looked_ns, taken_ns = cpu_ns - compactor->cpu_ns;

	compactor->looked_ns = now_ns;
	compactor->cpu_ns = cpu_ns;
	return taken_ns > passed_ns / 100 * BUSY_PERCENT || machine_is_busy();
}

static bool is_time(struct srd_compactor *compactor)
{
	int64_t now_ns = srd_monotonic_ns();
	bool busy = is_busy(compactor);
	uint64_t urgent = now_ns < compactor->rest_until_ns ? 0 : urgency(compactor);

	if (urgent == 0) {
		compactor->due_since_ns = 0;
		return false;
	}
	if (compactor->due_since_ns == 0)
		compactor->due_since_ns = now_ns;
	return !busy || urgent >= URGENT_TIMES ||
	       now_ns - compactor->due_since_ns > PATIENCE_SECONDS * SRD_NS_PER_SECOND;
}

/* ---- What ---- */

static int on_event(void *user, const struct srd_event *event)
{
	const struct srd_compactor *compactor = user;

	(void)event;
	return atomic_load(&compactor->stopping) ? -ECANCELED : 0;
}

static void rest(struct srd_compactor *compactor, int64_t seconds)
{
	compactor->rest_until_ns = srd_monotonic_ns() + seconds * SRD_NS_PER_SECOND;
	compactor->due_since_ns = 0;
}

/* Another mount, or srd compact, at it is no failure; and what goes on failing is told once. */
static void fail(struct srd_compactor *compactor, int error)
{
	if (error != -EBUSY && error != SRD_EREPLACED && error != -ECANCELED && error != compactor->last_error)
		srd_mount_say(compactor->mount, "cannot compact the store, will try again: %s", srd_strerror(error));
	if (error != -EBUSY)
		compactor->last_error = error;
	rest(compactor, error == -EBUSY ? REST_SECONDS : FAILED_SECONDS);
}

static void tell(struct srd_compactor *compactor, const struct srd_compacted *result, int64_t taken_ns)
{
	srd_mount_say(compactor->mount, "compacted the store from %.1f to %.1f MiB in %.1f s",
	              (double)result->old_bytes / (1 << 20), (double)result->new_bytes / (1 << 20), (double)taken_ns / 1e9);
}

/* A look at all of it: what would be left.  False: too much. */
static bool is_worth_it(struct srd_compactor *compactor, struct srd_compact_options *options)
{
	struct srd_store *store = compactor->mount->store;
	struct srd_compact_guess guess;
	struct srd_compacted result;

	options->flags = SRD_COMPACT_DRY_RUN;
	int error = srd_store_guess(store, &guess);
	if (!error)
		error = srd_store_compact(store, options, &result);
	options->flags = 0;
	if (error) {
		fail(compactor, error);
		return false;
	}
	uint64_t dead = result.old_bytes > result.new_bytes ? result.old_bytes - result.new_bytes : 0;
	compactor->kept = (int64_t)guess.log_bytes - (int64_t)guess.live_bytes - (int64_t)dead;
	return dead >= threshold(compactor, result.new_bytes);
}

static void compact(struct srd_compactor *compactor)
{
	struct srd_compact_options options = { .rate_bytes = RATE_BYTES, .call = on_event, .user = compactor };
	struct srd_compacted result;
	int64_t began_ns = srd_monotonic_ns();

	if (!is_worth_it(compactor, &options))
		return;
	int error = srd_store_compact(compactor->mount->store, &options, &result);
	if (error) {
		fail(compactor, error);
		return;
	}
	int64_t taken_ns = srd_monotonic_ns() - began_ns;
	tell(compactor, &result, taken_ns);
	compactor->last_error = 0;
	rest(compactor, SRD_MAX((int64_t)REST_SECONDS, REST_TIMES * taken_ns / SRD_NS_PER_SECOND));
}

/* ---- The thread ---- */

/* False: it is to end. */
static bool wait(struct srd_compactor *compactor)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += LOOK_SECONDS;
	pthread_mutex_lock(&compactor->mutex);
	while (!atomic_load(&compactor->stopping) &&
	       pthread_cond_timedwait(&compactor->wake, &compactor->mutex, &until) == 0)
		;
	pthread_mutex_unlock(&compactor->mutex);
	return !atomic_load(&compactor->stopping);
}

static void *run(void *user)
{
	struct srd_compactor *compactor = user;

	while (wait(compactor))
		if (is_time(compactor))
			compact(compactor);
	return NULL;
}

int srd_compactor_start(struct srd_mount *mount)
{
	pthread_condattr_t attributes;

	if (!mount->options->compact_auto)
		return 0;
	struct srd_compactor *compactor = calloc(1, sizeof *compactor);
	if (!compactor)
		return -ENOMEM;
	compactor->mount = mount;
	pthread_mutex_init(&compactor->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&compactor->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	/* It may be what the last worker died of. */
	if (mount->legacy.life > 0)
		rest(compactor, FAILED_SECONDS);
	mount->compactor = compactor;
	int error = srd_thread_start(&compactor->thread, run, compactor, -1);
	if (error) {
		free(compactor);
		mount->compactor = NULL;
	}
	return error;
}

void srd_compactor_stop(struct srd_compactor *compactor)
{
	if (!compactor)
		return;
	pthread_mutex_lock(&compactor->mutex);
	atomic_store(&compactor->stopping, true);
	pthread_cond_signal(&compactor->wake);
	pthread_mutex_unlock(&compactor->mutex);
	pthread_join(compactor->thread, NULL);
	pthread_mutex_destroy(&compactor->mutex);
	pthread_cond_destroy(&compactor->wake);
	free(compactor);
}
