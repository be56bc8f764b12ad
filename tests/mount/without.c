/* SPDX-License-Identifier: Apache-2.0 */
/*
 * without.c - runs a program on a kernel that lacks a system call, as far as that can tell.
 *
 *     without close_range|landlock PROGRAM ARGUMENT...
 */
#include "config.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static const struct call { const char *name; unsigned number; } calls[] = {
	/* By number, for headers older than the kernel; without this one, all of Landlock is away. */
	{ "close_range", 436 }, { "landlock", 444 },
};

static const struct call *find(const char *name)
{
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		if (strcmp(calls[i].name, name) == 0)
			return &calls[i];
	return NULL;
}

static int forgo(unsigned number)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof code / sizeof *code, .filter = code };

	/* Who mounts as a user needs a program with privileges, which it would not get then. */
	if (geteuid() != 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int main(int argc, char **argv)
{
	const struct call *call = argc < 3 ? NULL : find(argv[1]);

	if (!call) {
		fprintf(stderr, "usage: without CALL PROGRAM ARGUMENT...\n");
		return 2;
	}
	if (forgo(call->number) != 0) {
		perror("without");
		return 1;
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 1;
}
