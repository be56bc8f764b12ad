/* SPDX-License-Identifier: Apache-2.0 */
/*
 * syscalls.c - what a worker may ask of the kernel.
 *
 * What is not listed fails with ENOSYS, by which the C library falls back on what it
 * did before the call was there.  A call that is new to some version of it, and that it
 * cannot do without, has to be added here.
 */
#include "config.h"

#include "fuse/syscalls.h"

#include "base/error.h"

#ifdef HAVE_SECCOMP
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"

static const int allowed[] = {
	/* Requests and the log. */
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev),
	SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(preadv), SCMP_SYS(pwritev),
	SCMP_SYS(fdatasync), SCMP_SYS(fsync), SCMP_SYS(ftruncate), SCMP_SYS(fallocate),
	SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(fstatfs), SCMP_SYS(lseek),
	SCMP_SYS(close), SCMP_SYS(dup), SCMP_SYS(dup3),
	/* The keeper; waiting. */
	SCMP_SYS(sendmsg), SCMP_SYS(recvmsg), SCMP_SYS(recvfrom), SCMP_SYS(eventfd2), SCMP_SYS(poll), SCMP_SYS(ppoll),
	SCMP_SYS(inotify_init1), SCMP_SYS(inotify_add_watch), SCMP_SYS(inotify_rm_watch),
	/* Memory. */
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
	/* Threads. */
	SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(gettid), SCMP_SYS(getpid),
	SCMP_SYS(getppid), SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity),
	SCMP_SYS(getcpu), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
	/* Time, chance, who and where we are. */
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday), SCMP_SYS(getrandom), SCMP_SYS(uname), SCMP_SYS(sysinfo),
	SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid),
};

#define CLEAR(argument, bits) SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, (bits), 0)
#define IS(argument, value) SCMP_CMP64(argument, SCMP_CMP_EQ, (value), 0)

/* A call that is not there on this machine needs no rule. */
static int allow(scmp_filter_ctx filter, int call, unsigned count, const struct scmp_arg_cmp *arguments)
{
	int error = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, count, arguments);

	return error == -EDOM ? 0 : error;
}

/* Those of which only a part is harmless. */
static int allow_partly(scmp_filter_ctx filter)
{
	const struct { int call; struct scmp_arg_cmp argument; } parts[] = {
		{ SCMP_SYS(openat), CLEAR(2, O_ACCMODE | O_CREAT | O_TRUNC | O_TMPFILE) },
		/* Not F_SETOWN and its like: the kernel would send signals for us. */
		{ SCMP_SYS(fcntl), IS(1, F_DUPFD) }, { SCMP_SYS(fcntl), IS(1, F_DUPFD_CLOEXEC) },
		{ SCMP_SYS(fcntl), IS(1, F_GETFD) }, { SCMP_SYS(fcntl), IS(1, F_SETFD) },
		{ SCMP_SYS(fcntl), IS(1, F_GETFL) }, { SCMP_SYS(fcntl), IS(1, F_SETFL) },
		{ SCMP_SYS(fcntl), IS(1, F_OFD_GETLK) }, { SCMP_SYS(fcntl), IS(1, F_OFD_SETLK) },
		{ SCMP_SYS(fcntl), IS(1, F_OFD_SETLKW) },
		{ SCMP_SYS(mmap), CLEAR(2, PROT_EXEC) },
		{ SCMP_SYS(mprotect), CLEAR(2, PROT_EXEC) },
		{ SCMP_SYS(clone), SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD) },
		{ SCMP_SYS(tgkill), IS(0, (scmp_datum_t)getpid()) },
		{ SCMP_SYS(kill), IS(0, (scmp_datum_t)getpid()) },
		{ SCMP_SYS(rt_tgsigqueueinfo), IS(0, (scmp_datum_t)getpid()) },
		{ SCMP_SYS(prlimit64), IS(2, 0) },
		{ SCMP_SYS(sched_setaffinity), IS(0, 0) },   /* of the calling thread */
		{ SCMP_SYS(prctl), IS(0, PR_SET_NAME) },
	};
	/* Not SOCK_DGRAM, by which whoever listens anywhere can be written to. */
	const struct scmp_arg_cmp pair[] = { IS(0, AF_UNIX), IS(1, SOCK_SEQPACKET | SOCK_CLOEXEC) };
	int error = allow(filter, SCMP_SYS(socketpair), SRD_LEN(pair), pair);

	for (size_t i = 0; i < SRD_LEN(parts) && !error; i++)
		error = allow(filter, parts[i].call, 1, &parts[i].argument);
	return error;
}

int srd_syscalls_restrict(bool *done)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int error = filter ? 0 : -ENOMEM;

	for (size_t i = 0; i < SRD_LEN(allowed) && !error; i++)
		error = allow(filter, allowed[i], 0, NULL);
	if (!error)
		error = allow_partly(filter);
	/* A binary tree; older libseccomp knows none, and is slower. */
	if (!error)
		seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!error)
		error = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	*done = !error;
	return error == -EINVAL || error == -ENOSYS ? 0 : error;
}
#else
int srd_syscalls_restrict(bool *done)
{
	*done = false;
	return 0;
}
#endif
