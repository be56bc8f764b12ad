/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.h - what keeper and worker say to each other, over two pairs of sockets.
 *
 *     orders     keeper -> worker   HOLD (with the guard), NOTICES (with the herald's socket; again where
 *                                   another took its place), START (with the device), STOP
 *                worker -> keeper   READY, SERVING, LEAVING, SAY
 *     errands    worker -> keeper   OPEN, OPEN_KEPT, UNLINK, RENAME, SYNC, END
 *                keeper -> worker   ANSWER (with what was opened)
 *
 * Every message is one packet of one size, so there is nothing to parse; descriptors
 * go one way only, to the worker.
 */
#ifndef SRD_FUSE_WIRE_H
#define SRD_FUSE_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "srd.h"

enum srd_wire_kind {
	SRD_WIRE_START = 1,       /* VALUE bytes of TEXT are the kernel's INIT; FLAGS: enum srd_wire_start */
	SRD_WIRE_HOLD,            /* the descriptor is to stay open as long as the worker lives */
	SRD_WIRE_NOTICES,
	SRD_WIRE_STOP,
	SRD_WIRE_READY,           /* the store is open */
	SRD_WIRE_SERVING,
	SRD_WIRE_LEAVING,         /* by itself: the mount is gone, or STOP came */
	SRD_WIRE_SAY,             /* TEXT is a line for people */
	SRD_WIRE_OPEN,            /* name, FLAGS, MODE as for open(2) */
	SRD_WIRE_OPEN_KEPT,       /* the store, to read; the keeper has it, too, for its locks */
	SRD_WIRE_UNLINK,          /* name */
	SRD_WIRE_RENAME,          /* both names, FLAGS as for renameat2(2) */
	SRD_WIRE_SYNC,            /* the folder itself */
	SRD_WIRE_END,             /* a transaction is over: the mount is to go */
	SRD_WIRE_ANSWER,          /* VALUE: 0 or a negative errno */
};

enum srd_wire_start {
	SRD_WIRE_FIRST = 1,       /* the kernel waits for the answer to INIT */
};

enum { SRD_WIRE_NAME = 512, SRD_WIRE_TEXT = SRD_KEY_MAX + 1024 };

struct srd_wire {
	uint32_t kind;            /* enum srd_wire_kind */
	int32_t value;
	uint32_t flags, mode;
	union {
		char text[SRD_WIRE_TEXT];             /* NUL-terminated, but for START */
		char names[2][SRD_WIRE_NAME];         /* likewise, each */
	};
};

/* A pair of sockets.  0 or a negative errno. */
int srd_wire_pair(int ends[2]);
/* Sends MESSAGE, and DESCRIPTOR with it if that is not -1.  PATIENT: waits for room.
 * 0 or a negative errno: -EAGAIN, -EPIPE. */
int srd_wire_send(int socket, const struct srd_wire *message, int descriptor, bool patient);
/* The next message.  DESCRIPTOR (may be NULL: none is taken) is -1 if none came, and not set on error.  0 or
 * a negative errno: -EPIPE (the other end is gone), -EAGAIN (not PATIENT, and nothing
 * there), -EBADMSG (no message of ours). */
int srd_wire_receive(int socket, struct srd_wire *message, int *descriptor, bool patient);

#endif
