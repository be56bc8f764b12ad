/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VALUE_MAX = 20000 };

/* A value's bytes tell which it is, each 8 of them. */
static size_t make(uint64_t value, char *bytes)
{
	size_t len = 8 + (value * 2654435761u >> 7) % (value % 16 ? 60 : VALUE_MAX - 8);

	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)(value >> 8 * (i % 8));
	return len;
}

/* A value that is nobody's is one of its own. */
static uint64_t value_of(const void *data, size_t len)
{
	char expected[VALUE_MAX];
	uint64_t value = 0;

	memcpy(&value, data, len < 8 ? len : 8);
	return len >= 8 && make(value, expected) == len && memcmp(expected, data, len) == 0 ? value : UINT64_MAX;
}

/* ---- The library ---- */

/* What came by a mount may lie in pieces. */
static uint64_t value_of_pieces(const srd_value *value, char *bytes)
{
	size_t len = 0;

	if (value->data || value->len > VALUE_MAX)
		return value->data ? value_of(value->data, value->len) : UINT64_MAX;
	for (int i = 0; i < value->iov_count; i++) {
		memcpy(bytes + len, value->iov[i].iov_base, value->iov[i].iov_len);
		len += value->iov[i].iov_len;
	}
	return value_of(bytes, len);
}

int client_read(srd_store *store, const char *name, uint64_t *number)
{
	char bytes[VALUE_MAX];
	srd_value value;
	int error = srd_get(store, name, strlen(name), &value);

	*number = 0;
	if (error)
		return error == -ENOENT ? 0 : error;
	*number = value_of_pieces(&value, bytes);
	srd_value_release(&value);
	return 0;
}

static int let_go(struct held *held)
{
	char bytes[VALUE_MAX];
	uint64_t number = held->number;

	if (!number)
		return 0;
	held->number = 0;
	if (held->fd < 0) {
		bool same = value_of_pieces(&held->value, bytes) == number;
		srd_value_release(&held->value);
		return same ? 0 : -EILSEQ;
	}
	/* It can be read, named or not; but the library puts other content into the same file. */
	int error = pread(held->fd, bytes, sizeof bytes, 0) < 0 ? -errno : 0;
	close(held->fd);
	return error;
}

int client_release(struct client *client)
{
	int error = 0;

	for (unsigned i = 0; i < CLIENT_HELD; i++) {
		int bad = let_go(&client->held[i]);
		error = error ? error : bad;
	}
	return error;
}

/* In the place of the oldest. */
static int hold(struct client *client, const struct held *held)
{
	struct held *place = &client->held[client->next_held++ % CLIENT_HELD];
	int error = let_go(place);

	*place = *held;
	return error;
}

static int get(struct client *client, const char *name, uint64_t *number)
{
	struct held held = { .fd = -1 };
	char bytes[VALUE_MAX];
	int error = srd_get(client->store, name, strlen(name), &held.value);

	*number = 0;
	if (error)
		return error == -ENOENT ? 0 : error;
	*number = held.number = value_of_pieces(&held.value, bytes);
	return hold(client, &held);
}

static int do_store(struct client *client, const char *name, struct event *event)
{
	srd_store *store = client->store;
	char bytes[VALUE_MAX];
	size_t len = strlen(name);
	int error;

	switch (event->kind) {
	case KIND_PUT:
		return srd_put(store, name, len, bytes, make(event->value, bytes));
	case KIND_GET:
		return get(client, name, &event->value);
	case KIND_DELETE:
		error = srd_delete(store, name, len);
		event->done = error == 0;
		return error == -ENOENT ? 0 : error;
	default:
		return -ENOSYS;
	}
}

/* ---- A mount ---- */

static int fill(const char *path, int flags, uint64_t value)
{
	char bytes[VALUE_MAX];
	size_t len = make(value, bytes);
	int fd = open(path, O_WRONLY | O_CREAT | flags, 0644);

	if (fd < 0)
		return -errno;
	int error = write(fd, bytes, len) == (ssize_t)len ? 0 : -EIO;
	return close(fd) != 0 ? -errno : error;
}

static int read_file(struct client *client, const char *path, uint64_t *value)
{
	struct held held = { .fd = open(path, O_RDONLY) };
	char bytes[VALUE_MAX];

	*value = 0;
	if (held.fd < 0)
		return errno == ENOENT ? 0 : -errno;
	ssize_t len = read(held.fd, bytes, sizeof bytes);
	if (len < 0) {
		int error = -errno;
		close(held.fd);
		return error;
	}
	*value = held.number = value_of(bytes, (size_t)len);
	return hold(client, &held);
}

static int do_file(struct client *client, const char *name, struct event *event)
{
	char path[512], other[512];
	int error;

	snprintf(path, sizeof path, "%s/%s", client->place, name);
	snprintf(other, sizeof other, "%s/.new-%d", client->place, client->id);
	switch (event->kind) {
	case KIND_PUT:
		error = fill(other, O_TRUNC, event->value);
		return error ? error : rename(other, path) == 0 ? 0 : -errno;
	case KIND_GET:
		return read_file(client, path, &event->value);
	case KIND_DELETE:
		error = unlink(path) == 0 ? 0 : -errno;
		event->done = error == 0;
		return error == -ENOENT ? 0 : error;
	default:
		/* A whole file, under its name only if there is none. */
		error = fill(other, O_TRUNC, event->value);
		if (!error)
			error = link(other, path) == 0 ? 0 : -errno;
		event->done = error == 0;
		unlink(other);
		return error == -EEXIST ? 0 : error;
	}
}

int client_do(struct client *client, const char *name, struct event *event)
{
	return client->store ? do_store(client, name, event) : do_file(client, name, event);
}

int client_snapshot(const struct client *client, const char *name)
{
	char path[512];

	if (client->store)
		return srd_snapshot_create(client->store, name);
	snprintf(path, sizeof path, "%s/.srd/snapshots/%s", client->place, name);
	return mkdir(path, 0755) == 0 ? 0 : -errno;
}
