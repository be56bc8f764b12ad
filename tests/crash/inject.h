/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inject.h - makes the Nth call of a kind fail: calls that go through struct
 * srd_io, and those of the C library that the linker leads to us (--wrap).
 *
 * One plan for the whole process, armed for as long as the store is at work and
 * not the test.
 */
#ifndef CRASH_INJECT_H
#define CRASH_INJECT_H

#include <stdbool.h>

#include "base/io.h"

enum call {
	CALL_PREAD, CALL_PWRITE, CALL_FDATASYNC, CALL_FTRUNCATE, CALL_ALLOCATE, CALL_RENAME,
	CALL_MALLOC,              /* and all that give memory */
	CALL_MMAP, CALL_MPROTECT, CALL_THREAD, CALL_OPEN, CALL_LOCK, CALL_RANDOM,
};

enum manner {
	MANNER_FAIL,              /* nothing is done */
	MANNER_SHORT,             /* half is done, and said so */
	MANNER_TORN,              /* half is done; what follows fails */
	MANNER_TORN_UNCUT,        /* ... and so does the ftruncate after it */
};

struct injection {
	enum call call;
	enum manner manner;
	int error;                /* an errno */
	unsigned nth;             /* from 1 */
	bool lasting;             /* all from the nth on, until lifted */
};

/* The real thing, but for the plan. */
extern const struct srd_io inject_io;

void inject_plan(const struct injection *injection);
void inject_arm(bool armed);
/* How often the plan has struck. */
unsigned inject_struck(void);
/* The plan strikes no more. */
void inject_lift(void);

#endif
