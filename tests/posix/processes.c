/* SPDX-License-Identifier: Apache-2.0 */
/* processes.c - several processes at one file. */
#include "config.h"

#include "posix.h"

#include <signal.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/wait.h>

/* The status with which FUNCTION ends in a process of its own. */
static int in_child(int (*function)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(function());
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int try_record_lock(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 5, .l_len = 10 };
	int fd = open("f", O_RDWR);

	return fcntl(fd, F_SETLK, &lock) == 0 ? 0 : errno;
}

static int try_other_record(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 10 };
	int fd = open("f", O_RDWR);

	return fcntl(fd, F_SETLK, &lock) == 0 ? 0 : errno;
}

static int who_locks(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 0 };
	int fd = open("f", O_RDWR);

	return fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type == F_WRLCK && lock.l_pid == getppid() &&
	       lock.l_start == 0 && lock.l_len == 10 ? 0 : 1;
}

static int try_flock(void)
{
	int fd = open("f", O_RDWR);

	return flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
}

static void subject_locks(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10 };

	posix_put("f", "x");
	int fd = open("f", O_RDWR);
	OK(fcntl(fd, F_SETLK, &lock));
	CHECK(in_child(try_record_lock) == EAGAIN);
	CHECK(in_child(try_other_record) == 0);
	CHECK(in_child(who_locks) == 0);
	lock.l_type = F_UNLCK;
	OK(fcntl(fd, F_SETLK, &lock));
	CHECK(in_child(try_record_lock) == 0);
	OK(flock(fd, LOCK_SH));
	CHECK(in_child(try_flock) == EWOULDBLOCK);
	OK(flock(fd, LOCK_UN));
	CHECK(in_child(try_flock) == 0);
	lock.l_type = F_WRLCK;
	OK(fcntl(fd, F_OFD_SETLK, &lock));
	CHECK(in_child(try_record_lock) == EAGAIN);
	OK(close(fd));
	CHECK(in_child(try_record_lock) == 0);
}

/* Waits for the lock that its parent holds, and has it when that goes. */
static void subject_waiting_locks(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd, status, ready[2];
	char byte;

	posix_put("f", "x");
	fd = open("f", O_RDWR);
	OK(fcntl(fd, F_SETLK, &lock));
	OK(pipe(ready));
	pid_t pid = fork();
	if (pid == 0) {
		int own = open("f", O_RDWR);
		bool told = write(ready[1], "", 1) == 1;
		_exit(told && fcntl(own, F_SETLKW, &lock) == 0 && pread(own, &byte, 1, 0) == 1 && byte == 'y' ? 0 : 1);
	}
	CHECK(read(ready[0], &byte, 1) == 1);
	posix_tick();
	CHECK(pwrite(fd, "y", 1, 0) == 1);
	lock.l_type = F_UNLCK;
	OK(fcntl(fd, F_SETLK, &lock));
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	/* A lock goes with the process that has it. */
	pid = fork();
	if (pid == 0) {
		lock.l_type = F_WRLCK;
		_exit(fcntl(open("f", O_RDWR), F_SETLK, &lock) == 0 ? 0 : 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	lock.l_type = F_WRLCK;
	OK(fcntl(fd, F_SETLK, &lock));
	OK(close(fd));
}

enum { WRITERS = 4, LINES = 200, LINE_LEN = 32 };

static void write_lines(int writer)
{
	char line[LINE_LEN + 1];
	int fd = open("log", O_WRONLY | O_APPEND);

	for (int i = 0; i < LINES; i++) {
		snprintf(line, sizeof line, "%d %*d\n", writer, LINE_LEN - 3, i);
		if (write(fd, line, LINE_LEN) != LINE_LEN)
			_exit(1);
	}
	_exit(0);
}

static void subject_append_by_many(void)
{
	unsigned seen[WRITERS] = { 0 }, torn = 0;
	int status;

	posix_put("log", "");
	for (int i = 0; i < WRITERS; i++)
		if (fork() == 0)
			write_lines(i);
	for (int i = 0; i < WRITERS; i++)
		CHECK(wait(&status) > 0 && status == 0);
	CHECK(posix_stat("log").st_size == WRITERS * LINES * LINE_LEN);
	FILE *file = fopen("log", "r");
	char line[LINE_LEN * 2];
	while (file && fgets(line, sizeof line, file)) {
		int writer, number;
		bool whole = strlen(line) == LINE_LEN && sscanf(line, "%d %d", &writer, &number) == 2 &&
		             writer >= 0 && writer < WRITERS && (unsigned)number == seen[writer];
		torn += !whole;
		if (whole)
			seen[writer]++;
	}
	CHECK(torn == 0);
	if (file)
		fclose(file);
}

static void subject_inotify(void)
{
	char buffer[4096];
	int notify = inotify_init1(IN_NONBLOCK);

	OK(inotify_add_watch(notify, ".", IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_CLOSE_WRITE));
	posix_put("f", "x");
	OK(rename("f", "g"));
	OK(unlink("g"));
	ssize_t len = read(notify, buffer, sizeof buffer);
	uint32_t events = 0;
	for (ssize_t at = 0; at < len;) {
		const struct inotify_event *event = (const void *)(buffer + at);
		events |= event->mask;
		at += (ssize_t)(sizeof *event + event->len);
	}
	CHECK(events == (IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_CLOSE_WRITE));
	OK(close(notify));
}

const struct posix_subject posix_processes[] = {
	{ "locks", subject_locks }, { "waiting-locks", subject_waiting_locks }, { "append-by-many", subject_append_by_many }, { "inotify", subject_inotify },
	{ NULL, NULL },
};
