/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fsworker - what a careful program does with files, and whether it was kept.
 *
 *     fsworker work DIR NOTE FIRST LAST [sync]
 *     fsworker check DIR LAST
 *
 * Change N writes file N % FILES anew (a temporary, rename over), and appends its
 * number to the file `log`; then says "change N" to NOTE.  With sync each file, and
 * the directory, has its fsync: the change is durable.  Without, it outlives a killed
 * daemon: what was closed is in the store.  check: change LAST and all before are
 * there, whole.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "step.h"

enum { FILES = 6, LINE_LEN = 16 };

struct worker {
	int dir, note;
	bool sync;
};

static struct step content_of(unsigned n)
{
	static const uint32_t lens[] = { 10, 5000, 70000, 300, 4096, 150000, 64 };

	return (struct step){ .len = lens[n % (sizeof lens / sizeof lens[0])], .fill = n };
}

static void name_of(unsigned n, char name[32])
{
	snprintf(name, 32, "file-%u", n % FILES);
}

static int fail(const char *what)
{
	fprintf(stderr, "fsworker: %s: %s\n", what, strerror(errno));
	return 1;
}

static int write_file(const struct worker *worker, const char *name, int flags, const void *bytes, size_t len)
{
	int fd = openat(worker->dir, name, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);

	if (fd < 0)
		return -1;
	int error = write(fd, bytes, len) == (ssize_t)len ? 0 : -1;
	if (!error && worker->sync)
		error = fsync(fd);
	return close(fd) != 0 ? -1 : error;
}

static int change(const struct worker *worker, unsigned n)
{
	struct step step = content_of(n);
	struct image bytes = { 0 };
	char name[32], line[LINE_LEN + 1];

	step_fill(&step, &bytes);
	name_of(n, name);
	snprintf(line, sizeof line, "%15u\n", n);
	int error = write_file(worker, ".new", O_TRUNC, bytes.bytes, bytes.len);
	image_release(&bytes);
	if (!error)
		error = renameat(worker->dir, ".new", worker->dir, name);
	if (!error && worker->sync)
		error = fsync(worker->dir);
	return error ? error : write_file(worker, "log", O_APPEND, line, LINE_LEN);
}

static int tell_note(const struct worker *worker, unsigned n)
{
	char text[32];
	int len = snprintf(text, sizeof text, "change %u\n", n);

	return write(worker->note, text, (size_t)len) == len ? 0 : -1;
}

/* What a change left that did not come to its end is done again. */
static int forget_behind(const struct worker *worker, unsigned last)
{
	int fd = openat(worker->dir, "log", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0)
		return -1;
	int error = ftruncate(fd, (off_t)last * LINE_LEN);
	return close(fd) != 0 ? -1 : error;
}

static int work(const char *path, const char *note, unsigned first, unsigned last, bool sync)
{
	struct worker worker = { .dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
	                         .note = open(note, O_WRONLY | O_APPEND | O_CLOEXEC), .sync = sync };

	if (worker.dir < 0 || worker.note < 0 || forget_behind(&worker, first - 1) != 0)
		return fail("cannot start");
	for (unsigned n = first; n <= last; n++) {
		if (change(&worker, n) != 0)
			return fail("change");
		if (tell_note(&worker, n) != 0)
			return fail("note");
	}
	close(worker.note);
	close(worker.dir);
	return 0;
}

/* ---- afterwards ---- */

static bool load(int dir, const char *name, struct image *image)
{
	struct stat st;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	bool good = fstat(fd, &st) == 0;
	if (good) {
		image_resize(image, (size_t)st.st_size);
		good = image->len == 0 || read(fd, image->bytes, image->len) == st.st_size;
	}
	close(fd);
	return good;
}

static bool is_content(const struct image *image, unsigned n)
{
	struct step step = content_of(n);
	struct image want = { 0 };

	step_fill(&step, &want);
	bool same = image->len == want.len && memcmp(image->bytes, want.bytes, want.len) == 0;
	image_release(&want);
	return same;
}

/* The file of change N is that, or of the one under way when it ended. */
static bool file_is_kept(int dir, unsigned n, unsigned last)
{
	struct image image = { 0 };
	char name[32];

	name_of(n, name);
	bool kept = load(dir, name, &image) &&
	            (is_content(&image, n) || (n + FILES == last + 1 && is_content(&image, n + FILES)));
	image_release(&image);
	if (!kept)
		printf("# %s is not what change %u made it\n", name, n);
	return kept;
}

/* Numbers from 1 to LAST, perhaps that of the change under way. */
static bool log_is_kept(int dir, unsigned last)
{
	struct image image = { 0 };
	char line[LINE_LEN + 1];
	unsigned n = 0;

	if (!load(dir, "log", &image))
		return last == 0;
	for (; (n + 1) * LINE_LEN <= image.len; n++) {
		snprintf(line, sizeof line, "%15u\n", n + 1);
		if (memcmp(image.bytes + n * LINE_LEN, line, LINE_LEN) != 0)
			break;
	}
	bool kept = n * LINE_LEN == image.len && n >= last && n <= last + 1;
	if (!kept)
		printf("# log: %u good lines of %zu bytes after change %u\n", n, image.len, last);
	image_release(&image);
	return kept;
}

static int check(const char *path, unsigned last)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool kept = true;

	if (dir < 0) {
		printf("# %s: %s\n", path, strerror(errno));
		return last > 0;
	}
	for (unsigned n = last; n > 0 && n + FILES > last; n--)
		kept &= file_is_kept(dir, n, last);
	kept &= log_is_kept(dir, last);
	close(dir);
	return !kept;
}

static unsigned number(const char *text)
{
	return (unsigned)strtoul(text, NULL, 10);
}

int main(int argc, char **argv)
{
	if (argc >= 6 && strcmp(argv[1], "work") == 0)
		return work(argv[2], argv[3], number(argv[4]), number(argv[5]), argc > 6);
	if (argc == 4 && strcmp(argv[1], "check") == 0)
		return check(argv[2], number(argv[3]));
	fprintf(stderr, "usage: fsworker work DIR NOTE FIRST LAST [sync] | check DIR LAST\n");
	return 2;
}
