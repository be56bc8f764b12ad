/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fuse/herald.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "fuse/child.h"
#include "fuse/sandbox.h"
#include "fuse/wire.h"

enum { NOTICE_BYTES_MAX = 512 };
enum { DEVICE, NOTICES, FD_END };   /* all the descriptors that it has */

/* Another end of the same connection.  If everybody else is killed while the herald waits, what it waits for
 * ends, for requests end with the last of the end by which they were taken. */
static int clone_device(int device)
{
	uint32_t of = (uint32_t)device;
	int clone = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (clone < 0 || ioctl(clone, FUSE_DEV_IOC_CLONE, &of) == 0)
		return clone;
	close(clone);
	return -1;
}

/* Leaves DEVICE and NOTICES alone, by these numbers. */
static int part(int device, int notices)
{
	int clone = clone_device(device);

	/* Beyond reach of the low numbers first. */
	device = fcntl(clone < 0 ? device : clone, F_DUPFD_CLOEXEC, FD_END);
	notices = fcntl(notices, F_DUPFD_CLOEXEC, FD_END);
	if (device < 0 || notices < 0 || dup2(device, DEVICE) < 0 || dup2(notices, NOTICES) < 0 || chdir("/") != 0)
		return srd_errno();
	return srd_child_close_from(FD_END);
}

/* To read, to write and to exit is all that it does; where that cannot be had it goes without. */
static void lock_in(void)
{
	if (!SRD_SANDBOX_OFF)
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
}

static void pass_on(void)
{
	_Alignas(struct fuse_out_header) char notice[NOTICE_BYTES_MAX];
	ssize_t len;

	while ((len = read(NOTICES, notice, sizeof notice)) >= (ssize_t)sizeof(struct fuse_out_header))
		if (write(DEVICE, notice, (size_t)len) < 0)
			continue;   /* What the kernel does not know is no error. */
}

int srd_herald_start(int device, int *notices, pid_t *pid)
{
	int ends[2];
	int error = srd_wire_pair(ends);

	if (error)
		return error;
	SRD_AUTO_CLOSE int its = ends[0];
	*pid = fork();
	if (*pid < 0) {
		error = srd_errno();
		close(ends[1]);
		return error;
	}
	if (*pid > 0) {
		*notices = ends[1];
		return 0;
	}
	prctl(PR_SET_NAME, "srdfs-herald");
	setsid();
	if (part(device, its) == 0) {
		lock_in();
		pass_on();
	}
	/* Of the two calls to exit the one that is left it; a sanitizer has a thread of its own here. */
	for (;;)
		syscall(SRD_SANDBOX_OFF ? SYS_exit_group : SYS_exit, 0);
}
