/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fuse/child.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "fuse/wire.h"
#include "fuse/worker.h"

static int move(int fd, int to)
{
	return dup3(fd, to, O_CLOEXEC) < 0 ? srd_errno() : 0;
}

/* Kernels before 5.9 have no call for that. */
int srd_child_close_from(unsigned first)
{
	if (syscall(SYS_close_range, first, ~0U, 0) == 0)
		return 0;
	DIR *dir = errno == ENOSYS ? opendir("/proc/self/fd") : NULL;
	if (!dir)
		return srd_errno();
	for (const struct dirent *entry; (entry = readdir(dir));) {
		int fd = atoi(entry->d_name);
		if (fd >= (int)first && fd != dirfd(dir))
			close(fd);
	}
	closedir(dir);
	return 0;
}

/* Leaves the child with what is its business.  NULL_FD: for the first three; -1: as they are. */
static int part(const struct srd_folder *of, int orders, int errands, int null_fd)
{
	int error = 0;

	/* Beyond reach of the low numbers first. */
	orders = fcntl(orders, F_DUPFD_CLOEXEC, 64);
	errands = fcntl(errands, F_DUPFD_CLOEXEC, 64);
	/* One that only stands for the folder: nothing can be changed by it. */
	int folder = openat(of->fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	folder = fcntl(folder, F_DUPFD_CLOEXEC, 64);
	if (orders < 0 || errands < 0 || folder < 0)
		return srd_errno();
	for (int fd = 0; null_fd >= 0 && fd <= 2 && !error; fd++)
		error = dup2(null_fd, fd) < 0 ? srd_errno() : 0;
	if (!error)
		error = move(orders, SRD_WORKER_ORDERS);
	if (!error)
		error = move(errands, SRD_WORKER_ERRANDS);
	if (!error)
		error = move(folder, SRD_WORKER_FOLDER);
	return error ? error : srd_child_close_from(SRD_WORKER_FD_END);
}

static int be_worker(struct srd_mount *mount, const struct srd_folder *folder, int orders, int errands, int null_fd)
{
	int error = part(folder, orders, errands, null_fd);

	if (!error && chdir("/") != 0)
		error = srd_errno();
	if (error)
		return EXIT_FAILURE;
	return srd_worker_run(mount, folder->name);
}

int srd_child_start(struct srd_child *child, struct srd_mount *mount, const struct srd_folder *folder)
{
	const bool quiet = !mount->options->debug;
	SRD_AUTO_CLOSE int null_fd = quiet ? open("/dev/null", O_RDWR | O_CLOEXEC) : -1;
	SRD_AUTO_CLOSE int its_orders = -1, its_errands = -1;
	int orders[2] = { -1, -1 }, errands[2] = { -1, -1 };
	int error = quiet && null_fd < 0 ? srd_errno() : srd_wire_pair(orders);

	if (!error)
		error = srd_wire_pair(errands);
	its_orders = orders[1];
	its_errands = errands[1];
	*child = (struct srd_child){ .orders = orders[0], .errands = errands[0] };
	if (!error)
		child->pid = fork();
	if (!error && child->pid < 0)
		error = srd_errno();
	if (!error && child->pid == 0)
		exit(be_worker(mount, folder, its_orders, its_errands, null_fd));
	if (error)
		srd_child_end(child);
	return error;
}

void srd_child_kill(const struct srd_child *child)
{
	if (child->pid > 0)
		kill(child->pid, SIGKILL);
}

void srd_child_end(struct srd_child *child)
{
	if (child->orders >= 0)
		close(child->orders);
	if (child->errands >= 0)
		close(child->errands);
	*child = (struct srd_child){ .orders = -1, .errands = -1 };
}
