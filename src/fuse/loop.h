/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.h - the request loop: threads that take requests from the kernel.
 *
 * It is our own, on libfuse's receive and process calls, so that which worker
 * takes a request, on which CPU, can be decided: see elect.h.  A thread stands by
 * while the elected workers serve, and has others read when all of them have been
 * at one request for long.
 */
#ifndef SRD_FUSE_LOOP_H
#define SRD_FUSE_LOOP_H

#include <stdbool.h>
#include <stddef.h>

#include "fuse/kernel.h"

struct fuse_session;
struct srd_loop;

/* Starts the workers.  Requests about nodes of the past go to the session PAST (NULL: there are
 * none), which has the same device.  *LOOP goes to srd_loop_stop(). */
int srd_loop_start(struct fuse_session *session, struct fuse_session *past, struct srd_loop **loop);
/* A descriptor that becomes readable when the workers have ended by themselves:
 * the file system was unmounted. */
int srd_loop_done_fd(const struct srd_loop *loop);
/* Ends the workers after the request each is at, and frees the loop. */
void srd_loop_stop(struct srd_loop *loop);

/* Returns when every request that a worker has begun, and whose answer the kernel
 * keeps, has been answered.  For one thread at a time, which is no worker. */
void srd_loop_settle(struct srd_loop *loop);

/* The calling worker's buffer for an answer of LEN bytes; its content lasts until
 * the next call in the same thread.  NULL: no memory. */
void *srd_loop_buffer(size_t len);

/* What the request that the calling worker is at says beside what libfuse tells; NULL: the caller is none. */
const struct srd_hints *srd_loop_hints(void);

/* The request that the calling worker is at will take long from here until
 * srd_loop_go_on(): another worker is to read meanwhile. */
void srd_loop_hold_up(void);
void srd_loop_go_on(void);

#endif
