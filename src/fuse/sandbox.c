/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fuse/sandbox.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "fuse/syscalls.h"

void srd_sandbox_hide_memory(void)
{
	struct rlimit none = { 0, 0 };

	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &none);
}

/* ---- Capabilities ---- */

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };

	return syscall(SYS_capset, &header, none) == 0 ? 0 : srd_errno();
}

/* ---- Landlock: by number, for headers older than the kernel ---- */

enum {
	SYS_CREATE_RULESET = 444, SYS_ADD_RULE, SYS_RESTRICT_SELF,
	GET_VERSION = 1, RULE_PATH_BENEATH = 1,
};
#define FS_READ_FILE (UINT64_C(1) << 2)

struct ruleset {
	uint64_t fs, net, scoped;
};

struct __attribute__((packed)) path_rule {
	uint64_t allowed;
	int32_t fd;
};

/* All that VERSION of Landlock can forbid; the bytes of RULESET that it knows. */
static size_t everything(long version, struct ruleset *ruleset)
{
	/* Bits of the file system by version: refer, truncate, -, ioctl on devices. */
	const unsigned bits = version >= 5 ? 16 : version >= 3 ? 15 : version == 2 ? 14 : 13;

	*ruleset = (struct ruleset){ .fs = (UINT64_C(1) << bits) - 1, .net = 3, .scoped = 3 };
	return version >= 6 ? sizeof *ruleset : version >= 4 ? 2 * sizeof ruleset->fs : sizeof ruleset->fs;
}

static int allow_reading(int ruleset, const char *path)
{
	SRD_AUTO_CLOSE int fd = open(path, O_PATH | O_CLOEXEC);
	struct path_rule rule = { .allowed = FS_READ_FILE, .fd = fd };

	if (fd < 0)
		return 0;   /* not there: then there is nothing to be read */
	return syscall(SYS_ADD_RULE, ruleset, RULE_PATH_BENEATH, &rule, 0) == 0 ? 0 : srd_errno();
}

/* *DONE: false if the kernel cannot. */
static int restrict_files(bool *done)
{
	struct ruleset all;
	long version = syscall(SYS_CREATE_RULESET, NULL, 0, GET_VERSION);

	*done = version > 0;
	if (!*done)
		return 0;
	size_t len = everything(version, &all);
	SRD_AUTO_CLOSE int ruleset = (int)syscall(SYS_CREATE_RULESET, &all, len, 0);
	if (ruleset < 0)
		return srd_errno();
	/* The groups of a caller, and the CPU it is on. */
	int error = allow_reading(ruleset, "/proc");
	if (!error && syscall(SYS_RESTRICT_SELF, ruleset, 0) != 0)
		error = srd_errno();
	return error;
}

int srd_sandbox_enter(struct srd_sandbox *sandbox)
{
	/* Threads end with the help of a library that is loaded when the first one does. */
	dlopen("libgcc_s.so.1", RTLD_NOW);
	/* Times that people write are local, and what that is is read from a file. */
	tzset();
	*sandbox = (struct srd_sandbox){ 0 };
	int error = drop_capabilities();
	if (!error && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		error = srd_errno();
	if (!error)
		error = restrict_files(&sandbox->landlock);
	if (!error)
		error = srd_syscalls_restrict(&sandbox->seccomp);
	return error;
}
