/* SPDX-License-Identifier: Apache-2.0 */
/*
 * posix.h - a suite of what system calls promise, by system call.  Each subject
 * runs in an empty directory of its own; what it prints is the same wherever the
 * promises are kept, so that two file systems can be compared line by line.
 */
#ifndef TESTS_POSIX_H
#define TESTS_POSIX_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Prints "ok N - SUBJECT: TEXT", or "not ok ..." with errno. */
bool posix_check(bool truth, const char *text);
#define CHECK(truth) posix_check((truth), #truth)
/* The call must not return a negative number. */
#define OK(call) (errno = 0, posix_check((call) >= 0, #call))
/* The call must fail with this errno. */
#define FAILS(error, call) (errno = 0, posix_check((call) < 0 && errno == (error), #call " is " #error))

enum { NOBODY = 65534, SOMEBODY = 65533 };
/* Calls FUNCTION in a process of UID and GID with no other groups. */
void posix_as(uid_t uid, gid_t gid, void (*function)(void));
bool posix_is_root(void);

struct stat posix_stat(const char *path);
mode_t posix_mode(const char *path);            /* without the type */
void posix_put(const char *path, const char *text);
bool posix_holds(const char *path, const char *text);
/* Lets the clock pass a tick. */
void posix_tick(void);
int64_t posix_ns(struct timespec time);
/* Which of a path's times changed since BEFORE: letters of "acm". */
const char *posix_changes(const char *path, const struct stat *before);
#define CHANGES(path, expected, call) do { \
	struct stat before_ = posix_stat(path); \
	posix_tick(); \
	bool done_ = (call) >= 0; \
	posix_check(done_ && strcmp(posix_changes(path, &before_), (expected)) == 0, \
	            #call " changes '" expected "' of " path); \
} while (0)

/* Name and function of each subject, ended by NULL. */
struct posix_subject {
	const char *name;
	void (*run)(void);
};
extern const struct posix_subject posix_names[], posix_permissions[], posix_content[], posix_space[],
	posix_attributes[], posix_processes[];

#endif
