/* SPDX-License-Identifier: Apache-2.0 */
/*
 * follow.c - what another process commits shows on a mount, though the kernel was
 * told that it may believe for long what it knows.
 *
 *     follow STORE MOUNT
 *
 * Each step has the kernel remember something, changes it through the library, and
 * looks again and again until it shows.  Files are held open: opening asks the daemon,
 * and so would show nothing but that asking works.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "srd.h"

/* Far below what the kernel was told, far above what it takes. */
/* Before Linux 6.16 a kernel believes for a minute in names that went with very many others. */
enum { PATIENCE_S = 90, PAGE = 4096, MANY = 300000 };

static srd_store *store;
static const char *mount;
static int failed;

static void say(bool ok, const char *what)
{
	printf("%s - %s\n", ok ? "ok" : "not ok", what);
	failed |= !ok;
}

static void die(const char *what, int error)
{
	printf("Bail out! %s: %s\n", what, srd_strerror(error));
	exit(99);
}

static const char *at(const char *key)
{
	static char path[2][4096];
	static int turn;

	turn = !turn;
	snprintf(path[turn], sizeof path[turn], "%s/%s", mount, key);
	return path[turn];
}

static void put(const char *key, const void *data, size_t len)
{
	int error = srd_put(store, key, strlen(key), data, len);

	if (error)
		die(key, error);
}

static void put_text(const char *key, const char *text)
{
	put(key, text, strlen(text));
}

static void must(int error, const char *what)
{
	if (error)
		die(what, error);
}

typedef bool look(void *user);

/* True if LOOK becomes true in time. */
static bool shows(look *look_at, void *user)
{
	time_t until = time(NULL) + PATIENCE_S;

	while (!look_at(user)) {
		if (time(NULL) > until)
			return false;
		sched_yield();
	}
	return true;
}

struct content {
	int fd;
	const char *expected;
};

static bool content_is(void *user)
{
	struct content *content = user;
	char got[256];
	ssize_t len = pread(content->fd, got, sizeof got, 0);

	return len == (ssize_t)strlen(content->expected) && memcmp(got, content->expected, (size_t)len) == 0;
}

static bool is_there(void *user)
{
	return access(user, F_OK) == 0;
}

static bool is_gone(void *user)
{
	return access(user, F_OK) != 0 && errno == ENOENT;
}

struct opening {
	const char *key;
	int fd;
};

static bool opens(void *user)
{
	struct opening *opening = user;

	opening->fd = open(at(opening->key), O_RDONLY);
	return opening->fd >= 0;
}

/* A name is seen in time, as all else is. */
static int open_file(const char *key)
{
	struct opening opening = { .key = key };

	if (!shows(opens, &opening))
		die(key, -errno);
	return opening.fd;
}

static void check_content(void)
{
	struct content content = { .expected = "first" };

	put_text("content", "first");
	content.fd = open_file("content");
	say(shows(content_is, &content), "a file as it was");
	put_text("content", "other");
	content.expected = "other";
	say(shows(content_is, &content), "other bytes in an open file");
	put_text("content", "other, and longer");
	content.expected = "other, and longer";
	say(shows(content_is, &content), "an open file that grew");
	put_text("content", "x");
	content.expected = "x";
	say(shows(content_is, &content), "an open file that shrank");
	close(content.fd);
}

static bool byte_is(void *user)
{
	volatile const char *const *byte = user;

	return **byte == 'b';
}

static void check_mapped(void)
{
	char page[2 * PAGE];

	memset(page, 'a', sizeof page);
	put("mapped", page, sizeof page);
	int fd = open_file("mapped");
	char *map = mmap(NULL, sizeof page, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		die("mmap", -errno);
	char *byte = map + PAGE + 7;
	bool before = *byte == 'a';
	page[PAGE + 7] = 'b';
	put("mapped", page, sizeof page);
	say(before && shows(byte_is, &byte), "other bytes in a mapped file");
	munmap(map, sizeof page);
	close(fd);
}

static void check_names(void)
{
	char path[4096];

	snprintf(path, sizeof path, "%s", at("dir/new"));
	put_text("dir/other", "");
	say(is_gone(path), "a name that is not there");
	put_text("dir/new", "x");
	say(shows(is_there, path), "a name where there was none");
	must(srd_delete(store, "dir/new", 7), "delete");
	say(shows(is_gone, path), "a name that went");
	put_text("dir/new", "x");
	say(shows(is_there, path), "a name that came back");
	must(srd_rename(store, "dir/new", 7, "dir/moved", 9), "rename");
	say(shows(is_gone, path), "the old name of what was renamed");
	snprintf(path, sizeof path, "%s", at("dir/moved"));
	say(shows(is_there, path), "its new name");
	must(srd_rename(store, "dir", 3, "elsewhere", 9), "rename");
	say(shows(is_gone, path), "a name in a directory that was renamed");
	snprintf(path, sizeof path, "%s", at("elsewhere/moved"));
	say(shows(is_there, path), "the same in its new place");
}

struct two {
	const char *path;
	ino_t ino;
};

static bool is_another(void *user)
{
	const struct two *two = user;
	struct stat st;

	return stat(two->path, &st) == 0 && st.st_ino != two->ino;
}

static void check_replaced(void)
{
	char path[4096];
	struct stat st;

	put_text("old", "old");
	put_text("fresh", "fresh");
	snprintf(path, sizeof path, "%s", at("old"));
	if (stat(path, &st) != 0)
		die(path, -errno);
	must(srd_rename(store, "fresh", 5, "old", 3), "rename");
	say(shows(is_another, &(struct two){ path, st.st_ino }), "what was renamed over a name");
}

struct expected_stat {
	int fd;
	mode_t mode;
	nlink_t nlink;
	off_t size;
};

static bool stat_is(void *user)
{
	const struct expected_stat *expected = user;
	struct stat st;

	return fstat(expected->fd, &st) == 0 && (st.st_mode & 07777) == expected->mode &&
	       st.st_nlink == expected->nlink && st.st_size == expected->size;
}

static void check_attributes(void)
{
	struct srd_stat wanted = { .mode = 0600 };

	put_text("attributes", "12345");
	must(srd_set_attr(store, "attributes", 10, &wanted, SRD_SET_MODE), "chmod");
	struct expected_stat expected = { .fd = open_file("attributes"), .mode = 0600, .nlink = 1, .size = 5 };
	say(shows(stat_is, &expected), "attributes as they were");
	wanted.mode = expected.mode = 0640;
	must(srd_set_attr(store, "attributes", 10, &wanted, SRD_SET_MODE), "chmod");
	say(shows(stat_is, &expected), "another mode");
	must(srd_link(store, "attributes", 10, "second", 6), "link");
	expected.nlink = 2;
	say(shows(stat_is, &expected), "one more link");
	put_text("second", "1234567");
	expected.size = 7;
	say(shows(stat_is, &expected), "another size, written by another name");
	must(srd_delete(store, "second", 6), "delete");
	must(srd_delete(store, "attributes", 10), "delete");
	expected.nlink = 0;
	say(shows(stat_is, &expected), "no link, and still open");
	char byte;
	say(pread(expected.fd, &byte, 1, 6) == 1 && byte == '7', "unlinked elsewhere, and still read");
	close(expected.fd);
}

/* More in one commit than is told one by one: the kernel has to doubt everything. */
static void check_many(void)
{
	char key[64], gone[4096], come[4096];
	struct content content = { .expected = "before" };
	srd_batch *batch;

	put_text("many-gone", "");
	put_text("many-content", "before");
	snprintf(gone, sizeof gone, "%s", at("many-gone"));
	snprintf(come, sizeof come, "%s", at("many-7"));
	content.fd = open_file("many-content");
	say(shows(is_there, gone) && is_gone(come) && shows(content_is, &content), "names and content before many changes");
	must(srd_batch_new(store, &batch), "batch");
	must(srd_batch_delete(batch, "many-gone", 9), "batch");
	must(srd_batch_put(batch, "many-content", 12, "after", 5), "batch");
	for (int i = 0; i < MANY; i++) {
		int len = snprintf(key, sizeof key, "many-%d", i);
		must(srd_batch_put(batch, key, (size_t)len, "", 0), "batch");
	}
	must(srd_batch_commit(batch), "batch");
	srd_batch_free(batch);
	content.expected = "after";
	say(shows(is_gone, gone), "after many changes, a name that went");
	say(shows(is_there, come), "after many changes, a name that came");
	say(shows(content_is, &content), "after many changes, other content");
	close(content.fd);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	mount = argv[2];
	must(srd_open(argv[1], 0, &store), argv[1]);
	check_content();
	check_mapped();
	check_names();
	check_replaced();
	check_attributes();
	check_many();
	must(srd_close(store), "close");
	return failed;
}
