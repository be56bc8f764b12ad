/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fsworker - what a careful program does with files, and whether it was kept.
 *
 *     fsworker work DIR NOTE CHANGES    in a mounted store; tells NOTE what is durable
 *     fsworker check STORE LAST         change number LAST, and all before, were durable
 *
 * Change N writes file N % FILES anew (a temporary, fsync, rename over, fsync of the
 * directory), and appends its number to the file `log`, with fsync.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "srd.h"
#include "step.h"

enum { FILES = 6, LINE_LEN = 16 };

static struct step content_of(unsigned n)
{
	static const uint32_t lens[] = { 10, 5000, 70000, 300, 4096, 150000, 64 };

	return (struct step){ .len = lens[n % (sizeof lens / sizeof lens[0])], .fill = n };
}

static int fail(const char *what)
{
	fprintf(stderr, "fsworker: %s: %s\n", what, strerror(errno));
	return 1;
}

/* Writes and syncs; 0 or -1. */
static int write_file(int dir, const char *name, int flags, const void *bytes, size_t len)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);

	if (fd < 0)
		return -1;
	int error = write(fd, bytes, len) != (ssize_t)len || fsync(fd) != 0 ? -1 : 0;
	close(fd);
	return error;
}

static int change(int dir, unsigned n)
{
	struct step step = content_of(n);
	struct image bytes = { 0 };
	char name[32], line[LINE_LEN + 1];

	step_fill(&step, &bytes);
	snprintf(name, sizeof name, "file-%u", n % FILES);
	snprintf(line, sizeof line, "%15u\n", n);
	int error = write_file(dir, ".new", O_TRUNC, bytes.bytes, bytes.len);
	image_release(&bytes);
	if (!error)
		error = renameat(dir, ".new", dir, name);
	if (!error)
		error = fsync(dir);
	return error ? error : write_file(dir, "log", O_APPEND, line, LINE_LEN);
}

static int work(const char *path, const char *note_path, unsigned changes)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int note = open(note_path, O_WRONLY | O_CLOEXEC);
	char text[32] = "start";

	if (dir < 0 || note < 0)
		return fail("cannot start");
	if (fsync(dir) != 0 || write(note, text, 6) != 6)
		return fail("cannot start");
	for (unsigned n = 1; n <= changes; n++) {
		if (change(dir, n) != 0)
			return fail("change");
		int len = snprintf(text, sizeof text, "%u", n) + 1;
		if (write(note, text, (size_t)len) != len)
			return fail("note");
	}
	close(note);
	close(dir);
	return 0;
}

/* ---- afterwards ---- */

static bool is_content(const srd_value *value, unsigned n)
{
	struct step step = content_of(n);
	struct image want = { 0 };
	size_t at = 0;
	bool same = value->len == step.len;

	step_fill(&step, &want);
	for (int i = 0; same && i < value->iov_count; at += value->iov[i++].iov_len)
		same = memcmp(want.bytes + at, value->iov[i].iov_base, value->iov[i].iov_len) == 0;
	image_release(&want);
	return same;
}

/* The file of change N is that, or of the one under way when the power went. */
static int check_file(srd_store *store, unsigned n, unsigned last)
{
	srd_value value;
	char key[32];

	snprintf(key, sizeof key, "file-%u", n % FILES);
	int error = srd_get(store, key, strlen(key), &value);
	if (error) {
		fprintf(stderr, "fsworker: %s of change %u: %s\n", key, n, srd_strerror(error));
		return 1;
	}
	bool good = is_content(&value, n) || (n + FILES == last + 1 && is_content(&value, n + FILES));
	srd_value_release(&value);
	if (!good)
		fprintf(stderr, "fsworker: %s is not what change %u made it\n", key, n);
	return !good;
}

/* Numbers from 1 on, to LAST at least. */
static int check_log(srd_store *store, unsigned last)
{
	srd_reader *reader;
	char line[LINE_LEN + 1] = "";
	unsigned n = 0;

	if (srd_reader_new(store, "log", 3, &reader) != 0)
		return last > 0;
	while (srd_reader_read(reader, line, LINE_LEN) == LINE_LEN && strtoul(line, NULL, 10) == n + 1)
		n++;
	uint64_t size = srd_reader_size(reader);
	srd_reader_free(reader);
	bool good = n >= last && n <= last + 1 && size == (uint64_t)n * LINE_LEN;
	if (!good)
		fprintf(stderr, "fsworker: log: %u lines, %llu bytes, after change %u\n", n, (unsigned long long)size, last);
	return !good;
}

static int count_damage(void *user, const struct srd_event *event)
{
	*(unsigned *)user += event->type == SRD_EVENT_DAMAGE;
	return 0;
}

static int check(const char *path, unsigned last)
{
	srd_store *store;
	unsigned damage = 0;
	int bad = 0, error = srd_open(path, 0, &store);

	if (error) {
		fprintf(stderr, "fsworker: %s: %s\n", path, srd_strerror(error));
		return 1;
	}
	for (unsigned n = last; n > 0 && n + FILES > last; n--)
		bad |= check_file(store, n, last);
	bad |= check_log(store, last);
	error = srd_scan(store, SRD_SCAN_PAYLOAD, count_damage, &damage);
	if (!error)
		error = srd_put(store, "after", 5, "x", 1);
	if (error || damage > 0)
		fprintf(stderr, "fsworker: %u damaged, %s\n", damage, srd_strerror(error));
	int closing = srd_close(store);
	return bad || error || damage > 0 || closing;
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "work") == 0)
		return work(argv[2], argv[3], (unsigned)strtoul(argv[4], NULL, 0));
	if (argc == 4 && strcmp(argv[1], "check") == 0)
		return check(argv[2], strcmp(argv[3], "start") == 0 ? 0 : (unsigned)strtoul(argv[3], NULL, 0));
	fprintf(stderr, "usage: fsworker work DIR NOTE CHANGES | check STORE LAST\n");
	return 2;
}
