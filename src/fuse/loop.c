/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fuse/loop.h"

#define FUSE_USE_VERSION 310
#include <fuse_lowlevel.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/futex.h"
#include "base/thread.h"
#include "fuse/cpu.h"

enum {
	UNBOUND_MAX = 8,
	UNBOUND_MORE = 2,          /* than CPUs: some will wait for disks */
	WORKERS_MAX = SRD_ELECT_MAX + UNBOUND_MAX,
	LONG_MS = 10,              /* one request, before others are to read */
	AT_ONCE_NS = 25000,        /* the next request: waking a thread on another CPU takes longer */
};

struct worker {
	struct srd_loop *loop;
	pthread_t thread;
	int who;                   /* in the election: -1 is bound to no CPU */
	atomic_ulong steps;        /* odd while at a request */
	struct fuse_buf request;   /* its memory is libfuse's, made at first use */
	struct srd_hints hints;    /* of the request */
	int64_t done_ns;           /* when the one before was answered, monotonic */
	bool at_once;              /* the request came soon after that */
	atomic_uint turn;          /* futex: odd while at a request whose answer is kept */
	void *answer;
	size_t answer_len;
};

struct srd_loop {
	struct fuse_session *session, *past;
	int done_fd;
	atomic_uint running;       /* workers that have not ended */
	struct srd_election election;
	struct srd_cpu_threads callers;
	pthread_t standby, elector;
	bool has_standby, has_elector;
	atomic_uint election_due;  /* futex */
	atomic_bool elector_ends;
	atomic_uint standby_sleeps;   /* futex; 1 until an elected worker serves */
	atomic_uint awaited;       /* somebody sleeps on a turn */
	unsigned count;            /* workers started */
	struct worker workers[WORKERS_MAX];
};

/* The worker that this thread is; NULL in others. */
static _Thread_local struct worker *self;

static int receive(struct fuse_session *session, struct fuse_buf *request)
{
	int got;

	do {
		got = fuse_session_receive_buf(session, request);
	} while (got == -EINTR || got == -EAGAIN);
	return got;
}

/* ---- Workers ---- */

static void wake_standby(struct srd_loop *loop)
{
	if (!atomic_load(&loop->standby_sleeps))
		return;
	atomic_store(&loop->standby_sleeps, 0);
	srd_futex_wake_all(&loop->standby_sleeps, false);
}

/* Before the request looks at anything, and when it has been answered.  Both sides
 * store before they load: who settles sees the turn, or the request what he knows. */
static void take_turn(struct worker *worker)
{
	atomic_fetch_add(&worker->turn, 1);
	if (atomic_load(&worker->loop->awaited))
		srd_futex_wake_all(&worker->turn, false);
}

static void serve(struct worker *worker)
{
	struct srd_loop *loop = worker->loop;

	if (worker->who >= 0) {
		atomic_fetch_add(&worker->steps, 1);   /* before the look at standby_sleeps */
		wake_standby(loop);
	}
	srd_kernel_look(&worker->request, &worker->hints);
	bool kept = worker->hints.kept;
	if (kept)
		take_turn(worker);
	fuse_session_process_buf(worker->hints.past && loop->past ? loop->past : loop->session, &worker->request);
	if (kept)
		take_turn(worker);
	if (worker->who >= 0)
		atomic_fetch_add(&worker->steps, 1);
	worker->done_ns = srd_monotonic_ns();
	if (srd_election_served(&loop->election, worker->hints.caller, worker->at_once) && !atomic_exchange(&loop->election_due, 1))
		srd_futex_wake_all(&loop->election_due, false);
}

void srd_loop_settle(struct srd_loop *loop)
{
	atomic_store(&loop->awaited, 1);
	for (unsigned i = 0; i < loop->count; i++) {
		atomic_uint *turn = &loop->workers[i].turn;
		unsigned seen = atomic_load(turn);
		while (seen % 2 && atomic_load(turn) == seen)
			srd_futex_wait(turn, seen, false, NULL);
	}
	atomic_store(&loop->awaited, 0);
}

/* A worker may be cancelled only while it waits for a request: never with one
 * taken and not answered. */
static void *work(void *user)
{
	struct worker *worker = user;
	struct srd_loop *loop = worker->loop;
	uint64_t one = 1;

	self = worker;
	while (!fuse_session_exited(loop->session) && srd_election_wait(&loop->election, worker->who)) {
		pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
		int got = receive(loop->session, &worker->request);
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
		if (got <= 0)
			break;
		worker->at_once = srd_monotonic_ns() - worker->done_ns < AT_ONCE_NS;
		serve(worker);
	}
	srd_election_end(&loop->election);
	if (atomic_fetch_sub(&loop->running, 1) == 1 && write(loop->done_fd, &one, sizeof one) < 0)
		return NULL;   /* cannot be: the counter is far from full */
	return NULL;
}

/* ---- Electing ---- */

static void *elect(void *user)
{
	struct srd_loop *loop = user;

	while (!atomic_load(&loop->elector_ends)) {
		if (atomic_exchange(&loop->election_due, 0))
			srd_election_hold(&loop->election);
		else
			srd_futex_wait(&loop->election_due, 0, false, NULL);
	}
	return NULL;
}

/* While there still are workers: it may wait for what they are to answer. */
static void stop_elector(struct srd_loop *loop)
{
	if (!loop->has_elector)
		return;
	atomic_store(&loop->elector_ends, true);
	atomic_store(&loop->election_due, 1);
	srd_futex_wake_all(&loop->election_due, false);
	pthread_join(loop->elector, NULL);
}

/* ---- Standing by ---- */

/* Where bound workers stand, as seen one look ago and now. */
struct look {
	bool moved;                /* one of them took a step in between */
	bool serving;              /* one is at a request */
};

static struct look look(struct srd_loop *loop, unsigned long *seen)
{
	struct look result = { 0 };

	for (unsigned i = 0; i < loop->election.count; i++) {
		unsigned long steps = atomic_load(&loop->workers[i].steps);
		result.moved |= steps != seen[i];
		result.serving |= steps & 1;
		seen[i] = steps;
	}
	return result;
}

/* Waits for LONG_MS, or, when nobody serves, until somebody does. */
static void pause_standby(struct srd_loop *loop, bool idle, unsigned long *seen)
{
	const struct timespec a_while = { .tv_nsec = LONG_MS * 1000000L };

	if (!idle) {
		nanosleep(&a_while, NULL);
		return;
	}
	atomic_store(&loop->standby_sleeps, 1);
	if (look(loop, seen).moved)   /* after the store: who serves then saw it */
		atomic_store(&loop->standby_sleeps, 0);
	while (atomic_load(&loop->standby_sleeps) && !atomic_load(&loop->election.over))
		srd_futex_wait(&loop->standby_sleeps, 1, false, NULL);
}

static void *stand_by(void *user)
{
	struct srd_loop *loop = user;
	unsigned long seen[SRD_ELECT_MAX] = { 0 };
	bool stuck = false;

	while (!atomic_load(&loop->election.over)) {
		struct look now = look(loop, seen);
		bool was_stuck = stuck;
		stuck = now.serving && !now.moved;
		if (stuck && !was_stuck)
			srd_election_hold_up(&loop->election);
		if (was_stuck && !stuck)
			srd_election_go_on(&loop->election);
		pause_standby(loop, !now.serving && !now.moved, seen);
	}
	return NULL;
}

/* ---- Start and stop ---- */

/* The CPUs we may run on; their count. */
static unsigned find_cpus(int *cpus, unsigned max)
{
	cpu_set_t set;
	unsigned count = 0;

	if (sched_getaffinity(0, sizeof set, &set) != 0)
		return 0;
	for (int cpu = 0; cpu < CPU_SETSIZE && count < max; cpu++)
		if (CPU_ISSET(cpu, &set))
			cpus[count++] = cpu;
	return count;
}

/* WHO: in the election, -1 bound to no CPU. */
static int start_worker(struct srd_loop *loop, int who)
{
	struct worker *worker = &loop->workers[loop->count];

	worker->loop = loop;
	worker->who = who;
	atomic_fetch_add(&loop->running, 1);
	int error = srd_thread_start(&worker->thread, work, worker, who >= 0 ? loop->election.cpus[who] : -1);
	if (error)
		atomic_fetch_sub(&loop->running, 1);
	else
		loop->count++;
	return error;
}

/* Bound workers take the first places.  Without all of them, or with one alone,
 * there is nothing to elect, and they sleep for ever. */
static void start_bound(struct srd_loop *loop)
{
	int cpus[SRD_ELECT_MAX], error = 0;
	unsigned count = find_cpus(cpus, SRD_ELECT_MAX);

	srd_election_init(&loop->election, cpus, count < 2 ? 0 : count, srd_cpu_of_thread, &loop->callers);
	while (loop->count < loop->election.count && !error)
		error = start_worker(loop, (int)loop->count);
	if (!error && loop->count > 0)
		error = srd_thread_start(&loop->standby, stand_by, loop, -1);
	loop->has_standby = !error && loop->count > 0;
	if (loop->has_standby)
		error = srd_thread_start(&loop->elector, elect, loop, -1);
	loop->has_elector = !error && loop->has_standby;
	if (error)
		loop->election.count = 0;
}

static int start_unbound(struct srd_loop *loop)
{
	unsigned wanted = SRD_MIN(SRD_MAX(loop->count, 1U) + UNBOUND_MORE, (unsigned)UNBOUND_MAX), started = 0;
	int error = 0;

	while (started < wanted && !error) {
		error = start_worker(loop, -1);
		started += !error;
	}
	return started ? 0 : error;
}

int srd_loop_start(struct fuse_session *session, struct fuse_session *past, struct srd_loop **out)
{
	struct srd_loop *loop = calloc(1, sizeof *loop);
	int error = 0;

	if (!loop)
		return -ENOMEM;
	loop->session = session;
	loop->past = past;
	loop->done_fd = eventfd(0, EFD_CLOEXEC);
	if (loop->done_fd < 0) {
		error = srd_errno();
		free(loop);
		return error;
	}
	start_bound(loop);
	error = start_unbound(loop);
	if (error) {
		srd_loop_stop(loop);
		return error;
	}
	*out = loop;
	return 0;
}

int srd_loop_done_fd(const struct srd_loop *loop)
{
	return loop->done_fd;
}

void srd_loop_stop(struct srd_loop *loop)
{
	stop_elector(loop);
	fuse_session_exit(loop->session);
	srd_election_end(&loop->election);
	wake_standby(loop);
	if (loop->has_standby)
		pthread_join(loop->standby, NULL);
	for (unsigned i = 0; i < loop->count; i++)
		pthread_cancel(loop->workers[i].thread);
	for (unsigned i = 0; i < loop->count; i++) {
		pthread_join(loop->workers[i].thread, NULL);
		free(loop->workers[i].request.mem);
		free(loop->workers[i].answer);
	}
	srd_cpu_threads_release(&loop->callers);
	close(loop->done_fd);
	free(loop);
}

/* ---- For the request at hand ---- */

void *srd_loop_buffer(size_t len)
{
	if (len > self->answer_len) {
		free(self->answer);
		self->answer_len = 0;
		/* Whole pages: the kernel copies from them page by page. */
		self->answer = aligned_alloc(4096, SRD_ALIGN_UP(len, 4096));
		if (self->answer)
			self->answer_len = len;
	}
	return self->answer;
}

const struct srd_hints *srd_loop_hints(void)
{
	return self ? &self->hints : NULL;
}

void srd_loop_hold_up(void)
{
	srd_election_hold_up(&self->loop->election);
}

void srd_loop_go_on(void)
{
	srd_election_go_on(&self->loop->election);
}
