/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - runs subjects in the current directory: all, or those named.
 *
 *     posix [SUBJECT...]
 */
#include "config.h"

#include "posix.h"

#include <grp.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

/* Shared with the processes that a subject starts. */
static struct progress {
	unsigned count, failed;
	char subject[32];
} *progress;

bool posix_check(bool truth, const char *text)
{
	int error = errno;

	progress->count++;
	progress->failed += !truth;
	printf("%s %u - %s: %s\n", truth ? "ok" : "not ok", progress->count, progress->subject, text);
	if (!truth)
		printf("# %s\n", strerror(error));
	fflush(stdout);
	return truth;
}

bool posix_is_root(void)
{
	return geteuid() == 0;
}

void posix_as(uid_t uid, gid_t gid, void (*function)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (setgroups(0, NULL) != 0 || setgid(gid) != 0 || setuid(uid) != 0)
			_exit(1);
		function();
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0)
		posix_check(false, "a process of another user ends well");
}

struct stat posix_stat(const char *path)
{
	struct stat st = { 0 };

	if (lstat(path, &st) != 0)
		posix_check(false, path);
	return st;
}

mode_t posix_mode(const char *path)
{
	return posix_stat(path).st_mode & 07777;
}

void posix_put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || close(fd) != 0)
		posix_check(false, path);
}

bool posix_holds(const char *path, const char *text)
{
	char buffer[4096];
	int fd = open(path, O_RDONLY);
	ssize_t len = read(fd, buffer, sizeof buffer);

	close(fd);
	return len == (ssize_t)strlen(text) && memcmp(buffer, text, (size_t)len) == 0;
}

int64_t posix_ns(struct timespec time)
{
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

void posix_tick(void)
{
	struct timespec start, now;

	clock_gettime(CLOCK_REALTIME_COARSE, &start);
	do {
		clock_gettime(CLOCK_REALTIME_COARSE, &now);
	} while (posix_ns(now) - posix_ns(start) < 12000000);
}

const char *posix_changes(const char *path, const struct stat *before)
{
	static char text[4];
	struct stat now = posix_stat(path);
	char *at = text;

	if (posix_ns(now.st_atim) != posix_ns(before->st_atim))
		*at++ = 'a';
	if (posix_ns(now.st_ctim) != posix_ns(before->st_ctim))
		*at++ = 'c';
	if (posix_ns(now.st_mtim) != posix_ns(before->st_mtim))
		*at++ = 'm';
	*at = 0;
	return text;
}

static bool is_wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return argc == 1;
}

static void run(const struct posix_subject *subject)
{
	snprintf(progress->subject, sizeof progress->subject, "%s", subject->name);
	if (mkdir(subject->name, 0755) != 0 || chdir(subject->name) != 0) {
		posix_check(false, "a directory of its own");
		return;
	}
	umask(022);
	subject->run();
	if (chdir("..") != 0)
		posix_check(false, "the way back");
}

int main(int argc, char **argv)
{
	static const struct posix_subject *const groups[] = {
		posix_names, posix_permissions, posix_content, posix_space, posix_attributes, posix_processes,
	};

	progress = mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (progress == MAP_FAILED)
		return 1;
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
		for (const struct posix_subject *subject = groups[i]; subject->name; subject++)
			if (is_wanted(subject->name, argc, argv))
				run(subject);
	printf("1..%u\n# %u failed\n", progress->count, progress->failed);
	return progress->failed > 0;
}
