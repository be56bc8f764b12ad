/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox.h - locks a worker in: whatever a hostile store makes of it, it can read and
 * write the descriptors it was handed, look at /proc, and nothing else.
 *
 *     capabilities   all
 *     no_new_privs   for good
 *     Landlock       no file can be opened but for reading in /proc; no TCP; no signal,
 *                    no abstract socket, no ptrace out of the sandbox
 *     seccomp        the system calls that serving takes, some with few arguments only;
 *                    any other does not exist (ENOSYS)
 *
 * What it is left with: the log, the shm and the image, and in memory what was read
 * of them; the sockets to its keeper; the requests of the mount; what /proc shows to
 * everybody.
 */
#ifndef SRD_FUSE_SANDBOX_H
#define SRD_FUSE_SANDBOX_H

#include <stdbool.h>

/* Sanitizers take more system calls than we know, and threads of their own. */
#ifdef SRD_SANITIZED
enum { SRD_SANDBOX_OFF = 1 };
#else
enum { SRD_SANDBOX_OFF = 0 };
#endif

/* What could be had. */
struct srd_sandbox {
	bool landlock, seccomp;
};

/* Locks the calling process in, which must have one thread, for good.  0 or a negative
 * errno; what system or build cannot do is no error: see *SANDBOX. */
int srd_sandbox_enter(struct srd_sandbox *sandbox);
/* No core file and no debugger shows what the process has in memory. */
void srd_sandbox_hide_memory(void);

#endif
