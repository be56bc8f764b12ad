/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "inject.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

/* Protected by the mutex: keepers are at work beside us. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct injection plan;
static bool armed, lifted;
static unsigned calls, struck;
static int torn_error, cut_error;     /* what the next pwrite, ftruncate end in */

void inject_plan(const struct injection *injection)
{
	pthread_mutex_lock(&mutex);
	plan = *injection;
	calls = struck = 0;
	torn_error = cut_error = 0;
	lifted = false;
	pthread_mutex_unlock(&mutex);
}

void inject_arm(bool on)
{
	pthread_mutex_lock(&mutex);
	armed = on;
	pthread_mutex_unlock(&mutex);
}

unsigned inject_struck(void)
{
	pthread_mutex_lock(&mutex);
	unsigned count = struck;
	pthread_mutex_unlock(&mutex);
	return count;
}

void inject_lift(void)
{
	pthread_mutex_lock(&mutex);
	lifted = true;
	torn_error = cut_error = 0;
	pthread_mutex_unlock(&mutex);
}

/* True if this call is one to strike. */
static bool strikes(enum call call)
{
	bool hit = false;

	pthread_mutex_lock(&mutex);
	if (armed && !lifted && call == plan.call) {
		calls++;
		hit = plan.lasting ? calls >= plan.nth : calls == plan.nth;
		struck += hit;
	}
	pthread_mutex_unlock(&mutex);
	return hit;
}

/* Takes the error that waits in PENDING, 0: none does. */
static int take(int *pending)
{
	pthread_mutex_lock(&mutex);
	int error = armed ? *pending : 0;
	if (error)
		*pending = 0;
	pthread_mutex_unlock(&mutex);
	return error;
}

static int fails(enum call call)
{
	if (!strikes(call))
		return 0;
	errno = plan.error;
	return -plan.error;
}

/* ---- struct srd_io ---- */

static ssize_t inject_pread(const struct srd_io *io, int fd, void *data, size_t len, uint64_t offset)
{
	if (strikes(CALL_PREAD)) {
		if (plan.manner == MANNER_FAIL)
			return -plan.error;
		len = len / 2 + len % 2;
	}
	return srd_io_posix.pread(io, fd, data, len, offset);
}

static ssize_t write_half(int fd, const struct iovec *iov, int count, uint64_t offset)
{
	struct iovec half = iov[0];

	if (count == 1)
		half.iov_len = half.iov_len / 2 + half.iov_len % 2;
	return srd_io_posix.pwritev(&srd_io_posix, fd, &half, 1, offset);
}

static ssize_t inject_pwritev(const struct srd_io *io, int fd, const struct iovec *iov, int count, uint64_t offset)
{
	int error = take(&torn_error);

	if (error)
		return -error;
	if (!strikes(CALL_PWRITE))
		return srd_io_posix.pwritev(io, fd, iov, count, offset);
	if (plan.manner == MANNER_FAIL)
		return -plan.error;
	pthread_mutex_lock(&mutex);
	torn_error = plan.manner == MANNER_SHORT ? 0 : plan.error;
	cut_error = plan.manner == MANNER_TORN_UNCUT ? EIO : 0;
	pthread_mutex_unlock(&mutex);
	return write_half(fd, iov, count, offset);
}

static int inject_fdatasync(const struct srd_io *io, int fd)
{
	int error = fails(CALL_FDATASYNC);

	return error ? error : srd_io_posix.fdatasync(io, fd);
}

static int inject_ftruncate(const struct srd_io *io, int fd, uint64_t size)
{
	int error = fails(CALL_FTRUNCATE);

	if (!error)
		error = -take(&cut_error);
	return error ? error : srd_io_posix.ftruncate(io, fd, size);
}

static int inject_find(const struct srd_io *io, const char *path, int *dir_fd, char **name)
{
	return srd_io_posix.find(io, path, dir_fd, name);
}

static int inject_open(const struct srd_io *io, int dir_fd, const char *name, int flags, unsigned mode)
{
	return srd_io_posix.open(io, dir_fd, name, flags, mode);
}

static int inject_unlink(const struct srd_io *io, int dir_fd, const char *name)
{
	return srd_io_posix.unlink(io, dir_fd, name);
}

static int inject_allocate(const struct srd_io *io, int fd, uint64_t offset, uint64_t len)
{
	int error = fails(CALL_ALLOCATE);

	return error ? error : srd_io_posix.allocate(io, fd, offset, len);
}

static int inject_rename(const struct srd_io *io, int dir_fd, const char *from, const char *to, unsigned flags)
{
	int error = fails(CALL_RENAME);

	return error ? error : srd_io_posix.rename(io, dir_fd, from, to, flags);
}

const struct srd_io inject_io = {
	.pread = inject_pread, .pwritev = inject_pwritev, .fdatasync = inject_fdatasync,
	.ftruncate = inject_ftruncate,
	.find = inject_find, .open = inject_open, .unlink = inject_unlink, .allocate = inject_allocate,
	.rename = inject_rename,
};

/* ---- the C library ---- */

#define REAL(type, name, ...) \
	type __real_##name(__VA_ARGS__); \
	type __wrap_##name(__VA_ARGS__); \
	type __wrap_##name(__VA_ARGS__)

REAL(void *, malloc, size_t size)
{
	return fails(CALL_MALLOC) ? NULL : __real_malloc(size);
}

REAL(void *, calloc, size_t count, size_t size)
{
	return fails(CALL_MALLOC) ? NULL : __real_calloc(count, size);
}

REAL(void *, realloc, void *old, size_t size)
{
	return fails(CALL_MALLOC) ? NULL : __real_realloc(old, size);
}

REAL(void *, aligned_alloc, size_t align, size_t size)
{
	return fails(CALL_MALLOC) ? NULL : __real_aligned_alloc(align, size);
}

REAL(char *, strdup, const char *text)
{
	return fails(CALL_MALLOC) ? NULL : __real_strdup(text);
}

REAL(char *, strndup, const char *text, size_t len)
{
	return fails(CALL_MALLOC) ? NULL : __real_strndup(text, len);
}

REAL(char *, realpath, const char *path, char *resolved)
{
	return fails(CALL_MALLOC) ? NULL : __real_realpath(path, resolved);
}

int __wrap_asprintf(char **text, const char *format, ...) __attribute__((format(printf, 2, 3)));
int __wrap_asprintf(char **text, const char *format, ...)
{
	va_list args;

	if (fails(CALL_MALLOC))
		return -1;
	va_start(args, format);
	int len = vasprintf(text, format, args);
	va_end(args);
	return len;
}

REAL(void *, mmap, void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
	return fails(CALL_MMAP) ? MAP_FAILED : __real_mmap(at, len, prot, flags, fd, offset);
}

REAL(int, mprotect, void *at, size_t len, int prot)
{
	return fails(CALL_MPROTECT) ? -1 : __real_mprotect(at, len, prot);
}

REAL(ssize_t, getrandom, void *to, size_t len, unsigned flags)
{
	return fails(CALL_RANDOM) ? -1 : __real_getrandom(to, len, flags);
}

REAL(int, pthread_create, pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *user)
{
	return fails(CALL_THREAD) ? plan.error : __real_pthread_create(thread, attr, start, user);
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	va_list args;

	if (fails(CALL_OPEN))
		return -1;
	va_start(args, flags);
	unsigned mode = flags & O_CREAT ? va_arg(args, unsigned) : 0;
	va_end(args);
	return __real_open(path, flags, mode);
}

int __real_openat(int dir, const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...)
{
	va_list args;

	if (fails(CALL_OPEN))
		return -1;
	va_start(args, flags);
	unsigned mode = flags & O_CREAT ? va_arg(args, unsigned) : 0;
	va_end(args);
	return __real_openat(dir, path, flags, mode);
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...)
{
	va_list args;

	va_start(args, command);
	void *argument = va_arg(args, void *);
	va_end(args);
	/* Of taking a lock, not of giving it back or asking. */
	if ((command == F_OFD_SETLK || command == F_OFD_SETLKW) &&
	    ((struct flock *)argument)->l_type != F_UNLCK && fails(CALL_LOCK))
		return -1;
	return __real_fcntl(fd, command, argument);
}
