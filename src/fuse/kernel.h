/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel.h - what the kernel says and asks, and libfuse (some version of it) does
 * not pass on.  Requests are looked at before libfuse decodes them.
 */
#ifndef SRD_FUSE_KERNEL_H
#define SRD_FUSE_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

struct fuse_buf;
struct fuse_session;

struct srd_hints {
	int caller;              /* its thread; 0: not in our sight */
	bool kills;              /* setuid and setgid go with this change */
	bool kept;               /* the kernel may keep what the answer tells */
	uint64_t request;        /* its number, the same if it is sent again */
	bool resent;             /* it may have been carried out, though nobody answered */
	bool unnamed;            /* the file to create gets no name (O_TMPFILE) */
	bool past;               /* its node is one of the past (fs/past.h) */
	bool births;             /* GETATTR is to be answered as STATX (srd_reply_statx()) */
};

/* Has libfuse take in REQUEST, which is INIT, and answer it, if the kernel still waits
 * for that (ANSWER); adds to the answer that we take set-id bits and capabilities away
 * ourselves.  0 or a negative code. */
int srd_kernel_init(struct fuse_session *session, const struct fuse_buf *request, bool answer);
/* Fills HINTS, and makes of a request that libfuse does not know one that it does. */
void srd_kernel_look(struct fuse_buf *request, struct srd_hints *hints);

#endif
