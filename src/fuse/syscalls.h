/* SPDX-License-Identifier: Apache-2.0 */
/* syscalls.h - the system calls that a worker may make, as a seccomp filter. */
#ifndef SRD_FUSE_SYSCALLS_H
#define SRD_FUSE_SYSCALLS_H

#include <stdbool.h>

/* From here on the process can make no others; needs no_new_privs.  *DONE: false in a
 * build without libseccomp, or on a kernel without filters. */
int srd_syscalls_restrict(bool *done);

#endif
