/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fuse/loop.h"

#define FUSE_USE_VERSION 310
#include <fuse_lowlevel.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"
#include "base/guard.h"

enum {
	WORKERS_MAX = 8,
	WORKERS_MORE = 2,          /* than CPUs: some will wait for disks */
};

struct worker {
	struct srd_loop *loop;
	pthread_t thread;
	struct fuse_buf request;   /* its memory is libfuse's, made at first use */
	struct srd_hints hints;    /* of the request */
	void *answer;
	size_t answer_len;
};

struct srd_loop {
	struct fuse_session *session;
	int done_fd;
	atomic_uint running;       /* workers that have not ended */
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

int srd_loop_first(struct fuse_session *session)
{
	struct fuse_buf request = { .mem = NULL };
	int got = receive(session, &request);

	int error = got > 0 ? srd_kernel_init(session, &request) : got < 0 ? got : -ENOTCONN;
	free(request.mem);
	return error;
}

/* A worker may be cancelled only while it waits for a request: never with one
 * taken and not answered. */
static void *work(void *user)
{
	struct worker *worker = user;
	struct srd_loop *loop = worker->loop;
	uint64_t one = 1;

	self = worker;
	while (!fuse_session_exited(loop->session)) {
		pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
		int got = receive(loop->session, &worker->request);
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
		if (got <= 0)
			break;
		srd_kernel_look(&worker->request, &worker->hints);
		fuse_session_process_buf(loop->session, &worker->request);
	}
	if (atomic_fetch_sub(&loop->running, 1) == 1 && write(loop->done_fd, &one, sizeof one) < 0)
		return NULL;   /* cannot be: the counter is far from full */
	return NULL;
}

static unsigned wanted_workers(void)
{
	cpu_set_t cpus;
	unsigned count = sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? (unsigned)CPU_COUNT(&cpus) : 1;

	return SRD_MIN(count + WORKERS_MORE, (unsigned)WORKERS_MAX);
}

static int start_worker(struct srd_loop *loop)
{
	struct worker *worker = &loop->workers[loop->count];
	sigset_t all, old;

	worker->loop = loop;
	atomic_fetch_add(&loop->running, 1);
	srd_guard_fill_mask(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int error = pthread_create(&worker->thread, NULL, work, worker);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error) {
		atomic_fetch_sub(&loop->running, 1);
		return -error;
	}
	loop->count++;
	return 0;
}

int srd_loop_start(struct fuse_session *session, struct srd_loop **out)
{
	struct srd_loop *loop = calloc(1, sizeof *loop);
	int error = 0;

	if (!loop)
		return -ENOMEM;
	loop->session = session;
	loop->done_fd = eventfd(0, EFD_CLOEXEC);
	if (loop->done_fd < 0) {
		error = srd_errno();
		free(loop);
		return error;
	}
	for (unsigned wanted = wanted_workers(); loop->count < wanted && !error;)
		error = start_worker(loop);
	if (loop->count == 0) {
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
	fuse_session_exit(loop->session);
	for (unsigned i = 0; i < loop->count; i++)
		pthread_cancel(loop->workers[i].thread);
	for (unsigned i = 0; i < loop->count; i++) {
		pthread_join(loop->workers[i].thread, NULL);
		free(loop->workers[i].request.mem);
		free(loop->workers[i].answer);
	}
	close(loop->done_fd);
	free(loop);
}

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
	return &self->hints;
}
