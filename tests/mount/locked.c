/* SPDX-License-Identifier: Apache-2.0 */
/*
 * locked.c - locks itself in as a worker does, and then tries what a worker must not,
 * and what it must be able to.  Reports in TAP.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuse/sandbox.h"

static int files_fd;          /* of a file that was open before */
static int folder_fd;         /* of the folder it is in */
static const char *folder;

/* ---- What must fail ---- */

static long open_file(void) { return open("/etc/passwd", O_RDONLY); }
static long open_beside(void) { return openat(folder_fd, "beside", O_RDONLY); }
static long write_beside(void) { return openat(folder_fd, "beside", O_WRONLY); }
static long make_file(void) { return openat(folder_fd, "new", O_RDWR | O_CREAT, 0600); }
static long make_unnamed(void) { return openat(folder_fd, ".", O_RDWR | O_TMPFILE, 0600); }
static long open_folder(void) { return open("/", O_RDONLY | O_DIRECTORY); }
static long write_proc(void) { return open("/proc/self/oom_score_adj", O_WRONLY); }
static long read_other(void)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/mem", getppid());
	return open(path, O_RDONLY);
}
static long remove_file(void) { return unlinkat(folder_fd, "beside", 0); }
static long rename_file(void) { return renameat(folder_fd, "beside", folder_fd, "other"); }
static long link_file(void) { return linkat(folder_fd, "beside", folder_fd, "other", 0); }
static long make_folder(void) { return mkdirat(folder_fd, "new", 0700); }
static long set_mode(void) { return fchmodat(folder_fd, "beside", 0777, 0); }
static long make_setuid(void) { return fchmod(files_fd, 04755); }
static long run(void) { return execl("/bin/true", "true", (char *)NULL); }
static long fork_off(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid;
}
static long use_tcp(void) { return socket(AF_INET, SOCK_STREAM, 0); }
static long use_unix(void) { return socket(AF_UNIX, SOCK_STREAM, 0); }
static long pair_tcp(void) { int ends[2]; return socketpair(AF_INET, SOCK_STREAM, 0, ends); }
/* Whoever listens at a name, such as the system's log. */
static long send_by_name(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct iovec text = { .iov_base = (void *)"x", .iov_len = 1 };
	struct msghdr message = { .msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &text, .msg_iovlen = 1 };
	int ends[2];

	snprintf(to.sun_path, sizeof to.sun_path, "%s/listens", folder);
	return socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) == 0 ? sendmsg(ends[0], &message, 0) : -1;
}
static long trace(void) { return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL); }
static long signal_other(void) { return kill(getppid(), 0); }
static long signal_by_file(void) { return fcntl(files_fd, F_SETOWN, getppid()); }
static long choose_signal(void) { return fcntl(files_fd, F_SETSIG, 9); }
static long share_file(void) { return fchmod(files_fd, 0644); }
static long give_file(void) { return fchown(files_fd, 1, 1); }
static long bind_other(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	return sched_setaffinity(getppid(), sizeof set, &set);
}
static long be_root(void) { return setuid(0); }
static long mount_it(void) { return mount("none", folder, "tmpfs", 0, NULL); }
static long make_code(void)
{
	return (long)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static long use_ring(void) { return syscall(SYS_io_uring_setup, 1, NULL); }
static long use_bpf(void) { return syscall(SYS_bpf, 0, NULL, 0); }
static long talk_to_device(void) { return syscall(SYS_ioctl, files_fd, 0x5401, NULL); }

/* ---- What must succeed ---- */

static long read_status(void) { return open("/proc/self/status", O_RDONLY); }
static long write_file(void) { return pwrite(files_fd, "more", 4, 0); }
static long cut_file(void) { return ftruncate(files_fd, 2); }
static long sync_file(void) { return fdatasync(files_fd); }
static long bind_self(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof set, &set) == 0 ? sched_setaffinity(0, sizeof set, &set) : -1;
}
static long pair_unix(void) { int ends[2]; return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends); }
static long map_file(void) { return (long)mmap(NULL, 4096, PROT_READ, MAP_SHARED, files_fd, 0); }
static long stat_it(void) { struct stat st; return fstat(files_fd, &st); }

/* Waits for a request that never comes, as a worker's threads do. */
static void *sleeps(void *user)
{
	uint64_t count;

	if (read(*(int *)user, &count, sizeof count) < 0)
		return NULL;
	return user;
}

static long end_thread(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	pthread_t thread;
	void *result = NULL;

	if (fd < 0)
		return -1;
	errno = pthread_create(&thread, NULL, sleeps, &fd);
	if (errno == 0)
		errno = pthread_cancel(thread);
	if (errno == 0)
		errno = pthread_join(thread, &result);
	close(fd);
	return result == PTHREAD_CANCELED ? 0 : -1;
}

#define ENTRY(function) { #function, function }
static const struct attempt { const char *name; long (*make)(void); } forbidden[] = {
	ENTRY(open_file), ENTRY(open_beside), ENTRY(write_beside), ENTRY(make_file), ENTRY(make_unnamed),
	ENTRY(open_folder), ENTRY(write_proc), ENTRY(read_other), ENTRY(remove_file), ENTRY(rename_file),
	ENTRY(link_file), ENTRY(make_folder), ENTRY(set_mode), ENTRY(make_setuid), ENTRY(run), ENTRY(fork_off),
	ENTRY(use_tcp), ENTRY(use_unix), ENTRY(pair_tcp), ENTRY(send_by_name), ENTRY(trace), ENTRY(signal_other), ENTRY(signal_by_file),
	ENTRY(choose_signal), ENTRY(be_root), ENTRY(share_file), ENTRY(give_file), ENTRY(bind_other),
	ENTRY(mount_it), ENTRY(make_code), ENTRY(use_ring), ENTRY(use_bpf), ENTRY(talk_to_device),
}, needed[] = {
	ENTRY(read_status), ENTRY(write_file), ENTRY(cut_file), ENTRY(sync_file), ENTRY(bind_self), ENTRY(map_file),
	ENTRY(stat_it), ENTRY(pair_unix), ENTRY(end_thread),
};

enum { FORBIDDEN = sizeof forbidden / sizeof *forbidden, NEEDED = sizeof needed / sizeof *needed };

static bool report(int *number, const struct attempt *attempt, bool wanted)
{
	bool done = attempt->make() != -1;
	int error = errno;

	printf("%sok %d - %s%s\n", done == wanted ? "" : "not ", ++*number, attempt->name,
	       done ? "" : wanted ? ": fails" : "");
	if (done != wanted && !done)
		printf("# %s\n", strerror(error));
	return done == wanted;
}

static int listen_at_name(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	snprintf(at.sun_path, sizeof at.sun_path, "%s/listens", folder);
	return fd < 0 ? -1 : bind(fd, (struct sockaddr *)&at, sizeof at);
}

static int try_all(void)
{
	struct srd_sandbox sandbox;
	int number = 0, error = srd_sandbox_enter(&sandbox);
	bool good = true;

	if (error) {
		printf("Bail out! %s\n", strerror(-error));
		return 1;
	}
	if (!sandbox.landlock || !sandbox.seccomp) {
		printf("1..0 # SKIP no %s here\n", sandbox.landlock ? "seccomp" : "Landlock");
		return 0;
	}
	printf("1..%d\n", FORBIDDEN + NEEDED);
	for (int i = 0; i < FORBIDDEN; i++)
		good &= report(&number, &forbidden[i], false);
	for (int i = 0; i < NEEDED; i++)
		good &= report(&number, &needed[i], true);
	return good ? 0 : 1;
}

int main(int argc, char **argv)
{
	if (argc != 2 || (folder_fd = open(argv[1], O_RDONLY | O_DIRECTORY)) < 0 ||
	    (files_fd = openat(folder_fd, "file", O_RDWR | O_CREAT, 0600)) < 0 ||
	    close(openat(folder_fd, "beside", O_RDWR | O_CREAT, 0600)) != 0) {
		perror("locked");
		return 2;
	}
	folder = argv[1];
	if (listen_at_name() != 0) {
		perror("locked: listening");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 4096);
#ifdef SRD_SANITIZED
	printf("1..0 # SKIP sanitizers take more than a worker may\n");
	return 0;
#endif
	return try_all();
}
