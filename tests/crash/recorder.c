/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tell.h"

/* Call with the mutex held. */
static void add(struct recorder *recorder, const struct event *event)
{
	if (recorder->count == recorder->cap) {
		recorder->cap = recorder->cap ? recorder->cap * 2 : 64;
		recorder->events = realloc(recorder->events, recorder->cap * sizeof *recorder->events);
		if (!recorder->events)
			die("no memory");
	}
	recorder->events[recorder->count++] = *event;
}

static void add_locked(struct recorder *recorder, const struct event *event)
{
	pthread_mutex_lock(&recorder->mutex);
	add(recorder, event);
	pthread_mutex_unlock(&recorder->mutex);
}

/* True if this call comes too late. */
static bool is_dead(struct recorder *recorder)
{
	pthread_mutex_lock(&recorder->mutex);
	bool dead = recorder->mortal && recorder->lives == 0;
	recorder->lives -= recorder->mortal && !dead;
	pthread_mutex_unlock(&recorder->mutex);
	return dead;
}

enum { FILE_NONE = -1, FILE_CACHE = -2 };

static bool ends_with(const char *name, const char *end)
{
	size_t len = strlen(name), end_len = strlen(end);

	return len >= end_len && strcmp(name + len - end_len, end) == 0;
}

/* Of another store, if there is one, or a cache of this one. */
static bool is_cache(const struct recorder *recorder, const char *name)
{
	return (recorder->only && strncmp(name, recorder->only, strlen(recorder->only)) != 0) ||
	       strstr(name, ".idx") || ends_with(name, ".shm");
}

/* What NAME leads to. */
static int *slot_of(struct recorder *recorder, const char *name)
{
	if (ends_with(name, ".tmp"))
		return &recorder->temporary;
	return ends_with(name, ".new") || ends_with(name, ".part") ? &recorder->names.next : &recorder->names.store;
}

static void add_names(struct recorder *recorder)
{
	add(recorder, &(struct event){ .kind = EVENT_NAMES, .file = FILE_NONE, .names = recorder->names });
}

/* A name that leads nowhere gets a new file. */
static int file_named(struct recorder *recorder, const char *name)
{
	pthread_mutex_lock(&recorder->mutex);
	int *slot = slot_of(recorder, name);
	if (*slot < 0) {
		if (recorder->file_count == RECORDER_FILES_MAX)
			die("%s: too many files", name);
		*slot = recorder->file_count++;
		if (slot != &recorder->temporary)
			add_names(recorder);
	}
	int file = *slot;
	pthread_mutex_unlock(&recorder->mutex);
	return file;
}

/* By its descriptor a file is known afterwards. */
static int record_open(const struct srd_io *io, int dir_fd, const char *name, int flags, unsigned mode)
{
	struct recorder *recorder = io->user;

	if (flags & O_CREAT && is_dead(recorder))
		return -EIO;
	int fd = srd_io_posix.open(io, dir_fd, name, flags, mode);
	if (fd >= RECORDER_FDS_MAX)
		die("too many open files");
	if (fd >= 0)
		recorder->file_of[fd] = is_cache(recorder, name) ? FILE_CACHE : file_named(recorder, name);
	return fd;
}

/* Others may do something meanwhile. */
static void tell_next(struct recorder *recorder, int file, enum event_kind kind)
{
	if (recorder->on_next && file >= 0 && file == recorder->names.next)
		recorder->on_next(recorder->on_next_user, kind);
}

static ssize_t record_pread(const struct srd_io *io, int fd, void *data, size_t len, uint64_t offset)
{
	return srd_io_posix.pread(io, fd, data, len, offset);
}

/* The first LEN bytes of the vector. */
static uint8_t *gather(const struct iovec *iov, int count, size_t len)
{
	uint8_t *data = malloc(len ? len : 1);
	size_t done = 0;

	if (!data)
		die("no memory");
	for (int i = 0; i < count && done < len; i++) {
		size_t take = iov[i].iov_len < len - done ? iov[i].iov_len : len - done;
		memcpy(data + done, iov[i].iov_base, take);
		done += take;
	}
	return data;
}

/* What of one write there is room for. */
static ssize_t write_in_room(const struct recorder *recorder, int fd, const struct iovec *iov, int count,
                             uint64_t offset)
{
	size_t len = 0;

	for (int i = 0; i < count; i++)
		len += iov[i].iov_len;
	if (recorder->room == 0 || offset + len <= recorder->room)
		return srd_io_posix.pwritev(&srd_io_posix, fd, iov, count, offset);
	if (offset >= recorder->room)
		return -ENOSPC;
	len = recorder->room - offset;
	struct iovec part = { .iov_base = gather(iov, count, len), .iov_len = len };
	ssize_t put = srd_io_posix.pwritev(&srd_io_posix, fd, &part, 1, offset);
	free(part.iov_base);
	return put;
}

static ssize_t record_pwritev(const struct srd_io *io, int fd, const struct iovec *iov, int count, uint64_t offset)
{
	struct recorder *recorder = io->user;
	int file = recorder->file_of[fd];

	tell_next(recorder, file, EVENT_WRITE);
	if (is_dead(recorder))
		return -EIO;
	if (file == FILE_CACHE)
		return srd_io_posix.pwritev(io, fd, iov, count, offset);
	ssize_t put = write_in_room(recorder, fd, iov, count, offset);
	if (put > 0)
		add_locked(recorder, &(struct event){ .kind = EVENT_WRITE, .file = file, .offset = offset, .len = (size_t)put,
		                                      .data = gather(iov, count, (size_t)put) });
	return put;
}

static bool is_directory(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

static int record_fdatasync(const struct srd_io *io, int fd)
{
	struct recorder *recorder = io->user;
	bool dir = is_directory(fd);
	struct event event = { .kind = dir ? EVENT_SYNC_DIR : EVENT_SYNC,
	                       .file = dir ? FILE_NONE : recorder->file_of[fd] };
	int error = 0;

	tell_next(recorder, event.file, EVENT_SYNC);
	if (is_dead(recorder))
		return -EIO;
	if (event.file == FILE_CACHE)
		return 0;
	pthread_mutex_lock(&recorder->mutex);
	event.since = recorder->count;
	if (event.kind == EVENT_SYNC && recorder->syncs_to_fail > 0) {
		recorder->syncs_to_fail--;
		event.kind = EVENT_SYNC_FAILED;
		error = -EIO;
	}
	pthread_mutex_unlock(&recorder->mutex);
	if (!error)
		error = srd_io_posix.fdatasync(io, fd);
	if (!recorder->lies)
		add_locked(recorder, &event);
	return error;
}

static int record_ftruncate(const struct srd_io *io, int fd, uint64_t size)
{
	struct recorder *recorder = io->user;
	int file = recorder->file_of[fd];

	if (is_dead(recorder))
		return -EIO;
	int error = srd_io_posix.ftruncate(io, fd, size);
	if (!error && file != FILE_CACHE)
		add_locked(recorder, &(struct event){ .kind = EVENT_TRUNCATE, .file = file, .offset = size });
	return error;
}

static int record_punch(const struct srd_io *io, int fd, uint64_t offset, uint64_t len)
{
	struct recorder *recorder = io->user;
	int file = recorder->file_of[fd];

	if (is_dead(recorder))
		return -EIO;
	int error = srd_io_posix.punch(io, fd, offset, len);
	if (error || file == FILE_CACHE)
		return error;
	struct event event = { .kind = EVENT_WRITE, .file = file, .offset = offset, .len = len, .punch = true,
	                       .data = calloc(1, len) };
	if (!event.data)
		die("no memory");
	add_locked(recorder, &event);
	return 0;
}

static void keep_index(struct recorder *recorder, int dir_fd, const char *name)
{
	struct recorded_index *index = &recorder->indexes[recorder->index_count];
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	off_t len = lseek(fd, 0, SEEK_END);

	if (fd < 0 || len < 0 || recorder->index_count == RECORDER_INDEXES_MAX)
		die("%s: cannot be kept", name);
	image_resize(&index->bytes, (size_t)len);
	if (pread(fd, index->bytes.bytes, (size_t)len, 0) != len)
		die("%s: cannot be read", name);
	close(fd);
	pthread_mutex_lock(&recorder->mutex);
	index->since = recorder->count;
	recorder->index_count++;
	pthread_mutex_unlock(&recorder->mutex);
}

/* TO leads to what FROM led to, which then leads nowhere; without FROM, so does TO. */
static void change_names(struct recorder *recorder, const char *from, const char *to)
{
	pthread_mutex_lock(&recorder->mutex);
	int *slot = slot_of(recorder, to), *old = from ? slot_of(recorder, from) : NULL;
	*slot = old ? *old : FILE_NONE;
	if (old)
		*old = FILE_NONE;
	if (slot != &recorder->temporary)
		add_names(recorder);
	pthread_mutex_unlock(&recorder->mutex);
}

static int record_rename(const struct srd_io *io, int dir_fd, const char *from, const char *to, unsigned flags)
{
	if (is_dead(io->user))
		return -EIO;
	int error = srd_io_posix.rename(io, dir_fd, from, to, flags);

	if (!error && ends_with(to, ".idx") && !((struct recorder *)io->user)->only)
		keep_index(io->user, dir_fd, to);
	else if (!error && !is_cache(io->user, to))
		change_names(io->user, from, to);
	return error;
}

static int record_unlink(const struct srd_io *io, int dir_fd, const char *name)
{
	if (is_dead(io->user))
		return -EIO;
	int error = srd_io_posix.unlink(io, dir_fd, name);

	if (!error && !is_cache(io->user, name))
		change_names(io->user, NULL, name);
	return error;
}

void recorder_restart(struct recorder *recorder, const struct image *base)
{
	pthread_mutex_lock(&recorder->mutex);
	for (size_t i = 0; i < recorder->count; i++)
		free(recorder->events[i].data);
	for (unsigned i = 0; i < RECORDER_FILES_MAX; i++)
		image_release(&recorder->bases[i]);
	recorder->count = 0;
	recorder->file_count = base != NULL;
	recorder->before = (struct names){ .store = base ? 0 : FILE_NONE, .next = FILE_NONE };
	recorder->names = recorder->before;
	recorder->temporary = FILE_NONE;
	if (base)
		image_copy(&recorder->bases[0], base);
	pthread_mutex_unlock(&recorder->mutex);
}

void recorder_init(struct recorder *recorder, const struct image *base)
{
	*recorder = (struct recorder){
		.io = { .pread = record_pread, .pwritev = record_pwritev, .fdatasync = record_fdatasync,
		        .ftruncate = record_ftruncate, .find = srd_io_posix.find, .open = record_open,
		        .unlink = record_unlink, .rename = record_rename, .punch = record_punch,
		        .user = recorder },
	};
	for (int fd = 0; fd < RECORDER_FDS_MAX; fd++)
		recorder->file_of[fd] = FILE_NONE;
	pthread_mutex_init(&recorder->mutex, NULL);
	recorder_restart(recorder, base);
}

void recorder_begin_with_next(struct recorder *recorder, const struct image *bytes)
{
	recorder->before.next = recorder->file_count++;
	recorder->names = recorder->before;
	image_copy(&recorder->bases[recorder->before.next], bytes);
}

void recorder_release(struct recorder *recorder)
{
	for (size_t i = 0; i < recorder->count; i++)
		free(recorder->events[i].data);
	for (unsigned i = 0; i < recorder->index_count; i++)
		image_release(&recorder->indexes[i].bytes);
	for (unsigned i = 0; i < RECORDER_FILES_MAX; i++)
		image_release(&recorder->bases[i]);
	free(recorder->events);
	pthread_mutex_destroy(&recorder->mutex);
}

void recorder_begin_with_index(struct recorder *recorder, const struct image *bytes)
{
	image_copy(&recorder->indexes[recorder->index_count++].bytes, bytes);
}

void recorder_promise(struct recorder *recorder, int commits)
{
	add_locked(recorder, &(struct event){ .kind = EVENT_PROMISE, .file = FILE_NONE, .commits = commits });
}

void recorder_fail_sync(struct recorder *recorder)
{
	pthread_mutex_lock(&recorder->mutex);
	recorder->syncs_to_fail++;
	pthread_mutex_unlock(&recorder->mutex);
}

/* What lies behind the end of a log gives way to a PAD record; then it is cut. */
static bool takes_place(const struct recorder *recorder, size_t i)
{
	uint64_t end = recorder->events[i].offset + recorder->events[i].len;
	int file = recorder->events[i].file;

	for (i++; i < recorder->count; i++) {
		const struct event *event = &recorder->events[i];
		if (event->file != file)
			continue;
		if (event->kind == EVENT_TRUNCATE)
			return event->offset == end;
		if (event->kind == EVENT_WRITE && event->offset + event->len > end)
			return false;
	}
	return false;
}

static bool only_appended_to(const struct recorder *recorder, int number)
{
	struct image file = { 0 };
	bool so = true;

	image_copy(&file, &recorder->bases[number]);
	for (size_t i = 0; i < recorder->count; i++) {
		const struct event *event = &recorder->events[i];
		if (event->file != number)
			continue;
		if (event->kind == EVENT_TRUNCATE)
			image_resize(&file, event->offset);
		if (event->kind != EVENT_WRITE)
			continue;
		bool again = event->offset + event->len <= file.len &&
		             memcmp(file.bytes + event->offset, event->data, event->len) == 0;
		so &= event->punch || again || event->offset == file.len || takes_place(recorder, i);
		image_write(&file, event->offset, event->data, event->len);
	}
	image_release(&file);
	return so;
}

bool recorder_only_appended(const struct recorder *recorder)
{
	bool so = true;

	for (int number = 0; number < recorder->file_count; number++)
		so &= only_appended_to(recorder, number);
	return so;
}
